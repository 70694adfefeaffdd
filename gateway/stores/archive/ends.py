"""The two ends of a segment: where the chain comes in and where it goes on, read without walking through it.

Owns finding opening and footer. Must not know keys.
"""

from dataclasses import dataclass
from pathlib import Path

from gateway.stores.archive.chain import NO_RECORDS, Chain, ChainHead, digest_of
from gateway.stores.archive.files import Files
from gateway.stores.archive.hashing import sha256
from gateway.stores.archive.record import (
    FOOTER_BYTES,
    OPENING_BYTES,
    Footer,
    Frame,
    Opening,
    RecordDamaged,
    footer_of,
    opening_of,
    read_frame,
)


class ArchiveDamaged(Exception):
    """Bytes that were durable are no longer readable; nothing was changed. Restore the segment from a backup."""


@dataclass(frozen=True, slots=True)
class SealedEnds:
    """Of a sealed segment: its first record, the facts of its last, and the chain behind that."""

    opening: Opening
    first_written_at_us: int
    footer: Footer
    chain: Chain


def frame_digest(segment: int, offset: int, frame: Frame) -> bytes:
    """What the chain takes of a record that was read."""
    return digest_of(segment, offset, frame.bound, sha256(frame.stored), frame.commitment)


def read_opening(path: Path) -> tuple[Opening, Frame]:
    """The first record of a segment. Raises RecordDamaged, OSError."""
    with path.open("rb") as file:
        frame = read_frame(file.read(OPENING_BYTES))
    return opening_of(frame), frame


def sealed_ends(files: Files, segment: int) -> SealedEnds:
    """Both ends. Raises RecordDamaged where it is not sealed or an end is damaged; OSError."""
    path = files.path(segment)
    opening, first = read_opening(path)
    with path.open("rb") as file:
        offset = path.stat().st_size - FOOTER_BYTES
        if offset <= 0:
            raise RecordDamaged("a segment does not end like this")
        file.seek(offset)
        frame = read_frame(file.read(FOOTER_BYTES))
    footer = footer_of(frame)
    chain = Chain(segment, opening.previous, footer.records, footer.blocks, footer.link)
    chain.add(frame_digest(segment, offset, frame))
    return SealedEnds(opening, first.stamp.written_at_us, footer, chain)


def head_before(files: Files, segment: int) -> ChainHead:
    """The head of the chain where `segment` begins. Raises ArchiveDamaged."""
    if segment == 1:
        return NO_RECORDS
    try:
        return sealed_ends(files, segment - 1).chain.head()
    except (RecordDamaged, OSError) as error:
        message = (
            f"{files.path(segment - 1).name} is missing or does not end as a sealed segment does ({error}). "
            f"Nothing was changed: restore this segment from a backup, then start again."
        )
        raise ArchiveDamaged(message) from error
