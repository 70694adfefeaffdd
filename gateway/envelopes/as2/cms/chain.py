"""Whether a certificate leads to an authority (RFC 5280 section 6), through certificates that came with it.

Owns the path: signatures, validity, who may issue. Must not know messages. Revocation is not asked for: an agreement
with a partner whose key was lost is changed in the agreement.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.x509.oid import ExtensionOID

from gateway.envelopes.as2.cms.references import EXTENSION_FAULTS

# Public authorities have one or two intermediates.
MAXIMUM_INTERMEDIATES: Final = 4
# Certificates of the same names can be arranged so that the paths are many; each step verifies a signature.
MAXIMUM_STEPS: Final = 64

# What a critical extension says of these is either looked at here or does not restrict a signature.
_UNDERSTOOD = frozenset(
    {
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.KEY_USAGE,
        ExtensionOID.EXTENDED_KEY_USAGE,
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
        ExtensionOID.CERTIFICATE_POLICIES,
    }
)

Extension = TypeVar("Extension", bound=x509.ExtensionType)


class CertificatePath:
    """Looks for a path from one certificate to one authority, among `others`, at one moment."""

    def __init__(self, authority: x509.Certificate, others: Sequence[x509.Certificate], at: datetime) -> None:
        self._authority = authority
        self._others = others
        self._at = at
        self._steps_left = MAXIMUM_STEPS

    def refusal(self, certificate: x509.Certificate) -> str | None:
        """Why a signer's certificate is not believed; None where it leads to the authority."""
        if not is_in_validity(certificate, self._at):
            return "The signer's certificate has expired or is not valid yet."
        if not _may_sign(certificate):
            return "The signer's certificate is not for signatures."
        if not is_in_validity(self._authority, self._at):
            return "The trusted authority's certificate has expired or is not valid yet."
        if not self._leads(certificate, 0):
            return "The signer's certificate does not lead to the trusted authority."
        return None

    def _leads(self, certificate: x509.Certificate, intermediates: int) -> bool:
        """`intermediates` stand between the signer's certificate and the issuer of this one."""
        if self._issued(certificate, self._authority) and _may_issue(self._authority, intermediates, is_anchor=True):
            return True
        if intermediates == MAXIMUM_INTERMEDIATES:
            return False
        return any(
            self._issued(certificate, other)
            and is_in_validity(other, self._at)
            and _may_issue(other, intermediates, is_anchor=False)
            and self._leads(other, intermediates + 1)
            for other in self._others
        )

    def _issued(self, certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
        if certificate.issuer != issuer.subject or self._steps_left == 0:
            return False
        self._steps_left -= 1
        try:
            certificate.verify_directly_issued_by(issuer)
        except (InvalidSignature, UnsupportedAlgorithm, TypeError, ValueError):
            return False
        return True


def is_in_validity(certificate: x509.Certificate, at: datetime) -> bool:
    """The certificate's own dates include `at`."""
    return certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc


def _may_sign(certificate: x509.Certificate) -> bool:
    extensions = _understood_extensions(certificate)
    if extensions is None:
        return False
    usage = _value(extensions, x509.KeyUsage)
    return usage is None or usage.digital_signature or usage.content_commitment


def _may_issue(issuer: x509.Certificate, intermediates: int, *, is_anchor: bool) -> bool:
    """An anchor without basic constraints, as old roots are, may: it is named in the agreement."""
    extensions = _understood_extensions(issuer)
    if extensions is None:
        return False
    constraints = _value(extensions, x509.BasicConstraints)
    usage = _value(extensions, x509.KeyUsage)
    if usage is not None and not usage.key_cert_sign:
        return False
    if constraints is None:
        return is_anchor
    return constraints.ca and (constraints.path_length is None or constraints.path_length >= intermediates)


def _understood_extensions(certificate: x509.Certificate) -> x509.Extensions | None:
    """None where one of them cannot be read, or is critical and would have to be understood (RFC 5280 4.2)."""
    try:
        extensions = certificate.extensions
    except EXTENSION_FAULTS:
        return None
    if any(each.critical and each.oid not in _UNDERSTOOD for each in extensions):
        return None
    return extensions


def _value(extensions: x509.Extensions, kind: type[Extension]) -> Extension | None:
    try:
        return extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None
