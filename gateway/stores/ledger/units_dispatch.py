"""Units of work on AS2 messages of ours: add, claim, package, end an attempt, take a receipt, expire, read.

Each is a function of a connection and values: one transaction, on any database. Must not commit, must not know which
database it is.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from gateway.pipeline.as2.dispatches import (
    DispatchDraft,
    DispatchEnded,
    DispatchFilter,
    DispatchRow,
    DispatchWork,
    Entity,
)
from gateway.pipeline.records import AuditEntry
from gateway.pipeline.states import DispatchEvent, PartnerAnswerEvent, target
from gateway.stores.ledger import tables
from gateway.stores.ledger.guards import answer_may, dispatch_may
from gateway.stores.ledger.insertion import insert_rows
from gateway.stores.ledger.units_audit import record_audit
from gateway.stores.ledger.values import seconds_us, to_us
from gateway.stores.ledger.values_as2 import (
    dispatch_row_of,
    dispatch_work_of,
    draft_columns,
    entity_columns,
    mics_text,
)

_TABLE = tables.dispatch
# Receipts that are looked at together; more are looked at a moment later.
EXPIRED_ROWS = 100


def add_dispatch(connection: sa.Connection, draft: DispatchDraft) -> None:
    """A new dispatch, due at once."""
    insert_rows(connection, _TABLE, [draft_columns(draft)])


def add_audited(connection: sa.Connection, draft: DispatchDraft, entry: AuditEntry) -> None:
    """What an operator sends."""
    add_dispatch(connection, draft)
    record_audit(connection, entry)


def claim(connection: sa.Connection, owner: str, limit: int, lease_s: float, now: datetime) -> tuple[DispatchWork, ...]:
    """Lease what is due, oldest first. Looking and finding nothing writes nothing."""
    due = (
        sa.select(_TABLE.c.id)
        .where(dispatch_may(DispatchEvent.CLAIM), _TABLE.c.due_us <= to_us(now))
        .order_by(_TABLE.c.due_us, _TABLE.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    ids = connection.execute(due).scalars().all()
    if not ids:
        return ()
    update = (
        sa.update(_TABLE)
        .where(_TABLE.c.id.in_(ids))
        .values(
            state=target(DispatchEvent.CLAIM).value,
            owner=owner,
            fence=_TABLE.c.fence + 1,
            attempt=_TABLE.c.attempt + 1,
            due_us=to_us(now) + seconds_us(lease_s),
        )
        .returning(_TABLE)
    )
    claimed = [dispatch_work_of(row) for row in connection.execute(update)]
    return tuple(sorted(claimed, key=lambda work: work.draft.id))


def release(connection: sa.Connection, now: datetime) -> None:
    """Whoever sent anything is gone: nobody waits for the leases to end."""
    running = _TABLE.c.state == target(DispatchEvent.CLAIM).value
    connection.execute(sa.update(_TABLE).where(running).values(due_us=to_us(now)))


def _held_by(work: DispatchWork) -> sa.ColumnElement[bool]:
    running = _TABLE.c.state == target(DispatchEvent.CLAIM).value
    return sa.and_(_TABLE.c.id == work.draft.id, _TABLE.c.fence == work.fence, running)


def renew(connection: sa.Connection, work: DispatchWork, lease_s: float, now: datetime) -> bool:
    """Keep the lease."""
    update = sa.update(_TABLE).where(_held_by(work)).values(due_us=to_us(now) + seconds_us(lease_s))
    return connection.execute(update).rowcount == 1


def packaged(connection: sa.Connection, work: DispatchWork, wire: Entity, mics: tuple[str, ...]) -> bool:
    """The bytes that every attempt sends."""
    update = sa.update(_TABLE).where(_held_by(work)).values(**entity_columns("wire", wire), mics=mics_text(mics))
    return connection.execute(update).rowcount == 1


def attempted(connection: sa.Connection, work: DispatchWork, ended: DispatchEnded, now: datetime) -> bool:
    """The holder of the lease says how its attempt ended."""
    return _end(connection, sa.and_(_held_by(work), dispatch_may(ended.event)), work.draft.id, ended, now)


def receipted(connection: sa.Connection, dispatch: UUID, ended: DispatchEnded, now: datetime) -> bool:
    """A receipt came on its own, whoever holds the lease."""
    condition = sa.and_(_TABLE.c.id == dispatch, dispatch_may(ended.event))
    return _end(connection, condition, dispatch, ended, now)


def _end(
    connection: sa.Connection, condition: sa.ColumnElement[bool], dispatch: UUID, ended: DispatchEnded, now: datetime
) -> bool:
    event = ended.event
    is_over = event in (DispatchEvent.DELIVER, DispatchEvent.FAIL)
    values: dict[str, Any] = {
        "state": target(event).value,
        "owner": "",
        "error": ended.error,
        "due_us": to_us(ended.due_at or now),
        "ended_us": to_us(now) if is_over else None,
    }
    if event is DispatchEvent.AWAIT:
        values["sent_us"] = to_us(now)
    if ended.http_status is not None:
        values["http_status"] = ended.http_status
    if ended.disposition:
        values["disposition"] = ended.disposition
    if ended.receipt is not None:
        values |= entity_columns("receipt", ended.receipt)
    if connection.execute(sa.update(_TABLE).where(condition).values(values)).rowcount != 1:
        return False
    if event is DispatchEvent.DELIVER:
        _confirm(connection, dispatch, now)
    return True


def _confirm(connection: sa.Connection, dispatch: UUID, now: datetime) -> None:
    """The acknowledgement that the dispatch carried is with the partner."""
    answer = tables.acknowledgement
    connection.execute(
        sa.update(answer)
        .where(answer.c.dispatch_id == dispatch, answer_may(PartnerAnswerEvent.CONFIRM))
        .values(state=target(PartnerAnswerEvent.CONFIRM).value, confirmed_us=to_us(now))
    )


def of_message(connection: sa.Connection, partner: str, message_id: str) -> DispatchRow | None:
    """The dispatch with this Message-ID."""
    query = sa.select(_TABLE).where(_TABLE.c.partner == partner, _TABLE.c.message_id == message_id)
    row = connection.execute(query).first()
    return None if row is None else dispatch_row_of(row)


def expire(connection: sa.Connection, now: datetime) -> tuple[DispatchRow, ...]:
    """Those whose receipt is overdue. Looking and finding nothing writes nothing."""
    overdue = (
        sa.select(_TABLE.c.id)
        .where(dispatch_may(DispatchEvent.EXPIRE), _TABLE.c.due_us <= to_us(now))
        .limit(EXPIRED_ROWS)
        .with_for_update(skip_locked=True)
    )
    ids = connection.execute(overdue).scalars().all()
    if not ids:
        return ()
    update = (
        sa.update(_TABLE)
        .where(_TABLE.c.id.in_(ids))
        .values(state=target(DispatchEvent.EXPIRE).value, error="The receipt did not come in time.")
        .returning(_TABLE)
    )
    return tuple(dispatch_row_of(row) for row in connection.execute(update))


def resubmit(connection: sa.Connection, dispatch: UUID, entry: AuditEntry) -> bool:
    """Due again with the same bytes, all its attempts before it."""
    update = (
        sa.update(_TABLE)
        .where(_TABLE.c.id == dispatch, dispatch_may(DispatchEvent.RESUBMIT))
        .values(state=target(DispatchEvent.RESUBMIT).value, due_us=to_us(entry.at), attempt=0, ended_us=None, error="")
    )
    if connection.execute(update).rowcount != 1:
        return False
    record_audit(connection, entry)
    return True


def one(connection: sa.Connection, dispatch: UUID) -> DispatchRow | None:
    """One dispatch."""
    row = connection.execute(sa.select(_TABLE).where(_TABLE.c.id == dispatch)).first()
    return None if row is None else dispatch_row_of(row)


def some(connection: sa.Connection, filter_: DispatchFilter, after: UUID | None, limit: int) -> tuple[DispatchRow, ...]:
    """Newest first; ids grow with time."""
    query = sa.select(_TABLE).order_by(_TABLE.c.id.desc()).limit(limit)
    if after is not None:
        query = query.where(_TABLE.c.id < after)
    if filter_.partner is not None:
        query = query.where(_TABLE.c.partner == filter_.partner)
    if filter_.state is not None:
        query = query.where(_TABLE.c.state == filter_.state.value)
    if filter_.instance is not None:
        query = query.where(_TABLE.c.instance_id == filter_.instance)
    return tuple(dispatch_row_of(row) for row in connection.execute(query))
