"""Reads the dictionary's TOML files and the code tables into the model.

Every fault of every file is found before anything is raised. Must not know mapping tables or the XSD.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from gateway.definitions.dictionary.model import (
    Attribute,
    CanonicalType,
    Child,
    CodeTable,
    Dictionary,
    Group,
    Place,
    ValueType,
)
from gateway.definitions.positions import DefinitionError, Fault, Path, TomlDocument

_GROUP_KEYS = {"definition", "use", "attribute", "child"}
_TYPE_KEYS = _GROUP_KEYS | {"item", "origin", "text"}
_ATTRIBUTE_KEYS = {
    "type",
    "definition",
    "size",
    "codes",
    "values",
    "default",
    "phi",
    "required",
    "derived",
}
_CHILD_KEYS = {"type", "definition", "many", "required"}
_FLAGS = {"item", "text", "phi", "required", "derived", "many"}
# Groups in groups in groups; more is a circle.
_MAX_GROUP_DEPTH = 8


def load_dictionary(dictionary: Iterable[TomlDocument], codes: Iterable[TomlDocument]) -> Dictionary:
    """The dictionary of these files. Raises DefinitionError with every fault that the files have."""
    reader = _Reader()
    for document in codes:
        reader.read_codes(document)
    for document in dictionary:
        reader.read_dictionary(document)
    loaded = Dictionary(reader.groups, reader.types, reader.code_tables)
    reader.faults.extend(_broken_names(loaded))
    if reader.faults:
        raise DefinitionError(*sorted(reader.faults))
    return loaded


class _Reader:
    """Collects what the files say and what is wrong with them."""

    def __init__(self) -> None:
        self.groups: dict[str, Group] = {}
        self.types: dict[str, CanonicalType] = {}
        self.code_tables: dict[str, CodeTable] = {}
        self.faults: list[Fault] = []

    def read_codes(self, document: TomlDocument) -> None:
        for name, words in self._tables(document, ("codes",)).items():
            place = _place(document, ("codes", name))
            if not isinstance(words, dict) or not all(isinstance(word, str) for word in words.values()):
                self.faults.append(place.fault(name, "a code table has a word for each code"))
            elif name in self.code_tables:
                self.faults.append(place.fault(name, f"is a code table of {self.code_tables[name].place.file} too"))
            else:
                self.code_tables[name] = CodeTable(name, words, place)

    def read_dictionary(self, document: TomlDocument) -> None:
        for kind, tables in document.data.items():
            if kind not in {"group", "type"} or not isinstance(tables, dict):
                self.faults.append(document.fault((kind,), "a dictionary file has [group.name] and [type.name] only"))
                continue
            for name, table in tables.items():
                if self._is_table(document, (kind, name), table):
                    self._read_group(document, (kind, name), table)

    def _tables(self, document: TomlDocument, path: Path) -> Mapping[str, Any]:
        """The table at this path; empty where there is none, with a fault where something else stands there."""
        found: Any = document.data
        for key in path:
            found = found.get(key, {})
        return found if self._is_table(document, path, found) else {}

    def _is_table(self, document: TomlDocument, path: Path, value: object) -> bool:
        if not isinstance(value, dict):
            self.faults.append(document.fault(path, "must be a table"))
        return isinstance(value, dict)

    def _read_group(self, document: TomlDocument, path: Path, table: Mapping[str, Any]) -> None:
        kind, name = str(path[0]), str(path[1])
        self._check_keys(document, path, table, _GROUP_KEYS if kind == "group" else _TYPE_KEYS)
        self._check_definition(document, path, table)
        if name in (self.groups if kind == "group" else self.types):
            self.faults.append(document.fault(path, f"there is another {kind} of this name"))
        attributes = tuple(
            self._attribute(document, (*path, "attribute", key), value)
            for key, value in self._tables(document, (*path, "attribute")).items()
            if self._is_table(document, (*path, "attribute", key), value)
        )
        children = tuple(
            self._child(document, (*path, "child", key), value)
            for key, value in self._tables(document, (*path, "child")).items()
            if self._is_table(document, (*path, "child", key), value)
        )
        shared = (name, str(table.get("definition", "")), _words(table.get("use")), attributes, children)
        place = _place(document, path)
        if kind == "group":
            self.groups[name] = Group(*shared, place)
            return
        self.types[name] = CanonicalType(
            *shared,
            place,
            is_item=table.get("item", False),
            is_text=table.get("text", False),
            is_gateway=table.get("origin") == "gateway",
        )

    def _attribute(self, document: TomlDocument, path: Path, table: Mapping[str, Any]) -> Attribute:
        self._check_keys(document, path, table, _ATTRIBUTE_KEYS)
        self._check_definition(document, path, table)
        codes, values = _words(table.get("codes")), _words(table.get("values"))
        value_type = ValueType.TEXT
        try:
            value_type = ValueType(str(table.get("type", "")))
        except ValueError:
            names = ", ".join(ValueType)
            self.faults.append(document.fault(path, f"type must be one of {names}"))
        if (value_type is ValueType.CODE) != bool(codes or values):
            self.faults.append(document.fault(path, "`codes` or `values` belong to the type code, and to it alone"))
        size = table.get("size")
        if size is not None and (value_type is not ValueType.TEXT or type(size) is not int or size < 1):
            self.faults.append(document.fault(path, "size is the greatest length of a text, from 1"))
            size = None
        return Attribute(
            str(path[-1]),
            value_type,
            str(table.get("definition", "")),
            size,
            codes,
            values,
            None if table.get("default") is None else str(table["default"]),
            table.get("phi", False),
            table.get("required", False),
            table.get("derived", False),
            _place(document, path),
        )

    def _child(self, document: TomlDocument, path: Path, table: Mapping[str, Any]) -> Child:
        self._check_keys(document, path, table, _CHILD_KEYS)
        self._check_definition(document, path, table)
        return Child(
            str(path[-1]),
            str(table.get("type", "")),
            str(table.get("definition", "")),
            table.get("many", False),
            table.get("required", False),
            _place(document, path),
        )

    def _check_keys(self, document: TomlDocument, path: Path, table: Mapping[str, Any], known: set[str]) -> None:
        for key, value in table.items():
            if key not in known:
                expected = ", ".join(sorted(known))
                self.faults.append(document.fault((*path, key), f"is not known here; known are {expected}"))
            elif key in _FLAGS and not isinstance(value, bool):
                self.faults.append(document.fault((*path, key), "must be true or false"))

    def _check_definition(self, document: TomlDocument, path: Path, table: Mapping[str, Any]) -> None:
        definition = table.get("definition")
        if not isinstance(definition, str) or not definition.endswith("."):
            self.faults.append(document.fault(path, "needs a definition: a sentence with a full stop"))


def _place(document: TomlDocument, path: Path) -> Place:
    return Place(document.file, document.line(path))


def _words(value: object) -> tuple[str, ...]:
    """A word or a list of words."""
    if value is None:
        return ()
    return tuple(str(word) for word in value) if isinstance(value, list) else (str(value),)


def _broken_names(dictionary: Dictionary) -> Iterable[Fault]:
    """Names of groups, types and code tables that do not exist; names that stand twice in one element."""
    for group in (*dictionary.groups.values(), *dictionary.types.values()):
        unknown = [name for name in group.uses if name not in dictionary.groups]
        if unknown:
            yield group.place.fault(group.name, f"uses {unknown[0]}, which is no group")
        elif _is_circular(dictionary, group, _MAX_GROUP_DEPTH):
            yield group.place.fault(group.name, "uses groups in a circle")
        else:
            yield from _names_twice(dictionary, group)
        for attribute in group.attributes:
            for table in attribute.codes:
                if table not in dictionary.code_tables:
                    yield attribute.place.fault(attribute.name, f"there is no code table {table} in mappings/codes")
            yield from _bad_default(dictionary, attribute)
        for child in group.children:
            if child.type_name not in dictionary.types:
                yield child.place.fault(child.name, f"there is no type {child.type_name!r}")


def _is_circular(dictionary: Dictionary, group: Group, depth: int) -> bool:
    return depth == 0 or any(
        _is_circular(dictionary, dictionary.groups[name], depth - 1) for name in group.uses if name in dictionary.groups
    )


def _names_twice(dictionary: Dictionary, group: Group) -> Iterable[Fault]:
    if any(name not in dictionary.groups for name in _all_uses(dictionary, group)):
        return
    seen: set[str] = set()
    for entry in dictionary.entries_of(group):
        if entry.name in seen:
            yield entry.place.fault(entry.name, f"stands twice in {group.name}, or as attribute and child")
        seen.add(entry.name)


def _all_uses(dictionary: Dictionary, group: Group) -> Iterable[str]:
    for name in group.uses:
        yield name
        if name in dictionary.groups:
            yield from _all_uses(dictionary, dictionary.groups[name])


def _bad_default(dictionary: Dictionary, attribute: Attribute) -> Iterable[Fault]:
    if attribute.default is None or attribute.value_type is not ValueType.CODE:
        return
    tables = (dictionary.code_tables[name] for name in attribute.codes if name in dictionary.code_tables)
    if attribute.default not in {*attribute.values, *(word for table in tables for word in table.words.values())}:
        yield attribute.place.fault(attribute.name, "the default is none of the attribute's words")
