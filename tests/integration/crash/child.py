"""A gateway that dies at a chosen moment.

Reads lines `FOLDER POINT FIRST LAST DURABLE` and forks a gateway for each, since starting Python anew would take longer
than all the rest. DURABLE is `-`, or where tests/shims/discard_unsynced.c keeps what was synced of FOLDER. The gateway
sends messages FIRST to LAST of the fake standard in tests/unit/pipeline/fakes.py to a pipeline over real stores, and
consumes what is delivered. Prints what the outside world learns, a line each, and only once it is true:

    receipt NUMBER           the partner was told that we have the message
    answer NUMBER            the partner fetched the acknowledgement
    effect KEY ITEM          the consumer acted on an item (it may do so again for the same key)
    done
    exit CODE                the process ended; -9 where it killed itself

POINT is `PORT.METHOD:before|after:N`: SIGKILL around the N-th call of that method; `none` runs to the end.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

from gateway.pipeline.clock import SystemClock
from gateway.pipeline.engine import EngineSettings
from gateway.pipeline.exchange import Accepted, Answered
from gateway.pipeline.receive import ReceiveLimits
from gateway.pipeline.records import DeliveryUnit, InstanceFilter, LeaseRequest
from gateway.pipeline.service import Pipeline, PipelineSettings
from gateway.pipeline.states import InstanceState
from gateway.stores.archive import KeyRing, SegmentArchive
from gateway.stores.ledger import SqlLedger
from gateway.stores.spool import FileSpools
from tests.unit.pipeline.fakes import ARRIVAL, FixedRelationships, LineJudge, NoPoster, body

LEASE_S = 0.5
_ENDED = {InstanceState.DONE, InstanceState.FAILED, InstanceState.HELD}


class Dying:
    """A port that kills the process around one of its calls."""

    def __init__(self, port: object, name: str, point: str) -> None:
        self._port = port
        self._name = name
        self._point = point
        self._calls: dict[str, int] = {}

    def __getattr__(self, method: str) -> Any:
        call = getattr(self._port, method)
        if not asyncio.iscoroutinefunction(call):
            return call
        return self._wrapped(method, call)

    def _wrapped(self, method: str, call: Callable[..., Awaitable[object]]) -> Callable[..., Awaitable[object]]:
        async def run(*arguments: object) -> object:
            number = self._calls[method] = self._calls.get(method, 0) + 1
            here = f"{self._name}.{method}"
            if self._point == f"{here}:before:{number}":
                os.kill(os.getpid(), signal.SIGKILL)
            outcome = await call(*arguments)
            if self._point == f"{here}:after:{number}":
                os.kill(os.getpid(), signal.SIGKILL)
            return outcome

        return run


def tell(*words: object) -> None:
    """One line to whoever watches, at once."""
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


async def main(folder: Path, point: str, first: int, last: int) -> None:
    """Send, answer, deliver; until nothing is left to do."""
    archive = await SegmentArchive.open(
        folder / "archive", lambda error: sys.exit(str(error)), keys=KeyRing.of(bytes(range(32))), segment_bytes=1000
    )
    ledger = await SqlLedger.open(folder / "ledger.sqlite", lambda error: sys.exit(str(error)))
    dying: Any = Dying(ledger, "ledger", point)
    pipeline = Pipeline(
        archive=Dying(archive, "archive", point),  # type: ignore[arg-type]
        ledger=dying,
        spools=FileSpools(folder / "spool"),
        judge=LineJudge(),
        clock=SystemClock(),
        relationships=FixedRelationships(),
        poster=NoPoster(),
        settings=PipelineSettings(
            limits=ReceiveLimits(body_bytes=10_000), engine=EngineSettings(lease_s=LEASE_S, poll_s=0.05, workers=2)
        ),
    )
    pipeline.start()
    for number in range(first, last + 1):
        text = f"{number:09d}|item-{number}-a,item-{number}-b"
        outcome = await pipeline.exchange.handle(ARRIVAL, body(text.encode()))
        assert isinstance(outcome, Accepted | Answered), outcome
        tell("receipt", number)
    idle = 0
    while idle < 3:
        worked = await fetch_answers(pipeline) + await consume(pipeline)
        page = await ledger.messages(InstanceFilter(), None, 100)
        unfinished = any(row.state not in _ENDED for row in page.rows)
        idle = 0 if worked or unfinished or await leased_out(ledger) else idle + 1
        await asyncio.sleep(0.05)
    tell("done")
    await pipeline.stop()
    await ledger.close()
    await archive.close()


async def fetch_answers(pipeline: Pipeline) -> int:
    """The partner's side."""
    waiting = await pipeline.outbox.waiting("clinic")
    for answer in waiting:
        text = (await pipeline.outbox.text(answer)).decode()
        tell("answer", int(text.split()[2].split("|")[0]))
        await pipeline.outbox.confirm("clinic", answer.id or 0)
    return len(waiting)


async def consume(pipeline: Pipeline) -> int:
    """The downstream application's side."""
    deliveries = await pipeline.deliveries.lease(LeaseRequest("billing", DeliveryUnit.ITEM, 2, LEASE_S))
    for delivery in deliveries:
        tell("effect", delivery.key, (delivery.xml or b"").decode())
        await pipeline.deliveries.acknowledge(delivery.id, delivery.token)
    return len(deliveries)


async def leased_out(ledger: SqlLedger) -> bool:
    """Whether items are out with a consumer that died."""
    page = await ledger.messages(InstanceFilter(), None, 100)
    details = [await ledger.show(row.received.instance) for row in page.rows]
    outbox = [each for detail in details if detail is not None for each in detail.outbox]
    return any(each.delivered_count < each.published.item_count for each in outbox)


async def make_ledger(path: Path) -> None:
    """An empty ledger with its tables."""
    await (await SqlLedger.open(path, lambda error: sys.exit(str(error)))).close()


def install(empty: Path, folder: Path) -> None:
    """A new gateway's ledger, durable: making the tables anew each time would take longest of all."""
    path = folder / "ledger.sqlite"
    if not path.exists():
        with path.open("wb") as file:
            file.write(empty.read_bytes())
            file.flush()
            os.fsync(file.fileno())


def serve(scratch: Path, run: Callable[[Path, str, int, int], Coroutine[Any, Any, None]]) -> None:
    """One gateway after the other, as the lines of the standard input say; `run` is what it does."""
    empty = scratch / "empty.sqlite"
    asyncio.run(make_ledger(empty))
    for line in sys.stdin:
        folder, point, first, last, durable = line.split()
        process = os.fork()
        if process == 0:
            if durable != "-":
                os.environ |= {"POWER_CUT_WATCHED": folder, "POWER_CUT_DURABLE": durable}
            install(empty, Path(folder))
            asyncio.run(run(Path(folder), point, int(first), int(last)))
            os._exit(0)
        tell("exit", os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]))


if __name__ == "__main__":
    serve(Path(sys.argv[1]), main)
