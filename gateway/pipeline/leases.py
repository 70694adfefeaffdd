"""Claiming what is due and running it, a bounded number at once, each under a lease that is kept alive.

Owns the loop, its pace and its end. Must not know what is claimed, nor what an attempt does with it.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

import structlog

from gateway.pipeline.failure import describe
from gateway.pipeline.ports import StoreBusy, StoreFailed, StoreFull

Item = TypeVar("Item")

log = structlog.get_logger(__name__)


class LeaseLoop(ABC, Generic[Item]):
    """Attempts everything that can be claimed, `workers` at once.

    `poll_s`: how late something that became due by itself may be.
    """

    def __init__(self, *, workers: int, poll_s: float) -> None:
        self._workers = workers
        self._poll_s = poll_s
        self._wake = asyncio.Event()
        self._running: set[asyncio.Task[bool]] = set()
        self._claiming: asyncio.Task[None] | None = None

    @abstractmethod
    async def _claim(self, free: int) -> Sequence[Item]:
        """Lease up to `free` that are due."""

    @abstractmethod
    async def _attempt(self, item: Item, /) -> bool:
        """Run what is leased; the result is that of the task."""

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

    def run(self, item: Item) -> asyncio.Task[bool]:
        """Run what is already claimed in the background; the task's result is that of the attempt."""
        task = asyncio.create_task(self._attempt(item))
        self._running.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[bool]) -> None:
        self._running.discard(task)
        if not task.cancelled() and isinstance(error := task.exception(), Exception):
            # A failed store, or a fault of ours; the lease brings the item back.
            log.error("engine.broken", error=describe(error))
        self._wake.set()

    async def _claim_forever(self) -> None:
        while True:
            self._wake.clear()
            try:
                claimed = await self._claim_some()
            except StoreFailed:
                return
            except (StoreBusy, StoreFull):
                claimed = 0
            if not claimed or len(self._running) >= self._workers:
                await self._rest()

    async def _claim_some(self) -> int:
        free = self._workers - len(self._running)
        if free <= 0:
            return 0
        claimed = await self._claim(free)
        for item in claimed:
            self.run(item)
        return len(claimed)

    async def _rest(self) -> None:
        try:
            async with asyncio.timeout(self._poll_s):
                await self._wake.wait()
        except TimeoutError:
            return


async def beat(renew: Callable[[], Awaitable[bool]], lease_s: float) -> None:
    """Renew a lease three times as often as it ends, until it is lost: the fence keeps a late worker harmless."""
    renewed = True
    while renewed:
        await asyncio.sleep(lease_s / 3)
        try:
            renewed = await renew()
        except (StoreBusy, StoreFull):
            continue
        except StoreFailed:
            return
