"""Writing a receipt (MDN): what became of a message, for people and for programs (RFC 4130 section 7.4, RFC 8098).

Owns its form. Deterministic: time, Message-ID and boundaries come from the caller. Must not know how it travels.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from gateway.envelopes.as2.addressing import Addressing, ReceiptRequest, quote_name
from gateway.envelopes.as2.announcement import PRODUCT, head_fields
from gateway.envelopes.as2.credentials import OwnKey
from gateway.envelopes.as2.disposition import Disposition
from gateway.envelopes.as2.entity import Entity, Signing, digests, signed_entity
from gateway.envelopes.as2.mic import Mic
from gateway.envelopes.as2.profile import DigestAlgorithm, SignatureScheme
from gateway.envelopes.mime.content_type import in_quotes
from gateway.envelopes.mime.headers import Headers
from gateway.envelopes.mime.multipart import between, closing, opening

_TEXT_HEAD = b"Content-Type: text/plain; charset=us-ascii\r\nContent-Transfer-Encoding: 7bit\r\n\r\n"
_NOTIFICATION_HEAD = b"Content-Type: message/disposition-notification\r\nContent-Transfer-Encoding: 7bit\r\n\r\n"
_MODE = "automatic-action/MDN-sent-automatically"


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
    report = _report(addressing, disposition, mic, text, new_boundary())
    if addressing.receipt is not None and addressing.receipt.is_signed and key is not None:
        algorithm = _signature_digest(addressing.receipt)
        digest = digests(report.whole(), frozenset({algorithm}))[algorithm]
        report = signed_entity(report, digest, Signing(algorithm, SignatureScheme.PKCS1V15, key, at), new_boundary())
    fields = head_fields(quote_name(addressing.receiver), quote_name(addressing.sender), message_id, at)
    return Packaged(Headers((*fields, *report.headers.fields)), b"".join(report.read()))


def receipt_text(addressing: Addressing, disposition: Disposition) -> str:
    """What a receipt says to a person."""
    name = f"The message {addressing.message_id} from {addressing.sender} to {addressing.receiver}"
    if disposition.kind is None:
        return f"{name} has been received. That says nothing yet about its content."
    if disposition.is_processed:
        return f"{name} has been received, with a warning: {disposition.text}."
    return f"{name} could not be taken: {disposition.text}. Nothing of it has been processed."


def _report(addressing: Addressing, disposition: Disposition, mic: Mic | None, text: str, boundary: str) -> Entity:
    content_type = f"multipart/report; report-type=disposition-notification; boundary={in_quotes(boundary)}"
    body = b"".join(
        (
            opening(boundary),
            _TEXT_HEAD,
            "\r\n".join(text.splitlines()).encode("ascii", "replace"),
            between(boundary),
            _NOTIFICATION_HEAD,
            _notification(addressing, disposition, mic).encode(),
            closing(boundary),
        )
    )
    return Entity(Headers((("Content-Type", content_type),)), lambda: iter((body,)), len(body))


def _notification(addressing: Addressing, disposition: Disposition, mic: Mic | None) -> Headers:
    recipient = f"rfc822; {quote_name(addressing.receiver)}"
    fields = [
        ("Reporting-UA", PRODUCT),
        ("Original-Recipient", recipient),
        ("Final-Recipient", recipient),
        ("Original-Message-ID", addressing.message_id),
        ("Disposition", f"{_MODE}; {disposition}"),
    ]
    if mic is not None:
        fields.append(("Received-Content-MIC", str(mic)))
    return Headers(tuple(fields))


def _signature_digest(request: ReceiptRequest) -> DigestAlgorithm:
    """The first that the sender names. SHA-1 is never written: who knows nothing better gets SHA-256."""
    strong = [digest for digest in request.digests if digest is not DigestAlgorithm.SHA1]
    return strong[0] if strong else DigestAlgorithm.SHA256
