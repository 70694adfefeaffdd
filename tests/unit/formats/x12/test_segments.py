"""Delimiters read from an ISA, and segments written with them."""

import pytest

from gateway.formats.x12.peek import peek
from gateway.formats.x12.segments import Delimiters, SegmentWriter, delimiters_of, is_clean, with_repetition

ISA = b"ISA*00*          *00*          *ZZ*SENDER         *ZZ*RECEIVER       *250301*1200*^*00501*000000101*0*T*:~"


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (ISA, Delimiters("*", ":", "^", "~")),
        (ISA.replace(b"*^*", b"*U*"), Delimiters("*", ":", "", "~")),
        (ISA.replace(b"*", b"\x1d").replace(b"~", b"\n"), Delimiters("\x1d", ":", "^", "\n")),
        (ISA.replace(b"SENDER         ", b"SENDER            "), Delimiters("*", ":", "^", "~")),
        (ISA[:50], None),
        (b"GS" + ISA, None),
        (b"ISA" + b"x" * 300, None),
    ],
)
def test_delimiters_of(header: bytes, expected: Delimiters | None) -> None:
    """From the fixed places, and by counting where the widths are wrong."""
    assert delimiters_of(header) == expected


def test_repetition_separator_is_found_free() -> None:
    """Where the interchange has none, one is taken that it does not use."""
    assert with_repetition(Delimiters("^", ":", "", "~")).repetition == "!"
    assert with_repetition(Delimiters()).repetition == "^"


@pytest.mark.parametrize(
    ("value", "expected"), [("DOE, JOHN", True), ("A*B", False), ("A\tB", False), ("\xe9", False), ("", True)]
)
def test_clean(value: str, expected: bool) -> None:
    """Graphic ASCII without delimiters."""
    assert is_clean(value, Delimiters()) is expected


def test_writer_leaves_out_what_is_empty_at_the_end() -> None:
    """Trailing empty elements and components are not written."""
    writer = SegmentWriter(Delimiters(), "\n")

    writer.write("IK4", ["5", "", ""], "", "7", "", "")
    writer.write("IK4", ["5", "", "2"], "1325", "7")

    assert writer.to_bytes() == b"IK4*5**7~\nIK4*5::2*1325*7~\n"


def test_peek() -> None:
    """ISA and the first GS of the first bytes; a mark and blanks before them do not matter."""
    head = b"\xef\xbb\xbf\r\n" + ISA + b"\r\nTA1*1~\nGS*HC*A*B*20250301*1200*77*X*005010X222A1~\nST*837"

    peeked = peek(head)

    assert peeked is not None
    assert (peeked.isa[6], peeked.isa[13], peeked.isa[16]) == ("SENDER         ", "000000101", ":")
    assert peeked.gs is not None
    assert peeked.gs[8] == "005010X222A1"


@pytest.mark.parametrize(("head", "expected"), [(b"<html>", None), (b"", None), (ISA[:80], None)])
def test_peek_at_something_else(head: bytes, expected: None) -> None:
    """None where there is no readable ISA."""
    assert peek(head) is expected


def test_peek_without_group() -> None:
    """A GS whose end has not come is not there."""
    peeked = peek(ISA + b"GS*HC*A")

    assert peeked is not None
    assert peeked.gs is None
