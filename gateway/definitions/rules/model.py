"""One rule as written: what is judged, how much it weighs, and what people are told.

Frozen, free of the guide: paths are text until `tables` resolves them.
"""

from dataclasses import dataclass
from enum import StrEnum

from gateway.definitions.positions import Path


class RuleKind(StrEnum):
    """The few kinds that carry most rules (native/core/src/tables.rs, RuleKindTable)."""

    BALANCE = "balance"
    REQUIRES = "requires"
    FORBIDS = "forbids"
    CODES = "codes"
    CHECK = "check"


class RuleSeverity(StrEnum):
    """What a broken rule weighs; OFF is a partner's way to drop one."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class Condition:
    """`CLM05-3 = 7|8`: a value exists and, where codes are named, is one of them; `not` turns it round."""

    path: str
    any_of: tuple[str, ...]
    negated: bool


@dataclass(frozen=True, slots=True)
class Term:
    """One addend of a balance; `sign` is 1 or -1."""

    sign: int
    path: str


@dataclass(frozen=True, slots=True)
class Sample:
    """The file's sample message with pieces of text replaced: (old, new) pairs; each old occurs exactly once."""

    edits: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. Which fields count depends on the kind; `when_any` are alternatives to `when`.

    `place` is where the rule stands in its file.
    """

    id: str
    kind: RuleKind
    snip: int
    severity: RuleSeverity
    carrier: str
    anchors: tuple[str, ...]
    at: str | None
    message: str
    source: str
    when: tuple[Condition, ...]
    when_any: tuple[Condition, ...]
    then: tuple[Condition, ...]
    left: tuple[Term, ...]
    right: tuple[Term, ...]
    values: tuple[str, ...]
    code_set: str | None
    check: str | None
    accept: tuple[Sample, ...]
    reject: tuple[Sample, ...]
    place: Path


@dataclass(frozen=True, slots=True)
class RuleFile:
    """The rules of one file; `sample` is a whole transaction set that every rule accepts, ST to SE."""

    file: str
    rules: tuple[Rule, ...]
    severities: tuple[tuple[str, RuleSeverity], ...]
    sample: str
