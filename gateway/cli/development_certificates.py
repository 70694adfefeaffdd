"""Certificates for the demo, the tests and a developer's own server: never for partners.

Owns a throw-away authority and what it issues. Must not know who uses them. Private keys are written with mode 0600
and belong to no repository.
"""

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from gateway.cli.key_files import write_secret
from gateway.cli.key_making import new_rsa_key, self_signed

# Long enough for a demo that stays up or a week of development, too short to be mistaken for the real thing.
VALIDITY = timedelta(days=30)
# Clocks of a container and its host differ by seconds.
CLOCK_SKEW = timedelta(minutes=5)
# The shortest that is allowed: made in a tenth of a second, and nothing of value depends on it.
AS2_KEY_BITS = 2048

_PRIVATE = serialization.PrivateFormat.PKCS8
_PEM = serialization.Encoding.PEM


@dataclass(frozen=True, slots=True)
class Issued:
    """Where one certificate and its key stand; `fingerprint` is the SHA-256 of the DER, hex."""

    certificate: Path
    key: Path
    fingerprint: str


@dataclass(frozen=True, slots=True)
class DevelopmentCertificates:
    """An authority's certificate, a server for loopback names, and one client per name asked for."""

    authority: Path
    server: Issued
    clients: dict[str, Issued]


def make_development_certificates(
    folder: Path, client_names: tuple[str, ...], server_names: tuple[str, ...] = ("localhost", "127.0.0.1", "::1")
) -> DevelopmentCertificates:
    """Write an authority, a server and client certificates to `folder` (made with mode 0700), replacing older ones."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    authority_key = ec.generate_private_key(ec.SECP256R1())
    authority = _authority(authority_key)
    authority_path = folder / "authority.pem"
    authority_path.write_bytes(authority.public_bytes(_PEM))
    signer = _Signer(folder, authority, authority_key)
    server = signer.issue("server", ExtendedKeyUsageOID.SERVER_AUTH, server_names)
    clients = {name: signer.issue(name, ExtendedKeyUsageOID.CLIENT_AUTH, ()) for name in client_names}
    return DevelopmentCertificates(authority_path, server, clients)


def make_self_signed_client(folder: Path, name: str) -> Issued:
    """Write a client certificate that no authority signed: a partner's own, to be pinned in its agreement."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _name(name)
    built = _builder(subject, subject, key).add_extension(
        x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False
    )
    return _written(folder, name, built.sign(key, hashes.SHA256()), key)


def make_as2_identity(folder: Path, name: str) -> Issued:
    """Write an RSA key for AS2 and a self-signed certificate that signs and is encrypted to, replacing older ones."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    key, now = new_rsa_key(AS2_KEY_BITS), datetime.now(UTC)
    return _written(folder, name, self_signed(key, _name(name), now - CLOCK_SKEW, now + VALIDITY), key)


@dataclass(frozen=True, slots=True)
class _Signer:
    """The authority while it issues; its key lives only in memory."""

    folder: Path
    authority: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    def issue(self, name: str, usage: x509.ObjectIdentifier, alternative_names: tuple[str, ...]) -> Issued:
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(_name(name), self.authority.subject, key)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        builder = builder.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False
        )
        if alternative_names:
            names = [_alternative_name(alternative) for alternative in alternative_names]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return _written(self.folder, name, builder.sign(self.key, hashes.SHA256()), key)


def _authority(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    subject = _name("Gateway development authority")
    builder = _builder(subject, subject, key)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(
        x509.KeyUsage(
            digital_signature=False,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            key_cert_sign=True,
            crl_sign=True,
            encipher_only=False,
            decipher_only=False,
        ),
        critical=True,
    )
    return builder.sign(key, hashes.SHA256())


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now + VALIDITY)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _alternative_name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def _written(
    folder: Path, name: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
) -> Issued:
    certificate_path = folder / f"{name}.pem"
    certificate_path.write_bytes(certificate.public_bytes(_PEM))
    key_path = folder / f"{name}-key.pem"
    key_path.unlink(missing_ok=True)
    write_secret(key_path, key.private_bytes(_PEM, _PRIVATE, serialization.NoEncryption()))
    return Issued(certificate_path, key_path, certificate.fingerprint(hashes.SHA256()).hex())
