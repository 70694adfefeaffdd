"""Holds the dictionary against the mapping tables, both ways. Pure: files are read elsewhere."""

from collections.abc import Iterable, Iterator

from gateway.definitions.dictionary.model import Attribute, CanonicalType, Dictionary, ValueType
from gateway.definitions.dictionary.usage import NamedAttribute, NamedBlock, NamedTable
from gateway.definitions.positions import Fault

_CODEC_TYPES = {
    "date": ValueType.DATE,
    "time": ValueType.TIME,
    "period": ValueType.PERIOD,
    "code": ValueType.CODE,
}


def check_definitions(dictionary: Dictionary, tables: Iterable[NamedTable]) -> tuple[Fault, ...]:
    """Every disagreement: what a table names and the dictionary does not explain, and the other way round."""
    named = _Named(dictionary)
    for table in tables:
        for root, type_name in ((table.header, "header"), (table.item, table.item.name)):
            type_of = dictionary.types.get(type_name)
            if type_of is None:
                named.faults.append(root.place.fault(root.name, "the dictionary has no type of this name"))
            else:
                named.visit(root, type_of)
    return tuple(sorted({*named.faults, *_never_named(dictionary, named)}))


class _Named:
    """Walks the tables; keeps what they name and what is wrong with it."""

    def __init__(self, dictionary: Dictionary) -> None:
        self.dictionary = dictionary
        self.faults: list[Fault] = []
        self.entries: set[tuple[str, str]] = set()  # type name, name of the attribute or child

    def visit(self, block: NamedBlock, type_of: CanonicalType) -> None:
        attributes = {entry.name: entry for entry in self.dictionary.attributes_of(type_of)}
        for named in block.attributes:
            entry = attributes.get(named.name)
            if entry is None:
                message = f"the dictionary's type {type_of.name} has no such attribute"
                self.faults.append(named.place.fault(named.name, message))
            else:
                self.entries.add((type_of.name, named.name))
                self.faults.extend(named.place.fault(named.name, text) for text in _disagreements(named, entry))
        for name, word in block.defaults.items():
            if name in attributes and attributes[name].default != word:
                message = f"the dictionary says the default is {attributes[name].default}"
                self.faults.append(block.place.fault(f"default.{name}", message))
        self._visit_children(block, type_of)

    def _visit_children(self, block: NamedBlock, type_of: CanonicalType) -> None:
        children = self.dictionary.children_of(type_of)
        order = {entry.name: position for position, entry in enumerate(children)}
        last = 0
        for child in block.children:
            position = order.get(child.name)
            if position is None:
                message = f"the dictionary's type {type_of.name} has no such child"
                self.faults.append(child.place.fault(child.name, message))
                continue
            self.entries.add((type_of.name, child.name))
            if position < last:
                message = f"stands before {children[last].name} in the dictionary's type {type_of.name}; keep its order"
                self.faults.append(child.place.fault(child.name, message))
            last = max(last, position)
            if child.is_many != children[position].is_many:
                several = "many = true" if children[position].is_many else "at most one"
                self.faults.append(child.place.fault(child.name, f"the dictionary says {several}"))
            self.visit(child, self.dictionary.types[children[position].type_name])


def _disagreements(named: NamedAttribute, entry: Attribute) -> Iterator[str]:
    """What the rule says otherwise than the dictionary."""
    if named.words:
        missing = [word for word in named.words if word not in entry.values]
        if missing:
            yield f"the dictionary's values lack {missing[0]}"
        return
    if named.is_derived != entry.is_derived:
        yield "is derived in the dictionary" if entry.is_derived else "is not derived in the dictionary"
    expected = _CODEC_TYPES.get(named.codec)
    if expected is not None and entry.value_type is not expected:
        yield f"the codec {named.codec} gives type {expected}, the dictionary says {entry.value_type}"
    if expected is None and entry.value_type in _CODEC_TYPES.values():
        yield f"the dictionary says type {entry.value_type}, which needs a codec"
    if named.code_table and named.code_table not in entry.codes:
        yield f"the dictionary does not name the code table {named.code_table}"


def _never_named(dictionary: Dictionary, named: _Named) -> Iterator[Fault]:
    """Entries of the dictionary that no table names: a promise that nothing keeps."""
    reached = _reached(dictionary)
    for group in dictionary.groups.values():
        users = [name for name in reached if group.name in _groups_of(dictionary, dictionary.types[name])]
        for entry in group.entries:
            if not any((user, entry.name) in named.entries for user in users):
                yield entry.place.fault(entry.name, "no mapping table names it")
    for type_of in dictionary.types.values():
        if type_of.is_gateway:
            continue
        if type_of.name not in reached:
            yield type_of.place.fault(type_of.name, "no element has this type")
            continue
        for entry in type_of.entries:
            if (type_of.name, entry.name) not in named.entries:
                yield entry.place.fault(entry.name, "no mapping table names it")


def _reached(dictionary: Dictionary) -> set[str]:
    """Types that an element of a document can have."""
    reached: set[str] = set()
    waiting = [name for name in ("document",) if name in dictionary.types]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting.extend(child.type_name for child in dictionary.children_of(dictionary.types[name]))
    return reached


def _groups_of(dictionary: Dictionary, type_of: CanonicalType) -> set[str]:
    found: set[str] = set()
    waiting = list(type_of.uses)
    while waiting:
        name = waiting.pop()
        found.add(name)
        waiting.extend(dictionary.groups[name].uses)
    return found
