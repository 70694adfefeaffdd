"""Strings of pieces as they stream by."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.envelopes.as2.cms import CmsError, der
from gateway.envelopes.as2.cms.ber import INDEFINITE, UNBOUNDED
from gateway.envelopes.as2.cms.octets import FREE_PIECES, LEAST_MEAN_PIECE_OCTETS, OctetsReader

PRIMITIVE = st.binary(max_size=300).map(lambda octets: (der.octet_string(octets), octets))


def _constructed(pieces: list[tuple[bytes, bytes]], *, is_indefinite: bool) -> tuple[bytes, bytes]:
    content = b"".join(encoded for encoded, _ in pieces)
    encoded = b"\x24\x80" + content + b"\0\0" if is_indefinite else der.element(0x24, content)
    return encoded, b"".join(octets for _, octets in pieces)


PIECES = st.recursive(
    PRIMITIVE,
    lambda inner: st.builds(
        lambda pieces, is_indefinite: _constructed(pieces, is_indefinite=is_indefinite),
        st.lists(inner, max_size=5),
        st.booleans(),
    ),
    max_leaves=12,
)


# Equal pieces in a row, as BouncyCastle writes them.
RUN = st.builds(lambda encoded, times: (encoded[0] * times, encoded[1] * times), PRIMITIVE, st.integers(2, 5))


def _feed(reader: OctetsReader, data: bytes, cuts: list[int]) -> bytes:
    found = bytearray()
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    for start, end in itertools.pairwise(places):
        if reader.is_over:
            break
        found += reader.feed(data[start:end])
    return bytes(found)


@given(st.lists(PIECES | RUN, max_size=6), st.booleans(), st.lists(st.integers(0, 5000), max_size=20))
def test_octets_are_the_same_in_whatever_pieces_and_chunks(
    pieces: list[tuple[bytes, bytes]],
    is_indefinite: bool,
    cuts: list[int],
) -> None:
    """Nested strings of definite and indefinite length, cut anywhere."""
    content = b"".join(encoded for encoded, _ in pieces)
    encoded = content + b"\0\0" if is_indefinite else content
    end = INDEFINITE if is_indefinite else len(content)
    whole = OctetsReader(end, UNBOUNDED, is_constructed=True)
    chunked = OctetsReader(end, UNBOUNDED, is_constructed=True)
    expected = b"".join(octets for _, octets in pieces)

    assert bytes(whole.feed(encoded)) == expected
    assert _feed(chunked, encoded, cuts) == expected
    assert whole.is_over
    assert whole.position == len(encoded)


def test_what_follows_the_string_is_given_back() -> None:
    """Primitive or of pieces."""
    primitive = OctetsReader(3, UNBOUNDED, is_constructed=False)
    of_pieces = OctetsReader(INDEFINITE, UNBOUNDED, is_constructed=True)

    assert bytes(primitive.feed(b"abcREST")) == b"abc"
    assert bytes(primitive.rest) == b"REST"
    assert bytes(of_pieces.feed(b"\x04\x03abc\0\0REST")) == b"abc"
    assert bytes(of_pieces.rest) == b"REST"


@pytest.mark.parametrize(
    "content",
    [
        b"\x05\x00",  # no string
        b"\x30\x80",
        b"\x04\x80",  # a primitive string of indefinite length
        b"\x00\x01",
        b"\x04\x89" + bytes(9),
        b"\x04\x88" + b"\xff" * 8,
        b"\x24\x04\x04\x05abcde",  # longer than the one around it
        b"\x24\x80" * 100,
        b"\x24\x02\x00\x00",  # an end mark in a string of definite length
    ],
)
def test_refuses_what_is_no_piece(content: bytes) -> None:
    """Whole or byte by byte."""
    with pytest.raises(CmsError):
        OctetsReader(INDEFINITE, UNBOUNDED, is_constructed=True).feed(content)
    reader = OctetsReader(INDEFINITE, UNBOUNDED, is_constructed=True)
    with pytest.raises(CmsError):
        _feed(reader, content, list(range(len(content))))


def test_refuses_a_string_beyond_the_element_around_it() -> None:
    """What the elements around leave to an indefinite length is a bound on each piece and on the end mark."""
    with pytest.raises(CmsError, match="longer"):
        OctetsReader(INDEFINITE, 6, is_constructed=True).feed(b"\x04\x05abcde\0\0")
    with pytest.raises(CmsError, match="longer"):
        OctetsReader(INDEFINITE, 6, is_constructed=True).feed(b"\x04\x03abc\0\0")


def test_refuses_a_piece_beyond_the_string_though_it_is_like_those_before() -> None:
    """The bound is kept in a run of equal pieces too."""
    run = der.octet_string(bytes(10)) * 3
    with pytest.raises(CmsError, match="longer"):
        OctetsReader(len(run) - 1, UNBOUNDED, is_constructed=True).feed(run)
    with pytest.raises(CmsError, match="longer"):
        OctetsReader(INDEFINITE, len(run) + 1, is_constructed=True).feed(run + b"\0\0")


def test_refuses_a_content_cut_into_crumbs() -> None:
    """Empty pieces without end cost time and give nothing."""
    crumbs = b"\x04\x00" * (FREE_PIECES * 2)
    with pytest.raises(CmsError, match="too small"):
        OctetsReader(INDEFINITE, UNBOUNDED, is_constructed=True).feed(crumbs)


def test_takes_pieces_of_one_line_each() -> None:
    """As products write them that flush at each line."""
    line = der.octet_string(bytes(LEAST_MEAN_PIECE_OCTETS))
    reader = OctetsReader(INDEFINITE, UNBOUNDED, is_constructed=True)

    assert len(reader.feed(line * FREE_PIECES * 2 + b"\0\0")) == FREE_PIECES * 2 * LEAST_MEAN_PIECE_OCTETS
    assert reader.is_over
