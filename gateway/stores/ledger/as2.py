"""The AS2 side of the ledger's adapter: reads for operators, units of work for the gateway.

Owns which unit runs where. Must not know SQL. Adapter of `gateway.pipeline.as2.ports.As2Ledger`, part of `SqlLedger`.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar
from uuid import UUID

import sqlalchemy as sa

from gateway.model.exchange import ArchiveReference, Received
from gateway.pipeline.as2.dispatches import (
    DispatchDraft,
    DispatchEnded,
    DispatchFilter,
    DispatchRow,
    DispatchWork,
    Entity,
)
from gateway.pipeline.as2.records import As2Arrival, As2Row, OpeningOutcome, OpeningRecord
from gateway.pipeline.records import AuditEntry, Mode, Work
from gateway.stores.ledger import units_as2, units_dispatch, units_instance
from gateway.stores.ledger.writer import BatchWriter

Outcome = TypeVar("Outcome")


class As2Reads:
    """What an operator's command needs, beside a running gateway or without one."""

    async def _read(self, unit: Callable[[sa.Connection], Outcome]) -> Outcome:
        raise NotImplementedError

    async def as2_message(self, instance: UUID) -> As2Row | None:
        """One received message."""
        return await self._read(partial(units_as2.message, instance=instance))

    async def certificates(self) -> tuple[bytes, ...]:
        """Every certificate (DER) that a signature was verified or made with."""
        return await self._read(units_as2.certificates)

    async def dispatch(self, dispatch: UUID) -> DispatchRow | None:
        """One dispatch."""
        return await self._read(partial(units_dispatch.one, dispatch=dispatch))

    async def dispatches(self, filter_: DispatchFilter, after: UUID | None, limit: int) -> tuple[DispatchRow, ...]:
        """Dispatches, newest first."""
        return await self._read(partial(units_dispatch.some, filter_=filter_, after=after, limit=limit))

    async def dispatch_of_message(self, partner: str, message_id: str) -> DispatchRow | None:
        """The dispatch with this Message-ID."""
        return await self._read(partial(units_dispatch.of_message, partner=partner, message_id=message_id))


class As2Writes:
    """Each call one unit of work on the writer thread."""

    _writer: BatchWriter
    _now: Callable[[], datetime]
    _owner: str

    async def accept_as2(
        self, received: Received, wire: ArchiveReference, arrival: As2Arrival, lane: str | None, lease_s: float
    ) -> Work | As2Row | None:
        """Insert a received message, or give back the one that it repeats."""
        mode = Mode.REAL_TIME if lease_s > 0 else Mode.BATCH
        columns = units_instance.instance_columns(
            received=received, archived=wire, mode=mode, lane=lane, owner=self._owner, lease_s=lease_s
        )
        original = await self._writer.run(partial(units_as2.accept, columns=columns, wire=wire, arrival=arrival))
        if original is not None:
            return original
        if lease_s <= 0:
            return None
        lease_until = received.received_at + timedelta(seconds=lease_s)
        return Work(received, wire, mode, revision=1, attempt=1, fence=1, lease_until=lease_until)

    async def opened(self, work: Work, record: OpeningRecord) -> OpeningOutcome:
        """Record an opening."""
        return await self._writer.run(partial(units_as2.opened, work=work, record=record))

    async def yield_to_lane(self, work: Work) -> bool:
        """Due at once, in the order of its lane."""
        return await self._writer.run(partial(units_as2.yield_to_lane, work=work, now=self._now()))

    async def add_dispatch(self, draft: DispatchDraft, entry: AuditEntry) -> None:
        """A file that an operator sends."""
        await self._writer.run(partial(units_dispatch.add_audited, draft=draft, entry=entry))

    async def claim_dispatches(self, owner: str, limit: int, lease_s: float) -> tuple[DispatchWork, ...]:
        """Lease dispatches that are due."""
        unit = partial(units_dispatch.claim, owner=owner, limit=limit, lease_s=lease_s, now=self._now())
        return await self._writer.run(unit)

    async def renew_dispatch(self, work: DispatchWork, lease_s: float) -> bool:
        """Heartbeat."""
        return await self._writer.run(partial(units_dispatch.renew, work=work, lease_s=lease_s, now=self._now()))

    async def packaged(self, work: DispatchWork, wire: Entity, mics: tuple[str, ...]) -> bool:
        """The bytes that every attempt sends."""
        return await self._writer.run(partial(units_dispatch.packaged, work=work, wire=wire, mics=mics))

    async def attempted(self, work: DispatchWork, ended: DispatchEnded) -> bool:
        """One attempt ended."""
        return await self._writer.run(partial(units_dispatch.attempted, work=work, ended=ended, now=self._now()))

    async def receipted(self, dispatch: UUID, ended: DispatchEnded) -> bool:
        """A receipt came on its own."""
        unit = partial(units_dispatch.receipted, dispatch=dispatch, ended=ended, now=self._now())
        return await self._writer.run(unit)

    async def expire_dispatches(self) -> tuple[DispatchRow, ...]:
        """Those whose receipt is overdue."""
        return await self._writer.run(partial(units_dispatch.expire, now=self._now()))

    async def resubmit_dispatch(self, dispatch: UUID, entry: AuditEntry) -> bool:
        """Due again."""
        return await self._writer.run(partial(units_dispatch.resubmit, dispatch=dispatch, entry=entry))
