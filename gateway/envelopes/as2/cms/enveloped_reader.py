"""Reading EnvelopedData (RFC 5652 section 6) and AuthEnvelopedData (RFC 5083) as they stream by.

Owns the order of their elements. Must not know what is inside.

Plaintext comes out before anything could verify it: the caller keeps it until `finish` has returned. Even then content
in CBC mode is only decrypted, not authenticated; what a caller answers to a plaintext that makes no sense must not
differ from what it answers to DecryptionFailed, or the difference can be used to decrypt.
"""

from collections.abc import Sequence
from typing import NamedTuple

from gateway.envelopes.as2.cms import der
from gateway.envelopes.as2.cms.ber import (
    OBJECT_IDENTIFIER,
    SEQUENCE,
    SET,
    Cursor,
    context,
    primitive_context,
)
from gateway.envelopes.as2.cms.ciphers import CbcDecryptor, GcmDecryptor, decryption_of
from gateway.envelopes.as2.cms.content import ContentReader, enter_content_info, leave_content_info
from gateway.envelopes.as2.cms.errors import CmsError
from gateway.envelopes.as2.cms.identifiers import AUTH_ENVELOPED_DATA, ENVELOPED_DATA
from gateway.envelopes.as2.cms.limits import DEFAULT_LIMITS, CmsLimits
from gateway.envelopes.as2.cms.recipients import our_recipient, unwrap
from gateway.envelopes.as2.credentials import OwnKey
from gateway.envelopes.as2.profile import EncryptionAlgorithm, KeyTransport


class _Head(NamedTuple):
    content_type: bytes
    recipients: bytes  # encoded
    encryption: bytes  # the algorithm, encoded


class EnvelopedReader:
    """Decrypts a ContentInfo with whichever of `keys` it is encrypted to."""

    def __init__(self, keys: Sequence[OwnKey], limits: CmsLimits = DEFAULT_LIMITS) -> None:
        self._keys = keys
        self._content = ContentReader(_read_head, primitive_context(0), limits)
        self._decryptor: CbcDecryptor | GcmDecryptor | None = None
        self._algorithm: EncryptionAlgorithm | None = None
        self._key: OwnKey | None = None
        self._transport: KeyTransport | None = None

    @property
    def algorithm(self) -> EncryptionAlgorithm | None:
        """How the content is encrypted; None until the head was read."""
        return self._algorithm

    @property
    def key(self) -> OwnKey | None:
        """Our key to which it is encrypted; None until the head was read."""
        return self._key

    @property
    def transport(self) -> KeyTransport | None:
        """How the content key is encrypted; None until the head was read."""
        return self._transport

    def feed(self, data: bytes | memoryview) -> list[bytes]:
        """Plaintext so far, not verified. Raises CmsError."""
        return self._decrypt(self._content.feed(data))

    def finish(self) -> list[bytes]:
        """The rest of the plaintext. Raises CmsError, of it DecryptionFailed."""
        content, cursor = self._content.finish()
        pieces = self._decrypt(content)
        cursor.leave()
        if isinstance(self._decryptor, GcmDecryptor):
            attributes = cursor.raw() if cursor.tag() == context(1) else b""
            tag = cursor.octets()
            _finish_sequence(cursor, context(2))
            self._decryptor.finish(tag, _as_set(attributes) if attributes else b"")
        elif self._decryptor is not None:
            _finish_sequence(cursor, context(1))
            pieces.append(self._decryptor.finish())
        return pieces

    def _decrypt(self, content: bytes | memoryview) -> list[bytes]:
        if self._decryptor is None:
            if self._content.head is None:
                return []
            self._decryptor = self._open(self._content.head)
        return self._decryptor.feed(content)

    def _open(self, head: _Head) -> CbcDecryptor | GcmDecryptor:
        decryption = decryption_of(head.encryption)
        if decryption.kind.is_authenticated != (head.content_type == AUTH_ENVELOPED_DATA):
            raise CmsError("The content encryption does not belong to this type of message.")
        recipient = our_recipient(head.recipients, self._keys)
        self._algorithm = decryption.algorithm
        self._key, self._transport = recipient.key, recipient.transport.transport
        return decryption.decryptor(unwrap(recipient, decryption.kind.key_bytes))


def _read_head(cursor: Cursor) -> _Head:
    content_type = enter_content_info(cursor)
    if content_type not in (ENVELOPED_DATA, AUTH_ENVELOPED_DATA):
        raise CmsError("The message is of another type than encrypted.")
    cursor.enter(SEQUENCE)
    cursor.integer()  # the version
    if cursor.tag() == context(0):
        cursor.skip()  # certificates of the originator, which key agreement would need
    recipients = cursor.raw()
    cursor.enter(SEQUENCE)
    cursor.read(OBJECT_IDENTIFIER)  # the type of the content: the caller looks at the content itself
    return _Head(content_type, recipients, cursor.raw())


def _finish_sequence(cursor: Cursor, unprotected: int) -> None:
    """Pass over attributes that nothing protects, and go out of the message."""
    if cursor.tag() == unprotected:
        cursor.skip()
    cursor.leave()
    leave_content_info(cursor)


def _as_set(attributes: bytes) -> bytes:
    """What is authenticated is the DER of a SET (RFC 5083 section 2.2), whatever stood in the message."""
    return der.canonical(bytes((SET,)) + attributes[1:])
