"""Sets that have everything a guide allows, made from the guide itself, through the maps both ways.

The corpus shows what partners happen to send; a guide allows ten times as much. Every loop and segment stands once,
every element is filled, as long or as short as may be, and round `n` takes the n-th code of each code list. Rules,
syntax notes and patterns are left out of the program: the maps are on trial, and made-up values would break them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgpack
import pytest
from lxml import etree

from gateway import _native  # noqa: TID251 - the one way to leave the rules out
from gateway.definitions.compile import FORMAT
from gateway.definitions.dictionary.package import committed_schema
from gateway.definitions.guides.catalogue import load_guide
from gateway.definitions.guides.model import DataType, Element, Guide, Loop, LoopChild, Segment, Usage
from gateway.definitions.guides.tables import CodeSetNumbers, guide_table
from gateway.definitions.mapping import compile_mapping

NAMESPACE = "urn:gateway:canonical:1"
OTHER = f"{{{NAMESPACE}}}other"
ORDER = f"{{{NAMESPACE}}}order"
# The longest code list of an element that a map translates.
ROUNDS = 64
SAMPLES = {DataType.DATE: "20250304", DataType.TIME: "1151"}
FORMATS = {"D8": "20250304", "RD8": "20250304-20250305"}


@dataclass(frozen=True)
class Case:
    """A guide and the loops to leave out: a claim stands below the subscriber or below the patient."""

    guide: str
    transaction_set: str
    functional_group: str
    without: frozenset[str]

    def __str__(self) -> str:
        """The name of the case."""
        return f"{self.guide}-without-{'-'.join(sorted(self.without)) or 'nothing'}"


CASES = [
    Case("005010X222A1", "837", "HC", frozenset({"2000C"})),
    Case("005010X222A1", "837", "HC", frozenset({"2000B/2300"})),
    Case("005010X220A1", "834", "BE", frozenset()),
]


@dataclass
class Composer:
    """Writes one set with everything in it."""

    guide: Guide
    case: Case
    number: int
    hierarchical: int = 0
    lines: list[str] = field(default_factory=list)

    def compose(self) -> list[str]:
        """The segments from ST to SE."""
        self._loop(self.guide.loops[0], 0)
        opening = f"ST*{self.case.transaction_set}*0001*{self.case.guide}"
        return [opening, *self.lines, f"SE*{len(self.lines) + 2}*0001"]

    def _loop(self, loop: Loop, parent: int) -> None:
        mine = parent
        inner = [child for child in loop.children if not isinstance(child, LoopChild) or self._is_in(child, loop)]
        for child in inner:
            if isinstance(child, LoopChild):
                self._loop(self.guide.loops[child.index], mine)
                continue
            segment = self.guide.segments[child.index]
            if segment.usage is Usage.NOT_USED or segment.id in {"ST", "SE"}:
                continue
            if segment.id == "HL":
                self.hierarchical = mine = self.hierarchical + 1
                has_level = any(isinstance(other, LoopChild) and self._is_level(other) for other in inner)
                level = self._value(segment.elements[2], "")
                self.lines.append(f"HL*{mine}*{parent or ''}*{level}*{int(has_level)}")
            elif segment.id == "LX":
                self.lines.append("LX*1")
            else:
                self.lines.append(self._segment(segment))

    def _is_in(self, child: LoopChild, parent: Loop) -> bool:
        loop = self.guide.loops[child.index]
        left_out = {loop.id, f"{parent.id}/{loop.id}"} & self.case.without
        return loop.usage is not Usage.NOT_USED and not left_out

    def _is_level(self, child: LoopChild) -> bool:
        first = self.guide.loops[child.index].children[0]
        return not isinstance(first, LoopChild) and self.guide.segments[first.index].id == "HL"

    def _segment(self, segment: Segment) -> str:
        key = segment.key
        written: list[str] = []
        for position, element in enumerate(segment.elements, 1):
            parts: list[str] = []
            for component, leaf in enumerate(element.components or (element,), 1):
                beside = parts if element.components else written
                form = beside[leaf.format_by - 1] if leaf.format_by else ""
                if key is not None and (key.element, key.component) == (position, component):
                    parts.append(self._code(key.codes.codes))
                elif Usage.NOT_USED in {element.usage, leaf.usage}:
                    parts.append("")
                else:
                    parts.append(self._value(leaf, form))
            written.append(":".join(parts).rstrip(":"))
        return "*".join([segment.id, *written]).rstrip("*")

    def _value(self, element: Element, form: str) -> str:
        if element.codes is not None and element.codes.codes:
            return self._code(element.codes.codes)
        if element.data_type in SAMPLES:
            return SAMPLES[element.data_type]
        if form in FORMATS:
            return FORMATS[form]
        size = max(element.min_length, 1) if self.number % 2 else element.max_length
        is_number = element.data_type in {DataType.DECIMAL, DataType.NUMERIC}
        return "1" * size if is_number else f"X{self.number}".ljust(size, "Y")[:size]

    def _code(self, codes: tuple[str, ...]) -> str:
        return sorted(codes)[self.number % len(codes)]


@pytest.fixture(scope="module", params=CASES, ids=str)
def case(request: pytest.FixtureRequest) -> Case:
    """A guide, and how its items stand in it."""
    found: Case = request.param
    return found


@pytest.fixture(scope="module")
def program(case: Case) -> _native.Program:
    """The guide's grammar and map alone."""
    guide = load_guide(case.guide)
    code_sets = CodeSetNumbers()
    grammar = guide_table(guide, code_sets)
    for segment in grammar["segments"]:
        segment["syntax"] = []
        for element in all_elements(segment["elements"]):
            element["pattern"] = None
    mapping = compile_mapping(guide)
    tables = {"format": FORMAT, "guide": grammar, "code_sets": code_sets.tables, "rules": [], "mapping": mapping}
    return _native.compile_program(msgpack.packb(tables))


def all_elements(elements: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Elements and their components."""
    for element in elements:
        yield element
        yield from all_elements(element["components"])


def documents_of(program: _native.Program, case: Case, lines: list[str]) -> bytes:
    """The documents of one interchange with one set; every error is a failure."""
    envelope = f"ISA*00*{'':10}*00*{'':10}*ZZ*{'A':15}*ZZ*{'B':15}*250401*0815*^*00501*000000001*0*T*:"
    group = f"GS*{case.functional_group}*A*B*20250401*0815*1*X*{case.guide}"
    text = "".join(f"{line}~" for line in [envelope, group, *lines, "GE*1*1", "IEA*1*000000001"])
    reader = _native.X12Reader()
    batches = [reader.feed(text.encode())]
    while batches[-1].need in {"program", "output"}:
        batches.append(reader.resume(program, document_prefix="0.1.1.1."))
    batches.append(reader.finish())
    errors = [
        (found.segment, found.element, found.kind)
        for batch in batches
        for found in batch.findings
        if found.severity == "error"
    ]
    assert errors == []
    inner = b"".join(batch.xml for batch in batches)
    return f'<documents xmlns="{NAMESPACE}">'.encode() + inner + b"</documents>"


@pytest.mark.parametrize("number", range(0, ROUNDS, 8))
def test_everything_that_a_guide_allows_has_a_name_and_comes_back(
    case: Case, program: _native.Program, number: int
) -> None:
    """No value in `other`, no order mark, a document that the schema allows, and the same set from it."""
    schema = etree.XMLSchema(etree.fromstring(committed_schema().encode()))
    guide = load_guide(case.guide)
    for round_number in range(number, number + 8):
        lines = Composer(guide, case, round_number).compose()

        documents = documents_of(program, case, lines)

        root = etree.fromstring(documents)
        assert [etree.tostring(found) for found in root.iter(OTHER, ORDER)] == []
        assert schema.validate(root), schema.error_log
        generated = _native.generate_set(program, documents, control_number="0001")
        assert generated.text.decode().split("~")[:-1] == lines
