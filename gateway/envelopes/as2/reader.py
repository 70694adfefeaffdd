"""Reading a message: decrypt, verify and decompress in one pass, in whatever order the sender packed it.

Owns the order of layers and the policy. Must not know transports, relationships or what becomes of the payload.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import partial

from gateway.envelopes.as2.addressing import Addressing, refusal
from gateway.envelopes.as2.credentials import OwnKey, Trust
from gateway.envelopes.as2.disposition import As2Fault, Modifier
from gateway.envelopes.as2.mic import Mic
from gateway.envelopes.as2.payload import PKCS7_MIME, EntityLayer, MicLayer, open_payload
from gateway.envelopes.as2.pkcs7 import (
    CompressedLayer,
    ContentKind,
    DerLayer,
    EncryptedLayer,
    UnlabelledLayer,
    kind_named,
)
from gateway.envelopes.as2.profile import DigestAlgorithm, SecurityPolicy
from gateway.envelopes.as2.reading import DEFAULT_LIMITS, Layer, MessageLimits, Opened, Reading
from gateway.envelopes.as2.signature import DetachedLayer, OpaqueLayer
from gateway.envelopes.mime.content_type import Parametrised, media_type
from gateway.envelopes.mime.fault import MimeError
from gateway.envelopes.mime.headers import Headers

__all__ = ["MessageReader", "Opened"]


class MessageReader:
    """Takes the body of a message in pieces of any size and gives its payload as it comes.

    The payload may be believed only after `finish`. `announced` are digests beyond those that the message announces:
    after NeedsDigest the same bytes are read again by a reader that is told of it.
    """

    def __init__(
        self,
        headers: Headers,
        addressing: Addressing,
        keys: Sequence[OwnKey],
        trust: Trust,
        policy: SecurityPolicy,
        *,
        at: datetime,
        limits: MessageLimits = DEFAULT_LIMITS,
        announced: frozenset[DigestAlgorithm] = frozenset(),
    ) -> None:
        receipt = addressing.receipt
        self._headers = headers
        self._addressing = addressing
        self._policy = policy
        self._reading = Reading(
            keys,
            trust,
            at,
            limits,
            receipt.digests[0] if receipt and receipt.digests else None,
            receipt.names[0] if receipt and receipt.names else "",
            policy.signature_required,
            announced,
        )
        self._body: Layer | None = None

    @property
    def mic(self) -> Mic | None:
        """The MIC as far as it could be computed, after a fault too."""
        return self._reading.mic

    def feed(self, data: bytes | memoryview) -> list[bytes]:
        """The next bytes of the body; payload so far. Raises As2Fault."""
        try:
            self._opened_body().feed(bytes(data))
        except MimeError as error:
            raise self._malformed(error) from error
        return self._reading.take_pieces()

    def finish(self) -> tuple[list[bytes], Opened]:
        """The rest of the payload, and what the message was. Raises As2Fault or NeedsDigest."""
        try:
            self._opened_body().finish()
        except MimeError as error:
            raise self._malformed(error) from error
        _check_policy(self._policy, self._reading)
        return self._reading.take_pieces(), self._reading.opened()

    def _opened_body(self) -> Layer:
        if self._body is None:
            fault = refusal(self._addressing)
            if fault is not None:
                raise fault
            # Relays may have touched the head of the message itself: it belongs to no MIC.
            self._body = _open_entity(self._headers, b"", self._reading)
        return self._body

    def _malformed(self, error: MimeError) -> As2Fault:
        if self._reading.is_encrypted and self._reading.encryption is None:
            return As2Fault(Modifier.DECRYPTION_FAILED, f"The encrypted message is malformed: {error}.")
        if self._reading.is_signed and self._reading.signer is None:
            return As2Fault(Modifier.INTEGRITY_CHECK_FAILED, f"The signed message is malformed: {error}.")
        _check_policy(self._policy, self._reading)
        return As2Fault(Modifier.UNEXPECTED_PROCESSING_ERROR, f"The message is malformed: {error}.")


def _open_entity(headers: Headers, head: bytes, reading: Reading) -> Layer:
    """The layer of a body, by its content type. Raises As2Fault or MimeError."""
    content_type = headers.get("Content-Type") or ""
    media = media_type(content_type)
    if media in PKCS7_MIME:
        kind = kind_named(content_type)
        return DerLayer(_open_kind(reading, kind) if kind else UnlabelledLayer(partial(_open_kind, reading)))
    if media == "multipart/signed":
        _refuse_second(reading.is_signed, "signed")
        return DetachedLayer(Parametrised.parse(content_type), _inner_entity(reading), reading)
    if reading.is_encrypted and reading.is_signature_required and not reading.is_signed:
        if not head:
            raise MimeError("a bare payload stands where a signed message belongs")
        _refuse_unsigned()
    content = open_payload(headers, reading)
    return content if reading.is_signed else MicLayer(head, content, reading)


def _open_kind(reading: Reading, kind: ContentKind) -> Layer:
    match kind:
        case ContentKind.ENVELOPED:
            _refuse_second(reading.is_encrypted, "encrypted")
            return EncryptedLayer(_inner_entity(reading), reading)
        case ContentKind.COMPRESSED:
            _refuse_second(reading.is_compressed, "compressed")
            return CompressedLayer(_inner_entity(reading), reading)
        case ContentKind.SIGNED:
            _refuse_second(reading.is_signed, "signed")
            return OpaqueLayer(_inner_entity(reading), reading)


def _inner_entity(reading: Reading) -> EntityLayer:
    return EntityLayer(partial(_open_entity, reading=reading))


def _refuse_second(is_there: bool, word: str) -> None:
    """No standard packs a message twice in the same way; refusing it bounds how deep layers can lie."""
    if is_there:
        raise As2Fault(Modifier.UNSUPPORTED_FORMAT, f"The message is {word} twice.")


def _refuse_unsigned() -> None:
    raise As2Fault(Modifier.INSUFFICIENT_MESSAGE_SECURITY, "The agreement wants messages signed.")


def _check_policy(policy: SecurityPolicy, reading: Reading) -> None:
    if policy.signature_required and not reading.is_signed:
        _refuse_unsigned()
    if policy.encryption_required and not reading.is_encrypted:
        raise As2Fault(Modifier.INSUFFICIENT_MESSAGE_SECURITY, "The agreement wants messages encrypted.")
