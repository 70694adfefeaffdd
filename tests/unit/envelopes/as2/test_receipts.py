"""Receipts: what we write, and what we make of those of others."""

from collections.abc import Callable
from datetime import datetime

import pytest
from cryptography.hazmat.primitives.serialization.pkcs7 import PKCS7Options

from gateway.envelopes.as2.addressing import Addressing, ReceiptRequest, read_addressing
from gateway.envelopes.as2.credentials import CertificateUse, OwnKey, PartnerCertificate, Trust
from gateway.envelopes.as2.disposition import PROCESSED, Disposition, Kind, Modifier
from gateway.envelopes.as2.mic import Mic, MicComparison, compare
from gateway.envelopes.as2.profile import DigestAlgorithm
from gateway.envelopes.as2.receipt_reader import (
    MAXIMUM_RECEIPT_BYTES,
    ReadReceipt,
    ReceiptError,
    ReceiptFault,
    is_receipt,
    read_receipt,
)
from gateway.envelopes.as2.receipt_writer import Packaged, receipt_text, write_receipt
from gateway.envelopes.mime.headers import Headers
from gateway.envelopes.mime.transfer import base64_lines
from tests.unit.envelopes.as2.scripted_sender import NOW, Entity, multipart, payload, signed

MIC = Mic(b"d" * 32, DigestAlgorithm.SHA256)
SIGNED = ReceiptRequest(is_signed=True, digests=(DigestAlgorithm.SHA256,), names=("sha-256",))
NOTIFICATION = b"""Reporting-UA: other\r
Final-Recipient: rfc822; partner\r
Original-Message-ID: <1@us>\r
Disposition: automatic-action/MDN-sent-automatically; processed\r
Received-Content-MIC: ZGRkZGRkZGRkZGRkZGRkZGRkZGRkZGRkZGRkZGRkZGQ=, sha-256\r
"""


def of(request: ReceiptRequest | None = SIGNED, sender: str = "partner", receiver: str = "us") -> Addressing:
    """A message whose receipt is written."""
    return Addressing(sender, receiver, "<1@partner>", request, "1.2", frozenset())


def write(
    addressing: Addressing,
    disposition: Disposition = PROCESSED,
    mic: Mic | None = MIC,
    key: OwnKey | None = None,
    text: str = "Received.",
) -> Packaged:
    """A receipt at a fixed time."""
    boundaries = iter(("report", "signed"))
    return write_receipt(
        addressing,
        disposition,
        mic,
        key,
        text=text,
        message_id="<2@us>",
        at=NOW,
        new_boundary=lambda: next(boundaries),
    )


@pytest.fixture
def our_trust(our_key: OwnKey) -> Trust:
    """What the partner believes of us."""
    window = (our_key.valid_from, our_key.valid_until)
    return Trust((PartnerCertificate(our_key.certificate, frozenset(CertificateUse), *window),))


def test_writes_a_report() -> None:
    """To the letter: nothing in it is left to chance."""
    receipt = write(of(ReceiptRequest(is_signed=False), 'the "partner"', "us"))

    assert receipt.headers.encode() + receipt.body == (
        b"AS2-Version: 1.2\r\n"
        b"AS2-Product: Healthcare B2B Gateway\r\n"
        b"AS2-From: us\r\n"
        b'AS2-To: "the \\"partner\\""\r\n'
        b"Message-ID: <2@us>\r\n"
        b"Date: Mon, 02 Mar 2026 12:00:00 +0000\r\n"
        b"MIME-Version: 1.0\r\n"
        b"EDIINT-Features: multiple-attachments, AS2-Reliability\r\n"
        b'Content-Type: multipart/report; report-type=disposition-notification; boundary="report"\r\n'
        b"\r\n"
        b"--report\r\n"
        b"Content-Type: text/plain; charset=us-ascii\r\n"
        b"Content-Transfer-Encoding: 7bit\r\n"
        b"\r\n"
        b"Received.\r\n"
        b"--report\r\n"
        b"Content-Type: message/disposition-notification\r\n"
        b"Content-Transfer-Encoding: 7bit\r\n"
        b"\r\n"
        b"Reporting-UA: Healthcare B2B Gateway\r\n"
        b"Original-Recipient: rfc822; us\r\n"
        b"Final-Recipient: rfc822; us\r\n"
        b"Original-Message-ID: <1@partner>\r\n"
        b"Disposition: automatic-action/MDN-sent-automatically; processed\r\n"
        b"Received-Content-MIC: ZGRkZGRkZGRkZGRkZGRkZGRkZGRkZGRkZGRkZGRkZGQ=, sha-256\r\n"
        b"\r\n"
        b"--report--\r\n"
    )


@pytest.mark.parametrize("modifier", [None, *Modifier])
def test_reads_what_it_writes(our_key: OwnKey, our_trust: Trust, modifier: Modifier | None) -> None:
    """Signed, for each disposition, with and without MIC."""
    disposition = Disposition.of(modifier) if modifier else PROCESSED
    mic = MIC if disposition.is_processed else None
    receipt = write(of(), disposition, mic, our_key, "Received.\nThat is all \u00fc.")

    read = read_receipt(receipt.headers, receipt.body, our_trust, NOW)

    assert (read.original_message_id, read.disposition, read.signer) == (
        "<1@partner>",
        disposition,
        our_key.certificate,
    )
    assert compare(read.mic, {MIC.algorithm: MIC.digest}) is (MicComparison.EQUAL if mic else MicComparison.ABSENT)
    assert (read.text, read.reporter) == ("Received.\r\nThat is all ?.", "Healthcare B2B Gateway")
    assert read.is_signed


@pytest.mark.parametrize(
    ("digests", "micalg"),
    [
        ((DigestAlgorithm.SHA512, DigestAlgorithm.SHA256), "sha-512"),
        ((DigestAlgorithm.SHA1, DigestAlgorithm.SHA384), "sha-384"),
        ((DigestAlgorithm.SHA1,), "sha-256"),
        ((), "sha-256"),
    ],
)
def test_signs_in_the_digest_that_is_wanted(
    our_key: OwnKey, our_trust: Trust, digests: tuple[DigestAlgorithm, ...], micalg: str
) -> None:
    """But never in SHA-1."""
    receipt = write(of(ReceiptRequest(is_signed=True, digests=digests)), key=our_key)

    assert f'micalg="{micalg}"' in (receipt.headers.get("Content-Type") or "")
    assert read_receipt(receipt.headers, receipt.body, our_trust, NOW).is_signed


@pytest.mark.parametrize("request_", [None, ReceiptRequest(is_signed=False)])
def test_is_signed_only_where_that_is_asked_for(our_key: OwnKey, request_: ReceiptRequest | None) -> None:
    """A sender that did not ask may not be able to read it. Nor can it be signed without a key."""
    for receipt in (write(of(request_), key=our_key), write(of(), key=None)):
        assert (receipt.headers.get("Content-Type") or "").startswith("multipart/report")


def test_is_the_same_each_time(our_key: OwnKey) -> None:
    """A receipt can be written again and compared."""
    assert write(of(), key=our_key) == write(of(), key=our_key)


def test_addresses_the_sender() -> None:
    """The names of a receipt are read like those of a message."""
    read = read_addressing(write(of(sender="a \\ b", receiver='"us"')).headers)

    assert (read.sender, read.receiver) == ('"us"', "a \\ b")


def test_text_says_what_happened() -> None:
    """In plain words, for each kind of outcome."""
    texts = {
        receipt_text(of(), disposition)
        for disposition in (
            PROCESSED,
            Disposition.of(Modifier.DUPLICATE_DOCUMENT),
            Disposition.of(Modifier.DECRYPTION_FAILED),
        )
    }

    assert len(texts) == 3
    assert all("<1@partner>" in text for text in texts)


def report(*parts: Entity, subtype: str = "report") -> Entity:
    """A multipart of at least two parts."""
    first, *others = (part.whole() for part in parts)
    body = b"--r\r\n" + b"\r\n--r\r\n".join((first, *others)) + b"\r\n--r--\r\n"
    return Entity({"Content-Type": f"multipart/{subtype}; boundary=r"}, body)


def notification(body: bytes = NOTIFICATION, **fields: str) -> Entity:
    """The part for programs."""
    further = {name.replace("_", "-"): value for name, value in fields.items()}
    return Entity({"Content-Type": "message/disposition-notification"} | further, body)


def read_entity(entity: Entity, trust: Trust | None = None, at: datetime = NOW) -> ReadReceipt:
    """A receipt of another product."""
    return read_receipt(Headers(tuple(entity.fields.items())), entity.body, trust or Trust(), at)


TEXT = Entity({"Content-Type": "text/plain"}, b"ok")


@pytest.mark.parametrize(
    "entity",
    [
        report(TEXT, notification()),
        report(notification()),
        report(notification(), TEXT),
        report(TEXT, notification(), Entity({"Content-Type": "text/rfc822-headers"}, b"AS2-From: us\r\n")),
        report(TEXT, notification(base64_lines(NOTIFICATION), Content_Transfer_Encoding="base64")),
        report(TEXT, notification(b"\r\n" + NOTIFICATION + b"\r\nSecond: block\r\n")),
        report(TEXT, notification(NOTIFICATION.replace(b"\r\n", b"\n"))),
        report(TEXT, notification(NOTIFICATION.replace(b"; processed", b";processed"))),
        report(TEXT, notification(NOTIFICATION.replace(b"; processed", b";\r\n\tPROCESSED"))),
        report(TEXT, notification(NOTIFICATION.replace(b", sha-256", b" ,\r\n SHA256"))),
        report(TEXT, notification(NOTIFICATION.replace(b"Original-Message-ID", b"Original-Message-Id"))),
        notification(),
    ],
    ids=["usual", "no text", "text last", "third part", "base64", "empty lines", "LF", "no blank", "folded", "MIC",
         "case", "alone"],
)  # fmt: skip
def test_reads_receipts_as_products_write_them(entity: Entity) -> None:
    """Each says the same."""
    read = read_entity(entity)

    assert (read.original_message_id, read.disposition, read.reporter) == ("<1@us>", PROCESSED, "other")
    assert compare(read.mic, {MIC.algorithm: MIC.digest}) is MicComparison.EQUAL
    assert not read.is_signed


def test_reads_free_text_of_a_failure() -> None:
    """Whatever stands behind the disposition."""
    body = NOTIFICATION.replace(b"; processed", b"; failed/Failure: out of paper")

    assert read_entity(report(TEXT, notification(body))).disposition == Disposition(Kind.FAILURE, "out of paper")


@pytest.mark.parametrize(
    "change",
    [lambda content: content, lambda content: content.removesuffix(b"\r\n"), lambda content: content + b"\r\n"],
)
@pytest.mark.parametrize("options", [(), (PKCS7Options.NoAttributes,)], ids=["attributes", "none"])
def test_verifies_tolerantly(
    partner_key: OwnKey,
    partner_trust: Trust,
    change: Callable[[bytes], bytes],
    options: tuple[PKCS7Options, ...],
) -> None:
    """libas2 signs its receipt without the last line end; IBM Sterling without attributes."""
    content = report(TEXT, notification()).whole()

    read = read_entity(signed(content, partner_key, "sha-512", *options, over=change(content)), partner_trust)

    assert read.signer == partner_key.certificate


def test_finds_the_digest_by_itself(partner_key: OwnKey, partner_trust: Trust) -> None:
    """A micalg that lies makes no difference: the receipt is at hand as a whole."""
    entity = signed(report(TEXT, notification()), partner_key, "sha-512", declared="sha-256")

    assert read_entity(entity, partner_trust).is_signed


def fault_of(entity: Entity, trust: Trust | None = None) -> ReceiptFault:
    """Why it proves nothing."""
    with pytest.raises(ReceiptError) as raised:
        read_entity(entity, trust)
    return raised.value.fault


def test_refuses_a_wrong_signature(partner_key: OwnKey, partner_trust: Trust) -> None:
    """A receipt that was altered on the way."""
    entity = signed(report(TEXT, notification()), partner_key)
    altered = Entity(entity.fields, entity.body.replace(b"<1@us>", b"<2@us>"))

    assert fault_of(altered, partner_trust) is ReceiptFault.SIGNATURE_WRONG


def test_refuses_a_wrong_signer(stranger_key: OwnKey, expired_key: OwnKey, partner_trust: Trust) -> None:
    """Signed by somebody else, or by a certificate that has ended."""
    for key in (stranger_key, expired_key):
        assert fault_of(signed(report(TEXT, notification()), key), partner_trust) is ReceiptFault.SIGNER_UNKNOWN


@pytest.mark.parametrize(
    ("entity", "fault"),
    [
        (Entity({"Content-Type": "text/html"}, b"<p>200 OK"), ReceiptFault.NO_RECEIPT),
        (Entity({}, b""), ReceiptFault.NO_RECEIPT),
        (report(TEXT, TEXT), ReceiptFault.NO_RECEIPT),
        (report(TEXT, notification(), subtype="mixed"), ReceiptFault.NO_RECEIPT),
        (report(TEXT, notification(b"")), ReceiptFault.MALFORMED),
        (report(TEXT, notification(NOTIFICATION.replace(b"Original-Message-ID", b"X"))), ReceiptFault.MALFORMED),
        (report(TEXT, notification(NOTIFICATION.replace(b"Disposition", b"X"))), ReceiptFault.MALFORMED),
        (report(TEXT, notification(NOTIFICATION.replace(b"; processed", b"; done"))), ReceiptFault.MALFORMED),
        (report(TEXT, notification(b"no field")), ReceiptFault.MALFORMED),
        (report(TEXT, notification(b"\xff" * 200, Content_Transfer_Encoding="base64")), ReceiptFault.MALFORMED),
        (Entity({"Content-Type": "multipart/report; boundary=r"}, b"--r\r\n"), ReceiptFault.MALFORMED),
        (Entity({"Content-Type": "multipart/report"}, b""), ReceiptFault.MALFORMED),
        (Entity({"Content-Type": "multipart/signed; boundary=r"}, b"--r\r\nx\r\n--r--\r\n"), ReceiptFault.MALFORMED),
        (Entity({"Content-Type": "multipart/signed; micalg=md5; boundary=r"}, b""), ReceiptFault.MALFORMED),
        (Entity({"Content-Type": "multipart/report"}, bytes(MAXIMUM_RECEIPT_BYTES + 1)), ReceiptFault.TOO_LARGE),
    ],
)
def test_refuses_what_is_no_receipt(entity: Entity, fault: ReceiptFault) -> None:
    """Each kind of reply that says nothing."""
    assert fault_of(entity) is fault


def test_tells_receipts_from_messages(our_key: OwnKey) -> None:
    """Both come to the same door, both may be multipart/signed."""
    plain, with_signature = write(of(ReceiptRequest(is_signed=False))), write(of(), key=our_key)
    about_receipts = signed(payload(b"Content-Type: multipart/report\r\n\r\n"), our_key)

    assert is_receipt(plain.headers)
    assert is_receipt(with_signature.headers, with_signature.body[:500])
    assert not is_receipt(with_signature.headers)
    assert not is_receipt(Headers(tuple(about_receipts.fields.items())), about_receipts.body)
    assert not is_receipt(Headers((("Content-Type", "application/pkcs7-mime"),)))
    assert not is_receipt(Headers((("Content-Type", "multipart/signed"),)), b"x")
    assert not is_receipt(Headers())


def test_repr_holds_no_text() -> None:
    """What a partner writes to a person may be about patients."""
    body = multipart(Entity({}, b"secret words").whole(), notification().whole(), boundary="r")

    assert "secret" not in repr(read_entity(Entity({"Content-Type": "multipart/report; boundary=r"}, body)))
