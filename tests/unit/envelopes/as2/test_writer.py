"""Messages of ours: packaged, opened again, and what is never sent."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import count, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.envelopes.as2.addressing import read_addressing
from gateway.envelopes.as2.credentials import OwnKey, Trust
from gateway.envelopes.as2.profile import (
    Compression,
    DigestAlgorithm,
    EncryptionAlgorithm,
    KeyTransport,
    Packaging,
    Receipt,
    SignatureScheme,
)
from gateway.envelopes.as2.writer import Credentials, Envelope, Outgoing, Payload, package
from tests.unit.envelopes.as2.scripted_sender import HL7, NOW, OPEN, X12, Message, Receiver

ENVELOPE = Envelope("partner", "us", "<1@partner>", "https://partner/mdn")
WRITTEN = [each for each in EncryptionAlgorithm if each is not EncryptionAlgorithm.TRIPLE_DES]
DIGESTS = [each for each in DigestAlgorithm if each is not DigestAlgorithm.SHA1]


@dataclass
class Scratch:
    """Compressed bytes in memory."""

    pieces: list[bytes] = field(default_factory=list)

    def write(self, data: bytes) -> None:
        """Append."""
        self.pieces.append(data)

    def read(self) -> Iterator[bytes]:
        """From the beginning."""
        return iter(self.pieces)


def source(body: bytes, size: int = 1000, filename: str | None = None) -> Payload:
    """A payload in pieces of `size` bytes."""
    return Payload(lambda: (body[begin : begin + size] for begin in range(0, len(body), size)), len(body), filename)


@pytest.fixture(scope="module")
def credentials(partner_key: OwnKey, our_key: OwnKey) -> Credentials:
    """The partner writes to us."""
    return Credentials(partner_key, our_key.certificate)


@pytest.fixture(scope="module")
def us(our_key: OwnKey, partner_trust: Trust) -> Receiver:
    """We, who take anything from the partner."""
    return Receiver(our_key, partner_trust, OPEN)


def packed(payload: Payload, packaging: Packaging, credentials: Credentials, envelope: Envelope = ENVELOPE) -> Outgoing:
    """A message with boundaries that are counted."""
    numbers = count()
    return package(
        payload,
        envelope,
        packaging,
        credentials,
        at=NOW,
        new_boundary=lambda: f"boundary-{next(numbers)}",
        new_scratch=Scratch,
    )


def on_the_wire(outgoing: Outgoing) -> Message:
    """What the partner gets."""
    body = b"".join(outgoing.body)
    assert len(body) == outgoing.size_bytes
    return Message(dict(outgoing.headers.fields), body)


@pytest.mark.parametrize(
    ("digest", "encryption", "compression"), list(product([None, *DIGESTS], [None, *WRITTEN], Compression))
)
def test_opens_what_it_packs(
    us: Receiver,
    credentials: Credentials,
    digest: DigestAlgorithm | None,
    encryption: EncryptionAlgorithm | None,
    compression: Compression,
) -> None:
    """Each digest with each cipher and each place of compression; the MIC of the receipt is ours."""
    packaging = Packaging(digest=digest, encryption=encryption, compression=compression)
    outgoing = packed(source(HL7, filename="hl7.txt"), packaging, credentials)

    given_payload, opened = us.read(on_the_wire(outgoing), 500)

    assert given_payload == HL7
    assert (opened.signature_digest, opened.encryption) == (digest, encryption)
    assert opened.is_compressed is (compression is not Compression.NONE)
    assert opened.mic.digest == outgoing.mics[opened.mic.algorithm]
    assert opened.attachments[0].filename == "hl7.txt"


@pytest.mark.parametrize(("scheme", "transport"), list(product(SignatureScheme, KeyTransport)))
def test_opens_each_padding(
    us: Receiver, credentials: Credentials, scheme: SignatureScheme, transport: KeyTransport
) -> None:
    """PKCS 1 v1.5 and PSS, v1.5 and OAEP."""
    packaging = Packaging(scheme=scheme, key_transport=transport)

    assert us.read(on_the_wire(packed(source(X12), packaging, credentials)))[0] == X12


@pytest.mark.parametrize("size", [0, 1, 100_000])
def test_knows_its_size(us: Receiver, credentials: Credentials, size: int) -> None:
    """Nothing, little and much, whatever the pieces."""
    for compression in Compression:
        packaging = Packaging(compression=compression)
        outgoing = packed(source(bytes(size), 777), packaging, credentials)

        assert us.read(on_the_wire(outgoing))[0] == bytes(size)


@pytest.mark.parametrize(
    ("receipt", "is_signed", "expected"),
    [
        (Receipt.NONE, True, None),
        (Receipt.SYNCHRONOUS, False, (False, None)),
        (Receipt.SYNCHRONOUS, True, (True, None)),
        (Receipt.ASYNCHRONOUS, True, (True, "https://partner/mdn")),
    ],
)
def test_asks_for_a_receipt(
    credentials: Credentials, receipt: Receipt, is_signed: bool, expected: tuple[bool, str | None] | None
) -> None:
    """As the agreement says; the partner reads it so."""
    packaging = Packaging(receipt=receipt, receipt_signed=is_signed, receipt_digest=DigestAlgorithm.SHA384)
    read = read_addressing(packed(source(X12), packaging, credentials).headers).receipt

    assert (None if read is None else (read.is_signed, read.url)) == expected
    assert not (read and read.is_signed) or read.digests == (DigestAlgorithm.SHA384,)


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=128), st.text(max_size=40))
def test_any_name_arrives(sender: str, filename: str) -> None:
    """Quotes, backslashes, and file names that no field can hold as they are."""
    packaging = Packaging(digest=None, encryption=None)
    outgoing = packed(
        source(X12, filename=filename), packaging, Credentials(None, None), replace(ENVELOPE, sender=sender)
    )

    assert outgoing.headers.encode().count(b"\r\n\r\n") == 1
    assert read_addressing(outgoing.headers).sender == sender


def test_mics_are_those_that_receipts_name(us: Receiver, credentials: Credentials) -> None:
    """Of the signature, of the receipt that was asked for, and what products fall back to."""
    packaging = Packaging(digest=DigestAlgorithm.SHA512, receipt_digest=DigestAlgorithm.SHA384)
    outgoing = packed(source(X12), packaging, credentials)
    message = on_the_wire(outgoing)

    assert set(outgoing.mics) == set(DigestAlgorithm)
    assert us.read(message)[1].mic.digest == outgoing.mics[DigestAlgorithm.SHA384]


def test_mic_of_a_bare_message_is_of_its_content(credentials: Credentials) -> None:
    """Relays may touch its head (RFC 4130 7.3.1)."""
    outgoing = packed(source(X12), Packaging(digest=None, encryption=None), credentials)

    assert outgoing.mics[DigestAlgorithm.SHA256] == hashlib.sha256(X12).digest()


def test_signed_bytes_are_the_same_each_time(credentials: Credentials) -> None:
    """Nothing but encryption is left to chance."""
    packaging = Packaging(encryption=None, compression=Compression.BEFORE_SIGNING)

    assert on_the_wire(packed(source(X12), packaging, credentials)) == on_the_wire(
        packed(source(X12, 7), packaging, credentials)
    )


@pytest.mark.parametrize(
    "packaging",
    [
        Packaging(digest=DigestAlgorithm.SHA1),
        Packaging(encryption=EncryptionAlgorithm.TRIPLE_DES),
        Packaging(receipt_digest=DigestAlgorithm.SHA1),
    ],
)
def test_never_writes_what_is_broken(credentials: Credentials, packaging: Packaging) -> None:
    """SHA-1 and 3DES are read, never written."""
    with pytest.raises(ValueError, match="never written"):
        packed(source(X12), packaging, credentials)


def test_needs_key_certificate_and_url(credentials: Credentials) -> None:
    """A message must not go out with less than was agreed."""
    with pytest.raises(ValueError, match="key"):
        packed(source(X12), Packaging(), Credentials(None, credentials.encryption))
    with pytest.raises(ValueError, match="certificate"):
        packed(source(X12), Packaging(), Credentials(credentials.signing, None))
    asynchronous = Packaging(receipt=Receipt.ASYNCHRONOUS)
    with pytest.raises(ValueError, match="URL"):
        packed(source(X12), asynchronous, credentials, replace(ENVELOPE, receipt_url=None))
