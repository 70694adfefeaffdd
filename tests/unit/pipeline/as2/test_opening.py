"""Between the arrival of a message and its receipt: who waits, who goes away, and what cannot be opened."""

import asyncio
from dataclasses import replace

import pytest

from gateway.envelopes.as2.profile import Packaging, SecurityPolicy
from gateway.envelopes.as2.receipt_writer import Packaged
from gateway.model.exchange import Received
from gateway.pipeline.as2 import arrive
from gateway.pipeline.as2.arrive import Answered, Unopened
from gateway.pipeline.as2.records import OpeningRecord
from gateway.pipeline.ports import NotInArchive
from gateway.pipeline.records import InstanceFilter, Work
from gateway.pipeline.states import InstanceState, StepName
from tests.integration.as2.conftest import altered
from tests.unit.pipeline.as2.conftest import Exchanging

PAYLOAD = b"000000001|anna,ben"
_ALL = InstanceFilter()
SIGNED = Packaging(encryption=None)


class Gate:
    """A method that waits until it is let through."""

    def __init__(self, exchanging: Exchanging) -> None:
        self._opened = exchanging.ledger.opened
        self.reached = asyncio.Event()
        self.open = asyncio.Event()
        exchanging.ledger.opened = self  # type: ignore[method-assign, assignment]

    async def __call__(self, work: Work, record: OpeningRecord) -> object:
        """Record, when the gate is open."""
        self.reached.set()
        await self.open.wait()
        return await self._opened(work, record)


async def test_message_that_takes_too_long_to_open(exchanging: Exchanging, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sender is told to come again, and then gets the receipt of the message that it sent first."""
    gate = Gate(exchanging)
    monkeypatch.setattr(arrive, "ANSWER_DEADLINE_S", 0.0)
    message = exchanging.partner.pack(PAYLOAD)

    first = await exchanging.receive(message)
    gate.open.set()
    assert isinstance(first, Unopened)
    await exchanging.settled(first.instance)
    second = await exchanging.receive(message)

    assert isinstance(second, Answered)
    assert second.instance == first.instance
    assert len(await exchanging.delivered()) == 2


async def test_sender_that_goes_away_while_it_waits(exchanging: Exchanging) -> None:
    """What is kept goes on; when the sender asks again, there is its receipt."""
    gate = Gate(exchanging)
    message = exchanging.partner.pack(PAYLOAD)
    waiting = asyncio.create_task(exchanging.receive(message))
    await asyncio.wait_for(gate.reached.wait(), 5)

    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    gate.open.set()
    (row,) = (await exchanging.ledger.messages(_ALL, None, 10)).rows
    await exchanging.settled(row.received.instance)
    again = await exchanging.receive(message)

    assert isinstance(again, Answered)
    assert again.instance == row.received.instance


async def test_sender_that_goes_away_while_its_message_is_accepted(exchanging: Exchanging) -> None:
    """Nobody waits for the message, but somebody runs it at once: its lease would last long."""
    accept, go_on = exchanging.ledger.accept_as2, asyncio.Event()
    accepting: asyncio.Future[Received] = asyncio.get_running_loop().create_future()

    async def slow(received: Received, *arguments: object) -> object:
        accepting.set_result(received)
        await go_on.wait()
        return await accept(received, *arguments)  # type: ignore[arg-type]

    exchanging.ledger.accept_as2 = slow  # type: ignore[method-assign, assignment]
    sending = asyncio.create_task(exchanging.receive(exchanging.partner.pack(PAYLOAD)))
    received = await asyncio.wait_for(accepting, 5)

    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
    go_on.set()

    detail = await exchanging.settled(received.instance)
    assert detail.row.accepted_count == 2
    assert detail.row.attempt == 1


async def test_message_that_is_not_in_the_archive_any_more(
    exchanging: Exchanging, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing can be said about it, not even a receipt; the operator reads which record it is."""

    def missing(*_arguments: object) -> object:
        raise NotInArchive("The archive has nothing at segment 000000000001, offset 7.")

    monkeypatch.setattr(exchanging.archive, "read", missing)

    outcome = await exchanging.receive(exchanging.partner.pack(PAYLOAD))

    assert isinstance(outcome, Unopened)
    detail = await exchanging.settled(outcome.instance, InstanceState.FAILED)
    assert detail.row.error == "The archive has nothing at segment 000000000001, offset 7."
    assert [step.name for step in detail.steps] == [StepName.UNPACK]


async def test_signature_in_another_digest_than_announced(exchanging: Exchanging) -> None:
    """The bytes are read twice; what the first reading left behind is no part of the payload."""
    exchanging.agree(policy=SecurityPolicy(encryption_required=False))
    message = exchanging.partner.pack(PAYLOAD, SIGNED)
    content_type = (message.headers.get("Content-Type") or "").replace("sha-256", "sha-512")
    assert content_type != message.headers.get("Content-Type")

    outcome = await exchanging.receive(altered(message, Content_Type=content_type))

    assert isinstance(outcome, Answered)
    assert str(outcome.disposition) == "processed"
    assert outcome.instance is not None
    detail = await exchanging.settled(outcome.instance)
    assert b"".join(exchanging.archive.read(detail.row.archived)) == PAYLOAD


async def test_large_message(exchanging: Exchanging) -> None:
    """In a worker thread, through the spool in windows."""
    payload = b"?ISA*00*~\r" * 80_000

    outcome = await exchanging.receive(exchanging.partner.pack(payload))

    assert isinstance(outcome, Answered)
    assert outcome.instance is not None
    detail = await exchanging.settled(outcome.instance)
    assert b"".join(exchanging.archive.read(detail.row.archived)) == payload


async def test_receipt_is_in_the_archive_as_it_went_out(exchanging: Exchanging) -> None:
    """With its own header."""
    outcome = await exchanging.receive(exchanging.partner.pack(PAYLOAD))
    assert isinstance(outcome, Answered)
    assert outcome.instance is not None

    row = await exchanging.ledger.as2_message(outcome.instance)

    assert row is not None
    assert row.opening is not None
    assert row.opening.receipt is not None
    kept = b"".join(exchanging.archive.read(row.opening.receipt.archived))
    assert outcome.receipt is not None
    assert kept == outcome.receipt.headers.encode() + outcome.receipt.body
    assert row.opening.security == "signed sha256, encrypted aes256-cbc"


async def test_key_of_ours_that_ended_still_decrypts(exchanging: Exchanging) -> None:
    """A partner that encrypts to our last certificate is not cut off; the receipt cannot be signed with it."""
    (key,) = exchanging.relationship.own_keys
    exchanging.agree(own_keys=(replace(key, valid_until=exchanging.clock.now()),))

    outcome = await exchanging.receive(exchanging.partner.pack(PAYLOAD))

    assert isinstance(outcome, Answered)
    assert str(outcome.disposition) == "processed"
    assert isinstance(outcome.receipt, Packaged)
    assert not exchanging.partner.read_receipt(outcome.receipt.headers, outcome.receipt.body).is_signed


async def test_acknowledgement_without_a_place_to_go_waits_in_the_outbox(exchanging: Exchanging) -> None:
    """A relationship without a url: nothing can be sent, and nothing is lost."""
    exchanging.agree_on_dispatch(url=None)

    outcome = await exchanging.receive(exchanging.partner.pack(b"000000077|anna"))
    assert isinstance(outcome, Answered)
    assert outcome.instance is not None
    await exchanging.settled(outcome.instance)
    waiting = await exchanging.pipeline.outbox.waiting("clinic")

    assert [answer.instance for answer in waiting] == [outcome.instance]
    assert exchanging.poster.posts == []
