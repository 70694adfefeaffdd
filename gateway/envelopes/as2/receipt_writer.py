"""Writing a receipt (MDN): what became of a message, for people and for programs (RFC 4130 section 7.4, RFC 8098).

Owns its form. Deterministic: time, Message-ID and boundaries come from the caller. Must not know how it travels.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from gateway.envelopes.as2.addressing import Addressing, ReceiptRequest, quote_name
from gateway.envelopes.as2.announcement import PRODUCT, head_fields
from gateway.envelopes.as2.credentials import OwnKey
from gateway.envelopes.as2.digests import new_hash
from gateway.envelopes.as2.disposition import Disposition
from gateway.envelopes.as2.entity import Signing, signature_part, signed_type
from gateway.envelopes.as2.mic import Mic
from gateway.envelopes.as2.profile import DigestAlgorithm, SignatureScheme
from gateway.envelopes.mime.headers import Headers
from gateway.envelopes.mime.multipart import between, closing, opening


@dataclass(frozen=True, slots=True)
class Packaged:
    """Ready for the wire."""

    headers: Headers
    body: bytes


def write_receipt(
    addressing: Addressing,
    disposition: Disposition,
    mic: Mic | None,
    key: OwnKey | None,
    *,
    text: str,
    message_id: str,
    at: datetime,
    new_boundary: Callable[[], str],
) -> Packaged:
    """The receipt of the message that `addressing` is of; signed where its sender asks for that and there is a key.

    `text` is what a person reads. `message_id` (with brackets) is the receipt's own.
    """
    boundary = new_boundary()
    content_type = f'multipart/report; report-type=disposition-notification; boundary="{boundary}"'
    body = _report(addressing, disposition, mic, text, boundary)
    if addressing.receipt is not None and addressing.receipt.is_signed and key is not None:
        signing = Signing(_signature_digest(addressing.receipt), SignatureScheme.PKCS1V15, key, at)
        boundary = new_boundary()
        body = _signed(b"Content-Type: %b\r\n\r\n%b" % (content_type.encode("ascii"), body), signing, boundary)
        content_type = signed_type(signing.algorithm, boundary)
    fields = head_fields(quote_name(addressing.receiver), quote_name(addressing.sender), message_id, at)
    return Packaged(Headers((*fields, ("Content-Type", content_type))), body)


def receipt_text(addressing: Addressing, disposition: Disposition) -> str:
    """What a receipt says to a person."""
    name = f"The message {addressing.message_id} from {addressing.sender} to {addressing.receiver}"
    if disposition.kind is None:
        return f"{name} has been received. That says nothing yet about its content."
    if disposition.is_processed:
        return f"{name} has been received, with a warning: {disposition.text}."
    return f"{name} could not be taken: {disposition.text}. Nothing of it has been processed."


def _report(addressing: Addressing, disposition: Disposition, mic: Mic | None, text: str, boundary: str) -> bytes:
    """The body for people and programs. What stands in it of a message was checked when the message was addressed."""
    lines = "\r\n".join(text.splitlines())
    recipient = f"rfc822; {quote_name(addressing.receiver)}"
    mic_field = "" if mic is None else f"Received-Content-MIC: {mic}\r\n"
    return (
        f"--{boundary}\r\n"
        "Content-Type: text/plain; charset=us-ascii\r\n"
        "Content-Transfer-Encoding: 7bit\r\n"
        "\r\n"
        f"{lines}\r\n"
        f"--{boundary}\r\n"
        "Content-Type: message/disposition-notification\r\n"
        "Content-Transfer-Encoding: 7bit\r\n"
        "\r\n"
        f"Reporting-UA: {PRODUCT}\r\n"
        f"Original-Recipient: {recipient}\r\n"
        f"Final-Recipient: {recipient}\r\n"
        f"Original-Message-ID: {addressing.message_id}\r\n"
        f"Disposition: automatic-action/MDN-sent-automatically; {disposition}\r\n"
        f"{mic_field}"
        "\r\n"
        f"--{boundary}--\r\n"
    ).encode("ascii", "replace")


def _signed(report: bytes, signing: Signing, boundary: str) -> bytes:
    digest = new_hash(signing.algorithm, report).digest()
    return b"".join((opening(boundary), report, between(boundary), signature_part(digest, signing), closing(boundary)))


def _signature_digest(request: ReceiptRequest) -> DigestAlgorithm:
    """The first that the sender names. SHA-1 is never written: who knows nothing better gets SHA-256."""
    strong = [digest for digest in request.digests if digest is not DigestAlgorithm.SHA1]
    return strong[0] if strong else DigestAlgorithm.SHA256
