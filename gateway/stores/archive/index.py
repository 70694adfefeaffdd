"""Where the chunks of a body lie: the data of an index record, and finding a byte range in it. Pure.

Owns the index's format. Must not know records or files.
"""

import struct
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

# A chunk is what a reader must hold to get at one byte of it, and what one write hands to the kernel.
MAXIMUM_CHUNK_BYTES = 1 << 20

_ENTRY = struct.Struct("<QQII")
# An index lies in one record: 43,690 chunks, a body of 42 GB.
MAXIMUM_CHUNKS = MAXIMUM_CHUNK_BYTES // _ENTRY.size


@dataclass(frozen=True, slots=True)
class ChunkPlace:
    """Where one chunk of a body lies. `length` is the record's, `plain_size` the chunk's."""

    segment: int
    offset: int
    length: int
    plain_size: int


def encode_index(places: Sequence[ChunkPlace]) -> bytes:
    """The places of a body's chunks, in order, as the data of an index record."""
    return b"".join(_ENTRY.pack(place.segment, place.offset, place.length, place.plain_size) for place in places)


def decode_index(data: bytes) -> list[ChunkPlace]:
    """The places that an index record holds."""
    return [ChunkPlace(*fields) for fields in _ENTRY.iter_unpack(data)]


@dataclass(frozen=True, slots=True)
class Index:
    """The chunks of one body and where in it each begins."""

    places: list[ChunkPlace]
    begins: list[int]

    @classmethod
    def of(cls, places: list[ChunkPlace]) -> "Index":
        """Count where each begins."""
        return cls(places, list(accumulate((place.plain_size for place in places[:-1]), initial=0)))

    def between(self, start: int, end: int | None) -> Iterator[tuple[ChunkPlace, int]]:
        """The chunks that hold bytes `start` to `end`."""
        for number in range(max(0, bisect_right(self.begins, start) - 1), len(self.places)):
            if end is not None and self.begins[number] >= end:
                return
            yield self.places[number], self.begins[number]
