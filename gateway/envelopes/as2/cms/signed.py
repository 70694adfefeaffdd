"""SignedData (RFC 5652 section 5): who signed what, read from a signature that stands beside its content.

Owns what the elements say. Must not know whether any of it is true: that is verified in `verification.py`.

A content inside of a detached signature is passed over: what counts is the one beside it.
"""

from dataclasses import dataclass, field
from typing import Final

from cryptography import x509

from gateway.envelopes.as2.cms.ber import END, OBJECT_IDENTIFIER, SEQUENCE, SET, Cursor, context
from gateway.envelopes.as2.cms.content import enter_content_info, leave_content_info
from gateway.envelopes.as2.cms.errors import CmsError, UnsupportedAlgorithm
from gateway.envelopes.as2.cms.identifiers import SIGNED_DATA
from gateway.envelopes.as2.cms.recurring import like_earlier, remember
from gateway.envelopes.as2.cms.signer_info import SignerInfo, read_signer_info

# An AS2 message has one signer; a second one stands there while a partner changes its algorithm.
MAXIMUM_SIGNERS: Final = 8
# A signer and three authorities above it are much.
MAXIMUM_CERTIFICATES: Final = 32


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
    known = like_earlier(detached)
    if known is not None:
        signer, certificates = known
        return SignedMessage((signer,), certificates)
    cursor = Cursor(detached)
    enter_signed_data(cursor)
    content_type = cursor.read(OBJECT_IDENTIFIER)
    if cursor.tag() != END:
        cursor.skip()
    signed = read_signatures(cursor, content_type)
    if len(signed.signers) == 1:
        remember(detached, signed.signers[0], signed.encoded_certificates)
    return signed


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
            signers.append(read_signer_info(cursor, content_type))
        except UnsupportedAlgorithm as error:
            unsupported = error
    cursor.leave()
    if not signers:
        raise unsupported or CmsError("The message is signed by no one.")
    return tuple(signers)
