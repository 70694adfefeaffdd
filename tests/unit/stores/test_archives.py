"""The archive port's promises, on every adapter."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.model.exchange import ArchiveReference
from gateway.pipeline.ports import Archive, NotInArchive
from gateway.stores.archive import KeyRing, SegmentArchive
from gateway.stores.memory import MemoryArchive

MEGABYTE = 1 << 20


@pytest.fixture(params=["memory", "segments"])
async def archive(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Archive]:
    """Each adapter in turn."""
    if request.param == "memory":
        yield MemoryArchive()
        return
    segments = await SegmentArchive.open(
        tmp_path / "archive", lambda _error: None, keys=KeyRing.of(bytes(range(32))), segment_bytes=2 * MEGABYTE
    )
    yield segments
    await segments.close()


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    """A body as a transport gives it."""
    for part in parts:
        yield part


async def test_small_body_comes_back(archive: Archive) -> None:
    """What was appended is read."""
    reference = await archive.append(pieces(b"ISA*00*", b"", b"~"))

    assert b"".join(archive.read(reference)) == b"ISA*00*~"


async def test_empty_body_comes_back(archive: Archive) -> None:
    """Nothing is a body too."""
    reference = await archive.append(pieces())

    assert b"".join(archive.read(reference)) == b""


@pytest.mark.parametrize(
    ("start", "end"),
    [(0, 5), (3, 3), (MEGABYTE - 2, MEGABYTE + 2), (2 * MEGABYTE + 7, None), (0, None), (9 * MEGABYTE, None)],
)
async def test_range_of_a_body_of_many_chunks(archive: Archive, start: int, end: int | None) -> None:
    """Any range of a large body is found again."""
    body = b"".join(index.to_bytes(4, "big") for index in range(700_000))

    reference = await archive.append(pieces(*(body[at : at + 65_536] for at in range(0, len(body), 65_536))))

    assert b"".join(archive.read(reference, start, end)) == body[start:end]


async def test_chunks_are_bounded(archive: Archive) -> None:
    """A reader never holds more than 1 MB at once."""
    reference = await archive.append(pieces(bytes(3 * MEGABYTE + 1)))

    assert max(len(chunk) for chunk in archive.read(reference)) <= MEGABYTE


async def test_body_that_breaks_off_leaves_the_archive_usable(archive: Archive) -> None:
    """A sender that goes away midway takes nothing else with it."""

    async def broken() -> AsyncIterator[bytes]:
        yield bytes(2 * MEGABYTE)
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await archive.append(broken())
    reference = await archive.append(pieces(b"next"))

    assert b"".join(archive.read(reference)) == b"next"


async def test_unknown_reference_is_not_in_archive(archive: Archive) -> None:
    """A reference to nothing raises, naming the place."""
    with pytest.raises(NotInArchive):
        list(archive.read(ArchiveReference("000000000099", 0, 10)))
