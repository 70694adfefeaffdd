"""A scripted reader and short ways to build what the judge says."""

from array import array
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import pytest

from gateway.model.finding import ByteRange, Carrier, Finding, Place, Severity
from gateway.model.judgement import GroupJudged, InterchangeJudged, ItemJudged, Outcome, SetJudged

ISA = "ISA*00*          *00*          *ZZ*SENDER         *ZZ*RECEIVER       *250301*1200*^*00501*000000101*0*T*:~"
CLAIM_GROUP = ("GS", "HC", "APPSENDER", "APPRECEIVER", "20250301", "1200", "77", "X", "005010X222A1")


def _set_of(item: "Item") -> tuple[int, int, int]:
    return item.interchange, item.group, item.set


@dataclass
class RawFinding:
    """A finding as the reader gives it."""

    carrier: str = "IK403"
    code: str = "7"
    severity: str = "error"
    snip: int = 2
    kind: str = "invalid-code"
    detail: str = ""
    interchange: int = 1
    group: int | None = 1
    set: int | None = 1
    item: int | None = None
    segment: str | None = "CLM"
    position: int | None = 22
    loop: str | None = "2300"
    element: int | None = 5
    component: int | None = 3
    repetition: int | None = None
    data_element: str | None = "1325"
    name: str | None = "Claim Frequency Code"
    rule: str | None = None
    value: tuple[int, int] | None = None
    trigger: tuple[str, int, int, int] | None = None


@dataclass
class Item:
    """An item as the reader gives it."""

    ordinal: int
    worst: str = ""
    xml: tuple[int, int] | None = None
    interchange: int = 1
    group: int = 1
    set: int = 1
    source: tuple[int, int] = (0, 0)
    context: tuple[int, int] | None = (0, 0)

    def __post_init__(self) -> None:
        """Items of 100 bytes one behind the other, where nothing else is said."""
        if self.source == (0, 0):
            self.source = (100 + 100 * self.ordinal, 200 + 100 * self.ordinal)
        if self.context == (0, 0):
            self.context = (self.source[0] + 4, self.source[0] + 9)


class ItemRun:
    """Items of one set as the reader packs them; `xml` of an item is its range in the batch."""

    def __init__(self, items: list[Item], xml_start: int) -> None:
        first = items[0]
        self.interchange, self.group, self.set = first.interchange, first.group, first.set
        self.count = len(items)
        self.faulty = sum(item.worst == "error" for item in items)
        self.worst = bytes(("", "info", "warning", "error").index(item.worst) for item in items)
        self.source_start = first.source[0]
        documents = [item.xml for item in items if item.xml is not None]
        self.document_start = xml_start + (documents[0][0] if documents else 0)
        sizes, contexts, gaps = array("I"), array("H"), array("I")
        before = self.source_start
        for index, item in enumerate(items):
            begin, end = item.source
            sizes.extend((end - begin, 0xFFFFFFFF if item.xml is None else item.xml[1] - item.xml[0]))
            named = item.context
            contexts.extend((0xFFFF, 0) if named is None else (named[0] - begin, named[1] - named[0]))
            if begin > before:
                gaps.extend((index, begin - before))
            before = end
        self.sizes, self.contexts, self.gaps = sizes.tobytes(), contexts.tobytes(), gaps.tobytes()


@dataclass
class Unit:
    """A unit as the reader gives it."""

    kind: str
    interchange: int = 1
    group: int | None = 1
    set: int | None = None
    header: list[str] = field(default_factory=list)
    trailer: list[str] | None = None
    count: int = 1
    range: tuple[int, int] = (0, 1000)
    beginning: list[str] = field(default_factory=list)
    items: int = 0
    errors: int = 0
    warnings: int = 0
    suppressed: int = 0
    acknowledgements: list[list[str]] = field(default_factory=list)
    guide: str | None = "005010X222A1"


@dataclass
class Header:
    """What the reader knows when a set begins."""

    interchange_ordinal: int = 1
    group_ordinal: int = 1
    set_ordinal: int = 1
    interchange: list[str] = field(default_factory=lambda: ISA[:-1].split("*"))
    group: list[str] = field(default_factory=lambda: list(CLAIM_GROUP))
    set: list[str] = field(default_factory=lambda: ["ST", "837", "0001", "005010X222A1"])


@dataclass
class Batch:
    """One answer of the reader."""

    need: str = "input"
    header: Header | None = None
    xml: bytes = b""
    items: list[Any] = field(default_factory=list)
    xml_start: int = 0
    units: list[Unit] = field(default_factory=list)
    findings: list[RawFinding] = field(default_factory=list)


class ScriptedReader:
    """Gives its batches one after the other, whatever it is called with, and remembers the calls."""

    def __init__(self, *batches: Batch) -> None:
        self.batches = list(batches)
        xml_start = 0
        for batch in self.batches:
            batch.xml_start = xml_start
            batch.items = [ItemRun(list(run), xml_start) for _, run in groupby(batch.items, key=_set_of)]
            xml_start += len(batch.xml)
        self.calls: list[tuple[str, object]] = []

    def feed(self, chunk: bytes) -> Batch:
        """The next batch."""
        self.calls.append(("feed", chunk))
        return self.batches.pop(0)

    def resume(self, program: object = None, **options: object) -> Batch:
        """The next batch."""
        self.calls.append(("resume", (program, options)))
        return self.batches.pop(0)

    def finish(self) -> Batch:
        """The next batch."""
        self.calls.append(("finish", None))
        return self.batches.pop(0)


@dataclass(frozen=True)
class Script:
    """The names that tests build scripts with."""

    Batch = Batch
    Header = Header
    Item = Item
    ItemRun = ItemRun
    RawFinding = RawFinding
    Reader = ScriptedReader
    Unit = Unit

    @staticmethod
    def closing(**of_set: object) -> list[Unit]:
        """The units of one interchange with one group and one set, ending together."""
        return [
            Unit("set", set=1, header=["ST", "837", "0001", "005010X222A1"], trailer=["SE", "30", "0001"], **of_set),
            Unit("group", header=list(CLAIM_GROUP), trailer=["GE", "1", "77"]),
            Unit("interchange", group=None, header=ISA[:-1].split("*"), trailer=["IEA", "1", "000000101"]),
        ]


@pytest.fixture
def script() -> type[Script]:
    """Names for scripts of the reader."""
    return Script


FindingFactory = Callable[..., Finding]


@pytest.fixture
def finding() -> FindingFactory:
    """A finding by `IK403:7` and place."""

    def build(
        carried: str,
        *,
        severity: Severity = Severity.ERROR,
        value: tuple[int, int] | None = None,
        data_element: str | None = "1325",
        snip: int = 2,
        trigger: object = None,
        **place: object,
    ) -> Finding:
        carrier, _, code = carried.partition(":")
        return Finding(
            severity=severity,
            carrier=Carrier(carrier),
            code=code,
            snip=snip,
            place=Place(interchange=1, **place),
            message="Something is wrong.",
            data_element=data_element,
            value=ByteRange(*value) if value else None,
            trigger=trigger,
        )

    return build


@pytest.fixture
def a_set() -> Callable[..., SetJudged]:
    """A judged set."""

    def build(
        *findings: Finding,
        outcome: Outcome = Outcome.ACCEPTED,
        control: str = "0001",
        identifier: str = "837",
        implementation: str = "005010X222A1",
        items: Iterable[ItemJudged] = (),
        suppressed: int = 0,
    ) -> SetJudged:
        return SetJudged(
            ordinal=1,
            header=("ST", identifier, control, implementation),
            trailer=("SE", "30", control),
            segment_count=30,
            range=ByteRange(180, 900),
            guide=implementation,
            program_digest="",
            outcome=outcome,
            findings=findings,
            items=tuple(items),
            beginning=(),
            error_count=len(findings),
            warning_count=0,
            suppressed_count=suppressed,
        )

    return build


@pytest.fixture
def a_group() -> Callable[..., GroupJudged]:
    """A judged group."""

    def build(
        *sets: SetJudged,
        outcome: Outcome = Outcome.ACCEPTED,
        findings: tuple[Finding, ...] = (),
        header: tuple[str, ...] = CLAIM_GROUP,
        trailer: tuple[str, ...] | None = None,
        ordinal: int = 1,
    ) -> GroupJudged:
        trailer = ("GE", str(len(sets)), header[6]) if trailer is None else trailer
        return GroupJudged(ordinal, header, trailer, outcome, findings, sets)

    return build


@pytest.fixture
def an_interchange() -> Callable[..., InterchangeJudged]:
    """A judged interchange."""

    def build(
        *groups: GroupJudged,
        isa: str = ISA,
        findings: tuple[Finding, ...] = (),
        refusal: str | None = None,
        acknowledgements: tuple[tuple[str, ...], ...] = (),
    ) -> InterchangeJudged:
        return InterchangeJudged(
            ordinal=1,
            header=tuple(isa[:-1].split(isa[3])),
            trailer=("IEA", str(len(groups)), "000000101"),
            range=ByteRange(0, 1000),
            outcome=Outcome.ACCEPTED,
            refusal=refusal,
            findings=findings,
            groups=groups,
            acknowledgements=acknowledgements,
        )

    return build


@pytest.fixture
def reading() -> Callable[..., Callable[[ByteRange], bytes]]:
    """A `read` over an ISA followed by other bytes; values are given by where they begin."""

    def build(isa: str = ISA, **values: str) -> Callable[[ByteRange], bytes]:
        content = bytearray(isa.encode("latin-1").ljust(2000, b" "))
        for place, value in values.items():
            start = int(place.removeprefix("at"))
            content[start : start + len(value)] = value.encode("latin-1")
        return lambda wanted: bytes(content[wanted.start : wanted.end])

    return build
