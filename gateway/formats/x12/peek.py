"""The first envelope of a message, before any of it is judged.

Owns finding ISA and GS in the first bytes. Must not judge them.
"""

from dataclasses import dataclass

from gateway.formats.x12.segments import ISA_SEARCH_BYTES, Delimiters, delimiters_of

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Peeked:
    """Elements with the segment id at index 0, trailing blanks kept; `gs` is None where it is not among the bytes."""

    isa: tuple[str, ...]
    gs: tuple[str, ...] | None


def peek(head: bytes) -> Peeked | None:
    """ISA and GS of the first bytes of a message (about 1 KB will do); None where there is no readable ISA."""
    if not head.startswith(b"ISA"):
        head = head.removeprefix(_BYTE_ORDER_MARK).lstrip(b" \t\r\n")
    delimiters = delimiters_of(head[:ISA_SEARCH_BYTES])
    if delimiters is None:
        return None
    elements = head[:ISA_SEARCH_BYTES].decode("latin-1").split(delimiters.element, 16)
    isa = (*elements[:16], delimiters.component)
    return Peeked(isa, _first_group(head, sum(map(len, isa)) + 16 + 1, delimiters))


def _first_group(head: bytes, begin: int, delimiters: Delimiters) -> tuple[str, ...] | None:
    """The first GS whose end is among the bytes; TA1 segments may lie before it."""
    terminator = delimiters.segment.encode("latin-1")
    beginning = f"GS{delimiters.element}".encode("latin-1")
    end = head.find(terminator, begin)
    while end >= 0:
        segment = head[begin:end].lstrip(b"\r\n")
        if segment.startswith(beginning):
            return tuple(segment.rstrip(b"\r\n").decode("latin-1").split(delimiters.element))
        begin, end = end + 1, head.find(terminator, end + 1)
    return None
