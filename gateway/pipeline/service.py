"""The pipeline put together: what a process starts, calls and stops.

Owns the order of starting and stopping. Must not know any adapter.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from gateway.pipeline.deliver import Deliveries
from gateway.pipeline.engine import Engine, EngineSettings
from gateway.pipeline.exchange import Exchange
from gateway.pipeline.failure import Backoff
from gateway.pipeline.outbox import PartnerOutbox
from gateway.pipeline.ports import Archive, Clock, Judge, Ledger, Spool
from gateway.pipeline.receive import ReceiveLimits, Receiver
from gateway.pipeline.steps import InboundSteps


@dataclass(frozen=True, slots=True)
class PipelineSettings:
    """`judging_threads`: large messages judged at once; the native core uses one processor each."""

    limits: ReceiveLimits
    engine: EngineSettings = field(default_factory=EngineSettings)
    delivery_backoff: Backoff = field(default_factory=lambda: Backoff(first_s=5.0, longest_s=3_600.0, attempts=16))
    judging_threads: int = os.cpu_count() or 1


class Pipeline:
    """Everything that happens to messages, over the given stores."""

    def __init__(
        self,
        *,
        archive: Archive,
        ledger: Ledger,
        spools: Callable[[], Spool],
        judge: Judge,
        clock: Clock,
        settings: PipelineSettings,
    ) -> None:
        self._threads = ThreadPoolExecutor(settings.judging_threads, thread_name_prefix="judge")
        steps = InboundSteps(archive, ledger, clock, judge=judge, spools=spools, threads=self._threads)
        self.engine = Engine(ledger, clock, steps.process, settings.engine)
        receiver = Receiver(
            archive,
            ledger,
            clock,
            limits=settings.limits,
            peek=judge.peek,
            lease_s=settings.engine.lease_s,
            adopt=self.engine.run,
        )
        self._receiver = receiver
        self.exchange = Exchange(receiver, self.engine, archive, ledger)
        self.deliveries = Deliveries(ledger, archive, clock, settings.delivery_backoff)
        self.outbox = PartnerOutbox(ledger, archive, clock)
        self.ledger = ledger

    def start(self) -> None:
        """Begin to work off what is due, first of all what an earlier process left."""
        self.engine.start()

    async def stop(self, grace_s: float = 10.0) -> None:
        """Take nothing more, finish what runs; what is left is done after the next start."""
        self.exchange.refuse_more()
        await self._receiver.finish()
        await self.engine.stop(grace_s)
        self._threads.shutdown(wait=False, cancel_futures=True)
