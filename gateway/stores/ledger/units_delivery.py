"""Units of work on deliveries: lease, extend, delivered, returned, resubmit.

An item has a row only while it is out, waiting again, dead or held. A set of a million members is one outbox row whose
cursor moves; an item behind the cursor without a row is delivered.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from gateway.pipeline.records import (
    AuditEntry,
    DeliveryId,
    DeliveryOutcome,
    DeliveryRow,
    DeliveryUnit,
    Leased,
    LeaseRequest,
)
from gateway.pipeline.states import (
    DeliveryEvent,
    DeliveryState,
    FailureClass,
    InstanceState,
    allows,
    target,
)
from gateway.stores.ledger import tables
from gateway.stores.ledger.guards import delivery_may
from gateway.stores.ledger.insertion import insert_rows
from gateway.stores.ledger.units_audit import record_audit
from gateway.stores.ledger.values import Row, from_us, published_of, seconds_us, to_us

# A consumer that takes an item and never answers, sixteen times, will not answer the next time either.
MAXIMUM_HAND_OUTS = 16
_WHOLE_SET = 0


def lease(connection: sa.Connection, request: LeaseRequest, tokens: Sequence[str], now: datetime) -> tuple[Leased, ...]:
    """Hand out what came back first, then what never went out. `tokens` are as many as the limit."""
    unused = list(tokens[: request.limit])
    leased = _lease_again(connection, request, unused, now)
    leased += _lease_new(connection, request, unused, now)
    return tuple(leased)


def _lease_again(connection: sa.Connection, request: LeaseRequest, tokens: list[str], now: datetime) -> list[Leased]:
    table = tables.delivery
    whole = table.c.position == _WHOLE_SET if request.unit is DeliveryUnit.SET else table.c.position != _WHOLE_SET
    due = (
        sa.select(table, tables.outbox)
        .join(tables.outbox, tables.outbox.c.id == table.c.outbox_id)
        .where(delivery_may(DeliveryEvent.LEASE), table.c.due_us <= to_us(now), whole, *_wanted(request))
        .order_by(table.c.due_us)
        .limit(len(tokens))
        .with_for_update(skip_locked=True, of=table)
    )
    leased = []
    for row in connection.execute(due).all():
        same = sa.and_(table.c.outbox_id == row.outbox_id, table.c.position == row.position)
        if row.attempt >= MAXIMUM_HAND_OUTS:
            _bury(connection, row, "It was handed out too often without an answer.")
            continue
        token = tokens.pop(0)
        values = _lease_columns(request, token, row.attempt + 1, now)
        connection.execute(sa.update(table).where(same).values(values))
        leased.append(_leased(row, DeliveryId(row.outbox_id, row.position), token, row.attempt + 1, values["due_us"]))
    return leased


def _lease_new(connection: sa.Connection, request: LeaseRequest, tokens: list[str], now: datetime) -> list[Leased]:
    outbox = tables.outbox
    unsent = (
        sa.select(outbox)
        .join(tables.instance, tables.instance.c.id == outbox.c.instance_id)
        .where(
            outbox.c.cursor < outbox.c.item_count,
            tables.instance.c.state == InstanceState.DONE.value,
            *_wanted(request),
        )
        .order_by(outbox.c.id)
        .limit(len(tokens))
        .with_for_update(skip_locked=True, of=outbox)
    )
    if request.unit is DeliveryUnit.SET:
        unsent = unsent.where(outbox.c.cursor == 0)
    leased: list[Leased] = []
    rows: list[dict[str, Any]] = []
    for row in connection.execute(unsent).all() if tokens else ():
        if request.unit is DeliveryUnit.SET:
            positions, cursor = [_WHOLE_SET], row.item_count
        else:
            cursor = min(row.item_count, row.cursor + len(tokens))
            positions = list(range(row.cursor + 1, cursor + 1))
        for position in positions:
            token = tokens.pop(0)
            ids = {"outbox_id": row.id, "position": position}
            values = _lease_columns(request, token, 1, now)
            rows.append(ids | values)
            leased.append(_leased(row, DeliveryId(row.id, position), token, 1, values["due_us"]))
        if positions:
            moved = {"cursor": cursor, "unit": request.unit.value}
            connection.execute(sa.update(outbox).where(outbox.c.id == row.id).values(moved))
    insert_rows(connection, tables.delivery, rows)
    return leased


def _wanted(request: LeaseRequest) -> list[sa.ColumnElement[bool]]:
    conditions: list[sa.ColumnElement[bool]] = []
    if request.partner is not None:
        conditions.append(tables.outbox.c.partner == request.partner)
    if request.transaction_set is not None:
        conditions.append(tables.outbox.c.transaction_set == request.transaction_set)
    return conditions


def _lease_columns(request: LeaseRequest, token: str, attempt: int, now: datetime) -> dict[str, Any]:
    return {
        "state": target(DeliveryEvent.LEASE).value,
        "token": token,
        "consumer": request.consumer,
        "attempt": attempt,
        "due_us": to_us(now) + seconds_us(request.lease_s),
        "failure": None,
        "error": "",
    }


def _leased(row: Row, delivery: DeliveryId, token: str, attempt: int, due_us: int) -> Leased:
    return Leased(
        id=delivery,
        token=token,
        attempt=attempt,
        lease_until=from_us(due_us),
        instance=row.instance_id,
        revision=row.revision,
        published=published_of(row),
    )


def _bury(connection: sa.Connection, row: Row, error: str) -> None:
    table = tables.delivery
    values = {
        "state": DeliveryState.DEAD.value,
        "failure": FailureClass.TRANSIENT.value,
        "error": error,
        "token": "",
    }
    same = sa.and_(table.c.outbox_id == row.outbox_id, table.c.position == row.position)
    connection.execute(sa.update(table).where(same).values(values))
    _count(connection, row.outbox_id, row.position, "dead_count", 1)


def _count(connection: sa.Connection, outbox_id: int, position: int, column: str, sign: int) -> None:
    """Count one item, or all of a set that goes as one."""
    outbox = tables.outbox
    amount: Any = sign if position != _WHOLE_SET else sign * outbox.c.item_count
    connection.execute(sa.update(outbox).where(outbox.c.id == outbox_id).values({column: outbox.c[column] + amount}))


def held(connection: sa.Connection, delivery: DeliveryId, token: str) -> Leased | DeliveryOutcome:
    """The delivery that the holder of `token` has, or why it has none (TAKEN never)."""
    row = _row(connection, delivery)
    if row is None:
        return _absent(connection, delivery)
    if row.token != token or row.state != DeliveryState.LEASED:
        return DeliveryOutcome.LEASE_LOST
    outbox = connection.execute(sa.select(tables.outbox).where(tables.outbox.c.id == delivery.outbox)).one()
    return Leased(
        id=delivery,
        token=token,
        attempt=row.attempt,
        lease_until=from_us(row.due_us),
        instance=outbox.instance_id,
        revision=outbox.revision,
        published=published_of(outbox),
    )


def extend(
    connection: sa.Connection, delivery: DeliveryId, token: str, lease_s: float, now: datetime
) -> DeliveryOutcome:
    """Keep the lease for `lease_s` from now."""
    refused = _refused(connection, delivery, token, DeliveryEvent.ACKNOWLEDGE)
    if refused is not None:
        return refused
    table = tables.delivery
    connection.execute(sa.update(table).where(_same(delivery)).values(due_us=to_us(now) + seconds_us(lease_s)))
    return DeliveryOutcome.TAKEN


_DELIVERED = sa.delete(tables.delivery).where(
    tables.delivery.c.outbox_id == sa.bindparam("of_outbox"),
    tables.delivery.c.position == sa.bindparam("at_position"),
    tables.delivery.c.token == sa.bindparam("by_token"),
    delivery_may(DeliveryEvent.ACKNOWLEDGE),
)
_ONE_MORE = (
    sa.update(tables.outbox)
    .where(tables.outbox.c.id == sa.bindparam("of_outbox"))
    .values(delivered_count=tables.outbox.c.delivered_count + 1)
)


def delivered(connection: sa.Connection, delivery: DeliveryId, token: str) -> DeliveryOutcome:
    """The consumer has it. A lease that ran out still counts until another got the item."""
    mine = {"of_outbox": delivery.outbox, "at_position": delivery.position, "by_token": token}
    if connection.execute(_DELIVERED, mine).rowcount == 1:
        if delivery.position == _WHOLE_SET:
            _count(connection, delivery.outbox, delivery.position, "delivered_count", 1)
        else:
            connection.execute(_ONE_MORE, {"of_outbox": delivery.outbox})
        return DeliveryOutcome.TAKEN
    return _refused(connection, delivery, token, DeliveryEvent.ACKNOWLEDGE) or DeliveryOutcome.LEASE_LOST


def returned(
    connection: sa.Connection,
    delivery: DeliveryId,
    token: str,
    *,
    failure: FailureClass,
    error: str,
    retry_at: datetime | None,
    now: datetime,
) -> DeliveryOutcome:
    """The consumer does not have it."""
    if retry_at is not None:
        event = DeliveryEvent.RETRY
    elif failure is FailureClass.AMBIGUOUS:
        event = DeliveryEvent.HOLD
    else:
        event = DeliveryEvent.REFUSE
    refused = _refused(connection, delivery, token, event)
    if refused is not None:
        return refused
    values = {
        "state": target(event).value,
        "token": "",
        "due_us": to_us(retry_at or now),
        "failure": failure.value,
        "error": error,
    }
    connection.execute(sa.update(tables.delivery).where(_same(delivery)).values(values))
    if event is DeliveryEvent.REFUSE:
        _count(connection, delivery.outbox, delivery.position, "dead_count", 1)
    return DeliveryOutcome.TAKEN


def _same(delivery: DeliveryId) -> sa.ColumnElement[bool]:
    table = tables.delivery
    return sa.and_(table.c.outbox_id == delivery.outbox, table.c.position == delivery.position)


def _row(connection: sa.Connection, delivery: DeliveryId) -> Row | None:
    return connection.execute(sa.select(tables.delivery).where(_same(delivery)).with_for_update()).first()


def _refused(
    connection: sa.Connection, delivery: DeliveryId, token: str, event: DeliveryEvent
) -> DeliveryOutcome | None:
    row = _row(connection, delivery)
    if row is None:
        return _absent(connection, delivery)
    if row.token != token or not allows(DeliveryState(row.state), event):
        return DeliveryOutcome.LEASE_LOST
    return None


def _absent(connection: sa.Connection, delivery: DeliveryId) -> DeliveryOutcome:
    """Behind the cursor and without a row: delivered."""
    columns = tables.outbox.c
    query = sa.select(columns.cursor, columns.unit).where(columns.id == delivery.outbox)
    outbox = connection.execute(query).first()
    if outbox is None or outbox.unit is None:
        return DeliveryOutcome.UNKNOWN
    whole = delivery.position == _WHOLE_SET
    if whole is not (outbox.unit == DeliveryUnit.SET) or delivery.position > outbox.cursor:
        return DeliveryOutcome.UNKNOWN
    return DeliveryOutcome.ALREADY


def resubmit_delivery(connection: sa.Connection, delivery: DeliveryId, entry: AuditEntry) -> bool:
    """A dead or held delivery is due again."""
    row = _row(connection, delivery)
    if row is None or not allows(DeliveryState(row.state), DeliveryEvent.RESUBMIT):
        return False
    values = {"state": target(DeliveryEvent.RESUBMIT).value, "due_us": to_us(entry.at), "attempt": 0}
    connection.execute(sa.update(tables.delivery).where(_same(delivery)).values(values))
    if row.state == DeliveryState.DEAD:
        _count(connection, delivery.outbox, delivery.position, "dead_count", -1)
    record_audit(connection, entry)
    return True


def stuck_deliveries(connection: sa.Connection, limit: int) -> tuple[DeliveryRow, ...]:
    """Dead and held deliveries, oldest first."""
    table = tables.delivery
    query = (
        sa.select(table)
        .where(delivery_may(DeliveryEvent.RESUBMIT))
        .order_by(table.c.outbox_id, table.c.position)
        .limit(limit)
    )
    return tuple(
        DeliveryRow(
            id=DeliveryId(row.outbox_id, row.position),
            state=DeliveryState(row.state),
            attempt=row.attempt,
            consumer=row.consumer,
            due_at=from_us(row.due_us),
            failure=None if row.failure is None else FailureClass(row.failure),
            error=row.error,
        )
        for row in connection.execute(query)
    )


def document_set(connection: sa.Connection, instance: UUID, interchange: int, group: int, set_: int) -> Leased | None:
    """Where the documents of a set lie, in the newest revision that published them."""
    columns = tables.outbox.c
    query = (
        sa.select(tables.outbox)
        .join(tables.instance, tables.instance.c.id == columns.instance_id)
        .where(
            columns.instance_id == instance,
            columns.interchange == interchange,
            columns.group == group,
            columns.set == set_,
            tables.instance.c.state == InstanceState.DONE.value,
        )
        .order_by(columns.revision.desc())
        .limit(1)
    )
    row = connection.execute(query).first()
    if row is None:
        return None
    return Leased(
        id=DeliveryId(row.id, _WHOLE_SET),
        token="",
        attempt=0,
        lease_until=from_us(0),
        instance=row.instance_id,
        revision=row.revision,
        published=published_of(row),
    )
