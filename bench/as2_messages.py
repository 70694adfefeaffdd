"""AS2 messages of any size for the benches, and keys made for the run.

Owns what a bench message is: signed with SHA-256, encrypted with AES-256-CBC, asking for a signed receipt. Must not
know who reads it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from gateway.envelopes.as2.credentials import CertificateUse, OwnKey, PartnerCertificate, Trust
from gateway.envelopes.as2.profile import Packaging
from gateway.envelopes.as2.writer import Credentials, Envelope, Outgoing, Payload, Scratch, package
from gateway.pipeline.as2.boundaries import new_boundary

SENDER, RECEIVER = "BENCHSENDER", "BENCHRECEIVER"
# About what a claim looks like. Encrypting does not care, and nothing here compresses.
_LINE = b"LX*1~SV1*HC:99213*120.5*UN*1***1~DTP*472*D8*20251229~"
_PIECE_BYTES = 1 << 20
_PIECE = (_LINE * (_PIECE_BYTES // len(_LINE) + 1))[:_PIECE_BYTES]


@dataclass(frozen=True, slots=True)
class Party:
    """One side's key, and its certificate as the other side trusts it."""

    own: OwnKey = field(repr=False)

    @property
    def trust(self) -> Trust:
        """For the other side."""
        own = self.own
        pinned = PartnerCertificate(own.certificate, frozenset(CertificateUse), own.valid_from, own.valid_until)
        return Trust((pinned,))


def make_party(name: str, key_bits: int) -> Party:
    """A new RSA key with a certificate that it signed itself."""
    now = datetime.now(UTC)
    begins, ends = now - timedelta(minutes=5), now + timedelta(days=1)
    key = rsa.generate_private_key(public_exponent=65537, key_size=key_bits)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
        .sign(key, hashes.SHA256())
    )
    return Party(OwnKey(name, certificate, key, (), begins, ends))


def make_message(sender: OwnKey, recipient: x509.Certificate, size_bytes: int, number: int = 1) -> Outgoing:
    """From SENDER to RECEIVER, with a payload of this size that is never in memory as a whole.

    Messages of different `number` differ in Message-ID and file name too.
    """
    return package(
        Payload(lambda: _payload(size_bytes), size_bytes, f"bench-{number}.edi"),
        Envelope(SENDER, RECEIVER, f"<{number}@bench>"),
        Packaging(),
        Credentials(sender, recipient),
        at=datetime.now(UTC),
        new_boundary=new_boundary,
        new_scratch=_nothing_is_compressed,
    )


def _payload(size_bytes: int) -> Iterator[bytes]:
    for at in range(0, size_bytes, _PIECE_BYTES):
        yield _PIECE[: size_bytes - at]


def _nothing_is_compressed() -> Scratch:
    raise AssertionError("bench messages are not compressed")
