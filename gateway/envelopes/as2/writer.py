"""Packaging a message to be sent: compress, sign and encrypt as a relationship says, in streams of known size.

Owns the order of layers and the head of a message. Must not know where the payload lies or how it travels.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from cryptography import x509

from gateway.envelopes.as2.addressing import quote_name
from gateway.envelopes.as2.announcement import head_fields
from gateway.envelopes.as2.cms import CompressedWriter, EnvelopedWriter
from gateway.envelopes.as2.credentials import OwnKey
from gateway.envelopes.as2.entity import Entity, Signing, digests, signed_entity
from gateway.envelopes.as2.mic import MICALG_NAMES
from gateway.envelopes.as2.profile import Compression, DigestAlgorithm, EncryptionAlgorithm, Packaging, Receipt
from gateway.envelopes.mime.content_type import in_quotes
from gateway.envelopes.mime.headers import Headers

# A receipt may name another digest than it was asked for; these are what products fall back to.
_FALLBACK_DIGESTS = frozenset({DigestAlgorithm.SHA1, DigestAlgorithm.SHA256})
_READ_ONLY = (DigestAlgorithm.SHA1, EncryptionAlgorithm.TRIPLE_DES)
_GCM = frozenset({EncryptionAlgorithm.AES128_GCM, EncryptionAlgorithm.AES192_GCM, EncryptionAlgorithm.AES256_GCM})
_UNWRITABLE = str.maketrans(dict.fromkeys(map(chr, (*range(32), 127)), "_"))


class Scratch(Protocol):
    """Holds compressed bytes, whose size nobody knows before, until they are sent."""

    def write(self, data: bytes) -> None:
        """Append."""

    def read(self) -> Iterator[bytes]:
        """All that was written, from the beginning."""


@dataclass(frozen=True, slots=True)
class Payload:
    """What is sent. `read` gives it anew at each call."""

    read: Callable[[], Iterator[bytes]]
    size_bytes: int
    filename: str | None = None


@dataclass(frozen=True, slots=True)
class Envelope:
    """Who writes to whom, under which Message-ID (with brackets), and where an asynchronous receipt shall go."""

    sender: str
    receiver: str
    message_id: str
    receipt_url: str | None = None


@dataclass(frozen=True, slots=True)
class Credentials:
    """What packaging needs: our key where it signs, the partner's certificate where it encrypts."""

    signing: OwnKey | None
    encryption: x509.Certificate | None


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message ready for the wire. `body` is given once: each time it would be encrypted anew.

    `mics` are its MICs in every digest that a receipt is likely to name.
    """

    headers: Headers
    body: Iterator[bytes]
    size_bytes: int
    mics: dict[DigestAlgorithm, bytes]


def package(
    payload: Payload,
    envelope: Envelope,
    packaging: Packaging,
    credentials: Credentials,
    *,
    at: datetime,
    new_boundary: Callable[[], str],
    new_scratch: Callable[[], Scratch],
) -> Outgoing:
    """Reads the payload once for the digest and once as the body is taken. Raises ValueError for what is never sent."""
    if packaging.digest in _READ_ONLY or packaging.encryption in _READ_ONLY or packaging.receipt_digest in _READ_ONLY:
        raise ValueError("SHA-1 and 3DES are read, never written")
    # 1. The payload as an entity. 2. Compressed, where that comes first.
    plain = Entity(_payload_headers(payload, packaging), payload.read, payload.size_bytes)
    entity = plain
    if packaging.compression is Compression.BEFORE_SIGNING:
        entity = _compressed(entity, new_scratch())
    # 3. The MIC covers what is signed; else the uncompressed entity; of a bare message its content alone.
    if packaging.digest is not None:
        covered = entity.whole()
    elif packaging.encryption is not None or packaging.compression is not Compression.NONE:
        covered = plain.whole()
    else:
        covered = plain.read()
    mics = digests(covered, _mic_digests(packaging))
    # 4. Signed. 5. Compressed, where that comes afterwards. 6. Encrypted.
    if packaging.digest is not None:
        if credentials.signing is None:
            raise ValueError("there is no key to sign with")
        signing = Signing(packaging.digest, packaging.scheme, credentials.signing, at)
        entity = signed_entity(entity, mics[packaging.digest], signing, new_boundary())
    if packaging.compression is Compression.AFTER_SIGNING:
        entity = _compressed(entity, new_scratch())
    if packaging.encryption is not None:
        if credentials.encryption is None:
            raise ValueError("there is no certificate to encrypt to")
        entity = _encrypted(entity, packaging.encryption, packaging, credentials.encryption)
    fields = _head(envelope, packaging, at)
    return Outgoing(Headers((*fields, *entity.headers.fields)), entity.read(), entity.size_bytes, mics)


def _payload_headers(payload: Payload, packaging: Packaging) -> Headers:
    fields = [("Content-Type", packaging.content_type), ("Content-Transfer-Encoding", "binary")]
    if payload.filename:
        # Latin-1 is all that a field can hold.
        name = payload.filename.translate(_UNWRITABLE).encode("latin-1", "replace").decode("latin-1")
        fields.append(("Content-Disposition", f"attachment; filename={in_quotes(name)}"))
    return Headers(tuple(fields))


def _mic_digests(packaging: Packaging) -> frozenset[DigestAlgorithm]:
    chosen = {packaging.receipt_digest} | ({packaging.digest} if packaging.digest else set())
    return _FALLBACK_DIGESTS | chosen


def _pkcs7_headers(smime_type: str, filename: str) -> Headers:
    return Headers(
        (
            ("Content-Type", f'application/pkcs7-mime; smime-type={smime_type}; name="{filename}"'),
            ("Content-Transfer-Encoding", "binary"),
            ("Content-Disposition", f'attachment; filename="{filename}"'),
        )
    )


def _compressed(entity: Entity, scratch: Scratch) -> Entity:
    """Compressed into `scratch` at once: only then is the size known."""
    writer = CompressedWriter()
    size_bytes = 0
    for compressed in _deflated(writer, entity):
        size_bytes += len(compressed)
        scratch.write(compressed)
    return Entity(_pkcs7_headers("compressed-data", "smime.p7z"), scratch.read, size_bytes)


def _deflated(writer: CompressedWriter, entity: Entity) -> Iterator[bytes]:
    yield writer.begin()
    for piece in entity.whole():
        yield writer.update(piece)
    yield writer.finish()


def _encrypted(
    entity: Entity, algorithm: EncryptionAlgorithm, packaging: Packaging, certificate: x509.Certificate
) -> Entity:
    writer = EnvelopedWriter(certificate, algorithm, packaging.key_transport, entity.whole_size_bytes())

    def read() -> Iterator[bytes]:
        yield writer.begin()
        for piece in entity.whole():
            yield writer.update(piece)
        yield writer.finish()

    smime_type = "authEnveloped-data" if algorithm in _GCM else "enveloped-data"
    return Entity(_pkcs7_headers(smime_type, "smime.p7m"), read, writer.total_size)


def _head(envelope: Envelope, packaging: Packaging, at: datetime) -> list[tuple[str, str]]:
    sender = quote_name(envelope.sender)
    fields = head_fields(sender, quote_name(envelope.receiver), envelope.message_id, at)
    fields.append(("Subject", "AS2 message"))
    if packaging.receipt is Receipt.NONE:
        return fields
    # The value has no meaning in AS2, but must be there (RFC 4130 7.3).
    fields.append(("Disposition-Notification-To", sender))
    if packaging.receipt_signed:
        micalg = MICALG_NAMES[packaging.receipt_digest]
        options = f"signed-receipt-protocol=optional, pkcs7-signature; signed-receipt-micalg=optional, {micalg}"
        fields.append(("Disposition-Notification-Options", options))
    if packaging.receipt is Receipt.ASYNCHRONOUS:
        if envelope.receipt_url is None:
            raise ValueError("an asynchronous receipt needs a URL to go to")
        fields.append(("Receipt-Delivery-Option", envelope.receipt_url))
    return fields
