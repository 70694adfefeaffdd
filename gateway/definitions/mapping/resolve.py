"""Resolves the rules of one table against its guide: every path becomes indexes, every fault names file and line.

The checks of the language stand here: places that the guide lacks, repeating loops crossed, slots taken twice, levels
mixed, one name for an attribute and a child, words unknown.
"""

from dataclasses import dataclass, replace
from typing import Any

from gateway.definitions.guides.model import Guide, Segment
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
from gateway.definitions.mapping.places import GuidePlaces, LoopRoute, NotInGuide
from gateway.definitions.mapping.rules import Rule, RuleSet, merged_rules
from gateway.definitions.mapping.sources import Origin, Section, Sources
from gateway.definitions.positions import Fault

# Elements nest no deeper than loops, segments and composites do; native/core/src/map/program.rs refuses more.
MAX_DEPTH = 16
RESERVED_ELEMENTS = frozenset({"other", "order", "value", "header", "source", "document", "documents"})


@dataclass(frozen=True, slots=True)
class Scope:
    """Where the rules of an element run.

    `segments` is None on a loop; `floor` is the loop above which no path may reach, None where a block directly under
    the item may still choose its level.
    """

    loop: int
    segments: tuple[Segment, ...] | None
    part: model.Part
    floor: int
    item: int | None
    claims: Claims
    place: str


class Resolver:
    """One table and one guide."""

    def __init__(self, guide: Guide, sources: Sources) -> None:
        self.guide = guide
        self.sources = sources
        self.places = GuidePlaces(guide)
        self.faults: list[Fault] = []
        self.used_codes: dict[str, None] = {}
        self.used_fragments: set[str] = set()

    def mapping(self) -> model.Mapping:
        """The resolved table; `faults` says what is wrong with it."""
        document = self.sources.table
        root = Origin(document, ("set",), shared=False)
        scope = Scope(0, None, model.Whole(), 0, None, Claims(self.places), "header")
        body = self._body(Section(root, document.data.get("set", {})), scope, 0)
        item = None
        if "item" in document.data:
            item = self._item(Section(Origin(document, ("item",), shared=False), document.data["item"]))
        codes = tuple(
            model.CodeTable(name, tuple(self.sources.codes[name].words.items())) for name in self.used_codes
        )
        return model.Mapping(self.guide.id, codes, body, item)

    def _item(self, section: Section) -> model.ItemBlock | None:
        element, each, tag = section.data.get("element"), section.data.get("each"), section.data.get("tag")
        if not isinstance(element, str) or not element:
            self._fault(section.origin.at("element"), 'must name the element, for example "claim"')
            return None
        branches: list[tuple[str | None, str]] = []
        if isinstance(each, str):
            branches = [(None, each)]
        elif isinstance(each, dict) and isinstance(tag, str):
            branches = [(word, path) for word, path in each.items() if isinstance(path, str)]
        else:
            self._fault(section.origin.at("each"), "must be a path to the item's loop, or words and paths with a tag")
        resolved: list[model.ItemBranch] = []
        for word, path in branches:
            loops = [loop.index for loop in self.guide.loops_at(path)]
            items = self.guide.item.loops if self.guide.item else ()
            if len(loops) != 1 or loops[0] not in items:
                self._fault(section.origin.at("each"), f"{path} is not one of the guide's items")
                continue
            scope = Scope(loops[0], None, model.Whole(), loops[0], loops[0], Claims(self.places), element)
            resolved.append(model.ItemBranch(word, loops[0], self._body(section, scope, 0)))
        return model.ItemBlock(element, tag if isinstance(tag, str) else None, tuple(resolved))

    def _fault(self, origin: Origin, message: str) -> None:
        fault = origin.fault(message)
        if fault not in self.faults:
            self.faults.append(fault)

    def _miss(self, origin: Origin, message: str) -> None:
        """A place that the guide lacks: a shared rule is left out here, an own rule is wrong."""
        if not origin.shared:
            self._fault(origin, message)

    def _body(self, section: Section, scope: Scope, depth: int) -> model.Body:
        if depth > MAX_DEPTH:
            self._fault(section.origin, "is nested too deep")
            return model.Body((), (), ())
        rules = merged_rules(section, self.sources, self.faults, self.used_fragments)
        attributes = [found for rule in rules.attributes for found in self._attribute(rule, rules, scope)]
        attributes.extend(found for rule in rules.derived for found in self._derived(rule, scope))
        constants = [found for rule in rules.constants for found in self._constant(rule, scope)]
        names = {attribute.name for attribute in attributes}
        for rule in rules.defaults:
            if rule.name not in names:
                self._miss(rule.origin, "has no attribute of that name beside it")
        blocks: list[model.Block] = []
        taken: set[int] = set()
        for rule in rules.blocks:
            if rule.name in RESERVED_ELEMENTS:
                self._fault(rule.origin, f"is an element of the engine's own: {', '.join(sorted(RESERVED_ELEMENTS))}")
                continue
            block = self._block(rule, scope, depth, taken)
            if block is not None:
                blocks.append(block)
        return model.Body(tuple(constants), tuple(attributes), tuple(blocks))

    # Attributes

    def _attribute(self, rule: Rule, rules: RuleSet, scope: Scope) -> list[model.Attribute]:
        default = next((one.value for one in rules.defaults if one.name == rule.name), None)
        found = self._first_allowed(rule, scope)
        if found is None:
            return []
        slot, path, segments = found
        name = f"{scope.place}/@{rule.name}"
        self._claim(rule.origin, name, scope, slot, segments)
        codec = self._codec(rule.origin, path, segments)
        return [model.Attribute(rule.name, slot, *codec, default, derived=False)]

    def _derived(self, rule: Rule, scope: Scope) -> list[model.Attribute]:
        # A copy claims nothing, so on the item itself it may also look at what encloses the item.
        wide = replace(scope, floor=0) if scope.item is not None and scope.loop == scope.item else scope
        found = self._first_allowed(rule, wide)
        if found is None:
            return []
        slot, path, segments = found
        return [model.Attribute(rule.name, slot, *self._codec(rule.origin, path, segments), None, derived=True)]

    def _constant(self, rule: Rule, scope: Scope) -> list[model.Constant]:
        found = self._first_allowed(replace(rule, value=rule.name), scope)
        if found is None or not isinstance(rule.value, str):
            return []
        slot, _, segments = found
        self._claim(rule.origin, f"{scope.place}/const {rule.name}", scope, slot, segments)
        return [model.Constant(slot, rule.value)]

    def _claim(
        self, origin: Origin, name: str, scope: Scope, slot: model.Slot, segments: tuple[Segment, ...]
    ) -> None:
        conditions = (slot.route.conditions if slot.route else ()) + slot.conditions
        for element, component in _positions(scope.part, slot.place):
            if element < 1:
                continue
            earlier = scope.claims.take(name, segments, element, component, conditions)
            if earlier is not None:
                self._fault(origin, f"names a value that {earlier} already takes")
                return

    def _codec(self, origin: Origin, path: Path, segments: tuple[Segment, ...]) -> tuple[str, str]:
        kind, argument = path.codec.kind, path.codec.argument
        if kind == "code":
            if argument not in self.sources.codes:
                self._fault(origin, f"no [codes.{argument}]")
                return "", ""
            self.used_codes.setdefault(argument)
        if kind == "period" and not any(self.places.part(segment, int(argument), 1) for segment in segments):
            self._fault(origin, f"the guide has no qualifier in element {argument}")
        return kind, argument

    def _first_allowed(self, rule: Rule, scope: Scope) -> tuple[model.Slot, Path, tuple[Segment, ...]] | None:
        choices = rule.value if isinstance(rule.value, list) else [rule.value]
        miss = "is empty"
        for text in choices:
            try:
                path = parse_path(text)
                slot, segments = self._slot(path, scope)
            except PathError as error:
                self._fault(rule.origin, str(error))
                return None
            except NotInGuide as error:
                miss = str(error)
                continue
            return slot, path, segments
        self._miss(rule.origin, miss)
        return None

    def _slot(self, path: Path, scope: Scope) -> tuple[model.Slot, tuple[Segment, ...]]:
        if not isinstance(path.place, ElementStep | OffsetStep | ComponentStep):
            raise PathError(f'"{path.text}": an attribute needs one value: an element like 02 or a component like 05-3')
        own: tuple[Condition, ...] = ()
        route: model.Route | None = None
        if scope.segments is None:
            if not path.segment:
                raise PathError(f'"{path.text}": names no segment')
            found = self._route(path, scope)
            for loop in found.loops:
                if self.places.repeats(loop):
                    raise PathError(f'"{path.text}": {self.places.label(loop)} repeats; use each')
            segments = self.places.segments(found.target, path.segment, path.conditions)
            route = self._routed(found, segments, path.conditions)
        else:
            if path.loops or path.segment:
                raise PathError(f'"{path.text}": inside a segment only positions of that segment can be named')
            segments, own = scope.segments, path.conditions
            segments = tuple(one for one in segments if all(self._allows(one, on, scope.part) for on in own))
        place = self._place(path, path.place, segments, scope if route is None else None)
        return model.Slot(route, place, own), segments

    def _allows(self, segment: Segment, on: Condition, part: model.Part) -> bool:
        if on.element:
            return self.places.allows(segment, on)
        return any(
            self.places.allows(segment, replace(on, element=element)) for element, _ in _elements(part)
        )

    def _place(
        self, path: Path, step: ElementStep | OffsetStep | ComponentStep, segments: tuple[Segment, ...], scope: Scope | None
    ) -> model.Place:
        part = model.Whole() if scope is None else scope.part
        match step:
            case ElementStep(element, component):
                place: model.Place = model.ElementPlace(element, component or 1)
            case OffsetStep(offset, component):
                if not isinstance(part, model.Groups) or offset >= part.step:
                    raise PathError(f'"{path.text}": stands in no group of that many elements')
                place = model.OffsetPlace(offset, component)
            case ComponentStep(component):
                if not isinstance(part, model.Composite | model.Composites | model.Repetitions):
                    raise PathError(f'"{path.text}": stands in no composite')
                place = model.ComponentPlace(component)
        wanted = [position for position in _positions(part, place) if position[0] > 0]
        if not any(self.places.part(segment, *position) for segment in segments for position in wanted):
            names = " or ".join(sorted({segment.id for segment in segments})) or "the guide"
            raise NotInGuide(f'"{path.text}": {names} has no such element here')
        return place

    def _route(self, path: Path, scope: Scope) -> LoopRoute:
        found = self.places.route(scope.loop, path.loops)
        if scope.floor not in self.places.around(found.base):
            raise PathError(
                f'"{path.text}": {self.places.label(found.target)} is not inside {self.places.label(scope.floor)}; '
                "name it in a block directly under [item] (or in [set])"
            )
        crossed = [loop for loop in found.loops if loop in self.places.context_loops and loop != scope.loop]
        if crossed:
            raise PathError(f'"{path.text}": {self.places.label(crossed[0])} has documents of its own')
        return found

    @staticmethod
    def _routed(
        found: LoopRoute, segments: tuple[Segment, ...], conditions: tuple[Condition, ...]
    ) -> model.Route:
        return model.Route(found.base, found.loops, tuple(segment.index for segment in segments), conditions)

    # Blocks

    def _block(self, rule: Rule, scope: Scope, depth: int, taken: set[int]) -> model.Block | None:
        data: dict[str, Any] = rule.value
        section = Section(rule.origin, data)
        if "from" in data and "each" in data:
            self._fault(rule.origin, "has both from and each")
            return None
        many = "each" in data
        keyword = "each" if many else "from"
        wanted, tag = data.get(keyword), data.get("tag")
        if isinstance(wanted, dict) is not isinstance(tag, str):
            self._fault(rule.origin, f"tag and words in {keyword} go together")
            return None
        if wanted is None:
            choices: list[tuple[str | None, list[str | None]]] = [(None, [None])]
        elif isinstance(wanted, dict):
            choices = [(word, [path]) for word, path in wanted.items()]
        elif isinstance(wanted, list) and not many:
            choices = [(None, list(wanted))]
        else:
            choices = [(None, [wanted])]
        branches: list[model.Branch] = []
        for word, paths in choices:
            origin = rule.origin.at(keyword) if wanted is not None else rule.origin
            branch = self._branch(section, origin, word, paths, scope, depth, many, taken, isinstance(wanted, list))
            if branch is not None:
                branches.append(branch)
        if not branches:
            return None
        return model.Block(rule.name, many, tag if isinstance(tag, str) else None, tuple(branches))

    def _branch(  # noqa: PLR0913 - one call, and each argument is a different fact
        self,
        section: Section,
        origin: Origin,
        word: str | None,
        paths: list[str | None],
        scope: Scope,
        depth: int,
        many: bool,  # noqa: FBT001
        taken: set[int],
        is_choice: bool,  # noqa: FBT001
    ) -> model.Branch | None:
        name = f"{scope.place}/{section.origin.path[-1] if isinstance(section.origin.path[-1], str) else section.origin.path[-2]}"
        miss = "is empty"
        for text in paths:
            try:
                unit, inner = self._unit(text, scope, many=many, name=name)
            except PathError as error:
                self._fault(origin, str(error))
                return None
            except NotInGuide as error:
                miss = str(error)
                continue
            if unit.route is not None and not many and not unit.route.segments:
                if is_choice and unit.route.target in taken:
                    miss = ""
                    continue
                taken.add(unit.route.target)
            return model.Branch(word, unit, self._body(section, inner, depth + 1))
        if miss:
            self._miss(origin, miss)
        return None

    def _unit(self, text: str | None, scope: Scope, *, many: bool, name: str) -> tuple[model.Unit, Scope]:
        if text is None:
            return model.Unit(None, model.Whole()), replace(scope, place=name)
        if not isinstance(text, str):
            raise PathError("must be a path, a list of paths (from) or words and paths with a tag")
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
        for loop in found.loops if path.segment or not many else found.loops[:-1]:
            if self.places.repeats(loop):
                raise PathError(f'"{text}": {self.places.label(loop)} repeats; only the last step of an each may')
        if not path.segment:
            if many and not found.loops:
                raise PathError(f'"{text}": is the loop around; use from')
            unit = model.Unit(self._routed(found, (), ()), model.Whole())
            return unit, replace(scope, loop=found.target, place=name)
        segments = self.places.segments(found.target, path.segment, path.conditions)
        part = model.Whole() if path.place is None else self._part(path, segments, many=many)
        claims = Claims(self.places) if many and path.place is None else scope.claims
        unit = model.Unit(self._routed(found, segments, path.conditions), part)
        return unit, replace(scope, loop=found.target, segments=segments, part=part, claims=claims, place=name)

    def _levelled(self, path: Path, scope: Scope) -> Scope:
        """A block directly under the item may read an enclosing loop: that becomes its floor."""
        if scope.item is None or scope.loop != scope.item or scope.floor != scope.item:
            return scope
        base = self.places.route(scope.loop, path.loops).base
        if base == 0:
            raise PathError(f'"{path.text}": belongs to the set level; name it in [set]')
        return replace(scope, floor=base) if base != scope.item else scope

    def _part(self, path: Path, segments: tuple[Segment, ...], *, many: bool) -> model.Part:
        match path.place:
            case ElementStep(element, 0):
                part: model.Part = model.Composite(element)
            case RepetitionStep(element) if many:
                part = model.Repetitions(element)
            case RangeStep(first, last, 0) if many:
                part = model.Composites(first, last)
            case RangeStep(first, last, step) if many:
                part = model.Groups(first, last, step)
            case _:
                raise PathError(f'"{path.text}": is no unit here; positions that repeat need each')
        for element, _ in (_elements(part)[0], _elements(part)[-1]):
            if not any(self.places.element(segment, element) for segment in segments):
                raise NotInGuide(f'"{path.text}": {segments[0].id} has no element {element:02d} here')
        return part


def _elements(part: model.Part) -> list[tuple[int, int]]:
    """The elements that a part may stand on, with their offset in a group."""
    match part:
        case model.Whole():
            return []
        case model.Composite(element) | model.Repetitions(element):
            return [(element, 0)]
        case model.Composites(first, last):
            return [(element, 0) for element in range(first, last + 1)]
        case model.Groups(first, last, step):
            return [(element, 0) for element in range(first, last + 1, step)]


def _positions(part: model.Part, place: model.Place) -> list[tuple[int, int]]:
    """Every element and component that a place may mean."""
    match place:
        case model.ElementPlace(element, component):
            return [(element, component)]
        case model.OffsetPlace(offset, component):
            return [(first + offset, component) for first, _ in _elements(part)]
        case model.ComponentPlace(component):
            return [(element, component) for element, _ in _elements(part)]

