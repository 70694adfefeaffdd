"""Content ciphers: their keys, their parameters (RFC 3370, 3565, 5084), and decryption of what streams by.

Owns padding and tags. Must not know messages or recipients.
"""

from typing import Final, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.padding import PKCS7

from gateway.envelopes.as2.cms import der
from gateway.envelopes.as2.cms.algorithms import parse_algorithm
from gateway.envelopes.as2.cms.ber import END, SEQUENCE, Cursor
from gateway.envelopes.as2.cms.errors import CmsError, DecryptionFailed, UnsupportedAlgorithm
from gateway.envelopes.as2.cms.galois import without_associated_data
from gateway.envelopes.as2.cms.identifiers import ENCRYPTION_BY_IDENTIFIER, ENCRYPTIONS, dotted
from gateway.envelopes.as2.profile import EncryptionAlgorithm

TAG_BYTES: Final = 16
NONCE_BYTES: Final = 12
# Up to this size memory for the output is taken from what is there, beyond it from the operating system, page by page:
# 0.16 against 0.9 ms for each MB.
STEP_BYTES: Final = 64 << 10
# RFC 5084 section 3.2: what aes-ICVlen may be, and is where it is not said.
_LEAST_TAG_BYTES = 12
# What OpenSSL takes for a nonce of GCM.
_NONCE_BYTES = range(8, 129)


class Kind(NamedTuple):
    """Sizes of a cipher. A block of 1 is the one of a counter mode."""

    key_bytes: int
    block_bytes: int
    is_authenticated: bool


KINDS: dict[EncryptionAlgorithm, Kind] = {
    EncryptionAlgorithm.TRIPLE_DES: Kind(24, 8, is_authenticated=False),
    EncryptionAlgorithm.AES128_CBC: Kind(16, 16, is_authenticated=False),
    EncryptionAlgorithm.AES192_CBC: Kind(24, 16, is_authenticated=False),
    EncryptionAlgorithm.AES256_CBC: Kind(32, 16, is_authenticated=False),
    EncryptionAlgorithm.AES128_GCM: Kind(16, 1, is_authenticated=True),
    EncryptionAlgorithm.AES192_GCM: Kind(24, 1, is_authenticated=True),
    EncryptionAlgorithm.AES256_GCM: Kind(32, 1, is_authenticated=True),
}


class ContentDecryption(NamedTuple):
    """A content encryption algorithm and its parameters. `tag_bytes` is 0 where nothing is authenticated."""

    algorithm: EncryptionAlgorithm
    kind: Kind
    start: bytes
    tag_bytes: int

    def decryptor(self, key: bytes) -> "CbcDecryptor | GcmDecryptor":
        """Ready to decrypt with a key of the right size."""
        if self.kind.is_authenticated:
            return GcmDecryptor(key, self.start, self.tag_bytes)
        return CbcDecryptor(
            TripleDES(key) if self.algorithm is EncryptionAlgorithm.TRIPLE_DES else AES(key), self.start
        )


def decryption_of(encoded: bytes) -> ContentDecryption:
    """A content encryption algorithm. Raises CmsError, of it UnsupportedAlgorithm."""
    usual = _USUAL_CBC.get(encoded[:-_AES_BLOCK_BYTES])
    if usual is not None:
        return ContentDecryption(usual, KINDS[usual], encoded[-_AES_BLOCK_BYTES:], 0)
    identifier, parameters = parse_algorithm(encoded)
    found = ENCRYPTION_BY_IDENTIFIER.get(identifier)
    if found is None:
        raise UnsupportedAlgorithm(f"The content encryption {dotted(identifier)} is not supported.")
    kind = KINDS[found]
    cursor = Cursor(parameters)
    if kind.is_authenticated:
        return _gcm(cursor, found, kind)
    initial = cursor.octets()
    if len(initial) != kind.block_bytes:
        raise CmsError("An initial vector is as long as a block.")
    return ContentDecryption(found, kind, initial, 0)


def written_cbc(algorithm: EncryptionAlgorithm, initial: bytes) -> bytes:
    """A cipher in CBC mode and its initial vector, encoded."""
    return der.element(SEQUENCE, der.identifier(ENCRYPTIONS[algorithm]), der.octet_string(initial))


def written_gcm(algorithm: EncryptionAlgorithm, nonce: bytes) -> bytes:
    """AES-GCM, its nonce and the size of its tag, encoded."""
    parameters = der.element(SEQUENCE, der.octet_string(nonce), der.integer(TAG_BYTES))
    return der.element(SEQUENCE, der.identifier(ENCRYPTIONS[algorithm]), parameters)


# AES-CBC is nearly always encoded like this, up to the initial vector: comparing is cheaper than reading.
_AES_BLOCK_BYTES: Final = 16
_USUAL_CBC = {
    written_cbc(algorithm, bytes(_AES_BLOCK_BYTES))[:-_AES_BLOCK_BYTES]: algorithm
    for algorithm, kind in KINDS.items()
    if kind.block_bytes == _AES_BLOCK_BYTES
}


class CbcDecryptor:
    """CBC with PKCS 7 padding (RFC 5652 section 6.3). The last block is held back: only the end tells the padding."""

    def __init__(self, cipher: AES | TripleDES, initial: bytes) -> None:
        self._context = Cipher(cipher, modes.CBC(initial)).decryptor()
        self._block_bytes = len(initial)
        self._held = b""  # ciphertext

    def feed(self, data: bytes | memoryview) -> list[bytes]:
        """Plaintext so far."""
        pieces = []
        update = self._context.update
        if len(data) < self._block_bytes:
            data = self._held + bytes(data)
        elif self._held:
            pieces.append(update(self._held))
        view = memoryview(data)
        end = max(0, len(view) - self._block_bytes)
        for start in range(0, end, STEP_BYTES):
            pieces.append(update(view[start : min(start + STEP_BYTES, end)]))  # noqa: PERF401 - mostly there is one
        self._held = bytes(view[end:])
        return pieces

    def finish(self) -> bytes:
        """What is left of the last block without its padding. Raises DecryptionFailed."""
        unpadder = PKCS7(self._block_bytes * 8).unpadder()
        try:
            last = self._context.update(self._held)
            self._context.finalize()
            return unpadder.update(last) + unpadder.finalize()
        except ValueError:
            raise DecryptionFailed from None


class GcmDecryptor:
    """AES-GCM (RFC 5084). What `feed` gives is not to be believed before `finish` has compared the tag."""

    def __init__(self, key: bytes, nonce: bytes, tag_bytes: int) -> None:
        self._key = key
        self._tag_bytes = tag_bytes
        self._context = Cipher(AES(key), modes.GCM(nonce, None, _LEAST_TAG_BYTES)).decryptor()
        self._size = 0

    def feed(self, data: bytes | memoryview) -> list[bytes]:
        """Plaintext so far."""
        self._size += len(data)
        update = self._context.update
        return [update(data[start : start + STEP_BYTES]) for start in range(0, len(data), STEP_BYTES)]

    def finish(self, tag: bytes, associated_data: bytes) -> None:
        """Compare the tag. Raises DecryptionFailed."""
        if len(tag) != self._tag_bytes:
            raise DecryptionFailed
        if associated_data:
            tag = without_associated_data(tag, self._key, self._size, associated_data)
        try:
            self._context.finalize_with_tag(tag)
        except InvalidTag:
            raise DecryptionFailed from None


def _gcm(cursor: Cursor, algorithm: EncryptionAlgorithm, kind: Kind) -> ContentDecryption:
    cursor.enter(SEQUENCE)
    nonce = cursor.octets()
    tag_bytes = _LEAST_TAG_BYTES if cursor.tag() == END else cursor.integer()
    cursor.leave()
    if len(nonce) not in _NONCE_BYTES or not _LEAST_TAG_BYTES <= tag_bytes <= TAG_BYTES:
        raise CmsError("The nonce or the tag of AES-GCM has a size that is not allowed.")
    return ContentDecryption(algorithm, kind, nonce, tag_bytes)
