"""What the mapping tables name, and where it stands in each format: the analysts' view of a table.

Reads names, paths as they are written, and lines; whether a path exists in a guide is the compiler's business
(`gateway.definitions.mapping`). From it come the checks against the dictionary and the master table of the console.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

from gateway.definitions.dictionary.model import Dictionary, Place
from gateway.definitions.positions import Path, TomlDocument

_KEYWORDS = frozenset({"from", "each", "tag", "use", "const", "default", "derived", "element"})
# Fragments in fragments in fragments; more is a circle, which the compiler reports.
_MAX_FRAGMENT_DEPTH = 8


@dataclass(frozen=True, slots=True)
class NamedAttribute:
    """One attribute of a block. `paths` are as written, without codec; empty for a tag, whose words are `words`."""

    name: str
    paths: tuple[str, ...]
    codec: str  # "", "date", "time", "period" or "code"
    code_table: str
    words: tuple[str, ...]
    is_derived: bool
    place: Place


@dataclass(frozen=True, slots=True)
class NamedBlock:
    """One child element (or the header, or the item) with what it holds, in the order of the rules."""

    name: str
    unit: tuple[str, ...]  # the paths after `from` or `each`; empty for a group
    is_many: bool
    attributes: tuple[NamedAttribute, ...]
    children: tuple["NamedBlock", ...]
    defaults: Mapping[str, str]
    place: Place


@dataclass(frozen=True, slots=True)
class NamedTable:
    """A mapping table: the guides it serves, the header and the item."""

    guides: tuple[str, ...]
    header: NamedBlock
    item: NamedBlock


@dataclass(frozen=True, slots=True)
class Usage:
    """A row of the master table: an attribute of an element, and where it lives in the guides of one table."""

    element: str  # for example `claim/patient/address`
    attribute: str
    type_name: str  # the dictionary's type of the element
    guides: tuple[str, ...]
    paths: tuple[str, ...]  # for example `2010CA/N301`, one for each alternative
    place: Place


@dataclass(slots=True)
class _Parts:
    """A block while fragments and own rules are put together; a later rule of a name takes the earlier one's place."""

    attributes: dict[str, NamedAttribute] = field(default_factory=dict)
    children: dict[str, tuple[NamedBlock, ...]] = field(default_factory=dict)


def read_tables(tables: Iterable[TomlDocument], fragments: Iterable[TomlDocument]) -> tuple[NamedTable, ...]:
    """What each table names. Rules of a shape that the compiler refuses are left out here."""
    shared: dict[str, tuple[TomlDocument, Path]] = {}
    for document in fragments:
        for name, rules in _table(document.data.get("fragment")).items():
            if isinstance(rules, dict):
                shared[name] = (document, ("fragment", name))
    return tuple(_Reader(document, shared).table() for document in tables)


def master_table(dictionary: Dictionary, tables: Iterable[NamedTable]) -> tuple[Usage, ...]:
    """Every attribute with its place in every table, by element, in the order of the documents."""
    rows: list[Usage] = []
    for table in tables:
        walk = _Rows(dictionary, table.guides)
        rows.extend(walk.below(table.header, "header", "header", ()))
        # Paths of an item are read from the item: its own place in the set would only repeat in every row.
        rows.extend(walk.below(replace(table.item, unit=()), table.item.name, table.item.name, ()))
    return tuple(rows)


@dataclass(frozen=True, slots=True)
class _Rows:
    """Walks one table."""

    dictionary: Dictionary
    guides: tuple[str, ...]

    def below(self, block: NamedBlock, type_name: str, element: str, enclosing: tuple[str, ...]) -> Iterator[Usage]:
        """The rows of a block and of all below it; nothing where the dictionary has no such type."""
        type_of = self.dictionary.types.get(type_name)
        if type_of is None:
            return
        unit = _below(enclosing, block.unit)
        for attribute in block.attributes:
            paths = _below(unit, attribute.paths)
            yield Usage(element, attribute.name, type_name, self.guides, paths, attribute.place)
        types = {child.name: child.type_name for child in self.dictionary.children_of(type_of)}
        for child in block.children:
            yield from self.below(child, types.get(child.name, ""), f"{element}/{child.name}", unit)


def _below(enclosing: tuple[str, ...], paths: tuple[str, ...]) -> tuple[str, ...]:
    """Each path below each enclosing one, as a person writes it: `2010CA` and `N301` are `2010CA/N301`."""
    if not enclosing or not paths:
        return paths or enclosing
    joined = (path if path.startswith(("+", "-")) else f"/{path}" for path in paths)
    return tuple(f"{outer}{inner}" for outer, inner in product(enclosing, joined))


class _Reader:
    """Reads one table."""

    def __init__(self, document: TomlDocument, fragments: Mapping[str, tuple[TomlDocument, Path]]) -> None:
        self.document = document
        self.fragments = fragments

    def table(self) -> NamedTable:
        data = self.document.data
        item = _table(data.get("item"))
        return NamedTable(
            _words(data.get("guide")),
            self._block(self.document, ("set",), _table(data.get("set")), "header"),
            self._block(self.document, ("item",), item, str(item.get("element", "item"))),
        )

    def _block(self, document: TomlDocument, path: Path, table: Mapping[str, Any], name: str) -> NamedBlock:
        parts = _Parts()
        self._gather(parts, document, path, table, _MAX_FRAGMENT_DEPTH)
        unit = table.get("each", table.get("from"))
        return NamedBlock(
            name,
            tuple(map(str, unit.values())) if isinstance(unit, dict) else _words(unit),
            "each" in table,
            tuple(parts.attributes.values()),
            tuple(child for same in parts.children.values() for child in same),
            _table(table.get("default")),
            Place(document.file, document.line(path)),
        )

    def _gather(self, parts: _Parts, document: TomlDocument, path: Path, table: Mapping[str, Any], depth: int) -> None:
        for name in _words(table.get("use")) if depth else ():
            if name in self.fragments:
                source, place = self.fragments[name]
                self._gather(parts, source, place, source.data["fragment"][name], depth - 1)
        if isinstance(table.get("tag"), str):
            unit = table.get("each", table.get("from"))
            words = tuple(unit) if isinstance(unit, dict) else ()
            place_of_tag = Place(document.file, document.line((*path, "tag")))
            parts.attributes[table["tag"]] = NamedAttribute(table["tag"], (), "", "", words, False, place_of_tag)
        for name, value in _table(table.get("derived")).items():
            parts.attributes[name] = _attribute(document, (*path, "derived", name), value, is_derived=True)
        for name, value in table.items():
            if name in _KEYWORDS:
                continue
            if isinstance(value, dict):
                parts.children[name] = (self._block(document, (*path, name), value, name),)
            elif isinstance(value, list) and value and all(isinstance(rule, dict) for rule in value):
                parts.children[name] = tuple(
                    self._block(document, (*path, name, index), rule, name) for index, rule in enumerate(value)
                )
            else:
                parts.attributes[name] = _attribute(document, (*path, name), value, is_derived=False)


def _attribute(document: TomlDocument, path: Path, value: object, *, is_derived: bool) -> NamedAttribute:
    """An attribute rule: `PATH codec`, or a list of such."""
    rules = [rule.partition(" ") for rule in _words(value)]
    codecs = {codec.strip() for _, _, codec in rules}
    codec, _, argument = (next(iter(codecs)) if len(codecs) == 1 else "").partition(":")
    return NamedAttribute(
        str(path[-1]),
        tuple(rule for rule, _, _ in rules),
        codec,
        argument if codec == "code" else "",
        (),
        is_derived,
        Place(document.file, document.line(path)),
    )


def _table(value: object) -> Mapping[str, Any]:
    """A table, or an empty one in place of anything else: the compiler tells what is wrong."""
    return value if isinstance(value, dict) else {}


def _words(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    return tuple(str(word) for word in value) if isinstance(value, list) else (str(value),)
