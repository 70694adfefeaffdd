"""`POST /as2`: what a partner gets for what it sends."""

import asyncio

from tests.integration.as2.conftest import As2Running
from tests.integration.conftest import claims


async def test_signed_and_encrypted_is_answered_by_a_receipt_and_later_by_a_999(as2: As2Running, number: int) -> None:
    """The MDN in the reply proves what we have; the 999 comes back as an AS2 message of its own."""
    message = as2.partner.pack(claims(number, sender="AS2CLINIC"))

    reply = await as2.post(message)
    receipt = as2.partner.read_receipt(reply.headers, reply.body)
    back = [await asyncio.wait_for(as2.partner.taken.get(), 10) for _ in range(2)]

    assert reply.status == 200
    assert str(receipt.disposition) == "processed"
    assert receipt.is_signed
    assert receipt.original_message_id == message.headers.get("Message-ID")
    assert [b"TA1*" in each.payload for each in back].count(True) == 1
    assert [b"ST*999*" in each.payload for each in back].count(True) == 1
    assert all(each.opened.is_signed and each.opened.is_encrypted for each in back)
