"""Why GCM can be read before its associated data: a tag is linear in them (NIST SP 800-38D section 6.4).

Owns arithmetic in GF(2^128). Must not know messages. AuthEnvelopedData has the attributes that are authenticated with
the content behind it, while OpenSSL wants them before: the content is read as if there were none, and the tag is
corrected by what they would have added to it.
"""

from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES

BLOCK_BYTES: Final = 16
# x^128 + x^7 + x^2 + x + 1, bits in GCM's order: the coefficient of 1 is the highest bit.
_REDUCTION: Final = 0xE1 << 120
_ONE: Final = 1 << 127


def without_associated_data(tag: bytes, key: bytes, content_bytes: int, associated_data: bytes) -> bytes:
    """The tag, of whatever length, that the same ciphertext of that size has with no associated data."""
    encryptor = Cipher(AES(key), modes.ECB()).encryptor()  # noqa: S305 - one block of zeros: GCM's own definition of H
    hash_key = int.from_bytes(encryptor.update(bytes(BLOCK_BYTES)), "big")
    digest = 0
    for start in range(0, len(associated_data), BLOCK_BYTES):
        block = associated_data[start : start + BLOCK_BYTES].ljust(BLOCK_BYTES, b"\0")
        digest = _product(digest ^ int.from_bytes(block, "big"), hash_key)
    content_blocks = -(-content_bytes // BLOCK_BYTES)
    digest = _product(digest, _power(hash_key, content_blocks))
    # The last block holds the sizes in bits, that of the associated data in its upper half.
    digest = _product(digest ^ (len(associated_data) * 8 << 64), hash_key)
    added = digest.to_bytes(BLOCK_BYTES, "big")
    return bytes(octet ^ other for octet, other in zip(tag, added, strict=False))


def _product(one: int, other: int) -> int:
    product = 0
    for bit in range(127, -1, -1):
        if one >> bit & 1:
            product ^= other
        other = other >> 1 ^ _REDUCTION if other & 1 else other >> 1
    return product


def _power(base: int, exponent: int) -> int:
    power = _ONE
    while exponent:
        if exponent & 1:
            power = _product(power, base)
        base = _product(base, base)
        exponent >>= 1
    return power
