"""The conversation with the reader, and what is put together from its answers."""

from typing import Any

import pytest

from gateway.formats.x12.guides import GuideMissing, SetHeader
from gateway.formats.x12.judge import NoGuide, Refuse, SetChoice, UseProgram, X12Judge
from gateway.formats.x12.verdict import RejectionUnit
from gateway.model.finding import ByteRange, Place
from gateway.model.judgement import FileJudged, Outcome


class Program:
    """Stands for a compiled guide."""

    digest = b"\x01\x02"


class Words:
    """What the definitions say of a rule."""

    message = "The sum is wrong."
    source = "005010X222A1 section 1.4.4"


class Spool:
    """Keeps what is written."""

    def __init__(self) -> None:
        self.content = b"before"

    def write(self, data: bytes, /) -> int:
        """Append."""
        begin = len(self.content)
        self.content += data
        return begin


def use(_header: SetHeader) -> SetChoice:
    """Any set is judged."""
    return UseProgram(Program(), rules={"balance": Words()})  # type: ignore[arg-type]


def judged(reader: Any, choose: Any = use, spool: Any = None, unit: RejectionUnit = RejectionUnit.SET) -> FileJudged:
    """What comes of a script that is fed once."""
    judge = X12Judge(choose, spool, unit=unit, reader=reader)
    judge.feed(b"ISA...")
    return judge.finish()


def test_asks_once_for_each_set(script: Any) -> None:
    """The reader asks, the judge answers with a program, output is taken until the input is used up."""
    headers: list[SetHeader] = []
    reader = script.Reader(
        script.Batch("program", header=script.Header()),
        script.Batch("output"),
        script.Batch("input"),
        script.Batch("end", units=script.closing()),
    )

    result = judged(reader, lambda header: headers.append(header) or use(header))

    assert [call for call, _ in reader.calls] == ["feed", "resume", "resume", "finish"]
    assert [(header.functional_group, header.version) for header in headers] == [("HC", "005010X222A1")]
    of_set = result.interchanges[0].groups[0].sets[0]
    assert (of_set.outcome, of_set.program_digest, of_set.segment_count) == (Outcome.ACCEPTED, "0102", 1)


def test_findings_go_where_they_belong(script: Any) -> None:
    """A finding stands with the smallest unit that it names, worded and placed."""
    found = [
        script.RawFinding(carrier="TA105", code="001", kind="interchange-control-mismatch", group=None, set=None),
        script.RawFinding(carrier="AK905", code="4", kind="group-control-mismatch", set=None),
        script.RawFinding(),
    ]
    reader = script.Reader(
        script.Batch("program", header=script.Header()),
        script.Batch(),
        script.Batch("end", findings=found, units=script.closing(errors=1)),
    )

    result = judged(reader)

    interchange = result.interchanges[0]
    assert [finding.carried for finding in interchange.findings] == ["TA105:001"]
    assert [finding.carried for finding in interchange.groups[0].findings] == ["AK905:4"]
    [finding] = interchange.groups[0].sets[0].findings
    assert finding.place == Place(1, 1, 1, "0001", None, "CLM", 22, "2300", 5, 3)
    assert finding.message == (
        "CLM05-3 Claim Frequency Code is not one of the codes that the guide allows in loop 2300."
    )
    assert finding.source == "005010X222A1"
    assert interchange.outcome is Outcome.REJECTED


def test_rule_brings_its_words(script: Any) -> None:
    """A finding of a rule says what the definitions say, and where they have it from."""
    rule = script.RawFinding(carrier="", code="", kind="rule", snip=3, rule="balance", item=1)
    reader = script.Reader(
        script.Batch("program", header=script.Header()),
        script.Batch(),
        script.Batch("end", findings=[rule], units=script.closing(errors=1)),
    )

    [finding] = judged(reader).interchanges[0].groups[0].sets[0].findings

    assert (finding.message, finding.source) == (Words.message, Words.source)


def test_documents_are_spooled(script: Any) -> None:
    """XML goes to the spool batch by batch; each item knows where its document lies, a faulty one has none."""
    spool = Spool()
    reader = script.Reader(
        script.Batch("program", header=script.Header()),
        script.Batch("output", xml=b"<a/><b/>", items=[script.Item(1, xml=(0, 4)), script.Item(2, xml=(4, 8))]),
        script.Batch(xml=b"<c/>", items=[script.Item(3, "error", context=None), script.Item(4, xml=(0, 4))]),
        script.Batch("end", units=script.closing()),
    )

    result = judged(reader, spool=spool)

    items = result.interchanges[0].groups[0].sets[0].items
    assert spool.content == b"before<a/><b/><c/>"
    assert [item.ordinal for item in items] == [1, 2, 3, 4]
    assert [item.document for item in items] == [ByteRange(6, 10), ByteRange(10, 14), None, ByteRange(14, 18)]
    assert items[2].outcome is Outcome.REJECTED
    assert (items[2].context, items[3].context) == (None, ByteRange(504, 509))
    assert reader.calls[1][1][1]["documents"] is True


def test_no_spool_no_documents(script: Any) -> None:
    """Without a spool the reader is told to write none."""
    reader = script.Reader(
        script.Batch("program", header=script.Header()), script.Batch(), script.Batch("end", units=script.closing())
    )

    judged(reader)

    assert reader.calls[1][1][1]["documents"] is False


@pytest.mark.parametrize(("group_code", "group_codes"), [("2", ["2"]), ("", [])])
def test_set_without_guide(group_code: str, group_codes: list[str], script: Any) -> None:
    """It is counted, rejected with a code, and its group says why, once for all its sets."""
    second = script.Unit("set", set=2, header=["ST", "837", "0002"], trailer=None, guide=None)
    reader = script.Reader(
        script.Batch("program", header=script.Header()),
        script.Batch("program", header=script.Header(set_ordinal=2)),
        script.Batch(),
        script.Batch("end", units=[second, *script.closing(guide=None)]),
    )

    result = judged(reader, lambda _: NoGuide(GuideMissing("I6", group_code)))

    group = result.interchanges[0].groups[0]
    assert [finding.code for finding in group.findings] == group_codes
    assert [[finding.carried for finding in of_set.findings] for of_set in group.sets] == [["IK502:I6"]] * 2
    assert {of_set.outcome for of_set in group.sets} == {Outcome.REJECTED}
    assert all(program is None for call, (program, _) in reader.calls[1:3] if call == "resume")


def test_refusal_stands_for_the_whole_interchange(script: Any) -> None:
    """After a refusal nobody is asked about the other sets."""
    asked: list[int] = []
    reader = script.Reader(
        script.Batch("program", header=script.Header()),
        script.Batch("program", header=script.Header(set_ordinal=2)),
        script.Batch(),
        script.Batch("end", units=script.closing()),
    )

    result = judged(reader, lambda header: asked.append(header.set_ordinal) or Refuse("006"))

    assert asked == [1]
    assert result.interchanges[0].refusal == "006"
    assert result.interchanges[0].outcome is Outcome.REJECTED


@pytest.mark.parametrize(
    ("unit", "beginning", "errors", "expected"),
    [
        (RejectionUnit.SET, [], 1, Outcome.REJECTED),
        (RejectionUnit.ITEM, [], 1, Outcome.ACCEPTED_WITH_ERRORS),
        (RejectionUnit.ITEM, ["BGN", "00", "1", "20250101", "1200", "", "", "", "RX"], 1, Outcome.REJECTED),
        (RejectionUnit.ITEM, [], 2, Outcome.REJECTED),
    ],
)
def test_unit_of_rejection(
    unit: RejectionUnit, beginning: list[str], errors: int, expected: Outcome, script: Any
) -> None:
    """One bad item: rejected alone by agreement, unless the roster is complete or errors are not listed."""
    items = [script.Item(1, "error"), script.Item(2, xml=(0, 4))]
    reader = script.Reader(
        script.Batch("program", header=script.Header()),
        script.Batch(xml=b"<a/>", items=items),
        script.Batch(
            "end", findings=[script.RawFinding(item=1)], units=script.closing(errors=errors, beginning=beginning)
        ),
    )

    result = judged(reader, unit=unit)

    assert result.interchanges[0].groups[0].sets[0].outcome is expected


def test_each_interchange_has_its_agreement(script: Any) -> None:
    """The unit of rejection that comes with a program counts before that of the judge."""
    reader = script.Reader(
        script.Batch("program", header=script.Header()),
        script.Batch(xml=b"<a/>", items=[script.Item(1, "error"), script.Item(2, xml=(0, 4))]),
        script.Batch("end", findings=[script.RawFinding(item=1)], units=script.closing(errors=1)),
    )

    result = judged(reader, lambda _: UseProgram(Program(), unit=RejectionUnit.ITEM))  # type: ignore[arg-type]

    assert result.interchanges[0].groups[0].sets[0].outcome is Outcome.ACCEPTED_WITH_ERRORS


def test_interchange_as_unit_of_rejection(script: Any) -> None:
    """One rejected set rejects every group."""
    sound = script.Unit("group", group=2, header=["GS", "HC"], trailer=None)
    reader = script.Reader(
        script.Batch("program", header=script.Header()),
        script.Batch(),
        script.Batch(
            "end",
            findings=[script.RawFinding()],
            units=[*script.closing(errors=1)[:2], sound, script.closing()[2]],
        ),
    )

    result = judged(reader, unit=RejectionUnit.INTERCHANGE)

    assert [group.outcome for group in result.interchanges[0].groups] == [Outcome.REJECTED] * 2


def test_nothing_readable(script: Any) -> None:
    """What belongs to no interchange is the file's own finding."""
    stray = script.RawFinding(
        carrier="", code="", kind="not-an-interchange", interchange=0, group=None, set=None, segment=None, element=None
    )
    reader = script.Reader(script.Batch(), script.Batch("end", findings=[stray]))

    result = judged(reader)

    assert result.interchanges == ()
    assert [finding.message for finding in result.findings] == [
        "This is not an X12 interchange: it does not begin with an ISA segment."
    ]
