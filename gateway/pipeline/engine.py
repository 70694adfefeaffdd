"""When and how often the steps of a message run: leases, heartbeats, retries.

Owns that each instance has one worker at a time (the ledger's fence decides), that a dead worker's work is taken over,
and what a failure leads to. Must not know what the steps do.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from uuid import UUID

import structlog

from gateway.pipeline.failure import Backoff, StepFailed, classify, describe
from gateway.pipeline.ports import Clock, LeaseLost, Ledger, StoreBusy, StoreFailed, StoreFull
from gateway.pipeline.records import AuditEntry, StepEnded, Work
from gateway.pipeline.states import FailureClass, StepName, StepState

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """`lease_s`: how long a dead worker's message waits. `poll_s`: how late a due retry may be.

    `workers`: messages at once; they mostly wait for each other's syncs, so that more of them share one.
    """

    lease_s: float = 30.0
    poll_s: float = 1.0
    workers: int = 32
    backoff: Backoff = field(default_factory=Backoff)


class Engine:
    """Runs `process` for every instance that is due. `process` is False where the lease was lost."""

    def __init__(
        self,
        ledger: Ledger,
        clock: Clock,
        process: Callable[[Work], Awaitable[bool]],
        settings: EngineSettings,
    ) -> None:
        self._ledger = ledger
        self._clock = clock
        self._process = process
        self._settings = settings
        self._owner = secrets.token_hex(4)
        self._wake = asyncio.Event()
        self._running: set[asyncio.Task[bool]] = set()
        self._claiming: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to claim."""
        self._claiming = asyncio.create_task(self._claim_forever())

    async def stop(self, grace_s: float) -> None:
        """Claim no more; what still runs after `grace_s` is left to whoever claims it next."""
        if self._claiming is not None:
            self._claiming.cancel()
            await asyncio.gather(self._claiming, return_exceptions=True)
        if self._running:
            await asyncio.wait(self._running, timeout=grace_s)
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    def wake(self) -> None:
        """Something is due."""
        self._wake.set()

    def run(self, work: Work) -> "asyncio.Task[bool]":
        """Run claimed work in the background; the task's result is whether it was concluded."""
        task = asyncio.create_task(self._attempt(work))
        self._running.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[bool]) -> None:
        self._running.discard(task)
        if not task.cancelled() and isinstance(error := task.exception(), Exception):
            # A failed store, or a fault of ours; the lease brings the instance back.
            log.error("engine.broken", error=describe(error))
        self._wake.set()

    async def resubmit(self, instance: UUID, actor: str) -> bool:
        """Go on from the failed step, under the same id; False where the instance is neither failed nor held."""
        entry = AuditEntry(self._clock.now(), actor, "resubmit", str(instance))
        done = await self._ledger.resubmit(instance, entry)
        self.wake()
        return done

    async def _claim_forever(self) -> None:
        while True:
            self._wake.clear()
            try:
                claimed = await self._claim()
            except StoreFailed:
                return
            except (StoreBusy, StoreFull):
                claimed = 0
            if not claimed or len(self._running) >= self._settings.workers:
                await self._rest()

    async def _claim(self) -> int:
        free = self._settings.workers - len(self._running)
        if free <= 0:
            return 0
        works = await self._ledger.claim(self._owner, free, self._settings.lease_s)
        for work in works:
            self.run(work)
        return len(works)

    async def _rest(self) -> None:
        """Until something is said to be due, ends, or may have become due."""
        try:
            async with asyncio.timeout(self._settings.poll_s):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _attempt(self, work: Work) -> bool:
        if work.attempt > self._settings.backoff.attempts:
            await self._give_up(work)
            return False
        heart = asyncio.create_task(self._beat(work))
        try:
            return await self._process(work)
        except LeaseLost:
            return False
        except StepFailed as failed:
            await self._fail(work, failed)
            return False
        finally:
            heart.cancel()

    async def _beat(self, work: Work) -> None:
        """Renew the lease three times as often as it ends. Once it is lost the fence keeps this worker harmless."""
        renewed = True
        while renewed:
            await asyncio.sleep(self._settings.lease_s / 3)
            try:
                renewed = await self._ledger.renew(work, self._settings.lease_s)
            except (StoreBusy, StoreFull):
                continue
            except StoreFailed:
                return

    async def _fail(self, work: Work, failed: StepFailed) -> None:
        now = self._clock.now()
        failure = classify(failed.cause)
        ended = StepEnded(
            failed.name, StepState.FAILED, work.attempt, failed.started_at, now, failure, describe(failed.cause)
        )
        retry_at = self._settings.backoff.next_at(now, work.attempt, failure)
        log.warning(
            "step.failed",
            instance=str(work.received.instance),
            step=failed.name.value,
            attempt=work.attempt,
            failure=failure.value,
            error=ended.error,
            retry_at=None if retry_at is None else retry_at.isoformat(),
        )
        await self._ledger.fail(work, ended, retry_at)

    async def _give_up(self, work: Work) -> None:
        """It was begun again and again and never ended, not even with an error: it may be what kills the process."""
        now = self._clock.now()
        error = f"The message was begun {work.attempt - 1} times and never ended."
        ended = StepEnded(StepName.JUDGE, StepState.FAILED, work.attempt, now, now, FailureClass.PERMANENT, error)
        log.error("instance.given_up", instance=str(work.received.instance), attempt=work.attempt)
        await self._ledger.fail(work, ended, None)
