"""Deliveries in memory: the half of the ledger that downstream applications see."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from gateway.pipeline.records import (
    AuditEntry,
    DeliveryId,
    DeliveryOutcome,
    DeliveryRow,
    DeliveryUnit,
    Leased,
    LeaseRequest,
    OutboxRow,
    PublishedSet,
)
from gateway.pipeline.states import DeliveryEvent, DeliveryState, FailureClass, allows

MAXIMUM_HAND_OUTS = 16


@dataclass(slots=True)
class _Outbox:
    id: int
    instance: UUID
    revision: int
    published: PublishedSet
    unit: DeliveryUnit | None = None


@dataclass(slots=True)
class _Delivery:
    """One item or whole set that was handed out at least once; a delivered one stays, with that state."""

    outbox: _Outbox
    id: DeliveryId
    state: DeliveryState
    token: str
    consumer: str
    attempt: int
    due_at: datetime
    failure: FailureClass | None = None
    error: str = ""


class MemoryDeliveries:
    """The outbox and what was handed out of it."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._outbox: dict[int, _Outbox] = {}
        self._deliveries: dict[DeliveryId, _Delivery] = {}

    def _publish(self, instance: UUID, revision: int, sets: tuple[PublishedSet, ...]) -> None:
        for published in sets:
            id_ = len(self._outbox) + 1
            self._outbox[id_] = _Outbox(id_, instance, revision, published)

    async def lease(self, request: LeaseRequest) -> tuple[Leased, ...]:
        """Hand out deliveries: what came back first, then what never went out."""
        leased: list[Leased] = []
        for delivery in sorted(self._deliveries.values(), key=lambda each: each.due_at):
            if len(leased) < request.limit and self._is_due(delivery, request):
                if delivery.attempt >= MAXIMUM_HAND_OUTS:
                    delivery.state = DeliveryState.DEAD
                    delivery.error = "It was handed out too often without an answer."
                    continue
                leased.append(self._hand_out(delivery, request))
        for outbox in self._outbox.values():
            for position in self._unsent(outbox, request, request.limit - len(leased)):
                outbox.unit = request.unit
                id_ = DeliveryId(outbox.id, position)
                made = _Delivery(outbox, id_, DeliveryState.WAITING, "", "", 0, self._now())
                self._deliveries[id_] = made
                leased.append(self._hand_out(made, request))
        return tuple(leased)

    def _is_due(self, delivery: _Delivery, request: LeaseRequest) -> bool:
        return (
            allows(delivery.state, DeliveryEvent.LEASE)
            and delivery.due_at <= self._now()
            and delivery.outbox.unit is request.unit
            and _is_wanted(delivery.outbox, request)
        )

    def _unsent(self, outbox: _Outbox, request: LeaseRequest, room: int) -> list[int]:
        if not _is_wanted(outbox, request) or outbox.unit not in (None, request.unit):
            return []
        positions = [0] if request.unit is DeliveryUnit.SET else range(1, outbox.published.item_count + 1)
        unsent = [each for each in positions if DeliveryId(outbox.id, each) not in self._deliveries]
        return unsent[: max(0, room)]

    def _hand_out(self, delivery: _Delivery, request: LeaseRequest) -> Leased:
        delivery.state = DeliveryState.LEASED
        delivery.token = secrets.token_urlsafe(12)
        delivery.consumer = request.consumer
        delivery.attempt += 1
        delivery.due_at = self._now() + timedelta(seconds=request.lease_s)
        return _leased(delivery)

    async def held(self, delivery: DeliveryId, token: str) -> Leased | DeliveryOutcome:
        """What the holder of `token` has."""
        found = self._find(delivery, token, DeliveryEvent.ACKNOWLEDGE)
        return found if isinstance(found, DeliveryOutcome) else _leased(found)

    def _find(self, delivery: DeliveryId, token: str, event: DeliveryEvent) -> _Delivery | DeliveryOutcome:
        found = self._deliveries.get(delivery)
        if found is None:
            return DeliveryOutcome.UNKNOWN
        if found.state is DeliveryState.DELIVERED:
            return DeliveryOutcome.ALREADY
        if found.token != token or not allows(found.state, event):
            return DeliveryOutcome.LEASE_LOST
        return found

    async def extend(self, delivery: DeliveryId, token: str, lease_s: float) -> DeliveryOutcome:
        """The consumer needs longer."""
        found = self._find(delivery, token, DeliveryEvent.ACKNOWLEDGE)
        if isinstance(found, DeliveryOutcome):
            return found
        found.due_at = self._now() + timedelta(seconds=lease_s)
        return DeliveryOutcome.TAKEN

    async def delivered(self, delivery: DeliveryId, token: str) -> DeliveryOutcome:
        """The consumer has it."""
        found = self._find(delivery, token, DeliveryEvent.ACKNOWLEDGE)
        if isinstance(found, DeliveryOutcome):
            return found
        found.state = DeliveryState.DELIVERED
        return DeliveryOutcome.TAKEN

    async def returned(
        self, delivery: DeliveryId, token: str, failure: FailureClass, error: str, retry_at: datetime | None
    ) -> DeliveryOutcome:
        """The consumer does not have it."""
        found = self._find(delivery, token, DeliveryEvent.REFUSE)
        if isinstance(found, DeliveryOutcome):
            return found
        if retry_at is not None:
            found.state = DeliveryState.WAITING
        else:
            found.state = DeliveryState.HELD if failure is FailureClass.AMBIGUOUS else DeliveryState.DEAD
        found.token, found.failure, found.error = "", failure, error
        found.due_at = retry_at or self._now()
        return DeliveryOutcome.TAKEN

    async def resubmit_delivery(self, delivery: DeliveryId, entry: AuditEntry) -> bool:
        """Due again."""
        found = self._deliveries.get(delivery)
        if found is None or not allows(found.state, DeliveryEvent.RESUBMIT):
            return False
        found.state, found.attempt, found.due_at = DeliveryState.WAITING, 0, entry.at
        return True

    async def stuck_deliveries(self, limit: int) -> tuple[DeliveryRow, ...]:
        """Dead and held deliveries."""
        stuck = [each for each in self._deliveries.values() if allows(each.state, DeliveryEvent.RESUBMIT)]
        return tuple(
            DeliveryRow(each.id, each.state, each.attempt, each.consumer, each.due_at, each.failure, each.error)
            for each in stuck[:limit]
        )

    async def document_set(self, instance: UUID, interchange: int, group: int, set_: int) -> Leased | None:
        """Where a set's published documents are."""
        for outbox in self._outbox.values():
            published = outbox.published
            place = (published.interchange, published.group, published.set)
            if outbox.instance == instance and place == (interchange, group, set_):
                whole = DeliveryId(outbox.id, 0)
                return Leased(whole, "", 0, self._now(), instance, outbox.revision, published)
        return None

    def _outbox_of(self, instance: UUID) -> tuple[OutboxRow, ...]:
        return tuple(self._outbox_row(each) for each in self._outbox.values() if each.instance == instance)

    def _outbox_row(self, outbox: _Outbox) -> OutboxRow:
        handed_out = [each for each in self._deliveries.values() if each.outbox is outbox]
        weight = outbox.published.item_count if outbox.unit is DeliveryUnit.SET else 1
        return OutboxRow(
            id=outbox.id,
            published=outbox.published,
            instance=outbox.instance,
            revision=outbox.revision,
            handed_out_count=len(handed_out) * weight,
            delivered_count=sum(each.state is DeliveryState.DELIVERED for each in handed_out) * weight,
            dead_count=sum(each.state is DeliveryState.DEAD for each in handed_out) * weight,
        )


def _is_wanted(outbox: _Outbox, request: LeaseRequest) -> bool:
    published = outbox.published
    return request.partner in (None, published.partner) and request.transaction_set in (
        None,
        published.transaction_set,
    )


def _leased(delivery: _Delivery) -> Leased:
    outbox = delivery.outbox
    return Leased(
        id=delivery.id,
        token=delivery.token,
        attempt=delivery.attempt,
        lease_until=delivery.due_at,
        instance=outbox.instance,
        revision=outbox.revision,
        published=outbox.published,
    )
