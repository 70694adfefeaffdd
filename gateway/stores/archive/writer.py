"""The one thread that writes the archive: whatever waits becomes one write and one sync.

Owns the open segment: appending, group syncing, sealing, the chain's end, and what an error means. Must not know bodies
or who reads.

A failed write is undone by cutting the segment back, and refused. A failed sync is fatal: the kernel may have
dropped the pages and report success the next time, so that nothing after it may be promised.
"""

import asyncio
import errno
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from gateway.pipeline.ports import NotInArchive, StoreFailed, StoreFull
from gateway.stores.archive.chain import NO_RECORDS, Chain, ChainHead
from gateway.stores.archive.encoding import Draft, Encoder, Place
from gateway.stores.archive.ends import ArchiveDamaged, head_before
from gateway.stores.archive.files import Files, segment_name
from gateway.stores.archive.index import ChunkPlace
from gateway.stores.archive.keeping import KeyStore
from gateway.stores.archive.record import Flag, footer_facts, opening_facts
from gateway.stores.archive.recovery import SegmentState, inspect
from gateway.stores.archive.sidecar import WholeKey

# One group is one write: enough for hundreds of messages, and a bound on what an error refuses at once.
GROUP_BYTES = 8 << 20

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})

Answer = TypeVar("Answer")


class ArchiveLocked(Exception):
    """Another process writes this archive."""


@dataclass(frozen=True, slots=True)
class _Pending:
    draft: Draft
    durable: bool
    future: asyncio.Future[ChunkPlace]


class SegmentWriter:
    """Appends chunks. `put`, `run` and `close` are called on the event loop, the rest runs in the thread."""

    def __init__(
        self, files: Files, keys: KeyStore, on_fatal: Callable[[BaseException], None], segment_bytes: int
    ) -> None:
        self._files = files
        self._keys = keys
        self._on_fatal = on_fatal
        self._segment_bytes = segment_bytes
        self._queue: queue.SimpleQueue[_Pending | Callable[[], None] | None] = queue.SimpleQueue()
        self._encoder = Encoder()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="archive-writer", daemon=True)
        self._loop = asyncio.get_running_loop()
        self._descriptor = -1
        self._data_key = b""
        self._chain = Chain(0, NO_RECORDS.value)
        self._offset = 0
        self._synced_to = 0
        self._written_at_us = 0
        # Read from the loop: replaced as a whole, and only by what is durable.
        self.head = NO_RECORDS

    def start(self) -> None:
        """Lock, recover the last segment, begin. Blocks.

        Raises ArchiveLocked, ArchiveKeyMissing, ArchiveDamaged, OSError.
        """
        self._files.prepare()
        try:
            self._lock = self._files.lock()
        except BlockingIOError as error:
            message = f"Another process writes the archive in {self._files.folder}: stop it, or choose another folder."
            raise ArchiveLocked(message) from error
        try:
            self._keys.check()
            self._recover()
        except BaseException:
            self._files.close(self._lock)
            raise
        self._thread.start()

    async def put(self, data: bytes, flags: Flag, *, durable: bool) -> ChunkPlace:
        """Append one chunk; with `durable` returns after the sync. Raises StoreFull, StoreFailed."""
        if self._failure is not None:
            raise StoreFailed("The archive failed before: restart the process.") from self._failure
        future: asyncio.Future[ChunkPlace] = self._loop.create_future()
        self._queue.put(_Pending(Draft(data, flags), durable, future))
        return await future

    async def run(self, command: Callable[[], Answer]) -> Answer:
        """Let the thread run `command` between two groups; its outcome."""
        future: asyncio.Future[Answer] = self._loop.create_future()

        def settle(error: Exception | None, answer: Answer | None) -> None:
            if future.done():
                return
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(answer)  # type: ignore[arg-type]  # None where the command answers None

        def run() -> None:
            error, answer = None, None
            try:
                answer = command()
            except Exception as raised:  # noqa: BLE001 - whoever waits gets it; the thread goes on
                error = raised
            self._loop.call_soon_threadsafe(settle, error, answer)

        self._queue.put(run)
        return await future

    async def close(self) -> None:
        """Write what waits, then stop."""
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)
        if self._descriptor >= 0:
            self._files.close(self._descriptor)
            self._descriptor = -1
        self._files.close(self._lock)

    def seal(self, number: int) -> None:
        """Make sure that no record is added to segment `number`. In the thread. Raises NotInArchive, Store..."""
        if self._failure is not None:
            raise StoreFailed("The archive failed before: restart the process.")
        if number != self._chain.segment or self._descriptor < 0:
            if number not in self._files.segments():
                raise NotInArchive(f"The archive has no segment {segment_name(number)}.")
            return
        if self._offset == 0:
            raise NotInArchive(f"Segment {segment_name(number)} has no record yet.")
        self._guarded(self._roll)

    def _recover(self) -> None:
        numbers = self._files.segments()
        if not numbers:
            self._begin(NO_RECORDS)
            return
        last = numbers[-1]
        state = inspect(self._files.path(last))
        if state.sealed and state.chain is not None:
            self._begin(state.chain.head())
            return
        self._reopen(last, state)

    def _reopen(self, number: int, state: SegmentState) -> None:
        if state.chain is None:
            self.head = head_before(self._files, number)
            self._chain = Chain(number, self.head.value)
            self._data_key = self._keys.create(number)
        else:
            self._chain = state.chain
            self._data_key = self._key_of(number)
        self._offset, self._written_at_us = state.good_bytes, state.last_written_at_us
        self._descriptor = self._files.reopen(number)
        if state.torn:
            self._files.truncate(self._descriptor, state.good_bytes)
        # Records of a group that was written but not yet synced may stand here: from now on they are durable too.
        self._files.sync(self._descriptor)
        self._synced_to = self._offset
        if self._offset:
            self.head = self._chain.head()

    def _key_of(self, number: int) -> bytes:
        keys = self._keys.of(number)
        if not isinstance(keys, WholeKey):
            # Only sealed segments are shredded: the footer was here once.
            raise ArchiveDamaged(
                f"Segment {segment_name(number)} was shredded and is cut off: restore it from a backup."
            )
        return keys.data_key

    def _begin(self, head: ChainHead) -> None:
        """The segment after `head`. Its key is durable before it exists."""
        number = head.segment + 1
        self.head, self._chain = head, Chain(number, head.value)
        self._offset = self._synced_to = 0
        self._data_key = self._keys.create(number)
        self._descriptor = self._files.create(number)

    def _run(self) -> None:
        while True:
            group, command, stop = self._next_group()
            if group:
                self._write_group(group)
            if command is not None:
                command()
            if stop:
                return

    def _next_group(self) -> tuple[list[_Pending], Callable[[], None] | None, bool]:
        """What waits, up to a command or the end."""
        group: list[_Pending] = []
        size = 0
        pending = self._queue.get()
        while isinstance(pending, _Pending):
            group.append(pending)
            size += len(pending.draft.data)
            if size >= GROUP_BYTES:
                return group, None, False
            try:
                pending = self._queue.get_nowait()
            except queue.Empty:
                return group, None, False
        return group, pending, pending is None

    def _write_group(self, group: list[_Pending]) -> None:
        if self._failure is not None:
            self._settle_failed(group, StoreFailed("The archive failed before: restart the process."))
            return

        def write() -> list[ChunkPlace]:
            places = self._append(group)
            if any(pending.durable for pending in group):
                self._sync()
            return places

        try:
            places = self._guarded(write)
        except (StoreFailed, StoreFull) as error:
            self._settle_failed(group, error)
        else:
            self._settle(group, places)

    def _guarded(self, write: Callable[[], Answer]) -> Answer:
        """What an error of `write` means. Raises StoreFailed, after which nothing is written, or StoreFull."""
        try:
            return write()
        except StoreFailed as error:
            self._fail(error)
            raise
        except OSError as error:
            refusal = self._undo(error)
            raise refusal from error

    def _append(self, group: list[_Pending]) -> list[ChunkPlace]:
        if self._descriptor < 0 or self._offset >= self._segment_bytes:
            self._roll()
        chain, written_at_us = self._chain.copy(), time.time_ns() // 1000
        drafts = [pending.draft for pending in group]
        first = []
        if self._offset == 0:
            first.append(Draft(b"", Flag.OPENING, opening_facts(chain.segment, chain.previous)))
        place = Place(self._data_key, self._offset, self._synced_to, written_at_us)
        records = self._encoder.encode([*first, *drafts], place, chain)
        self._files.write(self._descriptor, b"".join(records))
        offset = self._offset + sum(map(len, records[: len(first)]))
        places: list[ChunkPlace] = []
        for draft, record in zip(drafts, records[len(first) :], strict=True):
            places.append(ChunkPlace(chain.segment, offset, len(record), len(draft.data)))
            offset += len(record)
        self._offset, self._chain, self._written_at_us = offset, chain, written_at_us
        return places

    def _sync(self) -> None:
        try:
            self._files.sync(self._descriptor)
        except OSError as error:
            raise StoreFailed("The archive could not make bytes durable: restart the process.") from error
        self._synced_to = self._offset
        self.head = self._chain.head()

    def _roll(self) -> None:
        """Seal this segment and begin the next; a crash between the two leaves a sealed last segment."""
        if self._descriptor >= 0:
            chain = self._chain.copy()
            footer = Draft(b"", Flag.FOOTER, footer_facts(chain, self._written_at_us))
            place = Place(self._data_key, self._offset, self._synced_to, time.time_ns() // 1000)
            self._files.write(self._descriptor, b"".join(self._encoder.encode([footer], place, chain)))
            try:
                self._files.seal(self._descriptor)
            except OSError as error:
                raise StoreFailed("The archive could not seal a segment: restart the process.") from error
            descriptor, self._descriptor = self._descriptor, -1
            self._chain, self.head = chain, chain.head()
            self._files.close(descriptor)
        try:
            self._begin(self.head)
        except (ArchiveDamaged, NotInArchive) as error:
            raise StoreFailed(f"The archive could not begin a segment: {error}") from error

    def _undo(self, error: OSError) -> StoreFull | StoreFailed:
        """Cut back to the last whole record; without room that is all, any other error is fatal."""
        try:
            if self._descriptor >= 0:
                self._files.truncate(self._descriptor, self._offset)
        except OSError as second:
            return self._fail(second)
        if error.errno not in NO_ROOM:
            return self._fail(error)
        return StoreFull("The archive has no room: nothing of this message was kept.")

    def _fail(self, error: Exception) -> StoreFailed:
        """First the process hears that it must stop, then those who wait."""
        self._failure = error
        self._loop.call_soon_threadsafe(self._on_fatal, error)
        return (
            error
            if isinstance(error, StoreFailed)
            else StoreFailed("The archive could not write: restart the process.")
        )

    def _settle(self, group: list[_Pending], places: list[ChunkPlace]) -> None:
        def settle() -> None:
            for pending, place in zip(group, places, strict=True):
                if not pending.future.done():
                    pending.future.set_result(place)

        self._loop.call_soon_threadsafe(settle)

    def _settle_failed(self, group: list[_Pending], error: Exception) -> None:
        def settle() -> None:
            for pending in group:
                if not pending.future.done():
                    pending.future.set_exception(error)

        self._loop.call_soon_threadsafe(settle)
