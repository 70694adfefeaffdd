"""Keys and certificates of an AS2 relationship: ours with private keys, the partner's pinned or by authority.

Owns which of them counts at a moment. Must not know files, nor verify anything itself.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey


class CertificateUse(StrEnum):
    """What a partner's certificate is for."""

    SIGN = "sign"  # the partner signs with its key
    ENCRYPT = "encrypt"  # we encrypt to it


@dataclass(frozen=True, slots=True)
class OwnKey:
    """A key of ours and its certificate, usable from `valid_from` until `valid_until` (UTC, exclusive).

    `chain` are certificates of authorities that are sent along with a signature.
    """

    name: str
    certificate: x509.Certificate
    key: RSAPrivateKey = field(repr=False)
    chain: tuple[x509.Certificate, ...]
    valid_from: datetime
    valid_until: datetime

    def is_valid(self, at: datetime) -> bool:
        """Within the window of certificate and settings."""
        return self.valid_from <= at < self.valid_until


@dataclass(frozen=True, slots=True)
class PartnerCertificate:
    """One pinned certificate of a partner, usable from `valid_from` until `valid_until` (UTC, exclusive)."""

    certificate: x509.Certificate
    uses: frozenset[CertificateUse]
    valid_from: datetime
    valid_until: datetime

    def is_valid(self, at: datetime) -> bool:
        """Within the window of certificate and agreement."""
        return self.valid_from <= at < self.valid_until


@dataclass(frozen=True, slots=True)
class TrustedAuthority:
    """Instead of a pinned certificate: any certificate with this subject (RFC 4514 text) that `authority` issued."""

    authority: x509.Certificate
    subject: str


@dataclass(frozen=True, slots=True)
class Trust:
    """Whose signatures a relationship believes. Several certificates at once let a partner change its key."""

    certificates: tuple[PartnerCertificate, ...] = ()
    authorities: tuple[TrustedAuthority, ...] = ()

    def signing(self, at: datetime) -> tuple[x509.Certificate, ...]:
        """Pinned certificates whose signatures count at `at`, the newest first."""
        return self._usable(CertificateUse.SIGN, at)

    def encryption(self, at: datetime) -> x509.Certificate | None:
        """The certificate to encrypt to: of the usable ones the one that began last."""
        usable = self._usable(CertificateUse.ENCRYPT, at)
        return usable[0] if usable else None

    def _usable(self, use: CertificateUse, at: datetime) -> tuple[x509.Certificate, ...]:
        usable = [each for each in self.certificates if use in each.uses and each.is_valid(at)]
        return tuple(each.certificate for each in sorted(usable, key=lambda each: each.valid_from, reverse=True))
