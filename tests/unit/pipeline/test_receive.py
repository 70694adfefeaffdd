"""Taking a message in when a store cannot: a clear refusal, and nothing promised."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator
from pathlib import Path

import pytest

from gateway.model.exchange import ArchiveReference
from gateway.pipeline.clock import new_instance_id
from gateway.pipeline.ports import StoreBusy, StoreFailed, StoreFull
from gateway.pipeline.receive import (
    Intake,
    Kept,
    Overloaded,
    ReceiveLimits,
    Receiver,
    Refusal,
    StoreUnavailable,
)
from gateway.pipeline.records import InstanceFilter, Mode, Work
from gateway.stores.archive import KeyRing, SegmentArchive
from gateway.stores.memory import MemoryArchive, MemoryLedger
from tests.unit.pipeline.fakes import ARRIVAL, LineJudge, MovableClock, body


class RefusingArchive(MemoryArchive):
    """Raises what it is told."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self._error = error

    async def append(self, body: AsyncIterable[bytes]) -> ArchiveReference:
        """Read it all, then raise."""
        await super().append(body)
        raise self._error


class SlowLedger(MemoryLedger):
    """Accepts when it is let."""

    def __init__(self, clock: MovableClock) -> None:
        super().__init__(clock.now)
        self.accepting = asyncio.Event()
        self.let = asyncio.Event()

    async def accept(self, *arguments: object, **named: object) -> Work | None:
        """As the port says, later."""
        self.accepting.set()
        await self.let.wait()
        return await super().accept(*arguments, **named)  # type: ignore[arg-type]


def receiver(
    archive: MemoryArchive | SegmentArchive, ledger: MemoryLedger, adopted: list[Work], mode: Mode
) -> Receiver:
    """A receiver of the fake standard."""
    limits = ReceiveLimits(body_bytes=1_000_000, retry_after_s=7.0)
    intake = Intake(archive, limits, adopted.append)
    return Receiver(intake, ledger, MovableClock(), peek=LineJudge(mode=mode).peek, lease_s=30.0)


@pytest.mark.parametrize(
    ("error", "refusal"),
    [
        (StoreBusy("full"), Overloaded(7.0)),
        (StoreFull("no room"), StoreUnavailable("no room", is_fatal=False)),
        (StoreFailed("broken"), StoreUnavailable("broken", is_fatal=True)),
    ],
)
async def test_refusing_store(error: Exception, refusal: Refusal) -> None:
    """Each reason has its own answer, and the ledger hears of none."""
    ledger = MemoryLedger(MovableClock().now)
    receiving = receiver(RefusingArchive(error), ledger, [], Mode.BATCH)

    outcome = await receiving.receive(ARRIVAL, body(b"1|anna"))

    assert outcome == refusal
    assert receiving.is_failed is isinstance(error, StoreFailed)
    assert (await ledger.messages(InstanceFilter(), None, 10)).rows == ()


async def test_sender_that_goes_away_leaves_nothing(tmp_path: Path) -> None:
    """A body that breaks off is not a message."""

    async def broken() -> AsyncIterator[bytes]:
        yield b"1|an"
        raise ConnectionResetError

    ledger = MemoryLedger(MovableClock().now)
    archive = await SegmentArchive.open(tmp_path, lambda _error: None, keys=KeyRing.of(bytes(range(32))))
    receiving = receiver(archive, ledger, [], Mode.BATCH)

    with pytest.raises(ConnectionResetError):
        await receiving.receive(ARRIVAL, broken())

    assert (await ledger.messages(InstanceFilter(), None, 10)).rows == ()
    await archive.close()


async def test_real_time_work_of_a_sender_that_left_is_adopted() -> None:
    """Once the row may be written the message is ours, whether the sender still waits or not."""
    adopted: list[Work] = []
    ledger = SlowLedger(MovableClock())
    receiving = receiver(MemoryArchive(), ledger, adopted, Mode.REAL_TIME)
    request = asyncio.create_task(receiving.receive(ARRIVAL, body(b"1|anna")))
    await ledger.accepting.wait()
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request
    ledger.let.set()

    await receiving._intake.finish()
    await asyncio.sleep(0)

    (row,) = (await ledger.messages(InstanceFilter(), None, 10)).rows
    assert [work.received.instance for work in adopted] == [row.received.instance]


async def test_too_much_waiting_is_refused_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Past the bound a sender is told to come back instead of being kept waiting."""
    monkeypatch.setattr("gateway.stores.archive.log.ADMISSION_TIMEOUT_S", 0.01)
    archive = await SegmentArchive.open(
        tmp_path, lambda _error: None, keys=KeyRing.of(bytes(range(32))), queue_bytes=1_000
    )
    receiving = receiver(archive, MemoryLedger(MovableClock().now), [], Mode.BATCH)

    large = await receiving.receive(ARRIVAL, body(bytes(1_001)))
    small = await receiving.receive(ARRIVAL, body(b"1|anna"))

    assert large == Overloaded(7.0)
    assert isinstance(small, Kept)
    await archive.close()


def test_ids_sort_by_arrival() -> None:
    """The order of a lane and of a page stands on it."""
    clock = MovableClock()
    ids = []
    for _ in range(2_000):
        clock.move(0.000_001)
        ids.append(new_instance_id(clock.now()))

    assert ids == sorted(ids)
    assert {each.version for each in ids} == {7}
