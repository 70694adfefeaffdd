"""Receipts that go to a URL of the sender's choice: where they may go, when, and how often."""

import asyncio

import pytest

from gateway.envelopes.as2.profile import Packaging, Receipt
from gateway.envelopes.as2.receipt_writer import Packaged
from gateway.pipeline.states import DispatchState, InstanceState
from tests.integration.as2.conftest import As2Running, altered
from tests.integration.conftest import claims

pytestmark = pytest.mark.asyncio(loop_scope="module")

ASYNCHRONOUS = Packaging(receipt=Receipt.ASYNCHRONOUS)


def wanting(as2: As2Running, number: int, url: str | None = None) -> Packaged:
    """Claims whose receipt shall go to `url`."""
    target = url or f"http://127.0.0.1:{as2.partner.port}/receipts"
    return as2.partner.pack(claims(number, sender="AS2CLINIC"), ASYNCHRONOUS, receipt_url=target)


async def test_sender_is_told_at_once_and_gets_its_receipt_later(as2: As2Running, number: int) -> None:
    """202 before anything is opened; then a signed receipt at its URL; then the acknowledgements."""
    message = wanting(as2, number)

    reply = await as2.post(message)
    receipt = await asyncio.wait_for(as2.partner.receipts.get(), 10)

    assert (reply.status, reply.body) == (202, b"")
    assert str(receipt.disposition) == "processed"
    assert receipt.is_signed
    assert receipt.original_message_id == message.headers.get("Message-ID")
    assert (await as2.settled(reply.instance)).row.accepted_count == 2


async def test_fault_is_told_in_the_receipt(as2: As2Running, number: int) -> None:
    """What is wrong is found only after the sender was answered."""
    message = as2.partner.pack(
        claims(number, sender="AS2CLINIC"),
        Packaging(digest=None, receipt=Receipt.ASYNCHRONOUS),
        receipt_url=f"http://127.0.0.1:{as2.partner.port}/receipts",
    )

    reply = await as2.post(message)
    receipt = await asyncio.wait_for(as2.partner.receipts.get(), 10)

    assert reply.status == 202
    assert str(receipt.disposition) == "processed/error: insufficient-message-security"
    assert (await as2.settled(reply.instance)).row.set_count == 0


async def test_repeated_message_gets_its_receipt_again(as2: As2Running, number: int) -> None:
    """As it was, though it was delivered before: the sender says that it does not have it."""
    message = wanting(as2, number)
    reply = await as2.post(message)
    await asyncio.wait_for(as2.partner.receipts.get(), 10)
    (first,) = await as2.receipts_of(reply.instance)
    await as2.dispatched(first.draft.id, DispatchState.DELIVERED)

    repeated = await as2.post(message)
    receipt = await asyncio.wait_for(as2.partner.receipts.get(), 10)

    assert (repeated.status, repeated.instance) == (202, reply.instance)
    assert receipt.original_message_id == message.headers.get("Message-ID")
    rows = await as2.receipts_of(reply.instance)
    assert len(rows) == 2
    assert {row.wire for row in rows} == {first.wire}


async def test_message_encrypted_anew_gets_the_receipt_of_the_first(as2: As2Running, number: int) -> None:
    """Sent to where the repeat wants it."""
    first, second = (
        as2.partner.pack(
            claims(number, sender="AS2CLINIC"),
            ASYNCHRONOUS,
            message_id=f"<anew-{number}@partner.test>",
            receipt_url=f"http://127.0.0.1:{as2.partner.port}/receipts?attempt={attempt}",
        )
        for attempt in (1, 2)
    )

    replies = [await as2.post(message) for message in (first, second)]
    for _ in replies:
        await asyncio.wait_for(as2.partner.receipts.get(), 10)

    rows = [row for reply in replies for row in await as2.receipts_of(reply.instance)]
    assert [row.draft.url[-1] for row in rows] == ["1", "2"]
    assert rows[0].wire == rows[1].wire
    await as2.settled(replies[0].instance)
    assert len(await as2.delivered(*(reply.instance for reply in replies))) == 2


@pytest.mark.parametrize(
    "url",
    [
        "http://receipts.brook.test/in",
        "http://127.0.0.1:1/receipts",
        "http://10.0.0.1:{port}/receipts",
        "http://169.254.169.254/latest/meta-data",
        "http://localhost:{port}/receipts",
        "http://[::1]:{port}/receipts",
        "http://2130706433:{port}/receipts",
        "http://user:word@127.0.0.1:{port}/receipts",
        "http://:word@127.0.0.1:{port}/receipts",
        "http://@127.0.0.1:{port}/receipts",
        "http://10.0.0.1:80\\@127.0.0.1:{port}/receipts",
        "http://127.0.0.1:{port}\\@10.0.0.1/receipts",
        "http://127.0.0.1:{port} .brook.test/receipts",
        "http://127.0.0.1:99999/receipts",
        "http://127.0.0.1:{port}x/receipts",
        "mailto:receipts@brook.test",
        "file:///etc/hostname",
        "ftp://127.0.0.1:{port}/receipts",
        "//127.0.0.1:{port}/receipts",
        "127.0.0.1:{port}",
        "gopher:127.0.0.1",
    ],
)
async def test_receipt_goes_only_where_the_agreement_says(as2: As2Running, number: int, url: str) -> None:
    """A sender must not make us talk to whatever it likes: refused before anything is kept."""
    before = await as2.kept_count()

    reply = await as2.post(wanting(as2, number, url.format(port=as2.partner.port)))

    assert reply.status == 403
    assert b"urn:gateway:problem:receipt-target" in reply.body
    assert await as2.kept_count() == before


async def test_stranger_gets_no_receipt_elsewhere(as2: As2Running, number: int) -> None:
    """Only an agreement can say where; the HTTP answer has the disposition."""
    message = altered(wanting(as2, number), AS2_From="NOBODY")

    reply = await as2.post(message)

    assert reply.status == 403
    assert b"processed/error: unknown-trading-relationship" in reply.body
    assert as2.partner.receipts.empty()


async def test_relationship_that_ends_before_the_receipt_is_sent(
    as2: As2Running, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It goes nowhere any more, and an operator sees why."""
    accept = as2.pipeline.ledger.accept_as2

    async def removing(*arguments: object) -> object:
        await as2.remove_partner()
        return await accept(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(as2.pipeline.ledger, "accept_as2", removing)

    reply = await as2.post(wanting(as2, number))

    assert reply.status == 202
    await as2.settled(reply.instance, InstanceState.DONE)
    (row,) = await as2.receipts_of(reply.instance)
    failed = await as2.dispatched(row.draft.id, DispatchState.FAILED)
    assert failed.error == "The relationship is not in the partner's file any more."
    assert as2.partner.receipts.empty()
