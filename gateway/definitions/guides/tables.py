"""Writes a Guide as the native core's GuideTable (native/core/src/tables.rs): plain maps for MessagePack.

The one place that knows the field names of the native tables for guides; code sets are numbered here.
"""

from typing import Any

from gateway.definitions.guides.model import CodeSet, Element, Guide, LoopChild, Segment

Table = dict[str, Any]


class CodeSetNumbers:
    """Numbers code sets in the order of first use; rules and guides share one list."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, ...], int] = {}
        self._tables: list[Table] = []

    def number(self, codes: CodeSet | None) -> int | None:
        """The index of the set in `tables`; equal sets share one."""
        if codes is None:
            return None
        if codes.codes not in self._numbers:
            self._numbers[codes.codes] = len(self._tables)
            self._tables.append({"id": codes.id, "codes": list(codes.codes)})
        return self._numbers[codes.codes]

    @property
    def tables(self) -> list[Table]:
        """CodeSetTable, in order of number."""
        return self._tables


def guide_table(guide: Guide, code_sets: CodeSetNumbers) -> Table:
    """GuideTable."""
    return {
        "id": guide.id,
        "transaction_set": guide.transaction_set,
        "functional_group": guide.functional_group,
        "loops": [
            {
                "id": loop.id,
                "name": loop.name,
                "parent": loop.parent,
                "usage": loop.usage.value,
                "repeat": loop.repeat,
                "position": loop.position,
                "children": [
                    {"loop" if isinstance(child, LoopChild) else "segment": child.index} for child in loop.children
                ],
                "wrapper": loop.wrapper,
            }
            for loop in guide.loops
        ],
        "segments": [_segment_table(segment, code_sets) for segment in guide.segments],
        "item": _item_table(guide),
        "known_segments": list(guide.known_segments),
    }


def _segment_table(segment: Segment, code_sets: CodeSetNumbers) -> Table:
    key = segment.key
    return {
        "id": segment.id,
        "name": segment.name,
        "parent": segment.parent,
        "usage": segment.usage.value,
        "max_use": segment.max_use,
        "position": segment.position,
        "key": None
        if key is None
        else {"element": key.element, "component": key.component, "code_set": code_sets.number(key.codes)},
        "elements": [_element_table(element, code_sets) for element in segment.elements],
        "syntax": [{"kind": note.kind, "elements": list(note.elements)} for note in segment.syntax],
    }


def _element_table(element: Element, code_sets: CodeSetNumbers) -> Table:
    return {
        "data_element": element.data_element,
        "name": element.name,
        "usage": element.usage.value,
        "data_type": element.data_type.value,
        "min_length": element.min_length,
        "max_length": element.max_length,
        "code_set": code_sets.number(element.codes),
        "pattern": element.pattern,
        "repeat": element.repeat,
        "format_by": element.format_by,
        "components": [_element_table(component, code_sets) for component in element.components],
    }


def _item_table(guide: Guide) -> Table | None:
    if guide.item is None:
        return None
    return {
        "kind": guide.item.kind,
        "loops": list(guide.item.loops),
        "context_name": guide.item.context_name,
        "context_segments": list(guide.item.context_segments),
        "context_element": guide.item.context_element,
    }
