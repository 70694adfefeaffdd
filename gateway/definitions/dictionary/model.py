"""The dictionary as frozen values: groups and types, their attributes and children. Reads nothing, checks nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from gateway.definitions.positions import Fault


class ValueType(StrEnum):
    """What an attribute's value looks like in a document."""

    TEXT = "text"
    CODE = "code"
    DATE = "date"  # 2005-02-14
    TIME = "time"  # 11:51 or 11:51:01
    PERIOD = "period"  # a date, a date with a time, a time, or first/last
    DECIMAL = "decimal"  # as the sender wrote it: 120.00
    COUNT = "count"  # a whole number from 0


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is defined. `line` is from 1."""

    file: str
    line: int

    def fault(self, key: str, message: str) -> Fault:
        """A fault that points here."""
        return Fault(self.file, self.line, key, message)


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute. `size` is the greatest length in characters; `codes` names code tables, which are open.

    `values` are words that no code table has; alone, without `codes`, they are all there are.
    """

    name: str
    value_type: ValueType
    definition: str
    size: int | None
    codes: tuple[str, ...]
    values: tuple[str, ...]
    default: str | None
    is_phi: bool
    is_required: bool
    is_derived: bool
    place: Place


@dataclass(frozen=True, slots=True)
class Child:
    """One child element and its type."""

    name: str
    type_name: str
    definition: str
    is_many: bool
    is_required: bool
    place: Place


Entry = Attribute | Child


@dataclass(frozen=True, slots=True)
class Group:
    """Attributes and children that several types share. `uses` names further groups."""

    name: str
    definition: str
    uses: tuple[str, ...]
    attributes: tuple[Attribute, ...]
    children: tuple[Child, ...]
    place: Place

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Its own attributes, then its own children."""
        return (*self.attributes, *self.children)


@dataclass(frozen=True, slots=True)
class CanonicalType(Group):
    """The type of elements; `attributes` and `children` are its own, without those of the groups it uses."""

    is_item: bool  # the body of a document, with its place in the set as `at`
    is_text: bool  # has text content
    is_gateway: bool  # written by the gateway itself: no mapping table names it


@dataclass(frozen=True, slots=True)
class CodeTable:
    """A code table of the mapping language: the standard's code and the word for it."""

    name: str
    words: Mapping[str, str]
    place: Place


@dataclass(frozen=True, slots=True)
class Dictionary:
    """All groups, types and code tables, each by its name."""

    groups: Mapping[str, Group]
    types: Mapping[str, CanonicalType]
    code_tables: Mapping[str, CodeTable]

    def entries_of(self, group: Group) -> tuple[Entry, ...]:
        """Every attribute, then every child."""
        return (*self.attributes_of(group), *self.children_of(group))

    def attributes_of(self, group: Group) -> tuple[Attribute, ...]:
        """Every attribute, those of the groups first."""
        shared = (found for name in group.uses for found in self.attributes_of(self.groups[name]))
        return (*shared, *group.attributes)

    def children_of(self, group: Group) -> tuple[Child, ...]:
        """Every child in the order of the document, those of the groups first."""
        shared = (found for name in group.uses for found in self.children_of(self.groups[name]))
        return (*shared, *group.children)
