"""How a message says whose certificate it means: by issuer and serial number, or by subject key identifier.

Owns finding out whether a certificate is meant (RFC 5652 sections 5.3 and 6.2.1). Must not know what it is for.
"""

from dataclasses import dataclass

from cryptography import x509

from gateway.envelopes.as2.cms import der
from gateway.envelopes.as2.cms.ber import (
    END,
    OBJECT_IDENTIFIER,
    SEQUENCE,
    SET,
    Cursor,
    primitive_context,
)
from gateway.envelopes.as2.cms.errors import CmsError

_SUBJECT_KEY_IDENTIFIER = primitive_context(0)
# Text types of names by tag (RFC 5280 appendix A.1); other values are compared octet by octet.
_TEXT_TYPES = {0x0C: "utf-8", 0x13: "ascii", 0x14: "latin-1", 0x16: "ascii", 0x1C: "utf-32-be", 0x1E: "utf-16-be"}

# What `cryptography` raises where it cannot read the extensions of a certificate.
EXTENSION_FAULTS = (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType)

_Attribute = tuple[bytes, str | bytes]


@dataclass(frozen=True, slots=True)
class IssuerAndSerial:
    """The encoded name of the issuer and the serial number."""

    issuer: bytes
    serial_number: int

    def means(self, certificate: x509.Certificate) -> bool:
        """The serial number is compared first: it nearly always decides."""
        if certificate.serial_number != self.serial_number:
            return False
        issuer = certificate.issuer.public_bytes()
        return issuer == self.issuer or _is_same_name(issuer, self.issuer)


@dataclass(frozen=True, slots=True)
class KeyIdentifier:
    """The subject key identifier."""

    octets: bytes

    def means(self, certificate: x509.Certificate) -> bool:
        """A certificate without the extension has the usual one, the SHA-1 of its key (RFC 5280 4.2.1.2)."""
        try:
            extension = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
            return extension.value.digest == self.octets
        except x509.ExtensionNotFound:
            return x509.SubjectKeyIdentifier.from_public_key(certificate.public_key()).digest == self.octets
        except EXTENSION_FAULTS:
            return False


CertificateReference = IssuerAndSerial | KeyIdentifier


def read_reference(cursor: Cursor) -> CertificateReference:
    """A SignerIdentifier or RecipientIdentifier. Raises CmsError."""
    if cursor.tag() != SEQUENCE:
        return KeyIdentifier(cursor.octets(_SUBJECT_KEY_IDENTIFIER))
    cursor.enter(SEQUENCE)
    issuer = cursor.raw()
    serial_number = cursor.integer()
    cursor.leave()
    return IssuerAndSerial(issuer, serial_number)


def written_reference(certificate: x509.Certificate) -> bytes:
    """The certificate's issuer and serial number, encoded."""
    return der.element(SEQUENCE, certificate.issuer.public_bytes(), der.integer(certificate.serial_number))


def _is_same_name(one: bytes, other: bytes) -> bool:
    """Some products encode a name anew, with other text types: compared are words without case (RFC 5280 7.1)."""
    try:
        return _attributes(one) == _attributes(other)
    except (CmsError, UnicodeDecodeError):
        return False


def _attributes(name: bytes) -> list[list[_Attribute]]:
    cursor = Cursor(name)
    cursor.enter(SEQUENCE)
    found = []
    while cursor.tag() != END:
        cursor.enter(SET)
        parts = []
        while cursor.tag() != END:
            parts.append(_attribute(cursor))
        cursor.leave()
        found.append(sorted(parts, key=lambda part: part[0]))
    cursor.leave()
    return found


def _attribute(cursor: Cursor) -> _Attribute:
    cursor.enter(SEQUENCE)
    kind = cursor.read(OBJECT_IDENTIFIER)
    tag = cursor.tag()
    value = cursor.raw() if tag not in _TEXT_TYPES else cursor.read(tag)
    cursor.leave()
    encoding = _TEXT_TYPES.get(tag)
    return kind, value if encoding is None else " ".join(value.decode(encoding).casefold().split())
