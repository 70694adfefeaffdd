"""Keys and self-signed certificates of those who exchange, made at run time and kept nowhere else.

Owns one identity in the forms that the products read. Must not know who has which.
"""

import os
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

_PEM = serialization.Encoding.PEM
_PKCS8 = serialization.PrivateFormat.PKCS8
_VALID_DAYS = 2


@dataclass(frozen=True, slots=True)
class Identity:
    """One party's RSA key and certificate."""

    name: str
    certificate: x509.Certificate
    key: rsa.RSAPrivateKey = field(repr=False)

    @property
    def certificate_pem(self) -> str:
        """The certificate as text."""
        return self.certificate.public_bytes(_PEM).decode()

    @property
    def key_pem(self) -> str:
        """The private key, not encrypted: for this run's processes alone."""
        return self.key.private_bytes(_PEM, _PKCS8, serialization.NoEncryption()).decode()

    def write(self, folder: Path) -> tuple[Path, Path]:
        """Certificate and key as files; the key's mode is 0600 from the beginning."""
        certificate, key = folder / f"{self.name}.pem", folder / f"{self.name}-key.pem"
        certificate.write_text(self.certificate_pem)
        with os.fdopen(os.open(key, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(self.key_pem)
        return certificate, key


def make_identity(name: str, key_bits: int = 2048) -> Identity:
    """A new key with a certificate that it signed itself, as most AS2 partners have one."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=key_bits)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=_VALID_DAYS))
        .sign(key, hashes.SHA256())
    )
    return Identity(name, made, key)


def key_store(own: Identity, partners: dict[str, x509.Certificate], password: str) -> bytes:
    """A PKCS12 file with our key under the alias `own.name` and each partner's certificate under its alias.

    3DES and SHA-1: the most that every reader of OpenAS2's age knows.
    """
    encryption = (
        _PKCS8_STORE.encryption_builder()
        .key_cert_algorithm(pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC)
        .hmac_hash(hashes.SHA1())  # noqa: S303 - a throw-away key in a throw-away file
        .build(password.encode())
    )
    others = [pkcs12.PKCS12Certificate(certificate, alias.encode()) for alias, certificate in partners.items()]
    return pkcs12.serialize_key_and_certificates(own.name.encode(), own.key, own.certificate, others, encryption)


_PKCS8_STORE = serialization.PrivateFormat.PKCS12
