"""One exchange with a partner: keep the message, and answer at once or later, as the agreement says.

Owns the deadline of a real-time exchange. Must not know HTTP.
"""

import asyncio
from collections.abc import AsyncIterable
from dataclasses import dataclass, field
from uuid import UUID

from gateway.model.exchange import Receipt
from gateway.pipeline.engine import Engine
from gateway.pipeline.ports import Archive, Ledger
from gateway.pipeline.receive import Arrival, Kept, Receiver, Refusal
from gateway.pipeline.records import Work


@dataclass(frozen=True, slots=True)
class Answer:
    """One acknowledgement interchange, to be sent as it is."""

    id: int
    kind: str
    control_number: str
    text: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Answered:
    """Real time: the acknowledgements. Empty where the agreement wants none."""

    receipt: Receipt
    answers: tuple[Answer, ...]


@dataclass(frozen=True, slots=True)
class Accepted:
    """We have it; acknowledgements come later. `deadline_missed`: they should have been here by now."""

    receipt: Receipt
    deadline_missed: bool


@dataclass(frozen=True, slots=True)
class Unreadable:
    """We have it, but it begins with nothing that can be acknowledged."""

    receipt: Receipt


class Exchange:
    """What a transport calls for each message."""

    def __init__(self, receiver: Receiver, engine: Engine, archive: Archive, ledger: Ledger) -> None:
        self._receiver = receiver
        self._engine = engine
        self._archive = archive
        self._ledger = ledger
        self._stopping = False

    @property
    def accepting(self) -> bool:
        """False once a store has failed or the process is about to stop."""
        return not (self._stopping or self._receiver.is_failed)

    def refuse_more(self) -> None:
        """The process is about to stop, or a store has failed."""
        self._stopping = True

    async def handle(self, arrival: Arrival, body: AsyncIterable[bytes]) -> Answered | Accepted | Unreadable | Refusal:
        """Keep one message and answer it. What `body` raises goes through."""
        kept = await self._receiver.receive(arrival, body)
        if not isinstance(kept, Kept):
            return kept
        if kept.peeked is None:
            self._engine.wake()
            return Unreadable(kept.receipt)
        if kept.work is None:
            self._engine.wake()
            return Accepted(kept.receipt, deadline_missed=False)
        return await self._in_time(kept.receipt, kept.work, kept.peeked.deadline_s)

    async def _in_time(self, receipt: Receipt, work: Work, deadline_s: float) -> Answered | Accepted:
        """Run now; past the deadline the work goes on, and its acknowledgements wait in the outbox."""
        task = self._engine.run(work)
        await asyncio.wait({task}, timeout=deadline_s)
        if task.done() and not task.cancelled() and task.exception() is None and task.result():
            return Answered(receipt, await self.answers_of(receipt.instance))
        await self._ledger.answers_missed_deadline(receipt.instance)
        return Accepted(receipt, deadline_missed=True)

    async def answers_of(self, instance: UUID) -> tuple[Answer, ...]:
        """The acknowledgements of an instance with their bytes."""
        stored = await self._ledger.answers(instance)
        return tuple(
            Answer(answer.id or 0, answer.kind, answer.control_number, b"".join(self._archive.read(answer.archived)))
            for answer in stored
        )
