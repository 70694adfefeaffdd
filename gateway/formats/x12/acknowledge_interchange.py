"""The TA1: whether an interchange gets one, and what it says.

Owns TA101 to TA105. Must not know functional groups beyond their kind, nor how a refusal was decided.
Source: X12.5 section 3.5, data elements I17 and I18; RFI 1591.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from gateway.formats.x12.verdict import rejects_interchange
from gateway.model.finding import Carrier, Severity
from gateway.model.judgement import InterchangeJudged

_FUNCTIONAL_ACKNOWLEDGEMENT = "FA"


class InterchangeAckMode(StrEnum):
    """When a TA1 is sent. An error is always reported: silence would be taken for loss."""

    WHEN_REQUESTED = "when_requested"  # ISA14 is 1, or an error
    ALWAYS = "always"
    ON_ERROR = "on_error"


@dataclass(frozen=True, slots=True)
class InterchangeAck:
    """TA104 and TA105."""

    code: str
    note: str

    @property
    def rejects(self) -> bool:
        """Whether nothing of the interchange is processed."""
        return self.code == "R"


def judge_interchange(interchange: InterchangeJudged) -> InterchangeAck:
    """A, E or R with the first note; a refusal by agreement comes before what was found."""
    if interchange.refusal is not None:
        return InterchangeAck("R", interchange.refusal)
    noted = [finding for finding in interchange.findings if finding.carrier is Carrier.TA105]
    errors = [finding for finding in noted if finding.severity is Severity.ERROR]
    if rejects_interchange(interchange.findings, None):
        return InterchangeAck("R", errors[0].code)
    warnings = [finding for finding in noted if finding.severity is Severity.WARNING]
    return InterchangeAck("E", warnings[0].code) if warnings else InterchangeAck("A", "000")


def is_wanted(interchange: InterchangeJudged, verdict: InterchangeAck, mode: InterchangeAckMode) -> bool:
    """Whether this interchange is answered by a TA1.

    Nothing that only acknowledges (TA1, 997, 999) is acknowledged: two gateways would never stop.
    """
    if carries_only_acknowledgements(interchange):
        return False
    if verdict.code != "A" or mode is InterchangeAckMode.ALWAYS:
        return True
    requested = _element(interchange.header, 14) == "1"
    return mode is InterchangeAckMode.WHEN_REQUESTED and requested


def carries_only_acknowledgements(interchange: InterchangeJudged) -> bool:
    """Whether there is nothing in it but TA1 segments and groups of functional acknowledgements."""
    groups = [_element(group.header, 1) for group in interchange.groups]
    return bool(groups or interchange.acknowledgements) and all(
        group == _FUNCTIONAL_ACKNOWLEDGEMENT for group in groups
    )


def ta1_elements(interchange: InterchangeJudged, verdict: InterchangeAck) -> tuple[str, ...]:
    """TA101 to TA105: ISA13, ISA09 and ISA10 as they were sent, where they can be sent back."""
    number = _element(interchange.header, 13)
    date, time = _element(interchange.header, 9), _element(interchange.header, 10)
    return (
        number if _is_number(number, 9) else "000000000",
        date if _is_number(date, 6) else "000000",
        time if _is_number(time, 4) else "0000",
        verdict.code,
        verdict.note,
    )


def _is_number(value: str, length: int) -> bool:
    return len(value) == length and value.isascii() and value.isdigit()


def _element(elements: Sequence[str], position: int) -> str:
    return elements[position].strip(" ") if len(elements) > position else ""
