"""What crosses the ledger's port: frozen values, never rows.

Owns the shapes that the pipeline hands to the ledger and gets back. Must not know tables or SQL. No payload: envelope
identifiers and control numbers only.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from gateway.model.exchange import ArchiveReference, Received
from gateway.model.finding import ByteRange
from gateway.model.judgement import FileJudged
from gateway.pipeline.as2.dispatches import DispatchDraft
from gateway.pipeline.states import (
    DeliveryState,
    FailureClass,
    InstanceState,
    PartnerAnswerState,
    StepName,
    StepState,
)


class Mode(StrEnum):
    """How an exchange is answered; the agreement says it, never the size."""

    REAL_TIME = "real_time"
    BATCH = "batch"


@dataclass(frozen=True, slots=True)
class Work:
    """An instance that this worker may run until `lease_until`; `fence` grows with every claim."""

    received: Received
    archived: ArchiveReference
    mode: Mode
    revision: int
    attempt: int
    fence: int
    lease_until: datetime


@dataclass(frozen=True, slots=True)
class StepEnded:
    """One attempt at one step. `definitions` are the digests that it used, `error` a text without payload."""

    name: StepName
    state: StepState
    attempt: int
    started_at: datetime
    ended_at: datetime
    failure: FailureClass | None = None
    error: str = ""
    definitions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class InterchangeKey:
    """What makes an interchange unique: ISA05 to ISA08 and ISA13 (X12.5; TA105 025)."""

    sender_qualifier: str
    sender: str
    receiver_qualifier: str
    receiver: str
    control_number: str


@dataclass(frozen=True, slots=True)
class InterchangeClaim:
    """Asks for one interchange of an instance: its key (None where it is refused anyway) and control numbers."""

    ordinal: int
    key: InterchangeKey | None
    range: ByteRange
    window_s: int
    partner: str
    number_count: int


@dataclass(frozen=True, slots=True)
class Fresh:
    """Nobody used this key within the window: it is this instance's now. No number where none was asked."""

    first_number: int | None


@dataclass(frozen=True, slots=True)
class Seen:
    """`original` used this key. Whether it is the same message, the bytes tell. `state` is the original's."""

    first_number: int | None
    original: UUID
    ordinal: int
    range: ByteRange
    archived: ArchiveReference
    state: InstanceState


ClaimOutcome = Fresh | Seen


@dataclass(frozen=True, slots=True)
class PartnerAnswer:
    """One acknowledgement interchange: archived bytes and how they travel. `id` is None until the ledger has it.

    `dispatch` is the message of ours that carries it, None where the partner fetches it or got it in the reply.
    """

    interchange: int
    kind: str
    control_number: str
    partner: str
    archived: ArchiveReference
    state: PartnerAnswerState
    created_at: datetime
    id: int | None = None
    instance: UUID | None = None
    dispatch: DispatchDraft | None = None


@dataclass(frozen=True, slots=True)
class PublishedSet:
    """The accepted documents of one transaction set: one archived body holds those of all sets of a message.

    The set's index begins at `index_start` of that body; `gateway.pipeline.publication` reads it.
    """

    interchange: int
    group: int
    set: int
    partner: str
    guide: str
    transaction_set: str
    item_count: int
    documents: ArchiveReference
    index_start: int


@dataclass(frozen=True, slots=True)
class Conclusion:
    """All that a judged message leads to; the ledger takes it in one transaction or not at all.

    `duplicates` maps an interchange's ordinal to the instance that it repeats.
    """

    judged: FileJudged
    answers: tuple[PartnerAnswer, ...]
    sets: tuple[PublishedSet, ...]
    steps: tuple[StepEnded, ...]
    duplicates: dict[int, UUID] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class InstanceFilter:
    """Which messages to list; None does not filter. Times are UTC."""

    partner: str | None = None
    state: InstanceState | None = None
    since: datetime | None = None
    until: datetime | None = None
    control_number: str | None = None


@dataclass(frozen=True, slots=True)
class InstanceRow:
    """One line of a list of messages."""

    received: Received
    archived: ArchiveReference
    mode: Mode
    state: InstanceState
    revision: int
    attempt: int
    error: str
    ended_at: datetime | None
    interchange_count: int
    set_count: int
    accepted_count: int  # of items
    rejected_count: int  # of items
    error_count: int


@dataclass(frozen=True, slots=True)
class InstancePage:
    """Rows, newest first; `next` is the cursor of the following page, None at the end."""

    rows: tuple[InstanceRow, ...]
    next: UUID | None


@dataclass(frozen=True, slots=True)
class InterchangeRow:
    """One interchange of an instance, with the refusal (TA105) where there is one."""

    ordinal: int
    key: InterchangeKey
    outcome: str
    refusal: str
    duplicate_of: UUID | None


@dataclass(frozen=True, slots=True)
class SetRow:
    """One transaction set of an instance."""

    interchange: int
    group: int
    set: int
    identifier: str
    control_number: str
    guide: str
    outcome: str
    segment_count: int
    item_count: int
    accepted_count: int
    error_count: int
    warning_count: int


@dataclass(frozen=True, slots=True)
class FindingRow:
    """One kept finding; the value itself is never kept."""

    interchange: int | None
    group: int | None
    set: int | None
    item: int | None
    severity: str
    carried: str
    snip: int | None
    segment: str | None
    position: int | None
    element: str | None
    rule: str | None
    message: str


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """How far the delivery of one set has come."""

    id: int
    published: PublishedSet
    instance: UUID
    revision: int
    handed_out_count: int
    delivered_count: int
    dead_count: int


@dataclass(frozen=True, slots=True)
class InstanceDetail:
    """All that the ledger knows of one instance; `findings` are capped, `finding_count` is exact."""

    row: InstanceRow
    steps: tuple[StepEnded, ...]
    interchanges: tuple[InterchangeRow, ...]
    sets: tuple[SetRow, ...]
    findings: tuple[FindingRow, ...]
    answers: tuple[PartnerAnswer, ...]
    outbox: tuple[OutboxRow, ...]


class DeliveryUnit(StrEnum):
    """What one delivery carries."""

    ITEM = "item"
    SET = "set"


@dataclass(frozen=True, slots=True)
class LeaseRequest:
    """A consumer asks for up to `limit` deliveries for `lease_s`; None does not filter."""

    consumer: str
    unit: DeliveryUnit
    limit: int
    lease_s: float
    partner: str | None = None
    transaction_set: str | None = None


@dataclass(frozen=True, slots=True)
class DeliveryId:
    """An outbox row and a position in its index from 1; 0 is the whole set. Text form: `12-3`."""

    outbox: int
    position: int

    def __str__(self) -> str:
        return f"{self.outbox}-{self.position}"

    @classmethod
    def parse(cls, text: str) -> "DeliveryId | None":
        """The id in `text`, or None where that is none."""
        outbox, dash, position = text.partition("-")
        digits = outbox + position
        if not dash or not digits.isascii() or not digits.isdigit() or len(digits) > 30 or not (outbox and position):
            return None
        return cls(int(outbox), int(position))


@dataclass(frozen=True, slots=True)
class Leased:
    """One delivery handed out; only the holder of `token` may acknowledge it."""

    id: DeliveryId
    token: str
    attempt: int
    lease_until: datetime
    instance: UUID
    revision: int
    published: PublishedSet


class DeliveryOutcome(StrEnum):
    """What became of an acknowledgement or a refusal of a delivery."""

    TAKEN = "taken"
    ALREADY = "already"  # it was delivered before: the answer got lost, nothing changes
    LEASE_LOST = "lease_lost"  # ran out, and another consumer has it or will have it
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """One delivery that is out, waiting again, dead or held."""

    id: DeliveryId
    state: DeliveryState
    attempt: int
    consumer: str
    due_at: datetime
    failure: FailureClass | None
    error: str


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Who did what to which thing."""

    at: datetime
    actor: str
    action: str
    subject: str
    detail: str = ""
