"""A scripted sender: packs messages as products do, slips included, with `cryptography`'s own CMS where it has one.

Independent of the gateway's writer, so that reader and writer cannot agree on the same mistake.
"""

import zlib
from base64 import encodebytes
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.algorithms import AES128, AES256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.hazmat.primitives.serialization.pkcs7 import (
    PKCS7EnvelopeBuilder,
    PKCS7Options,
    PKCS7SignatureBuilder,
)

from gateway.envelopes.as2.addressing import read_addressing
from gateway.envelopes.as2.credentials import OwnKey, Trust
from gateway.envelopes.as2.profile import DigestAlgorithm, SecurityPolicy
from gateway.envelopes.as2.reader import MessageReader
from gateway.envelopes.as2.reading import MessageLimits, Opened
from gateway.envelopes.mime.headers import Headers

X12 = b"ISA*00*          *00*          *ZZ*PARTNER        *ZZ*US             *260302*1200*^*00501*000000001*0*T*:~\r\n"
HL7 = b"MSH|^~\\&|LAB|PARTNER|EHR|US|20260302||ORU^R01|1|T|2.5.1\rPID|1||42^^^M\xc3\xbcller\r"
BOUNDARY = "----=_Part_1.2"
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
OPEN = SecurityPolicy(signature_required=False, encryption_required=False)

_HASHES: dict[str, hashes.SHA256 | hashes.SHA384 | hashes.SHA512] = {
    "sha-256": hashes.SHA256(),
    "sha-384": hashes.SHA384(),
    "sha-512": hashes.SHA512(),
}


@dataclass
class Entity:
    """A MIME entity: its fields and its body."""

    fields: dict[str, str]
    body: bytes

    def whole(self, line_end: bytes = b"\r\n") -> bytes:
        """Head and body."""
        lines = [f"{name}: {value}".encode("latin-1") for name, value in self.fields.items()]
        return line_end.join((*lines, b"", b"")) + self.body


@dataclass
class Message:
    """On the wire: the head of the request and its body."""

    fields: dict[str, str]
    body: bytes = field(repr=False)

    @property
    def headers(self) -> Headers:
        """As the transport hands them over."""
        return Headers(tuple(self.fields.items()))


def payload(body: bytes = X12, content_type: str = "application/EDI-X12") -> Entity:
    """An interchange with bytes as they are."""
    return Entity({"Content-Type": content_type, "Content-Transfer-Encoding": "binary"}, body)


def signature(content: bytes, key: OwnKey, micalg: str = "sha-256", *options: PKCS7Options) -> bytes:
    """A detached SignedData in DER, made by `cryptography`."""
    builder = PKCS7SignatureBuilder().set_data(content).add_signer(key.certificate, key.key, _HASHES[micalg])
    return builder.sign(Encoding.DER, [PKCS7Options.DetachedSignature, PKCS7Options.Binary, *options])


def multipart(first: bytes, second: bytes, line_end: bytes = b"\r\n", boundary: str = BOUNDARY) -> bytes:
    """A body of two parts."""
    delimiter = b"--" + boundary.encode()
    return line_end.join((delimiter, first, delimiter, second, delimiter + b"--", b""))


def signature_part(der: bytes) -> bytes:
    """The second part of a signed message."""
    return Entity(
        {
            "Content-Type": 'application/pkcs7-signature; name=smime.p7s; smime-type="signed-data"',
            "Content-Transfer-Encoding": "base64",
        },
        encodebytes(der).replace(b"\n", b"\r\n"),
    ).whole()


def signed(
    content: Entity | bytes,
    key: OwnKey,
    micalg: str = "sha-256",
    *options: PKCS7Options,
    over: bytes | None = None,
    declared: str | None = None,
    protocol: str = "application/pkcs7-signature",
) -> Entity:
    """multipart/signed; `over` is what is signed where that is not the first part."""
    first = content if isinstance(content, bytes) else content.whole()
    der = signature(first if over is None else over, key, micalg, *options)
    content_type = f'multipart/signed; protocol="{protocol}"; micalg={declared or micalg};\r\n\tboundary="{BOUNDARY}"'
    return Entity({"Content-Type": content_type.replace("\r\n\t", " ")}, multipart(first, signature_part(der)))


def encrypted(
    content: Entity | bytes, certificate: x509.Certificate, smime_type: str | None = "enveloped-data", bits: int = 256
) -> Entity:
    """EnvelopedData made by `cryptography`."""
    plain = content if isinstance(content, bytes) else content.whole()
    builder = PKCS7EnvelopeBuilder().set_data(plain).add_recipient(certificate)
    builder = builder.set_content_encryption_algorithm(AES256 if bits == 256 else AES128)
    return pkcs7(builder.encrypt(Encoding.DER, [PKCS7Options.Binary]), smime_type)


def _tlv(tag: int, content: bytes) -> bytes:
    length = len(content).to_bytes(4, "big")
    return bytes((tag, 0x84)) + length + content


def compressed(content: Entity | bytes, smime_type: str | None = "compressed-data") -> Entity:
    """CompressedData (RFC 3274), written by hand."""
    plain = content if isinstance(content, bytes) else content.whole()
    algorithm = bytes.fromhex("300d060b2a864886f70d0109100308")
    inner = bytes.fromhex("06092a864886f70d010701") + _tlv(0xA0, _tlv(0x04, zlib.compress(plain)))
    data = _tlv(0x30, bytes.fromhex("020100") + algorithm + _tlv(0x30, inner))
    return pkcs7(_tlv(0x30, bytes.fromhex("060b2a864886f70d0109100109") + _tlv(0xA0, data)), smime_type)


def opaque(content: Entity | bytes, key: OwnKey, smime_type: str | None = "signed-data") -> Entity:
    """SignedData with the content inside, made by `cryptography`."""
    plain = content if isinstance(content, bytes) else content.whole()
    builder = PKCS7SignatureBuilder().set_data(plain).add_signer(key.certificate, key.key, hashes.SHA256())
    return pkcs7(builder.sign(Encoding.DER, [PKCS7Options.Binary]), smime_type)


def pkcs7(der: bytes, smime_type: str | None) -> Entity:
    """An application/pkcs7-mime entity."""
    label = f"smime-type={smime_type}; " if smime_type else ""
    return Entity({"Content-Type": f'application/pkcs7-mime; {label}name="smime.p7m"'}, der)


def message(content: Entity, **fields: str) -> Message:
    """From the partner to us; underscores in the names of further fields stand for hyphens."""
    needed = {"AS2-Version": "1.2", "AS2-From": "partner", "AS2-To": "us", "Message-ID": "<1@partner>"}
    further = {name.replace("_", "-"): value for name, value in fields.items()}
    return Message(needed | content.fields | further, content.body)


def wanting(micalg: str, importance: str = "optional") -> dict[str, str]:
    """Fields that ask for a signed receipt."""
    return {
        "Disposition_Notification_To": "partner",
        "Disposition_Notification_Options": (
            f"signed-receipt-protocol={importance}, pkcs7-signature; signed-receipt-micalg={importance}, {micalg}"
        ),
    }


def pieces_of(body: bytes, size: int | None) -> Iterator[bytes]:
    """`body` in pieces of `size` bytes, at once without one."""
    step = size or max(len(body), 1)
    return (body[begin : begin + step] for begin in range(0, len(body), step))


class Receiver:
    """We, with a key and what we believe of the partner."""

    def __init__(self, key: OwnKey, trust: Trust, policy: SecurityPolicy = OPEN) -> None:
        self.keys = (key,)
        self.trust = trust
        self.policy = policy
        self.limits = MessageLimits()

    def reader(self, sent: Message, announced: Iterable[DigestAlgorithm] = ()) -> MessageReader:
        """A reader for one message."""
        return MessageReader(
            sent.headers,
            read_addressing(sent.headers),
            self.keys,
            self.trust,
            self.policy,
            at=NOW,
            limits=self.limits,
            announced=frozenset(announced),
        )

    def read(
        self, sent: Message, size: int | None = None, announced: Iterable[DigestAlgorithm] = ()
    ) -> tuple[bytes, Opened]:
        """Payload and what the message was."""
        reader = self.reader(sent, announced)
        given = [piece for part in pieces_of(sent.body, size) for piece in reader.feed(part)]
        rest, opened = reader.finish()
        return b"".join((*given, *rest)), opened
