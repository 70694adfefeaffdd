"""SignedData (RFC 5652 section 5): who signed what, read from a signature that stands beside its content.

Owns what the elements say. Must not know whether any of it is true: that is verified in `verify.py`.

A content inside of a detached signature is passed over: what counts is the one beside it.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, TypeVar

from cryptography import x509

from gateway.envelopes.as2.cms.algorithms import Signing, digest_of, read_algorithm, signing_of
from gateway.envelopes.as2.cms.ber import (
    END,
    GENERALIZED_TIME,
    OBJECT_IDENTIFIER,
    SEQUENCE,
    SET,
    UTC_TIME,
    Cursor,
    context,
)
from gateway.envelopes.as2.cms.content import enter_content_info, leave_content_info
from gateway.envelopes.as2.cms.errors import CmsError, UnsupportedAlgorithm
from gateway.envelopes.as2.cms.identifiers import CONTENT_TYPE, MESSAGE_DIGEST, SIGNED_DATA, SIGNING_TIME
from gateway.envelopes.as2.cms.references import CertificateReference, read_reference
from gateway.envelopes.as2.profile import DigestAlgorithm

# An AS2 message has one signer; a second one stands there while a partner changes its algorithm.
MAXIMUM_SIGNERS: Final = 8
# A signer and three authorities above it are much.
MAXIMUM_CERTIFICATES: Final = 32

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class SignedAttributes:
    """What is signed beside the content, as it stands in the message: with the tag [0], in BER."""

    encoded: bytes = field(repr=False)
    message_digest: bytes
    signing_time: datetime | None


@dataclass(frozen=True, slots=True)
class SignerInfo:
    """One signature. Without attributes it is over the content itself."""

    reference: CertificateReference
    digest: DigestAlgorithm
    signing: Signing
    attributes: SignedAttributes | None
    signature: bytes = field(repr=False)

    @property
    def signing_time(self) -> datetime | None:
        """When the signer says it signed; None where it does not, or in a form that RFC 5652 does not have."""
        return self.attributes.signing_time if self.attributes else None


@dataclass(frozen=True, slots=True)
class SignedMessage:
    """Signatures and the certificates that came with them, of which nothing has been verified."""

    signers: tuple[SignerInfo, ...]
    certificates: tuple[x509.Certificate, ...]


def read_signed(detached: bytes) -> SignedMessage:
    """A signature that stands beside its content. Raises CmsError, of it UnsupportedAlgorithm."""
    cursor = Cursor(detached)
    enter_signed_data(cursor)
    content_type = cursor.read(OBJECT_IDENTIFIER)
    if cursor.tag() != END:
        cursor.skip()
    return read_signatures(cursor, content_type)


def enter_signed_data(cursor: Cursor) -> list[bytes]:
    """Go into the EncapsulatedContentInfo; the digest algorithms' identifiers. Raises CmsError."""
    if enter_content_info(cursor) != SIGNED_DATA:
        raise CmsError("The message is of another type than signed.")
    cursor.enter(SEQUENCE)
    cursor.integer()  # the version
    identifiers = []
    cursor.enter(SET)
    while cursor.tag() != END:
        identifiers.append(read_algorithm(cursor).identifier)
    cursor.leave()
    cursor.enter(SEQUENCE)
    return identifiers


def read_signatures(cursor: Cursor, content_type: bytes) -> SignedMessage:
    """From behind the content to the end of the message. Raises CmsError, of it UnsupportedAlgorithm."""
    cursor.leave()
    certificates = _read_certificates(cursor) if cursor.tag() == context(0) else ()
    if cursor.tag() == context(1):
        cursor.skip()  # revocation lists
    signers = _read_signers(cursor, content_type)
    cursor.leave()
    leave_content_info(cursor)
    return SignedMessage(signers, certificates)


def _read_certificates(cursor: Cursor) -> tuple[x509.Certificate, ...]:
    """Those of X.509 that can be read. Others are of no use, and no reason to refuse the message."""
    certificates: list[x509.Certificate] = []
    cursor.enter(context(0))
    while (tag := cursor.tag()) != END:
        encoded = cursor.raw()
        if tag == SEQUENCE:
            with suppress(ValueError):
                certificates.append(x509.load_der_x509_certificate(encoded))
        if len(certificates) > MAXIMUM_CERTIFICATES:
            raise CmsError(f"The message has more than {MAXIMUM_CERTIFICATES} certificates.")
    cursor.leave()
    return tuple(certificates)


def _read_signers(cursor: Cursor, content_type: bytes) -> tuple[SignerInfo, ...]:
    """Those whose algorithms are supported, of which there must be one."""
    signers: list[SignerInfo] = []
    unsupported: UnsupportedAlgorithm | None = None
    count = 0
    cursor.enter(SET)
    while cursor.tag() != END:
        count += 1
        if count > MAXIMUM_SIGNERS:
            raise CmsError(f"The message has more than {MAXIMUM_SIGNERS} signers.")
        encoded = cursor.raw()
        try:
            signers.append(_read_signer(Cursor(encoded), content_type))
        except UnsupportedAlgorithm as error:
            unsupported = error
    cursor.leave()
    if not signers:
        raise unsupported or CmsError("The message is signed by no one.")
    return tuple(signers)


def _read_signer(cursor: Cursor, content_type: bytes) -> SignerInfo:
    cursor.enter(SEQUENCE)
    cursor.integer()  # the version
    reference = read_reference(cursor)
    digest = read_algorithm(cursor)
    attributes = cursor.raw() if cursor.tag() == context(0) else b""
    signature_algorithm = read_algorithm(cursor)
    signature = cursor.octets()
    if cursor.tag() == context(1):
        cursor.skip()  # attributes that are not signed
    cursor.leave()
    digest_algorithm = digest_of(digest)
    return SignerInfo(
        reference,
        digest_algorithm,
        signing_of(signature_algorithm, digest_algorithm),
        _read_attributes(attributes, content_type) if attributes else None,
        signature,
    )


def _read_attributes(encoded: bytes, content_type: bytes) -> SignedAttributes:
    """Attributes must hold the digest of the content, once (RFC 5652 11.2), and may not name another type of it."""
    found: dict[bytes, bytes] = {}
    cursor = Cursor(encoded)
    cursor.enter(context(0))
    while cursor.tag() != END:
        cursor.enter(SEQUENCE)
        kind = cursor.read(OBJECT_IDENTIFIER)
        values = cursor.raw()
        cursor.leave()
        if kind in (CONTENT_TYPE, MESSAGE_DIGEST) and kind in found:
            raise CmsError("A signed attribute that may stand once stands twice.")
        found[kind] = values
    cursor.leave()
    if MESSAGE_DIGEST not in found:
        raise CmsError("The signed attributes hold no digest of the content.")
    if CONTENT_TYPE in found and _only_value(found[CONTENT_TYPE], _read_identifier) != content_type:
        raise CmsError("The signed attributes name another type of content.")
    return SignedAttributes(
        encoded,
        _only_value(found[MESSAGE_DIGEST], Cursor.octets),
        _only_value(found[SIGNING_TIME], _read_time) if SIGNING_TIME in found else None,
    )


def _only_value(values: bytes, read: Callable[[Cursor], Value]) -> Value:
    cursor = Cursor(values)
    cursor.enter(SET)
    value = read(cursor)
    cursor.leave()
    return value


def _read_identifier(cursor: Cursor) -> bytes:
    return cursor.read(OBJECT_IDENTIFIER)


def _read_time(cursor: Cursor) -> datetime | None:
    """RFC 5652 11.3: seconds, no fractions, Z. Other forms of BER are no time that anyone relies on."""
    tag = cursor.tag()
    if tag not in (UTC_TIME, GENERALIZED_TIME):
        cursor.skip()
        return None
    octets = cursor.read(tag)
    if tag == UTC_TIME:
        octets = (b"20" if octets[:2] < b"50" else b"19") + octets
    if len(octets) != 15 or octets[14:] != b"Z" or not octets[:14].isdigit():
        return None
    month, day, hour, minute, second = (int(octets[at : at + 2]) for at in range(4, 14, 2))
    try:
        return datetime(int(octets[:4]), month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
