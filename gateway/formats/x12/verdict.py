"""From findings to outcomes: items, sets, groups, interchange.

Owns the one table of consequences (unit of rejection, X12 data elements 715 and 717). Pure: knows no reader,
no acknowledgement text and no storage.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from gateway.model.finding import Carrier, Finding, Severity
from gateway.model.judgement import GroupJudged, InterchangeJudged, Outcome, SetJudged

# BGN08 of an 834: verify and replace. Absence of a member there would read as a termination.
_COMPLETE_ROSTER_ACTIONS = frozenset({"4", "RX"})
_BGN_ACTION = 8


class RejectionUnit(StrEnum):
    """The smallest part that is rejected alone, by agreement. Envelope and syntax errors reject the set at least."""

    INTERCHANGE = "interchange"
    GROUP = "group"
    SET = "set"
    ITEM = "item"


@dataclass(frozen=True, slots=True)
class SetErrors:
    """The errors of one set, counted by what they can cost.

    `fatal`: envelope, syntax (SNIP type 1) or outside of any item; `in_items`: the guide's, inside an item.
    """

    fatal: int
    in_items: int
    item_count: int
    faulty_item_count: int
    complete_roster: bool


def is_fatal(finding: Finding) -> bool:
    """Whether an error rejects its set whatever the agreement says (DESIGN 4.8)."""
    return finding.severity is Severity.ERROR and (
        finding.place.item is None or finding.snip == 1 or finding.carrier is Carrier.IK502
    )


def is_complete_roster(beginning: Sequence[str]) -> bool:
    """Whether an 834 lists all members, so that a rejected one may not just be left out.

    `beginning`: the segment after ST, index 0 = segment id.
    """
    action = beginning[_BGN_ACTION] if len(beginning) > _BGN_ACTION else ""
    return bool(beginning) and beginning[0] == "BGN" and action in _COMPLETE_ROSTER_ACTIONS


def set_outcome(errors: SetErrors, unit: RejectionUnit) -> Outcome:
    """IK501.

    | errors | unit | outcome |
    |---|---|---|
    | none | | accepted |
    | fatal | | rejected |
    | in items | interchange, group, set | rejected |
    | in items of a complete roster | item | rejected |
    | in every item | item | rejected: nothing would be left |
    | in some items | item | accepted with errors |
    """
    if errors.fatal:
        return Outcome.REJECTED
    if not errors.in_items:
        return Outcome.ACCEPTED
    nothing_left = errors.faulty_item_count >= errors.item_count
    if unit is not RejectionUnit.ITEM or errors.complete_roster or nothing_left:
        return Outcome.REJECTED
    return Outcome.ACCEPTED_WITH_ERRORS


def group_outcome(group_findings: Sequence[Finding], sets: Sequence[Outcome], unit: RejectionUnit) -> Outcome:
    """AK901.

    | group | sets | unit | outcome |
    |---|---|---|---|
    | error | | | rejected: nothing of it is processed |
    | | all rejected | | rejected |
    | | some rejected | interchange, group | rejected |
    | | some rejected | set, item | partial |
    | | some accepted with errors | | accepted with errors |
    | | all accepted | | accepted |
    """
    if any(finding.severity is Severity.ERROR for finding in group_findings):
        return Outcome.REJECTED
    rejected = sum(outcome is Outcome.REJECTED for outcome in sets)
    if rejected:
        alone = unit in {RejectionUnit.SET, RejectionUnit.ITEM}
        return Outcome.PARTIAL if alone and rejected < len(sets) else Outcome.REJECTED
    if Outcome.ACCEPTED_WITH_ERRORS in sets:
        return Outcome.ACCEPTED_WITH_ERRORS
    return Outcome.ACCEPTED


def interchange_outcome(rejects: bool, groups: Sequence[Outcome]) -> Outcome:
    """The outcome over all groups; `rejects`: the TA1 says R, and nothing inside counts."""
    if rejects:
        return Outcome.REJECTED
    if groups and all(outcome is Outcome.REJECTED for outcome in groups):
        return Outcome.REJECTED
    if Outcome.REJECTED in groups or Outcome.PARTIAL in groups:
        return Outcome.PARTIAL
    if Outcome.ACCEPTED_WITH_ERRORS in groups:
        return Outcome.ACCEPTED_WITH_ERRORS
    return Outcome.ACCEPTED


def rejects_interchange(findings: Sequence[Finding], refusal: str | None) -> bool:
    """Whether TA104 is R: a refusal by agreement, or an error that a TA105 code carries."""
    return refusal is not None or any(
        finding.severity is Severity.ERROR and finding.carrier is Carrier.TA105 for finding in findings
    )


def is_processed(interchange: InterchangeJudged, group: GroupJudged, judged: SetJudged) -> bool:
    """Whether the items of a set go on to mapping and delivery.

    A set with IK5 A inside a rejected group or interchange does not: a group that is called R is never processed.
    """
    accepted = {Outcome.ACCEPTED, Outcome.ACCEPTED_WITH_ERRORS}
    return (
        not rejects_interchange(interchange.findings, interchange.refusal)
        and group.outcome is not Outcome.REJECTED
        and judged.outcome in accepted
    )
