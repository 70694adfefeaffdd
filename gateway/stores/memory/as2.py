"""The AS2 side of the ledger in memory: received messages and dispatches.

Owns a second reading of `gateway.pipeline.as2.ports.As2Ledger`, part of `MemoryLedger`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from gateway.model.exchange import ArchiveReference, Received
from gateway.pipeline.as2.dispatches import (
    DispatchDraft,
    DispatchEnded,
    DispatchFilter,
    DispatchRow,
    DispatchWork,
    Entity,
)
from gateway.pipeline.as2.records import (
    As2Arrival,
    As2Row,
    Claimed,
    Conflicts,
    Opening,
    OpeningOutcome,
    OpeningRecord,
    Repeats,
)
from gateway.pipeline.records import AuditEntry, StepEnded
from gateway.pipeline.states import DispatchEvent, DispatchState, InstanceState, allows, target

_Key = tuple[str, str, str]


class HeldInstance(Protocol):
    """What of an instance's record this side touches."""

    received: Received
    archived: ArchiveReference
    lane: str | None
    state: InstanceState
    due_at: datetime
    steps: list[StepEnded]


@dataclass(slots=True)
class _Message:
    arrival: As2Arrival
    wire: Entity
    opening: Opening | None = None


@dataclass(slots=True)
class _Dispatch:
    row: DispatchRow
    fence: int = 0


@dataclass(slots=True)
class MemoryMessages:
    """Received messages and who took which Message-ID."""

    messages: dict[UUID, _Message] = field(default_factory=dict)
    keys: dict[_Key, UUID] = field(default_factory=dict)

    def answered(self, arrival: As2Arrival) -> tuple[UUID, ...]:
        """What came under this Message-ID and was answered as processed, oldest first."""
        return tuple(
            id_
            for id_, message in self.messages.items()
            if _key(message.arrival) == _key(arrival)
            and message.opening is not None
            and message.opening.disposition.is_processed
        )

    def keep(self, received: Received, archived: ArchiveReference, arrival: As2Arrival) -> None:
        """A message that is not opened yet."""
        self.messages[received.instance] = _Message(arrival, Entity(archived, arrival.head_size, received.size_bytes))

    def row(self, instance: HeldInstance) -> As2Row | None:
        """One message."""
        found = self.messages.get(instance.received.instance)
        if found is None:
            return None
        return As2Row(instance.received, instance.state, instance.lane, found.arrival, found.wire, found.opening)

    def open(
        self, instance: HeldInstance, record: OpeningRecord, row: Callable[[UUID], As2Row | None]
    ) -> OpeningOutcome:
        """Record an opening, or say whose Message-ID it is."""
        id_, opening = instance.received.instance, record.opening
        message = self.messages[id_]
        if opening.disposition.is_processed and opening.duplicate_of is None:
            holding = self.keys.setdefault(_key(message.arrival), id_)
            if holding != id_:
                original = row(holding)
                known = None if original is None else original.opening
                if original is not None and known is not None and known.payload_sha256 == opening.payload_sha256:
                    return Repeats(original)
                return Conflicts(holding)
        message.opening = opening
        if record.payload is not None:
            instance.archived = record.payload
        instance.steps.append(record.step)
        return Claimed()


class MemoryDispatches:
    """Dispatches. Used on one event loop. `confirm` is told which dispatch was delivered."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now_of_dispatches = now
        self._dispatches: dict[UUID, _Dispatch] = {}

    def _add_dispatch(self, draft: DispatchDraft) -> None:
        row = DispatchRow(
            draft=draft,
            state=DispatchState.WAITING,
            attempt=0,
            wire=draft.wire,
            mics=(),
            sent_at=None,
            due_at=draft.created_at,
            http_status=None,
            disposition="",
            receipt=None,
            error="",
            ended_at=None,
        )
        self._dispatches[draft.id] = _Dispatch(row)

    def _dispatch_delivered(self, dispatch: UUID) -> None:
        raise NotImplementedError

    def _audit(self, entry: AuditEntry) -> None:
        raise NotImplementedError

    async def add_dispatch(self, draft: DispatchDraft, entry: AuditEntry) -> None:
        """A file that an operator sends."""
        self._add_dispatch(draft)
        self._audit(entry)

    async def claim_dispatches(self, owner: str, limit: int, lease_s: float) -> tuple[DispatchWork, ...]:
        """Lease dispatches that are due."""
        del owner
        now = self._now_of_dispatches()
        due = [
            each
            for each in self._dispatches.values()
            if allows(each.row.state, DispatchEvent.CLAIM) and each.row.due_at <= now
        ]
        due.sort(key=lambda each: (each.row.due_at, each.row.draft.id))
        return tuple(self._lease_dispatch(each, now + timedelta(seconds=lease_s)) for each in due[:limit])

    def _lease_dispatch(self, each: _Dispatch, until: datetime) -> DispatchWork:
        each.fence += 1
        attempt = each.row.attempt + 1
        each.row = replace(each.row, state=_after(DispatchEvent.CLAIM), attempt=attempt, due_at=until)
        return DispatchWork(each.row.draft, each.row.wire, each.row.mics, attempt, each.fence, until)

    def _held_dispatch(self, work: DispatchWork) -> _Dispatch | None:
        each = self._dispatches[work.draft.id]
        return each if each.fence == work.fence and each.row.state is DispatchState.RUNNING else None

    async def renew_dispatch(self, work: DispatchWork, lease_s: float) -> bool:
        """Heartbeat."""
        each = self._held_dispatch(work)
        if each is None:
            return False
        each.row = replace(each.row, due_at=self._now_of_dispatches() + timedelta(seconds=lease_s))
        return True

    async def packaged(self, work: DispatchWork, wire: Entity, mics: tuple[str, ...]) -> bool:
        """The bytes that every attempt sends."""
        each = self._held_dispatch(work)
        if each is None:
            return False
        each.row = replace(each.row, wire=wire, mics=mics)
        return True

    async def attempted(self, work: DispatchWork, ended: DispatchEnded) -> bool:
        """One attempt ended."""
        each = self._held_dispatch(work)
        return each is not None and self._end(each, ended)

    async def receipted(self, dispatch: UUID, ended: DispatchEnded) -> bool:
        """A receipt came on its own."""
        return self._end(self._dispatches[dispatch], ended)

    def _end(self, each: _Dispatch, ended: DispatchEnded) -> bool:
        if not allows(each.row.state, ended.event):
            return False
        now = self._now_of_dispatches()
        is_over = ended.event in (DispatchEvent.DELIVER, DispatchEvent.FAIL)
        each.row = replace(
            each.row,
            state=_after(ended.event),
            error=ended.error,
            due_at=ended.due_at or now,
            ended_at=now if is_over else None,
            sent_at=now if ended.event is DispatchEvent.AWAIT else each.row.sent_at,
            http_status=ended.http_status or each.row.http_status,
            disposition=ended.disposition or each.row.disposition,
            receipt=ended.receipt or each.row.receipt,
        )
        if ended.event is DispatchEvent.DELIVER:
            self._dispatch_delivered(each.row.draft.id)
        return True

    async def dispatch_of_message(self, partner: str, message_id: str) -> DispatchRow | None:
        """The dispatch with this Message-ID."""
        rows = (each.row for each in self._dispatches.values())
        return next((row for row in rows if (row.draft.partner, row.draft.message_id) == (partner, message_id)), None)

    async def expire_dispatches(self) -> tuple[DispatchRow, ...]:
        """Those whose receipt is overdue."""
        now = self._now_of_dispatches()
        overdue = [
            each
            for each in self._dispatches.values()
            if allows(each.row.state, DispatchEvent.EXPIRE) and each.row.due_at <= now
        ]
        for each in overdue:
            error = "The receipt did not come in time."
            each.row = replace(each.row, state=_after(DispatchEvent.EXPIRE), error=error)
        return tuple(each.row for each in overdue)

    async def resubmit_dispatch(self, dispatch: UUID, entry: AuditEntry) -> bool:
        """Due again."""
        each = self._dispatches.get(dispatch)
        if each is None or not allows(each.row.state, DispatchEvent.RESUBMIT):
            return False
        state = _after(DispatchEvent.RESUBMIT)
        each.row = replace(each.row, state=state, due_at=entry.at, attempt=0, ended_at=None, error="")
        self._audit(entry)
        return True

    async def dispatch(self, dispatch: UUID) -> DispatchRow | None:
        """One dispatch."""
        each = self._dispatches.get(dispatch)
        return None if each is None else each.row

    async def dispatches(self, filter_: DispatchFilter, after: UUID | None, limit: int) -> tuple[DispatchRow, ...]:
        """Dispatches, newest first."""
        rows = (self._dispatches[id_].row for id_ in sorted(self._dispatches, reverse=True))
        found = [row for row in rows if (after is None or row.draft.id < after) and _fits(row, filter_)]
        return tuple(found[:limit])


def _fits(row: DispatchRow, filter_: DispatchFilter) -> bool:
    return (
        filter_.partner in (None, row.draft.partner)
        and filter_.state in (None, row.state)
        and filter_.instance in (None, row.draft.instance)
    )


def _key(arrival: As2Arrival) -> _Key:
    return arrival.our_name, arrival.partner_name, arrival.message_id


def _after(event: DispatchEvent) -> DispatchState:
    return DispatchState(target(event))
