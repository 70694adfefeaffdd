"""Units of work on received AS2 messages: accept, record an opening, yield, read.

Each is a function of a connection and values: one transaction, on any database. Must not commit, must not know which
database it is.
"""

import hashlib
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from gateway.envelopes.as2.disposition import Kind
from gateway.model.exchange import ArchiveReference
from gateway.pipeline.as2.records import (
    As2Arrival,
    As2Row,
    Claimed,
    Conflicts,
    Opening,
    OpeningOutcome,
    OpeningRecord,
    Repeats,
)
from gateway.pipeline.ports import LeaseLost
from gateway.pipeline.records import Work
from gateway.pipeline.states import InstanceEvent, target
from gateway.stores.ledger import tables
from gateway.stores.ledger.guards import HELD_BY, held_by, holder, instance_may
from gateway.stores.ledger.insertion import insert_rows
from gateway.stores.ledger.steps import step_columns
from gateway.stores.ledger.units_dispatch import add_dispatch
from gateway.stores.ledger.units_instance import fail
from gateway.stores.ledger.values import reference_columns, to_us
from gateway.stores.ledger.values_as2 import arrival_columns, as2_row_of, opening_columns

_INSTANCE, _MESSAGE, _KEY = tables.instance, tables.as2_message, tables.as2_message_key
_ROW = sa.select(_INSTANCE, *(column for column in _MESSAGE.c if column.name != "instance_id")).join(
    _MESSAGE, _MESSAGE.c.instance_id == _INSTANCE.c.id
)
_ONE = _ROW.where(_INSTANCE.c.id == sa.bindparam("of_instance"))
_HOLDER = sa.select(_KEY.c.instance_id).where(
    *(_KEY.c[name] == sa.bindparam(f"of_{name}") for name in ("our_name", "partner_name", "message_id"))
)
_ANSWERED = (
    _ROW.where(
        *(_MESSAGE.c[name] == sa.bindparam(f"of_{name}") for name in ("our_name", "partner_name", "message_id")),
        _INSTANCE.c.sha256 == sa.bindparam("of_sha256"),
        _MESSAGE.c.disposition.is_not(None),
        sa.or_(_MESSAGE.c.disposition_kind.is_(None), _MESSAGE.c.disposition_kind == Kind.WARNING.value),
    )
    .order_by(_INSTANCE.c.id)
    .limit(1)
)
_CERTIFICATE = sa.select(tables.certificate.c.sha256).where(tables.certificate.c.sha256 == sa.bindparam("of_sha256"))
_HELD = sa.select(_INSTANCE.c.id).where(HELD_BY, instance_may(InstanceEvent.CONCLUDE)).with_for_update()


def accept(
    connection: sa.Connection, columns: dict[str, Any], wire: ArchiveReference, arrival: As2Arrival
) -> As2Row | None:
    """Insert an instance (`columns`) and what its headers say; the message that it repeats, byte by byte, instead."""
    original = connection.execute(_ANSWERED, _same_key(arrival) | {"of_sha256": columns["sha256"]}).first()
    if original is not None:
        return as2_row_of(original)
    insert_rows(connection, _INSTANCE, [columns])
    insert_rows(connection, _MESSAGE, [{"instance_id": columns["id"], **arrival_columns(arrival, wire)}])
    return None


def message(connection: sa.Connection, instance: UUID) -> As2Row | None:
    """One received message."""
    row = connection.execute(_ONE, {"of_instance": instance}).first()
    return None if row is None else as2_row_of(row)


def opened(connection: sa.Connection, work: Work, record: OpeningRecord) -> OpeningOutcome:
    """Record an opening, or say whose Message-ID it is. Raises LeaseLost."""
    if connection.execute(_HELD, holder(work)).first() is None:
        raise LeaseLost("The lease of this instance went to another worker.")
    instance, opening = work.received.instance, record.opening
    if opening.disposition.is_processed and opening.duplicate_of is None:
        taken = _claim_key(connection, instance, opening)
        if not isinstance(taken, Claimed):
            return taken
    update = sa.update(_MESSAGE).where(_MESSAGE.c.instance_id == instance)
    connection.execute(update.values(opening_columns(opening)))
    if record.payload is not None:
        body = reference_columns("body", record.payload)
        connection.execute(sa.update(_INSTANCE).where(_INSTANCE.c.id == instance).values(body))
    insert_rows(
        connection, tables.step, [{"instance_id": instance, "revision": work.revision} | step_columns(record.step)]
    )
    if record.receipt is not None:
        add_dispatch(connection, record.receipt)
    if record.held is not None:
        fail(connection, work, record.held, retry_at=None, now=record.held.ended_at)
    for der in record.certificates:
        _keep_certificate(connection, der)
    return Claimed()


def _keep_certificate(connection: sa.Connection, der: bytes) -> None:
    sha256 = hashlib.sha256(der).digest()
    if connection.execute(_CERTIFICATE, {"of_sha256": sha256}).first() is None:
        insert_rows(connection, tables.certificate, [{"sha256": sha256, "der": der}])


def certificates(connection: sa.Connection) -> tuple[bytes, ...]:
    """Every certificate that a signature was verified or made with, DER."""
    return tuple(connection.execute(sa.select(tables.certificate.c.der)).scalars())


def _claim_key(connection: sa.Connection, instance: UUID, opening: Opening) -> OpeningOutcome:
    mine = message(connection, instance)
    if mine is None:
        raise LeaseLost("There is no such message.")
    holding = _key_holder(connection, mine.arrival)
    if holding == instance:
        return Claimed()
    if holding is None:
        insert_rows(connection, _KEY, [_key_columns(mine.arrival) | {"instance_id": instance}])
        return Claimed()
    original = message(connection, holding)
    if (
        original is not None
        and original.opening is not None
        and original.opening.payload_sha256 == opening.payload_sha256
    ):
        return Repeats(original)
    return Conflicts(holding)


def _key_holder(connection: sa.Connection, arrival: As2Arrival) -> UUID | None:
    found: UUID | None = connection.execute(_HOLDER, _same_key(arrival)).scalar()
    return found


def _same_key(arrival: As2Arrival) -> dict[str, Any]:
    return {f"of_{name}": value for name, value in _key_columns(arrival).items()}


def _key_columns(arrival: As2Arrival) -> dict[str, Any]:
    return {
        "our_name": arrival.our_name,
        "partner_name": arrival.partner_name,
        "message_id": arrival.message_id,
    }


def yield_to_lane(connection: sa.Connection, work: Work, now: datetime) -> bool:
    """Due at once; `claim` keeps the order of the lane."""
    update = (
        sa.update(_INSTANCE)
        .where(held_by(work), instance_may(InstanceEvent.YIELD))
        .values(state=target(InstanceEvent.YIELD).value, owner="", due_us=to_us(now))
    )
    return connection.execute(update).rowcount == 1
