"""The same Message-ID again: the same receipt for the same message, an operator for another one."""

import asyncio

import pytest

from gateway.envelopes.as2.profile import Packaging
from gateway.envelopes.as2.receipt_writer import Packaged
from gateway.pipeline.states import InstanceState
from tests.integration.as2.conftest import As2Running, Reply
from tests.integration.conftest import claims

pytestmark = pytest.mark.asyncio(loop_scope="module")

# Fields that belong to the HTTP answer, not to the receipt.
_OF_HTTP = ("server", "content-length", "gateway-instance")


def receipt_bytes(reply: Reply) -> tuple[tuple[tuple[str, str], ...], bytes]:
    """All that an answer has of a receipt."""
    fields = tuple(field for field in reply.headers.fields if field[0].lower() not in _OF_HTTP)
    return fields, reply.body


@pytest.fixture
def message_id(number: int) -> str:
    """One that no other test uses."""
    return f"<repeated-{number}@partner.test>"


async def test_same_bytes_get_the_same_receipt(as2: As2Running, number: int, message_id: str) -> None:
    """Byte for byte, header and all; the message is processed once."""
    message = as2.partner.pack(claims(number, sender="AS2CLINIC"), message_id=message_id)

    first = await as2.post(message)
    second = await as2.post(message)

    assert receipt_bytes(first) == receipt_bytes(second)
    assert second.instance == first.instance
    await as2.settled(first.instance)
    assert len(await as2.delivered(first.instance, second.instance)) == 2


async def test_same_payload_encrypted_anew_gets_the_same_receipt(as2: As2Running, number: int, message_id: str) -> None:
    """Many products package anew for each attempt."""
    payload = claims(number, sender="AS2CLINIC")
    messages = [as2.partner.pack(payload, message_id=message_id) for _ in range(2)]

    first, second = [await as2.post(message) for message in messages]

    assert messages[0].body != messages[1].body
    assert receipt_bytes(first) == receipt_bytes(second)
    assert second.instance != first.instance
    repeat = await as2.settled(second.instance)
    assert (repeat.row.set_count, repeat.answers) == (0, ())
    await as2.settled(first.instance)
    opening = (await as2.message(second)).opening
    assert opening is not None
    assert opening.duplicate_of == first.instance
    assert len(await as2.delivered(first.instance, second.instance)) == 2


async def test_sent_twice_at_once(as2: As2Running, number: int, message_id: str) -> None:
    """Whichever is opened first: one receipt, one effect."""
    message = as2.partner.pack(claims(number, sender="AS2CLINIC"), message_id=message_id)

    replies = await asyncio.gather(*(as2.post(message) for _ in range(4)))

    assert {receipt_bytes(reply) for reply in replies} == {receipt_bytes(replies[0])}
    for reply in replies:
        await as2.settled(reply.instance)
    assert len(await as2.delivered(*(reply.instance for reply in replies))) == 2


async def test_other_payload_is_held_for_an_operator(as2: As2Running, number: int, message_id: str) -> None:
    """The receipt warns; nothing goes on before somebody has decided. Sent again, it is not held twice."""
    payloads = [claims(1000 * number + each, sender="AS2CLINIC") for each in range(2)]
    one, other = (as2.partner.pack(payload, message_id=message_id) for payload in payloads)

    first, second = await as2.post(one), await as2.post(other)
    before = await as2.kept_count()
    third = await as2.post(other)

    receipt = as2.receipt(second)
    assert str(receipt.disposition) == "processed/warning: duplicate-document"
    assert receipt.mic is not None
    assert receipt_bytes(third) == receipt_bytes(second)
    assert (third.instance, await as2.kept_count()) == (second.instance, before)
    held = await as2.settled(second.instance, InstanceState.HELD)
    assert str(first.instance) in held.row.error
    await as2.settled(first.instance)
    assert len(await as2.delivered(first.instance, second.instance)) == 2
    assert await as2.pipeline.engine.resubmit(second.instance, "olga")
    resubmitted = await as2.settled(second.instance)
    assert resubmitted.row.accepted_count == 2
    assert [answer.kind for answer in resubmitted.answers] == ["TA1", "999"]
    assert len(await as2.delivered(second.instance)) == 2
    assert receipt_bytes(await as2.post(one)) == receipt_bytes(first)


@pytest.mark.parametrize("same_bytes", [True, False])
async def test_refused_message_may_come_again(
    as2: As2Running, number: int, message_id: str, *, same_bytes: bool
) -> None:
    """A message that was not taken has not used up its Message-ID: neither for another message nor for itself."""
    message = as2.partner.pack(claims(number, sender="AS2CLINIC"), Packaging(encryption=None), message_id=message_id)
    refused = await as2.post(message)
    again: Packaged = message
    if same_bytes:
        await as2.change_partner(relationship="require_encryption = false")
    else:
        again = as2.partner.pack(claims(number, sender="AS2CLINIC"), message_id=message_id)

    taken = await as2.post(again)

    assert str(as2.receipt(refused).disposition) == "processed/error: insufficient-message-security"
    assert str(as2.receipt(taken).disposition) == "processed"
    assert (await as2.settled(taken.instance)).row.accepted_count == 2
    assert len(await as2.delivered(refused.instance, taken.instance)) == 2
