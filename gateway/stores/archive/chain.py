"""The hash chain over all records of the archive, in order. Pure functions of bytes.

Owns how a record's digest, its link and the head of the chain are made. Must not know keys or files.

- digest: SHA-256 over a record's place, its header and extension, the SHA-256 of what is stored, and the commitment to
  the plaintext. Without the key it says nothing about the plaintext: a commitment is blinded.
- link: SHA-256(link before, digest), kept in each record; it begins with zeros for every block of 256 records.
- blocks: SHA-256(blocks before, last link of a full block).
- head: SHA-256 over the head of the segment before, the number of records, blocks and link.

So a head stands for every record before it, and yet a proof for one record skips a block, or a segment, for 32 bytes.
"""

import re
import struct
from dataclasses import dataclass, replace
from typing import Self

from gateway.stores.archive.hashing import sha256

DIGEST_BYTES = 32
ZERO = bytes(DIGEST_BYTES)
# About the square root of the records of a full segment: a proof names the records of one block and the other blocks.
BLOCK_RECORDS = 256

_PLACE = struct.Struct("<6sQQQ")
_HEAD = re.compile(r"(\d{12}):(\d+):([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class ChainHead:
    """What the chain comes to after `records` records of `segment`. Its text is what an auditor notes elsewhere."""

    segment: int
    records: int
    value: bytes

    def __str__(self) -> str:
        return f"{self.segment:012d}:{self.records}:{self.value.hex()}"

    @classmethod
    def parse(cls, text: str) -> "ChainHead":
        """The head that was noted. Raises ValueError."""
        found = _HEAD.fullmatch(text.strip())
        if found is None:
            raise ValueError("A chain head is a segment, a number of records and 64 hexadecimal digits, with colons.")
        return cls(int(found[1]), int(found[2]), bytes.fromhex(found[3]))


# What an archive without records has.
NO_RECORDS = ChainHead(0, 0, ZERO)


def digest_of(segment: int, offset: int, bound: bytes, stored_sha256: bytes, commitment: bytes) -> bytes:
    """The digest of one record; `bound` is its header and its extension up to the commitment."""
    return sha256(_PLACE.pack(b"record", segment, offset, len(bound)) + bound + stored_sha256 + commitment)


def link_of(before: bytes, digest: bytes) -> bytes:
    """The link of a record."""
    return sha256(b"link" + before + digest)


@dataclass(slots=True)
class Chain:
    """The chain within one segment, so far. `previous` is the head of the segment before."""

    segment: int
    previous: bytes
    records: int = 0
    blocks: bytes = ZERO
    link: bytes = ZERO

    def add(self, digest: bytes) -> bytes:
        """Go on by one record; returns its link."""
        link = link_of(self.link, digest)
        self.follow(link)
        return link

    def follow(self, link: bytes) -> None:
        """Go on by one record whose link is known."""
        self.records += 1
        self.link = link
        if self.records % BLOCK_RECORDS == 0:
            self.blocks = sha256(b"block" + self.blocks + link)
            self.link = ZERO

    def skip_block(self, link: bytes) -> None:
        """Go on by a whole block whose last link is known."""
        self.records += BLOCK_RECORDS - 1
        self.follow(link)

    def head(self) -> ChainHead:
        """What stands for all records so far."""
        place = _PLACE.pack(b"head", self.segment, self.records, len(self.previous))
        value = sha256(place + self.previous + self.blocks + self.link)
        return ChainHead(self.segment, self.records, value)

    def copy(self) -> Self:
        """The same, to go on with on trial."""
        return replace(self)
