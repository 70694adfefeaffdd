"""Slot paths: `2400/SV107-*`, `REF[F8]02`, `CAS/03..18+3`, `HI[01-1=ABK|BK]/01..12-1` against a guide.

Owns the path syntax of rules and its resolution from an anchor loop. Enclosing loops resolve to the loops on the way
up and to their direct children, never into sibling hierarchical levels; `/BGN08` begins at the transaction set.
"""

import re
from dataclasses import dataclass

from gateway.definitions.guides.model import Guide, Loop, LoopChild, Segment

_SEGMENT = re.compile(
    r"(?P<id>[A-Z][A-Z0-9]{1,2})(?:\[(?P<conditions>[^\]]*)\])?(?:(?P<element>\d\d)(?:-(?P<component>\d{1,2}|\*))?)?"
)
_RANGE = re.compile(r"(?P<first>\d\d)\.\.(?P<last>\d\d)(?:\+(?P<step>\d{1,2}))?(?:-(?P<component>\d{1,2}|\*))?")
_CONDITION = re.compile(r"(?:(?P<element>\d\d)(?:-(?P<component>\d{1,2}))?=)?(?P<codes>[^=]+)")
ANY_COMPONENT = 0
_STEP = re.compile(r"(?:\[[^\]]*\]|[^/\[])+")


@dataclass(frozen=True, slots=True)
class SlotCondition:
    """One element, or component of it, holds one of the codes. Positions from 1."""

    element: int
    component: int
    any_of: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SlotPath:
    """SlotPathTable of the native core: indices of the guide. No `elements` = the segment itself.

    `component` from 1; ANY_COMPONENT = every component.
    """

    base: int
    loops: tuple[int, ...]
    segments: tuple[int, ...]
    conditions: tuple[SlotCondition, ...]
    elements: tuple[int, ...]
    component: int


@dataclass(frozen=True, slots=True)
class _Parsed:
    loops: tuple[str, ...]
    from_set: bool
    segment: str
    conditions: tuple[SlotCondition, ...]
    elements: tuple[int, ...]
    component: int


def resolve(guide: Guide, anchor: Loop, text: str) -> SlotPath:
    """`text` as seen from `anchor`; raises ValueError that says what is not in the guide."""
    parsed = _parse(text)
    base, loops = _loops(guide, guide.loops[0] if parsed.from_set else anchor, parsed, text)
    last = loops[-1] if loops else base
    candidates = [(path, segment) for path, segment in _segments(guide, last) if segment.id == parsed.segment]
    fitting = [(path, segment) for path, segment in candidates if _may_fit(segment, parsed.conditions)]
    if not fitting:
        raise ValueError(f"{text}: no such segment in {guide.loop_path(last) or 'the transaction set'}")
    way = fitting[0][0]
    segments = [segment for path, segment in fitting if path == way]
    if len(segments) != len(fitting):
        raise ValueError(f"{text}: the segment is in several wrappers of the guide")
    if not any(_has_slot(segment, parsed) for segment in segments):
        raise ValueError(f"{text}: {parsed.segment} has no such element")
    return SlotPath(
        base=base,
        loops=(*loops, *way),
        segments=tuple(segment.index for segment in segments),
        conditions=tuple(
            condition
            for condition in parsed.conditions
            if not all(_is_implied(segment, condition) for segment in segments)
        ),
        elements=parsed.elements,
        component=parsed.component,
    )


def _parse(text: str) -> _Parsed:
    steps = _STEP.findall(text)
    elements: tuple[int, ...] = ()
    component = 1
    span = _RANGE.fullmatch(steps[-1]) if steps else None
    if span is not None:
        elements = tuple(range(int(span["first"]), int(span["last"]) + 1, int(span["step"] or 1)))
        component = _component(span["component"])
        steps.pop()
    segment = _SEGMENT.fullmatch(steps[-1]) if steps else None
    if segment is None or (span is not None and (segment["element"] is not None or not elements)):
        raise ValueError(f"{text}: is no path to a segment or element")
    if segment["element"] is not None:
        elements = (int(segment["element"]),)
        component = _component(segment["component"])
    conditions = tuple(_condition(part, text) for part in (segment["conditions"] or "").split(",") if part)
    return _Parsed(tuple(steps[:-1]), text.startswith("/"), segment["id"], conditions, elements, component)


def _component(text: str | None) -> int:
    return ANY_COMPONENT if text == "*" else int(text or 1)


def _condition(part: str, text: str) -> SlotCondition:
    match = _CONDITION.fullmatch(part.strip())
    if match is None:
        raise ValueError(f"{text}: {part} is no condition")
    return SlotCondition(
        int(match["element"] or 1), int(match["component"] or 1), tuple(match["codes"].strip().split("|"))
    )


def _loops(guide: Guide, anchor: Loop, parsed: _Parsed, text: str) -> tuple[int, tuple[int, ...]]:
    if not parsed.loops:
        return anchor.index, ()
    first, *rest = parsed.loops
    base, way = _first_step(guide, anchor, first, text)
    for step in rest:
        inner = _child(guide, way[-1] if way else base, step)
        if inner is None:
            raise ValueError(f"{text}: no loop {step} there")
        way = (*way, *inner)
    return base, way


def _first_step(guide: Guide, anchor: Loop, step: str, text: str) -> tuple[int, tuple[int, ...]]:
    """A child of the anchor, else an enclosing loop or a direct child of one, nearest first."""
    current: Loop | None = anchor
    while current is not None:
        inner = _child(guide, current.index, step)
        if inner is not None:
            return current.index, inner
        current = guide.enclosing(current.index)
        if current is not None and current.id == step:
            return current.index, ()
    raise ValueError(f"{text}: loop {step} is neither in {guide.loop_path(anchor.index)} nor around it")


def _child(guide: Guide, loop: int, wanted: str) -> tuple[int, ...] | None:
    """The way down to the child loop, wrappers included: the native core steps through them."""
    for child in guide.loops[loop].children:
        if isinstance(child, LoopChild):
            inner = guide.loops[child.index]
            if inner.id == wanted:
                return (inner.index,)
            if inner.wrapper:
                further = _child(guide, inner.index, wanted)
                if further is not None:
                    return (inner.index, *further)
    return None


def _segments(guide: Guide, loop: int) -> list[tuple[tuple[int, ...], Segment]]:
    """Segments of the loop, with the way through wrappers to each."""
    found: list[tuple[tuple[int, ...], Segment]] = []
    for child in guide.loops[loop].children:
        if not isinstance(child, LoopChild):
            found.append(((), guide.segments[child.index]))
        elif guide.loops[child.index].wrapper:
            found.extend(((child.index, *way), segment) for way, segment in _segments(guide, child.index))
    return found


def _may_fit(segment: Segment, conditions: tuple[SlotCondition, ...]) -> bool:
    for condition in conditions:
        part = segment.part(condition.element, condition.component)
        if part is None or (part.codes is not None and not set(part.codes.codes) & set(condition.any_of)):
            return False
    return True


def _is_implied(segment: Segment, condition: SlotCondition) -> bool:
    """The guide puts nothing else there: the segment was recognised by it."""
    key = segment.key
    return (
        key is not None
        and (key.element, key.component) == (condition.element, condition.component)
        and set(key.codes.codes) <= set(condition.any_of)
    )


def _has_slot(segment: Segment, parsed: _Parsed) -> bool:
    component = parsed.component or 1
    return all(segment.part(element, component) is not None for element in parsed.elements)
