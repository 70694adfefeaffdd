"""The retention side of the ledger's adapter.

Owns which unit runs where. Must not know SQL. Adapter of `gateway.pipeline.retention.RetentionLedger`, part of
`SqlLedger`.
"""

from collections.abc import Callable
from functools import partial
from typing import TypeVar
from uuid import UUID

import sqlalchemy as sa

from gateway.model.exchange import ArchiveReference
from gateway.pipeline.records import AuditEntry
from gateway.pipeline.retention import Cutoffs, Hold
from gateway.stores.ledger import units_retention
from gateway.stores.ledger.writer import BatchWriter

Outcome = TypeVar("Outcome")


class RetentionReads:
    """What needs no writing."""

    async def _read(self, unit: Callable[[sa.Connection], Outcome]) -> Outcome:
        raise NotImplementedError

    async def kept_bodies(self, segment: str, cutoffs: Cutoffs) -> tuple[ArchiveReference, ...]:
        """The bodies that must stay and that may have a part in `segment`."""
        return await self._read(partial(units_retention.kept_bodies, segment=segment, cutoffs=cutoffs))

    async def holds(self) -> tuple[Hold, ...]:
        """Those in force."""
        return await self._read(units_retention.holds)


class RetentionWrites:
    """Each call one unit of work on the writer thread."""

    _writer: BatchWriter

    async def place_hold(self, hold: Hold, entry: AuditEntry) -> bool:
        """False where there is no such message."""
        return await self._writer.run(partial(units_retention.place_hold, hold=hold, entry=entry))

    async def release_hold(self, hold: UUID, entry: AuditEntry) -> bool:
        """False where there is none in force."""
        return await self._writer.run(partial(units_retention.release_hold, hold=hold, entry=entry))
