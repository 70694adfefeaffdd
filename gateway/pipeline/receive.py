"""Taking a message in: body within limits, archive durable, ledger row durable, then the receipt.

Owns the order of those, and that nothing is promised before the last. Must not know HTTP nor what a message says.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from gateway.model.exchange import ArchiveReference, Principal, Receipt, Received
from gateway.pipeline.clock import new_instance_id
from gateway.pipeline.ports import Archive, Clock, Ledger, Peeked, StoreBusy, StoreFailed, StoreFull
from gateway.pipeline.records import Mode, Work

Accepted = TypeVar("Accepted")

# ISA, TA1s and GS of a sane interchange lie in the first kilobyte.
HEAD_BYTES = 4096
# From 2,048 bytes on hashlib gives the interpreter lock away and has to wait for it again: for a small message that
# takes ten times as long as its hash.
HASHED_BYTES = 2047
SMALL_BYTES = 8 * HASHED_BYTES


@dataclass(frozen=True, slots=True)
class Arrival:
    """What a transport knows before the body: `remote` is the peer's address."""

    transport: str
    principal: Principal
    content_type: str
    remote: str


@dataclass(frozen=True, slots=True)
class ReceiveLimits:
    """`body_bytes`: the largest message. `retry_after_s`: what a sender is told when too much waits."""

    body_bytes: int
    retry_after_s: float = 5.0


@dataclass(frozen=True, slots=True)
class Overloaded:
    """Too much waits: nothing was kept, come back later."""

    retry_after_s: float


@dataclass(frozen=True, slots=True)
class TooLarge:
    """The message is larger than agreed: nothing was kept."""

    limit_bytes: int


@dataclass(frozen=True, slots=True)
class Empty:
    """There is no message."""


@dataclass(frozen=True, slots=True)
class StoreUnavailable:
    """Nothing was kept. `is_fatal`: this process accepts nothing more until it is restarted."""

    reason: str
    is_fatal: bool


Refusal = Overloaded | TooLarge | Empty | StoreUnavailable


@dataclass(frozen=True, slots=True)
class Kept:
    """Archived and in the ledger. `peeked` is None where the first bytes are no readable envelope.

    `work` is the claimed instance where the exchange is to be answered in real time.
    """

    receipt: Receipt
    peeked: Peeked | None
    work: Work | None


@dataclass(frozen=True, slots=True)
class KeptBytes:
    """A body in the archive, behind the head that was put before it. `size_bytes` and `sha256` are of the body alone.

    `head` is the beginning of the body.
    """

    archived: ArchiveReference
    size_bytes: int
    sha256: bytes
    head: bytes = field(repr=False)


class _BodyTooLarge(Exception):
    """Ends the archiving of a body past its limit."""


class Intake:
    """Keeps the bytes of messages, and sees each acceptance through to its end.

    `adopt` runs claimed work whose sender has gone.
    """

    def __init__(self, archive: Archive, limits: ReceiveLimits, adopt: Callable[[Work], object]) -> None:
        self._archive = archive
        self._limits = limits
        self._adopt = adopt
        self._accepting: set[asyncio.Task[object]] = set()
        self._failed = False

    @property
    def is_failed(self) -> bool:
        """A store can no longer promise anything."""
        return self._failed

    async def take(
        self, body: AsyncIterable[bytes], head: bytes, accept: Callable[["KeptBytes"], Awaitable[Accepted]]
    ) -> Accepted | Refusal:
        """Archive `head` and `body` as one, then `accept` them. What `body` raises goes through."""
        return await self.guarded(self._take(body, head, accept))

    async def _take(
        self, body: AsyncIterable[bytes], head: bytes, accept: Callable[["KeptBytes"], Awaitable[Accepted]]
    ) -> Accepted | Refusal:
        metered = _Metered(body, self._limits.body_bytes, head)
        try:
            if not await metered.begin():
                return Empty()
            archived = await self._archive.append(metered)
        except _BodyTooLarge:
            return TooLarge(self._limits.body_bytes)
        return await accept(KeptBytes(archived, metered.size_bytes, metered.sha256(), metered.head))

    async def guarded(self, keeping: Awaitable[Accepted | Refusal]) -> Accepted | Refusal:
        """Its outcome, or why a store could not keep what a sender brought."""
        try:
            return await keeping
        except StoreBusy:
            return Overloaded(self._limits.retry_after_s)
        except StoreFull as error:
            return StoreUnavailable(str(error), is_fatal=False)
        except StoreFailed as error:
            self._failed = True
            return StoreUnavailable(str(error), is_fatal=True)

    async def see_through(self, accepting: Coroutine[Any, Any, Accepted]) -> Accepted:
        """Its result. A sender that goes away must not leave an instance that is leased and that nobody runs."""
        task = asyncio.create_task(accepting)
        self._accepting.add(task)
        task.add_done_callback(self._accepting.discard)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            task.add_done_callback(self._orphaned)
            raise

    def _orphaned(self, task: asyncio.Task[Any]) -> None:
        if not task.cancelled() and task.exception() is None and isinstance(task.result(), Work):
            self._adopt(task.result())

    async def finish(self) -> None:
        """Wait for what is being accepted."""
        await asyncio.gather(*self._accepting, return_exceptions=True)


class Receiver:
    """Keeps messages. `peek` says from the first bytes how an exchange is answered."""

    def __init__(
        self,
        intake: Intake,
        ledger: Ledger,
        clock: Clock,
        *,
        peek: Callable[[Principal, bytes], Peeked | None],
        lease_s: float,
    ) -> None:
        self._intake = intake
        self._ledger = ledger
        self._clock = clock
        self._peek = peek
        self._lease_s = lease_s

    @property
    def is_failed(self) -> bool:
        """A store can no longer promise anything."""
        return self._intake.is_failed

    async def receive(self, arrival: Arrival, body: AsyncIterable[bytes]) -> Kept | Refusal:
        """Keep one message, durable on return. What `body` raises goes through, and nothing refers to what was read."""

        async def accept(kept: KeptBytes) -> Kept:
            return await self._accept(arrival, kept)

        return await self._intake.take(body, b"", accept)

    async def _accept(self, arrival: Arrival, kept: "KeptBytes") -> Kept:
        now = self._clock.now()
        received = received_now(arrival, kept, now)
        peeked = self._peek(arrival.principal, kept.head)
        mode = Mode.BATCH if peeked is None else peeked.mode
        lane = None if peeked is None else peeked.lane
        receipt = Receipt(received.instance, now, kept.archived)
        if mode is Mode.BATCH:
            # Whether the sender is still there does not matter: the row is written, and whoever is free claims it.
            await self._ledger.accept(received, kept.archived, mode, lane, 0.0)
            return Kept(receipt, peeked, None)
        accepting = self._ledger.accept(received, kept.archived, mode, lane, self._lease_s)
        return Kept(receipt, peeked, await self._intake.see_through(accepting))


def received_now(arrival: Arrival, kept: "KeptBytes", now: datetime) -> Received:
    """The facts of an arrival, with an id of its own."""
    return Received(
        instance=new_instance_id(now),
        transport=arrival.transport,
        principal=arrival.principal,
        content_type=arrival.content_type,
        received_at=now,
        size_bytes=kept.size_bytes,
        sha256=kept.sha256,
        remote=arrival.remote,
    )


class _Metered(AsyncIterator[bytes]):
    """A body on its way into the archive: counted, hashed, its head kept.

    A class, as the loop keeps account of each asynchronous generator, for its end, which this needs not.
    """

    def __init__(self, body: AsyncIterable[bytes], limit_bytes: int, prefix: bytes) -> None:
        self._pieces = aiter(body)
        self._prefix = prefix
        self._limit_bytes = limit_bytes
        self._hash = hashlib.sha256()
        self._first = b""
        self.size_bytes = 0
        self.head = b""

    async def begin(self) -> bool:
        """Read the first piece; False where there is none."""
        async for piece in self._pieces:
            if piece:
                self._first = piece
                return True
        return False

    async def __anext__(self) -> bytes:
        if self._prefix:
            # Of its own: the archive joins pieces, and what is counted and hashed is the body alone.
            piece, self._prefix = self._prefix, b""
            return piece
        if self._first:
            piece, self._first = self._first, b""
        else:
            piece = await anext(self._pieces)
        return self._count(piece)

    def _count(self, piece: bytes) -> bytes:
        self.size_bytes += len(piece)
        if self.size_bytes > self._limit_bytes:
            raise _BodyTooLarge
        self._update_hash(piece)
        if len(self.head) < HEAD_BYTES:
            self.head += piece[: HEAD_BYTES - len(self.head)]
        return piece

    def _update_hash(self, piece: bytes) -> None:
        if len(piece) > SMALL_BYTES:
            self._hash.update(piece)
            return
        for begin in range(0, len(piece), HASHED_BYTES):
            self._hash.update(piece[begin : begin + HASHED_BYTES])

    def sha256(self) -> bytes:
        """Of all that was read."""
        return self._hash.digest()
