"""What encrypts one record: its secret, the cipher, and the blinded commitment to its plaintext.

Owns how a record's secret is made of its segment's data key. Must not know where keys are kept.

Each record has a key of its own, made of the data key, its offset and a salt that is never used twice: so the nonce may
be constant. The offset alone would not do: it is written again after a torn or refused group was cut off there, and two
plaintexts under one key and nonce would give both away.
"""

import hashlib
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.stores.archive.hashing import sha256

DATA_KEY_BYTES = 32
SALT_BYTES = 16
# Half of it encrypts, half of it blinds.
SECRET_BYTES = 64
TAG_BYTES = 16

_NONCE = bytes(12)
_PERSON = b"gateway record"


class WrongKey(ValueError):
    """The bytes were not written under this key, or were altered since."""


@dataclass(frozen=True, slots=True)
class RecordSecret:
    """The one secret of one record; whoever has it reads that record and no other."""

    secret: bytes = field(repr=False)

    @property
    def blind(self) -> bytes:
        """Opens the commitment to whoever knows the plaintext, and decrypts nothing."""
        return self.secret[32:]

    def seal(self, plain: bytes, bound: bytes) -> bytes:
        """AES-256-GCM of `plain`; `bound` is authenticated with it."""
        return AESGCM(self.secret[:32]).encrypt(_NONCE, plain, bound)

    def open(self, stored: bytes, bound: bytes) -> bytes:
        """What was sealed. Raises WrongKey."""
        try:
            return AESGCM(self.secret[:32]).decrypt(_NONCE, stored, bound)
        except InvalidTag as error:
            raise WrongKey("the bytes do not fit their key") from error


def secret_of(data_key: bytes, offset: int, salt: bytes) -> RecordSecret:
    """The secret of the record at `offset`: keyed BLAKE2b (RFC 7693, 2.9), a third of the time of an HMAC."""
    place = offset.to_bytes(8, "little") + salt
    return RecordSecret(hashlib.blake2b(place, digest_size=SECRET_BYTES, key=data_key, person=_PERSON).digest())


def commitment_of(blind: bytes, *plain: bytes) -> bytes:
    """Stands for the plaintext in the chain; tells nothing of it without `blind`, even to whoever guesses it."""
    return sha256(b"plain" + blind, *plain)
