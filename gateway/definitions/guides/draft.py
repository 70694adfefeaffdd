"""Reads pyx12's map files into drafts that overlays may still change.

Owns pyx12's XML dialect: `transaction` > `loop` > `segment` > `element` | `composite`, `dataele.xml`, `codes.xml`.
Envelope loops and segments are left behind, since the native core knows them. Must not know overlays or tables.
"""

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

from gateway.definitions.guides.model import DataType, Usage
from gateway.definitions.positions import DefinitionError, Fault

SET_LOOP = "ST_LOOP"
NO_LIMIT = 0

_UNLIMITED_LENGTH = 1 << 20
"""For data elements that pyx12's dictionary lacks: the core caps segments itself."""


@dataclass(slots=True)
class DraftElement:
    """An element before overlays; `external` names a code set of codes.xml."""

    data_element: str
    name: str
    usage: Usage
    data_type: DataType = DataType.TEXT
    min_length: int = 0
    max_length: int = 0
    codes: list[str] = field(default_factory=list)
    external: str | None = None
    pattern: str | None = None
    repeat: int = 1
    components: list["DraftElement"] = field(default_factory=list)


@dataclass(slots=True)
class DraftSegment:
    """A segment before overlays."""

    id: str
    name: str
    usage: Usage
    max_use: int
    position: int
    elements: list[DraftElement] = field(default_factory=list)
    syntax: list[tuple[str, tuple[int, ...]]] = field(default_factory=list)
    key: tuple[int, int] | None = None


@dataclass(slots=True)
class DraftLoop:
    """A loop before overlays; children in the order of the file."""

    id: str
    name: str
    usage: Usage
    repeat: int
    position: int
    wrapper: bool
    children: list["DraftLoop | DraftSegment"] = field(default_factory=list)

    def sort(self) -> None:
        """Children by position, equal positions in the order of the guide, all the way down."""
        self.children.sort(key=lambda child: child.position)
        for child in self.children:
            if isinstance(child, DraftLoop):
                child.sort()

    def loops(self) -> Iterator["DraftLoop"]:
        """This loop and every loop below it, depth first."""
        yield self
        for child in self.children:
            if isinstance(child, DraftLoop):
                yield from child.loops()


@dataclass(frozen=True, slots=True)
class DataDictionary:
    """pyx12's data elements (type, lengths) and external code sets."""

    elements: dict[str, tuple[DataType, int, int]]
    code_sets: dict[str, tuple[str, ...]]


def map_folder() -> Traversable:
    """The folder of maps in the installed pyx12."""
    return files("pyx12") / "map"


def read_map(file: str) -> ET.Element:
    """The root of one XML file of pyx12; raises DefinitionError where it is missing or broken."""
    try:
        # The file comes with an installed, pinned package: it is as trusted as the code itself.
        return ET.fromstring((map_folder() / file).read_bytes())  # noqa: S314
    except FileNotFoundError:
        raise DefinitionError(Fault(f"pyx12/map/{file}", 0, "", "is not in the installed pyx12")) from None
    except ET.ParseError as error:
        raise DefinitionError(Fault(f"pyx12/map/{file}", error.position[0], "", f"is no XML: {error}")) from None


@cache
def read_dictionary() -> DataDictionary:
    """Data elements and code sets of the installed pyx12, as they are."""
    elements = {
        entry.get("ele_num", ""): (
            _data_type(entry.get("data_type", "AN")),
            int(entry.get("min_len", "0")),
            int(entry.get("max_len", "0")),
        )
        for entry in read_map("dataele.xml").iter("data_ele")
    }
    code_sets = {
        entry.findtext("id", ""): tuple(code.text or "" for code in entry.iterfind("version/code"))
        for entry in read_map("codes.xml").iter("codeset")
    }
    return DataDictionary(elements, code_sets)


def read_guide(file: str, dictionary: DataDictionary) -> DraftLoop:
    """The transaction-set loop of one map."""
    root = read_map(file)
    node = next((loop for loop in root.iter("loop") if loop.get("xid") == SET_LOOP), None)
    trailer = next((segment for segment in root.iter("segment") if segment.get("xid") == "SE"), None)
    if node is None or trailer is None:
        raise DefinitionError(Fault(f"pyx12/map/{file}", 0, "", f"has no {SET_LOOP} or no SE"))
    loop = _loop(node, dictionary)
    if not any(child.id == "SE" for child in loop.children):  # 277 X212 has it in a table beside the set
        loop.children.append(_segment(trailer, dictionary))
    return loop


def segment_ids(file: str) -> frozenset[str]:
    """Every segment id that one map names."""
    return frozenset(segment.get("xid", "") for segment in read_map(file).iter("segment"))


def map_files() -> tuple[str, ...]:
    """Every map of the installed pyx12, the ones that no guide uses included."""
    names = (entry.name for entry in map_folder().iterdir())
    return tuple(sorted(name for name in names if name.endswith(".xml") and name[:3].isdigit()))


def _loop(node: ET.Element, dictionary: DataDictionary) -> DraftLoop:
    loop = DraftLoop(
        id=node.get("xid", ""),
        name=_text(node, "name"),
        usage=_usage(node),
        repeat=_limit(_text(node, "repeat", ">1")),
        position=int(_text(node, "pos", "0")),
        wrapper=node.get("type") == "wrapper",
    )
    for child in node:
        if child.tag == "loop":
            inner = _loop(child, dictionary)
            if inner.children:  # 837's FOOTER is empty
                loop.children.append(inner)
        elif child.tag == "segment":
            loop.children.append(_segment(child, dictionary))
    return loop


def _segment(node: ET.Element, dictionary: DataDictionary) -> DraftSegment:
    parts = [child for child in node if child.tag in {"element", "composite"}]
    parts.sort(key=lambda part: int(_text(part, "seq")))
    return DraftSegment(
        id=node.get("xid", ""),
        name=_text(node, "name"),
        usage=_usage(node),
        max_use=_limit(_text(node, "max_use", "1")),
        position=int(_text(node, "pos", "0")),
        elements=[_element(part, dictionary) for part in parts],
        syntax=[_syntax(note.text) for note in node.findall("syntax") if note.text],
    )


def _element(node: ET.Element, dictionary: DataDictionary) -> DraftElement:
    element = DraftElement(
        data_element=_text(node, "data_ele"),
        name=_text(node, "name"),
        usage=_usage(node),
        repeat=_limit(_text(node, "repeat", "1")),
    )
    if node.tag == "composite":
        parts = sorted(node.findall("element"), key=lambda part: int(_text(part, "seq")))
        element.components = [_element(part, dictionary) for part in parts]
        return element
    kind = dictionary.elements.get(element.data_element, (DataType.TEXT, 1, _UNLIMITED_LENGTH))
    element.data_type, element.min_length, element.max_length = kind
    element.pattern = _text(node, "regex") or None
    codes = node.find("valid_codes")
    if codes is not None:
        element.external = codes.get("external")
        element.codes = [code.text or "" for code in codes.findall("code")]
    return element


def _syntax(text: str) -> tuple[str, tuple[int, ...]]:
    """`P0304` to `("P", (3, 4))`."""
    digits = text.strip()[1:]
    return text.strip()[0], tuple(int(digits[at : at + 2]) for at in range(0, len(digits) - 1, 2))


def _text(node: ET.Element, name: str, default: str = "") -> str:
    return (node.get(name) or node.findtext(name) or default).strip()


def _usage(node: ET.Element) -> Usage:
    return Usage(_text(node, "usage", "S"))


def _limit(text: str) -> int:
    return int(text) if text.isdigit() else NO_LIMIT


def _data_type(text: str) -> DataType:
    return DataType.NUMERIC if text[0] == "N" and text[1:].isdigit() else DataType(text)
