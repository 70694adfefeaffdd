"""The one thread that writes the ledger: the units of work that wait become one transaction and one sync.

Owns batching, savepoints and what an error means. Must not know any unit of work.
"""

import asyncio
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import sqlalchemy as sa

from gateway.pipeline.ports import StoreBusy, StoreFailed
from gateway.stores.ledger.sqlite import meaning

# A batch is bounded so that its first unit does not wait for a thousand others.
BATCH_UNITS = 512
# What waits longer than about a second helps nobody: the sender is told to come back.
QUEUED_UNITS = 20_000

Outcome = TypeVar("Outcome")
Unit = Callable[[sa.Connection], Outcome]


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
                for pending in batch:
                    _run(connection, pending)
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


def _run(connection: sa.Connection, pending: _Pending) -> None:
    connection.exec_driver_sql("SAVEPOINT unit")
    try:
        pending.outcome = pending.unit(connection)
    except Exception as error:  # noqa: BLE001 - it is the caller's error, and the next unit is not to blame
        pending.error = error
        connection.exec_driver_sql("ROLLBACK TO unit")
    connection.exec_driver_sql("RELEASE unit")
