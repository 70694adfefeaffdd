"""Finds what paths name in a guide: loops around and below, segments by their conditions, elements and components.

Knows the guide alone; which rule asks, and whether a miss is a fault, is for `resolve`.
"""

from collections import deque
from dataclasses import dataclass
from functools import cached_property

from gateway.definitions.guides.model import Element, Guide, Loop, Segment, SegmentChild, Usage
from gateway.definitions.mapping.paths import Condition


class PlaceNotFoundError(LookupError):
    """The guide has no such place; says which and where it was looked for."""


@dataclass(frozen=True, slots=True)
class LoopRoute:
    """Up to `base`, down through `loops`."""

    base: int
    loops: tuple[int, ...]

    @property
    def target(self) -> int:
        """The loop it leads to."""
        return self.loops[-1] if self.loops else self.base


class GuidePlaces:
    """One guide, asked for places."""

    def __init__(self, guide: Guide) -> None:
        self.guide = guide

    @cached_property
    def context_loops(self) -> frozenset[int]:
        """Loops that hold items, are items or are hierarchical levels: each has documents of its own."""
        found = {loop.index for loop in self.guide.loops if self.is_hierarchical(loop.index)}
        for item in self.guide.item.loops if self.guide.item else ():
            loop: Loop | None = self.guide.loops[item]
            while loop is not None and loop.index != 0:
                found.add(loop.index)
                loop = self.guide.enclosing(loop.index)
        return frozenset(found)

    def is_hierarchical(self, loop: int) -> bool:
        """Whether its trigger is HL."""
        children = self.guide.loops[loop].children
        return (
            bool(children)
            and isinstance(children[0], SegmentChild)
            and self.guide.segments[children[0].index].id == "HL"
        )

    def around(self, loop: int) -> tuple[int, ...]:
        """The loop itself and those that enclose it, the set last; no wrappers."""
        found = [loop]
        enclosing = self.guide.enclosing(loop)
        while enclosing is not None:
            found.append(enclosing.index)
            enclosing = self.guide.enclosing(enclosing.index)
        return tuple(found)

    def label(self, loop: int) -> str:
        """The loop's path for messages."""
        return self.guide.loop_path(loop) or "the set"

    def route(self, start: int, names: tuple[str, ...]) -> LoopRoute:
        """The way from a loop to the loops named; raises PlaceNotFoundError."""
        if not names:
            return LoopRoute(start, ())
        first = self._first(start, names[0])
        loops = list(first.loops)
        at = first.target
        for name in names[1:]:
            below = self._below(at, name)
            if below is None:
                raise PlaceNotFoundError(f"{self.label(at)} has no loop {name} inside")
            loops.extend(below)
            at = loops[-1]
        return LoopRoute(first.base, tuple(loops))

    def _first(self, start: int, name: str) -> LoopRoute:
        if self.guide.loops[start].id == name:
            return LoopRoute(start, ())
        below = self._below(start, name)
        if below is not None:
            return LoopRoute(start, below)
        for base in self.around(start)[1:]:
            if self.guide.loops[base].id == name:
                return LoopRoute(base, ())
            for child in self.guide.child_loops(base):
                if child.id == name and not self.is_hierarchical(child.index):
                    return LoopRoute(base, (child.index,))
        raise PlaceNotFoundError(f"no loop {name} in {self.label(start)}, around it or beside its enclosing loops")

    def _below(self, start: int, name: str) -> tuple[int, ...] | None:
        queue: deque[tuple[int, tuple[int, ...]]] = deque([(start, ())])
        while queue:
            at, way = queue.popleft()
            for child in self.guide.child_loops(at):
                if child.id == name:
                    return (*way, child.index)
                if not self.is_hierarchical(child.index):
                    queue.append((child.index, (*way, child.index)))
        return None

    def repeats(self, loop: int) -> bool:
        """Whether the loop may occur more than once in its parent."""
        return self.guide.loops[loop].repeat != 1

    def segments(self, loop: int, name: str, conditions: tuple[Condition, ...]) -> tuple[Segment, ...]:
        """The uses of a segment that can meet the conditions; raises PlaceNotFoundError."""
        named = tuple(segment for segment in self.guide.child_segments(loop) if segment.id == name)
        if not named:
            raise PlaceNotFoundError(f"{self.label(loop)} has no segment {name}")
        found = tuple(segment for segment in named if all(self.allows(segment, on) for on in conditions))
        if not found:
            wanted = ", ".join(
                f"{on.element:02d}{f'-{on.component}' if on.component > 1 else ''}={'|'.join(on.any_of)}"
                for on in conditions
            )
            raise PlaceNotFoundError(f"{self.label(loop)} has no {name} with {wanted}")
        return found

    def allows(self, segment: Segment, on: Condition) -> bool:
        """Whether a value of the condition is possible in this use of the segment."""
        if segment.key is not None and (segment.key.element, segment.key.component) == (on.element, on.component):
            return any(value in segment.key.codes.codes for value in on.any_of)
        part = self.part(segment, on.element, on.component)
        return part is not None and (part.codes is None or any(value in part.codes.codes for value in on.any_of))

    def implies(self, segment: Segment, on: Condition) -> bool:
        """Whether every value that this use of the segment allows meets the condition."""
        key = segment.key
        if key is not None and (key.element, key.component) == (on.element, on.component):
            return set(key.codes.codes) <= set(on.any_of)
        part = self.part(segment, on.element, on.component)
        return (
            part is not None
            and part.usage is Usage.REQUIRED
            and part.codes is not None
            and set(part.codes.codes) <= set(on.any_of)
        )

    def part(self, segment: Segment, element: int, component: int) -> Element | None:
        """The element or component that may hold a value; None where the guide has none or forbids it."""
        if not 1 <= element <= len(segment.elements) or segment.elements[element - 1].usage is Usage.NOT_USED:
            return None
        found = segment.part(element, component)
        return None if found is None or found.usage is Usage.NOT_USED else found

    def element(self, segment: Segment, element: int) -> Element | None:
        """The whole element, simple or composite; None where the guide has none or forbids it."""
        if not 1 <= element <= len(segment.elements) or segment.elements[element - 1].usage is Usage.NOT_USED:
            return None
        return segment.elements[element - 1]
