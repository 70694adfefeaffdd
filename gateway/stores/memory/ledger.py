"""A ledger in memory: every promise but durability, without SQL.

Owns a second reading of the port, which the same tests hold to the first: what both adapters do is what the port means.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from gateway.model.exchange import ArchiveReference, Received
from gateway.model.judgement import FileJudged
from gateway.pipeline.as2.records import As2Arrival, As2Row, Claimed, OpeningOutcome, OpeningRecord
from gateway.pipeline.ports import LeaseLost
from gateway.pipeline.records import (
    AuditEntry,
    ClaimOutcome,
    Conclusion,
    Fresh,
    InstanceDetail,
    InstanceFilter,
    InstancePage,
    InstanceRow,
    InterchangeClaim,
    InterchangeKey,
    InterchangeRow,
    Mode,
    PartnerAnswer,
    Seen,
    SetRow,
    StepEnded,
    Work,
)
from gateway.pipeline.states import (
    FailureClass,
    InstanceEvent,
    InstanceState,
    PartnerAnswerEvent,
    PartnerAnswerState,
    allows,
    target,
)
from gateway.stores.memory.as2 import MemoryDispatches, MemoryMessages
from gateway.stores.memory.deliveries import MemoryDeliveries

HIGHEST_CONTROL_NUMBER = 999_999_999


@dataclass(slots=True)
class _Instance:
    received: Received
    archived: ArchiveReference
    mode: Mode
    lane: str | None
    state: InstanceState
    due_at: datetime
    fence: int = 0
    attempt: int = 0
    error: str = ""
    ended_at: datetime | None = None
    steps: list[StepEnded] = field(default_factory=list)
    conclusion: Conclusion | None = None


@dataclass(frozen=True, slots=True)
class _KeyUse:
    instance: UUID
    claim: InterchangeClaim
    claimed_at: datetime


class MemoryLedger(MemoryDeliveries, MemoryDispatches):
    """Instances, keys and acknowledgements; deliveries and dispatches are in the bases. Used on one event loop."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        MemoryDeliveries.__init__(self, now)
        MemoryDispatches.__init__(self, now)
        self._received = MemoryMessages()
        self._instances: dict[UUID, _Instance] = {}
        self._keys: dict[InterchangeKey, _KeyUse] = {}
        self._next_number: dict[str, int] = {}
        self._numbers: dict[tuple[UUID, int], tuple[int, int]] = {}
        self._answers: dict[int, PartnerAnswer] = {}
        self.audit: list[AuditEntry] = []

    async def accept(
        self, received: Received, archived: ArchiveReference, mode: Mode, lane: str | None, lease_s: float
    ) -> Work | None:
        """Insert an instance."""
        made = _Instance(received, archived, mode, lane, InstanceState.WAITING, received.received_at)
        self._instances[received.instance] = made
        return self._lease_instance(made, lease_s, mode) if lease_s > 0 else None

    async def accept_as2(
        self, received: Received, wire: ArchiveReference, arrival: As2Arrival, lane: str | None, lease_s: float
    ) -> Work | As2Row | None:
        """Insert a received message, or give back the one that it repeats."""
        for id_ in self._received.answered(arrival):
            if self._instances[id_].received.sha256 == received.sha256:
                return self._as2_row(id_)
        mode = Mode.REAL_TIME if lease_s > 0 else Mode.BATCH
        self._received.keep(received, wire, arrival)
        return await self.accept(received, wire, mode, lane, lease_s)

    async def as2_message(self, instance: UUID) -> As2Row | None:
        """One received message."""
        return self._as2_row(instance)

    def _as2_row(self, instance: UUID) -> As2Row | None:
        found = self._instances.get(instance)
        return None if found is None else self._received.row(found)

    async def opened(self, work: Work, record: OpeningRecord) -> OpeningOutcome:
        """Record an opening."""
        instance = self._held(work)
        if instance is None:
            raise LeaseLost("The lease of this instance went to another worker.")
        outcome = self._received.open(instance, record, self._as2_row)
        if isinstance(outcome, Claimed) and record.receipt is not None:
            self._add_dispatch(record.receipt)
        if isinstance(outcome, Claimed) and record.held is not None:
            await self.fail(work, record.held, None)
        return outcome

    async def yield_to_lane(self, work: Work) -> bool:
        """Due at once, in the order of its lane."""
        instance = self._held(work)
        if instance is None:
            return False
        instance.state, instance.due_at = _state_after(InstanceEvent.YIELD), self._now()
        return True

    def _dispatch_delivered(self, dispatch: UUID) -> None:
        for id_, answer in self._answers.items():
            carried = answer.dispatch is not None and answer.dispatch.id == dispatch
            if carried and allows(answer.state, PartnerAnswerEvent.CONFIRM):
                self._answers[id_] = replace(answer, state=PartnerAnswerState.CONFIRMED)

    def _audit(self, entry: AuditEntry) -> None:
        self.audit.append(entry)

    def _lease_instance(self, instance: _Instance, lease_s: float, mode: Mode) -> Work:
        instance.state = InstanceState.RUNNING
        instance.mode = mode
        instance.fence += 1
        instance.attempt += 1
        instance.due_at = self._now() + timedelta(seconds=lease_s)
        return Work(instance.received, instance.archived, mode, 1, instance.attempt, instance.fence, instance.due_at)

    async def claim(self, owner: str, limit: int, lease_s: float) -> tuple[Work, ...]:
        """Lease instances that are due."""
        del owner
        due = [
            each
            for each in self._instances.values()
            if allows(each.state, InstanceEvent.CLAIM) and each.due_at <= self._now() and not self._has_to_wait(each)
        ]
        due.sort(key=lambda each: (each.due_at, each.received.instance))
        return tuple(self._lease_instance(each, lease_s, Mode.BATCH) for each in due[:limit])

    def _has_to_wait(self, instance: _Instance) -> bool:
        return instance.lane is not None and any(
            each.lane == instance.lane
            and each.received.instance < instance.received.instance
            and allows(each.state, InstanceEvent.CLAIM)
            for each in self._instances.values()
        )

    def _held(self, work: Work) -> _Instance | None:
        instance = self._instances[work.received.instance]
        is_held = instance.fence == work.fence and instance.state is InstanceState.RUNNING
        return instance if is_held else None

    async def renew(self, work: Work, lease_s: float) -> bool:
        """Heartbeat."""
        instance = self._held(work)
        if instance is None:
            return False
        instance.due_at = self._now() + timedelta(seconds=lease_s)
        return True

    async def prepare(self, work: Work, claims: tuple[InterchangeClaim, ...]) -> tuple[ClaimOutcome, ...]:
        """Claim interchange keys and control numbers."""
        if self._held(work) is None:
            raise LeaseLost("The lease of this instance went to another worker.")
        return tuple(self._claim_interchange(work.received.instance, claim) for claim in claims)

    def _claim_interchange(self, instance: UUID, claim: InterchangeClaim) -> ClaimOutcome:
        number = self._number(instance, claim) if claim.number_count else None
        if claim.key is None:
            return Fresh(number)
        used = self._keys.get(claim.key)
        if used is not None and (used.instance, used.claim.ordinal) == (instance, claim.ordinal):
            return Fresh(number)
        if used is not None and used.claimed_at >= self._now() - timedelta(seconds=claim.window_s):
            original = self._instances[used.instance]
            if original.state is not InstanceState.FAILED:
                place, ordinal = used.claim.range, used.claim.ordinal
                return Seen(number, used.instance, ordinal, place, original.archived, original.state)
        self._keys[claim.key] = _KeyUse(instance, claim, self._now())
        return Fresh(number)

    def _number(self, instance: UUID, claim: InterchangeClaim) -> int:
        first, count = self._numbers.get((instance, claim.ordinal), (0, 0))
        if count < claim.number_count:
            first = self._next_number.get(claim.partner, 1)
            if first + claim.number_count - 1 > HIGHEST_CONTROL_NUMBER:
                first = 1
            self._next_number[claim.partner] = first + claim.number_count
            self._numbers[instance, claim.ordinal] = (first, claim.number_count)
        return first

    async def conclude(self, work: Work, conclusion: Conclusion) -> bool:
        """All at once."""
        instance = self._held(work)
        if instance is None:
            return False
        instance.state, instance.error, instance.ended_at = _state_after(InstanceEvent.CONCLUDE), "", self._now()
        instance.conclusion = conclusion
        instance.steps += conclusion.steps
        real_time = instance.mode is Mode.REAL_TIME
        state = PartnerAnswerState.RETURNED if real_time else PartnerAnswerState.WAITING
        for answer in conclusion.answers:
            id_ = len(self._answers) + 1
            travels = state if answer.dispatch is None else PartnerAnswerState.DISPATCHED
            self._answers[id_] = replace(answer, id=id_, instance=work.received.instance, state=travels)
            if answer.dispatch is not None:
                self._add_dispatch(answer.dispatch)
        self._publish(work.received.instance, work.revision, conclusion.sets)
        return True

    async def fail(self, work: Work, step: StepEnded, retry_at: datetime | None) -> bool:
        """A step failed."""
        instance = self._held(work)
        if instance is None:
            return False
        if retry_at is not None:
            event = InstanceEvent.RETRY
        else:
            event = InstanceEvent.HOLD if step.failure is FailureClass.AMBIGUOUS else InstanceEvent.FAIL
        instance.state, instance.error = _state_after(event), step.error
        instance.due_at = retry_at or self._now()
        instance.ended_at = None if retry_at else self._now()
        instance.steps.append(step)
        return True

    async def resubmit(self, instance: UUID, entry: AuditEntry) -> bool:
        """Due again."""
        found = self._instances.get(instance)
        if found is None or not allows(found.state, InstanceEvent.RESUBMIT):
            return False
        found.state, found.attempt, found.due_at = _state_after(InstanceEvent.RESUBMIT), 0, entry.at
        found.ended_at = None
        self.audit.append(entry)
        return True

    async def answers(self, instance: UUID, interchange: int | None = None) -> tuple[PartnerAnswer, ...]:
        """The acknowledgements of an instance."""
        return tuple(
            answer
            for answer in self._answers.values()
            if answer.instance == instance and interchange in (None, answer.interchange)
        )

    async def waiting_answers(self, partner: str, after: int, limit: int) -> tuple[PartnerAnswer, ...]:
        """The partner's outbox."""
        waiting = [
            answer
            for id_, answer in self._answers.items()
            if id_ > after and answer.partner == partner and answer.state is PartnerAnswerState.WAITING
        ]
        return tuple(waiting[:limit])

    async def confirm_answer(self, partner: str, answer: int, at: datetime) -> bool:
        """The partner has it."""
        del at
        found = self._answers.get(answer)
        if found is None or found.partner != partner:
            return False
        if allows(found.state, PartnerAnswerEvent.CONFIRM):
            self._answers[answer] = replace(found, state=PartnerAnswerState.CONFIRMED)
        return self._answers[answer].state is PartnerAnswerState.CONFIRMED

    async def answers_missed_deadline(self, instance: UUID) -> None:
        """They wait in the outbox instead."""
        for id_, answer in self._answers.items():
            if answer.instance == instance and allows(answer.state, PartnerAnswerEvent.MISS_DEADLINE):
                self._answers[id_] = replace(answer, state=PartnerAnswerState.WAITING)
        if self._instances[instance].state is not InstanceState.DONE:
            self._instances[instance].mode = Mode.BATCH

    async def messages(self, filter_: InstanceFilter, after: UUID | None, limit: int) -> InstancePage:
        """Messages, newest first."""
        newest = sorted(self._instances, reverse=True)
        found = [
            self._row(self._instances[id_])
            for id_ in newest
            if (after is None or id_ < after) and self._fits(self._instances[id_], filter_)
        ]
        following = found[limit - 1].received.instance if len(found) > limit else None
        return InstancePage(tuple(found[:limit]), following)

    def _fits(self, instance: _Instance, filter_: InstanceFilter) -> bool:
        at = instance.received.received_at
        number = filter_.control_number
        numbers = {row.key.control_number for row in _interchanges(instance)}
        return (
            filter_.partner in (None, instance.received.principal.partner)
            and filter_.state in (None, instance.state)
            and (filter_.since is None or at >= filter_.since)
            and (filter_.until is None or at < filter_.until)
            and (number is None or number in numbers)
        )

    async def message(self, instance: UUID) -> InstanceRow | None:
        """One message."""
        found = self._instances.get(instance)
        return None if found is None else self._row(found)

    def _row(self, instance: _Instance) -> InstanceRow:
        sets = _sets(instance)
        accepted = sum(each.accepted_count for each in sets)
        duplicates = {} if instance.conclusion is None else instance.conclusion.duplicates
        new = sum(each.item_count for each in sets if each.interchange not in duplicates)
        return InstanceRow(
            received=instance.received,
            archived=instance.archived,
            mode=instance.mode,
            state=instance.state,
            revision=1,
            attempt=instance.attempt,
            error=instance.error,
            ended_at=instance.ended_at,
            interchange_count=len(_interchanges(instance)),
            set_count=len(sets),
            accepted_count=accepted,
            rejected_count=new - accepted,
            error_count=sum(each.error_count for each in sets),
        )

    async def show(self, instance: UUID) -> InstanceDetail | None:
        """One message and all that is known of it; findings are not kept here."""
        found = self._instances.get(instance)
        if found is None:
            return None
        return InstanceDetail(
            row=self._row(found),
            steps=tuple(found.steps),
            interchanges=_interchanges(found),
            sets=_sets(found),
            findings=(),
            answers=await self.answers(instance),
            outbox=self._outbox_of(instance),
        )

    async def record_audit(self, entry: AuditEntry) -> None:
        """Who did what."""
        self.audit.append(entry)


def _state_after(event: InstanceEvent) -> InstanceState:
    return InstanceState(target(event))


def _judged(instance: _Instance) -> FileJudged:
    return FileJudged((), ()) if instance.conclusion is None else instance.conclusion.judged


def _interchanges(instance: _Instance) -> tuple[InterchangeRow, ...]:
    duplicates = {} if instance.conclusion is None else instance.conclusion.duplicates
    rows = []
    for judged in _judged(instance).interchanges:
        elements = [element.rstrip() for element in (*judged.header, *[""] * 14)]
        key = InterchangeKey(elements[5], elements[6], elements[7], elements[8], elements[13])
        duplicate = duplicates.get(judged.ordinal)
        rows.append(InterchangeRow(judged.ordinal, key, judged.outcome.value, judged.refusal or "", duplicate))
    return tuple(rows)


def _sets(instance: _Instance) -> tuple[SetRow, ...]:
    published = (
        {}
        if instance.conclusion is None
        else {(each.interchange, each.group, each.set): each.item_count for each in instance.conclusion.sets}
    )
    return tuple(
        SetRow(
            interchange=interchange.ordinal,
            group=group.ordinal,
            set=judged.ordinal,
            identifier=judged.identifier,
            control_number=judged.control_number,
            guide=judged.guide or "",
            outcome=judged.outcome.value,
            segment_count=judged.segment_count,
            item_count=len(judged.items),
            accepted_count=published.get((interchange.ordinal, group.ordinal, judged.ordinal), 0),
            error_count=judged.error_count,
            warning_count=judged.warning_count,
        )
        for interchange in _judged(instance).interchanges
        for group in interchange.groups
        for judged in group.sets
    )
