"""Messages of OpenAS2 as they were captured: BouncyCastle's BER is decrypted, inflated and verified.

MIME is taken apart by hand, as far as OpenAS2 writes it: how others write it is not tested here.
"""

import base64
import hashlib
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from gateway.envelopes.as2.cms import CompressedReader, EnvelopedReader, Verified, read_signed, verify
from gateway.envelopes.as2.credentials import CertificateUse, OwnKey, PartnerCertificate, Trust
from tests.unit.envelopes.as2.cms.messages import read

CAPTURED = datetime(2026, 12, 1, tzinfo=UTC)
BOUNDARY = re.compile(rb'boundary="([^"]+)"')


def _own_key(folder: Path) -> OwnKey:
    certificate = x509.load_pem_x509_certificate((folder / "alice2048.crt").read_bytes())
    key = load_pem_private_key((folder / "alice2048.key").read_bytes(), None)
    assert isinstance(key, RSAPrivateKey)
    return OwnKey("alice", certificate, key, (), certificate.not_valid_before_utc, certificate.not_valid_after_utc)


def _trust(folder: Path) -> Trust:
    certificate = x509.load_pem_x509_certificate((folder / "bob2048.crt").read_bytes())
    window = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return Trust((PartnerCertificate(certificate, frozenset({CertificateUse.SIGN}), *window),))


def _decoded(entity: bytes) -> tuple[bytes, bytes]:
    """Head and body without its transfer encoding."""
    head, _, body = entity.partition(b"\r\n\r\n")
    return head, base64.b64decode(body) if b"Content-Transfer-Encoding: base64" in head else body


def _opened(entity: bytes, folder: Path, step: int) -> bytes:
    """The payload below every layer; signatures on the way must verify."""
    head, body = _decoded(entity)
    if b"smime-type=enveloped-data" in head:
        return _opened(read(EnvelopedReader([_own_key(folder)]), body, step), folder, step)
    if b"smime-type=compressed-data" in head:
        return _opened(read(CompressedReader(), body, step), folder, step)
    if (boundary := BOUNDARY.search(head)) is None:
        return body
    _, content, signature, _ = re.split(rb"(?:\r\n|^)--" + re.escape(boundary[1]) + rb"(?:\r\n|--)", body)
    signed = read_signed(_decoded(signature)[1])
    outcome = verify(signed, lambda digest: hashlib.new(digest.value, content).digest(), _trust(folder), CAPTURED)
    assert isinstance(outcome, Verified)
    assert outcome.signing_time is not None
    return _opened(content, folder, step)


@pytest.mark.corpus("as2/*.as2")
@pytest.mark.parametrize("step", [1, 1000, 1 << 20])
def test_opens_what_openas2_sent(corpus_file: Path, step: int) -> None:
    """3DES and AES, SHA-1 to SHA-512, compressed before and after signing, in chunks of any size."""
    payload = _opened(corpus_file.read_bytes(), corpus_file.parent, step)

    assert payload.startswith((b"MSH|", b"ISA*"))
