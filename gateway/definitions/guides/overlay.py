"""Corrections of pyx12's maps: reads `schemas/x12/<guide>.toml` and changes a draft accordingly.

Each correction says where, what, why and on whose authority. One that points nowhere or changes nothing is a fault:
pyx12 may have mended it. Must not know the frozen model's indices or the native tables.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, assert_never

from gateway.definitions.guides.build import ItemFacts
from gateway.definitions.guides.draft import SET_LOOP, DraftElement, DraftLoop, DraftSegment
from gateway.definitions.guides.keys import coded_parts
from gateway.definitions.guides.model import Usage
from gateway.definitions.positions import DefinitionError, Fault, Path, TomlDocument

Target = DraftLoop | DraftSegment | DraftElement

_SEGMENT_STEP = re.compile(
    r"(?P<id>[A-Z][A-Z0-9]{1,2})"
    r"(?:\[(?:(?P<element>\d\d)(?:-(?P<component>\d+))?=)?(?P<code>[^\]=]+)\])?"
    r"(?:(?P<part>\d\d)(?:\.\.(?P<last>\d\d))?(?:-(?P<subpart>\d+))?)?"
)
_SEGMENT_KEY = re.compile(r"(\d\d)(?:-(\d+))?")
_NOTE = re.compile(r"[PRECL](?:\d\d){2,}")
_EXPLANATION = {"at", "reason", "source"}
_ITEM_KEYS = {"kind", "loops", "context_name", "context_segment", "context_code", "context_element"}


@dataclass(slots=True)
class _Change:
    """One `[[correct]]` applied to one place; `path` is its place in the file."""

    document: TomlDocument
    path: Path
    fields: dict[str, Any]

    def fault(self, key: str, message: str) -> Fault:
        return self.document.fault((*self.path, key), message)


def apply_overlay(document: TomlDocument, root: DraftLoop) -> tuple[ItemFacts | None, tuple[Fault, ...]]:
    """Change `root` as the overlay says. What could not be applied comes back as faults, the rest is applied."""
    faults: list[Fault] = [
        document.fault((key,), "is not a part of an overlay (item, nest, correct)")
        for key in document.data
        if key not in {"item", "nest", "correct"}
    ]
    for key, apply in (("nest", _nest), ("correct", _correct)):
        entries, shape_faults = document.tables(key)
        faults.extend(shape_faults)
        for path, entry in entries:
            faults.extend(apply(_Change(document, path, entry), root))
    item, item_faults = _read_item(document)
    return item, (*faults, *item_faults)


def require_no_faults(faults: tuple[Fault, ...]) -> None:
    """Raise DefinitionError where there is any."""
    if faults:
        raise DefinitionError(*faults)


def _read_item(document: TomlDocument) -> tuple[ItemFacts | None, tuple[Fault, ...]]:
    entry = document.data.get("item")
    if entry is None:
        return None, ()
    if not isinstance(entry, dict):
        return None, (document.fault(("item",), "is written as [item]"),)
    unknown = tuple(document.fault(("item", key), "is not a key of item") for key in entry if key not in _ITEM_KEYS)
    try:
        item = ItemFacts(
            kind=str(entry["kind"]),
            loops=tuple(str(loop) for loop in entry["loops"]),
            context_name=str(entry["context_name"]),
            context_segment=str(entry["context_segment"]),
            context_code=entry.get("context_code"),
            context_element=int(entry["context_element"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        return None, (*unknown, document.fault(("item",), f"lacks or misspells {error}"))
    return item, unknown


def _nest(change: _Change, root: DraftLoop) -> Iterator[Fault]:
    """Move a loop that the map lists as a sibling under its hierarchical parent."""
    yield from _explained(change)
    moved = [loop for loop in root.loops() if loop.id == change.fields.get("loop")]
    parents = [loop for loop in root.loops() if loop.id == change.fields.get("under")]
    if len(moved) != 1 or len(parents) != 1:
        yield change.fault("loop", "names loops that the guide does not have exactly once")
        return
    if any(child is moved[0] for child in parents[0].children):
        yield change.fault("loop", "changes nothing: the loop is there already")
        return
    for loop in list(root.loops()):
        loop.children = [child for child in loop.children if child is not moved[0]]
    for loop in list(root.loops()):  # a wrapper that held nothing else
        loop.children = [child for child in loop.children if not isinstance(child, DraftLoop) or child.children]
    last = max((child.position for child in parents[0].children), default=0)
    moved[0].position = last + 1
    parents[0].children.append(moved[0])


def _correct(change: _Change, root: DraftLoop) -> Iterator[Fault]:
    yield from _explained(change)
    at = str(change.fields.get("at", ""))
    targets = list(find_targets(root, at))
    if not targets:
        yield change.fault("at", f"{at or 'nothing'} is not in the guide")
        return
    for key, wanted in change.fields.items():
        if key in _EXPLANATION:
            continue
        try:
            changed = [_set(target, key, wanted) for target in targets]
        except (KeyError, TypeError, ValueError):
            yield change.fault(key, f"cannot be corrected to {wanted!r} at {at}")
            continue
        if not any(changed):
            yield change.fault(key, f"changes nothing at {at}: the map says so already")


def _explained(change: _Change) -> Iterator[Fault]:
    for key in ("reason", "source"):
        if not change.fields.get(key):
            yield change.fault(key, "is missing: a correction says why and on whose authority")


def find_targets(root: DraftLoop, path: str) -> Iterator[Target]:
    """Loops (`2010AA`), segments (`2400/PWK[02=AD]`) or elements (`CLM05-3`) at `path`, a suffix of the full path.

    A wrapper is found by its name alone (`DETAIL`) and shows in no path.
    """
    *steps, last = path.split("/")
    places = list(_places(root, ()))
    loops = [loop for loop, outer in places if loop.id == last and _ends_with((*outer, last), (*steps, last))]
    if loops:
        yield from loops
        return
    step = _SEGMENT_STEP.fullmatch(last)
    if step is None:
        return
    for loop, outer in places:
        here = outer if loop.wrapper or loop is root else (*outer, loop.id)
        is_here = _ends_with(here, tuple(steps)) if steps else not here
        if is_here:
            for child in loop.children:
                if isinstance(child, DraftSegment) and child.id == step["id"] and _has_code(child, step):
                    yield from _parts(child, step)


def _places(loop: DraftLoop, outer: tuple[str, ...]) -> Iterator[tuple[DraftLoop, tuple[str, ...]]]:
    """Every loop with the ids of the loops around it, wrappers and the set left out."""
    yield loop, outer
    inner = outer if loop.wrapper or loop.id == SET_LOOP else (*outer, loop.id)
    for child in loop.children:
        if isinstance(child, DraftLoop):
            yield from _places(child, inner)


def _ends_with(path: tuple[str, ...], end: tuple[str, ...]) -> bool:
    return path[-len(end) :] == end


def _has_code(segment: DraftSegment, step: re.Match[str]) -> bool:
    if step["code"] is None:
        return True
    parts = dict(coded_parts(segment))
    if step["element"] is None:
        part = next(iter(parts.values()), None)
    else:
        part = parts.get((int(step["element"]), int(step["component"] or 1)))
    return part is not None and step["code"] in part.codes


def _parts(segment: DraftSegment, step: re.Match[str]) -> Iterator[Target]:
    """The segment itself, an element, a component, or the same of a range of elements (`HI01..12-2`)."""
    if step["part"] is None:
        yield segment
        return
    first = int(step["part"])
    for element in segment.elements[first - 1 : int(step["last"] or first)]:
        if step["subpart"] is None:
            yield element
        else:
            yield from element.components[int(step["subpart"]) - 1 : int(step["subpart"])]


def _set(target: Target, key: str, wanted: Any) -> bool:
    """Change one field; whether anything changed. KeyError: such a target has no such field."""
    match target:
        case DraftLoop():
            return _LOOP_FIELDS[key](target, wanted)
        case DraftSegment():
            return _SEGMENT_FIELDS[key](target, wanted)
        case DraftElement():
            return _ELEMENT_FIELDS[key](target, wanted)
    assert_never(target)


def _attribute(name: str, convert: Callable[[Any], Any]) -> Callable[[Any, Any], bool]:
    def change(target: Any, wanted: Any) -> bool:
        value = convert(wanted)
        before = getattr(target, name)
        setattr(target, name, value)
        return bool(before != value)

    return change


def _add_codes(element: DraftElement, wanted: list[str]) -> bool:
    new = [str(code) for code in wanted if code not in element.codes]
    element.codes.extend(new)
    return bool(new)


def _remove_codes(element: DraftElement, wanted: list[str]) -> bool:
    gone = set(wanted) & set(element.codes)
    element.codes = [code for code in element.codes if code not in gone]
    return bool(gone)


def _set_key(segment: DraftSegment, wanted: str) -> bool:
    match = _SEGMENT_KEY.fullmatch(wanted)
    if match is None:
        raise ValueError(wanted)
    key = (int(match[1]), int(match[2] or 1))
    if key not in dict(coded_parts(segment)):
        raise ValueError("the key has no codes of its own")
    is_change = segment.key != key
    segment.key = key
    return is_change


def _notes(wanted: list[str]) -> list[tuple[str, tuple[int, ...]]]:
    notes: list[tuple[str, tuple[int, ...]]] = []
    for text in wanted:
        if _NOTE.fullmatch(text) is None:
            raise ValueError(text)
        notes.append((text[0], tuple(int(text[at : at + 2]) for at in range(1, len(text), 2))))
    return notes


def _pattern(value: Any) -> str | None:
    """An expression that Python takes too; the native core's has neither look-around nor back references."""
    try:
        re.compile(str(value))
    except re.error as error:
        raise ValueError(str(error)) from None
    return str(value) or None


def _count(value: Any) -> int:
    """A limit or a position; 0 = no limit."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(value)
    return value


_LOOP_FIELDS: dict[str, Callable[[DraftLoop, Any], bool]] = {
    "name": _attribute("name", str),
    "usage": _attribute("usage", Usage),
    "repeat": _attribute("repeat", _count),
    "position": _attribute("position", _count),
}
_SEGMENT_FIELDS: dict[str, Callable[[DraftSegment, Any], bool]] = {
    "name": _attribute("name", str),
    "usage": _attribute("usage", Usage),
    "max_use": _attribute("max_use", _count),
    "position": _attribute("position", _count),
    "key": _set_key,
    "syntax": _attribute("syntax", _notes),
}
_ELEMENT_FIELDS: dict[str, Callable[[DraftElement, Any], bool]] = {
    "name": _attribute("name", str),
    "usage": _attribute("usage", Usage),
    "repeat": _attribute("repeat", _count),
    "min_length": _attribute("min_length", _count),
    "max_length": _attribute("max_length", _count),
    "pattern": _attribute("pattern", _pattern),
    "external": _attribute("external", lambda value: str(value) or None),
    "codes": _attribute("codes", lambda value: [str(code) for code in value]),
    "add_codes": _add_codes,
    "remove_codes": _remove_codes,
}
