"""The partner's side of acknowledgements: what waits, its bytes, and the partner's word that it has them.

Owns that a partner sees its own answers only. Must not know HTTP.
"""

import asyncio
from dataclasses import dataclass
from uuid import UUID

from gateway.pipeline.ports import Archive, Clock, Ledger
from gateway.pipeline.records import InstanceRow, PartnerAnswer


@dataclass(frozen=True, slots=True)
class InstanceAnswers:
    """How far a message is, and its acknowledgements so far."""

    row: InstanceRow
    answers: tuple[PartnerAnswer, ...]


class PartnerOutbox:
    """Acknowledgements for partners that fetch them."""

    def __init__(self, ledger: Ledger, archive: Archive, clock: Clock) -> None:
        self._ledger = ledger
        self._archive = archive
        self._clock = clock

    async def waiting(self, partner: str, after: int = 0, limit: int = 100) -> tuple[PartnerAnswer, ...]:
        """What waits for `partner` with an id above `after`, oldest first."""
        return await self._ledger.waiting_answers(partner, after, limit)

    async def text(self, answer: PartnerAnswer) -> bytes:
        """The interchange to send. Raises NotInArchive."""
        return await asyncio.to_thread(lambda: b"".join(self._archive.read(answer.archived)))

    async def confirm(self, partner: str, answer: int) -> bool:
        """The partner has it; may be said twice. False where there is no such answer for this partner."""
        return await self._ledger.confirm_answer(partner, answer, self._clock.now())

    async def of_instance(self, partner: str, instance: UUID) -> InstanceAnswers | None:
        """One message of this partner; None where it is unknown or another's, which look the same."""
        row = await self._ledger.message(instance)
        if row is None or row.received.principal.partner != partner:
            return None
        return InstanceAnswers(row, await self._ledger.answers(instance))
