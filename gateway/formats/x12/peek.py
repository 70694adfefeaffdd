"""The first envelope of a message, before any of it is judged.

Owns finding ISA and GS in the first bytes. Must not judge them.
"""

from dataclasses import dataclass

from gateway.formats.x12.segments import ISA_SEARCH_BYTES, delimiters_of

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Peeked:
    """Elements with the segment id at index 0, trailing blanks kept; `gs` is None where it is not among the bytes."""

    isa: tuple[str, ...]
    gs: tuple[str, ...] | None


def peek(head: bytes) -> Peeked | None:
    """ISA and GS of the first bytes of a message (about 1 KB will do); None where there is no readable ISA."""
    text = head.removeprefix(_BYTE_ORDER_MARK).lstrip(b" \t\r\n")
    delimiters = delimiters_of(text[:ISA_SEARCH_BYTES])
    if delimiters is None:
        return None
    separator = delimiters.element.encode("latin-1")
    terminator = delimiters.segment.encode("latin-1")
    elements = text[:ISA_SEARCH_BYTES].split(separator, 16)
    isa = (*elements[:16], elements[16][:1])
    rest = text[sum(map(len, isa)) + 16 + 1 :]
    return Peeked(_decoded(isa), _first_group(rest, separator, terminator))


def _first_group(text: bytes, separator: bytes, terminator: bytes) -> tuple[str, ...] | None:
    """The first GS whose end is among the bytes; TA1 segments may lie before it."""
    segments = text.split(terminator)
    # The last piece has no terminator yet.
    for segment in segments[:-1]:
        elements = segment.strip(b"\r\n").split(separator)
        if elements[0] == b"GS":
            return _decoded(elements)
    return None


def _decoded(elements: list[bytes] | tuple[bytes, ...]) -> tuple[str, ...]:
    return tuple(element.decode("latin-1") for element in elements)
