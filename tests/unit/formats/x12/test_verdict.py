"""The table of consequences."""

from collections.abc import Callable
from typing import Any

import pytest

from gateway.formats.x12.verdict import (
    RejectionUnit,
    SetErrors,
    group_outcome,
    interchange_outcome,
    is_complete_roster,
    is_fatal,
    is_processed,
    rejects_interchange,
    set_outcome,
)
from gateway.model.finding import Severity
from gateway.model.judgement import Outcome

Build = Callable[..., Any]

A, E, P, R = Outcome.ACCEPTED, Outcome.ACCEPTED_WITH_ERRORS, Outcome.PARTIAL, Outcome.REJECTED
INTERCHANGE, GROUP, SET, ITEM = RejectionUnit


@pytest.mark.parametrize(
    ("fatal", "in_items", "items", "faulty", "roster", "unit", "expected"),
    [
        (0, 0, 2, 0, False, ITEM, A),
        (1, 0, 2, 0, False, ITEM, R),
        (0, 1, 2, 1, False, SET, R),
        (0, 1, 2, 1, False, GROUP, R),
        (0, 1, 2, 1, False, INTERCHANGE, R),
        (0, 1, 2, 1, False, ITEM, E),
        (0, 1, 2, 1, True, ITEM, R),
        (0, 2, 2, 2, False, ITEM, R),
        (1, 1, 2, 1, False, ITEM, R),
    ],
)
def test_set_outcome(
    *, fatal: int, in_items: int, items: int, faulty: int, roster: bool, unit: Any, expected: Any
) -> None:
    """A set is rejected by what is fatal, and by errors in items unless the agreement rejects items alone."""
    errors = SetErrors(fatal, in_items, items, faulty, roster)

    assert set_outcome(errors, unit) is expected


@pytest.mark.parametrize(
    ("group_error", "sets", "unit", "expected"),
    [
        (False, [A, A], SET, A),
        (False, [A, E], SET, E),
        (False, [A, R], SET, P),
        (False, [E, R], ITEM, P),
        (False, [A, R], GROUP, R),
        (False, [A, R], INTERCHANGE, R),
        (False, [R, R], SET, R),
        (True, [A, A], SET, R),
        (False, [], SET, A),
    ],
)
def test_group_outcome(group_error: bool, sets: Any, unit: Any, expected: Any, finding: Build) -> None:
    """AK901: A all, E noted, P some rejected, R all rejected or the group itself."""
    findings = [finding("AK905:4")] if group_error else []

    assert group_outcome(findings, sets, unit) is expected


@pytest.mark.parametrize(
    ("rejects", "groups", "expected"),
    [
        (True, [A], R),
        (False, [A, A], A),
        (False, [A, E], E),
        (False, [A, R], P),
        (False, [P], P),
        (False, [R, R], R),
        (False, [], A),
    ],
)
def test_interchange_outcome(rejects: bool, groups: Any, expected: Any) -> None:
    """The outcome over all groups, unless the TA1 says R."""
    assert interchange_outcome(rejects, groups) is expected


@pytest.mark.parametrize(
    ("carried", "snip", "item", "severity", "expected"),
    [
        ("IK403:7", 2, 1, Severity.ERROR, False),
        ("IK403:7", 2, None, Severity.ERROR, True),
        ("IK403:6", 1, 1, Severity.ERROR, True),
        ("IK502:4", 1, None, Severity.ERROR, True),
        (":", 4, 1, Severity.ERROR, False),
        ("IK403:6", 1, 1, Severity.WARNING, False),
    ],
)
def test_fatal(*, carried: str, snip: int, item: Any, severity: Severity, expected: Any, finding: Build) -> None:
    """Envelope and syntax errors, and those outside of items, always reject the set."""
    assert is_fatal(finding(carried, snip=snip, item=item, severity=severity)) is expected


@pytest.mark.parametrize(("action", "expected"), [("RX", True), ("4", True), ("2", False), ("", False)])
def test_complete_roster(action: str, expected: Any) -> None:
    """BGN08 says whether absence would read as termination."""
    assert is_complete_roster(("BGN", "00", "1", "20250101", "1200", "", "", "", action)) is expected
    assert not is_complete_roster(("BHT", "0019", "00"))


def test_rejected_group_is_not_processed(finding: Build, a_set: Build, a_group: Build, an_interchange: Build) -> None:
    """A set that is sound inside a group that is not goes nowhere."""
    sound = a_set()
    group = a_group(sound, outcome=Outcome.REJECTED, findings=(finding("AK905:4"),))
    interchange = an_interchange(group)

    assert not is_processed(interchange, group, sound)
    assert is_processed(interchange, a_group(sound), sound)


def test_refusal_rejects_the_interchange(finding: Build, a_set: Build, a_group: Build, an_interchange: Build) -> None:
    """A refusal by agreement weighs as much as an error in the envelope; a warning does not."""
    sound = a_set()

    assert not is_processed(an_interchange(a_group(sound), refusal="006"), a_group(sound), sound)
    assert rejects_interchange((finding("TA105:001"),), None)
    assert not rejects_interchange((finding("TA105:017", severity=Severity.WARNING),), None)
