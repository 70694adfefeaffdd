"""The mapping tables of the package against their guides: nothing of a guide without a name."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from gateway.definitions.guides.catalogue import load_guide
from gateway.definitions.guides.model import Guide, Segment, Usage
from gateway.definitions.mapping import load_mapping
from gateway.definitions.mapping import model as rules

GUIDES = ["005010X222A1", "005010X220A1"]
# Written by the gateway itself: envelope, numbering and counts.
NUMBERED = {"ST", "SE", "HL", "LX"}


@dataclass(frozen=True)
class Named:
    """One slot that a rule takes; `codec` and `table` are empty for a qualifier or a condition."""

    segment: int
    element: int
    component: int
    codec: str = ""
    table: str = ""


def named_in(body: rules.Body, segments: tuple[int, ...], part: rules.Part) -> Iterator[Named]:
    """Every slot that the rules of an element and of all below it take."""
    for attribute in body.attributes:
        if not attribute.derived:
            yield from named_by(attribute, segments, part)
    for block in body.blocks:
        for branch in block.branches:
            route, inner = branch.unit.route, branch.unit.part
            if route is not None:
                yield from conditions_of(route.conditions, route.segments)
            elif isinstance(inner, rules.Whole):
                inner = part
            yield from named_in(branch.body, segments if route is None else route.segments, inner)


def named_by(attribute: rules.Attribute, segments: tuple[int, ...], part: rules.Part) -> Iterator[Named]:
    """The slots of one attribute: its value, its conditions, the qualifier of its period."""
    slot = attribute.slot
    if slot.route is not None:
        segments = slot.route.segments
        yield from conditions_of(slot.route.conditions, segments)
    table = attribute.argument if attribute.codec == "code" else ""
    in_composite = isinstance(slot.place, rules.ComponentPlace)
    for segment in segments:
        for element, component in places_of(slot.place, part):
            yield Named(segment, element, component, attribute.codec, table)
            for condition in slot.conditions:
                yield Named(segment, element if in_composite else condition.element, condition.component)
        if attribute.codec == "period":
            yield Named(segment, int(attribute.argument), 1)


def places_of(place: rules.Place, part: rules.Part) -> list[tuple[int, int]]:
    """Element and component, for each position of a range."""
    match place, part:
        case rules.ElementPlace(element, component), _:
            return [(element, component)]
        case rules.OffsetPlace(offset, component), rules.Groups(first, last, step):
            return [(start + offset, component) for start in range(first, last + 1, step)]
        case rules.ComponentPlace(component), rules.Composites(first, last):
            return [(element, component) for element in range(first, last + 1)]
        case rules.ComponentPlace(component), rules.Composite(element) | rules.Repetitions(element):
            return [(element, component)]
    raise AssertionError((place, part))


def conditions_of(conditions: tuple[rules.Condition, ...], segments: tuple[int, ...]) -> Iterator[Named]:
    """The slots that conditions look at."""
    for segment in segments:
        for condition in conditions:
            yield Named(segment, condition.element, condition.component)


def all_named(guide: Guide) -> list[Named]:
    """What the guide's table takes, header and every branch of the item."""
    mapping = load_mapping(guide)
    assert mapping is not None
    assert mapping.item is not None
    bodies = [mapping.set, *(branch.body for branch in mapping.item.branches)]
    return [named for body in bodies for named in named_in(body, (), rules.Whole())]


def used_slots(segment: Segment) -> Iterator[tuple[int, int]]:
    """Slots of the segment that the guide uses and does not dictate."""
    for position, element in enumerate(segment.elements, 1):
        if element.usage is Usage.NOT_USED:
            continue
        for component, leaf in enumerate(element.components or (element,), 1):
            dictated = leaf.usage is Usage.REQUIRED and leaf.codes is not None and len(leaf.codes.codes) == 1
            if leaf.usage is not Usage.NOT_USED and not dictated:
                yield position, component


@pytest.mark.parametrize("name", GUIDES)
def test_every_element_that_the_guide_uses_has_a_name(name: str) -> None:
    """Not only what the corpus happens to show: whatever the guide allows is in an attribute."""
    guide = load_guide(name)
    named = {(slot.segment, slot.element, slot.component) for slot in all_named(guide)}

    nameless = {
        f"{guide.loops[segment.parent].id}/{segment.id}{element:02}-{component} of {segment.name}"
        for segment in guide.segments
        if segment.id not in NUMBERED
        for element, component in used_slots(segment)
        if (segment.index, element, component) not in named
    }
    assert nameless == set()


@pytest.mark.parametrize("name", GUIDES)
def test_every_code_that_the_guide_allows_has_a_word(name: str) -> None:
    """A code that a table lacks would pass as it is, and a reader would meet `PR` among words."""
    guide = load_guide(name)
    mapping = load_mapping(guide)
    assert mapping is not None
    words = {table.id: dict(table.pairs) for table in mapping.codes}

    wordless: set[tuple[str, str]] = set()
    for slot in all_named(guide):
        leaf = guide.segments[slot.segment].part(slot.element, slot.component)
        if slot.table and leaf is not None and leaf.codes is not None:
            wordless |= {(slot.table, code) for code in leaf.codes.codes if code not in words[slot.table]}
    assert wordless == set()
