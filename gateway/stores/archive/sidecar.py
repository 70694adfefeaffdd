"""The file beside a segment that holds its keys, wrapped. Pure functions of bytes.

Owns the format. Must not know files. Version 1: little endian

    magic "GWK" | version u8 | state u32 | segment u64 | shredded at u64 (microseconds since 1970, 0 = never)
    | id of the wrapping key (8) | wrapped size u32 | wrapped | crc32 u32

Wrapped is the data key, or, once retention destroyed that, the secrets of the records that are kept: offset u64 and
secret (64) of each, none where all is destroyed. The CRC covers all before it: an altered bit is found without a key.
"""

import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from gateway.stores.archive.cipher import DATA_KEY_BYTES, SECRET_BYTES
from gateway.stores.archive.keys import KEY_ID_BYTES, KeyEncryptionKey, KeyRing, WrappedWrong

MAGIC = b"GWK\x01"
_HEADER = struct.Struct(f"<4sIQQ{KEY_ID_BYTES}sI")
_CRC = struct.Struct("<I")
_KEPT = struct.Struct(f"<Q{SECRET_BYTES}s")


class SidecarDamaged(ValueError):
    """The bytes are no whole sidecar; the text says what is wrong."""


class KeyState(Enum):
    """What can still be read of a segment."""

    WHOLE = 1
    PUNCTURED = 2
    DESTROYED = 3


@dataclass(frozen=True, slots=True)
class WholeKey:
    """The data key: every record of the segment can be read."""

    data_key: bytes = field(repr=False)

    @property
    def state(self) -> KeyState:
        """As the sidecar says it."""
        return KeyState.WHOLE


@dataclass(frozen=True, slots=True)
class KeptSecrets:
    """Retention destroyed the data key and kept the secrets of these records, by offset."""

    secrets: Mapping[int, bytes] = field(repr=False)
    shredded_at_us: int

    @property
    def state(self) -> KeyState:
        """As the sidecar says it."""
        return KeyState.PUNCTURED if self.secrets else KeyState.DESTROYED


SegmentKeys = WholeKey | KeptSecrets


@dataclass(frozen=True, slots=True)
class Sidecar:
    """A sidecar as it lies, still wrapped: what can be said without a key."""

    segment: int
    state: KeyState
    shredded_at_us: int
    key_id: str
    bound: bytes = field(repr=False)
    wrapped: bytes = field(repr=False)

    def unwrap(self, ring: KeyRing) -> SegmentKeys:
        """The keys. Raises ArchiveKeyMissing, SidecarDamaged."""
        try:
            plain = ring.key(self.key_id).unwrap(self.wrapped, self.bound)
        except WrappedWrong as error:
            raise SidecarDamaged("its wrapped keys were altered") from error
        if self.state is KeyState.WHOLE:
            if len(plain) != DATA_KEY_BYTES:
                raise SidecarDamaged("its data key has a wrong size")
            return WholeKey(plain)
        if len(plain) % _KEPT.size:
            raise SidecarDamaged("its kept secrets have a wrong size")
        return KeptSecrets(dict(_KEPT.iter_unpack(plain)), self.shredded_at_us)


def encode_sidecar(segment: int, keys: SegmentKeys, wrapping: KeyEncryptionKey) -> bytes:
    """The bytes of a sidecar."""
    if isinstance(keys, WholeKey):
        shredded_at_us, plain = 0, keys.data_key
    else:
        shredded_at_us = keys.shredded_at_us
        plain = b"".join(_KEPT.pack(offset, secret) for offset, secret in sorted(keys.secrets.items()))
    key_id = bytes.fromhex(wrapping.id)
    bound = _HEADER.pack(MAGIC, keys.state.value, segment, shredded_at_us, key_id, 0)
    wrapped = wrapping.wrap(plain, bound)
    content = _HEADER.pack(MAGIC, keys.state.value, segment, shredded_at_us, key_id, len(wrapped)) + wrapped
    return content + _CRC.pack(zlib.crc32(content))


def decode_sidecar(data: bytes) -> Sidecar:
    """A sidecar, its checksum right, still wrapped. Raises SidecarDamaged."""
    if len(data) < _HEADER.size + _CRC.size:
        raise SidecarDamaged("it is cut off")
    magic, state, segment, shredded_at_us, key_id, wrapped_size = _HEADER.unpack_from(data)
    if magic != MAGIC:
        raise SidecarDamaged("it is of no known version")
    if len(data) != _HEADER.size + wrapped_size + _CRC.size:
        raise SidecarDamaged("its size is wrong")
    if zlib.crc32(data[: -_CRC.size]) != _CRC.unpack_from(data, len(data) - _CRC.size)[0]:
        raise SidecarDamaged("its checksum is wrong")
    try:
        known = KeyState(state)
    except ValueError as error:
        raise SidecarDamaged("it is in no known state") from error
    bound = _HEADER.pack(MAGIC, state, segment, shredded_at_us, key_id, 0)
    wrapped = data[_HEADER.size : -_CRC.size]
    return Sidecar(segment, known, shredded_at_us, key_id.hex(), bound, wrapped)
