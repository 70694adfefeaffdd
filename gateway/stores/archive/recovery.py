"""After a crash: how much of the last segment is good.

Owns the decision between a torn tail (cut off: nobody was promised those bytes) and damage (never cut). Needs no keys.
Must not write: the caller does.
"""

import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from gateway.stores.archive.chain import NO_RECORDS, Chain, ChainHead
from gateway.stores.archive.ends import ArchiveDamaged, head_before
from gateway.stores.archive.files import Files
from gateway.stores.archive.record import (
    FAMILY,
    HEADER_BYTES,
    MAGIC,
    VERSION,
    Flag,
    Frame,
    RecordDamaged,
    opening_of,
    read_frame,
)


@dataclass(frozen=True, slots=True)
class SegmentState:
    """`good_bytes` is the end of the last whole record; what lies behind is torn. `chain` is None without records."""

    good_bytes: int
    sealed: bool
    torn: bool
    chain: Chain | None
    last_written_at_us: int


@contextmanager
def mapped(path: Path) -> Iterator[memoryview]:
    """The bytes of a segment as they are now."""
    size = path.stat().st_size
    if size == 0:
        yield memoryview(b"")
        return
    with path.open("rb") as file, mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ) as content:
        view = memoryview(content)
        try:
            yield view
        finally:
            view.release()


def inspect(path: Path) -> SegmentState:
    """Read a whole segment and say how far it is good. Raises ArchiveDamaged, OSError."""
    with mapped(path) as view:
        return _inspect(path, view)


def inspect_while_written(path: Path) -> SegmentState:
    """The same of a segment that its writer may cut back meanwhile: to map it then would kill this process."""
    return _inspect(path, memoryview(path.read_bytes()))


def _inspect(path: Path, view: memoryview) -> SegmentState:
    offset = synced_to = written_at_us = 0
    chain: Chain | None = None
    sealed = False
    for frame in frames(view):
        chain = chain or _chain_of(path, frame)
        chain.follow(frame.link)
        offset += frame.size_bytes
        synced_to = max(synced_to, frame.synced_to)
        written_at_us = frame.stamp.written_at_us
        sealed = Flag.FOOTER in frame.flags
    torn = offset < len(view)
    if torn and (sealed or _is_other_version(view) or max(synced_to, synced_to_beyond(view, offset)) > offset):
        message = (
            f"{path.name} is damaged at byte {offset}, before bytes that were durable. Nothing was changed: "
            f"restore this segment from a backup, then start again."
        )
        raise ArchiveDamaged(message)
    return SegmentState(offset, sealed, torn, chain, written_at_us)


def frames(view: memoryview, offset: int = 0) -> Iterator[Frame]:
    """The records from `offset` on, up to the first that is not whole."""
    while offset < len(view):
        try:
            frame = read_frame(view, offset)
        except RecordDamaged:
            return
        yield frame
        offset += frame.size_bytes


def _chain_of(path: Path, frame: Frame) -> Chain:
    try:
        opening = opening_of(frame)
    except RecordDamaged as error:
        message = f"{path.name} does not begin as a segment does: restore this segment from a backup, then start again."
        raise ArchiveDamaged(message) from error
    return Chain(opening.segment, opening.previous)


def _is_other_version(view: memoryview) -> bool:
    """Whole segments of another version must not be taken for one torn tail."""
    return view[: len(FAMILY)] == FAMILY and len(view) > len(FAMILY) and view[len(FAMILY)] != VERSION


def synced_to_beyond(view: memoryview, offset: int) -> int:
    """What the whole records behind the first bad one say: pages reach the disk in any order."""
    synced_to = 0
    position = next_record(view, offset + 1)
    while position is not None:
        frame = read_frame(view, position)
        synced_to = max(synced_to, frame.synced_to)
        position = next_record(view, position + frame.size_bytes)
    return synced_to


def next_record(view: memoryview, offset: int) -> int | None:
    """Where the next whole record begins, from `offset` on."""
    content = cast("mmap.mmap | bytes", view.obj)
    position = content.find(MAGIC, offset)
    while 0 <= position <= len(view) - HEADER_BYTES:
        try:
            read_frame(view, position)
        except RecordDamaged:
            position = content.find(MAGIC, position + 1)
            continue
        return position
    return None


def last_head(files: Files) -> ChainHead:
    """The head of the chain at the end of what lies there, durable, whoever may be writing.

    Raises ArchiveDamaged, OSError.
    """
    numbers = files.segments()
    if not numbers:
        return NO_RECORDS
    path = files.path(numbers[-1])
    state = inspect_while_written(path)
    if state.chain is None:
        return head_before(files, numbers[-1])
    # Some of it may be of a group that its writer has not synced yet: a head is noted for good.
    with path.open("rb") as file:
        files.sync(file.fileno())
    return state.chain.head()
