"""When and how often the steps of a message run: leases, heartbeats, retries.

Owns that each instance has one worker at a time (the ledger's fence decides), that a dead worker's work is taken over,
and what a failure leads to. Must not know what the steps do, nor how the loop paces itself.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from uuid import UUID

import structlog

from gateway.pipeline.failure import Backoff, StepFailed, classify, describe
from gateway.pipeline.leases import LeaseLoop, beat
from gateway.pipeline.ports import Clock, LeaseLost, Ledger
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


class Engine(LeaseLoop[Work]):
    """Runs `process` for every instance that is due. `process` is False where the lease was lost."""

    def __init__(
        self,
        ledger: Ledger,
        clock: Clock,
        process: Callable[[Work], Awaitable[bool]],
        settings: EngineSettings,
    ) -> None:
        super().__init__(workers=settings.workers, poll_s=settings.poll_s)
        self._ledger = ledger
        self._clock = clock
        self._process = process
        self._settings = settings
        self._owner = secrets.token_hex(4)

    async def resubmit(self, instance: UUID, actor: str) -> bool:
        """Go on from the failed step, under the same id; False where the instance is neither failed nor held."""
        entry = AuditEntry(self._clock.now(), actor, "resubmit", str(instance))
        done = await self._ledger.resubmit(instance, entry)
        self.wake()
        return done

    async def _claim(self, free: int) -> tuple[Work, ...]:
        return await self._ledger.claim(self._owner, free, self._settings.lease_s)

    async def _attempt(self, work: Work, /) -> bool:
        if work.attempt > self._settings.backoff.attempts:
            await self._give_up(work)
            return False
        lease_s = self._settings.lease_s
        heart = asyncio.create_task(beat(partial(self._ledger.renew, work, lease_s), lease_s))
        try:
            return await self._process(work)
        except LeaseLost:
            return False
        except StepFailed as failed:
            await self._fail(work, failed)
            return False
        finally:
            heart.cancel()

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
