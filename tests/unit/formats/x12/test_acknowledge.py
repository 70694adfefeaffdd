"""What is answered, by rows: the judgement on the left, the segments on the right."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.formats.x12.acknowledge import (
    AckPolicy,
    ControlNumbers,
    FunctionalAckMode,
    InterchangeAckPlace,
    acknowledge,
)
from gateway.formats.x12.acknowledge_functional import MAX_ELEMENT_NOTES, MAX_SEGMENT_NOTES
from gateway.formats.x12.acknowledge_interchange import InterchangeAckMode
from gateway.formats.x12.segments import Delimiters
from gateway.model.finding import ByteRange, Severity, Trigger
from gateway.model.judgement import GroupJudged, ItemJudged, Outcome

Build = Callable[..., Any]

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
ISA = "ISA*00*          *00*          *ZZ*SENDER         *ZZ*RECEIVER       *250301*1200*^*00501*000000101*0*T*:~"
ASKING = ISA.replace("*0*T*", "*1*T*")
ADMIT = AckPolicy()
OLD_GROUP = ("GS", "HC", "APPSENDER", "APPRECEIVER", "20250301", "1200", "77", "X", "004010X098A1")
ACK_GROUP = ("GS", "FA", "APPSENDER", "APPRECEIVER", "20250301", "1200", "77", "X", "005010X231A1")


@pytest.fixture
def answer(reading: Build) -> Build:
    """The acknowledgements of an interchange, each as (kind, segments)."""

    def build(
        interchange: Any, policy: AckPolicy = ADMIT, isa: str = ISA, **values: str
    ) -> list[tuple[str, list[str]]]:
        written = acknowledge(interchange, policy, ControlNumbers(5), NOW, reading(isa, **values))
        return [(one.kind, one.content.decode("latin-1").split("~")[:-1]) for one in written]

    return build


def body(segments: list[str]) -> list[str]:
    """The segments between ST and SE."""
    first = next(index for index, segment in enumerate(segments) if segment.startswith("ST"))
    return segments[first + 1 : -3]


# --- envelope ---------------------------------------------------------------------------------------------------


def test_accepted_group_whole(a_set: Build, a_group: Build, an_interchange: Build, answer: Build) -> None:
    """An accepted 837P: one interchange back, parties changed, numbers our own, usage as it came."""
    [(kind, segments)] = answer(an_interchange(a_group(a_set())))

    assert kind == "999"
    assert segments == [
        "ISA*00*          *00*          *ZZ*RECEIVER       *ZZ*SENDER         *260304*0506*^*00501*000000005*0*T*:",
        "GS*FA*APPRECEIVER*APPSENDER*20260304*050607*5*X*005010X231A1",
        "ST*999*0001*005010X231A1",
        "AK1*HC*77*005010X222A1",
        "AK2*837*0001*005010X222A1",
        "IK5*A",
        "AK9*A*1*1*1",
        "SE*6*0001",
        "GE*1*5",
        "IEA*1*000000005",
    ]


def test_997_for_004010(a_set: Build, a_group: Build, an_interchange: Build, answer: Build) -> None:
    """Version 004010 gets a 997: no ST03, no AK103, no AK203, ISA11 U."""
    old = an_interchange(a_group(a_set(implementation=""), header=OLD_GROUP))

    [(kind, segments)] = answer(old)

    assert kind == "997"
    assert segments[0].endswith("*U*00401*000000005*0*T*:")
    assert segments[1].endswith("*X*004010")
    assert segments[2:8] == ["ST*997*0001", "AK1*HC*77", "AK2*837*0001", "AK5*A", "AK9*A*1*1*1", "SE*6*0001"]


def test_997_in_005010_by_agreement(a_set: Build, a_group: Build, an_interchange: Build, answer: Build) -> None:
    """A 997 of version 005010 names version and convention as the 999 does."""
    [(kind, segments)] = answer(an_interchange(a_group(a_set())), AckPolicy(functional=FunctionalAckMode.FUNCTIONAL))

    assert kind == "997"
    assert segments[1].endswith("*X*005010X230")
    assert body(segments)[:2] == ["AK1*HC*77*005010X222A1", "AK2*837*0001*005010X222A1"]


def test_delimiters_of_the_sender(a_set: Build, a_group: Build, an_interchange: Build, reading: Build) -> None:
    """The acknowledgement is written with the delimiters of what it acknowledges."""
    isa = ISA.replace("*", "|").replace("^", "!").replace(":", ">").replace("~", "\n")
    interchange = an_interchange(a_group(a_set()), isa=isa)

    [written] = acknowledge(interchange, ADMIT, ControlNumbers(1), NOW, reading(isa))

    assert written.content.startswith(b"ISA|00|")
    assert written.content[82:83] + written.content[104:106] == b"!>\n"


def test_delimiters_by_agreement(a_set: Build, a_group: Build, an_interchange: Build, reading: Build) -> None:
    """The agreement may name others."""
    policy = AckPolicy(delimiters=Delimiters("|", ">", "^", "~"), line_end="\n")

    [written] = acknowledge(an_interchange(a_group(a_set())), policy, ControlNumbers(1), NOW, reading())

    assert written.content.startswith(b"ISA|00|")
    assert written.content[104:107] == b">~\n"


def test_two_groups_in_one_answer(a_set: Build, a_group: Build, an_interchange: Build, answer: Build) -> None:
    """A 999 for each group, together in one interchange; a group in 004010 is answered apart by a 997."""
    old = a_group(a_set(implementation=""), header=OLD_GROUP, ordinal=3)
    interchange = an_interchange(a_group(a_set()), a_group(a_set(), ordinal=2), old)

    first, second = answer(interchange)

    assert [segment for segment in first[1] if segment[:2] in {"ST", "GE"}] == [
        "ST*999*0001*005010X231A1",
        "ST*999*0002*005010X231A1",
        "GE*2*5",
    ]
    assert second[0] == "997"
    assert second[1][-1] == "IEA*1*000000006"


def test_numbers_count_on(a_set: Build, a_group: Build, an_interchange: Build, reading: Build) -> None:
    """Each interchange takes one number; after the last one they begin anew at 1."""
    interchange = an_interchange(a_group(a_set()), isa=ASKING)
    numbers = ControlNumbers(999_999_999)

    written = acknowledge(interchange, ADMIT, numbers, NOW, reading(ASKING))

    assert [one.interchange_control for one in written] == ["999999999", "000000001"]
    assert numbers.after(written) == ControlNumbers(2)


def test_unreadable_identifiers(a_set: Build, a_group: Build, an_interchange: Build, answer: Build) -> None:
    """What cannot be carried back does not spoil our own envelope."""
    header = ("GS", "H", "A\x01B", "", "20250301", "1200", "7x", "X", "005010X222A1")
    interchange = an_interchange(a_group(a_set(control="1"), header=header, trailer=("GE", "x", "7x")))

    [(_, segments)] = answer(interchange)

    assert segments[1].startswith("GS*FA*UNKNOWN*A B*")
    assert body(segments) == [
        "AK1*??*0*005010X222A1",
        "AK2*837*0001*005010X222A1",
        "IK5*A",
        "AK9*A*1*1*1",
    ]


# --- TA1 --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("isa", "carried", "severity", "refusal", "mode", "expected"),
    [
        (ISA, None, None, None, InterchangeAckMode.WHEN_REQUESTED, None),
        (ASKING, None, None, None, InterchangeAckMode.WHEN_REQUESTED, "A*000"),
        (ASKING, None, None, None, InterchangeAckMode.ON_ERROR, None),
        (ISA, None, None, None, InterchangeAckMode.ALWAYS, "A*000"),
        (ISA, "TA105:001", Severity.ERROR, None, InterchangeAckMode.ON_ERROR, "R*001"),
        (ISA, "TA105:017", Severity.WARNING, None, InterchangeAckMode.WHEN_REQUESTED, "E*017"),
        (ISA, None, None, "006", InterchangeAckMode.WHEN_REQUESTED, "R*006"),
        (ISA, "TA105:001", Severity.ERROR, "025", InterchangeAckMode.ON_ERROR, "R*025"),
    ],
)
def test_interchange_acknowledgement(
    *,
    isa: str,
    carried: str | None,
    severity: Any,
    refusal: str | None,
    mode: InterchangeAckMode,
    expected: str | None,
    finding: Build,
    a_set: Build,
    a_group: Build,
    an_interchange: Build,
    answer: Build,
) -> None:
    """A TA1 when ISA14 or the agreement asks for it, and always when something is wrong."""
    findings = (finding(carried, severity=severity),) if carried else ()
    interchange = an_interchange(a_group(a_set()), isa=isa, findings=findings, refusal=refusal)

    written = answer(interchange, AckPolicy(interchange=mode), isa)

    ta1 = [segment for kind, segments in written if kind == "TA1" for segment in segments[1:-1]]
    assert ta1 == ([f"TA1*000000101*250301*1200*{expected}"] if expected else [])
    rejects = expected is not None and expected.startswith("R")
    assert [kind for kind, _ in written if kind != "TA1"] == ([] if rejects else ["999"])


def test_ta1_alone_has_no_group(a_set: Build, a_group: Build, an_interchange: Build, answer: Build) -> None:
    """In an interchange of its own the TA1 stands between ISA and IEA, and IEA01 is 0."""
    written = answer(an_interchange(a_group(a_set()), isa=ASKING), isa=ASKING)

    kind, segments = written[0]
    assert kind == "TA1"
    assert [segment[:3] for segment in segments] == ["ISA", "TA1", "IEA"]
    assert segments[-1] == "IEA*0*000000005"


def test_ta1_before_first_group(a_set: Build, a_group: Build, an_interchange: Build, answer: Build) -> None:
    """By agreement the TA1 rides with the 999, before its GS and never after a GE."""
    policy = AckPolicy(place=InterchangeAckPlace.BEFORE_FIRST_GROUP)

    [(kind, segments)] = answer(an_interchange(a_group(a_set()), isa=ASKING), policy, ASKING)

    assert kind == "999"
    assert [segment[:3] for segment in segments[:3]] == ["ISA", "TA1", "GS*"]


def test_rejected_interchange_by_agreement_alone(
    a_set: Build, a_group: Build, an_interchange: Build, answer: Build
) -> None:
    """A TA1 R has no group to ride with, wherever the agreement wants it."""
    policy = AckPolicy(place=InterchangeAckPlace.BEFORE_FIRST_GROUP)

    written = answer(an_interchange(a_group(a_set()), refusal="005"), policy)

    assert [kind for kind, _ in written] == ["TA1"]


@pytest.mark.parametrize("mode", list(FunctionalAckMode))
def test_acknowledgements_are_not_acknowledged(
    mode: FunctionalAckMode, a_set: Build, a_group: Build, an_interchange: Build, answer: Build
) -> None:
    """A 999, a 997 or a TA1 is never answered, whatever is asked for."""
    policy = AckPolicy(functional=mode, interchange=InterchangeAckMode.ALWAYS)
    functional = an_interchange(a_group(a_set(identifier="999"), header=ACK_GROUP), isa=ASKING)
    of_interchange = an_interchange(isa=ASKING, acknowledgements=(("TA1", "000000001"),))

    assert answer(functional, policy, ASKING) == []
    assert answer(of_interchange, policy, ASKING) == []


def test_header_that_cannot_be_read(an_interchange: Build, answer: Build) -> None:
    """Without ISA13 there is nobody to answer."""
    interchange = replace(an_interchange(), header=("ISA", "00", "          "))

    assert answer(interchange) == []


# --- verdicts ---------------------------------------------------------------------------------------------------

IN_CLAIM: dict[str, Any] = {"segment": "CLM", "position": 22, "loop": "2300", "item": 1}


@pytest.mark.parametrize(
    ("outcomes", "group_outcome", "expected"),
    [
        ([Outcome.ACCEPTED, Outcome.ACCEPTED], Outcome.ACCEPTED, "AK9*A*2*2*2"),
        ([Outcome.ACCEPTED, Outcome.REJECTED], Outcome.PARTIAL, "AK9*P*2*2*1"),
        ([Outcome.ACCEPTED, Outcome.ACCEPTED_WITH_ERRORS], Outcome.ACCEPTED_WITH_ERRORS, "AK9*E*2*2*2"),
        ([Outcome.REJECTED, Outcome.REJECTED], Outcome.REJECTED, "AK9*R*2*2*0"),
    ],
)
def test_group_verdict(
    *,
    outcomes: list[Outcome],
    group_outcome: Outcome,
    expected: str,
    a_set: Build,
    a_group: Build,
    an_interchange: Build,
    answer: Build,
) -> None:
    """AK901 and the three counts."""
    sets = [a_set(outcome=outcome, control=f"{number:04d}") for number, outcome in enumerate(outcomes, 1)]

    [(_, segments)] = answer(an_interchange(a_group(*sets, outcome=group_outcome)))

    assert body(segments)[-1] == expected


@pytest.mark.parametrize(
    ("trailer", "codes", "expected"),
    [
        (("GE", "3", "77"), ["5"], "AK9*R*3*1*1*5"),
        (("GE", "1", "78"), ["4"], "AK9*R*1*1*1*4"),
        ((), ["3"], "AK9*R*1*1*1*3"),
        (("GE", "1", "1"), ["6", "5", "4", "19", "3", "2"], "AK9*R*1*1*1*2*3*4*5*6"),
    ],
)
def test_group_errors(
    *,
    trailer: tuple[str, ...],
    codes: list[str],
    expected: str,
    finding: Build,
    a_set: Build,
    a_group: Build,
    an_interchange: Build,
    answer: Build,
) -> None:
    """AK902 echoes GE01; at most five codes, in their order."""
    findings = tuple(finding(f"AK905:{code}") for code in codes)
    group = a_group(a_set(), outcome=Outcome.REJECTED, findings=findings)

    [(_, segments)] = answer(an_interchange(replace(group, trailer=trailer or None)))

    assert body(segments)[-1] == expected


@pytest.mark.parametrize(
    ("findings", "in_999", "in_997"),
    [
        (["IK502:4"], "IK5*R*4", "AK5*R*4"),
        (["IK502:4", "IK403:7"], "IK5*R*4*5", "AK5*R*4*5"),
        (["IK502:3", "IK502:7"], "IK5*R*3*7", "AK5*R*3*7"),
        (["IK403:I10"], "IK5*R*I5", "AK5*R*5"),
        (["IK304:I4", "IK304:3"], "IK5*R*5*I5", "AK5*R*5"),
        (["IK502:I6"], "IK5*R*I6", "AK5*R*1"),
        (["IK502:18"], "IK5*R*18", "AK5*R*1"),
        (["IK502:2", "IK502:3", "IK502:4", "IK502:7", "IK502:23", "IK403:1"], "IK5*R*2*3*4*5*7", "AK5*R*2*3*4*5*7"),
        ([":"], "IK5*R*I5", "AK5*R*5"),
    ],
)
def test_set_verdict_codes(
    *,
    findings: list[str],
    in_999: str,
    in_997: str,
    finding: Build,
    a_set: Build,
    a_group: Build,
    an_interchange: Build,
    answer: Build,
) -> None:
    """IK502 to IK506; the 997 of 004010 has no codes of implementations."""
    found = [finding(carried, segment="CLM", position=22, element=5) for carried in findings]
    rejected = a_set(*found, outcome=Outcome.REJECTED)
    old_group = a_group(replace(rejected, header=("ST", "837", "0001")), header=OLD_GROUP)

    [(_, new)] = answer(an_interchange(a_group(rejected)))
    [(_, old)] = answer(an_interchange(old_group))

    assert body(new)[-2] == in_999
    assert body(old)[-2] == in_997


def test_set_without_guide(finding: Build, a_set: Build, a_group: Build, an_interchange: Build, answer: Build) -> None:
    """A set that no guide is installed for is answered, and its group says why."""
    judged = a_set(finding("IK502:I6", segment="ST", position=1, snip=1), outcome=Outcome.REJECTED)
    group = a_group(judged, outcome=Outcome.REJECTED, findings=(finding("AK905:2"),))

    [(_, segments)] = answer(an_interchange(group))

    assert body(segments)[1:] == ["AK2*837*0001*005010X222A1", "IK5*R*I6", "AK9*R*1*1*0*2"]


# --- notes ------------------------------------------------------------------------------------------------------


def notes(segments: list[str]) -> list[str]:
    """What stands between AK2 and IK5 or AK5."""
    return body(segments)[2:-2]


def rejected_by(a_set: Build, a_group: Build, an_interchange: Build, *findings: Any, old: bool = False) -> Any:
    """An interchange whose only set is rejected by these findings; its first claim is at 500, named at 504."""
    item = ItemJudged(1, Outcome.REJECTED, ByteRange(500, 900), ByteRange(504, 513), None)
    judged = a_set(*findings, outcome=Outcome.REJECTED, items=[item], implementation="" if old else "005010X222A1")
    header = {"header": OLD_GROUP} if old else {}
    return an_interchange(a_group(judged, outcome=Outcome.REJECTED, **header))


def test_element_error(finding: Build, a_set: Build, a_group: Build, an_interchange: Build, answer: Build) -> None:
    """IK3 with the claim's number, IK4 with position, reference, code and a copy of the bad value."""
    found = finding("IK403:7", **IN_CLAIM, element=5, component=3, value=(600, 601))
    interchange = rejected_by(a_set, a_group, an_interchange, found)

    [(_, segments)] = answer(interchange, at504="987654321", at600="9")

    assert notes(segments) == ["IK3*CLM*22**8", "CTX*CLM01:987654321", "IK4*5:3*1325*7*9"]


def test_element_error_in_997(
    finding: Build, a_set: Build, a_group: Build, an_interchange: Build, answer: Build
) -> None:
    """The 997 has no context, no repetition and no codes of implementations."""
    found = finding("IK403:I12", **IN_CLAIM, element=5, component=3, repetition=2, value=(600, 601))
    interchange = rejected_by(a_set, a_group, an_interchange, found, old=True)

    [(_, segments)] = answer(interchange, at504="987654321", at600="9")

    assert notes(segments) == ["AK3*CLM*22**8", "AK4*5:3*1325*7*9"]


def test_missing_segment_with_trigger(
    finding: Build, a_set: Build, a_group: Build, an_interchange: Build, answer: Build
) -> None:
    """The situational trigger comes before the business unit."""
    found = finding("IK304:3", segment="REF", position=57, loop="2300", item=1, trigger=Trigger("CLM", 43, 5, 3))
    interchange = rejected_by(a_set, a_group, an_interchange, found)

    [(_, segments)] = answer(interchange, at504="987654321")

    assert notes(segments) == [
        "IK3*REF*57**3",
        "CTX*SITUATIONAL TRIGGER*CLM*43**5:3",
        "CTX*CLM01:987654321",
    ]


def test_rule_without_a_code(
    finding: Build, a_set: Build, a_group: Build, an_interchange: Build, answer: Build
) -> None:
    """What no code carries is pointed to by an IK3 without IK304, so that the sender finds the claim."""
    found = finding(":", **IN_CLAIM, element=2, snip=3)
    interchange = rejected_by(a_set, a_group, an_interchange, found)

    [(_, segments)] = answer(interchange, at504="987654321")

    assert body(segments)[2:-1] == ["IK3*CLM*22", "CTX*CLM01:987654321", "IK5*R*I5"]


def test_trigger_of_an_element(
    finding: Build, a_set: Build, a_group: Build, an_interchange: Build, answer: Build
) -> None:
    """A situational rule over an element is told after its IK4; a whole segment as trigger has no position."""
    found = finding("IK403:I9", **IN_CLAIM, element=2, data_element="782", trigger=Trigger("HI", 30, 0, 0))
    interchange = rejected_by(a_set, a_group, an_interchange, found)

    [(_, segments)] = answer(interchange, at504="987654321")

    assert notes(segments)[-2:] == ["IK4*2*782*I9", "CTX*SITUATIONAL TRIGGER*HI*30"]


def test_findings_of_one_segment_share_a_note(
    finding: Build, a_set: Build, a_group: Build, an_interchange: Build, answer: Build
) -> None:
    """Notes stand in the order of the set, one for each segment and code."""
    late = finding("IK403:7", segment="SV1", position=40, element=1, component=1, data_element="235")
    first = finding("IK403:1", segment="CLM", position=22, element=2, data_element="782")
    second = finding("IK403:I10", segment="CLM", position=22, element=18, data_element="1073")
    missing = finding("IK304:3", segment="HI", position=22, data_element=None)
    interchange = rejected_by(a_set, a_group, an_interchange, late, first, second, missing)

    [(_, segments)] = answer(interchange)

    assert notes(segments) == [
        "IK3*CLM*22**8",
        "IK4*2*782*1",
        "IK4*18*1073*I10",
        "IK3*HI*22**3",
        "IK3*SV1*40**8",
        "IK4*1:1*235*7",
    ]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("9", "9"),
        ("99  ", "99"),
        ("A:B", ""),
        ("A*B", ""),
        ("LINE\nBREAK", ""),
        ("\xe9t\xe9", ""),
        (" 9", ""),
        ("    ", ""),
        ("X" * 120, "X" * 99),
    ],
)
def test_copy_of_bad_data(
    *,
    value: str,
    expected: str,
    finding: Build,
    a_set: Build,
    a_group: Build,
    an_interchange: Build,
    answer: Build,
) -> None:
    """IK404 is left out where it holds a delimiter or an invalid character, and cut at 99."""
    found = finding("IK403:7", segment="CLM", position=22, element=1, value=(600, 600 + len(value)))
    interchange = rejected_by(a_set, a_group, an_interchange, found)

    [(_, segments)] = answer(interchange, at600=value)

    assert notes(segments)[-1] == f"IK4*1*1325*7*{expected}".rstrip("*")


def test_no_copy_by_agreement(
    finding: Build, a_set: Build, a_group: Build, an_interchange: Build, answer: Build
) -> None:
    """An agreement may keep values out of acknowledgements."""
    found = finding("IK403:7", segment="CLM", position=22, element=1, data_element="C023", value=(600, 601))
    interchange = rejected_by(a_set, a_group, an_interchange, found)

    [(_, segments)] = answer(interchange, AckPolicy(copy_bad_data=False), at600="9")

    assert notes(segments)[-1] == "IK4*1**7"


def test_context_that_cannot_be_carried(
    finding: Build, a_set: Build, a_group: Build, an_interchange: Build, answer: Build
) -> None:
    """A claim number with a delimiter of ours names nothing."""
    interchange = rejected_by(a_set, a_group, an_interchange, finding("IK403:7", **IN_CLAIM, element=5))

    [(_, segments)] = answer(interchange, at504="98:654321")

    assert not any(segment.startswith("CTX") for segment in segments)


@pytest.mark.parametrize(
    ("reported", "expected"),
    [
        (False, ["IK5*A"]),
        (True, ["IK3*CLM*22**8", "IK4*5*1325*7", "IK5*E*5"]),
    ],
)
def test_warnings_by_agreement(
    *,
    reported: bool,
    expected: list[str],
    finding: Build,
    a_set: Build,
    a_group: Build,
    an_interchange: Build,
    answer: Build,
) -> None:
    """Warnings are kept for ourselves unless the agreement wants them noted."""
    found = finding("IK403:7", segment="CLM", position=22, element=5, severity=Severity.WARNING)

    [(_, segments)] = answer(an_interchange(a_group(a_set(found))), AckPolicy(report_warnings=reported))

    assert body(segments)[2:-1] == expected


def test_many_findings_are_cut(
    finding: Build, a_set: Build, a_group: Build, an_interchange: Build, reading: Build
) -> None:
    """What does not fit is counted: notes on segments, notes on elements, and what was never listed."""
    elements = [finding("IK403:7", segment="CLM", position=2, element=n % 30 + 1) for n in range(110)]
    segments = [finding("IK304:2", segment="REF", position=10 + n) for n in range(1010)]
    judged = a_set(*elements, *segments, outcome=Outcome.REJECTED, suppressed=7)

    [written] = acknowledge(an_interchange(a_group(judged)), ADMIT, ControlNumbers(1), NOW, reading())

    text = written.content.decode()
    assert text.count("IK3*") == MAX_SEGMENT_NOTES
    assert text.count("IK4*") == MAX_ELEMENT_NOTES
    assert written.omitted_count == 11 + 11 + 7


def test_counts_are_true(finding: Build, a_set: Build, a_group: Build, an_interchange: Build, answer: Build) -> None:
    """SE01 counts what is between ST and SE, both included."""
    interchange = rejected_by(a_set, a_group, an_interchange, finding("IK403:7", **IN_CLAIM, element=5))

    [(_, segments)] = answer(interchange, at504="987654321")

    between = segments[2:-2]
    assert between[-1] == f"SE*{len(between)}*0001"


def test_none_by_agreement(a_set: Build, a_group: Build, an_interchange: Build, answer: Build) -> None:
    """No functional acknowledgement where the agreement wants none."""
    group: GroupJudged = a_group(a_set())

    assert answer(an_interchange(group), AckPolicy(functional=FunctionalAckMode.NONE)) == []
