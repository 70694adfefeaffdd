"""One record of a segment: a fixed header, an extension, the stored bytes. Pure functions of bytes.

Owns the format. Must not know files. Version 1: little endian, a header of 28 bytes

    magic "GWA" | version u8 | flags u16 | extension size u16 | stored size u32 | plain size u32 | synced to u64
    | crc32 u32

then the extension (empty so far: the room for key id, nonce and hash chain of an encrypted record), then the stored
bytes. The CRC covers all but itself. `synced to` is the length of the segment that was known to be durable when
the record was written: recovery tells by it a torn tail, which nobody was promised, from damage.
"""

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntFlag

import zstandard

VERSION = 1
MAGIC = b"GWA" + bytes([VERSION])

# A chunk is what a reader must hold to get at one byte of it, and what one write hands to the kernel.
MAXIMUM_CHUNK_BYTES = 1 << 20

# zstd level 1: EDI shrinks to a sixth at 400 MB/s; level 3 gains 5 % more for twice the time.
COMPRESSION_LEVEL = 1

_HEADER = struct.Struct("<4sHHIIQ")
_CRC = struct.Struct("<I")
_ENTRY = struct.Struct("<QQII")
HEADER_BYTES = _HEADER.size + _CRC.size
# An index lies in one record: 43,690 chunks, a body of 42 GB.
MAXIMUM_CHUNKS = MAXIMUM_CHUNK_BYTES // _ENTRY.size


class Flag(IntFlag):
    """What is true of a record. Bits 8 and 16 are kept for encryption and the hash chain."""

    COMPRESSED = 1
    INDEX = 2  # the stored bytes are places of chunks
    FOOTER = 4  # the segment is sealed


class RecordDamaged(ValueError):
    """The bytes are no whole record; the text says what is wrong, never what they hold."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record as read. `data` is plain; `size_bytes` is what the record takes in its segment."""

    flags: Flag
    synced_to: int
    data: bytes
    size_bytes: int


@dataclass(frozen=True, slots=True)
class ChunkPlace:
    """Where one chunk of a body lies. `length` is the record's, `plain_size` the chunk's."""

    segment: int
    offset: int
    length: int
    plain_size: int


class Encoder:
    """Makes records; one per thread, since a compressor is not shared."""

    def __init__(self) -> None:
        self._compressor = zstandard.ZstdCompressor(level=COMPRESSION_LEVEL)

    def encode(self, data: bytes, flags: Flag, synced_to: int) -> bytes:
        """One record; compressed where that makes it smaller."""
        return _record(data, self._compressor.compress(data), flags, synced_to)

    def encode_all(self, chunks: Sequence[tuple[bytes, Flag]], synced_to: int) -> list[bytes]:
        """A record of each chunk.

        One call of the compressor for all: each call gives the interpreter lock away and has to wait for it again.
        """
        if len(chunks) == 1 or not all(data for data, _ in chunks):
            # Alone there is nothing to gain; nothing but empty chunks is what the call refuses.
            return [self.encode(data, flags, synced_to) for data, flags in chunks]
        compressed = self._compressor.multi_compress_to_buffer([data for data, _ in chunks], threads=0)
        return [
            _record(data, compressed[number].tobytes(), flags, synced_to) for number, (data, flags) in enumerate(chunks)
        ]


def _record(data: bytes, compressed: bytes, flags: Flag, synced_to: int) -> bytes:
    stored = data
    number = flags.value
    if len(compressed) < len(data):
        stored = compressed
        number |= Flag.COMPRESSED.value
    header = _HEADER.pack(MAGIC, number, 0, len(stored), len(data), synced_to)
    checksum = zlib.crc32(stored, zlib.crc32(header))
    return b"".join((header, _CRC.pack(checksum), stored))


def decode(buffer: bytes | memoryview, offset: int = 0) -> Record:
    """The record at `offset` of `buffer`. Raises RecordDamaged."""
    end_of_header = offset + HEADER_BYTES
    if len(buffer) < end_of_header:
        raise RecordDamaged("the header is cut off")
    magic, flags, extension_size, stored_size, plain_size, synced_to = _HEADER.unpack_from(buffer, offset)
    if magic != MAGIC:
        raise RecordDamaged("no record of a known version begins here")
    begin = end_of_header + extension_size
    end = begin + stored_size
    if plain_size > MAXIMUM_CHUNK_BYTES or stored_size > MAXIMUM_CHUNK_BYTES or end > len(buffer):
        raise RecordDamaged("the record is cut off")
    (checksum,) = _CRC.unpack_from(buffer, offset + _HEADER.size)
    view = memoryview(buffer)
    header_checksum = zlib.crc32(view[offset : offset + _HEADER.size])
    if zlib.crc32(view[end_of_header:end], header_checksum) != checksum:
        raise RecordDamaged("the checksum is wrong")
    stored = bytes(view[begin:end])
    return Record(Flag(flags), synced_to, _plain(stored, Flag(flags), plain_size), end - offset)


def _plain(stored: bytes, flags: Flag, plain_size: int) -> bytes:
    if Flag.COMPRESSED not in flags:
        return stored
    try:
        return zstandard.ZstdDecompressor().decompress(stored, max_output_size=plain_size)
    except zstandard.ZstdError as error:
        raise RecordDamaged("the compressed bytes are damaged") from error


def encode_index(places: list[ChunkPlace]) -> bytes:
    """The places of a body's chunks, in order, as the data of an index record."""
    return b"".join(_ENTRY.pack(place.segment, place.offset, place.length, place.plain_size) for place in places)


def decode_index(data: bytes) -> list[ChunkPlace]:
    """The places that an index record holds."""
    return [ChunkPlace(*fields) for fields in _ENTRY.iter_unpack(data)]
