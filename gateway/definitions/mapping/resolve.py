"""Resolves the rules of one table against its guide: every path becomes indexes, every fault names file and line.

A place that the guide lacks is a fault in the table's own rules; a rule of a fragment is left out there, since the
fragment serves places where the guide allows less.
"""

from dataclasses import dataclass, replace
from typing import Any

from gateway.definitions.guides.model import Guide
from gateway.definitions.mapping import model
from gateway.definitions.mapping.claims import Claims
from gateway.definitions.mapping.paths import PathError
from gateway.definitions.mapping.places import GuidePlaces, PlaceNotFoundError
from gateway.definitions.mapping.rules import Rule, merged_rules
from gateway.definitions.mapping.sources import Origin, Section, Sources
from gateway.definitions.mapping.units import FoundSlot, Scope, UnitFinder, positions
from gateway.definitions.positions import Fault

# Elements nest no deeper than loops, segments and composites do; native/core/src/map/program.rs refuses more.
MAX_DEPTH = 16
RESERVED_ELEMENTS = frozenset({"other", "order", "value", "header", "source", "document", "documents", "remainder"})


@dataclass(frozen=True, slots=True)
class _Choice:
    """One branch of a child element as written: the tag's word, and paths of which the first allowed counts."""

    word: str | None
    paths: tuple[Any, ...]
    origin: Origin
    is_list: bool


class Resolver:
    """One table and one guide; `faults` grows while `mapping` works."""

    def __init__(self, guide: Guide, sources: Sources) -> None:
        self.guide = guide
        self.sources = sources
        self.places = GuidePlaces(guide)
        self.finder = UnitFinder(self.places)
        self.faults: list[Fault] = []
        self.used_codes: dict[str, None] = {}

    def mapping(self) -> model.Mapping:
        """The resolved table; whole only where there are no faults."""
        document = self.sources.table
        scope = Scope(0, None, model.Whole(), 0, None, Claims(self.places), "header")
        rules = Section(Origin(document, ("set",), shared=False), document.data.get("set", {}))
        body = self._body(rules, scope, 0)
        item = None
        if "item" in document.data:
            item = self._item(Section(Origin(document, ("item",), shared=False), document.data["item"]))
        codes = tuple(model.CodeTable(name, tuple(self.sources.codes[name].words.items())) for name in self.used_codes)
        return model.Mapping(self.guide.id, codes, body, item)

    def _item(self, section: Section) -> model.ItemBlock | None:
        element, each, tag = section.data.get("element"), section.data.get("each"), section.data.get("tag")
        if not isinstance(element, str) or not element:
            self._fault(section.origin.at("element"), 'must name the element, for example "claim"')
            return None
        branches: list[tuple[str | None, Any]] = [(None, each)]
        if isinstance(each, dict) and isinstance(tag, str):
            branches = list(each.items())
        elif not isinstance(each, str) or tag is not None:
            self._fault(section.origin.at("each"), "must be a path to the item's loop, or words and paths with a tag")
            return None
        resolved: list[model.ItemBranch] = []
        for word, path in branches:
            loops = [loop.index for loop in self.guide.loops_at(str(path))]
            items = self.guide.item.loops if self.guide.item else ()
            if len(loops) != 1 or loops[0] not in items:
                self._fault(section.origin.at("each"), f"{path} is not one of the guide's items")
                continue
            scope = Scope(loops[0], None, model.Whole(), loops[0], loops[0], Claims(self.places), element)
            resolved.append(model.ItemBranch(word, loops[0], self._body(section, scope, 0)))
        return model.ItemBlock(element, tag, tuple(resolved))

    def _fault(self, origin: Origin, message: str) -> None:
        fault = origin.fault(message)
        if fault not in self.faults:
            self.faults.append(fault)

    def _miss(self, origin: Origin, message: str) -> None:
        if not origin.shared:
            self._fault(origin, message)

    def _body(self, section: Section, scope: Scope, depth: int) -> model.Body:
        if depth > MAX_DEPTH:
            self._fault(section.origin, "is nested too deep")
            return model.Body((), (), ())
        rules = merged_rules(section, self.sources, self.faults)
        defaults = {rule.name: rule for rule in rules.defaults}
        attributes = [
            attribute
            for rule in rules.attributes
            if (attribute := self._attribute(rule, defaults.get(rule.name), scope)) is not None
        ]
        for name, rule in defaults.items():
            if all(attribute.name != name for attribute in attributes):
                self._miss(rule.origin, "has no attribute of that name beside it")
        derived = [self._derived(rule, scope) for rule in rules.derived]
        attributes.extend(attribute for attribute in derived if attribute is not None)
        constants = [self._constant(rule, scope) for rule in rules.constants]
        taken: set[int] = set()
        blocks = [self._block(rule, scope, depth, taken) for rule in rules.blocks]
        return model.Body(
            tuple(constant for constant in constants if constant is not None),
            tuple(attributes),
            tuple(block for block in blocks if block is not None),
        )

    # Attributes

    def _attribute(self, rule: Rule, default: Rule | None, scope: Scope) -> model.Attribute | None:
        found = self._first_allowed(rule.value, rule.origin, scope)
        if found is None:
            return None
        self._claim(rule.origin, f"{scope.place}/@{rule.name}", scope, found)
        codec, argument = self._codec(rule.origin, found)
        text = None if default is None else str(default.value)
        return model.Attribute(rule.name, found.slot, codec, argument, text, derived=False)

    def _derived(self, rule: Rule, scope: Scope) -> model.Attribute | None:
        # A copy claims nothing, so on the item itself it may also look at what encloses the item.
        wide = replace(scope, floor=0) if scope.item is not None and scope.loop == scope.item else scope
        found = self._first_allowed(rule.value, rule.origin, wide)
        if found is None:
            return None
        return model.Attribute(rule.name, found.slot, *self._codec(rule.origin, found), None, derived=True)

    def _constant(self, rule: Rule, scope: Scope) -> model.Constant | None:
        found = self._first_allowed(rule.name, rule.origin, scope)
        if found is None:
            return None
        self._claim(rule.origin, f"{scope.place}/const {rule.name}", scope, found)
        return model.Constant(found.slot, str(rule.value))

    def _first_allowed(self, paths: str | list[str], origin: Origin, scope: Scope) -> FoundSlot | None:
        miss = "is empty"
        for text in paths if isinstance(paths, list) else [paths]:
            try:
                return self.finder.slot(text, scope)
            except PathError as error:
                self._fault(origin, str(error))
                return None
            except PlaceNotFoundError as error:
                miss = str(error)
        self._miss(origin, miss)
        return None

    def _claim(self, origin: Origin, name: str, scope: Scope, found: FoundSlot) -> None:
        slot = found.slot
        conditions = (slot.route.conditions if slot.route else ()) + slot.conditions
        for element, component in positions(scope.part, slot.place):
            earlier = scope.claims.take(name, found.segments, element, component, conditions)
            if earlier is not None:
                self._fault(origin, f"names a value that {earlier} already takes")
                return

    def _codec(self, origin: Origin, found: FoundSlot) -> tuple[str, str]:
        kind, argument = found.path.codec.kind, found.path.codec.argument
        if kind == "code":
            if argument not in self.sources.codes:
                self._fault(origin, f"no [codes.{argument}]")
                return "", ""
            self.used_codes.setdefault(argument)
        if kind == "period" and not any(self.places.part(segment, int(argument), 1) for segment in found.segments):
            self._fault(origin, f"the guide has no qualifier in element {argument}")
        return kind, argument

    # Child elements

    def _block(self, rule: Rule, scope: Scope, depth: int, taken: set[int]) -> model.Block | None:
        if rule.name in RESERVED_ELEMENTS:
            self._fault(rule.origin, f"is an element of the engine's own: {', '.join(sorted(RESERVED_ELEMENTS))}")
            return None
        section = Section(rule.origin, rule.value)
        many, tag = "each" in section.data, section.data.get("tag")
        choices = self._choices(section)
        inner = replace(scope, place=f"{scope.place}/{rule.name}")
        branches = [self._branch(section, choice, (scope, inner.place), depth, taken) for choice in choices]
        found = tuple(branch for branch in branches if branch is not None)
        return model.Block(rule.name, many, tag, found) if found else None

    def _choices(self, section: Section) -> list[_Choice]:
        data, origin = section.data, section.origin
        if "from" in data and "each" in data:
            self._fault(origin, "has both from and each")
            return []
        keyword = "each" if "each" in data else "from"
        wanted = data.get(keyword)
        if isinstance(wanted, dict) is not isinstance(data.get("tag"), str):
            self._fault(origin, f"tag and words in {keyword} go together")
            return []
        at = origin if wanted is None else origin.at(keyword)
        if isinstance(wanted, dict):
            return [_Choice(word, (path,), at, is_list=False) for word, path in wanted.items()]
        if isinstance(wanted, list) and keyword == "from":
            return [_Choice(None, tuple(wanted), at, is_list=True)]
        return [_Choice(None, (wanted,), at, is_list=False)]

    def _branch(
        self, section: Section, choice: _Choice, place: tuple[Scope, str], depth: int, taken: set[int]
    ) -> model.Branch | None:
        scope, name = place
        miss = "is empty"
        for path in choice.paths:
            try:
                unit, inner = self._unit(section, path, scope, name)
            except PathError as error:
                self._fault(choice.origin, str(error))
                return None
            except PlaceNotFoundError as error:
                miss = str(error)
                continue
            if unit.route is not None and not unit.route.segments and "each" not in section.data:
                if choice.is_list and unit.route.target in taken:
                    miss = ""
                    continue
                taken.add(unit.route.target)
            return model.Branch(choice.word, unit, self._body(section, inner, depth + 1))
        if miss:
            self._miss(choice.origin, miss)
        return None

    def _unit(self, section: Section, path: object, scope: Scope, name: str) -> tuple[model.Unit, Scope]:
        if path is None:
            return model.Unit(None, model.Whole()), replace(scope, place=name)
        if not isinstance(path, str):
            raise PathError("must be a path, a list of paths (from) or words and paths with a tag")
        return self.finder.unit(path, scope, many="each" in section.data, name=name)
