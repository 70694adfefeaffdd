"""Words for certificates: what one says, and how long it still counts.

Owns the wording. Must not know where a certificate comes from.
"""

from collections.abc import Iterator
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from gateway.definitions.certificates import fingerprint, is_authority, name_text, permitted_uses


def certificate_lines(certificate: x509.Certificate, now: datetime) -> Iterator[str]:
    """One line for each thing that two people compare over the telephone."""
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    is_self_signed = certificate.issuer == certificate.subject
    yield f"subject  {name_text(certificate.subject)}"
    yield f"issuer   {'itself' if is_self_signed else name_text(certificate.issuer)}"
    yield f"serial   {certificate.serial_number:X}"
    yield f"valid    {begins:%Y-%m-%d} until {ends:%Y-%m-%d}: {time_left(begins, ends, now)}"
    yield f"key      {_key_words(certificate)}"
    yield f"uses     {_uses(certificate)}"
    yield f"SHA-256  {fingerprint_text(certificate)}"


def fingerprint_text(certificate: x509.Certificate) -> str:
    """The SHA-256 as other products show it, `AB:CD:...`."""
    return bytes.fromhex(fingerprint(certificate)).hex(":").upper()


def time_left(begins: datetime | None, ends: datetime | None, now: datetime) -> str:
    """`120 days left`, `ended`, `not yet`."""
    if begins is not None and now < begins:
        return "not yet"
    if ends is None:
        return "no end known"
    if ends <= now:
        return "ended"
    days = (ends - now).days
    return "1 day left" if days == 1 else f"{days} days left"


def _uses(certificate: x509.Certificate) -> str:
    uses = sorted(use.value for use in permitted_uses(certificate))
    return ", ".join((*uses, "issue certificates") if is_authority(certificate) else uses) or "none of ours"


def _key_words(certificate: x509.Certificate) -> str:
    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return "of a kind that cannot be read"
    match key:
        case RSAPublicKey():
            return f"RSA, {key.key_size} bits"
        case EllipticCurvePublicKey():
            return f"EC, {key.curve.name} (for TLS, not for AS2)"
        case _:
            return "neither RSA nor EC"
