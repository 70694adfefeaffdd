"""A mapping resolved against its guide: elements, attributes and the slots they live in.

Mirrors native/core/src/map/tables.rs, indexes included; also what the dictionary and the XSD are checked against.
Must not know TOML.
"""

from dataclasses import dataclass

from gateway.definitions.mapping.paths import Condition


@dataclass(frozen=True, slots=True)
class Route:
    """Up to loop `base`, down through `loops`, to any segment of `segments` (empty = the loop itself)."""

    base: int
    loops: tuple[int, ...]
    segments: tuple[int, ...]
    conditions: tuple[Condition, ...]

    @property
    def target(self) -> int:
        """The loop it leads to."""
        return self.loops[-1] if self.loops else self.base


@dataclass(frozen=True, slots=True)
class ElementPlace:
    """A simple element or component, from 1."""

    element: int
    component: int


@dataclass(frozen=True, slots=True)
class OffsetPlace:
    """In a group, from its first element (0)."""

    offset: int
    component: int


@dataclass(frozen=True, slots=True)
class ComponentPlace:
    """In the current composite, from 1."""

    component: int


Place = ElementPlace | OffsetPlace | ComponentPlace


@dataclass(frozen=True, slots=True)
class Slot:
    """`route` is None inside a segment, composite or group."""

    route: Route | None
    place: Place
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Attribute:
    """`codec` is "", "date", "time", "period" (argument: element of the qualifier) or "code" (argument: table)."""

    name: str
    slot: Slot
    codec: str
    argument: str
    default: str | None
    derived: bool


@dataclass(frozen=True, slots=True)
class Constant:
    """A value written with the unit."""

    slot: Slot
    value: str


@dataclass(frozen=True, slots=True)
class Whole:
    """The loop or segment itself."""


@dataclass(frozen=True, slots=True)
class Composite:
    """One composite."""

    element: int


@dataclass(frozen=True, slots=True)
class Composites:
    """Composites side by side."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Groups:
    """Groups of `step` simple elements."""

    first: int
    last: int
    step: int


@dataclass(frozen=True, slots=True)
class Repetitions:
    """The repetitions of one element."""

    element: int


Part = Whole | Composite | Composites | Groups | Repetitions


@dataclass(frozen=True, slots=True)
class Unit:
    """What an element is bound to; `route` None = the unit of the enclosing element or a part of it."""

    route: Route | None
    part: Part


@dataclass(frozen=True, slots=True)
class Body:
    """The rules of an element in order of priority."""

    constants: tuple[Constant, ...]
    attributes: tuple[Attribute, ...]
    blocks: tuple["Block", ...]


@dataclass(frozen=True, slots=True)
class Branch:
    """One way to be this element; `value` is what the tag says of it."""

    value: str | None
    unit: Unit
    body: Body


@dataclass(frozen=True, slots=True)
class Block:
    """A child element. `many`: one for every unit; else at most one."""

    element: str
    many: bool
    tag: str | None
    branches: tuple[Branch, ...]


@dataclass(frozen=True, slots=True)
class ItemBranch:
    """The item's rules on one of its loops."""

    value: str | None
    loop: int
    body: Body


@dataclass(frozen=True, slots=True)
class ItemBlock:
    """The element of one item."""

    element: str
    tag: str | None
    branches: tuple[ItemBranch, ...]


@dataclass(frozen=True, slots=True)
class CodeTable:
    """Codes as sent and words of the canonical XML, a bijection."""

    id: str
    pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Mapping:
    """One guide's table; `codes` holds only the tables it uses."""

    guide: str
    codes: tuple[CodeTable, ...]
    set: Body
    item: ItemBlock | None
