"""`POST /as2`: what a partner gets for what it sends."""

import asyncio
from dataclasses import replace

import pytest

from gateway.envelopes.as2.profile import (
    Compression,
    DigestAlgorithm,
    EncryptionAlgorithm,
    KeyTransport,
    Packaging,
    SignatureScheme,
)
from gateway.pipeline.states import InstanceState
from tests.integration.as2.conftest import As2Running, altered
from tests.integration.as2.partner import multipart_of
from tests.integration.conftest import claims

pytestmark = pytest.mark.asyncio(loop_scope="module")

PLAIN = Packaging(digest=None, encryption=None)
# What HL7 v2 looks like: segments end with a bare CR.
HL7 = b"MSH|^~\\&|LAB|BROOK|EHR|HARBOR|20260102030405||ORU^R01|1|P|2.5.1\rPID|1||42\rOBX|1|ST|X||Z\xe9\r"


async def test_signed_and_encrypted_is_answered_by_a_receipt_and_later_by_a_999(as2: As2Running, number: int) -> None:
    """The MDN in the reply proves what we have; the 999 comes back as an AS2 message of its own."""
    message = as2.partner.pack(claims(number, sender="AS2CLINIC"))

    reply = await as2.post(message)
    receipt = as2.receipt(reply)
    back = [await asyncio.wait_for(as2.partner.taken.get(), 10) for _ in range(2)]

    assert str(receipt.disposition) == "processed"
    assert receipt.is_signed
    assert receipt.original_message_id == message.headers.get("Message-ID")
    assert [b"TA1*" in each.payload for each in back].count(True) == 1
    assert [b"ST*999*" in each.payload for each in back].count(True) == 1
    assert all(each.opened.is_signed and each.opened.is_encrypted for each in back)


@pytest.mark.parametrize(
    "packaging",
    [
        Packaging(compression=Compression.BEFORE_SIGNING),
        Packaging(compression=Compression.AFTER_SIGNING),
        Packaging(encryption=EncryptionAlgorithm.AES256_GCM, key_transport=KeyTransport.OAEP),
        Packaging(digest=DigestAlgorithm.SHA512, scheme=SignatureScheme.PSS, receipt_digest=DigestAlgorithm.SHA384),
        Packaging(receipt_signed=False),
    ],
)
async def test_payload_is_archived_byte_for_byte(as2: As2Running, packaging: Packaging) -> None:
    """However it was packed; what is no X12 is kept all the same."""
    message = as2.partner.pack(HL7, replace(packaging, content_type="application/hl7-v2"))

    reply = await as2.post(message)
    receipt = as2.receipt(reply)

    assert str(receipt.disposition) == "processed"
    assert receipt.is_signed is packaging.receipt_signed
    detail = await as2.settled(reply.instance)
    assert as2.archived(detail.row.archived) == HL7
    row = await as2.message(reply)
    assert as2.archived(row.wire.archived).endswith(message.body)


async def test_of_several_attachments_the_interchange_goes_on(as2: As2Running, number: int) -> None:
    """Whatever else the sender put beside it, and in which order; all of it stays in the archive."""
    interchange = claims(number, sender="AS2CLINIC")
    content_type, body = multipart_of(
        ("application/pdf", b"%PDF-1.4 SECRET"), ('application/EDI-X12; name="claims.edi"', interchange)
    )
    message = as2.partner.pack(body, Packaging(content_type=content_type))

    reply = await as2.post(message)

    assert str(as2.receipt(reply).disposition) == "processed"
    detail = await as2.settled(reply.instance)
    assert as2.archived(detail.row.archived) == interchange
    assert detail.row.accepted_count == 2
    opening = (await as2.message(reply)).opening
    assert opening is not None
    assert opening.attachment_count == 2


async def test_empty_payload(as2: As2Running) -> None:
    """A file of nothing is a message."""
    reply = await as2.post(as2.partner.pack(b""))

    assert str(as2.receipt(reply).disposition) == "processed"
    detail = await as2.settled(reply.instance)
    assert as2.archived(detail.row.archived) == b""


async def test_no_receipt_wanted(as2: As2Running, number: int) -> None:
    """Then the HTTP status says it: taken, or refused and why."""
    message = altered(as2.partner.pack(claims(number, sender="AS2CLINIC")), Disposition_Notification_To=None)
    refused = altered(as2.partner.pack(b"SECRET", PLAIN), Disposition_Notification_To=None)

    taken_reply, refused_reply = await as2.post(message), await as2.post(refused)

    assert (taken_reply.status, taken_reply.body) == (200, b"")
    assert (await as2.settled(taken_reply.instance)).row.accepted_count == 2
    assert refused_reply.status == 403
    assert b"processed/error: insufficient-message-security" in refused_reply.body


OPTIONAL = "require_signature = false\nrequire_encryption = false"
PASSWORD = """
[[password]]
user = "as2clinic"
password_hash = "{hash}"
"""


async def test_without_a_signature_the_connection_has_to_prove_the_sender(as2: As2Running, number: int) -> None:
    """Where signing is optional, a password does; a signature does as well; nothing does not; nor does another's."""
    clinic = (as2.site.folder / "partners" / "clinic.toml").read_text()
    hash_ = clinic.split('password_hash = "')[1].split('"')[0]
    await as2.change_partner(relationship=OPTIONAL, credentials=PASSWORD.format(hash=hash_))
    plain = as2.partner.pack(claims(number, sender="AS2CLINIC"), PLAIN)
    signed = as2.partner.pack(b"", Packaging(encryption=None))

    unproven = await as2.post(plain)
    of_another = await as2.post(plain, user="clinic")
    by_signature = await as2.post(signed)
    by_password = await as2.post(plain, user="as2clinic")

    failed = "processed/error: authentication-failed"
    dispositions = [str(as2.receipt(reply).disposition) for reply in (unproven, of_another, by_signature, by_password)]
    assert dispositions == [failed, failed, "processed", "processed"]
    assert (await as2.settled(by_password.instance)).row.accepted_count == 2
    assert (await as2.settled(unproven.instance)).row.set_count == 0
    kept = await as2.message(by_password)
    assert b"authorization" not in as2.archived(kept.wire.archived)[: kept.wire.head_size].lower()


async def test_ordered_relationship_keeps_the_order_of_arrival(as2: As2Running, number: int) -> None:
    """Receipts go out at once, payloads are judged one after the other, however they overlap."""
    await as2.change_partner(relationship="ordered = true")
    messages = [as2.partner.pack(claims(1000 * number + each, sender="AS2CLINIC")) for each in range(8)]

    replies = await asyncio.gather(*(as2.post(message) for message in messages))

    assert [str(as2.receipt(reply).disposition) for reply in replies] == ["processed"] * 8
    details = [await as2.settled(reply.instance) for reply in replies]
    by_arrival = sorted(details, key=lambda detail: detail.row.received.instance)
    began = [detail.steps[1].started_at for detail in by_arrival]
    assert began == sorted(began)
    ends = [detail.steps[-1].ended_at for detail in by_arrival]
    assert all(end <= begin for end, begin in zip(ends, began[1:], strict=False))


async def test_relationship_that_ends_before_the_message_is_opened(
    as2: As2Running, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reload took it away in between: the receipt says so, and nothing is processed."""
    message = as2.partner.pack(claims(number, sender="AS2CLINIC"))
    accept = as2.pipeline.ledger.accept_as2

    async def removing(*arguments: object) -> object:
        kept = await accept(*arguments)  # type: ignore[arg-type]
        await as2.remove_partner()
        return kept

    monkeypatch.setattr(as2.pipeline.ledger, "accept_as2", removing)

    reply = await as2.post(message)

    assert str(as2.receipt(reply).disposition) == "processed/error: unknown-trading-relationship"
    detail = await as2.settled(reply.instance, InstanceState.DONE)
    assert detail.row.set_count == 0
