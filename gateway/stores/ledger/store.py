"""The ledger as the pipeline sees it: each call one unit of work on the writer thread, or a read beside it.

Owns which unit runs where, and the time, tokens and slices that units are given. Must not know SQL. Adapter of
`gateway.pipeline.ports.Ledger`.
"""

import asyncio
import secrets
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Self, TypeVar
from uuid import UUID

import sqlalchemy as sa

from gateway.model.exchange import ArchiveReference, Received
from gateway.model.judgement import SetJudged
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
    Leased,
    LeaseRequest,
    Mode,
    PartnerAnswer,
    PublishedSet,
    StepEnded,
    Work,
)
from gateway.pipeline.states import FailureClass
from gateway.stores.ledger import (
    tables,
    units_answer,
    units_audit,
    units_conclude,
    units_delivery,
    units_dispatch,
    units_instance,
    units_prepare,
    units_query,
)
from gateway.stores.ledger.as2 import As2Reads, As2Writes
from gateway.stores.ledger.retention import RetentionReads, RetentionWrites
from gateway.stores.ledger.schema import upgrade
from gateway.stores.ledger.sqlite import READERS, reader_engine, sync_folder, writer_engine
from gateway.stores.ledger.writer import BatchWriter, Insertion

# A file may hold a hundred thousand sets: their rows go in slices, so that other messages get in between.
SLICE_ROWS = 500

Outcome = TypeVar("Outcome")


def _now() -> datetime:
    return datetime.now(UTC)


class LedgerReader(As2Reads, RetentionReads):
    """Only reading: what an operator's command needs, beside a running gateway or without one."""

    def __init__(self, engine: sa.Engine) -> None:
        self._readers = engine
        self._threads = ThreadPoolExecutor(READERS, thread_name_prefix="ledger-reader")

    async def _read(self, unit: Callable[[sa.Connection], Outcome]) -> Outcome:
        def run() -> Outcome:
            with self._readers.connect() as connection:
                return unit(connection)

        return await asyncio.get_running_loop().run_in_executor(self._threads, run)

    async def close(self) -> None:
        """Give the connections back."""
        self._threads.shutdown()
        self._readers.dispose()

    async def messages(self, filter_: InstanceFilter, after: UUID | None, limit: int) -> InstancePage:
        """Messages, newest first."""
        return await self._read(partial(units_query.messages, filter_=filter_, after=after, limit=limit))

    async def message(self, instance: UUID) -> InstanceRow | None:
        """One message."""
        return await self._read(partial(units_query.message, instance=instance))

    async def show(self, instance: UUID) -> InstanceDetail | None:
        """One message and all that is known of it."""
        return await self._read(partial(units_query.show, instance=instance))

    async def stuck_deliveries(self, limit: int) -> tuple[DeliveryRow, ...]:
        """Dead and held deliveries."""
        return await self._read(partial(units_delivery.stuck_deliveries, limit=limit))

    async def answers(self, instance: UUID, interchange: int | None = None) -> tuple[PartnerAnswer, ...]:
        """The acknowledgements of an instance."""
        return await self._read(partial(units_answer.answers, instance=instance, interchange=interchange))

    async def waiting_answers(self, partner: str, after: int, limit: int) -> tuple[PartnerAnswer, ...]:
        """The partner's outbox."""
        unit = partial(units_answer.waiting_answers, partner=partner, after=after, limit=limit)
        return await self._read(unit)

    async def held(self, delivery: DeliveryId, token: str) -> Leased | DeliveryOutcome:
        """What the holder of `token` has."""
        return await self._read(partial(units_delivery.held, delivery=delivery, token=token))

    async def document_set(self, instance: UUID, interchange: int, group: int, set_: int) -> Leased | None:
        """Where a set's published documents are."""
        unit = partial(units_delivery.document_set, instance=instance, interchange=interchange, group=group, set_=set_)
        return await self._read(unit)


class SqlLedger(As2Writes, RetentionWrites, LedgerReader):
    """The whole port: reads beside, one writer thread. This process alone writes."""

    def __init__(
        self,
        readers: sa.Engine,
        engine: sa.Engine,
        on_fatal: Callable[[BaseException], None],
        now: Callable[[], datetime],
    ) -> None:
        super().__init__(readers)
        self._engine = engine
        self._writer = BatchWriter(engine, on_fatal)
        self._now = now
        # Names this process as the holder of leases that it takes when accepting.
        self._owner = secrets.token_hex(4)

    @classmethod
    async def open(
        cls, path: Path, on_fatal: Callable[[BaseException], None], now: Callable[[], datetime] = _now
    ) -> Self:
        """Open or create the file at `path` and bring its tables up to date. `on_fatal` is called on the loop.

        Raises SqliteTooOld, LedgerTooNew, sqlalchemy.exc.DBAPIError.
        """

        def prepare() -> sa.Engine:
            engine = writer_engine(path)
            with engine.connect() as connection, connection.begin():
                upgrade(connection)
                units_instance.release(connection, now())
                units_dispatch.release(connection, now())
            sync_folder(path.parent)
            return engine

        engine = await asyncio.to_thread(prepare)
        return cls(reader_engine(path), engine, on_fatal, now)

    async def close(self) -> None:
        """Finish what waits, then close the file."""
        await self._writer.close()
        await super().close()
        self._engine.dispose()

    async def accept(
        self, received: Received, archived: ArchiveReference, mode: Mode, lane: str | None, lease_s: float
    ) -> Work | None:
        """Insert an instance."""
        row = units_instance.instance_columns(
            received=received, archived=archived, mode=mode, lane=lane, owner=self._owner, lease_s=lease_s
        )
        await self._writer.run(Insertion(tables.instance, row))
        if lease_s <= 0:
            return None
        lease_until = received.received_at + timedelta(seconds=lease_s)
        return Work(received, archived, mode, revision=1, attempt=1, fence=1, lease_until=lease_until)

    async def claim(self, owner: str, limit: int, lease_s: float) -> tuple[Work, ...]:
        """Lease instances that are due."""
        unit = partial(units_instance.claim, owner=owner, limit=limit, lease_s=lease_s, now=self._now())
        return await self._writer.run(unit)

    async def renew(self, work: Work, lease_s: float) -> bool:
        """Heartbeat."""
        return await self._writer.run(partial(units_instance.renew, work=work, lease_s=lease_s, now=self._now()))

    async def prepare(self, work: Work, claims: tuple[InterchangeClaim, ...]) -> tuple[ClaimOutcome, ...]:
        """Claim interchange keys and control numbers."""
        return await self._writer.run(partial(units_prepare.prepare, work=work, claims=claims, now=self._now()))

    async def conclude(self, work: Work, conclusion: Conclusion) -> bool:
        """All at once for the reader; rows of sets go ahead in slices where there are many."""
        sets, published = list(_sets(conclusion)), conclusion.sets
        totals = _totals(conclusion, sets)
        slices = list(_slices(sets, published))
        if len(slices) <= 1:
            return await self._writer.run(partial(self._conclude_at_once, work, conclusion, totals, slices))
        await self._writer.run(partial(units_conclude.clear_staged, work=work))
        for some_sets, some_published in slices:
            unit = partial(units_conclude.stage_sets, work=work, sets=some_sets, published=some_published)
            await self._writer.run(unit)
        return await self._writer.run(partial(self._conclude_at_once, work, conclusion, totals, []))

    def _conclude_at_once(
        self,
        work: Work,
        conclusion: Conclusion,
        totals: dict[str, int],
        slices: Sequence["_Slice"],
        connection: sa.Connection,
    ) -> bool:
        if not units_conclude.conclude(connection, work, conclusion, totals, self._now()):
            return False
        if slices and work.fence > 1:
            units_conclude.clear_staged(connection, work)
        for some_sets, some_published in slices:
            units_conclude.stage_sets(connection, work, some_sets, some_published)
        return True

    async def fail(self, work: Work, step: StepEnded, retry_at: datetime | None) -> bool:
        """A step failed."""
        unit = partial(units_instance.fail, work=work, ended=step, retry_at=retry_at, now=self._now())
        return await self._writer.run(unit)

    async def resubmit(self, instance: UUID, entry: AuditEntry) -> bool:
        """Due again."""
        return await self._writer.run(partial(units_instance.resubmit, instance=instance, entry=entry))

    async def confirm_answer(self, partner: str, answer: int, at: datetime) -> bool:
        """The partner has it."""
        unit = partial(units_answer.confirm_answer, partner=partner, answer=answer, at=at)
        return await self._writer.run(unit)

    async def answers_missed_deadline(self, instance: UUID) -> None:
        """They wait in the outbox instead."""
        await self._writer.run(partial(units_answer.answers_missed_deadline, instance=instance))

    async def lease(self, request: LeaseRequest) -> tuple[Leased, ...]:
        """Hand out deliveries."""
        tokens = [secrets.token_urlsafe(12) for _ in range(request.limit)]
        return await self._writer.run(partial(units_delivery.lease, request=request, tokens=tokens, now=self._now()))

    async def extend(self, delivery: DeliveryId, token: str, lease_s: float) -> DeliveryOutcome:
        """The consumer needs longer."""
        unit = partial(units_delivery.extend, delivery=delivery, token=token, lease_s=lease_s, now=self._now())
        return await self._writer.run(unit)

    async def delivered(self, delivery: DeliveryId, token: str) -> DeliveryOutcome:
        """The consumer has it."""
        return await self._writer.run(partial(units_delivery.delivered, delivery=delivery, token=token))

    async def returned(
        self, delivery: DeliveryId, token: str, failure: FailureClass, error: str, retry_at: datetime | None
    ) -> DeliveryOutcome:
        """The consumer does not have it."""
        unit = partial(
            units_delivery.returned,
            delivery=delivery,
            token=token,
            failure=failure,
            error=error,
            retry_at=retry_at,
            now=self._now(),
        )
        return await self._writer.run(unit)

    async def resubmit_delivery(self, delivery: DeliveryId, entry: AuditEntry) -> bool:
        """Due again."""
        unit = partial(units_delivery.resubmit_delivery, delivery=delivery, entry=entry)
        return await self._writer.run(unit)

    async def record_audit(self, entry: AuditEntry) -> None:
        """Who did what."""
        await self._writer.run(partial(units_audit.record_audit, entry=entry))


def open_reader(path: Path) -> LedgerReader:
    """Read a ledger without writing to it. The file must exist. Raises SqliteTooOld."""
    return LedgerReader(reader_engine(path))


_PlacedSet = tuple[int, int, SetJudged, int]
_Slice = tuple[Sequence[_PlacedSet], Sequence[PublishedSet]]


def _sets(conclusion: Conclusion) -> Iterator[_PlacedSet]:
    published = {(each.interchange, each.group, each.set): each.item_count for each in conclusion.sets}
    for interchange in conclusion.judged.interchanges:
        for group in interchange.groups:
            for each in group.sets:
                count = published.get((interchange.ordinal, group.ordinal, each.ordinal), 0)
                yield interchange.ordinal, group.ordinal, each, count


def _slices(sets: Sequence[_PlacedSet], published: Sequence[PublishedSet]) -> Iterator[_Slice]:
    for begin in range(0, max(len(sets), len(published)), SLICE_ROWS):
        yield sets[begin : begin + SLICE_ROWS], published[begin : begin + SLICE_ROWS]


def _totals(conclusion: Conclusion, sets: Sequence[_PlacedSet]) -> dict[str, int]:
    """Counts of the instance row. Accepted items are those that were published."""
    # A repeated interchange brings nothing new: its items are those of the original.
    items = sum(len(judged.items) for ordinal, _, judged, _ in sets if ordinal not in conclusion.duplicates)
    accepted = sum(published.item_count for published in conclusion.sets)
    outside = len(conclusion.judged.findings) + sum(
        len(interchange.findings) + sum(len(group.findings) for group in interchange.groups)
        for interchange in conclusion.judged.interchanges
    )
    return {
        "interchange_count": len(conclusion.judged.interchanges),
        "set_count": len(sets),
        "accepted_count": accepted,
        "rejected_count": items - accepted,
        "error_count": outside + sum(judged.error_count for _, _, judged, _ in sets),
    }
