"""Going through BER: bounds hold whatever lengths are declared."""

import pytest

from gateway.envelopes.as2.cms import CmsError, der
from gateway.envelopes.as2.cms.ber import END, MAXIMUM_DEPTH, MAXIMUM_ELEMENTS, SEQUENCE, Cursor
from gateway.envelopes.as2.cms.errors import Truncated
from tests.unit.envelopes.as2.cms.ber_encoder import recode

INTEGERS = der.element(SEQUENCE, der.integer(1), der.element(SEQUENCE, der.integer(299)), der.octet_string(b"abc"))


@pytest.mark.parametrize("encoded", [INTEGERS, recode(INTEGERS), recode(INTEGERS, piece_bytes=2)])
def test_reads_definite_and_indefinite_forms_alike(encoded: bytes) -> None:
    """The form of a length and of a string makes no difference."""
    cursor = Cursor(encoded)
    cursor.enter(SEQUENCE)
    one = cursor.integer()
    cursor.enter(SEQUENCE)
    other = cursor.integer()
    cursor.leave()
    text = cursor.octets()
    cursor.leave()
    cursor.finish()

    assert (one, other, text) == (1, 299, b"abc")


@pytest.mark.parametrize("encoded", [INTEGERS, recode(INTEGERS), recode(INTEGERS, piece_bytes=1)])
def test_passes_over_an_element_with_all_that_it_holds(encoded: bytes) -> None:
    """What is passed over is given as it is encoded."""
    cursor = Cursor(encoded + der.integer(7))

    assert cursor.raw() == encoded
    assert cursor.integer() == 7


@pytest.mark.parametrize("encoded", [INTEGERS, recode(INTEGERS), recode(INTEGERS, piece_bytes=2)])
def test_says_of_every_beginning_that_it_is_truncated(encoded: bytes) -> None:
    """No beginning of an element is taken for the whole."""
    for size in range(len(encoded)):
        with pytest.raises(Truncated):
            Cursor(encoded[:size]).raw()


def test_a_huge_length_runs_out_of_bytes() -> None:
    """A declared length takes no memory."""
    with pytest.raises(Truncated):
        Cursor(b"\x04\x88\x0f" + b"\xff" * 7).read(0x04)


@pytest.mark.parametrize("length", [b"\x89" + b"\x01" * 9, b"\xff" + b"\x00" * 127, b"\x88" + b"\xff" * 8])
def test_refuses_a_length_that_no_message_has(length: bytes) -> None:
    """Lengths have up to eight octets and 62 bits."""
    with pytest.raises(CmsError, match="longer than"):
        Cursor(b"\x04" + length + bytes(200)).read(0x04)


def test_refuses_an_element_longer_than_the_one_around_it() -> None:
    """Nothing reaches beyond its element, though bytes are there."""
    cursor = Cursor(b"\x30\x03\x04\x05abcdef")
    cursor.enter(SEQUENCE)

    with pytest.raises(CmsError, match="longer than the one around it"):
        cursor.octets()


def test_refuses_an_end_mark_beyond_the_element_around_it() -> None:
    """An indefinite length ends within the definite one around it."""
    cursor = Cursor(b"\x30\x02\x30\x80\x00\x00")
    cursor.enter(SEQUENCE)
    cursor.enter(SEQUENCE)

    with pytest.raises(CmsError, match="not ended"):
        cursor.leave()


@pytest.mark.parametrize(
    "encoded", [b"\x04\x80abc\x00\x00", b"\x00\x00", b"\x1f\x81\x00\x01a", b"\x3f\x22\x00", b"\x30\x80\x00\x01"]
)
def test_refuses_what_is_no_element_of_cms(encoded: bytes) -> None:
    """Primitive elements of indefinite length, stray end marks and high tag numbers."""
    with pytest.raises(CmsError):
        Cursor(encoded).raw()


def test_nested_indefinite_lengths_are_bounded_in_depth() -> None:
    """A million open elements are refused at once, without recursion."""
    with pytest.raises(CmsError, match="deep"):
        Cursor(b"\x30\x80" * 1_000_000).skip()


def test_nested_strings_are_bounded_in_depth() -> None:
    """Pieces of pieces are refused at the same depth."""
    with pytest.raises(CmsError, match="deep"):
        Cursor(b"\x24\x80" * 1_000_000).octets()


def test_takes_the_greatest_depth() -> None:
    """The bound itself is allowed."""
    Cursor(b"\x30\x80" * MAXIMUM_DEPTH + b"\0\0" * MAXIMUM_DEPTH).skip()


def test_elements_are_bounded_in_number() -> None:
    """Many tiny elements cost more time than their bytes are worth."""
    with pytest.raises(CmsError, match="elements"):
        Cursor(b"\x30\x80" + b"\x05\x00" * MAXIMUM_ELEMENTS + b"\0\0").skip()


@pytest.mark.parametrize("encoded", [b"\x02\x00", b"\x02\x41" + bytes(65)])
def test_refuses_integers_of_no_octets_or_too_many(encoded: bytes) -> None:
    """An INTEGER has 1 to 64 octets."""
    with pytest.raises(CmsError, match="INTEGER"):
        Cursor(encoded).integer()


def test_refuses_to_leave_an_element_that_holds_more() -> None:
    """What the standard does not know is not passed over in silence."""
    cursor = Cursor(INTEGERS)
    cursor.enter(SEQUENCE)
    cursor.integer()

    with pytest.raises(CmsError, match="more than"):
        cursor.leave()


def test_an_element_ends_where_it_says() -> None:
    """Whatever follows it."""
    cursor = Cursor(der.element(SEQUENCE) + der.integer(1))
    cursor.enter(SEQUENCE)

    assert cursor.tag() == END
