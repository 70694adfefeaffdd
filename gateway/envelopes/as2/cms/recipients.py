"""Recipients of an encrypted message (RFC 5652 section 6.2): finding ours, and getting the content key out.

Owns key transport, the one kind of recipient that AS2 uses. Must not know the content or how it is encrypted.
"""

import hashlib
import secrets
from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from gateway.envelopes.as2.cms import der
from gateway.envelopes.as2.cms.algorithms import Transport, transport_of, written_transport
from gateway.envelopes.as2.cms.ber import END, SEQUENCE, SET, Cursor
from gateway.envelopes.as2.cms.errors import DecryptionFailed, NoRecipient, UnsupportedAlgorithm
from gateway.envelopes.as2.cms.references import means_known, written_reference
from gateway.envelopes.as2.credentials import OwnKey
from gateway.envelopes.as2.profile import KeyTransport

# What a key that could not be unwrapped is replaced by is derived from this: the same each time, yet unknown.
_REJECTION_SECRET: Final = secrets.token_bytes(32)
_USUAL_ALGORITHM, _USUAL_TRANSPORT = written_transport(KeyTransport.PKCS1V15)
# Our keys are few: one, or one for each agreement.
_OWN_CERTIFICATES: Final = 256


class _Recipient(NamedTuple):
    """One KeyTransRecipientInfo."""

    reference: bytes  # encoded
    algorithm: bytes  # encoded
    encrypted_key: bytes


class OurRecipient(NamedTuple):
    """The recipient that we are."""

    key: OwnKey
    transport: Transport
    encrypted_key: bytes


def our_recipient(encoded: bytes, keys: Sequence[OwnKey]) -> OurRecipient:
    """Of encoded RecipientInfos the first that means one of our keys and that can be read.

    Raises CmsError, of it NoRecipient and UnsupportedAlgorithm.
    """
    for key in keys:
        # A message to us alone, as nearly all are encoded: comparing is cheaper than reading.
        size_bytes = (key.key.key_size + 7) // 8
        before = _before_encrypted_key(key.certificate, size_bytes)
        if len(encoded) == len(before) + size_bytes and encoded.startswith(before):
            return OurRecipient(key, _USUAL_TRANSPORT, encoded[len(before) :])
    unsupported: UnsupportedAlgorithm | None = None
    for recipient in _read_recipients(Cursor(encoded)):
        for key in keys:
            if not means_known(recipient.reference, key.certificate):
                continue
            try:
                return OurRecipient(key, transport_of(recipient.algorithm), recipient.encrypted_key)
            except UnsupportedAlgorithm as error:
                unsupported = error
    raise unsupported or NoRecipient


def unwrap(recipient: OurRecipient, key_size: int) -> bytes:
    """A content key of that many bytes. Raises DecryptionFailed where OAEP finds none.

    PKCS 1 v1.5 must not show whether its padding was right (RFC 3218): what does not unwrap to a key of that size
    gives another key, the same each time, which decrypts to nothing of sense. OAEP has no such weakness.
    """
    substitute = hashlib.blake2b(recipient.encrypted_key, key=_REJECTION_SECRET, digest_size=key_size).digest()
    try:
        content_key = recipient.key.key.decrypt(recipient.encrypted_key, recipient.transport.padding)
    except ValueError:
        content_key = b""
    if len(content_key) == key_size:
        return content_key
    if recipient.transport.transport is KeyTransport.OAEP:
        raise DecryptionFailed
    return substitute


def written_recipients(certificate: x509.Certificate, content_key: bytes, transport: KeyTransport) -> bytes:
    """The one recipient whose certificate that is. Raises ValueError where it holds no RSA key."""
    public_key = certificate.public_key()
    if not isinstance(public_key, RSAPublicKey):
        raise ValueError("Only an RSA key can be encrypted to.")  # noqa: TRY004 - the value within is wrong
    algorithm, wrapping = written_transport(transport)
    return _written_recipients(certificate, algorithm, public_key.encrypt(content_key, wrapping.padding))


def _written_recipients(certificate: x509.Certificate, algorithm: bytes, encrypted_key: bytes) -> bytes:
    recipient = der.element(
        SEQUENCE,
        der.integer(0),  # RFC 5652 6.2.1: by issuer and serial number
        written_reference(certificate),
        algorithm,
        der.octet_string(encrypted_key),
    )
    return der.set_of(recipient)


@lru_cache(maxsize=_OWN_CERTIFICATES)
def _before_encrypted_key(certificate: x509.Certificate, size_bytes: int) -> bytes:
    """As `written_recipients` has it, in the usual transport. `size_bytes` are those of the encrypted key."""
    whole = _written_recipients(certificate, _USUAL_ALGORITHM, bytes(size_bytes))
    return whole[:-size_bytes]


def _read_recipients(cursor: Cursor) -> list[_Recipient]:
    """Those by key transport; others (agreement, passwords) are passed over. Raises CmsError."""
    recipients = []
    cursor.enter(SET)
    while (tag := cursor.tag()) != END:
        if tag == SEQUENCE:
            recipients.append(_read_recipient(cursor))
        else:
            cursor.skip()
    cursor.leave()
    return recipients


def _read_recipient(cursor: Cursor) -> _Recipient:
    cursor.enter(SEQUENCE)
    cursor.integer()  # the version
    recipient = _Recipient(cursor.raw(), cursor.raw(), cursor.octets())
    cursor.leave()
    return recipient
