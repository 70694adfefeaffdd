"""One implementation guide as nouns: loops, segments, elements, code sets and the business item.

Flat and indexed like the native tables, so that an index means the same in both. Read by the table writer, the rule
compiler and the mapping compiler. Must not know pyx12's file format or the overlays.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class Usage(StrEnum):
    """Required, situational or not used."""

    REQUIRED = "R"
    SITUATIONAL = "S"
    NOT_USED = "N"


class DataType(StrEnum):
    """X12.6 data types; N stands for N0 to N9."""

    TEXT = "AN"
    IDENTIFIER = "ID"
    DECIMAL = "R"
    NUMERIC = "N"
    DATE = "DT"
    TIME = "TM"
    BINARY = "B"


@dataclass(frozen=True, slots=True)
class CodeSet:
    """The values that an element may have. `id` is for people: `states`, or the place of its first use."""

    id: str
    codes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Element:
    """A simple element, a composite (`components` not empty) or a component of one.

    `repeat`: 1 = no repetition, 0 = no limit. `format_by`: the position (from 1, beside it) of the qualifier that
    gives the format of this value, 0 = none. Lengths of a composite are 0.
    """

    data_element: str
    name: str
    usage: Usage
    data_type: DataType
    min_length: int
    max_length: int
    codes: CodeSet | None
    pattern: str | None
    repeat: int
    format_by: int
    components: tuple["Element", ...]


@dataclass(frozen=True, slots=True)
class Key:
    """The qualifier whose codes tell one use of a segment from its competitors; positions from 1."""

    element: int
    component: int
    codes: CodeSet


@dataclass(frozen=True, slots=True)
class SyntaxNote:
    """X12.6 section 3.7: P, R, E, C or L over element positions from 1."""

    kind: str
    elements: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Segment:
    """One use of a segment in a guide. `max_use`: 0 = no limit."""

    index: int
    id: str
    name: str
    parent: int
    usage: Usage
    max_use: int
    position: int
    key: Key | None
    elements: tuple[Element, ...]
    syntax: tuple[SyntaxNote, ...]

    def part(self, element: int, component: int = 1) -> Element | None:
        """The simple element or component at these positions (from 1), None where the guide has none."""
        if not 1 <= element <= len(self.elements):
            return None
        found = self.elements[element - 1]
        if not found.components:
            return found if component == 1 else None
        return found.components[component - 1] if 1 <= component <= len(found.components) else None


@dataclass(frozen=True, slots=True)
class LoopChild:
    """A loop inside a loop, by its index in the guide."""

    index: int


@dataclass(frozen=True, slots=True)
class SegmentChild:
    """A segment inside a loop, by its index in the guide."""

    index: int


Child = LoopChild | SegmentChild


@dataclass(frozen=True, slots=True)
class Loop:
    """One loop of a guide. `repeat`: 0 = no limit. A wrapper has no trigger segment and shows in no path."""

    index: int
    id: str
    name: str
    parent: int | None
    usage: Usage
    repeat: int
    position: int
    children: tuple[Child, ...]
    wrapper: bool


@dataclass(frozen=True, slots=True)
class Item:
    """The unit that can be rejected alone and becomes one document: a claim, a member."""

    kind: str
    loops: tuple[int, ...]
    context_name: str
    context_segments: tuple[int, ...]
    context_element: int


@dataclass(frozen=True, slots=True)
class Guide:
    """One guide from ST to SE; `loops[0]` is the transaction set."""

    id: str
    name: str
    transaction_set: str
    functional_group: str
    loops: tuple[Loop, ...]
    segments: tuple[Segment, ...]
    item: Item | None
    known_segments: tuple[str, ...]

    def child_loops(self, loop: int) -> Iterator[Loop]:
        """The loops directly inside, those of wrappers instead of the wrappers."""
        for child in self.loops[loop].children:
            if isinstance(child, LoopChild):
                if self.loops[child.index].wrapper:
                    yield from self.child_loops(child.index)
                else:
                    yield self.loops[child.index]

    def child_segments(self, loop: int) -> Iterator[Segment]:
        """The segments of the loop itself, then those directly in wrappers inside it."""
        for child in self.loops[loop].children:
            if isinstance(child, SegmentChild):
                yield self.segments[child.index]
            elif self.loops[child.index].wrapper:
                yield from self.child_segments(child.index)

    def enclosing(self, loop: int) -> Loop | None:
        """The nearest enclosing loop that is no wrapper; None for the transaction set."""
        parent = self.loops[loop].parent
        while parent is not None and self.loops[parent].wrapper:
            parent = self.loops[parent].parent
        return None if parent is None else self.loops[parent]

    def loop_path(self, loop: int) -> str:
        """`2000A/2000B/2300`; empty for the transaction set."""
        ids: list[str] = []
        current: Loop | None = self.loops[loop]
        while current is not None and current.index != 0:
            if not current.wrapper:
                ids.append(current.id)
            current = self.enclosing(current.index)
        return "/".join(reversed(ids))

    def loops_at(self, path: str) -> tuple[Loop, ...]:
        """Every loop whose path ends with `path` (`2300` finds both claims, `2000C/2300` one); "" is the set."""
        if path in {"", "/"}:
            return (self.loops[0],)
        wanted = "/" + path.strip("/")
        return tuple(
            loop for loop in self.loops if not loop.wrapper and f"/{self.loop_path(loop.index)}".endswith(wanted)
        )

    def segment_label(self, segment: int) -> str:
        """`2000A/2010AA/REF`: for messages, not unique."""
        found = self.segments[segment]
        path = self.loop_path(found.parent)
        return f"{path}/{found.id}" if path else found.id
