"""What `POST /as2` makes of HTTP as partners speak it, and of what is no AS2 at all."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator

import pytest

from gateway.envelopes.as2.profile import Packaging
from gateway.pipeline.ports import StoreFailed, StoreFull
from gateway.pipeline.records import InstanceFilter
from gateway.pipeline.states import InstanceState
from tests.integration.as2.conftest import As2Running, altered
from tests.integration.as2.partner import OUR_NAME
from tests.integration.conftest import claims

pytestmark = pytest.mark.asyncio(loop_scope="module")


def code_of(body: bytes) -> str:
    """The code of a problem document."""
    type_: str = json.loads(body)["type"]
    return type_.removeprefix("urn:gateway:problem:")


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"AS2_From": None}, "AS2-From"),
        ({"AS2_To": None}, "AS2-To"),
        ({"Message_ID": None}, "Message-ID"),
        ({"AS2_From": ""}, "AS2-From"),
        ({"AS2_From": "BRÖÖK"}, "AS2-From"),
        ({"AS2_From": '"BROOK'}, "AS2-From"),
        ({"AS2_From": "B" * 129}, "AS2-From"),
        ({"AS2_To": 'HARBOR"GATE'}, "AS2-To"),
        ({"Message_ID": "<>"}, "Message-ID"),
        ({"Message_ID": "<é@partner.test>"}, "Message-ID"),
    ],
)
async def test_no_as2(as2: As2Running, fields: dict[str, str | None], word: str) -> None:
    """Nobody whom a receipt could reach: the problem names the field, and nothing is kept."""
    before = await as2.kept_count()

    reply = await as2.post(altered(as2.partner.pack(b"SECRET"), **fields))

    assert (reply.status, code_of(reply.body)) == (400, "not-as2")
    assert word in json.loads(reply.body)["detail"]
    assert await as2.kept_count() == before


@pytest.mark.parametrize(
    "fields",
    [
        {"AS2_From": '"BROOK CLINIC"', "AS2_To": f'"{OUR_NAME}"'},
        {"AS2_From": "BROOK CLINIC"},
        {"Message_ID": "without-brackets-{number}@partner.test"},
        {"AS2_Version": "1.0", "EDIINT_Features": None},
        {"Date": None, "MIME_Version": None, "Subject": None},
    ],
)
async def test_other_spellings(as2: As2Running, number: int, fields: dict[str, str | None]) -> None:
    """Quotes around names, or none; a Message-ID without brackets comes back as it was."""
    filled = {name: value and value.format(number=number) for name, value in fields.items()}
    message = altered(as2.partner.pack(b"MSH|"), **filled)

    receipt = as2.receipt(await as2.post(message))

    assert str(receipt.disposition) == "processed"
    assert receipt.original_message_id == message.headers.get("Message-ID")


async def test_tabs_between_parameters(as2: As2Running) -> None:
    """What is left of a folded field in some products."""
    await as2.change_partner(relationship="require_encryption = false")
    message = as2.partner.pack(b"MSH|", Packaging(encryption=None))
    content_type = (message.headers.get("Content-Type") or "").replace("; ", ";\t")

    receipt = as2.receipt(await as2.post(altered(message, Content_Type=content_type)))

    assert str(receipt.disposition) == "processed"


async def test_sender_that_hangs_up_within_the_body(as2: As2Running) -> None:
    """Half a message is none."""
    before = await as2.kept_count()
    fields = "AS2-From: BROOK CLINIC\nAS2-To: HARBORGATE AS2\nMessage-ID: <half@x>"

    await raw(as2, f"POST /as2 HTTP/1.1\nHost: x\nExpect: 100-continue\nContent-Length: 1000\n{fields}\n\n", b"half")
    whole = await as2.post(as2.partner.pack(b"MSH|"))

    assert str(as2.receipt(whole).disposition) == "processed"
    assert await as2.kept_count() == before + 1


async def test_name_with_quotes_and_backslashes(as2: As2Running) -> None:
    """Names are what stands within the quotes; the receipt goes back to them, quoted again."""
    name = 'O"NEIL \\ SONS'
    await as2.change_partner(partner_name=name.replace("\\", "\\\\").replace('"', '\\"'))

    reply = await as2.post(as2.partner.pack(b"MSH|", sender=name))

    assert str(as2.receipt(reply).disposition) == "processed"
    assert reply.headers.get("AS2-To") == '"O\\"NEIL \\\\ SONS"'
    assert reply.headers.get("AS2-From") == f'"{OUR_NAME}"'


async def test_receipt_says_what_we_are(as2: As2Running) -> None:
    """Version and features (RFC 6017) go with every receipt, and a type that a MIME reader knows."""
    reply = await as2.post(as2.partner.pack(b"MSH|"))

    assert reply.headers.get("AS2-Version") == "1.2"
    assert "multiple-attachments" in (reply.headers.get("EDIINT-Features") or "")
    assert (reply.headers.get("Content-Type") or "").startswith("multipart/signed")


async def test_chunked_body(as2: As2Running, number: int) -> None:
    """Of unknown length, in pieces that split everything."""
    message = as2.partner.pack(claims(number, sender="AS2CLINIC"))

    async def pieces() -> AsyncIterator[bytes]:
        for begin in range(0, len(message.body), 97):
            yield message.body[begin : begin + 97]

    reply = await as2.post(message, data=pieces())

    assert str(as2.receipt(reply).disposition) == "processed"
    assert (await as2.settled(reply.instance)).row.accepted_count == 2


async def test_expect_100_continue(as2: As2Running) -> None:
    """The body is asked for."""
    reply = await as2.post(as2.partner.pack(b"MSH|"), expect100=True)

    assert str(as2.receipt(reply).disposition) == "processed"


async def raw(as2: As2Running, head: str, body: bytes = b"") -> bytes:
    """What comes back on a connection of its own until it ends or has a status line."""
    context = ssl.create_default_context(cafile=str(as2.site.certificates.authority))
    reader, writer = await asyncio.open_connection("localhost", as2.gateway.https_port, ssl=context)
    writer.write(head.replace("\n", "\r\n").encode("latin-1") + body)
    answer = await asyncio.wait_for(reader.readline(), 10)
    writer.close()
    return answer


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ("AS2-From: BROOK CLINIC\nAS2-To: HARBORGATE AS2\nMessage-ID: <1@x>", b"HTTP/1.1 100"),
        ("AS2-From: NOBODY\nAS2-To: HARBORGATE AS2\nMessage-ID: <1@x>", b"HTTP/1.1 413"),
        ("AS2-From: BROOK CLINIC\nAS2-To: HARBORGATE AS2", b"HTTP/1.1 400"),
    ],
)
async def test_body_is_asked_for_only_where_it_may_come(as2: As2Running, fields: str, status: bytes) -> None:
    """A large body of a stranger is refused before it is sent."""
    head = f"POST /as2 HTTP/1.1\nHost: x\nExpect: 100-continue\nContent-Length: 10000000\n{fields}\n\n"

    assert (await raw(as2, head)).startswith(status)


async def test_too_large(as2: As2Running, number: int) -> None:
    """Declared or not: larger than agreed is not kept."""
    await as2.change_partner(limits="size_bytes = 2048")
    before = await as2.kept_count()
    message = as2.partner.pack(claims(number, sender="AS2CLINIC"))

    async def pieces() -> AsyncIterator[bytes]:
        yield message.body[:1000]
        yield message.body[1000:]

    declared = await as2.post(message)
    streamed = await as2.post(message, data=pieces())

    for reply in (declared, streamed):
        assert (reply.status, code_of(reply.body)) == (413, "too-large")
    assert await as2.kept_count() == before


async def test_empty_body(as2: As2Running) -> None:
    """There is no message."""
    reply = await as2.post(as2.partner.pack(b"MSH|"), data=b"")

    assert (reply.status, code_of(reply.body)) == (400, "empty")


async def test_wrong_password_is_refused(as2: As2Running) -> None:
    """Who claims to be somebody has to be right, signature or not."""
    reply = await as2.post(as2.partner.pack(b"MSH|"), user="nobody")

    assert (reply.status, code_of(reply.body)) == (401, "authentication")


async def test_compressed_http_body_is_refused(as2: As2Running) -> None:
    """Content-Encoding is not what AS2 compresses with."""
    reply = await as2.post(altered(as2.partner.pack(b"MSH|"), Content_Encoding="gzip"))

    assert (reply.status, code_of(reply.body)) == (415, "content-encoding")


@pytest.mark.parametrize(
    ("method", "answer"),
    [
        ("archive.append", (507, "store-full")),
        ("ledger.accept_as2", (507, "store-full")),
        ("ledger.opened", (503, "delayed")),
    ],
)
async def test_full_disk(
    as2: As2Running, number: int, monkeypatch: pytest.MonkeyPatch, method: str, answer: tuple[int, str]
) -> None:
    """The sender is told to come again, and when it does everything is as if nothing had happened."""
    message = as2.partner.pack(claims(number, sender="AS2CLINIC"))
    port, name = method.split(".")
    store = as2.pipeline.ledger if port == "ledger" else as2.pipeline.as2._archive

    async def full(*_arguments: object) -> object:
        raise StoreFull("There is no room.")

    with monkeypatch.context() as patch:
        patch.setattr(store, name, full)
        refused = await as2.post(message)
    taken = await as2.post(message)

    assert (refused.status, code_of(refused.body)) == answer
    assert refused.headers.get("Retry-After") is not None
    assert str(as2.receipt(taken).disposition) == "processed"
    await as2.settled(taken.instance)
    assert len(await as2.delivered(taken.instance)) == 2


async def test_failed_store_refuses(as2: As2Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is promised any more."""

    async def failed(*_arguments: object) -> object:
        raise StoreFailed("The disk failed.")

    monkeypatch.setattr(as2.pipeline.as2._archive, "append", failed)
    monkeypatch.setattr(as2.pipeline._intake, "_failed", False)

    reply = await as2.post(as2.partner.pack(b"MSH|"))

    assert (reply.status, code_of(reply.body)) == (503, "store-unavailable")


async def test_refused_message_is_done(as2: As2Running) -> None:
    """Nothing is left to do for a message that was refused; nobody has to look at it."""
    reply = await as2.post(as2.partner.pack(b"MSH|", Packaging(digest=None)))

    await as2.settled(reply.instance, InstanceState.DONE)


async def test_folded_header_fields(as2: As2Running, number: int) -> None:
    """As mendelson sends a long Content-Type: with a tab on the next line."""
    message = as2.partner.pack(claims(number, sender="AS2CLINIC"))
    lines = [f"{name}: {value}".replace("; ", ";\r\n\t") for name, value in message.headers.fields]
    head = "\n".join(("POST /as2 HTTP/1.1", "Host: x", f"Content-Length: {len(message.body)}", "Connection: close"))
    folded = "\r\n".join(lines).replace("\r\n", "\n")

    answer = await raw(as2, f"{head}\n{folded}\n\n", message.body)

    assert "\n\t" in folded
    assert answer.startswith(b"HTTP/1.1 200")
    page = await as2.pipeline.ledger.messages(InstanceFilter(), None, 1)
    row = await as2.pipeline.ledger.as2_message(page.rows[0].received.instance)
    assert row is not None
    assert row.opening is not None
    assert str(row.opening.disposition) == "processed"
