"""Messages of ours to a partner's server, and its receipts at `POST /as2`."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import UUID

import pytest
import pytest_asyncio
from aiohttp import web

from gateway.envelopes.as2.credentials import OwnKey
from gateway.envelopes.as2.disposition import Disposition, Modifier
from gateway.envelopes.as2.receipt_writer import Packaged
from gateway.pipeline.states import DispatchState
from tests.integration.as2.conftest import As2Running, altered
from tests.integration.as2.partner import ScriptedPartner, Taken

pytestmark = pytest.mark.asyncio(loop_scope="module")

HL7 = b"MSH|^~\\&|EHR|HARBOR|LAB|BROOK|20260102030405||ORM^O01|1|P|2.5.1\rPID|1||42\r"


async def sent(as2: As2Running, content: bytes = HL7) -> UUID:
    """A file on its way."""

    async def pieces() -> AsyncIterator[bytes]:
        yield content

    relationship = as2.gateway._relationships.relationships().of_partner("as2clinic")[0]
    dispatch = await as2.pipeline.send_file(relationship, pieces(), "order.hl7", "application/hl7-v2", "olga")
    assert isinstance(dispatch, UUID)
    return dispatch


async def test_file_arrives_byte_for_byte(as2: As2Running) -> None:
    """Signed, encrypted, under its name; the receipt in the reply proves it."""
    row = await as2.dispatched(await sent(as2), DispatchState.DELIVERED)

    taken = as2.partner.taken.get_nowait()
    assert taken.payload == HL7
    assert (taken.opened.is_signed, taken.opened.is_encrypted) == (True, True)
    assert [(each.content_type, each.filename) for each in taken.opened.attachments] == [
        ("application/hl7-v2", "order.hl7")
    ]
    assert taken.addressing.message_id == f"<{row.draft.message_id}>"
    assert row.disposition == "processed"


async def test_large_file_is_streamed(as2: As2Running) -> None:
    """Many windows of the archive."""
    content = bytes(range(256)) * 20_000

    await as2.dispatched(await sent(as2, content), DispatchState.DELIVERED)

    assert as2.partner.taken.get_nowait().payload == content


async def test_partner_that_fails_once_gets_the_same_bytes(as2: As2Running) -> None:
    """After HTTP 500, a second later."""

    def fail_once(partner: ScriptedPartner, _taken: Taken) -> web.Response:
        partner.answer = None
        return web.Response(status=500)

    as2.partner.answer = fail_once

    row = await as2.dispatched(await sent(as2), DispatchState.DELIVERED)

    first, second = as2.partner.taken.get_nowait(), as2.partner.taken.get_nowait()
    assert row.attempt == 2
    assert first.body == second.body
    assert first.addressing.message_id == second.addressing.message_id


async def test_redirect_fails_the_message(as2: As2Running) -> None:
    """Nobody else gets it."""
    as2.partner.answer = lambda _partner, _taken: web.Response(
        status=307, headers={"Location": f"http://127.0.0.1:{as2.partner.port}/receipts"}
    )

    row = await as2.dispatched(await sent(as2), DispatchState.FAILED)

    assert row.error == "The partner answered HTTP 307."
    assert as2.partner.receipts.empty()


@pytest_asyncio.fixture(loop_scope="module")
async def awaited(as2: As2Running) -> tuple[UUID, Taken]:
    """A message that the partner has taken, and whose receipt is to come."""
    await as2.change_partner(packaging='receipt = "asynchronous"')
    as2.partner.answer = lambda _partner, _taken: web.Response(status=202)
    dispatch = await sent(as2)
    await as2.dispatched(dispatch, DispatchState.SENT)
    return dispatch, await asyncio.wait_for(as2.partner.taken.get(), 10)


async def test_awaited_receipt(as2: As2Running, awaited: tuple[UUID, Taken]) -> None:
    """It comes at the URL that the message named, once or several times."""
    dispatch, taken = awaited
    receipt = as2.partner.receipt_for(taken)

    replies = [await as2.post(receipt) for _ in range(2)]

    assert taken.addressing.receipt is not None
    assert taken.addressing.receipt.url == "https://localhost/as2"
    assert [(reply.status, reply.body) for reply in replies] == [(200, b"")] * 2
    row = await as2.dispatched(dispatch, DispatchState.DELIVERED)
    assert row.receipt is not None
    assert as2.archived(row.receipt.archived).endswith(receipt.body)


async def test_awaited_receipt_that_refuses(as2: As2Running, awaited: tuple[UUID, Taken]) -> None:
    """It is taken, and the message has failed; a second one finds nothing that waits."""
    dispatch, taken = awaited
    receipt = as2.partner.receipt_for(taken, Disposition.of(Modifier.DECRYPTION_FAILED))

    first, second = await as2.post(receipt), await as2.post(receipt)

    assert (first.status, second.status) == (200, 409)
    row = await as2.dispatched(dispatch, DispatchState.FAILED)
    assert row.error == "The partner answered processed/error: decryption-failed."


def _refused(as2: As2Running, taken: Taken, stranger: OwnKey) -> dict[str, tuple[Packaged, int]]:
    good = as2.partner.receipt_for(taken)
    never = replace(taken, addressing=replace(taken.addressing, message_id="<never@gateway>"))
    return {
        "signed by a stranger": (as2.partner.receipt_for(taken, key=stranger), 403),
        "altered": (replace(good, body=good.body.replace(b"; processed", b"; displayed")), 403),
        "of nobody": (altered(good, AS2_From="NOBODY"), 403),
        "for a message that was never sent": (as2.partner.receipt_for(never), 404),
        "cut off": (replace(good, body=good.body[:-200]), 400),
    }


@pytest.mark.parametrize(
    "kind",
    ["signed by a stranger", "altered", "of nobody", "for a message that was never sent", "cut off"],
)
async def test_receipt_that_proves_nothing(
    as2: As2Running, awaited: tuple[UUID, Taken], stranger_key: OwnKey, kind: str
) -> None:
    """A problem instead of a receipt for a receipt; the message goes on waiting."""
    dispatch, taken = awaited
    receipt, status = _refused(as2, taken, stranger_key)[kind]

    reply = await as2.post(receipt)

    assert reply.status == status
    assert json.loads(reply.body)["type"] == "urn:gateway:problem:receipt-refused"
    row = await as2.pipeline.ledger.dispatch(dispatch)
    assert row is not None
    assert row.state is DispatchState.SENT
