"""Delimiters of an interchange and the writing of segments with them.

Owns how elements become bytes: separators, fixed ISA widths, trailing empty elements left out (X12.6 section
3.5). Must not know what any segment means.
"""

from collections.abc import Sequence
from dataclasses import dataclass

# ISA01 to ISA16 (X12.5 section 3.4): the only segment of fixed width.
ISA_WIDTHS = (2, 10, 2, 10, 2, 15, 2, 15, 6, 4, 1, 5, 9, 1, 1, 1)
_ISA_LENGTH = 106
# Longest header that is still searched for delimiters where the widths are wrong.
ISA_SEARCH_BYTES = 200


@dataclass(frozen=True, slots=True)
class Delimiters:
    """The four delimiters, one character each. `repetition` is empty before version 00402."""

    element: str = "*"
    component: str = ":"
    repetition: str = "^"
    segment: str = "~"

    @property
    def all(self) -> frozenset[str]:
        """Those in use."""
        return frozenset(filter(None, (self.element, self.component, self.repetition, self.segment)))

    @property
    def usable(self) -> bool:
        """Four distinct characters that no identifier or number can contain."""
        return len(self.all) == 4 and not any(mark.isalnum() or mark in " .-" for mark in self.all)


def delimiters_of(header: bytes) -> Delimiters | None:
    """The delimiters that an ISA declares; None where its sixteen elements cannot be told apart.

    `header` is the beginning of the interchange, up to `ISA_SEARCH_BYTES`. An ISA of the wrong width is read
    by counting separators. Source: X12.5 section 3.4, X12.6 section 3.2.
    """
    if len(header) < _ISA_LENGTH or not header.startswith(b"ISA"):
        return None
    element = header[3:4]
    elements = header[:ISA_SEARCH_BYTES].split(element, 16)
    if len(elements) < 17 or len(elements[16]) < 2 or element.isalnum():
        return None
    # ISA11 was the standards identifier `U` before the repetition separator came with version 00402.
    declared = elements[11][:1].decode("latin-1")
    return Delimiters(
        element=element.decode("latin-1"),
        component=elements[16][:1].decode("latin-1"),
        repetition="" if declared.isalnum() or not declared.strip() else declared,
        segment=elements[16][1:2].decode("latin-1"),
    )


def with_repetition(delimiters: Delimiters) -> Delimiters:
    """The same delimiters with a repetition separator, where the interchange declared none."""
    if delimiters.repetition:
        return delimiters
    free = next(mark for mark in "^!|\\`" if mark not in delimiters.all)
    return Delimiters(delimiters.element, delimiters.component, free, delimiters.segment)


def is_clean(value: str, delimiters: Delimiters) -> bool:
    """Whether a value may stand in an element as it is: graphic characters (X12.6 section 3.3), no delimiter."""
    # For ASCII `isprintable` is exactly the blank and the graphic characters.
    return (
        value.isascii()
        and value.isprintable()
        and delimiters.element not in value
        and delimiters.component not in value
        and delimiters.segment not in value
        and (not delimiters.repetition or delimiters.repetition not in value)
    )


class SegmentWriter:
    """Collects the segments of one interchange. An element is text, or a sequence of components."""

    def __init__(self, delimiters: Delimiters, line_end: str = "") -> None:
        self._delimiters = delimiters
        self._end = delimiters.segment + line_end
        self._segments: list[str] = []

    @property
    def count(self) -> int:
        """How many segments have been written."""
        return len(self._segments)

    def write(self, identifier: str, *elements: str | Sequence[str]) -> None:
        """One segment; trailing empty elements and components are left out."""
        values = [element if isinstance(element, str) else self._composite(element) for element in elements]
        while values and not values[-1]:
            values.pop()
        self._segments.append(self._delimiters.element.join((identifier, *values)))

    def write_isa(self, elements: Sequence[str]) -> None:
        """ISA01 to ISA15, padded to their widths; ISA16 is the component separator."""
        padded = [element[:width].ljust(width) for element, width in zip(elements, ISA_WIDTHS[:15], strict=True)]
        self._segments.append(self._delimiters.element.join(("ISA", *padded, self._delimiters.component)))

    def to_bytes(self) -> bytes:
        """All segments with their terminators."""
        return "".join(segment + self._end for segment in self._segments).encode("latin-1")

    def _composite(self, components: Sequence[str]) -> str:
        values = list(components)
        while values and not values[-1]:
            values.pop()
        return self._delimiters.component.join(values)
