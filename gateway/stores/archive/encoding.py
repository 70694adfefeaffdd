"""Data into records and back: compression, encryption, chaining, in that order.

Owns the order and the level of compression. Must not know files, nor where keys come from.
"""

import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass

import zstandard

from gateway.stores.archive.chain import Chain, digest_of
from gateway.stores.archive.cipher import TAG_BYTES, RecordSecret, WrongKey, commitment_of, secret_of
from gateway.stores.archive.hashing import sha256
from gateway.stores.archive.record import Flag, Frame, RecordDamaged, Stamp, assemble, bound_of

# zstd level 1: EDI shrinks to a sixth at 400 MB/s; level 3 gains 5 % more for twice the time.
COMPRESSION_LEVEL = 1
_SESSION_BYTES = 8
# A decompressor is not shared by threads, and to make one takes longer than to read a small record with it.
_OF_THREAD = threading.local()


@dataclass(frozen=True, slots=True)
class Draft:
    """What is to become a record. `facts` only an opening and a footer have."""

    data: bytes
    flags: Flag
    facts: bytes = b""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the next records go, and what they say of their surroundings."""

    data_key: bytes
    offset: int
    synced_to: int
    written_at_us: int


class Encoder:
    """Makes records; one per thread, since a compressor is not shared."""

    def __init__(self) -> None:
        self._compressor = zstandard.ZstdCompressor(level=COMPRESSION_LEVEL)
        # A salt is the session's random bits and a count that is never set back: no two records share one, and random
        # bits are drawn once, as drawing them gives the interpreter lock away.
        self._session = os.urandom(_SESSION_BYTES)
        self._count = 0

    def encode(self, drafts: Sequence[Draft], place: Place, chain: Chain) -> list[bytes]:
        """A record of each draft, one behind the other; `chain` goes on over them."""
        records: list[bytes] = []
        offset = place.offset
        for draft, compressed in zip(drafts, self._compressed(drafts), strict=True):
            record = self._record(draft, compressed, place, offset, chain)
            records.append(record)
            offset += len(record)
        return records

    def _compressed(self, drafts: Sequence[Draft]) -> list[bytes]:
        """One call of the compressor for all: each gives the interpreter lock away and has to wait for it again."""
        filled: list[bytes | bytearray | memoryview] = [draft.data for draft in drafts if draft.data]
        if len(filled) <= 1:
            return [self._compressor.compress(draft.data) if draft.data else b"" for draft in drafts]
        compressed = iter(self._compressor.multi_compress_to_buffer(filled, threads=0))
        return [next(compressed).tobytes() if draft.data else b"" for draft in drafts]

    def _record(self, draft: Draft, compressed: bytes, place: Place, offset: int, chain: Chain) -> bytes:
        # Numbers: to unite flags of an enum takes longer than to encrypt.
        flags, plain = draft.flags.value, draft.data
        if len(compressed) < len(plain):
            flags, plain = flags | Flag.COMPRESSED.value, compressed
        self._count += 1
        salt = self._session + self._count.to_bytes(8, "little")
        stamp = Stamp(chain.records, place.written_at_us, salt, draft.facts)
        bound = bound_of(flags, len(plain) + TAG_BYTES, len(draft.data), place.synced_to, stamp)
        secret = secret_of(place.data_key, offset, salt)
        stored = secret.seal(plain, bound)
        commitment = commitment_of(secret.blind, draft.data)
        link = chain.add(digest_of(chain.segment, offset, bound, sha256(stored), commitment))
        return assemble(bound, commitment, link, stored)


def decode(frame: Frame, secret: RecordSecret) -> bytes:
    """The data of a record. Raises RecordDamaged."""
    try:
        plain = secret.open(frame.stored, frame.bound)
        if Flag.COMPRESSED in frame.flags:
            plain = _decompressor().decompress(plain, max_output_size=frame.plain_size)
    except WrongKey as error:
        raise RecordDamaged("its bytes do not fit its key") from error
    except zstandard.ZstdError as error:
        raise RecordDamaged("the compressed bytes are damaged") from error
    if len(plain) != frame.plain_size:
        raise RecordDamaged("its size is not what was written")
    return plain


def _decompressor() -> zstandard.ZstdDecompressor:
    found: zstandard.ZstdDecompressor | None = getattr(_OF_THREAD, "decompressor", None)
    if found is None:
        found = _OF_THREAD.decompressor = zstandard.ZstdDecompressor()
    return found
