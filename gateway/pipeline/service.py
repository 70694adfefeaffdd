"""The pipeline put together: what a process starts, calls and stops.

Owns the order of starting and stopping. Must not know any adapter.
"""

import os
from collections.abc import AsyncIterable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

from gateway.pipeline.as2.arrive import As2Exchange, OpeningWaits
from gateway.pipeline.as2.courier import Courier, CourierSettings
from gateway.pipeline.as2.open import As2Steps
from gateway.pipeline.as2.ports import As2Ledger, Poster, RelationshipSource
from gateway.pipeline.as2.receipts import ReceiptDesk
from gateway.pipeline.deliver import Deliveries
from gateway.pipeline.engine import Engine, EngineSettings
from gateway.pipeline.exchange import Exchange
from gateway.pipeline.failure import Backoff
from gateway.pipeline.outbox import PartnerOutbox
from gateway.pipeline.ports import Archive, Clock, Judge, Ledger, Spool
from gateway.pipeline.receive import Intake, KeptBytes, ReceiveLimits, Receiver, Refusal
from gateway.pipeline.relationships import Relationship
from gateway.pipeline.steps import InboundSteps


class LedgerWithAs2(Ledger, As2Ledger, Protocol):
    """The whole ledger."""


@dataclass(frozen=True, slots=True)
class PipelineSettings:
    """`judging_threads`: large messages judged at once; the native core uses one processor each."""

    limits: ReceiveLimits
    engine: EngineSettings = field(default_factory=EngineSettings)
    courier: CourierSettings = field(default_factory=CourierSettings)
    delivery_backoff: Backoff = field(default_factory=lambda: Backoff(first_s=5.0, longest_s=3_600.0, attempts=16))
    judging_threads: int = os.cpu_count() or 1


class Pipeline:
    """Everything that happens to messages, over the given stores."""

    def __init__(
        self,
        *,
        archive: Archive,
        ledger: LedgerWithAs2,
        spools: Callable[[], Spool],
        judge: Judge,
        clock: Clock,
        relationships: RelationshipSource,
        poster: Poster,
        settings: PipelineSettings,
    ) -> None:
        self._threads = ThreadPoolExecutor(settings.judging_threads, thread_name_prefix="judge")
        self.courier = Courier(
            ledger=ledger,
            archive=archive,
            clock=clock,
            source=relationships,
            poster=poster,
            spools=spools,
            threads=self._threads,
            settings=settings.courier,
        )
        waits = OpeningWaits()
        steps = As2Steps(
            inbound=InboundSteps(archive, ledger, clock, judge=judge, spools=spools, threads=self._threads),
            archive=archive,
            ledger=ledger,
            as2_ledger=ledger,
            source=relationships,
            spools=spools,
            clock=clock,
            threads=self._threads,
            waits=waits,
            wake_courier=self.courier.wake,
        )
        self.engine = Engine(ledger, clock, steps.process, settings.engine)
        self._intake = Intake(archive, settings.limits, self.engine.run)
        lease_s = settings.engine.lease_s
        receiver = Receiver(self._intake, ledger, clock, peek=judge.peek, lease_s=lease_s)
        self.exchange = Exchange(receiver, self.engine, archive, ledger)
        self.as2 = As2Exchange(
            intake=self._intake,
            engine=self.engine,
            archive=archive,
            ledger=ledger,
            source=relationships,
            desk=ReceiptDesk(ledger, archive, clock, self.courier.wake),
            waits=waits,
            clock=clock,
            lease_s=lease_s,
        )
        self.deliveries = Deliveries(ledger, archive, clock, settings.delivery_backoff)
        self.outbox = PartnerOutbox(ledger, archive, clock)
        self.ledger = ledger

    async def send_file(
        self, relationship: Relationship, body: AsyncIterable[bytes], filename: str, content_type: str, actor: str
    ) -> UUID | Refusal:
        """Keep a file and send it over AS2; the id of the message of ours. Durable on return."""

        async def accept(kept: KeptBytes) -> UUID:
            return await self.courier.send_file(relationship, kept.archived, filename, content_type, actor)

        return await self._intake.take(body, b"", accept)

    def start(self) -> None:
        """Begin to work off what is due, first of all what an earlier process left."""
        self.engine.start()
        self.courier.start()

    async def stop(self, grace_s: float = 10.0) -> None:
        """Take nothing more, finish what runs; what is left is done after the next start."""
        self.exchange.refuse_more()
        await self._intake.finish()
        await self.engine.stop(grace_s)
        await self.courier.stop(grace_s)
        self._threads.shutdown(wait=False, cancel_futures=True)
