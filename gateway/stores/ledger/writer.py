"""The one thread that writes the ledger: the units of work that wait become one transaction and one sync.

Owns batching, savepoints and what an error means. Must not know any unit of work.
"""

import asyncio
import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any, TypeVar

import sqlalchemy as sa

from gateway.pipeline.ports import StoreBusy, StoreFailed
from gateway.stores.ledger.insertion import insert_rows
from gateway.stores.ledger.sqlite import meaning

# A batch is bounded so that its first unit does not wait for a thousand others.
BATCH_UNITS = 512
# What waits longer than about a second helps nobody: the sender is told to come back.
QUEUED_UNITS = 20_000

Outcome = TypeVar("Outcome")
Unit = Callable[[sa.Connection], Outcome]


@dataclass(frozen=True, slots=True)
class Insertion:
    """A unit of work that inserts one row. Those of one batch that stand together go in one call of the driver."""

    table: sa.Table
    row: dict[str, Any]

    def __call__(self, connection: sa.Connection) -> None:
        """Insert it alone."""
        insert_rows(connection, self.table, [self.row])


@dataclass(slots=True)
class _Pending:
    unit: Unit[Any]
    future: asyncio.Future[Any]
    outcome: Any = None
    error: Exception | None = None


class BatchWriter:
    """Runs units of work on one connection. `run` and `close` are called on the event loop."""

    def __init__(self, engine: sa.Engine, on_fatal: Callable[[BaseException], None]) -> None:
        self._engine = engine
        self._on_fatal = on_fatal
        self._queue: queue.SimpleQueue[_Pending | None] = queue.SimpleQueue()
        self._failure: Exception | None = None
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._work, name="ledger-writer", daemon=True)
        self._thread.start()

    async def run(self, unit: Unit[Outcome]) -> Outcome:
        """Run `unit` in a transaction; durable on return.

        Raises what the unit raises, StoreFull, StoreBusy, StoreFailed.
        """
        if self._failure is not None:
            raise StoreFailed("The ledger failed before: restart the process.") from self._failure
        if self._queue.qsize() >= QUEUED_UNITS:
            raise StoreBusy("Too much waits for the ledger.")
        future: asyncio.Future[Outcome] = self._loop.create_future()
        self._queue.put(_Pending(unit, future))
        return await future

    async def close(self) -> None:
        """Finish what waits, then stop."""
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    def _work(self) -> None:
        with self._engine.connect() as connection:
            stop = False
            while not stop:
                batch, stop = self._next_batch()
                if batch:
                    self._commit(connection, batch)
                    self._settle(batch)

    def _next_batch(self) -> tuple[list[_Pending], bool]:
        batch: list[_Pending] = []
        pending = self._queue.get()
        while pending is not None:
            batch.append(pending)
            if len(batch) >= BATCH_UNITS:
                return batch, False
            try:
                pending = self._queue.get_nowait()
            except queue.Empty:
                return batch, False
        return batch, True

    def _commit(self, connection: sa.Connection, batch: list[_Pending]) -> None:
        """One transaction, a savepoint for each unit, so that one that fails takes no other with it."""
        if self._failure is not None:
            self._refuse(batch, StoreFailed("The ledger failed before: restart the process."))
            return
        try:
            with connection.begin():
                for together in _runs(batch):
                    _run_all(connection, together)
        except Exception as error:  # noqa: BLE001 - whatever a driver raises, each waiting call must hear of it
            self._refuse(batch, self._understood(error))
        for pending in batch:
            if pending.error is not None:
                pending.error = self._understood(pending.error)

    def _understood(self, error: Exception) -> Exception:
        understood = meaning(error)
        if isinstance(understood, StoreFailed) and self._failure is None:
            self._failure = error
            self._loop.call_soon_threadsafe(self._on_fatal, error)
        return understood or error

    def _refuse(self, batch: list[_Pending], error: Exception) -> None:
        for pending in batch:
            pending.error = pending.error or error

    def _settle(self, batch: list[_Pending]) -> None:
        def settle() -> None:
            for pending in batch:
                if pending.future.done():
                    continue
                if pending.error is not None:
                    pending.future.set_exception(pending.error)
                else:
                    pending.future.set_result(pending.outcome)

        self._loop.call_soon_threadsafe(settle)


def _runs(batch: list[_Pending]) -> Iterator[list[_Pending]]:
    """Insertions into one table that follow each other stand together, every other unit alone."""

    def kind(pending: _Pending) -> object:
        return pending.unit.table if isinstance(pending.unit, Insertion) else id(pending)

    for _, together in groupby(batch, key=kind):
        yield list(together)


def _run_all(connection: sa.Connection, together: list[_Pending]) -> None:
    """One call for all; where that fails each by itself, to find the one that is to blame."""
    if len(together) > 1:
        insertions = [pending.unit for pending in together if isinstance(pending.unit, Insertion)]
        _savepoint(connection, "SAVEPOINT unit")
        try:
            insert_rows(connection, insertions[0].table, [insertion.row for insertion in insertions])
        except sa.exc.IntegrityError:
            _savepoint(connection, "ROLLBACK TO unit")
            _savepoint(connection, "RELEASE unit")
        else:
            _savepoint(connection, "RELEASE unit")
            return
    for pending in together:
        _run(connection, pending)


def _savepoint(connection: sa.Connection, statement: str) -> None:
    """Past SQLAlchemy, which takes ten times as long for it as the database."""
    raw: Any = connection.connection.driver_connection
    raw.execute(statement)


def _run(connection: sa.Connection, pending: _Pending) -> None:
    _savepoint(connection, "SAVEPOINT unit")
    try:
        pending.outcome = pending.unit(connection)
    except Exception as error:  # noqa: BLE001 - it is the caller's error, and the next unit is not to blame
        pending.error = error
        _savepoint(connection, "ROLLBACK TO unit")
    _savepoint(connection, "RELEASE unit")
