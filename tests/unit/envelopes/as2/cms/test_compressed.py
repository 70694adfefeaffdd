"""CompressedData: what is written is read again, and nothing grows beyond its bounds."""

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.envelopes.as2.cms import (
    CmsError,
    CmsLimits,
    CompressedReader,
    CompressedWriter,
    DecompressionFailed,
    UnsupportedAlgorithm,
    der,
)
from tests.unit.envelopes.as2.cms.ber_encoder import recode
from tests.unit.envelopes.as2.cms.messages import compressed, read

CONTENT = b"".join(b"CLM*%d*%d***11:B:1*Y*A*Y*Y~\r\n" % (number, number * 7919) for number in range(4000))
SMALL = CmsLimits(inflated_bytes=1 << 20, inflated_free_bytes=1 << 16)


def _write(content: bytes, step: int) -> bytes:
    writer = CompressedWriter()
    pieces = [writer.update(content[start : start + step]) for start in range(0, len(content), step)]
    return b"".join((writer.begin(), *pieces, writer.finish()))


@pytest.mark.parametrize("size", [0, 1, 2000, len(CONTENT)])
def test_reads_what_it_wrote(size: int) -> None:
    """From nothing to several pieces."""
    content = CONTENT[:size]

    assert read(CompressedReader(), _write(content, 1000)) == content


@pytest.mark.parametrize("step", [1, 100, 4096, len(CONTENT)])
def test_the_same_content_gives_the_same_bytes(step: int) -> None:
    """What is packaged twice is equal, in whatever pieces."""
    assert _write(CONTENT, step) == _write(CONTENT, 65536)


@pytest.mark.parametrize("step", [None, 1, 7, 1000])
@pytest.mark.parametrize("piece_bytes", [None, 1, 1000])
@pytest.mark.parametrize("is_indefinite", [True, False])
def test_reads_every_form_in_chunks_of_every_size(
    step: int | None, piece_bytes: int | None, *, is_indefinite: bool
) -> None:
    """BER and DER, whole or in chunks down to single bytes."""
    message = recode(compressed(zlib.compress(CONTENT[:9000])), piece_bytes=piece_bytes, is_indefinite=is_indefinite)

    assert read(CompressedReader(), message, step) == CONTENT[:9000]


@given(st.lists(st.integers(0, 20000), max_size=30))
def test_chunks_make_no_difference(cuts: list[int]) -> None:
    """Cut anywhere."""
    message = _write(CONTENT, 1000)
    reader = CompressedReader()
    pieces = []
    start = 0
    for end in sorted({len(message), *(cut % len(message) for cut in cuts)}):
        pieces += reader.feed(memoryview(message)[start:end])
        start = end

    assert b"".join((*pieces, *reader.finish())) == CONTENT


def test_reads_a_small_content_whatever_its_ratio() -> None:
    """Blanks shrink a thousand times; that alone is no bomb."""
    blanks = b" " * SMALL.inflated_free_bytes

    assert read(CompressedReader(SMALL), compressed(zlib.compress(blanks, 9))) == blanks


@pytest.mark.parametrize("step", [None, 1, 100])
def test_refuses_a_content_that_grows_out_of_proportion(step: int | None) -> None:
    """Before it has grown: a bomb is not inflated to see how large it is."""
    bomb = compressed(zlib.compress(bytes(10 << 20), 9))

    with pytest.raises(DecompressionFailed, match="proportion"):
        read(CompressedReader(CmsLimits(inflated_free_bytes=1 << 16)), bomb, step)


def test_gives_no_more_than_is_allowed_before_it_refuses() -> None:
    """A bomb in single bytes: what came out is bounded at each step."""
    bomb = compressed(zlib.compress(bytes(10 << 20), 9))
    reader = CompressedReader(SMALL)
    given_bytes = 0
    with pytest.raises(DecompressionFailed):  # noqa: PT012 - counts what came before
        for at in range(len(bomb)):
            given_bytes += sum(map(len, reader.feed(bomb[at : at + 1])))

    assert given_bytes <= SMALL.inflated_free_bytes


def test_refuses_a_content_larger_than_allowed() -> None:
    """Though its ratio is that of any text."""
    with pytest.raises(DecompressionFailed, match="beyond what is allowed"):
        read(CompressedReader(CmsLimits(inflated_bytes=len(CONTENT) - 1)), _write(CONTENT, 1000))


@pytest.mark.parametrize(
    ("deflated", "said"),
    [
        (zlib.compress(CONTENT)[:-1], "too early"),
        (b"", "too early"),
        (zlib.compress(CONTENT) + b"x", "follows"),
        (zlib.compress(CONTENT)[:-4] + b"sum?", "damaged"),
        (b"no zlib at all", "damaged"),
        (zlib.compress(b"a") + zlib.compress(b"b"), "follows"),
    ],
)
@pytest.mark.parametrize("step", [None, 1])
def test_refuses_a_content_that_is_not_whole(deflated: bytes, said: str, step: int | None) -> None:
    """Cut, damaged, or with something behind it."""
    with pytest.raises(DecompressionFailed, match=said):
        read(CompressedReader(), compressed(deflated), step)


def test_refuses_another_algorithm() -> None:
    """RFC 3274 knows one."""
    with pytest.raises(UnsupportedAlgorithm, match=r"1\.2\.3 is not supported"):
        read(CompressedReader(), compressed(zlib.compress(CONTENT), der.identifier_octets("1.2.3")))


def test_refuses_another_type() -> None:
    """A message of another kind is not inflated."""
    message = compressed(zlib.compress(CONTENT))

    with pytest.raises(CmsError, match="another type"):
        read(CompressedReader(), message.replace(message[6:17], message[6:16] + b"\x0b"))
