"""Units of work on retention: legal holds, and the bodies that must stay.

Each is a function of a connection and values: one transaction, on any database. Must not commit, must not know which
database it is.
"""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from gateway.model.exchange import ArchiveReference
from gateway.pipeline.records import AuditEntry
from gateway.pipeline.retention import Cutoffs, Hold
from gateway.pipeline.states import DispatchState, InstanceState
from gateway.stores.ledger import tables
from gateway.stores.ledger.insertion import insert_rows
from gateway.stores.ledger.units_audit import record_audit
from gateway.stores.ledger.values import Row, from_us, to_us

_INSTANCE, _DISPATCH, _HOLD = tables.instance, tables.dispatch, tables.legal_hold
# A body of several records, which may lie in several segments, has more than a megabyte; documents are up to twenty
# times as large as what they come from.
_SEVERAL_RECORDS_BYTES = 32 << 10
_ENDED_INSTANCES = (InstanceState.DONE.value, InstanceState.FAILED.value)
_ENDED_DISPATCHES = (DispatchState.DELIVERED.value, DispatchState.FAILED.value, DispatchState.OVERDUE.value)


def place_hold(connection: sa.Connection, hold: Hold, entry: AuditEntry) -> bool:
    """False where there is no such message."""
    if hold.subject is not None and not _is_known(connection, hold.subject):
        return False
    row = {
        "id": hold.id,
        "subject": hold.subject,
        "partner": hold.partner,
        "reason": hold.reason,
        "actor": hold.actor,
        "placed_us": to_us(hold.placed_at),
        "released_us": None,
    }
    insert_rows(connection, _HOLD, [row])
    record_audit(connection, entry)
    return True


def _is_known(connection: sa.Connection, subject: UUID) -> bool:
    ids = (table.c.id for table in (_INSTANCE, _DISPATCH))
    return any(connection.execute(sa.select(id_).where(id_ == subject)).first() is not None for id_ in ids)


def release_hold(connection: sa.Connection, hold: UUID, entry: AuditEntry) -> bool:
    """False where there is none such, or it was released before."""
    update = (
        sa.update(_HOLD).where(_HOLD.c.id == hold, _HOLD.c.released_us.is_(None)).values(released_us=to_us(entry.at))
    )
    if connection.execute(update).rowcount != 1:
        return False
    record_audit(connection, entry)
    return True


def holds(connection: sa.Connection) -> tuple[Hold, ...]:
    """Those in force, oldest first."""
    query = sa.select(_HOLD).where(_HOLD.c.released_us.is_(None)).order_by(_HOLD.c.id)
    return tuple(_hold_of(row) for row in connection.execute(query))


def _hold_of(row: Row) -> Hold:
    released_at = None if row.released_us is None else from_us(row.released_us)
    return Hold(row.id, row.subject, row.partner, row.reason, row.actor, from_us(row.placed_us), released_at)


def kept_bodies(connection: sa.Connection, segment: str, cutoffs: Cutoffs) -> tuple[ArchiveReference, ...]:
    """The bodies that must stay and that have, or may have, a part in `segment`.

    A body's reference points to its last record, so that it lies in `segment` or behind it.
    """
    answer, outbox, message = tables.acknowledgement, tables.outbox, tables.as2_message
    instance_stays = _instance_stays(cutoffs)
    dispatch_stays = _dispatch_stays(cutoffs)
    is_large = _INSTANCE.c.size_bytes > _SEVERAL_RECORDS_BYTES
    is_large_dispatch = sa.func.coalesce(_DISPATCH.c.wire_body_size, 1 << 40) > _SEVERAL_RECORDS_BYTES
    sources = (
        (_INSTANCE, "body", None, instance_stays, is_large),
        (message, "wire", message.c.instance_id, instance_stays, is_large),
        (message, "receipt", message.c.instance_id, instance_stays, sa.false()),
        (answer, "text", answer.c.instance_id, instance_stays, is_large),
        (outbox, "documents", outbox.c.instance_id, instance_stays, is_large),
        (_DISPATCH, "payload", None, dispatch_stays, is_large_dispatch),
        (_DISPATCH, "wire", None, dispatch_stays, is_large_dispatch),
        (_DISPATCH, "receipt", None, dispatch_stays, sa.false()),
    )
    found: set[ArchiveReference] = set()
    for table, name, of_instance, stays, may_reach_back in sources:
        place = [table.c[f"{name}_{part}"] for part in ("segment", "offset", "length")]
        query = sa.select(*place).where(stays, sa.or_(place[0] == segment, sa.and_(place[0] > segment, may_reach_back)))
        if of_instance is not None:
            query = query.join(_INSTANCE, _INSTANCE.c.id == of_instance)
        found.update(ArchiveReference(*row) for row in connection.execute(query.distinct()))
    return tuple(sorted(found, key=lambda each: (each.segment, each.offset)))


def _instance_stays(cutoffs: Cutoffs) -> sa.ColumnElement[bool]:
    # Under a name of its own: the query that this stands in may be one of the outbox.
    outbox = tables.outbox.alias("undelivered")
    is_undelivered = sa.exists().where(
        outbox.c.instance_id == _INSTANCE.c.id, outbox.c.delivered_count + outbox.c.dead_count < outbox.c.item_count
    )
    return sa.or_(
        _INSTANCE.c.received_us >= _cutoff(_INSTANCE.c.partner, cutoffs),
        _INSTANCE.c.state.not_in(_ENDED_INSTANCES),
        is_undelivered,
        _is_held(_INSTANCE.c.id, _INSTANCE.c.partner),
    )


def _dispatch_stays(cutoffs: Cutoffs) -> sa.ColumnElement[bool]:
    """What belongs to a message stays as long as that is held: the receipt of an acknowledgement is its evidence."""
    return sa.or_(
        _DISPATCH.c.created_us >= _cutoff(_DISPATCH.c.partner, cutoffs),
        _DISPATCH.c.state.not_in(_ENDED_DISPATCHES),
        _is_held(_DISPATCH.c.id, _DISPATCH.c.partner),
        _is_held(_DISPATCH.c.instance_id, _DISPATCH.c.partner),
    )


def _cutoff(partner: sa.ColumnElement[str], cutoffs: Cutoffs) -> sa.ColumnElement[int]:
    """What was received from this moment on stays; 0 is for ever."""

    def moment(at: datetime | None) -> sa.ColumnElement[int]:
        return sa.literal(0 if at is None else to_us(at), sa.BigInteger)

    default = moment(cutoffs.default)
    if not cutoffs.partners:
        return default
    return sa.case({name: moment(at) for name, at in cutoffs.partners.items()}, value=partner, else_=default)


def _is_held(subject: sa.ColumnElement[UUID], partner: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    in_force = _HOLD.c.released_us.is_(None)
    return sa.exists().where(in_force, sa.or_(_HOLD.c.subject == subject, _HOLD.c.partner == partner))
