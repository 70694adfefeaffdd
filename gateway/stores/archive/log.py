"""The archive as the pipeline sees it: bodies of any size in, ranges of them out.

Owns cutting a body into chunks and finding a byte range again, and the bound on what waits in memory. Must not know
what a body says. Adapter of `gateway.pipeline.ports.Archive`.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterable, Callable, Iterable, Iterator
from pathlib import Path
from typing import Self

from gateway.model.exchange import ArchiveReference
from gateway.pipeline.ports import StoreBusy, StoreFailed, StoreFull
from gateway.stores.archive.chain import ChainHead
from gateway.stores.archive.files import Files, segment_name
from gateway.stores.archive.index import (
    MAXIMUM_CHUNK_BYTES,
    MAXIMUM_CHUNKS,
    ChunkPlace,
    Index,
    decode_index,
    encode_index,
)
from gateway.stores.archive.keeping import KeyStore
from gateway.stores.archive.keys import KeyRing
from gateway.stores.archive.proof import ChainProof
from gateway.stores.archive.proving import prove
from gateway.stores.archive.reading import Record, read_frame_at, read_record, records_of
from gateway.stores.archive.recent import Recent
from gateway.stores.archive.record import Flag
from gateway.stores.archive.spans import SegmentSpan, spans
from gateway.stores.archive.writer import NO_ROOM, SegmentWriter

# A restart reads the open segment whole: 64 MB take a tenth of a second, half a second where all messages are small.
SEGMENT_BYTES = 64 << 20
# Half a second of writing at 128 MB/s: more would only wait longer, and in memory.
QUEUE_BYTES = 64 << 20
# A sender hears "busy, come back" before its own timeout does the same with less information.
ADMISSION_TIMEOUT_S = 2.0
# Items are leased in the order in which they lie: eight chunks serve eight consumers reading side by side.
CACHED_BYTES = 8 * MAXIMUM_CHUNK_BYTES
# The indexes of as many bodies: one of 1 GB has 1,000 places of 100 bytes.
CACHED_INDEX_BYTES = 1 << 20
PLACE_BYTES = 100
# What an entry of a cache costs beside its bytes.
ENTRY_BYTES = 300
# A step reads a body right after it was kept: it need not be decrypted again. Larger ones would drive all others out.
REMEMBERED_BYTES = 64 << 10


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


class SegmentArchive:
    """Segments in one folder, written by this process alone."""

    def __init__(self, files: Files, keys: KeyStore, writer: SegmentWriter, queue_bytes: int = QUEUE_BYTES) -> None:
        self._files = files
        self._keys = keys
        self._writer = writer
        self._room = _Room(queue_bytes)
        self._chunks: Recent[Record] = Recent(CACHED_BYTES)
        self._indexes: Recent[Index] = Recent(CACHED_INDEX_BYTES)

    @classmethod
    async def open(
        cls,
        folder: Path,
        on_fatal: Callable[[BaseException], None],
        *,
        keys: KeyRing,
        files: Files | None = None,
        segment_bytes: int = SEGMENT_BYTES,
        queue_bytes: int = QUEUE_BYTES,
    ) -> Self:
        """Recover what is there and begin. `on_fatal` is called on the loop when a sync fails.

        Raises ArchiveLocked, ArchiveKeyMissing, ArchiveDamaged, OSError.
        """
        files = files or Files(folder)
        store = KeyStore(files, keys)
        writer = SegmentWriter(files, store, on_fatal, segment_bytes)
        await asyncio.to_thread(writer.start)
        return cls(files, store, writer, queue_bytes)

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
        data = bytes(buffer)
        last = await self._put(data, Flag(0), durable=not places)
        if places:
            last = await self._put(encode_index([*places, last]), Flag.INDEX, durable=True)
        elif len(data) <= REMEMBERED_BYTES:
            self._chunks.put((last.segment, last.offset), Record(Flag(0), data), len(data) + ENTRY_BYTES)
        return ArchiveReference(segment_name(last.segment), last.offset, last.length)

    async def _put(self, data: bytes, flags: Flag, *, durable: bool) -> ChunkPlace:
        await self._room.take(len(data))
        try:
            return await self._writer.put(data, flags, durable=durable)
        finally:
            self._room.give(len(data))

    def size(self, reference: ArchiveReference) -> int:
        """How many bytes the body has. Raises NotInArchive."""
        *chunks, last = self.records_of(reference)
        return sum(chunk.plain_size for chunk in chunks) if chunks else last.plain_size

    def read(self, reference: ArchiveReference, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Bytes `start` to `end`, chunk by chunk. Raises NotInArchive."""
        key = (int(reference.segment), reference.offset)
        index = self._indexes.get(key)
        if index is None:
            record = self._record(*key, reference.length)
            if Flag.INDEX not in record.flags:
                yield from _slice(record.data, 0, start, end)
                return
            found = Index.of(decode_index(record.data))
            index = self._indexes.put(key, found, len(found.places) * PLACE_BYTES)
        for place, begin in index.between(start, end):
            chunk = self._record(place.segment, place.offset, place.length)
            yield from _slice(chunk.data, begin, start, end)

    def _record(self, segment: int, offset: int, length: int) -> Record:
        cached = self._chunks.get((segment, offset))
        if cached is not None:
            return cached
        record = read_record(self._files, self._keys, segment, offset, length)
        return self._chunks.put((segment, offset), record, len(record.data) + ENTRY_BYTES)

    def records_of(self, reference: ArchiveReference) -> tuple[ChunkPlace, ...]:
        """Every record that a body takes, its index last. Blocks. Raises NotInArchive."""
        return records_of(self._files, self._keys, reference)

    def chain_head(self) -> ChainHead:
        """What stands for all that is durable. To be noted where nobody can alter it."""
        return self._writer.head

    def segments(self) -> tuple[SegmentSpan, ...]:
        """What there is, from when to when, and what is left of its keys. Blocks. Raises ArchiveDamaged, OSError."""
        return spans(self._files)

    async def shred(self, segment: str, keep: Iterable[ChunkPlace]) -> bool:
        """Destroy the key of a segment, so that of its records only those to `keep` can ever be read again.

        False where there was nothing more to destroy. An open segment is sealed first. `keep` comes from `records_of`;
        records of other segments in it do not matter, and those that are destroyed already stay so. Raises
        NotInArchive, ArchiveDamaged, StoreFull, StoreFailed: then the key is still there.
        """
        number = int(segment)
        kept = [place for place in keep if place.segment == number]
        return await self._writer.run(lambda: self._shred(number, kept))

    def _shred(self, number: int, kept: list[ChunkPlace]) -> bool:
        self._writer.seal(number)
        salts = {place.offset: read_frame_at(self._files, place).stamp.salt for place in kept}
        try:
            return self._keys.keep_only(number, salts)
        except OSError as error:
            if error.errno in NO_ROOM:
                raise StoreFull("The archive has no room to destroy a key: nothing was destroyed.") from error
            raise StoreFailed("The archive could not destroy a key durably: try again.") from error
        finally:
            self._chunks.forget(number)
            self._indexes.forget(number)

    async def prove(self, reference: ArchiveReference) -> ChainProof:
        """That the chain's head of this moment stands for a body. Raises NotInArchive."""
        return await asyncio.to_thread(prove, self._files, self._keys, reference, self._writer.head)


def _slice(data: bytes, begin: int, start: int, end: int | None) -> Iterator[bytes]:
    """The part of `data`, which begins at `begin` of its body, that lies in the range."""
    part = data[max(0, start - begin) : None if end is None else max(0, end - begin)]
    if part:
        yield part
