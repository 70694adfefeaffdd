"""Key-encryption keys: what wraps the data keys of segments, held outside the archive.

Owns naming a key by its id and wrapping with it. Must not know files, nor where a key's bytes come from.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.pipeline.ports import NotInArchive

KEY_BYTES = 32
KEY_ID_BYTES = 8
_NONCE_BYTES = 12
_ID_DOMAIN = b"gateway archive key-encryption key"


class ArchiveKeyMissing(NotInArchive):
    """The archive needs a key that it was not given; the text names the key's id and what to do."""


class WrappedWrong(ValueError):
    """Wrapped bytes were altered."""


@dataclass(frozen=True, slots=True)
class KeyEncryptionKey:
    """One key. `id` is made of the key, so that a wrong key is known before anything is tried with it."""

    id: str
    secret: bytes = field(repr=False)

    @classmethod
    def of(cls, secret: bytes) -> "KeyEncryptionKey":
        """The key of these 32 random bytes. Raises ValueError."""
        if len(secret) != KEY_BYTES:
            raise ValueError(f"An archive key has {KEY_BYTES} bytes, not {len(secret)}.")
        return cls(sha256(_ID_DOMAIN + secret).digest()[:KEY_ID_BYTES].hex(), secret)

    def wrap(self, plain: bytes, bound: bytes) -> bytes:
        """AES-256-GCM under a random nonce, which stands in front; `bound` is authenticated with it."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + AESGCM(self.secret).encrypt(nonce, plain, bound)

    def unwrap(self, wrapped: bytes, bound: bytes) -> bytes:
        """What was wrapped. Raises WrappedWrong."""
        try:
            return AESGCM(self.secret).decrypt(wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:], bound)
        except (InvalidTag, ValueError) as error:
            raise WrappedWrong("wrapped bytes do not fit their key") from error


class KeyRing:
    """The keys of one archive: the current one wraps, all unwrap."""

    def __init__(self, current: KeyEncryptionKey, older: Sequence[KeyEncryptionKey] = ()) -> None:
        self.current = current
        self._keys = {key.id: key for key in (*older, current)}

    @classmethod
    def of(cls, current: bytes, older: Sequence[bytes] = ()) -> "KeyRing":
        """Of the keys' bytes. Raises ValueError."""
        return cls(KeyEncryptionKey.of(current), [KeyEncryptionKey.of(secret) for secret in older])

    def with_older(self, key: KeyEncryptionKey) -> "KeyRing":
        """One key more that unwraps."""
        return KeyRing(self.current, [*self._keys.values(), key])

    def __contains__(self, key_id: str) -> bool:
        return key_id in self._keys

    def __repr__(self) -> str:
        return f"KeyRing({', '.join(self._keys)}; current {self.current.id})"

    def key(self, key_id: str) -> KeyEncryptionKey:
        """The key of this id. Raises ArchiveKeyMissing."""
        found = self._keys.get(key_id)
        if found is None:
            message = (
                f"The archive needs the key with id {key_id}, which is not among the keys given "
                f"({', '.join(self._keys)}): give it as an older key."
            )
            raise ArchiveKeyMissing(message)
        return found
