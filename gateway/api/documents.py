"""Documents and instances over HTTP: reading what was delivered, and what became of a message.

Owns the mapping between JSON and the pipeline's records. Must not know where they are kept.
"""

from uuid import UUID

from aiohttp import web

from gateway.api.deliveries import XML_TYPE
from gateway.api.operations import Call, Operation
from gateway.api.problem import ProblemError
from gateway.api.resources import Instance, Interchange, Step, TransactionSet
from gateway.pipeline.deliver import Deliveries
from gateway.pipeline.ports import Ledger
from gateway.pipeline.records import InstanceDetail


def document_operations(deliveries: Deliveries, ledger: Ledger) -> tuple[Operation, ...]:
    """The operations on documents and instances."""

    async def document(call: Call) -> web.StreamResponse:
        xml = await deliveries.document(call.path["id"])
        if xml is None:
            raise ProblemError(404, "not-found", "No such document", "Use the document_id of a delivery.")
        return web.Response(body=xml, content_type=XML_TYPE)

    async def instance(call: Call) -> Instance:
        detail = await _detail(ledger, call.path["id"])
        if detail is None:
            raise ProblemError(404, "not-found", "No such message", "Use the instance of a delivery or document.")
        return _instance(detail)

    return (
        Operation(
            "GET",
            "/documents/{id}",
            "document",
            "One canonical document",
            document,
            answer_type=XML_TYPE,
            problems={404: "No such document."},
        ),
        Operation(
            "GET",
            "/instances/{id}",
            "instance",
            "One message and what became of it",
            instance,
            answer=Instance,
            problems={404: "No such message."},
        ),
    )


async def _detail(ledger: Ledger, text: str) -> InstanceDetail | None:
    try:
        return await ledger.show(UUID(text))
    except ValueError:
        return None


def _instance(detail: InstanceDetail) -> Instance:
    row = detail.row
    return Instance(
        id=row.received.instance,
        partner=row.received.principal.partner,
        transport=row.received.transport,
        mode=row.mode,
        state=row.state,
        revision=row.revision,
        received_at=row.received.received_at,
        ended_at=row.ended_at,
        size_bytes=row.received.size_bytes,
        sha256=row.received.sha256.hex(),
        error=row.error,
        steps=tuple(
            Step(
                name=step.name,
                state=step.state,
                attempt=step.attempt,
                started_at=step.started_at,
                ended_at=step.ended_at,
                failure=step.failure,
                error=step.error,
                definitions=step.definitions,
            )
            for step in detail.steps
        ),
        interchanges=tuple(
            Interchange(
                ordinal=one.ordinal,
                sender=f"{one.key.sender_qualifier}:{one.key.sender.strip()}",
                receiver=f"{one.key.receiver_qualifier}:{one.key.receiver.strip()}",
                control_number=one.key.control_number,
                outcome=one.outcome,
                refusal=one.refusal,
                duplicate_of=one.duplicate_of,
            )
            for one in detail.interchanges
        ),
        sets=tuple(
            TransactionSet(
                interchange=one.interchange,
                group=one.group,
                set=one.set,
                identifier=one.identifier,
                control_number=one.control_number,
                guide=one.guide,
                outcome=one.outcome,
                segment_count=one.segment_count,
                item_count=one.item_count,
                accepted_count=one.accepted_count,
                error_count=one.error_count,
                warning_count=one.warning_count,
            )
            for one in detail.sets
        ),
    )
