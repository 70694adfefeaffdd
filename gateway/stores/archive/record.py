"""One record of a segment: a fixed header, an extension, the stored bytes. Pure functions of bytes.

Owns the format. Must not know files, keys, or how links are made. Version 2: little endian, a header of 28 bytes

    magic "GWA" | version u8 | flags u16 | extension size u16 | stored size u32 | plain size u32 | synced to u64
    | crc32 u32

then the extension

    number in the segment u32 | written at u64 (microseconds since 1970) | salt (16) | facts | commitment (32)
    | link (32)

then the stored bytes: AES-256-GCM of the data, which is zstd where that is smaller. The CRC covers all but itself, so
that a torn tail is found without a key. `synced to` is the length of the segment that was known to be durable when the
record was written: recovery tells by it a torn tail, which nobody was promised, from damage.

A segment begins with an opening and, when sealed, ends with a footer. Both hold no data but facts, which are read
without a key (opening: segment u64, head of the segment before; footer: records so far u64, last written at u64, blocks
and link so far).
"""

import struct
import zlib
from dataclasses import dataclass
from enum import IntFlag
from typing import NamedTuple

from gateway.stores.archive.chain import DIGEST_BYTES, Chain
from gateway.stores.archive.cipher import SALT_BYTES, TAG_BYTES
from gateway.stores.archive.index import MAXIMUM_CHUNK_BYTES

VERSION = 2
FAMILY = b"GWA"
MAGIC = FAMILY + bytes([VERSION])

_HEADER = struct.Struct("<4sHHIIQ")
_CRC = struct.Struct("<I")
_STAMP = struct.Struct(f"<IQ{SALT_BYTES}s")
_OPENING = struct.Struct(f"<Q{DIGEST_BYTES}s")
_FOOTER = struct.Struct(f"<QQ{DIGEST_BYTES}s{DIGEST_BYTES}s")
_CHAINED_BYTES = 2 * DIGEST_BYTES
HEADER_BYTES = _HEADER.size + _CRC.size
_LEAST_EXTENSION_BYTES = _STAMP.size + _CHAINED_BYTES
OPENING_BYTES = HEADER_BYTES + _LEAST_EXTENSION_BYTES + _OPENING.size + TAG_BYTES
FOOTER_BYTES = HEADER_BYTES + _LEAST_EXTENSION_BYTES + _FOOTER.size + TAG_BYTES


class Flag(IntFlag):
    """What is true of a record."""

    COMPRESSED = 1
    INDEX = 2  # the stored bytes are places of chunks
    FOOTER = 4  # the segment is sealed
    OPENING = 8  # the segment begins


class RecordDamaged(ValueError):
    """The bytes are no whole record; the text says what is wrong, never what they hold."""


class Stamp(NamedTuple):
    """What a record says of itself before anything is encrypted. `facts` only an opening and a footer have."""

    number: int
    written_at_us: int
    salt: bytes
    facts: bytes


class Frame(NamedTuple):
    """One record as it lies, still encrypted. A tuple: recovery makes one for each record of a segment.

    `bound` is the header and the extension up to the commitment: what cipher and chain hold together.
    """

    flags: Flag
    plain_size: int
    synced_to: int
    stamp: Stamp
    bound: bytes
    commitment: bytes
    link: bytes
    stored: bytes
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Opening:
    """The facts of a segment's first record."""

    segment: int
    previous: bytes


@dataclass(frozen=True, slots=True)
class Footer:
    """The facts of a sealed segment's last record: the chain before it, and when the record before it was written."""

    records: int
    last_written_at_us: int
    blocks: bytes
    link: bytes


def bound_of(flags: int, stored_size: int, plain_size: int, synced_to: int, stamp: Stamp) -> bytes:
    """Header and extension up to the commitment."""
    extension_size = _LEAST_EXTENSION_BYTES + len(stamp.facts)
    header = _HEADER.pack(MAGIC, flags, extension_size, stored_size, plain_size, synced_to)
    return header + _STAMP.pack(stamp.number, stamp.written_at_us, stamp.salt) + stamp.facts


def assemble(bound: bytes, commitment: bytes, link: bytes, stored: bytes) -> bytes:
    """The whole record."""
    header = bound[: _HEADER.size]
    extension = b"".join((bound[_HEADER.size :], commitment, link))
    checksum = zlib.crc32(stored, zlib.crc32(extension, zlib.crc32(header)))
    return b"".join((header, _CRC.pack(checksum), extension, stored))


def size_at(buffer: bytes | memoryview, offset: int) -> int:
    """How long the record at `offset` says it is. Raises RecordDamaged where that cannot be."""
    if len(buffer) < offset + HEADER_BYTES:
        raise RecordDamaged("the header is cut off")
    magic, _, extension_size, stored_size, plain_size, _ = _HEADER.unpack_from(buffer, offset)
    if magic != MAGIC:
        raise RecordDamaged("no record of a known version begins here")
    if plain_size > MAXIMUM_CHUNK_BYTES or stored_size > MAXIMUM_CHUNK_BYTES + TAG_BYTES:
        raise RecordDamaged("its size is not possible")
    if extension_size < _LEAST_EXTENSION_BYTES or stored_size < TAG_BYTES:
        raise RecordDamaged("its size is not possible")
    size = int(HEADER_BYTES + extension_size + stored_size)
    if offset + size > len(buffer):
        raise RecordDamaged("the record is cut off")
    return size


def read_frame(buffer: bytes | memoryview, offset: int = 0) -> Frame:
    """The record at `offset` of `buffer`, its checksum right. Raises RecordDamaged."""
    size = size_at(buffer, offset)
    end = offset + size
    _, flags, extension_size, stored_size, plain_size, synced_to = _HEADER.unpack_from(buffer, offset)
    (checksum,) = _CRC.unpack_from(buffer, offset + _HEADER.size)
    view = memoryview(buffer)
    header = view[offset : offset + _HEADER.size]
    if zlib.crc32(view[offset + HEADER_BYTES : end], zlib.crc32(header)) != checksum:
        raise RecordDamaged("the checksum is wrong")
    begin = offset + HEADER_BYTES
    chained = begin + extension_size - _CHAINED_BYTES
    bound = bytes(header) + bytes(view[begin:chained])
    commitment, link = (
        bytes(view[chained : chained + DIGEST_BYTES]),
        bytes(view[chained + DIGEST_BYTES : end - stored_size]),
    )
    stored = bytes(view[end - stored_size : end])
    return Frame(Flag(flags), plain_size, synced_to, _stamp_of(bound), bound, commitment, link, stored, size)


def _stamp_of(bound: bytes) -> Stamp:
    begin = _HEADER.size + _STAMP.size
    number, written_at_us, salt = _STAMP.unpack_from(bound, _HEADER.size)
    return Stamp(number, written_at_us, salt, bound[begin:])


def read_bound(bound: bytes) -> tuple[Flag, int, int, Stamp]:
    """Flags, size of the record, size of its plaintext and stamp. Raises RecordDamaged."""
    if len(bound) < _HEADER.size + _STAMP.size:
        raise RecordDamaged("the header is cut off")
    magic, flags, extension_size, stored_size, plain_size, _ = _HEADER.unpack_from(bound)
    if magic != MAGIC or len(bound) != _HEADER.size + extension_size - _CHAINED_BYTES:
        raise RecordDamaged("no record of a known version begins here")
    return Flag(flags), HEADER_BYTES + extension_size + stored_size, plain_size, _stamp_of(bound)


def opening_facts(segment: int, previous: bytes) -> bytes:
    """The facts of a segment's first record."""
    return _OPENING.pack(segment, previous)


def footer_facts(chain: Chain, last_written_at_us: int) -> bytes:
    """The facts of the record that seals a segment."""
    return _FOOTER.pack(chain.records, last_written_at_us, chain.blocks, chain.link)


def opening_of(frame: Frame) -> Opening:
    """The facts of an opening. Raises RecordDamaged where it is none."""
    if Flag.OPENING not in frame.flags or len(frame.stamp.facts) != _OPENING.size or frame.stamp.number != 0:
        raise RecordDamaged("a segment does not begin like this")
    return Opening(*_OPENING.unpack(frame.stamp.facts))


def footer_of(frame: Frame) -> Footer:
    """The facts of a footer. Raises RecordDamaged where it is none."""
    if Flag.FOOTER not in frame.flags or len(frame.stamp.facts) != _FOOTER.size:
        raise RecordDamaged("a segment does not end like this")
    return Footer(*_FOOTER.unpack(frame.stamp.facts))
