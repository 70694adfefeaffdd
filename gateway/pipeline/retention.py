"""Retention: when the keys of archived bodies are destroyed, and what keeps them from it.

Owns the decision. Must not know how keys are destroyed, nor SQL. A body stays as long as any message that refers to it
has to: because it is not old enough by its partner's term, because it is not finished, or because of a legal hold.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

import structlog

from gateway.model.exchange import ArchiveReference
from gateway.pipeline.clock import new_instance_id
from gateway.pipeline.failure import describe
from gateway.pipeline.ports import Clock, NotInArchive, StoreFull
from gateway.pipeline.records import AuditEntry

# Terms count in days: a few hours later is early enough.
RUN_EVERY_S = 6 * 3600.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class RetentionTerms:
    """How many days bodies stay; None is for ever. `partners` overrides `default_days`.

    `unknown` are partners whose file cannot be read: what they agreed is not known, so nothing of theirs is destroyed.
    """

    default_days: int | None
    partners: dict[str, int] = field(default_factory=dict)
    unknown: frozenset[str] = frozenset()

    @property
    def shortest_days(self) -> int | None:
        """None where nothing is ever destroyed."""
        terms = [*self.partners.values(), *(() if self.default_days is None else (self.default_days,))]
        return min(terms, default=None)


@dataclass(frozen=True, slots=True)
class Cutoffs:
    """Messages received before their partner's moment may go; None: never."""

    default: datetime | None
    partners: dict[str, datetime | None]

    @classmethod
    def of(cls, terms: RetentionTerms, now: datetime) -> "Cutoffs":
        """What the terms mean today."""

        def moment(days: int | None) -> datetime | None:
            return None if days is None else now - timedelta(days=days)

        partners = {partner: moment(days) for partner, days in terms.partners.items()}
        return cls(moment(terms.default_days), partners | dict.fromkeys(terms.unknown))


@dataclass(frozen=True, slots=True)
class Hold:
    """A legal hold on one message (`subject` is its id) or on all of a partner's (`partner`); one of them is None."""

    id: UUID
    subject: UUID | None
    partner: str | None
    reason: str
    actor: str
    placed_at: datetime
    released_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SegmentAge:
    """A part of the archive whose keys are destroyed together; `is_destroyed`: there is nothing left to destroy."""

    segment: str
    last_written_at: datetime
    is_destroyed: bool


class Shredder(Protocol):
    """What of the archive retention needs."""

    async def ages(self) -> tuple[SegmentAge, ...]:
        """The segments, in order."""
        ...

    async def shred(self, segment: str, keep: tuple[ArchiveReference, ...]) -> bool:
        """Destroy the keys of all in a segment that is not part of what is to be kept, for good.

        False where there was nothing more to destroy. Raises NotInArchive, StoreFull, OSError.
        """
        ...


class RetentionLedger(Protocol):
    """What of the ledger retention needs."""

    async def kept_bodies(self, segment: str, cutoffs: Cutoffs) -> tuple[ArchiveReference, ...]:
        """The bodies that must stay and that may have a part in `segment`."""
        ...

    async def place_hold(self, hold: Hold, entry: AuditEntry) -> bool:
        """False where there is no such message."""
        ...

    async def release_hold(self, hold: UUID, entry: AuditEntry) -> bool:
        """False where there is none such, or it was released before."""
        ...

    async def holds(self) -> tuple[Hold, ...]:
        """Those in force, oldest first."""
        ...

    async def record_audit(self, entry: AuditEntry) -> None:
        """Who did what."""
        ...


@dataclass(frozen=True, slots=True)
class Shredded:
    """One segment whose keys were destroyed, but for those of `kept_count` bodies."""

    segment: str
    kept_count: int


class Retention:
    """Destroys what may go, by hand or every few hours. `terms` gives those of now."""

    def __init__(
        self, ledger: RetentionLedger, shredder: Shredder, clock: Clock, terms: Callable[[], RetentionTerms]
    ) -> None:
        self._ledger = ledger
        self._shredder = shredder
        self._clock = clock
        self._terms = terms
        self._running = asyncio.Lock()

    async def hold(self, subject: UUID | None, partner: str | None, reason: str, actor: str) -> UUID | None:
        """Put a hold on one message, or on all of a partner's. None where there is no such message."""
        now = self._clock.now()
        hold = Hold(new_instance_id(now), subject, partner, reason, actor, now)
        entry = AuditEntry(now, actor, "place-hold", str(subject or partner), reason)
        return hold.id if await self._ledger.place_hold(hold, entry) else None

    async def release(self, hold: UUID, actor: str) -> bool:
        """End a hold; False where none such is in force."""
        return await self._ledger.release_hold(hold, AuditEntry(self._clock.now(), actor, "release-hold", str(hold)))

    async def run(self, actor: str) -> tuple[Shredded, ...]:
        """Destroy the keys of everything that may go. Raises as the ledger does.

        A segment is looked at once all of it is older than the shortest term. One that cannot be shredded is logged,
        and the next is looked at all the same.
        """
        async with self._running:
            terms, now = self._terms(), self._clock.now()
            shortest_days = terms.shortest_days
            if shortest_days is None:
                return ()
            oldest = now - timedelta(days=shortest_days)
            cutoffs = Cutoffs.of(terms, now)
            due = [age for age in await self._shredder.ages() if age.last_written_at < oldest and not age.is_destroyed]
            shredded = [await self._shred(age.segment, cutoffs, actor) for age in due]
            return tuple(each for each in shredded if each is not None)

    async def _shred(self, segment: str, cutoffs: Cutoffs, actor: str) -> Shredded | None:
        keep = await self._ledger.kept_bodies(segment, cutoffs)
        try:
            if not await self._shredder.shred(segment, keep):
                return None
        except (NotInArchive, StoreFull, OSError) as error:
            log.error("archive.keys_not_destroyed", segment=segment, error=describe(error))  # noqa: TRY400 - it may quote
            return None
        entry = AuditEntry(self._clock.now(), actor, "destroy-keys", segment, f"kept {len(keep)} bodies")
        await self._ledger.record_audit(entry)
        log.info("archive.keys_destroyed", segment=segment, kept=len(keep))
        return Shredded(segment, len(keep))

    async def run_forever(self) -> None:
        """Every few hours; a failure is logged and tried again the next time."""
        while True:
            await asyncio.sleep(RUN_EVERY_S)
            try:
                await self.run("retention")
            except Exception as error:  # noqa: BLE001 - the next run tries again; nothing was destroyed by halves
                log.error("archive.retention_failed", error=describe(error))  # noqa: TRY400 - a traceback may quote
