"""Reads certificates and private keys in the forms in which people hand them out: PEM, DER, PKCS#7 and PKCS#12.

Owns telling the forms apart, which certificate of several is its holder's own, when one counts, and what is too weak.
Must not know files, nor who uses what was read. No error text holds content or a password.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_private_key,
    load_pem_private_key,
    pkcs7,
    pkcs12,
)

from gateway.envelopes.as2.credentials import CertificateUse

# NIST SP 800-131A revision 2, tables 2 and 6: RSA below this neither signs nor carries keys.
MIN_RSA_BITS = 2048
# OpenSSL verifies with nothing longer; more only costs time.
MAX_RSA_BITS = 16384

_PEM = b"-----BEGIN "
_SEQUENCE = b"\x30"
# What a key signs to show that it can.
_PROBE = b"probe"


class CredentialError(ValueError):
    """A certificate or key that cannot be used; the text goes on from the name of the file."""


class PasswordNeeded(CredentialError):
    """The same file could be used with a password."""


@dataclass(frozen=True, slots=True)
class KeyPair:
    """An RSA key with its certificate; `chain` are the certificates of authorities that came with it."""

    certificate: x509.Certificate
    key: RSAPrivateKey = field(repr=False)
    chain: tuple[x509.Certificate, ...] = ()


@dataclass(frozen=True, slots=True)
class Window:
    """When something counts: from `begins` until `ends` (UTC, exclusive)."""

    begins: datetime
    ends: datetime


def is_pem(data: bytes) -> bool:
    """Whether the file may be text of RFC 7468."""
    return _PEM in data


def is_der(data: bytes) -> bool:
    """Whether the file may be a certificate or a PKCS#12 file in DER: both are a sequence."""
    return data.startswith(_SEQUENCE)


def read_certificates(data: bytes) -> tuple[x509.Certificate, ...]:
    """Every certificate of a file, each once, in its order. Raises CredentialError."""
    loaders = (
        (x509.load_pem_x509_certificates, pkcs7.load_pem_pkcs7_certificates)
        if is_pem(data)
        else (_load_der, pkcs7.load_der_pkcs7_certificates)
    )
    for load in loaders:
        found = _loaded(load, data)
        if found:
            return found
    raise CredentialError("holds no certificate in PEM, DER or PKCS#7")


def read_pem_certificates(data: bytes) -> tuple[x509.Certificate, ...]:
    """Every certificate of a file that a TLS library will open: PEM alone. Raises CredentialError."""
    found = _loaded(x509.load_pem_x509_certificates, data)
    if not found:
        raise CredentialError("holds no certificate in PEM")
    return found


def read_certificate(data: bytes) -> tuple[x509.Certificate, tuple[x509.Certificate, ...]]:
    """The certificate of whom the file is about, and those of the authorities beside it. Raises CredentialError."""
    return _holder(read_certificates(data))


def read_key_pair(certificate: bytes, key: bytes, password: bytes | None = None) -> KeyPair:
    """A certificate and its RSA key, PKCS#8 or traditional; both may be the same PEM text. Raises CredentialError."""
    own, chain = read_certificate(certificate)
    return _pair(own, _private_key(key, password), chain)


def read_pkcs12(data: bytes, password: bytes | None) -> KeyPair:
    """The key, its certificate and the other certificates of a PKCS#12 file. Raises CredentialError."""
    try:
        found = pkcs12.load_pkcs12(data, password)
    except UnsupportedAlgorithm:
        raise CredentialError("is encrypted in a way that is too old to be read: export it anew with AES") from None
    except ValueError:
        if password is None and is_der(data):
            raise PasswordNeeded("is no PKCS#12 file, or needs a password") from None
        raise CredentialError("is no PKCS#12 file, or the password is wrong") from None
    if found.key is None or found.cert is None:
        raise CredentialError("holds no private key together with its certificate")
    return _pair(found.cert.certificate, found.key, tuple(each.certificate for each in found.additional_certs))


def check_strength(certificate: x509.Certificate) -> None:
    """Raises CredentialError unless its key is RSA and long enough to sign and to encrypt to."""
    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        raise CredentialError("has a public key that cannot be read") from None
    if not isinstance(key, RSAPublicKey):
        raise CredentialError("has no RSA key: AS2 needs one")
    if not MIN_RSA_BITS <= key.key_size <= MAX_RSA_BITS:
        raise CredentialError(f"has an RSA key of {key.key_size} bits: {MIN_RSA_BITS} at least, {MAX_RSA_BITS} at most")


def window(certificate: x509.Certificate, valid_from: date | None = None, valid_until: date | None = None) -> Window:
    """The narrower of the certificate's own dates and the days given (UTC, the last one included).

    Raises CredentialError where nothing is left.
    """
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if valid_from is not None:
        begins = max(begins, datetime.combine(valid_from, time.min, UTC))
    if valid_until is not None:
        ends = min(ends, end_of_day(valid_until))
    if begins >= ends:
        raise CredentialError(
            f"counts at no time: it is valid from {certificate.not_valid_before_utc:%Y-%m-%d} "
            f"until {certificate.not_valid_after_utc:%Y-%m-%d}"
        )
    return Window(begins, ends)


def end_of_day(day: date) -> datetime:
    """The moment at which `day` is over (UTC)."""
    try:
        return datetime.combine(day + timedelta(days=1), time.min, UTC)
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)


def fingerprint(certificate: x509.Certificate) -> str:
    """The SHA-256 of the certificate, hex, lower case."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def name_text(name: x509.Name) -> str:
    """A subject or issuer as RFC 4514 writes it, for people and for comparison."""
    return name.rfc4514_string()


def is_authority(certificate: x509.Certificate) -> bool:
    """Whether it may issue certificates (RFC 5280 section 4.2.1.9)."""
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return False


def permitted_uses(certificate: x509.Certificate) -> frozenset[CertificateUse]:
    """What the certificate itself lets its key do (RFC 5280 section 4.2.1.3): everything where it does not say."""
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return frozenset(CertificateUse)
    signs = usage.digital_signature or usage.content_commitment
    encrypts = usage.key_encipherment or usage.data_encipherment
    permitted = ((CertificateUse.SIGN, signs), (CertificateUse.ENCRYPT, encrypts))
    return frozenset(use for use, is_permitted in permitted if is_permitted)


def pem(certificates: Iterable[x509.Certificate]) -> bytes:
    """The certificates as one PEM text."""
    return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in certificates)


def _load_der(data: bytes) -> list[x509.Certificate]:
    return [x509.load_der_x509_certificate(data)]


def _loaded(load: Callable[[bytes], list[x509.Certificate]], data: bytes) -> tuple[x509.Certificate, ...]:
    try:
        return tuple(dict.fromkeys(load(data)))
    except (ValueError, UnsupportedAlgorithm):
        return ()


def _holder(
    certificates: tuple[x509.Certificate, ...],
) -> tuple[x509.Certificate, tuple[x509.Certificate, ...]]:
    """The one that issued none of the others."""
    issuers = {each.issuer for each in certificates if each.issuer != each.subject}
    holders = [each for each in certificates if each.subject not in issuers]
    if len(holders) != 1:
        raise CredentialError(f"holds {len(certificates)} certificates, and which one is meant cannot be seen")
    return holders[0], tuple(each for each in certificates if each is not holders[0])


def _private_key(data: bytes, password: bytes | None) -> object:
    load = load_pem_private_key if is_pem(data) else load_der_private_key
    try:
        # Whether the numbers are primes takes a quarter of a second for 4096 bits, at each start: `_pair` asks the key
        # to sign instead, which a damaged one cannot.
        return load(data, password, unsafe_skip_rsa_key_validation=True)
    except TypeError:
        if password is None:
            raise PasswordNeeded("is encrypted, and no password is given") from None
        raise CredentialError("is not encrypted: leave the password out") from None
    except (ValueError, UnsupportedAlgorithm):
        raise CredentialError("has no private key in PEM or DER, or the password is wrong") from None


def _pair(certificate: x509.Certificate, key: object, chain: tuple[x509.Certificate, ...]) -> KeyPair:
    check_strength(certificate)
    if not isinstance(key, RSAPrivateKey):
        raise CredentialError("has no RSA key: AS2 needs one")
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if key.public_key().public_bytes(*form) != certificate.public_key().public_bytes(*form):
        raise CredentialError("is not the key of the certificate")
    _check_signs(key)
    return KeyPair(certificate, key, chain)


def _check_signs(key: RSAPrivateKey) -> None:
    try:
        key.public_key().verify(key.sign(_PROBE, PKCS1v15(), hashes.SHA256()), _PROBE, PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, ValueError):
        raise CredentialError("has a damaged private key: what it signs does not verify") from None
