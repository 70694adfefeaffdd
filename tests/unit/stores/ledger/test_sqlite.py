"""What SQLite as the ledger promises beyond the port: versions, migrations, indexes, full disks, batches."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pysqlite3.dbapi2 as driver
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from gateway.model.exchange import ArchiveReference, Received
from gateway.model.finding import ByteRange
from gateway.model.judgement import FileJudged
from gateway.pipeline.clock import new_instance_id
from gateway.pipeline.ports import LeaseLost, StoreFailed, StoreFull
from gateway.pipeline.records import (
    Conclusion,
    DeliveryUnit,
    Fresh,
    InstanceFilter,
    InterchangeClaim,
    LeaseRequest,
    Mode,
    PublishedSet,
    StepEnded,
    Work,
)
from gateway.pipeline.states import FailureClass, InstanceState, StepName, StepState
from gateway.stores.ledger import LedgerTooNew, SqliteTooOld, SqlLedger, units_conclude
from gateway.stores.ledger.schema import NEWEST_REVISION, configuration, upgrade
from gateway.stores.ledger.sqlite import refuse_old_sqlite, writer_engine
from gateway.stores.ledger.store import SLICE_ROWS
from gateway.stores.ledger.tables import metadata
from gateway.stores.memory import MemorySpool
from tests.unit.pipeline.fakes import CLINIC, MovableClock, interchange

PLACE = ArchiveReference("000000000001", 0, 10)


@pytest.fixture
def clock() -> MovableClock:
    """Time that tests move."""
    return MovableClock()


@pytest.fixture
def fatal() -> list[BaseException]:
    """What was fatal."""
    return []


@pytest.fixture
async def ledger(tmp_path: Path, clock: MovableClock, fatal: list[BaseException]) -> AsyncIterator[SqlLedger]:
    """An empty ledger."""
    opened = await SqlLedger.open(tmp_path / "ledger.sqlite", fatal.append, clock.now)
    yield opened
    await opened.close()


def arrival(clock: MovableClock, partner: str = "clinic") -> Received:
    """A message of now."""
    clock.move(0.001)
    principal = replace(CLINIC, partner=partner)
    now = clock.now()
    return Received(new_instance_id(now), "https", principal, "application/edi-x12", now, 10, bytes(32), "192.0.2.1")


async def running(ledger: SqlLedger, clock: MovableClock) -> Work:
    """A claimed message."""
    work = await ledger.accept(arrival(clock), PLACE, Mode.REAL_TIME, None, 30.0)
    assert work is not None
    return work


def ended(clock: MovableClock) -> StepEnded:
    """A step that was done."""
    return StepEnded(StepName.JUDGE, StepState.DONE, 1, clock.now(), clock.now())


def published(number: int) -> PublishedSet:
    """A set of one item."""
    return PublishedSet(1, 1, number, "clinic", "005010X220A1", "834", 1, PLACE, 0)


def test_old_sqlite_is_refused() -> None:
    """A version that can corrupt its log says which one is needed."""
    with pytest.raises(SqliteTooOld, match=r"SQLite 3\.40\.1 .* 3\.51\.3 or later"):
        refuse_old_sqlite((3, 40, 1))


def test_migrations_make_the_tables(tmp_path: Path) -> None:
    """The revisions lead to exactly the tables of tables.py, and the newest is the one that the code expects."""
    engine = writer_engine(tmp_path / "ledger.sqlite")
    with engine.connect() as connection, connection.begin():
        upgrade(connection)
        context = MigrationContext.configure(connection)

        differences = compare_metadata(context, metadata)
        heads = ScriptDirectory.from_config(configuration(connection)).get_heads()
    engine.dispose()

    assert differences == []
    assert heads == [NEWEST_REVISION]


async def test_newer_ledger_is_refused(tmp_path: Path) -> None:
    """A ledger of a later version is left alone."""
    other = tmp_path / "other.sqlite"
    first = await SqlLedger.open(other, lambda _error: None)
    await first.close()
    with driver.connect(str(other)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()

    with pytest.raises(LedgerTooNew, match="9999"):
        await SqlLedger.open(other, lambda _error: None)


@pytest.mark.parametrize(
    ("call", "index"),
    [
        (lambda ledger: ledger.claim("me", 5, 30.0), "ix_instance_due"),
        (lambda ledger: ledger.waiting_answers("clinic", 0, 10), "ix_acknowledgement_waiting"),
        (lambda ledger: ledger.lease(LeaseRequest("c", DeliveryUnit.ITEM, 5, 30.0)), "ix_outbox_unsent"),
        (lambda ledger: ledger.lease(LeaseRequest("c", DeliveryUnit.ITEM, 5, 30.0)), "ix_delivery_due"),
    ],
)
async def test_polling_uses_its_index(ledger: SqlLedger, call: Callable[[SqlLedger], Any], index: str) -> None:
    """What is asked every second does not read the whole table."""
    plans: list[str] = []

    def explain(connection: sa.Connection, _cursor: object, statement: str, parameters: Any, *_rest: object) -> None:
        if statement.startswith("SELECT"):
            raw = connection.connection.driver_connection
            assert raw is not None
            plans.extend(row[3] for row in raw.execute(f"EXPLAIN QUERY PLAN {statement}", parameters))

    for engine in (ledger._engine, ledger._readers):
        sa.event.listen(engine, "before_cursor_execute", explain)
    await call(ledger)

    assert any(index in plan for plan in plans), plans


async def test_full_disk_refuses_and_recovers(
    ledger: SqlLedger, clock: MovableClock, fatal: list[BaseException]
) -> None:
    """Without room a message is refused; those before stay, and with room again the ledger goes on."""
    kept = arrival(clock)
    await ledger.accept(kept, PLACE, Mode.BATCH, None, 0.0)

    def shrink(connection: sa.Connection) -> None:
        connection.exec_driver_sql("PRAGMA max_page_count = 1")

    def grow(connection: sa.Connection) -> None:
        connection.exec_driver_sql("PRAGMA max_page_count = 1000000")

    async def fill() -> None:
        for _ in range(500):
            await ledger.accept(arrival(clock), PLACE, Mode.BATCH, None, 0.0)

    await ledger._writer.run(shrink)
    with pytest.raises(StoreFull, match="no room"):
        await fill()
    await ledger._writer.run(grow)
    later = arrival(clock)
    await ledger.accept(later, PLACE, Mode.BATCH, None, 0.0)

    assert fatal == []
    assert await ledger.message(kept.instance) is not None
    assert await ledger.message(later.instance) is not None


async def test_disk_error_is_fatal(ledger: SqlLedger, clock: MovableClock, fatal: list[BaseException]) -> None:
    """An input/output error ends all writing: what the disk holds is not known any more."""

    def broken(_connection: sa.Connection) -> None:
        raise driver.OperationalError("disk I/O error")

    with pytest.raises(StoreFailed):
        await ledger._writer.run(broken)
    with pytest.raises(StoreFailed):
        await ledger.accept(arrival(clock), PLACE, Mode.BATCH, None, 0.0)

    assert len(fatal) == 1


async def test_failing_unit_takes_no_other_with_it(ledger: SqlLedger, clock: MovableClock) -> None:
    """Units of one batch stand or fall alone."""
    first, second = arrival(clock), arrival(clock)

    outcomes = await asyncio.gather(
        ledger.accept(first, PLACE, Mode.BATCH, None, 0.0),
        ledger.accept(first, PLACE, Mode.BATCH, None, 0.0),
        ledger.accept(second, PLACE, Mode.BATCH, None, 0.0),
        return_exceptions=True,
    )

    assert [isinstance(outcome, Exception) for outcome in outcomes] == [False, True, False]
    assert await ledger.message(second.instance) is not None


async def test_worker_that_lost_its_lease_changes_nothing(ledger: SqlLedger, clock: MovableClock) -> None:
    """The fence: after another claimed the message, the first one's writes are void."""
    stale = await running(ledger, clock)
    clock.move(31)
    (fresh,) = await ledger.claim("other", 5, 30.0)
    conclusion = Conclusion(FileJudged((), ()), (), (), (ended(clock),))
    failure = replace(ended(clock), state=StepState.FAILED, failure=FailureClass.PERMANENT)

    renewed = await ledger.renew(stale, 30.0)
    concluded = await ledger.conclude(stale, conclusion)
    failed = await ledger.fail(stale, failure, None)
    with pytest.raises(LeaseLost):
        await ledger.prepare(stale, ())

    assert (renewed, concluded, failed) == (False, False, False)
    assert fresh.fence == stale.fence + 1
    assert await ledger.conclude(fresh, conclusion)


async def test_many_sets_become_visible_at_once(ledger: SqlLedger, clock: MovableClock) -> None:
    """Rows of a large file are written in slices; nobody sees any before the last."""
    work = await running(ledger, clock)
    sets = tuple(published(number) for number in range(1, 2 * SLICE_ROWS + 2))
    request = LeaseRequest("billing", DeliveryUnit.SET, 5, 30.0)
    await ledger._writer.run(lambda connection: units_conclude.stage_sets(connection, work, (), sets[:SLICE_ROWS]))
    staged = await ledger.lease(request)

    concluded = await ledger.conclude(work, Conclusion(FileJudged((), ()), (), sets, (ended(clock),)))

    assert staged == ()
    assert concluded
    assert [each.published.set for each in await ledger.lease(request)] == [1, 2, 3, 4, 5]
    detail = await ledger.message(work.received.instance)
    assert detail is not None
    assert detail.accepted_count == 2 * SLICE_ROWS + 1


async def test_control_numbers_are_the_same_when_asked_again(ledger: SqlLedger, clock: MovableClock) -> None:
    """A step that runs again words its acknowledgements with the numbers of the first time."""
    first, second = await running(ledger, clock), await running(ledger, clock)
    claim = InterchangeClaim(1, None, ByteRange(0, 1), 0, "clinic", 2)

    numbers = [await ledger.prepare(work, (claim,)) for work in (first, second, first)]

    assert numbers == [(Fresh(1),), (Fresh(3),), (Fresh(1),)]


async def test_control_numbers_begin_anew_after_nine_digits(ledger: SqlLedger, clock: MovableClock) -> None:
    """ISA13 has nine digits."""
    work = await running(ledger, clock)
    await ledger.prepare(work, (InterchangeClaim(1, None, ByteRange(0, 1), 0, "clinic", 999_999_998),))

    outcome = await ledger.prepare(work, (InterchangeClaim(2, None, ByteRange(0, 1), 0, "clinic", 2),))

    assert outcome == (Fresh(1),)


async def test_pages_join_without_gap_or_repeat(ledger: SqlLedger, clock: MovableClock) -> None:
    """Keyset pages: every message once, newest first, also while others arrive."""
    sent = []
    for number in range(7):
        received = arrival(clock, "clinic" if number % 2 else "lab")
        sent.append(received.instance)
        await ledger.accept(received, PLACE, Mode.BATCH, None, 0.0)
    seen, after = [], None
    while True:
        page = await ledger.messages(InstanceFilter(), after, 3)
        seen += [row.received.instance for row in page.rows]
        await ledger.accept(arrival(clock), PLACE, Mode.BATCH, None, 0.0)
        after = page.next
        if after is None:
            break

    assert seen == sent[::-1]
    only_lab = await ledger.messages(InstanceFilter(partner="lab", state=InstanceState.WAITING), None, 10)
    assert len(only_lab.rows) == 4


async def test_messages_are_found_by_time_and_control_number(ledger: SqlLedger, clock: MovableClock) -> None:
    """The two things that a partner on the telephone knows."""
    work = await running(ledger, clock)
    judged = FileJudged((interchange("000000042", ["anna"], MemorySpool()),), ())
    await ledger.conclude(work, Conclusion(judged, (), (), (ended(clock),)))

    found = await ledger.messages(InstanceFilter(control_number="000000042"), None, 10)
    before = await ledger.messages(InstanceFilter(until=work.received.received_at), None, 10)
    since = await ledger.messages(InstanceFilter(since=clock.now() + timedelta(seconds=1)), None, 10)

    assert [row.received.instance for row in found.rows] == [work.received.instance]
    assert before.rows == since.rows == ()
