"""The units of work that make a judged message count: rows of its sets ahead, then everything at once.

Each is a function of a connection and values: one transaction, on any database. Must not commit, must not know which
database it is.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from gateway.model.finding import Finding
from gateway.model.judgement import InterchangeJudged, SetJudged
from gateway.pipeline.records import (
    Conclusion,
    Mode,
    PartnerAnswer,
    PublishedSet,
    Work,
)
from gateway.pipeline.states import InstanceEvent, PartnerAnswerState, target
from gateway.stores.ledger import tables
from gateway.stores.ledger.guards import HELD_BY, holder, instance_may
from gateway.stores.ledger.insertion import insert_rows
from gateway.stores.ledger.steps import step_columns
from gateway.stores.ledger.values import reference_columns, to_us
from gateway.stores.ledger.values_as2 import draft_columns

# A file of a hundred thousand bad sets must not fill the ledger: `gateway check` lists every finding again.
KEPT_FINDINGS = 2_000
# Counts that the instance row carries.
TOTALS = ("interchange_count", "set_count", "accepted_count", "rejected_count", "error_count")


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
    insert_rows(connection, tables.step, [ids | step_columns(step) for step in conclusion.steps])
    insert_rows(
        connection,
        tables.interchange,
        [ids | _interchange_columns(each, conclusion) for each in conclusion.judged.interchanges],
    )
    insert_rows(
        connection, tables.acknowledgement, [ids | _answer_columns(answer, state) for answer in conclusion.answers]
    )
    insert_rows(
        connection,
        tables.dispatch,
        [draft_columns(answer.dispatch) for answer in conclusion.answers if answer.dispatch is not None],
    )
    insert_rows(connection, tables.finding, [ids | _finding_columns(each) for each in _findings(conclusion)])
    return True


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
        "state": (state if answer.dispatch is None else PartnerAnswerState.DISPATCHED).value,
        "created_us": to_us(answer.created_at),
        "dispatch_id": None if answer.dispatch is None else answer.dispatch.id,
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
