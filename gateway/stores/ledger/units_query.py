"""Units of work that only read, for operators: lists by keyset pages, and one message with all that is known of it."""

from uuid import UUID

import sqlalchemy as sa

from gateway.pipeline.records import (
    FindingRow,
    InstanceDetail,
    InstanceFilter,
    InstancePage,
    InstanceRow,
    InterchangeKey,
    InterchangeRow,
    OutboxRow,
    SetRow,
)
from gateway.stores.ledger import tables
from gateway.stores.ledger.units_answer import answers
from gateway.stores.ledger.values import Row, instance_row_of, published_of, step_of, to_us

# What a page of a terminal or a browser can show; more is asked for by page.
SHOWN_ROWS = 1_000


def messages(connection: sa.Connection, filter_: InstanceFilter, after: UUID | None, limit: int) -> InstancePage:
    """Newest first; ids grow with time, so that the id is the key of the page."""
    table = tables.instance
    query = sa.select(table).order_by(table.c.id.desc()).limit(limit + 1)
    if after is not None:
        query = query.where(table.c.id < after)
    if filter_.partner is not None:
        query = query.where(table.c.partner == filter_.partner)
    if filter_.state is not None:
        query = query.where(table.c.state == filter_.state.value)
    if filter_.since is not None:
        query = query.where(table.c.received_us >= to_us(filter_.since))
    if filter_.until is not None:
        query = query.where(table.c.received_us < to_us(filter_.until))
    if filter_.control_number is not None:
        columns = tables.interchange.c
        named = sa.select(columns.instance_id).where(columns.control_number == filter_.control_number)
        query = query.where(table.c.id.in_(named))
    rows = [instance_row_of(row) for row in connection.execute(query)]
    following = rows[limit - 1].received.instance if len(rows) > limit else None
    return InstancePage(tuple(rows[:limit]), following)


def message(connection: sa.Connection, instance: UUID) -> InstanceRow | None:
    """One message."""
    row = connection.execute(sa.select(tables.instance).where(tables.instance.c.id == instance)).first()
    return None if row is None else instance_row_of(row)


def show(connection: sa.Connection, instance: UUID) -> InstanceDetail | None:
    """One message with its newest revision's steps, sets, findings, acknowledgements and deliveries."""
    row = message(connection, instance)
    if row is None:
        return None

    def rows_of(table: sa.Table, *order: sa.Column[int]) -> list[Row]:
        query = sa.select(table).where(table.c.instance_id == instance, table.c.revision == row.revision)
        return list(connection.execute(query.order_by(*order).limit(SHOWN_ROWS)))

    return InstanceDetail(
        row=row,
        steps=tuple(map(step_of, rows_of(tables.step, tables.step.c.id))),
        interchanges=tuple(map(_interchange_of, rows_of(tables.interchange, tables.interchange.c.ordinal))),
        sets=tuple(map(_set_of, rows_of(tables.transaction_set, tables.transaction_set.c.id))),
        findings=tuple(map(_finding_of, rows_of(tables.finding, tables.finding.c.id))),
        answers=answers(connection, instance, None),
        outbox=tuple(map(_outbox_of, rows_of(tables.outbox, tables.outbox.c.id))),
    )


def _interchange_of(row: Row) -> InterchangeRow:
    key = InterchangeKey(row.sender_qualifier, row.sender, row.receiver_qualifier, row.receiver, row.control_number)
    return InterchangeRow(row.ordinal, key, row.outcome, row.refusal, row.duplicate_of)


def _set_of(row: Row) -> SetRow:
    return SetRow(
        interchange=row.interchange,
        group=row.group,
        set=row.set,
        identifier=row.identifier,
        control_number=row.control_number,
        guide=row.guide,
        outcome=row.outcome,
        segment_count=row.segment_count,
        item_count=row.item_count,
        accepted_count=row.accepted_count,
        error_count=row.error_count,
        warning_count=row.warning_count,
    )


def _finding_of(row: Row) -> FindingRow:
    return FindingRow(
        interchange=row.interchange,
        group=row.group,
        set=row.set,
        item=row.item,
        severity=row.severity,
        carried=row.carried,
        snip=row.snip,
        segment=row.segment,
        position=row.position,
        element=row.element,
        rule=row.rule,
        message=row.message,
    )


def _outbox_of(row: Row) -> OutboxRow:
    return OutboxRow(
        id=row.id,
        published=published_of(row),
        instance=row.instance_id,
        revision=row.revision,
        handed_out_count=row.cursor,
        delivered_count=row.delivered_count,
        dead_count=row.dead_count,
    )
