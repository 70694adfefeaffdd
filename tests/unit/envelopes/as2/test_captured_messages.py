"""Messages that OpenAS2 4.9.0 sent: its BER, ciphers, compression and line ends."""

from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from gateway.envelopes.as2.addressing import read_addressing
from gateway.envelopes.as2.credentials import CertificateUse, OwnKey, PartnerCertificate, Trust
from gateway.envelopes.as2.digests import NeedsDigest
from gateway.envelopes.as2.profile import DigestAlgorithm
from gateway.envelopes.as2.reader import MessageReader, Opened
from gateway.envelopes.mime.headers import Headers
from tests.unit.envelopes.as2.scripted_sender import OPEN, pieces_of


@pytest.fixture(scope="module")
def captured_receiver(corpus: Path) -> tuple[OwnKey, Trust]:
    """Whom the captured messages are for, and who signed them."""
    key = load_pem_private_key((corpus / "as2" / "alice2048.key").read_bytes(), None)
    assert isinstance(key, RSAPrivateKey)
    ours, theirs = (
        x509.load_pem_x509_certificate((corpus / "as2" / name).read_bytes())
        for name in ("alice2048.crt", "bob2048.crt")
    )
    window = (theirs.not_valid_before_utc, theirs.not_valid_after_utc)
    trust = Trust((PartnerCertificate(theirs, frozenset({CertificateUse.SIGN}), *window),))
    return OwnKey("alice", ours, key, (), *window), trust


@pytest.mark.corpus("as2/*.as2")
@pytest.mark.parametrize("size", [None, 1000])
def test_opens_what_openas2_sent(corpus_file: Path, captured_receiver: tuple[OwnKey, Trust], size: int | None) -> None:
    """Captured from OpenAS2, in each cipher and digest, compressed and not: X12 or HL7 with its bare CR."""
    head, _, body = corpus_file.read_bytes().partition(b"\r\n\r\n")
    headers = Headers.parse(head)
    key, trust = captured_receiver
    at = trust.certificates[0].valid_from.replace(year=2027)

    def opened_with(announced: frozenset[DigestAlgorithm]) -> tuple[bytes, Opened]:
        reader = MessageReader(headers, read_addressing(headers), (key,), trust, OPEN, at=at, announced=announced)
        given = [piece for part in pieces_of(body, size) for piece in reader.feed(part)]
        rest, opened = reader.finish()
        return b"".join((*given, *rest)), opened

    try:
        given, opened = opened_with(frozenset())
    except NeedsDigest as needed:
        given, opened = opened_with(frozenset({needed.algorithm}))

    assert opened.signer == (None if "_a6_" in corpus_file.name else trust.certificates[0].certificate)
    is_hl7 = "hl7" in (opened.attachments[0].filename or "")
    assert given.startswith(b"MSH|^~\\&|" if is_hl7 else b"ISA*00")
    assert given.count(b"\r" if is_hl7 else b"\r\n") > 10
