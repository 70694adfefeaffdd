"""The spool port's promises, on every adapter."""

import random
from pathlib import Path

import pytest

from gateway.pipeline.ports import Spool
from gateway.stores.memory import MemorySpool
from gateway.stores.spool import FRAME_BYTES, FileSpools


@pytest.fixture(params=["memory", "file"])
def spool(request: pytest.FixtureRequest, tmp_path: Path) -> Spool:
    """Each adapter in turn."""
    return MemorySpool() if request.param == "memory" else FileSpools(tmp_path)()


def test_small_documents_are_read_where_they_were_written(spool: Spool) -> None:
    """Writing tells the place, reading takes it."""
    first, second = spool.write(b"<a/>"), spool.write(b"<bb/>")

    assert (first, second) == (0, 4)
    assert spool.read(4, 9) == b"<bb/>"
    assert spool.read(2, 6) == b"/><b"
    assert spool.read(3, 3) == b""


def test_any_range_of_many_megabytes(spool: Spool) -> None:
    """Pieces of any size, ranges across any of their ends, also while writing goes on."""
    chance = random.Random(7)  # noqa: S311 - the same pieces each time, no secret
    whole = bytearray()
    for size in (1, FRAME_BYTES - 1, 1, 3 * FRAME_BYTES + 5, 100, FRAME_BYTES, 2_000):
        piece = chance.randbytes(size)
        assert spool.write(piece) == len(whole)
        whole += piece

        for _ in range(20):
            start = chance.randrange(len(whole) + 1)
            end = chance.randrange(start, len(whole) + 1)
            assert spool.read(start, end) == whole[start:end]

    assert spool.read(0, len(whole)) == whole
    spool.close()


def test_file_has_no_name(tmp_path: Path) -> None:
    """A process that dies leaves nothing of a message behind."""
    spool = FileSpools(tmp_path)()
    spool.write(bytes(2 * FRAME_BYTES))

    assert list(tmp_path.iterdir()) == []
    spool.close()
