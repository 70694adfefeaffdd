"""A resolved mapping as the native core reads it: native/core/src/map/tables.rs, field for field."""

from typing import Any, assert_never

from gateway.definitions.mapping import model
from gateway.definitions.mapping.paths import Condition

Table = dict[str, Any]


def mapping_table(mapping: model.Mapping) -> Table:
    """MappingTable."""
    codes = {table.id: index for index, table in enumerate(mapping.codes)}
    return {
        "codes": [{"id": table.id, "pairs": [list(pair) for pair in table.pairs]} for table in mapping.codes],
        "set": _body(mapping.set, codes),
        "item": None if mapping.item is None else _item(mapping.item, codes),
    }


def _item(item: model.ItemBlock, codes: dict[str, int]) -> Table:
    branches = [
        {"value": branch.value, "loop": branch.loop, "body": _body(branch.body, codes)} for branch in item.branches
    ]
    return {"element": item.element, "tag": item.tag, "branches": branches}


def _body(body: model.Body, codes: dict[str, int]) -> Table:
    return {
        "constants": [{"slot": _slot(constant.slot), "value": constant.value} for constant in body.constants],
        "attributes": [_attribute(attribute, codes) for attribute in body.attributes],
        "blocks": [_block(block, codes) for block in body.blocks],
    }


def _attribute(attribute: model.Attribute, codes: dict[str, int]) -> Table:
    match attribute.codec:
        case "":
            codec: Any = "text"
        case "period":
            codec = {"period": {"qualifier": int(attribute.argument)}}
        case "code":
            codec = {"code": {"table": codes[attribute.argument]}}
        case plain:
            codec = plain
    return {
        "name": attribute.name,
        "slot": _slot(attribute.slot),
        "codec": codec,
        "default": attribute.default,
        "derived": attribute.derived,
    }


def _block(block: model.Block, codes: dict[str, int]) -> Table:
    branches = [
        {"value": branch.value, "unit": _unit(branch.unit), "body": _body(branch.body, codes)}
        for branch in block.branches
    ]
    return {"element": block.element, "many": block.many, "tag": block.tag, "branches": branches}


def _unit(unit: model.Unit) -> Table:
    match unit.part:
        case model.Whole():
            part: Any = "whole"
        case model.Composite(element):
            part = {"composite": {"element": element}}
        case model.Composites(first, last):
            part = {"composites": {"first": first, "last": last}}
        case model.Groups(first, last, step):
            part = {"groups": {"first": first, "last": last, "step": step}}
        case model.Repetitions(element):
            part = {"repetitions": {"element": element}}
        case _:
            assert_never(unit.part)
    return {"route": _route(unit.route), "part": part}


def _slot(slot: model.Slot) -> Table:
    match slot.place:
        case model.ElementPlace(element, component):
            place: Table = {"element": {"element": element, "component": component}}
        case model.OffsetPlace(offset, component):
            place = {"offset": {"offset": offset, "component": component}}
        case model.ComponentPlace(component):
            place = {"component": {"component": component}}
        case _:
            assert_never(slot.place)
    return {"route": _route(slot.route), "place": place, "conditions": _conditions(slot.conditions)}


def _route(route: model.Route | None) -> Table | None:
    if route is None:
        return None
    return {
        "base": route.base,
        "loops": list(route.loops),
        "segments": list(route.segments),
        "conditions": _conditions(route.conditions),
    }


def _conditions(conditions: tuple[Condition, ...]) -> list[Table]:
    return [{"element": on.element, "component": on.component, "any_of": list(on.any_of)} for on in conditions]
