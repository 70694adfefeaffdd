"""Units of work on instances: claim, renew, prepare, conclude, fail, resubmit.

Each is a function of a connection and values: one transaction, on any database. Must not commit, must not know which
database it is.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from gateway.model.exchange import ArchiveReference, Received
from gateway.model.finding import ByteRange, Finding
from gateway.model.judgement import InterchangeJudged, SetJudged
from gateway.pipeline.ports import LeaseLost
from gateway.pipeline.records import (
    AuditEntry,
    ClaimOutcome,
    Conclusion,
    Fresh,
    InterchangeClaim,
    InterchangeKey,
    Mode,
    PartnerAnswer,
    PublishedSet,
    Seen,
    StepEnded,
    Work,
)
from gateway.pipeline.states import FailureClass, InstanceEvent, InstanceState, PartnerAnswerState, StepState, target
from gateway.stores.ledger import tables
from gateway.stores.ledger.guards import HELD_BY, held_by, holder, instance_may, may
from gateway.stores.ledger.insertion import insert_rows
from gateway.stores.ledger.units_audit import record_audit
from gateway.stores.ledger.values import body_of, reference_columns, seconds_us, to_us, work_of

# ISA13 has nine digits; after the last number comes the first again (X12.5: unique within a reasonable time).
HIGHEST_CONTROL_NUMBER = 999_999_999
# A file of a hundred thousand bad sets must not fill the ledger: `gateway check` lists every finding again.
KEPT_FINDINGS = 2_000
# Counts that the instance row carries.
TOTALS = ("interchange_count", "set_count", "accepted_count", "rejected_count", "error_count")


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


def clear_staged(connection: sa.Connection, work: Work) -> None:
    """Forget what an earlier attempt staged; nobody could see it."""
    for table in (tables.outbox, tables.transaction_set):
        same = sa.and_(table.c.instance_id == work.received.instance, table.c.revision == work.revision)
        connection.execute(sa.delete(table).where(same))


def stage_sets(
    connection: sa.Connection,
    work: Work,
    sets: Sequence[tuple[int, int, SetJudged, int]],
    published: Sequence[PublishedSet],
) -> None:
    """Rows of sets (interchange, group, set, items published) and of the outbox; nobody sees them before the flip."""
    ids = {"instance_id": work.received.instance, "revision": work.revision}
    insert_rows(connection, tables.transaction_set, [ids | _set_columns(*placed) for placed in sets])
    insert_rows(connection, tables.outbox, [ids | _outbox_columns(each) for each in published])


_FLIP = (
    sa.update(tables.instance)
    .where(HELD_BY, instance_may(InstanceEvent.CONCLUDE))
    .values(
        {column: sa.bindparam(column) for column in ("ended_us", *TOTALS)}
        | {"state": target(InstanceEvent.CONCLUDE).value, "error": "", "owner": ""}
    )
    .returning(tables.instance.c.mode)
)


def conclude(
    connection: sa.Connection, work: Work, conclusion: Conclusion, totals: dict[str, int], now: datetime
) -> bool:
    """All but the sets, and the flip that makes everything visible."""
    mode = connection.execute(_FLIP, holder(work) | totals | {"ended_us": to_us(now)}).scalar()
    if mode is None:
        return False
    state = PartnerAnswerState.RETURNED if mode == Mode.REAL_TIME else PartnerAnswerState.WAITING
    ids = {"instance_id": work.received.instance, "revision": work.revision}
    insert_rows(connection, tables.step, [ids | _step_columns(step) for step in conclusion.steps])
    insert_rows(
        connection,
        tables.interchange,
        [ids | _interchange_columns(each, conclusion) for each in conclusion.judged.interchanges],
    )
    insert_rows(
        connection, tables.acknowledgement, [ids | _answer_columns(answer, state) for answer in conclusion.answers]
    )
    insert_rows(connection, tables.finding, [ids | _finding_columns(each) for each in _findings(conclusion)])
    return True


def _step_columns(step: StepEnded) -> dict[str, Any]:
    return {
        "name": step.name.value,
        "state": step.state.value,
        "attempt": step.attempt,
        "started_us": to_us(step.started_at),
        "ended_us": to_us(step.ended_at),
        "failure": None if step.failure is None else step.failure.value,
        "error": step.error,
        "definitions": " ".join(step.definitions),
    }


def _interchange_columns(judged: InterchangeJudged, conclusion: Conclusion) -> dict[str, Any]:
    return {
        "ordinal": judged.ordinal,
        "sender_qualifier": element(judged, 5),
        "sender": element(judged, 6),
        "receiver_qualifier": element(judged, 7),
        "receiver": element(judged, 8),
        "control_number": element(judged, 13),
        "outcome": judged.outcome.value,
        "refusal": judged.refusal or "",
        "duplicate_of": conclusion.duplicates.get(judged.ordinal),
    }


def element(judged: InterchangeJudged, number: int) -> str:
    """An element of ISA without its trailing blanks, empty where the ISA is cut off."""
    return judged.header[number].rstrip() if len(judged.header) > number else ""


def _set_columns(interchange: int, group: int, judged: SetJudged, published_count: int) -> dict[str, Any]:
    return {
        "interchange": interchange,
        "group": group,
        "set": judged.ordinal,
        "identifier": judged.identifier,
        "control_number": judged.control_number,
        "guide": judged.guide or "",
        "program_digest": judged.program_digest,
        "outcome": judged.outcome.value,
        "segment_count": judged.segment_count,
        "item_count": len(judged.items),
        "accepted_count": published_count,
        "error_count": judged.error_count,
        "warning_count": judged.warning_count,
    }


def _outbox_columns(published: PublishedSet) -> dict[str, Any]:
    return {
        "interchange": published.interchange,
        "group": published.group,
        "set": published.set,
        "partner": published.partner,
        "guide": published.guide,
        "transaction_set": published.transaction_set,
        "item_count": published.item_count,
        **reference_columns("documents", published.documents),
        "index_start": published.index_start,
    }


def _answer_columns(answer: PartnerAnswer, state: PartnerAnswerState) -> dict[str, Any]:
    return {
        "interchange": answer.interchange,
        "kind": answer.kind,
        "control_number": answer.control_number,
        "partner": answer.partner,
        **reference_columns("text", answer.archived),
        "state": state.value,
        "created_us": to_us(answer.created_at),
    }


def _findings(conclusion: Conclusion) -> list[Finding]:
    kept: list[Finding] = list(conclusion.judged.findings[:KEPT_FINDINGS])
    for interchange in conclusion.judged.interchanges:
        kept += interchange.findings
        for group in interchange.groups:
            kept += group.findings
            for judged in group.sets:
                kept += judged.findings
                if len(kept) >= KEPT_FINDINGS:
                    return kept[:KEPT_FINDINGS]
    return kept[:KEPT_FINDINGS]


def _finding_columns(finding: Finding) -> dict[str, Any]:
    place = finding.place
    return {
        "interchange": place.interchange,
        "group": place.group,
        "set": place.set,
        "item": place.item,
        "severity": finding.severity.value,
        "carried": finding.carried,
        "snip": finding.snip,
        "segment": place.segment,
        "position": place.position,
        "element": place.element_reference,
        "rule": finding.rule,
        "message": finding.message,
    }


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
    insert_rows(connection, tables.step, [ids | _step_columns(ended)])
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
