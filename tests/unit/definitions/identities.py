"""RSA keys and certificates for tests: each key is made once for all tests of a run, since that is slow."""

from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)

NOW = datetime(2026, 1, 5, tzinfo=UTC)


def rsa_key(owner: str, size_bits: int = 2048) -> rsa.RSAPrivateKey:
    """One key an owner."""
    return _made(owner, size_bits)


@cache
def _made(_owner: str, size_bits: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, size_bits)


@cache
def certificate(
    owner: str,
    *,
    begins: datetime = NOW - timedelta(days=10),
    ends: datetime = NOW + timedelta(days=355),
    size_bits: int = 2048,
    issuer: str | None = None,
    is_authority: bool = False,
    usage: x509.KeyUsage | None = None,
) -> x509.Certificate:
    """Self-signed, or issued by `issuer`. `CN=<owner>`."""
    key = rsa_key(owner, size_bits)
    builder = x509.CertificateBuilder().subject_name(name(owner)).issuer_name(name(issuer or owner))
    builder = builder.public_key(key.public_key()).serial_number(1 + len(owner))
    builder = builder.not_valid_before(begins).not_valid_after(ends)
    builder = builder.add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
    if usage is not None:
        builder = builder.add_extension(usage, critical=True)
    return builder.sign(key if issuer is None else rsa_key(issuer), hashes.SHA256())


@cache
def elliptic_certificate(owner: str) -> x509.Certificate:
    """What TLS uses and AS2 cannot."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = x509.CertificateBuilder().subject_name(name(owner)).issuer_name(name(owner))
    builder = builder.public_key(key.public_key()).serial_number(1)
    return builder.not_valid_before(NOW).not_valid_after(NOW + timedelta(days=1)).sign(key, hashes.SHA256())


def name(owner: str) -> x509.Name:
    """`CN=<owner>`."""
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, owner)])


def key_usage(*, signs: bool, encrypts: bool) -> x509.KeyUsage:
    """What the certificate lets its key do."""
    return x509.KeyUsage(
        digital_signature=signs,
        content_commitment=False,
        key_encipherment=encrypts,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def certificate_pem(*certificates: x509.Certificate) -> bytes:
    """One PEM text."""
    return b"".join(one.public_bytes(Encoding.PEM) for one in certificates)


def key_pem(owner: str, password: bytes | None = None) -> bytes:
    """PKCS#8, encrypted where there is a password."""
    protection = NoEncryption() if password is None else BestAvailableEncryption(password)
    return rsa_key(owner).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, protection)


def key_store(owner: str, password: bytes | None, *chain: x509.Certificate) -> bytes:
    """PKCS#12."""
    protection = NoEncryption() if password is None else BestAvailableEncryption(password)
    return pkcs12.serialize_key_and_certificates(b"", rsa_key(owner), certificate(owner), chain, protection)


def write_own(folder: Path, owner: str = "gateway") -> str:
    """Certificate and key of ours in `folder`; the `[[as2.key]]` table that names them."""
    (folder / f"{owner}.pem").write_bytes(certificate_pem(certificate(owner)))
    (folder / f"{owner}-key.pem").write_bytes(key_pem(owner))
    (folder / f"{owner}-key.pem").chmod(0o600)
    return f'[[as2.key]]\nname = "{owner}"\ncertificate = "{owner}.pem"\nkey = "{owner}-key.pem"\n'
