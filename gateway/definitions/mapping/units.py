"""Turns one parsed path into the slot or the unit that it means in a guide, seen from where the rule stands.

Raises PathError where the path can never be right here and PlaceNotFoundError where this guide only lacks the place;
whether that is a fault is for `resolve`.
"""

from dataclasses import dataclass, replace
from typing import assert_never

from gateway.definitions.guides.model import Segment
from gateway.definitions.mapping import model
from gateway.definitions.mapping.claims import Claims
from gateway.definitions.mapping.paths import (
    ComponentStep,
    Condition,
    ElementStep,
    OffsetStep,
    Path,
    PathError,
    RangeStep,
    RepetitionStep,
    parse_path,
)
from gateway.definitions.mapping.places import GuidePlaces, LoopRoute, PlaceNotFoundError


@dataclass(frozen=True, slots=True)
class Scope:
    """Where the rules of an element run.

    `segments` is None on a loop. No path reaches above the loop `floor`; only a block directly under the item (whose
    loop is `item`, None in the set) still chooses its level. `place` names the element in messages.
    """

    loop: int
    segments: tuple[Segment, ...] | None
    part: model.Part
    floor: int
    item: int | None
    claims: Claims
    place: str


@dataclass(frozen=True, slots=True)
class FoundSlot:
    """A slot, the path it came from and the uses of the segment that it may be in."""

    slot: model.Slot
    path: Path
    segments: tuple[Segment, ...]


class UnitFinder:
    """Paths to slots and units in one guide."""

    def __init__(self, places: GuidePlaces) -> None:
        self.places = places

    def slot(self, text: str, scope: Scope) -> FoundSlot:
        """The one value that an attribute's path means."""
        path = parse_path(text)
        step = path.place
        if not isinstance(step, ElementStep | OffsetStep | ComponentStep):
            raise PathError(f'"{text}": an attribute needs one value: an element like 02 or a component like 05-3')
        if scope.segments is not None:
            if path.loops or path.segment:
                raise PathError(f'"{text}": inside a segment only positions of that segment can be named')
            segments = tuple(
                segment
                for segment in scope.segments
                if all(self._may_hold(segment, on, scope.part) for on in path.conditions)
            )
            place = self._place(path, step, segments, scope.part)
            return FoundSlot(model.Slot(None, place, path.conditions), path, segments)
        if not path.segment:
            raise PathError(f'"{text}": names no segment')
        found = self._route(path, scope)
        self._refuse_repeats(path, found.loops)
        segments = self.places.segments(found.target, path.segment, path.conditions)
        place = self._place(path, step, segments, model.Whole())
        return FoundSlot(model.Slot(_routed(found, segments, path.conditions), place, ()), path, segments)

    def unit(self, text: str, scope: Scope, *, many: bool, name: str) -> tuple[model.Unit, Scope]:
        """What an element is bound to, and the scope of the rules inside it."""
        path = parse_path(text)
        if path.codec.kind:
            raise PathError(f'"{text}": a unit has no codec')
        if scope.segments is not None:
            if path.loops or path.segment or path.conditions or path.place is None:
                raise PathError(f'"{text}": inside a segment only positions of that segment can be units')
            part = self._part(path, scope.segments, many=many)
            return model.Unit(None, part), replace(scope, part=part, place=name)
        scope = self._levelled(path, scope)
        found = self._route(path, scope)
        self._refuse_repeats(path, found.loops[:-1] if many and not path.segment else found.loops)
        if not path.segment:
            if many and not found.loops:
                raise PathError(f'"{text}": is the loop around; use from')
            unit = model.Unit(_routed(found, (), ()), model.Whole())
            return unit, replace(scope, loop=found.target, place=name)
        segments = self.places.segments(found.target, path.segment, path.conditions)
        part = model.Whole() if path.place is None else self._part(path, segments, many=many)
        claims = Claims(self.places) if many and path.place is None else scope.claims
        unit = model.Unit(_routed(found, segments, path.conditions), part)
        return unit, replace(scope, loop=found.target, segments=segments, part=part, claims=claims, place=name)

    def _levelled(self, path: Path, scope: Scope) -> Scope:
        """A block directly under the item may read an enclosing loop: that becomes its floor."""
        if scope.item is None or scope.loop != scope.item or scope.floor != scope.item:
            return scope
        base = self.places.route(scope.loop, path.loops).base
        if base == 0:
            raise PathError(f'"{path.text}": belongs to the set level; name it in [set]')
        return replace(scope, floor=base) if base != scope.item else scope

    def _route(self, path: Path, scope: Scope) -> LoopRoute:
        found = self.places.route(scope.loop, path.loops)
        if scope.floor not in self.places.around(found.base):
            raise PathError(
                f'"{path.text}": {self.places.label(found.target)} is not inside {self.places.label(scope.floor)}; '
                "name it in a block directly under [item] (or in [set])"
            )
        for loop in found.loops:
            if loop in self.places.context_loops:
                raise PathError(f'"{path.text}": {self.places.label(loop)} has documents of its own')
        return found

    def _refuse_repeats(self, path: Path, loops: tuple[int, ...]) -> None:
        for loop in loops:
            if self.places.repeats(loop):
                raise PathError(
                    f'"{path.text}": {self.places.label(loop)} repeats; only the last step of an each may repeat'
                )

    def _may_hold(self, segment: Segment, on: Condition, part: model.Part) -> bool:
        elements = [on.element] if on.element else [element for element, _ in positions(part, model.ComponentPlace(1))]
        return any(self.places.allows(segment, replace(on, element=element)) for element in elements)

    def _place(
        self,
        path: Path,
        step: ElementStep | OffsetStep | ComponentStep,
        segments: tuple[Segment, ...],
        part: model.Part,
    ) -> model.Place:
        place = _place(path, step, part)
        if not any(
            self.places.part(segment, element, component)
            for segment in segments
            for element, component in positions(part, place)
        ):
            names = " or ".join(sorted({segment.id for segment in segments})) or "the guide"
            raise PlaceNotFoundError(f'"{path.text}": {names} has no such element here')
        return place

    def _part(self, path: Path, segments: tuple[Segment, ...], *, many: bool) -> model.Part:
        """The positions that the guide has: a shared rule may name more (PER03..08) than a use of the segment."""
        part = _written_part(path, many=many)
        starts = [element for element, _ in positions(part, _FIRST[type(part)])]
        there = [one for one in starts if any(self.places.element(segment, one) for segment in segments)]
        if starts[0] not in there:
            raise PlaceNotFoundError(f'"{path.text}": {segments[0].id} has no element {starts[0]:02d} here')
        match part:
            case model.Composites(first, _):
                return model.Composites(first, there[-1])
            case model.Groups(first, _, step):
                return model.Groups(first, there[-1] + step - 1, step)
            case _:
                return part


_FIRST: dict[type, model.Place] = {
    model.Composite: model.ComponentPlace(1),
    model.Composites: model.ComponentPlace(1),
    model.Repetitions: model.ComponentPlace(1),
    model.Groups: model.OffsetPlace(0, 1),
}


def _place(path: Path, step: ElementStep | OffsetStep | ComponentStep, part: model.Part) -> model.Place:
    match step:
        case ElementStep(element, component):
            return model.ElementPlace(element, component or 1)
        case OffsetStep(offset, component):
            if not isinstance(part, model.Groups) or offset >= part.step:
                raise PathError(f'"{path.text}": stands in no group of that many elements')
            return model.OffsetPlace(offset, component)
        case ComponentStep(component):
            if not isinstance(part, model.Composite | model.Composites | model.Repetitions):
                raise PathError(f'"{path.text}": stands in no composite')
            return model.ComponentPlace(component)
        case _:
            assert_never(step)


def _written_part(path: Path, *, many: bool) -> model.Part:
    match path.place:
        case ElementStep(element, 0):
            return model.Composite(element)
        case RepetitionStep(element) if many:
            return model.Repetitions(element)
        case RangeStep(first, last, 0) if many:
            return model.Composites(first, last)
        case RangeStep(first, last, step) if many:
            return model.Groups(first, last, step)
        case _:
            raise PathError(f'"{path.text}": is no unit here; positions that repeat need each')


def _routed(found: LoopRoute, segments: tuple[Segment, ...], conditions: tuple[Condition, ...]) -> model.Route:
    return model.Route(found.base, found.loops, tuple(segment.index for segment in segments), conditions)


def positions(part: model.Part, place: model.Place) -> list[tuple[int, int]]:
    """Every element and component of a segment that a place in a part may mean."""
    match place:
        case model.ElementPlace(element, component):
            return [(element, component)]
        case model.OffsetPlace(offset, component):
            if isinstance(part, model.Groups):
                return [(first + offset, component) for first in range(part.first, part.last + 1, part.step)]
            return []
        case model.ComponentPlace(component):
            match part:
                case model.Composite(element) | model.Repetitions(element):
                    return [(element, component)]
                case model.Composites(first, last):
                    return [(element, component) for element in range(first, last + 1)]
                case _:
                    return []
        case _:
            assert_never(place)
