"""Between rows and the records of AS2: received messages, and what is sent.

Owns no SQL. Must not know transactions.
"""

from typing import Any

from gateway.envelopes.as2.disposition import Disposition, Kind
from gateway.envelopes.as2.profile import Receipt
from gateway.model.exchange import ArchiveReference
from gateway.pipeline.as2.dispatches import DispatchDraft, DispatchKind, DispatchRow, DispatchWork, Entity
from gateway.pipeline.as2.records import As2Arrival, As2Row, Opening
from gateway.pipeline.states import DispatchState, InstanceState
from gateway.stores.ledger.values import Row, from_us, received_of, reference_columns, reference_of, to_us

# MICs stand in one column, a line each.
_LINE = "\n"


def entity_columns(name: str, entity: Entity | None) -> dict[str, Any]:
    """The columns of an archived header block with its body."""
    if entity is None:
        return {f"{name}_{part}": None for part in ("segment", "offset", "length", "head_size", "body_size")}
    return {
        **reference_columns(name, entity.archived),
        f"{name}_head_size": entity.head_size,
        f"{name}_body_size": entity.body_size,
    }


def entity_of(row: Row, name: str) -> Entity | None:
    """What `entity_columns` wrote."""
    archived = reference_of(row, name)
    if archived is None:
        return None
    return Entity(archived, getattr(row, f"{name}_head_size"), getattr(row, f"{name}_body_size"))


def arrival_columns(arrival: As2Arrival, wire: ArchiveReference) -> dict[str, Any]:
    """A received message before it is opened, but for the instance."""
    return {
        "relationship": arrival.relationship,
        "our_name": arrival.our_name,
        "partner_name": arrival.partner_name,
        "message_id": arrival.message_id,
        "receipt_wanted": arrival.receipt.value,
        "vouched_by": arrival.vouched_by,
        **reference_columns("wire", wire),
        "wire_head_size": arrival.head_size,
    }


def opening_columns(opening: Opening) -> dict[str, Any]:
    """What an opening adds to a received message."""
    kind = opening.disposition.kind
    return {
        "disposition_kind": None if kind is None else kind.value,
        "disposition": opening.disposition.text,
        "detail": opening.detail,
        "security": opening.security,
        "signer_sha256": opening.signer_sha256,
        "mic": opening.mic,
        "payload_sha256": opening.payload_sha256,
        "attachment_count": opening.attachment_count,
        **entity_columns("receipt", opening.receipt),
        "duplicate_of": opening.duplicate_of,
    }


def as2_row_of(row: Row) -> As2Row:
    """A received message, of an instance's row joined with its own."""
    arrival = As2Arrival(
        relationship=row.relationship,
        our_name=row.our_name,
        partner_name=row.partner_name,
        message_id=row.message_id,
        receipt=Receipt(row.receipt_wanted),
        vouched_by=row.vouched_by,
        head_size=row.wire_head_size,
    )
    archived = ArchiveReference(row.wire_segment, row.wire_offset, row.wire_length)
    wire = Entity(archived, row.wire_head_size, row.size_bytes)
    return As2Row(received_of(row), InstanceState(row.state), row.lane, arrival, wire, _opening_of(row))


def _opening_of(row: Row) -> Opening | None:
    if row.disposition is None:
        return None
    kind = None if row.disposition_kind is None else Kind(row.disposition_kind)
    return Opening(
        disposition=Disposition(kind, row.disposition),
        detail=row.detail,
        security=row.security,
        signer_sha256=row.signer_sha256,
        mic=row.mic,
        payload_sha256=row.payload_sha256,
        attachment_count=row.attachment_count,
        receipt=entity_of(row, "receipt"),
        duplicate_of=row.duplicate_of,
    )


def draft_columns(draft: DispatchDraft) -> dict[str, Any]:
    """A new dispatch, due at once."""
    payload = draft.payload
    empty = {"payload_segment": None, "payload_offset": None, "payload_length": None}
    return {
        "id": draft.id,
        "kind": draft.kind.value,
        "partner": draft.partner,
        "relationship": draft.relationship,
        "instance_id": draft.instance,
        "document": draft.document,
        "content_type": draft.content_type,
        "filename": draft.filename,
        "message_id": draft.message_id,
        "url": draft.url,
        "created_us": to_us(draft.created_at),
        **(empty if payload is None else reference_columns("payload", payload)),
        **entity_columns("wire", draft.wire),
        "state": DispatchState.WAITING.value,
        "due_us": to_us(draft.created_at),
    }


def _draft_of(row: Row) -> DispatchDraft:
    return DispatchDraft(
        id=row.id,
        kind=DispatchKind(row.kind),
        partner=row.partner,
        relationship=row.relationship,
        instance=row.instance_id,
        document=row.document,
        content_type=row.content_type,
        filename=row.filename,
        message_id=row.message_id,
        created_at=from_us(row.created_us),
        payload=reference_of(row, "payload"),
        wire=entity_of(row, "wire"),
        url=row.url,
    )


def mics_text(mics: tuple[str, ...]) -> str:
    """As they stand in their column."""
    return _LINE.join(mics)


def _mics_of(row: Row) -> tuple[str, ...]:
    return tuple(row.mics.split(_LINE)) if row.mics else ()


def dispatch_work_of(row: Row) -> DispatchWork:
    """A claimed dispatch."""
    return DispatchWork(
        draft=_draft_of(row),
        wire=entity_of(row, "wire"),
        mics=_mics_of(row),
        attempt=row.attempt,
        fence=row.fence,
        lease_until=from_us(row.due_us),
    )


def dispatch_row_of(row: Row) -> DispatchRow:
    """A dispatch as operators see it."""
    return DispatchRow(
        draft=_draft_of(row),
        state=DispatchState(row.state),
        attempt=row.attempt,
        wire=entity_of(row, "wire"),
        mics=_mics_of(row),
        sent_at=None if row.sent_us is None else from_us(row.sent_us),
        due_at=from_us(row.due_us),
        http_status=row.http_status,
        disposition=row.disposition,
        receipt=entity_of(row, "receipt"),
        error=row.error,
        ended_at=None if row.ended_us is None else from_us(row.ended_us),
    )
