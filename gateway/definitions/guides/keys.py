"""Finds the qualifier that tells one use of a segment from its competitors: REF01, HI01-1, HL03, PWK02.

Two uses compete where the same segment id may be read as either from the same place. A use without competitors gets
no key, so that a wrong code in it is reported as a wrong code and not as a segment out of place.
"""

from collections import defaultdict
from collections.abc import Iterator

from gateway.definitions.guides.draft import DraftElement, DraftLoop, DraftSegment
from gateway.definitions.guides.model import DataType, Usage

Position = tuple[int, int]


def find_keys(root: DraftLoop) -> dict[int, Position]:
    """`id(segment)` to (element, component) from 1, for every segment that needs one and has one."""
    competitors = _competitors(root)
    keys: dict[int, Position] = {}
    for segment in _segments(root):
        rivals = competitors.get(id(segment), {})
        if segment.key is not None:
            keys[id(segment)] = segment.key
        elif rivals:
            position = _distinguishing(segment, list(rivals.values()))
            if position is not None:
                keys[id(segment)] = position
    return keys


def coded_parts(segment: DraftSegment) -> Iterator[tuple[Position, DraftElement]]:
    """Elements and components that list their own codes, required ones first."""
    parts = list(_parts(segment))
    for wanted in (True, False):
        for position, part, required in parts:
            if required is wanted:
                yield position, part


def _parts(segment: DraftSegment) -> Iterator[tuple[Position, DraftElement, bool]]:
    for number, element in enumerate(segment.elements, 1):
        is_required = element.usage is Usage.REQUIRED
        if _lists_codes(element):
            yield (number, 1), element, is_required
        for component_number, component in enumerate(element.components, 1):
            if _lists_codes(component):
                required = is_required and component.usage is Usage.REQUIRED
                yield (number, component_number), component, required


def _lists_codes(element: DraftElement) -> bool:
    coded = element.data_type in {DataType.IDENTIFIER, DataType.TEXT}
    return coded and bool(element.codes) and element.external is None and element.usage is not Usage.NOT_USED


def _distinguishing(segment: DraftSegment, rivals: list[DraftSegment]) -> Position | None:
    """The first coded part whose codes no rival shares; else the one that fewest rivals share.

    None where every rival lists the very same codes everywhere: then only the order tells them apart.
    """
    best: tuple[int, Position] | None = None
    for position, part in coded_parts(segment):
        theirs = [_codes_at(rival, position) for rival in rivals]
        shared = sum(bool(codes is None or codes & set(part.codes)) for codes in theirs)
        tells_apart = any(codes is not None and codes != set(part.codes) for codes in theirs)
        if tells_apart and (best is None or shared < best[0]):
            best = (shared, position)
    return None if best is None else best[1]


def _codes_at(segment: DraftSegment, position: Position) -> set[str] | None:
    return next((set(part.codes) for at, part in coded_parts(segment) if at == position), None)


def _competitors(root: DraftLoop) -> dict[int, dict[int, DraftSegment]]:
    found: dict[int, dict[int, DraftSegment]] = defaultdict(dict)
    for reachable in _reachable(root, []):
        by_id: dict[str, list[DraftSegment]] = defaultdict(list)
        for segment in reachable:
            by_id[segment.id].append(segment)
        for rivals in by_id.values():
            for one in rivals:
                for other in rivals:
                    if one is not other:
                        found[id(one)][id(other)] = other
    return found


def _reachable(loop: DraftLoop, outer: list[tuple[DraftLoop, int]]) -> Iterator[list[DraftSegment]]:
    """For every place of the walk, what may come next: here, or in an enclosing loop from where we stand in it."""
    for position in sorted({child.position for child in loop.children}):
        reachable = list(_next_in(loop, position))
        for enclosing, from_position in outer:
            reachable.extend(_next_in(enclosing, from_position))
        if not loop.wrapper:  # a further instance of the same loop
            reachable.extend(_triggers(loop))
        yield list({id(segment): segment for segment in reachable}.values())
    for child in loop.children:
        if isinstance(child, DraftLoop):
            yield from _reachable(child, [(loop, child.position), *outer])


def _next_in(loop: DraftLoop, position: int) -> Iterator[DraftSegment]:
    for child in loop.children:
        if child.position >= position:
            if isinstance(child, DraftLoop):
                yield from _triggers(child)
            else:
                yield child


def _triggers(loop: DraftLoop) -> Iterator[DraftSegment]:
    first = loop.children[0]
    if isinstance(first, DraftSegment):
        yield first
        return
    for child in loop.children:
        if isinstance(child, DraftLoop):
            yield from _triggers(child)


def _segments(loop: DraftLoop) -> Iterator[DraftSegment]:
    for child in loop.children:
        if isinstance(child, DraftLoop):
            yield from _segments(child)
        else:
            yield child
