"""Units of work on instances: claim, renew, release, fail, resubmit.

Each is a function of a connection and values: one transaction, on any database. Must not commit, must not know which
database it is.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from gateway.model.exchange import ArchiveReference, Received
from gateway.pipeline.records import (
    AuditEntry,
    Mode,
    StepEnded,
    Work,
)
from gateway.pipeline.states import FailureClass, InstanceEvent, InstanceState, StepState, target
from gateway.stores.ledger import tables
from gateway.stores.ledger.guards import held_by, instance_may, may
from gateway.stores.ledger.insertion import insert_rows
from gateway.stores.ledger.steps import step_columns
from gateway.stores.ledger.units_audit import record_audit
from gateway.stores.ledger.values import reference_columns, seconds_us, to_us, work_of


def instance_columns(
    *, received: Received, archived: ArchiveReference, mode: Mode, lane: str | None, owner: str, lease_s: float
) -> dict[str, Any]:
    """The row of a new instance; with a lease it belongs to `owner` at once."""
    claimed = lease_s > 0
    received_us = to_us(received.received_at)
    return {
        "id": received.instance,
        "revision": 1,
        "received_us": received_us,
        "partner": received.principal.partner,
        "principal": received.principal.name,
        "authentication": received.principal.method.value,
        "transport": received.transport,
        "content_type": received.content_type,
        "remote": received.remote,
        "size_bytes": received.size_bytes,
        "sha256": received.sha256,
        **reference_columns("body", archived),
        "mode": mode.value,
        "lane": lane,
        "state": (InstanceState.RUNNING if claimed else InstanceState.WAITING).value,
        "due_us": received_us + (seconds_us(lease_s) if claimed else 0),
        "owner": owner if claimed else "",
        "fence": int(claimed),
        "attempt": int(claimed),
    }


def claim(connection: sa.Connection, owner: str, limit: int, lease_s: float, now: datetime) -> tuple[Work, ...]:
    """Lease what is due, oldest first. Looking and finding nothing writes nothing."""
    table = tables.instance
    due = (
        sa.select(table.c.id)
        .where(instance_may(InstanceEvent.CLAIM), table.c.due_us <= to_us(now), ~_has_to_wait())
        .order_by(table.c.due_us, table.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    ids = connection.execute(due).scalars().all()
    if not ids:
        return ()
    update = (
        sa.update(table)
        .where(table.c.id.in_(ids))
        .values(
            state=target(InstanceEvent.CLAIM).value,
            owner=owner,
            fence=table.c.fence + 1,
            attempt=table.c.attempt + 1,
            # Whoever waited for a reply in real time is gone: its acknowledgements go to the outbox.
            mode=Mode.BATCH.value,
            due_us=to_us(now) + seconds_us(lease_s),
        )
        .returning(table)
    )
    claimed = [work_of(row) for row in connection.execute(update)]
    return tuple(sorted(claimed, key=lambda work: work.received.instance))


def release(connection: sa.Connection, now: datetime) -> None:
    """Whoever ran anything is gone: nobody waits for the leases to end. The fence keeps a survivor harmless."""
    running = tables.instance.c.state == InstanceState.RUNNING.value
    connection.execute(sa.update(tables.instance).where(running).values(due_us=to_us(now)))


def _has_to_wait() -> sa.ColumnElement[bool]:
    """An earlier message of the same lane is not done yet."""
    earlier = tables.instance.alias("earlier")
    return sa.exists().where(
        earlier.c.lane == tables.instance.c.lane,
        earlier.c.id < tables.instance.c.id,
        may(earlier.c.state, InstanceEvent.CLAIM),
    )


def renew(connection: sa.Connection, work: Work, lease_s: float, now: datetime) -> bool:
    """Keep the lease."""
    update = (
        sa.update(tables.instance)
        .where(held_by(work), instance_may(InstanceEvent.CONCLUDE))
        .values(due_us=to_us(now) + seconds_us(lease_s))
    )
    return connection.execute(update).rowcount == 1


def fail(connection: sa.Connection, work: Work, ended: StepEnded, retry_at: datetime | None, now: datetime) -> bool:
    """A step failed: retry, hold or give up."""
    if ended.state is not StepState.FAILED:
        raise ValueError("Only a failed step fails an instance.")
    if retry_at is not None:
        event = InstanceEvent.RETRY
    elif ended.failure is FailureClass.AMBIGUOUS:
        event = InstanceEvent.HOLD
    else:
        event = InstanceEvent.FAIL
    update = (
        sa.update(tables.instance)
        .where(held_by(work), instance_may(event))
        .values(
            state=target(event).value,
            error=ended.error,
            owner="",
            due_us=to_us(retry_at or now),
            ended_us=None if retry_at else to_us(now),
        )
    )
    if connection.execute(update).rowcount != 1:
        return False
    ids = {"instance_id": work.received.instance, "revision": work.revision}
    insert_rows(connection, tables.step, [ids | step_columns(ended)])
    return True


def resubmit(connection: sa.Connection, instance: UUID, entry: AuditEntry) -> bool:
    """Due again, with all its attempts before it."""
    update = (
        sa.update(tables.instance)
        .where(tables.instance.c.id == instance, instance_may(InstanceEvent.RESUBMIT))
        .values(state=target(InstanceEvent.RESUBMIT).value, due_us=to_us(entry.at), attempt=0, ended_us=None)
    )
    if connection.execute(update).rowcount != 1:
        return False
    record_audit(connection, entry)
    return True
