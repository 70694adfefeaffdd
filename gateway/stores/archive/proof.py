"""The proof that a head of the chain stands for a body, and its check: without files, without keys.

Owns what has to hold in it. Must not know the archive's folder. Pure.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from gateway.stores.archive.chain import BLOCK_RECORDS, Chain, ChainHead, digest_of
from gateway.stores.archive.cipher import commitment_of
from gateway.stores.archive.index import ChunkPlace, encode_index
from gateway.stores.archive.record import Flag, RecordDamaged, read_bound
from gateway.stores.archive.spans import from_us


@dataclass(frozen=True, slots=True)
class RecordProof:
    """One record of the body. `bound` is its header and its extension up to the commitment.

    `blind` opens the commitment to whoever has the plaintext; it decrypts nothing.
    """

    segment: int
    offset: int
    bound: bytes
    stored_sha256: bytes
    blind: bytes


@dataclass(frozen=True, slots=True)
class ShutBlock:
    """A block without a record of the body: its last link. Only the last block of a segment may be partly full."""

    link: bytes


@dataclass(frozen=True, slots=True)
class OpenBlock:
    """A block with a record of the body: the digests of all its records, in order."""

    digests: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class SegmentPath:
    """The chain through one segment: from the state before `blocks` to its end, or to the head of the proof.

    `skipped` full blocks come before, folded to `folded`. `records` is the number of records at the end.
    """

    segment: int
    skipped: int
    folded: bytes
    blocks: tuple[ShutBlock | OpenBlock, ...]
    records: int


@dataclass(frozen=True, slots=True)
class ChainProof:
    """From the head before the first segment of `paths` to `head`. `records` are in order, an index last."""

    records: tuple[RecordProof, ...]
    previous: bytes
    paths: tuple[SegmentPath, ...]
    head: ChainHead


@dataclass(frozen=True, slots=True)
class Proven:
    """The plaintext is what the archive kept; it was complete by `written_at`, by the archive's own clock."""

    head: ChainHead
    written_at: datetime


@dataclass(frozen=True, slots=True)
class NotProven:
    """What does not fit."""

    reason: str


class _Unfit(Exception):
    """A step of the check fails; the text says which."""


def check(proof: ChainProof, plaintext: Iterable[bytes]) -> Proven | NotProven:
    """Whether `plaintext`, in pieces of any size, is what the proof's head stands for.

    That the head itself is the archive's is for others to show: by a head noted elsewhere, or by the archive.

    1. Each record commits to its part of the plaintext, and an index to the order of the parts.
    2. The records' digests stand in the chain.
    3. The chain leads, without a gap between segments, to the head.
    """
    try:
        digests, written_at_us = _records(proof, plaintext)
        _chain(proof, digests)
    except _Unfit as error:
        return NotProven(str(error))
    except RecordDamaged as error:
        return NotProven(f"A record's header is malformed: {error}.")
    return Proven(proof.head, from_us(written_at_us))


def _records(proof: ChainProof, plaintext: Iterable[bytes]) -> tuple[dict[tuple[int, int], bytes], int]:
    """The digest of each record, by segment and number, and when the last of them was written."""
    digests: dict[tuple[int, int], bytes] = {}
    written_at_us = 0
    places: list[ChunkPlace] = []
    parts = _Parts(plaintext)
    for position, record in enumerate(proof.records):
        flags, size, plain_size, stamp = read_bound(record.bound)
        is_last = position == len(proof.records) - 1
        if (Flag.INDEX in flags) is not (is_last and len(proof.records) > 1) or stamp.facts:
            raise _Unfit("The records are not those of one body.")
        pieces = [encode_index(places)] if Flag.INDEX in flags else list(parts.take(plain_size))
        if sum(map(len, pieces)) != plain_size:
            raise _Unfit("The body has another length than what was archived.")
        places.append(ChunkPlace(record.segment, record.offset, size, plain_size))
        commitment = commitment_of(record.blind, *pieces)
        digest = digest_of(record.segment, record.offset, record.bound, record.stored_sha256, commitment)
        digests[record.segment, stamp.number] = digest
        written_at_us = stamp.written_at_us
    if not proof.records or any(parts.take(1)):
        raise _Unfit("The body has another length than what was archived.")
    return digests, written_at_us


class _Parts:
    """A plaintext in pieces of any size, taken in parts of a given size."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._rest = b""

    def take(self, size_bytes: int) -> Iterator[bytes]:
        """The next bytes, fewer only at the end."""
        while size_bytes:
            if not self._rest:
                found = next(self._pieces, None)
                if found is None:
                    return
                self._rest = found
                continue
            part, self._rest = self._rest[:size_bytes], self._rest[size_bytes:]
            size_bytes -= len(part)
            yield part


def _chain(proof: ChainProof, digests: dict[tuple[int, int], bytes]) -> None:
    missing = dict(digests)
    previous = proof.previous
    head: ChainHead | None = None
    for path in proof.paths:
        if head is not None and path.segment != head.segment + 1:
            raise _Unfit("The chain leaves out a segment.")
        chain = Chain(path.segment, previous, path.skipped * BLOCK_RECORDS, path.folded)
        for block in path.blocks:
            _follow(chain, block, path.records, missing)
        if chain.records != path.records:
            raise _Unfit("The chain leaves out records of a segment.")
        head = chain.head()
        previous = head.value
    if missing:
        raise _Unfit("The body, or a record of it, is not what the chain stands for.")
    if head != proof.head:
        raise _Unfit("The chain does not lead to the head that the proof names.")


def _follow(chain: Chain, block: ShutBlock | OpenBlock, records: int, missing: dict[tuple[int, int], bytes]) -> None:
    match block:
        case ShutBlock(link) if chain.records % BLOCK_RECORDS == 0 and records - chain.records >= BLOCK_RECORDS:
            chain.skip_block(link)
        case ShutBlock(link) if chain.records % BLOCK_RECORDS == 0:
            chain.records, chain.link = records, link
        case ShutBlock():
            raise _Unfit("The blocks of the chain are malformed.")
        case OpenBlock(digests):
            for digest in digests:
                wanted = missing.pop((chain.segment, chain.records), digest)
                if wanted != digest:
                    raise _Unfit("The body, or a record of it, is not what the chain stands for.")
                chain.add(digest)
