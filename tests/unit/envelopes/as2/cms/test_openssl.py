"""Messages that `openssl` made are read, and those of ours it reads: an independent reading of the standards."""

import hashlib
import shutil
import subprocess
from datetime import datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from gateway.envelopes.as2.cms import (
    EnvelopedReader,
    EnvelopedWriter,
    SignedReader,
    Verified,
    read_signed,
    sign,
    verify,
)
from gateway.envelopes.as2.credentials import OwnKey, Trust
from gateway.envelopes.as2.profile import DigestAlgorithm, EncryptionAlgorithm, KeyTransport, SignatureScheme
from tests.unit.envelopes.as2.cms.messages import read

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not on the PATH")

CONTENT = b"Content-Type: application/edi-x12\r\n\r\nISA*00*" + bytes(range(256)) * 40
EncryptionOptions = tuple[EncryptionAlgorithm, list[str]]
CIPHERS: list[EncryptionOptions] = [
    (EncryptionAlgorithm.TRIPLE_DES, ["-des3"]),
    (EncryptionAlgorithm.AES128_CBC, ["-aes128"]),
    (EncryptionAlgorithm.AES192_CBC, ["-aes192"]),
    (EncryptionAlgorithm.AES256_CBC, ["-aes256"]),
    (EncryptionAlgorithm.AES128_GCM, ["-aes-128-gcm"]),
    (EncryptionAlgorithm.AES256_GCM, ["-aes-256-gcm"]),
]
OAEP = ["-keyopt", "rsa_padding_mode:oaep"]
TRANSPORTS: list[tuple[KeyTransport, list[str]]] = [
    (KeyTransport.PKCS1V15, []),
    (KeyTransport.OAEP, OAEP),
    (KeyTransport.OAEP, [*OAEP, "-keyopt", "rsa_oaep_md:sha256"]),
    (KeyTransport.OAEP, [*OAEP, "-keyopt", "rsa_oaep_md:sha512", "-keyopt", "rsa_mgf1_md:sha1"]),
]


class OpenSsl:
    """Runs `openssl cms` over files of one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def run(self, *arguments: str, content: bytes) -> bytes:
        """What it writes for that input; fails the test where it fails."""
        (self._folder / "in").write_bytes(content)
        command = ["openssl", "cms", *arguments, "-binary", "-in", "in", "-out", "out"]
        done = subprocess.run(command, cwd=self._folder, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
        return (self._folder / "out").read_bytes()


@pytest.fixture
def openssl(tmp_path: Path, our_key: OwnKey, partner_key: OwnKey) -> OpenSsl:
    """With certificates and keys of us and the partner."""
    for name, key in (("our", our_key), ("partner", partner_key)):
        (tmp_path / f"{name}.crt").write_bytes(key.certificate.public_bytes(Encoding.PEM))
        private = key.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (tmp_path / f"{name}.key").write_bytes(private)
    return OpenSsl(tmp_path)


@pytest.mark.parametrize(("algorithm", "cipher"), CIPHERS, ids=[each.value for each, _ in CIPHERS])
@pytest.mark.parametrize(("transport", "options"), TRANSPORTS, ids=["pkcs1", "oaep", "oaep-sha256", "oaep-sha512-sha1"])
def test_decrypts_what_it_encrypted(
    openssl: OpenSsl,
    our_key: OwnKey,
    algorithm: EncryptionAlgorithm,
    cipher: list[str],
    *,
    transport: KeyTransport,
    options: list[str],
) -> None:
    """DER, and BER as it streams."""
    for form in ([], ["-stream"], ["-keyid"]):
        arguments = ["-encrypt", *cipher, "-outform", "DER", *form, "-recip", "our.crt", *options]
        reader = EnvelopedReader([our_key])

        assert read(reader, openssl.run(*arguments, content=CONTENT), 1000) == CONTENT
        assert (reader.algorithm, reader.transport) == (algorithm, transport)


def test_decrypts_what_it_encrypted_to_several(openssl: OpenSsl, our_key: OwnKey, partner_key: OwnKey) -> None:
    """Each finds its own."""
    arguments = ["-encrypt", "-aes128", "-outform", "DER", "-recip", "partner.crt", "-recip", "our.crt"]
    message = openssl.run(*arguments, content=CONTENT)

    assert read(EnvelopedReader([our_key]), message) == CONTENT
    assert read(EnvelopedReader([partner_key]), message) == CONTENT


@pytest.mark.parametrize("transport", KeyTransport)
@pytest.mark.parametrize(
    "algorithm", [each for each in EncryptionAlgorithm if each is not EncryptionAlgorithm.TRIPLE_DES]
)
def test_it_decrypts_what_we_encrypted(
    openssl: OpenSsl, our_key: OwnKey, algorithm: EncryptionAlgorithm, transport: KeyTransport
) -> None:
    """Every algorithm that we write."""
    writer = EnvelopedWriter(our_key.certificate, algorithm, transport, len(CONTENT))
    message = writer.begin() + writer.update(CONTENT) + writer.finish()
    arguments = ["-decrypt", "-inform", "DER", "-recip", "our.crt", "-inkey", "our.key"]

    assert openssl.run(*arguments, content=message) == CONTENT


SIGNINGS: dict[str, list[str]] = {
    "plain": [],
    "no attributes": ["-noattr"],
    "key identifier": ["-keyid"],
    "no certificates": ["-nocerts"],
    "no capabilities": ["-nosmimecap"],
    "pss": ["-keyopt", "rsa_padding_mode:pss"],
    "pss with a short salt": ["-keyopt", "rsa_padding_mode:pss", "-keyopt", "rsa_pss_saltlen:8"],
    "pss with another mask": ["-keyopt", "rsa_padding_mode:pss", "-keyopt", "rsa_mgf1_md:sha1"],
    "pss without attributes": ["-noattr", "-keyopt", "rsa_padding_mode:pss"],
    "another certificate": ["-certfile", "our.crt"],
}


@pytest.mark.parametrize("digest", DigestAlgorithm)
@pytest.mark.parametrize("options", SIGNINGS)
def test_verifies_what_it_signed(
    openssl: OpenSsl, partner_trust: Trust, now: datetime, digest: DigestAlgorithm, options: str
) -> None:
    """Beside the content, and around it in DER and BER."""
    arguments = ["-sign", "-md", digest.value, "-outform", "DER", "-signer", "partner.crt", "-inkey", "partner.key"]
    detached = openssl.run(*arguments, *SIGNINGS[options], content=CONTENT)
    content_digest = hashlib.new(digest.value, CONTENT).digest()
    outcome = verify(read_signed(detached), lambda _: content_digest, partner_trust, now)

    assert isinstance(outcome, Verified)
    assert (outcome.signing_time is None) == ("attributes" in options)
    # OpenSSL 3.0 cannot stream PSS.
    for form in ([], ["-stream"] if "pss" not in options else []):
        reader = SignedReader()
        assert read(reader, openssl.run(*arguments, "-nodetach", *form, *SIGNINGS[options], content=CONTENT)) == CONTENT
        assert reader.signed is not None
        assert isinstance(verify(reader.signed, reader.digest_of, partner_trust, now), Verified)


@pytest.mark.parametrize("scheme", SignatureScheme)
@pytest.mark.parametrize("digest", [each for each in DigestAlgorithm if each is not DigestAlgorithm.SHA1])
def test_it_verifies_what_we_signed(
    openssl: OpenSsl,
    partner_key: OwnKey,
    now: datetime,
    tmp_path: Path,
    *,
    digest: DigestAlgorithm,
    scheme: SignatureScheme,
) -> None:
    """Every digest and padding; the certificate is the one that came along."""
    (tmp_path / "content").write_bytes(CONTENT)
    message = sign(hashlib.new(digest.value, CONTENT).digest(), digest, scheme, partner_key, now)
    arguments = ["-verify", "-inform", "DER", "-content", "content", "-CAfile", "partner.crt", "-purpose", "any"]

    assert openssl.run(*arguments, content=message) == CONTENT
