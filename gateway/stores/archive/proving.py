"""Making the proof for a body from the archive's files.

Owns the walk through the segments. Must not know how a proof is checked. Blocks; needs the keys of the body alone.
"""

from collections.abc import Collection
from itertools import islice
from pathlib import Path

from gateway.model.exchange import ArchiveReference
from gateway.pipeline.ports import NotInArchive
from gateway.stores.archive.chain import BLOCK_RECORDS, ZERO, Chain, ChainHead
from gateway.stores.archive.ends import frame_digest, read_opening, sealed_ends
from gateway.stores.archive.files import Files
from gateway.stores.archive.hashing import sha256
from gateway.stores.archive.index import ChunkPlace
from gateway.stores.archive.keeping import KeyStore
from gateway.stores.archive.keys import KeyRing
from gateway.stores.archive.proof import ChainProof, OpenBlock, RecordProof, SegmentPath, ShutBlock
from gateway.stores.archive.reading import read_frame_at, records_of
from gateway.stores.archive.record import Frame, RecordDamaged
from gateway.stores.archive.recovery import frames, last_head, mapped


def prove_offline(folder: Path, ring: KeyRing, reference: ArchiveReference) -> ChainProof:
    """As `prove`, up to the end of what lies in `folder`. Raises NotInArchive, ArchiveDamaged, OSError."""
    files = Files(folder)
    return prove(files, KeyStore(files, ring), reference, last_head(files))


def prove(files: Files, keys: KeyStore, reference: ArchiveReference, head: ChainHead) -> ChainProof:
    """That `head`, at or behind the body, stands for the body. Raises NotInArchive."""
    places = records_of(files, keys, reference)
    found = [(place, read_frame_at(files, place)) for place in places]
    opened: dict[int, set[int]] = {}
    for place, frame in found:
        opened.setdefault(place.segment, set()).add(frame.stamp.number // BLOCK_RECORDS)
    first = min(opened)
    try:
        previous = read_opening(files.path(first))[0].previous
        paths = tuple(
            _path(files, segment, opened.get(segment, ()), head) for segment in range(first, head.segment + 1)
        )
    except (RecordDamaged, OSError) as error:
        message = f"The chain from segment {reference.segment} on cannot be read: run `gateway archive verify`."
        raise NotInArchive(message) from error
    return ChainProof(tuple(_record(keys, *each) for each in found), previous, paths, head)


def _record(keys: KeyStore, place: ChunkPlace, frame: Frame) -> RecordProof:
    blind = keys.secret(place.segment, place.offset, frame.stamp.salt).blind
    return RecordProof(place.segment, place.offset, frame.bound, sha256(frame.stored), blind)


def _path(files: Files, segment: int, opened: Collection[int], head: ChainHead) -> SegmentPath:
    """The chain through `segment`; a segment without a record of the body is skipped by its footer."""
    if segment < head.segment and not opened:
        chain = sealed_ends(files, segment).chain
        rest = (ShutBlock(chain.link),) if chain.records % BLOCK_RECORDS else ()
        return SegmentPath(segment, chain.records // BLOCK_RECORDS, chain.blocks, rest, chain.records)
    chain, skipped, folded = Chain(segment, b""), 0, ZERO
    blocks: list[ShutBlock | OpenBlock] = []
    digests: list[bytes] = []
    offset = 0
    # Not one record further than the head: what is not durable yet may be cut off while it is mapped.
    limit = head.records if segment == head.segment else None
    with mapped(files.path(segment)) as view:
        for frame in islice(frames(view), limit):
            block = chain.records // BLOCK_RECORDS
            if block in opened:
                digests.append(frame_digest(segment, offset, frame))
            chain.follow(frame.link)
            offset += frame.size_bytes
            if chain.records % BLOCK_RECORDS:
                continue
            if not blocks and block not in opened:
                skipped, folded = skipped + 1, chain.blocks
                continue
            blocks.append(OpenBlock(tuple(digests)) if digests else ShutBlock(frame.link))
            digests = []
    if chain.records % BLOCK_RECORDS:
        blocks.append(OpenBlock(tuple(digests)) if digests else ShutBlock(chain.link))
    return SegmentPath(segment, skipped, folded, tuple(blocks), chain.records)
