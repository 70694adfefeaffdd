"""The archive as the pipeline sees it: bodies of any size in, ranges of them out.

Owns cutting a body into chunks and finding a byte range again, and the bound on what waits in memory. Must not know
what a body says. Adapter of `gateway.pipeline.ports.Archive`.
"""

import asyncio
import threading
from bisect import bisect_right
from collections import OrderedDict, deque
from collections.abc import AsyncIterable, Callable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Generic, Self, TypeVar

from gateway.model.exchange import ArchiveReference
from gateway.pipeline.ports import NotInArchive, StoreBusy, StoreFull
from gateway.stores.archive.files import Files, segment_name
from gateway.stores.archive.record import (
    MAXIMUM_CHUNK_BYTES,
    MAXIMUM_CHUNKS,
    ChunkPlace,
    Flag,
    Record,
    RecordDamaged,
    decode,
    decode_index,
    encode_index,
)
from gateway.stores.archive.writer import SegmentWriter

# A restart reads the open segment whole: 64 MB take a tenth of a second.
SEGMENT_BYTES = 64 << 20
# Half a second of writing at 128 MB/s: more would only wait longer, and in memory.
QUEUE_BYTES = 64 << 20
# A sender hears "busy, come back" before its own timeout does the same with less information.
ADMISSION_TIMEOUT_S = 2.0
# Items are leased in the order in which they lie: eight chunks serve eight consumers reading side by side.
CACHED_CHUNKS = 8

Kept = TypeVar("Kept")


class _Room:
    """Bytes that may wait for the writer; first come, first served. Used on the event loop only."""

    def __init__(self, size_bytes: int) -> None:
        self._free = size_bytes
        self._waiters: deque[tuple[int, asyncio.Future[None]]] = deque()

    async def take(self, size_bytes: int) -> None:
        """Raises StoreBusy where there is none in time."""
        if not self._waiters and self._free >= size_bytes:
            self._free -= size_bytes
            return
        waiter = (size_bytes, asyncio.get_running_loop().create_future())
        self._waiters.append(waiter)
        try:
            async with asyncio.timeout(ADMISSION_TIMEOUT_S):
                await waiter[1]
        except TimeoutError as error:
            if self._leave(waiter):
                return
            raise StoreBusy("Too much waits for the archive.") from error
        except asyncio.CancelledError:
            if self._leave(waiter):
                self.give(size_bytes)
            raise

    def _leave(self, waiter: tuple[int, asyncio.Future[None]]) -> bool:
        """True where it was let in at the last moment; else those behind it may fit now."""
        if waiter in self._waiters:
            self._waiters.remove(waiter)
            self.give(0)
            return False
        return True

    def give(self, size_bytes: int) -> None:
        """Let the next ones in."""
        self._free += size_bytes
        while self._waiters and self._free >= self._waiters[0][0]:
            wanted, future = self._waiters.popleft()
            self._free -= wanted
            if not future.done():
                future.set_result(None)


class _Recent(Generic[Kept]):
    """What was read last, by segment and offset. Used by several threads."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[int, int], Kept] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: tuple[int, int]) -> Kept | None:
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
            return found

    def put(self, key: tuple[int, int], value: Kept) -> Kept:
        with self._lock:
            self._kept[key] = value
            while len(self._kept) > CACHED_CHUNKS:
                self._kept.popitem(last=False)
        return value


@dataclass(frozen=True, slots=True)
class _Index:
    """The chunks of one body and where in it each begins."""

    places: list[ChunkPlace]
    begins: list[int]

    @classmethod
    def of(cls, places: list[ChunkPlace]) -> "_Index":
        return cls(places, list(accumulate((place.plain_size for place in places[:-1]), initial=0)))

    def between(self, start: int, end: int | None) -> Iterator[tuple[ChunkPlace, int]]:
        """The chunks that hold bytes `start` to `end`."""
        for number in range(max(0, bisect_right(self.begins, start) - 1), len(self.places)):
            if end is not None and self.begins[number] >= end:
                return
            yield self.places[number], self.begins[number]


class SegmentArchive:
    """Segments in one folder, written by this process alone."""

    def __init__(self, files: Files, writer: SegmentWriter, queue_bytes: int = QUEUE_BYTES) -> None:
        self._files = files
        self._writer = writer
        self._room = _Room(queue_bytes)
        self._chunks: _Recent[Record] = _Recent()
        self._indexes: _Recent[_Index] = _Recent()

    @classmethod
    async def open(
        cls,
        folder: Path,
        on_fatal: Callable[[BaseException], None],
        *,
        files: Files | None = None,
        segment_bytes: int = SEGMENT_BYTES,
        queue_bytes: int = QUEUE_BYTES,
    ) -> Self:
        """Recover what is there and begin. `on_fatal` is called on the loop when a sync fails.

        Raises ArchiveLocked, ArchiveDamaged, OSError.
        """
        files = files or Files(folder)
        writer = SegmentWriter(files, on_fatal, segment_bytes)
        await asyncio.to_thread(writer.start)
        return cls(files, writer, queue_bytes)

    async def close(self) -> None:
        """Write what waits, then stop."""
        await self._writer.close()

    async def append(self, body: AsyncIterable[bytes]) -> ArchiveReference:
        """Keep `body`; durable on return. A body of several chunks ends in a record that lists them."""
        places: list[ChunkPlace] = []
        buffer = bytearray()
        async for piece in body:
            buffer += piece
            while len(buffer) > MAXIMUM_CHUNK_BYTES:
                places.append(await self._put(bytes(buffer[:MAXIMUM_CHUNK_BYTES]), Flag(0), durable=False))
                del buffer[:MAXIMUM_CHUNK_BYTES]
                if len(places) == MAXIMUM_CHUNKS - 1:
                    raise StoreFull("A body of more than 42 GB cannot be kept in one piece.")
        last = await self._put(bytes(buffer), Flag(0), durable=not places)
        if places:
            last = await self._put(encode_index([*places, last]), Flag.INDEX, durable=True)
        return ArchiveReference(segment_name(last.segment), last.offset, last.length)

    async def _put(self, data: bytes, flags: Flag, *, durable: bool) -> ChunkPlace:
        await self._room.take(len(data))
        try:
            return await self._writer.put(data, flags, durable=durable)
        finally:
            self._room.give(len(data))

    def read(self, reference: ArchiveReference, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Bytes `start` to `end`, chunk by chunk. Raises NotInArchive."""
        key = (int(reference.segment), reference.offset)
        index = self._indexes.get(key)
        if index is None:
            record = self._record(*key, reference.length)
            if Flag.INDEX not in record.flags:
                yield from _slice(record.data, 0, start, end)
                return
            index = self._indexes.put(key, _Index.of(decode_index(record.data)))
        for place, begin in index.between(start, end):
            chunk = self._record(place.segment, place.offset, place.length)
            yield from _slice(chunk.data, begin, start, end)

    def _record(self, segment: int, offset: int, length: int) -> Record:
        cached = self._chunks.get((segment, offset))
        if cached is not None:
            return cached
        place = f"segment {segment_name(segment)}, offset {offset}"
        try:
            with self._files.path(segment).open("rb", buffering=0) as file:
                file.seek(offset)
                record = decode(file.read(length))
        except OSError as error:
            raise NotInArchive(f"The archive cannot read {place}: {error.strerror}.") from error
        except RecordDamaged as error:
            raise NotInArchive(f"The archive's record in {place} is damaged: {error}.") from error
        return self._chunks.put((segment, offset), record)


def _slice(data: bytes, begin: int, start: int, end: int | None) -> Iterator[bytes]:
    """The part of `data`, which begins at `begin` of its body, that lies in the range."""
    part = data[max(0, start - begin) : None if end is None else max(0, end - begin)]
    if part:
        yield part
