"""Writing EnvelopedData (RFC 5652 section 6) and AuthEnvelopedData (RFC 5083), to one recipient.

Owns the order of their elements. Must not know what is inside. The size of the plaintext is known beforehand, so that
every length is definite and the size of the whole is known before the first byte.
"""

import secrets
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.ciphers import AEADEncryptionContext, Cipher, CipherContext, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES

from gateway.envelopes.as2.cms import der
from gateway.envelopes.as2.cms.ber import SEQUENCE, context, primitive_context
from gateway.envelopes.as2.cms.ciphers import KINDS, NONCE_BYTES, TAG_BYTES, written_cbc, written_gcm
from gateway.envelopes.as2.cms.identifiers import AUTH_ENVELOPED_DATA, DATA, ENVELOPED_DATA
from gateway.envelopes.as2.cms.recipients import written_recipients
from gateway.envelopes.as2.profile import EncryptionAlgorithm, KeyTransport

# Behind the content of AuthEnvelopedData stands its tag as an OCTET STRING.
_TAG_ELEMENT_BYTES: Final = len(der.octet_string(bytes(TAG_BYTES)))


class EnvelopedWriter:
    """Encrypts `plain_size` bytes to a certificate: `begin`, `update` as often as needed, `finish`.

    Raises ValueError for 3DES, which is read and never written, and for a certificate without an RSA key.
    """

    def __init__(
        self,
        certificate: x509.Certificate,
        algorithm: EncryptionAlgorithm,
        transport: KeyTransport,
        plain_size: int,
    ) -> None:
        if algorithm is EncryptionAlgorithm.TRIPLE_DES:
            raise ValueError("3DES is read, never written.")
        kind = KINDS[algorithm]
        content_key = secrets.token_bytes(kind.key_bytes)
        recipients = written_recipients(certificate, content_key, transport)
        self._left = plain_size
        self._context: CipherContext | AEADEncryptionContext
        if kind.is_authenticated:
            nonce = secrets.token_bytes(NONCE_BYTES)
            self._context = Cipher(AES(content_key), modes.GCM(nonce)).encryptor()
            self._padding = b""
            sizes = _Sizes(plain_size, _TAG_ELEMENT_BYTES)
            self._head = _head(AUTH_ENVELOPED_DATA, recipients, written_gcm(algorithm, nonce), sizes)
        else:
            initial = secrets.token_bytes(kind.block_bytes)
            self._context = Cipher(AES(content_key), modes.CBC(initial)).encryptor()
            count = kind.block_bytes - plain_size % kind.block_bytes
            self._padding = bytes((count,)) * count
            sizes = _Sizes(plain_size + count, 0)
            self._head = _head(ENVELOPED_DATA, recipients, written_cbc(algorithm, initial), sizes)
        self.total_size: Final = len(self._head) + sizes.content + sizes.tail

    def begin(self) -> bytes:
        """What stands before the content."""
        return self._head

    def update(self, data: bytes | memoryview) -> bytes:
        """Encrypt a piece of any size."""
        self._left -= len(data)
        return self._context.update(data)

    def finish(self) -> bytes:
        """The end. Raises ValueError where the pieces were not of the size announced."""
        if self._left:
            raise ValueError("The content has another size than announced.")
        last = self._context.update(self._padding) + self._context.finalize()
        if isinstance(self._context, AEADEncryptionContext):
            return last + der.octet_string(self._context.tag)
        return last


class _Sizes(NamedTuple):
    content: int
    tail: int


def _head(content_type: bytes, recipients: bytes, encryption: bytes, sizes: _Sizes) -> bytes:
    """Everything up to the content, from the inside out: each length counts what follows it as well."""
    whole = sizes.content + sizes.tail
    inner = der.identifier(DATA) + encryption + der.header(primitive_context(0), sizes.content)
    encrypted = der.header(SEQUENCE, len(inner) + sizes.content) + inner
    body = der.integer(0) + recipients + encrypted
    enveloped = der.header(SEQUENCE, len(body) + whole) + body
    typed = der.identifier(content_type) + der.header(context(0), len(enveloped) + whole) + enveloped
    return der.header(SEQUENCE, len(typed) + whole) + typed
