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
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
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
def guide(case: Case) -> Guide:
    """The guide itself."""
    return load_guide(case.guide)


@pytest.fixture(scope="module")
def program(guide: Guide) -> _native.Program:
    """The guide's grammar and map alone."""
    return _native.compile_program(msgpack.packb(grammar_and_map(guide)))


@pytest.fixture(scope="module")
def lenient_program(guide: Guide) -> _native.Program:
    """The same, where every loop and segment may be missing and come any number of times."""
    tables = grammar_and_map(guide)
    for loop in tables["guide"]["loops"]:
        loop |= {"usage": "S", "repeat": 0}
    for segment in tables["guide"]["segments"]:
        segment |= {"usage": "S", "max_use": 0}
    return _native.compile_program(msgpack.packb(tables))


def grammar_and_map(guide: Guide) -> dict[str, Any]:
    """Tables for the native core without rules, syntax notes and patterns."""
    code_sets = CodeSetNumbers()
    grammar = guide_table(guide, code_sets)
    for segment in grammar["segments"]:
        segment["syntax"] = []
        for element in all_elements(segment["elements"]):
            element["pattern"] = None
    mapping = compile_mapping(guide)
    return {"format": FORMAT, "guide": grammar, "code_sets": code_sets.tables, "rules": [], "mapping": mapping}


def all_elements(elements: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Elements and their components."""
    for element in elements:
        yield element
        yield from all_elements(element["components"])


def read(program: _native.Program, case: Case, lines: list[str]) -> tuple[list[str], bytes]:
    """The errors and the documents of one interchange with one set."""
    envelope = f"ISA*00*{'':10}*00*{'':10}*ZZ*{'A':15}*ZZ*{'B':15}*250401*0815*^*00501*000000001*0*T*:"
    group = f"GS*{case.functional_group}*A*B*20250401*0815*1*X*{case.guide}"
    text = "".join(f"{line}~" for line in [envelope, group, *lines, "GE*1*1", "IEA*1*000000001"])
    reader = _native.X12Reader()
    batches = [reader.feed(text.encode())]
    while batches[-1].need in {"program", "output"}:
        batches.append(reader.resume(program, document_prefix="0.1.1.1."))
    batches.append(reader.finish())
    findings = [found for batch in batches for found in batch.findings if found.severity == "error"]
    errors = [f"{found.segment}{found.element or ''} {found.kind}" for found in findings]
    inner = b"".join(batch.xml for batch in batches)
    return errors, f'<documents xmlns="{NAMESPACE}">'.encode() + inner + b"</documents>"


@pytest.mark.parametrize("number", range(0, ROUNDS, 8))
def test_everything_that_a_guide_allows_has_a_name_and_comes_back(
    case: Case, guide: Guide, program: _native.Program, number: int
) -> None:
    """No value in `other`, no order mark, a document that the schema allows, and the same set from it."""
    schema = etree.XMLSchema(etree.fromstring(committed_schema().encode()))
    for round_number in range(number, number + 8):
        lines = Composer(guide, case, round_number).compose()

        errors, documents = read(program, case, lines)

        assert errors == []
        root = etree.fromstring(documents)
        assert [etree.tostring(found) for found in root.iter(OTHER, ORDER)] == []
        assert schema.validate(root), schema.error_log
        generated = _native.generate_set(program, documents, control_number="0001")
        assert generated.text.decode().split("~")[:-1] == lines


# What is done to a set: the kind, the segment it is done to, the element.
Harm = tuple[str, int, int]
HARMS = st.lists(
    st.tuples(st.sampled_from(["drop", "repeat", "swap", "empty"]), st.integers(1, 250), st.integers(1, 12)),
    min_size=1,
    max_size=6,
)
# Segments that hold a loop together: without them the rest is another message.
KEPT = {"ST", "SE", "HL", "CLM", "INS", "LX", "LS", "LE"}


def harmed(lines: list[str], harms: list[Harm]) -> list[str]:
    """The set after all harms, with its count put right."""
    body = list(lines)
    for kind, at, element in harms:
        index = at % len(body)
        parts = body[index].split("*")
        if parts[0] in KEPT:
            continue
        if kind == "drop":
            del body[index]
        elif kind == "repeat":
            body.insert(index, body[index])
        elif kind == "swap" and body[index + 1].startswith(f"{parts[0]}*"):
            body[index], body[index + 1] = body[index + 1], body[index]
        elif kind == "empty" and element < len(parts):
            parts[element] = ""
            body[index] = "*".join(parts).rstrip("*")
    return [*body[:-1], f"SE*{len(body)}*0001"]


@settings(deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(number=st.integers(0, ROUNDS), harms=HARMS)
def test_what_is_dropped_repeated_swapped_or_emptied_comes_back(
    case: Case, guide: Guide, lenient_program: _native.Program, number: int, harms: list[Harm]
) -> None:
    """However a set departs from the guide: as long as its items are read, the documents give the same set again."""
    lines = harmed(Composer(guide, case, number).compose(), harms)
    errors, documents = read(lenient_program, case, lines)
    assume(not errors)

    generated = _native.generate_set(lenient_program, documents, control_number="0001")

    assert generated.text.decode().split("~")[:-1] == lines
