"""Deliveries over HTTP: lease, read, acknowledge, give back.

Owns the mapping between JSON and the pipeline's deliveries. Must not know how a lease is kept.
"""

import asyncio

from aiohttp import web

from gateway.api.operations import Call, Operation
from gateway.api.problem import ProblemError
from gateway.api.resources import (
    Acknowledged,
    Delivery,
    DeliveryStatus,
    Extended,
    GivenBack,
    Leased,
    LeaseRequested,
)
from gateway.pipeline import deliver
from gateway.pipeline.deliver import Deliveries
from gateway.pipeline.records import DeliveryOutcome, DeliveryUnit, LeaseRequest

XML_TYPE = "application/xml"
# A consumer that does not read for this long is gone, or holds the connection for nothing; its lease runs out anyway.
WRITE_STALL_TIMEOUT_S = 60.0
_LEASE_PROBLEMS = {404: "No such delivery.", 409: "The lease ran out; another consumer has it or will have it."}


def delivery_operations(deliveries: Deliveries, prefix: str) -> tuple[Operation, ...]:
    """The operations on deliveries; `prefix` makes links absolute."""

    async def lease(call: Call) -> Leased:
        asked: LeaseRequested = call.body
        request = LeaseRequest(
            call.subscriber.name, asked.unit, asked.limit, asked.lease_s, asked.partner, asked.transaction_set
        )
        leased = await deliveries.lease(request)
        return Leased(deliveries=tuple(_delivery(one, asked.unit, prefix) for one in leased))

    async def documents(call: Call) -> web.StreamResponse:
        token = call.request.query.get("token", "")
        return await _streamed(call, deliveries, token)

    async def acknowledge(call: Call) -> DeliveryStatus:
        acknowledged: Acknowledged = call.body
        return _status(call, await deliveries.acknowledge(call.path["id"], acknowledged.token))

    async def give_back(call: Call) -> DeliveryStatus:
        given: GivenBack = call.body
        outcome = await deliveries.refuse(call.path["id"], given.token, given.failure, given.reason)
        return _status(call, outcome)

    async def extend(call: Call) -> DeliveryStatus:
        extended: Extended = call.body
        return _status(call, await deliveries.extend(call.path["id"], extended.token, extended.lease_s))

    return (
        Operation("POST", "/deliveries/lease", "lease", "Lease deliveries", lease, LeaseRequested, Leased),
        Operation(
            "GET",
            "/deliveries/{id}/documents",
            "documents",
            "The canonical XML of a leased delivery; query parameter `token` as leased",
            documents,
            answer_type=XML_TYPE,
            problems=_LEASE_PROBLEMS,
        ),
        Operation(
            "POST",
            "/deliveries/{id}/ack",
            "acknowledge",
            "The delivery is in safe hands",
            acknowledge,
            Acknowledged,
            DeliveryStatus,
            problems=_LEASE_PROBLEMS,
        ),
        Operation(
            "POST",
            "/deliveries/{id}/nack",
            "give_back",
            "The delivery could not be taken",
            give_back,
            GivenBack,
            DeliveryStatus,
            problems=_LEASE_PROBLEMS,
        ),
        Operation(
            "POST",
            "/deliveries/{id}/extend",
            "extend",
            "Keep a lease for longer",
            extend,
            Extended,
            DeliveryStatus,
            problems=_LEASE_PROBLEMS,
        ),
    )


def _delivery(leased: deliver.Delivery, unit: DeliveryUnit, prefix: str) -> Delivery:
    return Delivery(
        id=leased.id,
        token=leased.token,
        unit=unit,
        key=leased.key,
        attempt=leased.attempt,
        lease_until=leased.lease_until,
        instance=leased.instance,
        partner=leased.partner,
        guide=leased.guide,
        transaction_set=leased.transaction_set,
        item_count=leased.item_count,
        document_id=leased.document_id if unit is DeliveryUnit.ITEM else None,
        document=leased.xml.decode() if leased.xml is not None else None,
        documents=f"{prefix}/deliveries/{leased.id}/documents",
    )


def _status(call: Call, outcome: DeliveryOutcome) -> DeliveryStatus:
    _refuse_lost(outcome)
    return DeliveryStatus(id=call.path["id"], outcome=outcome)


def _refuse_lost(outcome: DeliveryOutcome) -> None:
    match outcome:
        case DeliveryOutcome.TAKEN | DeliveryOutcome.ALREADY:
            return
        case DeliveryOutcome.LEASE_LOST:
            raise ProblemError(409, "lease-lost", "Lease lost", "It ran out; lease again and compare the keys.")
        case DeliveryOutcome.UNKNOWN:
            raise ProblemError(404, "not-found", "No such delivery", "Use the id that a lease gave.")


async def _streamed(call: Call, deliveries: Deliveries, token: str) -> web.StreamResponse:
    """A set of a million members never stands in memory: its documents go out as the archive gives them."""
    chunks = await deliveries.set_xml(call.path["id"], token)
    if isinstance(chunks, DeliveryOutcome):
        _refuse_lost(chunks)
        raise ProblemError(404, "not-found", "No such delivery", "It was delivered before.")
    response = web.StreamResponse()
    response.content_type = XML_TYPE
    await response.prepare(call.request)
    async for chunk in chunks:
        async with asyncio.timeout(WRITE_STALL_TIMEOUT_S):
            await response.write(chunk)
    await response.write_eof()
    return response
