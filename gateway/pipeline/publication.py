"""Accepted documents on their way from the spool into one archived body, and out of it again.

Owns the body's form: the documents of all published sets one after the other, then for each set an index of 16 bytes an
item: ordinal u32, offset u64, length u32, little endian, in order of the ordinals. Must not know the ledger.
"""

import asyncio
import struct
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass

from gateway.model.exchange import ArchiveReference
from gateway.model.judgement import FileJudged, GroupJudged, InterchangeJudged, Outcome, SetJudged
from gateway.pipeline.ports import Archive, Spool
from gateway.pipeline.records import PublishedSet

_ENTRY = struct.Struct("<IQI")
ENTRY_BYTES = _ENTRY.size
# Read from the spool at once: as much as the archive keeps in one record.
WINDOW_BYTES = 1 << 20

Publishes = Callable[[InterchangeJudged, GroupJudged, SetJudged], bool]


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """Where one document lies in the body. `item` is the ordinal of the item in its set."""

    item: int
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class _PlannedSet:
    interchange: int
    group: int
    judged: SetJudged
    item_count: int
    index_offset: int


@dataclass(frozen=True, slots=True)
class PublicationPlan:
    """What is copied: ranges of the spool in order, the documents and then the index."""

    runs: tuple[tuple[int, int], ...]
    documents_bytes: int
    sets: tuple[_PlannedSet, ...]

    def published(self, partners: dict[int, str], documents: ArchiveReference) -> tuple[PublishedSet, ...]:
        """The outbox's entries once the body is archived; `partners` by the interchange's ordinal."""
        return tuple(
            PublishedSet(
                interchange=planned.interchange,
                group=planned.group,
                set=planned.judged.ordinal,
                partner=partners[planned.interchange],
                guide=planned.judged.guide or "",
                transaction_set=planned.judged.identifier,
                item_count=planned.item_count,
                documents=documents,
                index_start=self.documents_bytes + planned.index_offset,
            )
            for planned in self.sets
        )


class _Index:
    """Entries on their way into the spool: an index of a million items need not be in memory."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._buffer = bytearray()
        self.size_bytes = 0
        self.runs: list[tuple[int, int]] = []

    def add(self, item: int, offset: int, length: int) -> None:
        """One entry more."""
        self._buffer += _ENTRY.pack(item, offset, length)
        self.size_bytes += ENTRY_BYTES
        if len(self._buffer) >= WINDOW_BYTES:
            self.flush()

    def flush(self) -> None:
        """Nothing is left in memory."""
        if self._buffer:
            begin = self._spool.write(bytes(self._buffer))
            self.runs.append((begin, begin + len(self._buffer)))
            self._buffer.clear()


def plan(file: FileJudged, excluded: frozenset[int], publishes: Publishes, spool: Spool) -> PublicationPlan:
    """Choose the documents that may be delivered; `excluded` are ordinals of interchanges. A second a million items."""
    runs: list[tuple[int, int]] = []
    sets: list[_PlannedSet] = []
    index = _Index(spool)
    offset = 0
    for interchange, group, judged in _sets(file, excluded):
        if not publishes(interchange, group, judged):
            continue
        begin, item_count = index.size_bytes, 0
        for item in judged.items:
            document = item.document
            if document is None or item.outcome is Outcome.REJECTED:
                continue
            length = document.end - document.start
            index.add(item.ordinal, offset, length)
            offset += length
            item_count += 1
            if runs and runs[-1][1] == document.start:
                runs[-1] = (runs[-1][0], document.end)
            else:
                runs.append((document.start, document.end))
        if item_count:
            sets.append(_PlannedSet(interchange.ordinal, group.ordinal, judged, item_count, begin))
    index.flush()
    return PublicationPlan((*runs, *index.runs), offset, tuple(sets))


def _sets(file: FileJudged, excluded: frozenset[int]) -> Iterator[tuple[InterchangeJudged, GroupJudged, SetJudged]]:
    for interchange in file.interchanges:
        if interchange.ordinal not in excluded:
            for group in interchange.groups:
                for judged in group.sets:
                    yield interchange, group, judged


async def body_of(planned: PublicationPlan, spool: Spool) -> AsyncIterator[bytes]:
    """The body to archive; large windows are read beside the event loop."""
    for start, end in planned.runs:
        for begin in range(start, end, WINDOW_BYTES):
            stop = min(end, begin + WINDOW_BYTES)
            if stop - begin < WINDOW_BYTES:
                yield spool.read(begin, stop)
            else:
                yield await asyncio.to_thread(spool.read, begin, stop)


def read_entries(archive: Archive, published: PublishedSet, first: int, count: int) -> tuple[IndexEntry, ...]:
    """Entries of positions `first` (from 1) on. Blocks. Raises NotInArchive."""
    start = published.index_start + (first - 1) * ENTRY_BYTES
    end = min(start + count * ENTRY_BYTES, published.index_start + published.item_count * ENTRY_BYTES)
    data = b"".join(archive.read(published.documents, start, end))
    return tuple(IndexEntry(*fields) for fields in _ENTRY.iter_unpack(data))


def find_entry(archive: Archive, published: PublishedSet, item: int) -> IndexEntry | None:
    """The entry of one item, by halving: ordinals stand in order. Blocks."""
    low, high = 1, published.item_count
    while low <= high:
        middle = (low + high) // 2
        (entry,) = read_entries(archive, published, middle, 1)
        if entry.item == item:
            return entry
        if entry.item < item:
            low = middle + 1
        else:
            high = middle - 1
    return None


def read_document(archive: Archive, published: PublishedSet, entry: IndexEntry) -> bytes:
    """One document. Blocks."""
    return b"".join(archive.read(published.documents, entry.offset, entry.offset + entry.length))


def documents_range(archive: Archive, published: PublishedSet) -> tuple[int, int]:
    """Where the documents of the set begin and end in the body. Blocks."""
    (first,) = read_entries(archive, published, 1, 1)
    (last,) = read_entries(archive, published, published.item_count, 1)
    return first.offset, last.offset + last.length
