"""What SQLite promises of AS2 beyond the port: indexes, and what a restart finds."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from gateway.envelopes.as2.profile import Receipt
from gateway.model.exchange import ArchiveReference, Received
from gateway.pipeline.as2.dispatches import DispatchDraft, DispatchFilter, DispatchKind
from gateway.pipeline.as2.records import As2Arrival
from gateway.pipeline.clock import new_instance_id
from gateway.pipeline.records import AuditEntry
from gateway.stores.ledger import SqlLedger
from tests.unit.pipeline.fakes import CLINIC, MovableClock

PLACE = ArchiveReference("000000000001", 0, 10)
ARRIVAL = As2Arrival("default", "US", "CLINIC", "1@clinic", Receipt.SYNCHRONOUS, "", 4)
CLINIC_INSTANCE = UUID(int=7)


@pytest.fixture
def clock() -> MovableClock:
    """Time that tests move."""
    return MovableClock()


@pytest.fixture
async def ledger(tmp_path: Path, clock: MovableClock) -> AsyncIterator[SqlLedger]:
    """An empty ledger."""
    opened = await SqlLedger.open(tmp_path / "ledger.sqlite", lambda _error: None, clock.now)
    yield opened
    await opened.close()


def received(clock: MovableClock) -> Received:
    """A message of now."""
    now = clock.now()
    return Received(new_instance_id(now), "as2", CLINIC, "", now, 10, bytes(32), "192.0.2.1")


def draft(clock: MovableClock) -> DispatchDraft:
    """A file of now."""
    now = clock.now()
    id_ = new_instance_id(now)
    return DispatchDraft(
        id_, DispatchKind.FILE, "clinic", "default", None, "file", "", "", f"{id_}@gateway", now, PLACE
    )


@pytest.mark.parametrize(
    ("call", "index"),
    [
        (lambda ledger, clock: ledger.accept_as2(received(clock), PLACE, ARRIVAL, None, 0.0), "message_id"),
        (lambda ledger, _clock: ledger.claim_dispatches("me", 5, 60.0), "ix_dispatch_due"),
        (lambda ledger, _clock: ledger.expire_dispatches(), "ix_dispatch_awaited"),
        (lambda ledger, _clock: ledger.dispatch_of_message("clinic", "1@gateway"), "ix_dispatch_message_id"),
        (
            lambda ledger, _clock: ledger.dispatches(DispatchFilter(instance=CLINIC_INSTANCE), None, 10),
            "ix_dispatch_instance_id",
        ),
    ],
)
async def test_query_uses_its_index(
    ledger: SqlLedger, clock: MovableClock, call: Callable[[SqlLedger, MovableClock], Any], index: str
) -> None:
    """What is asked for every message, or every second, does not read the whole table."""
    plans: list[str] = []

    def explain(connection: sa.Connection, _cursor: object, statement: str, parameters: Any, *_rest: object) -> None:
        if statement.startswith("SELECT"):
            raw = connection.connection.driver_connection
            assert raw is not None
            plans.extend(row[3] for row in raw.execute(f"EXPLAIN QUERY PLAN {statement}", parameters))

    for engine in (ledger._engine, ledger._readers):
        sa.event.listen(engine, "before_cursor_execute", explain)
    await call(ledger, clock)

    assert any(index in plan for plan in plans), plans
    assert not any(plan.startswith("SCAN") for plan in plans), plans


async def test_restart_sends_at_once_what_a_dead_process_was_sending(
    ledger: SqlLedger, clock: MovableClock, tmp_path: Path
) -> None:
    """Nobody waits for its lease to end."""
    await ledger.add_dispatch(draft(clock), AuditEntry(clock.now(), "olga", "send", "it"))
    (before,) = await ledger.claim_dispatches("me", 5, 60.0)
    await ledger.close()

    reopened = await SqlLedger.open(tmp_path / "ledger.sqlite", lambda _error: None, clock.now)
    (after,) = await reopened.claim_dispatches("me", 5, 60.0)
    await reopened.close()

    assert (after.draft, after.fence) == (before.draft, before.fence + 1)
