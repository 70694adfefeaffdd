"""The ports of the AS2 side: its part of the ledger, and whatever carries a message of ours to a partner.

Owns the contracts. Must not know any adapter.
"""

from collections.abc import AsyncIterable
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

from gateway.envelopes.mime.headers import Headers
from gateway.model.exchange import ArchiveReference, Received
from gateway.pipeline.as2.dispatches import (
    DispatchDraft,
    DispatchEnded,
    DispatchFilter,
    DispatchRow,
    DispatchWork,
    Entity,
)
from gateway.pipeline.as2.records import As2Arrival, As2Row, OpeningOutcome, OpeningRecord
from gateway.pipeline.records import AuditEntry, Work
from gateway.pipeline.relationships import Dispatch, Relationships
from gateway.pipeline.states import FailureClass


class RelationshipSource(Protocol):
    """Relationships as they are at one moment; a reload swaps what the next message gets."""

    def relationships(self) -> Relationships:
        """What applies now."""
        ...


class As2Ledger(Protocol):
    """What the ledger knows of AS2. Each call is one transaction, durable on return; raises as `ports.Ledger` does."""

    async def accept_as2(
        self, received: Received, wire: ArchiveReference, arrival: As2Arrival, lane: str | None, lease_s: float
    ) -> Work | As2Row | None:
        """Insert a received message; `lease_s` above 0 claims it at once.

        Where the same bytes came before under its Message-ID, and were answered as processed (with a warning too),
        nothing is inserted: that message comes back.
        """
        ...

    async def as2_message(self, instance: UUID) -> As2Row | None:
        """One received message."""
        ...

    async def opened(self, work: Work, record: OpeningRecord) -> OpeningOutcome:
        """Record an opening, its payload and its asynchronous receipt; a processed one claims its Message-ID.

        With `held` the instance is held from then on: whoever dies here must not leave it to be processed.

        Unless the outcome is Claimed nothing was recorded; an opening with `duplicate_of` claims nothing and is
        always recorded. Raises LeaseLost.
        """
        ...

    async def yield_to_lane(self, work: Work) -> bool:
        """Due at once, but not before what came earlier in its lane."""
        ...

    async def add_dispatch(self, draft: DispatchDraft, entry: AuditEntry) -> None:
        """A file that an operator sends."""
        ...

    async def claim_dispatches(self, owner: str, limit: int, lease_s: float) -> tuple[DispatchWork, ...]:
        """Lease dispatches that are due or whose lease ran out, oldest first."""
        ...

    async def renew_dispatch(self, work: DispatchWork, lease_s: float) -> bool:
        """Heartbeat."""
        ...

    async def packaged(self, work: DispatchWork, wire: Entity, mics: tuple[str, ...]) -> bool:
        """The bytes that every attempt sends."""
        ...

    async def attempted(self, work: DispatchWork, ended: DispatchEnded) -> bool:
        """One attempt ended; a delivered acknowledgement is confirmed. False where the lease was lost."""
        ...

    async def receipted(self, dispatch: UUID, ended: DispatchEnded) -> bool:
        """A receipt came on its own; False where the dispatch waits for none."""
        ...

    async def dispatch_of_message(self, partner: str, message_id: str) -> DispatchRow | None:
        """The dispatch with this Message-ID."""
        ...

    async def expire_dispatches(self) -> tuple[DispatchRow, ...]:
        """Those whose receipt is overdue since the last call."""
        ...

    async def resubmit_dispatch(self, dispatch: UUID, entry: AuditEntry) -> bool:
        """A failed or overdue dispatch is due again, the same bytes; False where it is neither."""
        ...

    async def dispatch(self, dispatch: UUID) -> DispatchRow | None:
        """One dispatch."""
        ...

    async def dispatches(self, filter_: DispatchFilter, after: UUID | None, limit: int) -> tuple[DispatchRow, ...]:
        """Dispatches, newest first; `after` is the last id of the previous page."""
        ...


@dataclass(frozen=True, slots=True)
class Posted:
    """What a partner's server answered; the body is at most a megabyte."""

    status: int
    headers: Headers
    body: bytes = field(repr=False)


class PostFailed(Exception):
    """No answer came. The text is for the operator; `failure` says whether trying again can help."""

    def __init__(self, text: str, failure: FailureClass) -> None:
        super().__init__(text)
        self.failure = failure


class Poster(Protocol):
    """Carries one message to a partner's URL and brings back the answer. Follows no redirect."""

    async def post(self, url: str, terms: Dispatch, headers: Headers, body: AsyncIterable[bytes], size: int) -> Posted:
        """`body` may be asked for again. Raises PostFailed."""
        ...
