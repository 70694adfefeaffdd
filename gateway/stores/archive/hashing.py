"""SHA-256, cheap for what is small. Must not know what is hashed."""

import hashlib

# hashlib gives the interpreter lock away from 2,048 bytes on, and to get it back costs more than to hash a few KB.
SMALL_BYTES = 16 << 10
HASHED_BYTES = 2047


def sha256(first: bytes, *pieces: bytes) -> bytes:
    """The digest of all of them, one behind the other; what is short is better joined before."""
    if not pieces and len(first) <= HASHED_BYTES:
        return hashlib.sha256(first).digest()
    digest = hashlib.sha256()
    for piece in (first, *pieces):
        if HASHED_BYTES < len(piece) <= SMALL_BYTES:
            for begin in range(0, len(piece), HASHED_BYTES):
                digest.update(piece[begin : begin + HASHED_BYTES])
        else:
            digest.update(piece)
    return digest.digest()
