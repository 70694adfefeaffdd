"""SignedData (RFC 5652 section 5): who signed what, read from a signature that stands beside its content.

Owns what the elements say. Must not know whether any of it is true: that is verified in `verification.py`.

A content inside of a detached signature is passed over: what counts is the one beside it.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple

from cryptography import x509

from gateway.envelopes.as2.cms.algorithms import Signing, digest_of, signing_of
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
from gateway.envelopes.as2.profile import DigestAlgorithm

# An AS2 message has one signer; a second one stands there while a partner changes its algorithm.
MAXIMUM_SIGNERS: Final = 8
# A signer and three authorities above it are much.
MAXIMUM_CERTIFICATES: Final = 32


class SignedAttributes(NamedTuple):
    """What is signed beside the content, as it stands in the message: with the tag [0], in BER."""

    encoded: bytes
    message_digest: bytes
    signing_time: datetime | None


@dataclass(frozen=True, slots=True)
class SignerInfo:
    """One signature. Without attributes it is over the content itself."""

    reference: bytes  # of the signer's certificate, encoded
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
    encoded_certificates: tuple[bytes, ...] = field(repr=False)

    @property
    def certificates(self) -> tuple[x509.Certificate, ...]:
        """Those that can be read: others are of no use, and no reason to refuse the message."""
        loaded = (_load_certificate(encoded) for encoded in self.encoded_certificates)
        return tuple(certificate for certificate in loaded if certificate is not None)


def read_signed(detached: bytes) -> SignedMessage:
    """A signature that stands beside its content. Raises CmsError, of it UnsupportedAlgorithm."""
    cursor = Cursor(detached)
    enter_signed_data(cursor)
    content_type = cursor.read(OBJECT_IDENTIFIER)
    if cursor.tag() != END:
        cursor.skip()
    return read_signatures(cursor, content_type)


def enter_signed_data(cursor: Cursor) -> list[bytes]:
    """Go into the EncapsulatedContentInfo; the encoded digest algorithms. Raises CmsError."""
    if enter_content_info(cursor) != SIGNED_DATA:
        raise CmsError("The message is of another type than signed.")
    cursor.enter(SEQUENCE)
    cursor.integer()  # the version
    algorithms = []
    cursor.enter(SET)
    while cursor.tag() != END:
        algorithms.append(cursor.raw())
    cursor.leave()
    cursor.enter(SEQUENCE)
    return algorithms


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


def _load_certificate(encoded: bytes) -> x509.Certificate | None:
    """None where it cannot be read. `cryptography` reads names and dates only when asked: better here than later."""
    try:
        certificate = x509.load_der_x509_certificate(encoded)
        _ = certificate.subject, certificate.issuer, certificate.not_valid_before_utc, certificate.not_valid_after_utc
    except (ValueError, x509.InvalidVersion):
        return None
    return certificate


def _read_certificates(cursor: Cursor) -> tuple[bytes, ...]:
    """Those of X.509. What else the choice has is obsolete or for other purposes (RFC 5652 10.2.2)."""
    certificates: list[bytes] = []
    cursor.enter(context(0))
    while (tag := cursor.tag()) != END:
        if tag != SEQUENCE:
            cursor.skip()
            continue
        certificates.append(cursor.raw())
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
        try:
            signers.append(_read_signer(cursor, content_type))
        except UnsupportedAlgorithm as error:
            unsupported = error
    cursor.leave()
    if not signers:
        raise unsupported or CmsError("The message is signed by no one.")
    return tuple(signers)


def _read_signer(cursor: Cursor, content_type: bytes) -> SignerInfo:
    """Raises UnsupportedAlgorithm only when the whole element was read, so that the next one may be looked at."""
    cursor.enter(SEQUENCE)
    cursor.integer()  # the version
    reference = cursor.raw()
    digest = cursor.raw()
    attributes = _read_attributes(cursor, content_type) if cursor.tag() == context(0) else None
    signature_algorithm = cursor.raw()
    signature = cursor.octets()
    if cursor.tag() == context(1):
        cursor.skip()  # attributes that are not signed
    cursor.leave()
    digest_algorithm = digest_of(digest)
    signing = signing_of(signature_algorithm, digest_algorithm)
    return SignerInfo(reference, digest_algorithm, signing, attributes, signature)


def _read_attributes(cursor: Cursor, content_type: bytes) -> SignedAttributes:
    """The digest of the content must be there, once (RFC 5652 11.2). Another type of content may not be named."""
    start = cursor.position
    digests: list[bytes] = []
    signing_time: datetime | None = None
    cursor.enter(context(0))
    while cursor.tag() != END:
        cursor.enter(SEQUENCE)
        kind = cursor.read(OBJECT_IDENTIFIER)
        cursor.enter(SET)
        if kind == MESSAGE_DIGEST:
            digests.append(cursor.octets())
        elif kind == CONTENT_TYPE:
            if cursor.read(OBJECT_IDENTIFIER) != content_type:
                raise CmsError("The signed attributes name another type of content.")
        elif kind == SIGNING_TIME:
            signing_time = _read_time(cursor)
        else:
            while cursor.tag() != END:
                cursor.skip()
        cursor.leave()
        cursor.leave()
    cursor.leave()
    if len(digests) != 1:
        raise CmsError("The signed attributes must hold one digest of the content.")
    return SignedAttributes(cursor.since(start), digests[0], signing_time)


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
    try:
        return datetime.fromisoformat(f"{octets[:8].decode()}T{octets[8:].decode()}")
    except ValueError:
        return None
