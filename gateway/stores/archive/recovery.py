"""After a crash: how much of the last segment is good.

Owns the decision between a torn tail (cut off: nobody was promised those bytes) and damage (never cut). Must not
write: the caller does.
"""

import mmap
from dataclasses import dataclass
from pathlib import Path

from gateway.stores.archive.record import HEADER_BYTES, MAGIC, Flag, RecordDamaged, decode


class ArchiveDamaged(Exception):
    """Bytes that were durable are no longer readable; nothing was changed. Restore the segment from a backup."""


@dataclass(frozen=True, slots=True)
class SegmentState:
    """`good_bytes` is the end of the last whole record; what lies behind is torn."""

    good_bytes: int
    sealed: bool
    torn: bool


def inspect(path: Path) -> SegmentState:
    """Read a whole segment and say how far it is good. Raises ArchiveDamaged, OSError."""
    size = path.stat().st_size
    if size == 0:
        return SegmentState(0, sealed=False, torn=False)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return _inspect(path, memoryview(content).toreadonly(), content)


def _inspect(path: Path, view: memoryview, content: mmap.mmap) -> SegmentState:
    try:
        offset, synced_to, sealed = 0, 0, False
        while offset < len(view):
            try:
                record = decode(view, offset)
            except RecordDamaged:
                break
            offset += record.size_bytes
            synced_to = max(synced_to, record.synced_to)
            sealed = Flag.FOOTER in record.flags
        torn = offset < len(view)
        if torn and (sealed or max(synced_to, _synced_to_beyond(view, content, offset)) > offset):
            message = (
                f"{path.name} is damaged at byte {offset}, before bytes that were durable. Nothing was changed: "
                f"restore this segment from a backup, then start again."
            )
            raise ArchiveDamaged(message)
        return SegmentState(offset, sealed, torn)
    finally:
        view.release()


def _synced_to_beyond(view: memoryview, content: mmap.mmap, offset: int) -> int:
    """What the whole records behind the first bad one say: pages reach the disk in any order."""
    synced_to = 0
    position = content.find(MAGIC, offset + 1)
    while 0 <= position <= len(view) - HEADER_BYTES:
        try:
            record = decode(view, position)
        except RecordDamaged:
            position = content.find(MAGIC, position + 1)
            continue
        synced_to = max(synced_to, record.synced_to)
        position = content.find(MAGIC, position + record.size_bytes)
    return synced_to
