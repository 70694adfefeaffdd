"""No room, at any point of a message's way: the sender is told, nothing is half done, and sent again it is whole."""

import asyncio
from dataclasses import dataclass, field

import pytest

from gateway.envelopes.as2.profile import Packaging, Receipt
from gateway.pipeline.as2.arrive import Answered, Promised, Unopened
from gateway.pipeline.as2.dispatches import DispatchFilter
from gateway.pipeline.ports import StoreBusy, StoreFull
from gateway.pipeline.receive import Overloaded, StoreUnavailable
from gateway.pipeline.records import InstanceFilter
from gateway.pipeline.states import DispatchState, InstanceState
from tests.unit.pipeline.as2.conftest import RECEIPT_URL, Exchanging
from tests.unit.pipeline.fakes import body

PAYLOAD = b"000000001|anna,ben"
NO_ROOM = StoreUnavailable("There is no room.", is_fatal=False)


@dataclass
class Full:
    """A method of a store that finds no room from its n-th call on, as long as `is_full`."""

    method: object
    first: int
    error: Exception
    calls: int = 0
    is_full: bool = True
    reached: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, *arguments: object) -> object:
        """Raise, or do it."""
        self.calls += 1
        if self.is_full and self.calls >= self.first:
            self.reached.set()
            raise self.error
        return await self.method(*arguments)  # type: ignore[operator]


def filled(exchanging: Exchanging, point: str, error: Exception | None = None) -> Full:
    """The disk is full from the point on: `archive.append:2` is the second call."""
    method, _, first = point.partition(":")
    store, _, name = method.partition(".")
    owner = exchanging.archive if store == "archive" else exchanging.ledger
    full = Full(getattr(owner, name), int(first or 1), error or StoreFull("There is no room."))
    setattr(owner, name, full)
    return full


async def until_settled(exchanging: Exchanging) -> None:
    """Let time pass until no message is left to be done."""
    async with asyncio.timeout(5):
        while True:
            rows = (await exchanging.ledger.messages(InstanceFilter(), None, 10)).rows
            if rows and all(row.state is InstanceState.DONE for row in rows):
                return
            exchanging.clock.move(1)
            await asyncio.sleep(0.002)


@pytest.mark.parametrize(
    ("point", "outcome"),
    [
        ("archive.append:1", NO_ROOM),  # what came
        ("ledger.accept_as2", NO_ROOM),
        ("archive.append:2", Unopened),  # receipt and payload
        ("archive.append:3", Unopened),
        ("ledger.opened", Unopened),
        ("archive.append:4", Answered),  # acknowledgement
        ("ledger.prepare", Answered),
        ("archive.append:5", Answered),  # documents
        ("ledger.conclude", Answered),
    ],
)
async def test_message_that_finds_no_room(
    exchanging: Exchanging, point: str, outcome: StoreUnavailable | type[object]
) -> None:
    """Before its receipt it is refused, behind it it is finished later: one receipt, one effect."""
    message = exchanging.partner.pack(PAYLOAD)
    full = filled(exchanging, point)

    during = await exchanging.receive(message)
    full.is_full = False
    after = await exchanging.receive(message)
    await until_settled(exchanging)

    assert during == outcome if isinstance(outcome, StoreUnavailable) else isinstance(during, outcome)
    assert isinstance(after, Answered)
    assert str(after.disposition) == "processed"
    if isinstance(during, Answered):
        assert after == during
    assert [one.xml for one in await exchanging.delivered()] == [
        b"<document>anna</document>",
        b"<document>ben</document>",
    ]


async def test_asynchronous_message_that_finds_no_room(exchanging: Exchanging) -> None:
    """Promised is promised: it is opened when there is room, and its receipt goes out."""
    message = exchanging.partner.pack(PAYLOAD, Packaging(receipt=Receipt.ASYNCHRONOUS), receipt_url=RECEIPT_URL)
    full = filled(exchanging, "ledger.opened")

    outcome = await exchanging.receive(message)
    assert isinstance(outcome, Promised)
    await asyncio.wait_for(full.reached.wait(), 5)
    full.is_full = False
    await until_settled(exchanging)

    assert len(await exchanging.delivered()) == 2
    rows = await exchanging.ledger.dispatches(DispatchFilter(instance=outcome.instance), None, 10)
    for row in rows:
        await exchanging.dispatched(row.draft.id, DispatchState.DELIVERED)
    assert [post.url for post in exchanging.poster.posts].count(RECEIPT_URL) == 1


@pytest.mark.parametrize("point", ["archive.append", "ledger.accept_as2"])
async def test_busy_store(exchanging: Exchanging, point: str) -> None:
    """Too much waits: the sender comes again later."""
    filled(exchanging, point, StoreBusy("The queue is full."))

    assert isinstance(await exchanging.receive(exchanging.partner.pack(PAYLOAD)), Overloaded)


@pytest.mark.parametrize("point", ["archive.append:2", "ledger.packaged"])
async def test_file_that_finds_no_room_to_be_packaged(exchanging: Exchanging, point: str) -> None:
    """It is kept, and sent once there is room."""
    full = filled(exchanging, point)
    dispatch = await exchanging.send()
    waiting = await exchanging.dispatched(dispatch, DispatchState.WAITING, attempts=1)

    full.is_full = False
    exchanging.clock.move(1)
    await exchanging.dispatched(dispatch, DispatchState.DELIVERED)

    assert waiting.error == "There is no room."
    assert len(exchanging.poster.posts) == 1


async def test_receipt_that_finds_no_room(exchanging: Exchanging) -> None:
    """The message is sent again, the same, so that the partner answers again."""
    full = filled(exchanging, "archive.append:3")
    dispatch = await exchanging.send()
    await exchanging.dispatched(dispatch, DispatchState.WAITING, attempts=1)

    full.is_full = False
    exchanging.clock.move(1)
    await exchanging.dispatched(dispatch, DispatchState.DELIVERED)

    first, second = exchanging.poster.posts
    assert (first.headers, first.body) == (second.headers, second.body)


async def test_end_of_an_attempt_that_finds_no_room(exchanging: Exchanging) -> None:
    """Nobody knows that it was sent; when the lease has ended it is sent again, the same."""
    full = filled(exchanging, "ledger.attempted")
    dispatch = await exchanging.send()
    await asyncio.wait_for(full.reached.wait(), 5)
    full.is_full = False
    exchanging.clock.move(61)
    await exchanging.dispatched(dispatch, DispatchState.DELIVERED)

    first, second = exchanging.poster.posts
    assert (first.headers, first.body) == (second.headers, second.body)


async def test_file_that_finds_no_room(exchanging: Exchanging) -> None:
    """The operator is told; nothing is sent."""
    filled(exchanging, "ledger.add_dispatch")

    refused = await exchanging.pipeline.send_file(exchanging.relationship, body(b"file"), "", "", "olga")

    assert refused == NO_ROOM
    assert exchanging.poster.posts == []
