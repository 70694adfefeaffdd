"""Handing documents to downstream applications: lease, read, acknowledge, give back.

Owns keys, retries and the form of a whole set. Must not know HTTP nor SQL.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from gateway.pipeline.failure import Backoff
from gateway.pipeline.ports import Archive, Clock, Ledger
from gateway.pipeline.publication import documents_range, find_entry, read_document, read_entries
from gateway.pipeline.records import (
    AuditEntry,
    DeliveryId,
    DeliveryOutcome,
    DeliveryUnit,
    Leased,
    LeaseRequest,
)
from gateway.pipeline.states import FailureClass

SET_BEGIN = b'<documents xmlns="urn:gateway:canonical:1">\n'
SET_END = b"</documents>\n"
# What one call may hold in memory.
MAXIMUM_LEASES = 1_000
MAXIMUM_LEASE_S = 3_600.0


@dataclass(frozen=True, slots=True)
class Delivery:
    """One item, or one set whose XML is streamed.

    `key` is the same for the same content, however often it is handed out: a consumer that keeps it notices a repeat.
    `document_id` and `xml` are None for a set.
    """

    id: str
    token: str
    key: str
    document_id: str | None
    attempt: int
    lease_until: datetime
    instance: UUID
    partner: str
    guide: str
    transaction_set: str
    item_count: int
    xml: bytes | None = field(repr=False)


class Deliveries:
    """Deliveries to any number of consumers."""

    def __init__(self, ledger: Ledger, archive: Archive, clock: Clock, backoff: Backoff) -> None:
        self._ledger = ledger
        self._archive = archive
        self._clock = clock
        self._backoff = backoff

    async def lease(self, request: LeaseRequest) -> tuple[Delivery, ...]:
        """Up to `request.limit` deliveries; nobody else gets them before the lease ends. Raises ValueError."""
        if not 1 <= request.limit <= MAXIMUM_LEASES or not 0 < request.lease_s <= MAXIMUM_LEASE_S:
            raise ValueError(f"At most {MAXIMUM_LEASES} deliveries for at most {MAXIMUM_LEASE_S:.0f} seconds.")
        leased = await self._ledger.lease(request)
        if not leased:
            return ()
        if request.unit is DeliveryUnit.SET:
            return tuple(_of_set(each) for each in leased)
        return await asyncio.to_thread(lambda: tuple(self._items(leased)))

    def _items(self, leased: tuple[Leased, ...]) -> Iterator[Delivery]:
        for each in leased:
            published = each.published
            (entry,) = read_entries(self._archive, published, each.id.position, 1)
            place = f"{published.interchange}.{published.group}.{published.set}.{entry.item}"
            yield Delivery(
                id=str(each.id),
                token=each.token,
                key=f"{each.instance}.{each.revision}.{place}",
                document_id=f"{each.instance}.{place}",
                attempt=each.attempt,
                lease_until=each.lease_until,
                instance=each.instance,
                partner=published.partner,
                guide=published.guide,
                transaction_set=published.transaction_set,
                item_count=1,
                xml=read_document(self._archive, published, entry),
            )

    async def set_xml(self, delivery_id: str, token: str) -> AsyncIterator[bytes] | DeliveryOutcome:
        """The `<documents>` of a leased set, or the one document of an item; else why there is none."""
        delivery = DeliveryId.parse(delivery_id)
        if delivery is None:
            return DeliveryOutcome.UNKNOWN
        held = await self._ledger.held(delivery, token)
        if isinstance(held, DeliveryOutcome):
            return held
        return self._stream(held)

    async def _stream(self, held: Leased) -> AsyncIterator[bytes]:
        published = held.published
        if held.id.position:
            (entry,) = await asyncio.to_thread(read_entries, self._archive, published, held.id.position, 1)
            yield await asyncio.to_thread(read_document, self._archive, published, entry)
            return
        yield SET_BEGIN
        start, end = await asyncio.to_thread(documents_range, self._archive, published)
        chunks = self._archive.read(published.documents, start, end)
        while (chunk := await asyncio.to_thread(next, chunks, None)) is not None:
            yield chunk
        yield SET_END

    async def acknowledge(self, delivery_id: str, token: str) -> DeliveryOutcome:
        """The consumer has it for good."""
        delivery = DeliveryId.parse(delivery_id)
        return DeliveryOutcome.UNKNOWN if delivery is None else await self._ledger.delivered(delivery, token)

    async def extend(self, delivery_id: str, token: str, lease_s: float) -> DeliveryOutcome:
        """The consumer needs `lease_s` more from now. Raises ValueError."""
        if not 0 < lease_s <= MAXIMUM_LEASE_S:
            raise ValueError(f"At most {MAXIMUM_LEASE_S:.0f} seconds.")
        delivery = DeliveryId.parse(delivery_id)
        return DeliveryOutcome.UNKNOWN if delivery is None else await self._ledger.extend(delivery, token, lease_s)

    async def refuse(self, delivery_id: str, token: str, failure: FailureClass, error: str) -> DeliveryOutcome:
        """The consumer does not have it: again later (transient), held (ambiguous) or dead (permanent)."""
        delivery = DeliveryId.parse(delivery_id)
        if delivery is None:
            return DeliveryOutcome.UNKNOWN
        held = await self._ledger.held(delivery, token)
        if isinstance(held, DeliveryOutcome):
            return held
        retry_at = self._backoff.next_at(self._clock.now(), held.attempt, failure)
        return await self._ledger.returned(delivery, token, failure, error, retry_at)

    async def resubmit(self, delivery_id: str, actor: str) -> bool:
        """A dead or held delivery is due again."""
        delivery = DeliveryId.parse(delivery_id)
        if delivery is None:
            return False
        entry = AuditEntry(self._clock.now(), actor, "resubmit-delivery", delivery_id)
        return await self._ledger.resubmit_delivery(delivery, entry)

    async def document(self, document_id: str) -> bytes | None:
        """One published document by its id (instance, interchange, group, set, item); None where there is none."""
        parsed = _parse_document_id(document_id)
        if parsed is None:
            return None
        instance, interchange, group, set_, item = parsed
        found = await self._ledger.document_set(instance, interchange, group, set_)
        if found is None:
            return None
        return await asyncio.to_thread(self._read_item, found, item)

    def _read_item(self, found: Leased, item: int) -> bytes | None:
        entry = find_entry(self._archive, found.published, item)
        return None if entry is None else read_document(self._archive, found.published, entry)


def _of_set(each: Leased) -> Delivery:
    published = each.published
    place = f"{published.interchange}.{published.group}.{published.set}"
    return Delivery(
        id=str(each.id),
        token=each.token,
        key=f"{each.instance}.{each.revision}.{place}",
        document_id=None,
        attempt=each.attempt,
        lease_until=each.lease_until,
        instance=each.instance,
        partner=published.partner,
        guide=published.guide,
        transaction_set=published.transaction_set,
        item_count=published.item_count,
        xml=None,
    )


def _parse_document_id(text: str) -> tuple[UUID, int, int, int, int] | None:
    instance, *ordinals = text.split(".")
    if len(ordinals) != 4 or not all(each.isascii() and each.isdigit() and len(each) < 10 for each in ordinals):
        return None
    try:
        parsed = UUID(instance)
    except ValueError:
        return None
    interchange, group, set_, item = map(int, ordinals)
    return parsed, interchange, group, set_, item
