"""Units of work on acknowledgements: reading them, and the partner's outbox."""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from gateway.pipeline.records import PartnerAnswer
from gateway.pipeline.states import InstanceState, PartnerAnswerEvent, PartnerAnswerState, target
from gateway.stores.ledger import tables
from gateway.stores.ledger.guards import answer_may
from gateway.stores.ledger.values import answer_of, to_us

# In the text of the statement, as the partial index wants it.
_IN_OUTBOX = tables.acknowledgement.c.state == sa.bindparam(
    None, PartnerAnswerState.WAITING.value, literal_execute=True
)


def answers(connection: sa.Connection, instance: UUID, interchange: int | None) -> tuple[PartnerAnswer, ...]:
    """The acknowledgements of the newest revision, in order."""
    table = tables.acknowledgement
    newest = sa.select(tables.instance.c.revision).where(tables.instance.c.id == instance).scalar_subquery()
    query = sa.select(table).where(table.c.instance_id == instance, table.c.revision == newest).order_by(table.c.id)
    if interchange is not None:
        query = query.where(table.c.interchange == interchange)
    return tuple(answer_of(row) for row in connection.execute(query))


def waiting_answers(connection: sa.Connection, partner: str, after: int, limit: int) -> tuple[PartnerAnswer, ...]:
    """What lies in the partner's outbox, oldest first."""
    table = tables.acknowledgement
    query = (
        sa.select(table)
        .where(table.c.partner == partner, _IN_OUTBOX, table.c.id > after)
        .order_by(table.c.id)
        .limit(limit)
    )
    return tuple(answer_of(row) for row in connection.execute(query))


def confirm_answer(connection: sa.Connection, partner: str, answer: int, at: datetime) -> bool:
    """The partner has it; saying so twice is fine."""
    table = tables.acknowledgement
    mine = sa.and_(table.c.id == answer, table.c.partner == partner)
    update = (
        sa.update(table)
        .where(mine, answer_may(PartnerAnswerEvent.CONFIRM))
        .values(state=target(PartnerAnswerEvent.CONFIRM).value, confirmed_us=to_us(at))
    )
    if connection.execute(update).rowcount == 1:
        return True
    state = connection.execute(sa.select(table.c.state).where(mine)).scalar()
    return state == PartnerAnswerState.CONFIRMED


def answers_missed_deadline(connection: sa.Connection, instance: UUID) -> None:
    """The acknowledgements of a real-time exchange that was answered without them wait in the outbox.

    Where they are still to come, the exchange is a batch from now on, so that they will.
    """
    answer, table = tables.acknowledgement, tables.instance
    connection.execute(
        sa.update(answer)
        .where(answer.c.instance_id == instance, answer_may(PartnerAnswerEvent.MISS_DEADLINE))
        .values(state=target(PartnerAnswerEvent.MISS_DEADLINE).value)
    )
    unfinished = table.c.state != InstanceState.DONE.value
    connection.execute(sa.update(table).where(table.c.id == instance, unfinished).values(mode="batch"))
