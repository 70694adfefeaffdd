"""The ports that the pipeline needs: archive, ledger, spool, clock, and a standard's judge.

Owns the contracts (what is durable when, what raises) that every adapter keeps; the same tests run on each
adapter. Must not know any adapter. Asynchronous methods are called on the event loop; the others are called in a
worker thread and may block.
"""

from collections.abc import AsyncIterable, Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from gateway.model.exchange import ArchiveReference, Principal, Received
from gateway.model.finding import ByteRange
from gateway.model.judgement import FileJudged, GroupJudged, InterchangeJudged, SetJudged
from gateway.pipeline.records import (
    AuditEntry,
    ClaimOutcome,
    Conclusion,
    DeliveryId,
    DeliveryOutcome,
    DeliveryRow,
    InstanceDetail,
    InstanceFilter,
    InstancePage,
    InstanceRow,
    InterchangeClaim,
    InterchangeKey,
    Leased,
    LeaseRequest,
    Mode,
    PartnerAnswer,
    StepEnded,
    Work,
)
from gateway.pipeline.states import FailureClass


class StoreFailed(Exception):
    """A store can no longer promise that anything is durable (a sync failed): the process must stop accepting."""


class StoreFull(Exception):
    """There is no room; nothing was kept of this call, and what was kept before is safe. Later calls may succeed."""


class StoreBusy(Exception):
    """The store's queue is full, or another holds its lock; the caller may try again."""


class LeaseLost(Exception):
    """The lease of this instance went to another worker: whatever this one did is void."""


class NotInArchive(LookupError):
    """The archive has no such record, or it is damaged; the text names segment and offset."""


class Archive(Protocol):
    """Bytes, kept for good."""

    async def append(self, body: AsyncIterable[bytes]) -> ArchiveReference:
        """Keep `body`, of any size; durable on return.

        Raises StoreFull, StoreBusy, StoreFailed, and whatever `body` raises: then nothing refers to what was
        written so far.
        """
        ...

    def size(self, reference: ArchiveReference) -> int:
        """How many bytes the body has. Blocks. Raises NotInArchive."""
        ...

    def read(self, reference: ArchiveReference, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Bytes `start` to `end` (exclusive, None = all) in chunks of at most 1 MB. Blocks. Raises NotInArchive."""
        ...


class Spool(Protocol):
    """Documents of one message while it is judged: written in order, read by range, gone when closed."""

    def write(self, data: bytes, /) -> int:
        """Append; returns where `data` begins."""
        ...

    def read(self, start: int, end: int) -> bytes:
        """Bytes `start` to `end` (exclusive)."""
        ...

    def close(self) -> None:
        """Forget it all."""
        ...


class Clock(Protocol):
    """Time, so that tests can move it."""

    def now(self) -> datetime:
        """UTC, aware."""
        ...


class Ledger(Protocol):
    """What happened and what is to be done. Each call is one transaction, durable on return.

    Raises StoreFailed, StoreFull, StoreBusy. A call fenced off (the lease went to another worker) returns False
    and changes nothing.
    """

    # receive
    async def accept(
        self, received: Received, archived: ArchiveReference, mode: Mode, lane: str | None, lease_s: float
    ) -> Work | None:
        """Insert an instance. `lease_s` above 0 claims it at once and returns the work.

        Instances of one `lane` are claimed one after the other, in order of their ids; a dead one leaves its lane.
        """
        ...

    # engine
    async def claim(self, owner: str, limit: int, lease_s: float) -> tuple[Work, ...]:
        """Lease instances that are due or whose lease ran out, oldest first."""
        ...

    async def renew(self, work: Work, lease_s: float) -> bool:
        """Heartbeat: keep the lease for `lease_s` from now."""
        ...

    async def prepare(self, work: Work, claims: tuple[InterchangeClaim, ...]) -> tuple[ClaimOutcome, ...]:
        """Claim interchange keys and control numbers; called again for the same revision it answers the same.

        Raises LeaseLost.
        """
        ...

    async def answers(self, instance: UUID, interchange: int | None = None) -> tuple[PartnerAnswer, ...]:
        """The acknowledgements of an instance (of its newest revision), in order."""
        ...

    async def conclude(self, work: Work, conclusion: Conclusion) -> bool:
        """Judgement, acknowledgements, outbox and steps: visible all at once."""
        ...

    async def fail(self, work: Work, step: StepEnded, retry_at: datetime | None) -> bool:
        """A step failed: due again at `retry_at`, else held (ambiguous) or dead (the rest)."""
        ...

    async def resubmit(self, instance: UUID, entry: AuditEntry) -> bool:
        """A failed or held instance is due again under the same id; False where it is neither."""
        ...

    # the partner's outbox
    async def waiting_answers(self, partner: str, after: int, limit: int) -> tuple[PartnerAnswer, ...]:
        """Acknowledgements waiting for `partner` with an id above `after`, oldest first."""
        ...

    async def confirm_answer(self, partner: str, answer: int, at: datetime) -> bool:
        """The partner has it. True also where it was confirmed before; False where there is none such."""
        ...

    async def answers_missed_deadline(self, instance: UUID) -> None:
        """Real time, but the reply went out without them: the acknowledgements wait in the outbox instead."""
        ...

    # deliveries to downstream applications
    async def lease(self, request: LeaseRequest) -> tuple[Leased, ...]:
        """Hand out deliveries, oldest first; nobody else gets them before the lease ends."""
        ...

    async def held(self, delivery: DeliveryId, token: str) -> Leased | DeliveryOutcome:
        """What the holder of `token` was handed out, else why it holds nothing (ALREADY, LEASE_LOST, UNKNOWN)."""
        ...

    async def extend(self, delivery: DeliveryId, token: str, lease_s: float) -> DeliveryOutcome:
        """The consumer needs longer."""
        ...

    async def delivered(self, delivery: DeliveryId, token: str) -> DeliveryOutcome:
        """The consumer has it: it is never handed out again."""
        ...

    async def returned(
        self, delivery: DeliveryId, token: str, failure: FailureClass, error: str, retry_at: datetime | None
    ) -> DeliveryOutcome:
        """The consumer does not have it: due again at `retry_at`, else held (ambiguous) or dead."""
        ...

    async def resubmit_delivery(self, delivery: DeliveryId, entry: AuditEntry) -> bool:
        """A dead or held delivery is due again; False where it is neither."""
        ...

    async def stuck_deliveries(self, limit: int) -> tuple[DeliveryRow, ...]:
        """Dead and held deliveries, oldest first."""
        ...

    async def document_set(self, instance: UUID, interchange: int, group: int, set_: int) -> Leased | None:
        """Where a set's published documents are, as a delivery without a lease; None where there are none."""
        ...

    # operators
    async def messages(self, filter_: InstanceFilter, after: UUID | None, limit: int) -> InstancePage:
        """Messages, newest first; `after` is the cursor of the previous page."""
        ...

    async def message(self, instance: UUID) -> InstanceRow | None:
        """One message."""
        ...

    async def show(self, instance: UUID) -> InstanceDetail | None:
        """One message and all that is known of it."""
        ...

    async def record_audit(self, entry: AuditEntry) -> None:
        """Who did what."""
        ...


@dataclass(frozen=True, slots=True)
class Terms:
    """What the agreement of one interchange says, as far as every standard knows it; `policy` is the judge's own.

    `key` is None, or `duplicate_window_s` 0, where the interchange is refused anyway or may be repeated.
    """

    partner: str
    key: InterchangeKey | None
    duplicate_window_s: int
    policy: object


@dataclass(frozen=True, slots=True)
class Peeked:
    """What the first bytes of a message say. `deadline_s` counts where the mode is real time.

    `lane`: messages of one lane are processed in order of arrival; None where the agreement asks for no order.
    """

    mode: Mode
    lane: str | None
    deadline_s: float


@dataclass(frozen=True, slots=True)
class Judged:
    """A judged message and the terms of each of its interchanges, in order."""

    file: FileJudged
    terms: tuple[Terms, ...]


@dataclass(frozen=True, slots=True)
class AnswerDraft:
    """One acknowledgement interchange before it is archived."""

    kind: str
    control_number: str
    text: bytes


class Judge(Protocol):
    """One standard as the steps use it: reads, judges and words answers. Blocks, does no I/O of its own."""

    def peek(self, principal: Principal, head: bytes) -> Peeked | None:
        """From the first bytes: how to answer. None where they are no envelope that can be read."""
        ...

    def judge(self, work: Work, chunks: Iterable[bytes], spool: Spool) -> Judged:
        """Judge a whole message; documents go to `spool`."""
        ...

    def publishes(self, judged: InterchangeJudged, group: GroupJudged, set_: SetJudged) -> bool:
        """Whether the documents of a set may be delivered: neither it nor what it stands in is rejected."""
        ...

    def refuse_duplicate(self, interchange: InterchangeJudged) -> InterchangeJudged:
        """The same interchange, refused because its key was used with other bytes (TA1 R 025)."""
        ...

    def answers(
        self,
        interchange: InterchangeJudged,
        terms: Terms,
        first_number: int,
        now: datetime,
        read: Callable[[ByteRange], bytes],
    ) -> tuple[AnswerDraft, ...]:
        """The acknowledgements, numbered from `first_number` on. Pure: the same arguments give the same bytes."""
        ...
