"""What the judge says of a file: interchanges, groups, sets and items, each with its findings and outcome.

Frozen and free of payload: envelope values are identifiers of partners and control numbers, not of people.
The acknowledgement is a pure function of this and the agreement.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from gateway.model.finding import ByteRange, Finding


class Outcome(StrEnum):
    """IK501/AK901 in words; a group may also be PARTIAL."""

    ACCEPTED = "accepted"
    ACCEPTED_WITH_ERRORS = "accepted_with_errors"
    PARTIAL = "partial"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class ItemJudged:
    """One business item. `document` is its place in the document spool, None where none was made."""

    ordinal: int
    outcome: Outcome
    source: ByteRange
    context: ByteRange | None
    document: ByteRange | None


@dataclass(frozen=True, slots=True)
class SetJudged:
    """One transaction set. Element tuples have the segment id at index 0; Latin-1 text as sent.

    `items` is in document order and may be made lazily (a roster has a million): iterate it, do not copy it.
    `beginning` is the segment after ST (BHT, BGN), empty where there is none.
    """

    ordinal: int
    header: tuple[str, ...]
    trailer: tuple[str, ...] | None
    segment_count: int
    range: ByteRange
    guide: str | None
    program_digest: str
    outcome: Outcome
    findings: tuple[Finding, ...]
    items: Sequence[ItemJudged]
    beginning: tuple[str, ...]
    error_count: int
    warning_count: int
    suppressed_count: int

    @property
    def identifier(self) -> str:
        """ST01."""
        return self.header[1] if len(self.header) > 1 else ""

    @property
    def control_number(self) -> str:
        """ST02."""
        return self.header[2] if len(self.header) > 2 else ""

    @property
    def implementation(self) -> str:
        """ST03, empty where absent."""
        return self.header[3] if len(self.header) > 3 else ""


@dataclass(frozen=True, slots=True)
class GroupJudged:
    """One functional group; `findings` are those of GS and GE alone."""

    ordinal: int
    header: tuple[str, ...]
    trailer: tuple[str, ...] | None
    outcome: Outcome
    findings: tuple[Finding, ...]
    sets: tuple[SetJudged, ...]


@dataclass(frozen=True, slots=True)
class InterchangeJudged:
    """One interchange; `findings` are those of ISA, TA1 and IEA alone.

    `refusal` is the TA105 code of a decision that is not in the bytes (unknown sender, duplicate, not agreed).
    """

    ordinal: int
    header: tuple[str, ...]
    trailer: tuple[str, ...] | None
    range: ByteRange
    outcome: Outcome
    refusal: str | None
    findings: tuple[Finding, ...]
    groups: tuple[GroupJudged, ...]
    acknowledgements: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class FileJudged:
    """A whole file. `findings` are those outside any interchange (nothing readable, bytes between)."""

    interchanges: tuple[InterchangeJudged, ...]
    findings: tuple[Finding, ...]
