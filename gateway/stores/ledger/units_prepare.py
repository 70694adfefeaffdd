"""The unit of work that claims interchange keys and control numbers.

Each is a function of a connection and values: one transaction, on any database. Must not commit, must not know which
database it is.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from gateway.model.finding import ByteRange
from gateway.pipeline.ports import LeaseLost
from gateway.pipeline.records import (
    ClaimOutcome,
    Fresh,
    InterchangeClaim,
    InterchangeKey,
    Seen,
    Work,
)
from gateway.pipeline.states import InstanceEvent, InstanceState
from gateway.stores.ledger import tables
from gateway.stores.ledger.guards import HELD_BY, holder, instance_may
from gateway.stores.ledger.insertion import insert_rows
from gateway.stores.ledger.values import body_of, seconds_us, to_us

# ISA13 has nine digits; after the last number comes the first again (X12.5: unique within a reasonable time).
HIGHEST_CONTROL_NUMBER = 999_999_999

_HELD = sa.select(tables.instance.c.id).where(HELD_BY, instance_may(InstanceEvent.CONCLUDE)).with_for_update()


def prepare(
    connection: sa.Connection, work: Work, claims: Sequence[InterchangeClaim], now: datetime
) -> tuple[ClaimOutcome, ...]:
    """Claim keys and numbers. Raises LeaseLost."""
    if connection.execute(_HELD, holder(work)).first() is None:
        raise LeaseLost("The lease of this instance went to another worker.")
    return tuple(_claim_interchange(connection, work, claim, now) for claim in claims)


def _claim_interchange(connection: sa.Connection, work: Work, claim: InterchangeClaim, now: datetime) -> ClaimOutcome:
    first_number = _numbers(connection, work, claim) if claim.number_count else None
    if claim.key is None:
        return Fresh(first_number)
    key = _key_columns(claim.key)
    same_key = {f"of_{name}": value for name, value in key.items()}
    row = connection.execute(_KEY_USED, same_key).first()
    mine = {
        "instance_id": work.received.instance,
        "ordinal": claim.ordinal,
        "range_start": claim.range.start,
        "range_end": claim.range.end,
        "claimed_us": to_us(now),
    }
    if row is None:
        insert_rows(connection, tables.interchange_key, [key | mine])
        return Fresh(first_number)
    if (row.instance_id, row.ordinal) == (work.received.instance, claim.ordinal):
        return Fresh(first_number)
    original = connection.execute(sa.select(tables.instance).where(tables.instance.c.id == row.instance_id)).first()
    expired = row.claimed_us < to_us(now) - seconds_us(claim.window_s)
    if expired or original is None or original.state == InstanceState.FAILED:
        connection.execute(sa.update(tables.interchange_key).where(_SAME_KEY).values(mine), same_key)
        return Fresh(first_number)
    return Seen(
        first_number=first_number,
        original=row.instance_id,
        ordinal=row.ordinal,
        range=ByteRange(row.range_start, row.range_end),
        archived=body_of(original),
        state=InstanceState(original.state),
    )


def _key_columns(key: InterchangeKey) -> dict[str, Any]:
    return {
        "sender_qualifier": key.sender_qualifier,
        "sender": key.sender,
        "receiver_qualifier": key.receiver_qualifier,
        "receiver": key.receiver,
        "control_number": key.control_number,
    }


_SAME_KEY = sa.and_(*(column == sa.bindparam(f"of_{column.name}") for column in list(tables.interchange_key.c)[:5]))
_KEY_USED = sa.select(tables.interchange_key).where(_SAME_KEY).with_for_update()

_ALLOCATED = sa.select(tables.control_allocation).where(
    tables.control_allocation.c.instance_id == sa.bindparam("instance"),
    tables.control_allocation.c.revision == sa.bindparam("at_revision"),
    tables.control_allocation.c.ordinal == sa.bindparam("at_ordinal"),
)
_NEXT = tables.control_sequence.c.next
_TAKE_NUMBERS = (
    sa.update(tables.control_sequence)
    .where(
        tables.control_sequence.c.partner == sa.bindparam("for_partner"),
        HIGHEST_CONTROL_NUMBER + 1 - sa.bindparam("many", type_=sa.BigInteger) >= _NEXT,
    )
    .values(next=_NEXT + sa.bindparam("many", type_=sa.BigInteger))
    .returning(_NEXT)
)


def _numbers(connection: sa.Connection, work: Work, claim: InterchangeClaim) -> int:
    """Control numbers for one interchange: those of an earlier attempt, else the next of the partner."""
    place = {"instance": work.received.instance, "at_revision": work.revision, "at_ordinal": claim.ordinal}
    given = connection.execute(_ALLOCATED, place).first()
    if given is not None:
        return int(given.first_number)
    many = claim.number_count
    following = connection.execute(_TAKE_NUMBERS, {"for_partner": claim.partner, "many": many}).scalar()
    first = 1 if following is None else following - many
    if following is None:
        _begin_anew(connection, claim.partner, first + many)
    allocation = {
        "instance_id": work.received.instance,
        "revision": work.revision,
        "ordinal": claim.ordinal,
        "first_number": first,
        "number_count": many,
    }
    insert_rows(connection, tables.control_allocation, [allocation])
    return int(first)


def _begin_anew(connection: sa.Connection, partner: str, following: int) -> None:
    """The partner's first number, or the first after nine digits."""
    sequence = tables.control_sequence
    update = sa.update(sequence).where(sequence.c.partner == partner).values(next=following)
    if connection.execute(update).rowcount == 0:
        connection.execute(sa.insert(sequence), {"partner": partner, "next": following})
