"""Reading a receipt (MDN) as products really write it, and verifying its signature.

Owns what a receipt says. Must not know which message it is for, nor what follows from it.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from cryptography import x509

from gateway.envelopes.as2.cms import CmsError, DigestDiffers, SignerUnknown, Verified, read_signed, verify
from gateway.envelopes.as2.credentials import Trust
from gateway.envelopes.as2.digests import ContentDigests
from gateway.envelopes.as2.disposition import As2Fault, Disposition
from gateway.envelopes.as2.mic import ClaimedMic
from gateway.envelopes.as2.signature import declared_digests, signature_of
from gateway.envelopes.mime.content_type import Parametrised
from gateway.envelopes.mime.fault import MimeError
from gateway.envelopes.mime.headers import Headers, split_entity
from gateway.envelopes.mime.multipart import MultipartSplitter, split
from gateway.envelopes.mime.transfer import transfer_decoder

# A receipt has 2 to 10 KB, with a chain of certificates 20.
MAXIMUM_RECEIPT_BYTES = 1 << 20
# What a partner tells a person.
_MAXIMUM_TEXT_CHARACTERS = 2000
# Text, notification, and the head of the original message that RFC 3462 lets be sent back.
_MAXIMUM_PARTS = 10


class ReceiptFault(StrEnum):
    """Why a receipt proves nothing."""

    NO_RECEIPT = "no receipt"
    MALFORMED = "malformed"
    TOO_LARGE = "too large"
    SIGNATURE_WRONG = "signature does not match"
    SIGNER_UNKNOWN = "signer unknown"


class ReceiptError(Exception):
    """What came is no receipt that can be believed. `detail` is a sentence of ours."""

    def __init__(self, fault: ReceiptFault, detail: str) -> None:
        super().__init__(f"{fault.value}: {detail}")
        self.fault = fault
        self.detail = detail


@dataclass(frozen=True, slots=True)
class ReadReceipt:
    """A receipt; `signer` verified it, None where it is not signed. `text` is what it says to a person."""

    original_message_id: str
    disposition: Disposition
    mic: ClaimedMic | None
    signer: x509.Certificate | None
    reporter: str
    text: str = field(repr=False)

    @property
    def is_signed(self) -> bool:
        """Signed by someone whom the agreement trusts."""
        return self.signer is not None


def is_receipt(headers: Headers, begin: bytes = b"") -> bool:
    """Whether a body is a receipt. Of a signed one `begin` must hold the head of the first part."""
    content_type = Parametrised.parse(headers.get("Content-Type") or "")
    if content_type.value != "multipart/signed":
        return content_type.value in ("multipart/report", "message/disposition-notification")
    try:
        pieces = MultipartSplitter(content_type.get("boundary") or "").feed(begin)
        content = b"".join(piece.data for piece in pieces if piece.part == 0)
        inner, _ = split_entity(content)
    except MimeError:
        return False
    return Parametrised.parse(inner.get("Content-Type") or "").value == "multipart/report"


def read_receipt(headers: Headers, body: bytes, trust: Trust, at: datetime) -> ReadReceipt:
    """Raises ReceiptError; a signature is verified before anything else is looked at."""
    if len(body) > MAXIMUM_RECEIPT_BYTES:
        raise ReceiptError(ReceiptFault.TOO_LARGE, f"A receipt has at most {MAXIMUM_RECEIPT_BYTES} bytes.")
    try:
        signer: x509.Certificate | None = None
        content_type = Parametrised.parse(headers.get("Content-Type") or "")
        if content_type.value == "multipart/signed":
            signer, content = _verified(content_type, body, trust, at)
            headers, body = split_entity(content)
        text, notification = _parts(headers, body)
        return _receipt(notification, text, signer)
    except (MimeError, CmsError, As2Fault) as error:
        raise ReceiptError(ReceiptFault.MALFORMED, f"The receipt cannot be read: {error}") from error


def _verified(content_type: Parametrised, body: bytes, trust: Trust, at: datetime) -> tuple[x509.Certificate, bytes]:
    declared_digests(content_type)
    parts = split(body, content_type.get("boundary") or "", _MAXIMUM_PARTS)
    if len(parts) != 2:
        raise MimeError("a signed receipt has two parts")
    signed = read_signed(signature_of(parts[1]))
    digests = ContentDigests(signer.digest for signer in signed.signers)
    digests.feed(parts[0])
    for _, digest_of in digests.ways():
        match verify(signed, digest_of, trust, at):
            case Verified(certificate=certificate):
                return certificate, parts[0]
            case SignerUnknown():
                raise ReceiptError(ReceiptFault.SIGNER_UNKNOWN, "The agreement does not trust who signed the receipt.")
            case DigestDiffers():
                continue
    raise ReceiptError(ReceiptFault.SIGNATURE_WRONG, "The signature does not match the receipt.")


def _parts(headers: Headers, body: bytes) -> tuple[str, bytes]:
    """The text for a person, if any, and the notification."""
    content_type = Parametrised.parse(headers.get("Content-Type") or "")
    if content_type.value == "message/disposition-notification":
        return "", _decoded(headers, body)
    if content_type.value != "multipart/report":
        raise ReceiptError(ReceiptFault.NO_RECEIPT, "The reply is no multipart/report.")
    text: str | None = None
    notification: bytes | None = None
    for part in split(body, content_type.get("boundary") or "", _MAXIMUM_PARTS):
        part_headers, part_body = split_entity(part)
        part_type = Parametrised.parse(part_headers.get("Content-Type") or "text/plain").value
        if part_type == "message/disposition-notification" and notification is None:
            notification = _decoded(part_headers, part_body)
        elif part_type.startswith("text/") and text is None:
            text = _decoded(part_headers, part_body)[:_MAXIMUM_TEXT_CHARACTERS].decode("utf-8", "replace").strip()
    if notification is None:
        raise ReceiptError(ReceiptFault.NO_RECEIPT, "The report has no disposition notification.")
    return text or "", notification


def _decoded(headers: Headers, body: bytes) -> bytes:
    decoder = transfer_decoder(headers.get("Content-Transfer-Encoding"))
    return decoder.feed(body) + decoder.finish()


def _receipt(notification: bytes, text: str, signer: x509.Certificate | None) -> ReadReceipt:
    # Some products let an empty line stand before the fields, or a second block behind them.
    block = notification.strip().replace(b"\r\n", b"\n").partition(b"\n\n")[0]
    fields = Headers.parse(block)
    message_id = (fields.get("Original-Message-ID") or "").strip()
    if not message_id:
        raise ReceiptError(ReceiptFault.MALFORMED, "The receipt does not say which message it is for.")
    try:
        disposition = Disposition.parse(fields.get("Disposition") or "")
    except ValueError as error:
        raise ReceiptError(ReceiptFault.MALFORMED, "The receipt does not say what became of the message.") from error
    return ReadReceipt(
        original_message_id=message_id,
        disposition=disposition,
        mic=ClaimedMic.parse(fields.get("Received-Content-MIC") or ""),
        signer=signer,
        reporter=fields.get("Reporting-UA") or "",
        text=text,
    )
