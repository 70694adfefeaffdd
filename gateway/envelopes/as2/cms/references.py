"""How a message says whose certificate it means: by issuer and serial number, or by subject key identifier.

Owns finding out whether a certificate is meant (RFC 5652 sections 5.3 and 6.2.1). Must not know what it is for.
"""

from functools import lru_cache
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

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

# What is made of certificates of the settings is kept: that of partners who exchange at the same time, and a few KB
# each. Never of certificates in messages, which come in any number and size.
_KNOWN_CERTIFICATES: Final = 1024
_SUBJECT_KEY_IDENTIFIER = primitive_context(0)
# Text types of names by tag (RFC 5280 appendix A.1); other values are compared octet by octet.
_TEXT_TYPES = {0x0C: "utf-8", 0x13: "ascii", 0x14: "latin-1", 0x16: "ascii", 0x1C: "utf-32-be", 0x1E: "utf-16-be"}

# What `cryptography` raises where it cannot read the extensions of a certificate.
EXTENSION_FAULTS = (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType)

_Attribute = tuple[bytes, str | bytes]


def means(reference: bytes, certificate: x509.Certificate) -> bool:
    """Whether an encoded SignerIdentifier or RecipientIdentifier is a certificate's. A malformed one is no one's."""
    try:
        cursor = Cursor(reference)
        if cursor.tag() == SEQUENCE:
            return _has_issuer_and_serial(cursor, certificate)
        return cursor.octets(_SUBJECT_KEY_IDENTIFIER) == _key_identifier(certificate)
    except CmsError:
        return False


def means_known(reference: bytes, certificate: x509.Certificate) -> bool:
    """The same for a certificate of the settings, where comparing with what we would write is nearly always enough."""
    return reference == written_reference(certificate) or means(reference, certificate)


@lru_cache(maxsize=_KNOWN_CERTIFICATES)
def written_reference(certificate: x509.Certificate) -> bytes:
    """The issuer and serial number of a certificate of the settings, encoded."""
    return der.element(SEQUENCE, certificate.issuer.public_bytes(), der.integer(certificate.serial_number))


@lru_cache(maxsize=_KNOWN_CERTIFICATES)
def written_certificate(certificate: x509.Certificate) -> bytes:
    """A certificate of the settings, encoded."""
    return certificate.public_bytes(Encoding.DER)


def _has_issuer_and_serial(cursor: Cursor, certificate: x509.Certificate) -> bool:
    cursor.enter(SEQUENCE)
    issuer = cursor.raw()
    if cursor.integer() != certificate.serial_number:
        return False
    return _is_same_name(issuer, certificate.issuer.public_bytes())


def _key_identifier(certificate: x509.Certificate) -> bytes | None:
    """A certificate without the extension has the usual one, the SHA-1 of its key (RFC 5280 4.2.1.2)."""
    try:
        return certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    except x509.ExtensionNotFound:
        return x509.SubjectKeyIdentifier.from_public_key(certificate.public_key()).digest
    except EXTENSION_FAULTS:
        return None


def _is_same_name(one: bytes, other: bytes) -> bool:
    """Some products encode a name anew, with other text types: compared are words without case (RFC 5280 7.1)."""
    try:
        return one == other or _attributes(one) == _attributes(other)
    except UnicodeDecodeError:
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
