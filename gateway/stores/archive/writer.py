"""The one thread that writes the archive: whatever waits becomes one write and one sync.

Owns the open segment: appending, group syncing, sealing, and what an error means. Must not know bodies or who reads.

A failed write is undone by cutting the segment back, and refused. A failed sync is fatal: the kernel may have
dropped the pages and report success the next time, so that nothing after it may be promised.
"""

import asyncio
import errno
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass

from gateway.pipeline.ports import StoreFailed, StoreFull
from gateway.stores.archive.files import Files
from gateway.stores.archive.record import ChunkPlace, Encoder, Flag
from gateway.stores.archive.recovery import inspect

# One group is one write: enough for hundreds of messages, and a bound on what an error refuses at once.
GROUP_BYTES = 8 << 20

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class ArchiveLocked(Exception):
    """Another process writes this archive."""


@dataclass(frozen=True, slots=True)
class _Pending:
    data: bytes
    flags: Flag
    durable: bool
    future: asyncio.Future[ChunkPlace]


class SegmentWriter:
    """Appends chunks. `put` and `close` are called on the event loop, the rest runs in the thread."""

    def __init__(self, files: Files, on_fatal: Callable[[BaseException], None], segment_bytes: int) -> None:
        self._files = files
        self._on_fatal = on_fatal
        self._segment_bytes = segment_bytes
        self._queue: queue.SimpleQueue[_Pending | None] = queue.SimpleQueue()
        self._encoder = Encoder()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="archive-writer", daemon=True)
        self._loop = asyncio.get_running_loop()
        self._descriptor = -1
        self._number = 0
        self._offset = 0
        self._synced_to = 0

    def start(self) -> None:
        """Lock, recover the last segment, begin. Blocks. Raises ArchiveLocked, ArchiveDamaged, OSError."""
        self._files.prepare()
        try:
            self._lock = self._files.lock()
        except BlockingIOError as error:
            message = f"Another process writes the archive in {self._files.folder}: stop it, or choose another folder."
            raise ArchiveLocked(message) from error
        self._recover()
        self._thread.start()

    async def put(self, data: bytes, flags: Flag, *, durable: bool) -> ChunkPlace:
        """Append one chunk; with `durable` returns after the sync. Raises StoreFull, StoreFailed."""
        if self._failure is not None:
            raise StoreFailed("The archive failed before: restart the process.") from self._failure
        future: asyncio.Future[ChunkPlace] = self._loop.create_future()
        self._queue.put(_Pending(data, flags, durable, future))
        return await future

    async def close(self) -> None:
        """Write what waits, then stop."""
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)
        if self._descriptor >= 0:
            self._files.close(self._descriptor)
            self._descriptor = -1
        self._files.close(self._lock)

    def _recover(self) -> None:
        numbers = self._files.segments()
        if not numbers:
            self._begin(1)
            return
        state = inspect(self._files.path(numbers[-1]))
        if state.sealed:
            self._begin(numbers[-1] + 1)
            return
        self._number, self._offset = numbers[-1], state.good_bytes
        self._descriptor = self._files.reopen(self._number)
        if state.torn:
            self._files.truncate(self._descriptor, state.good_bytes)
        # Records of a group that was written but not yet synced may stand here: from now on they are durable too.
        self._files.sync(self._descriptor)
        self._synced_to = self._offset

    def _begin(self, number: int) -> None:
        self._descriptor = self._files.create(number)
        self._number, self._offset, self._synced_to = number, 0, 0

    def _run(self) -> None:
        while True:
            group, stop = self._next_group()
            if group:
                self._write_group(group)
            if stop:
                return

    def _next_group(self) -> tuple[list[_Pending], bool]:
        group: list[_Pending] = []
        size = 0
        pending = self._queue.get()
        while pending is not None:
            group.append(pending)
            size += len(pending.data)
            if size >= GROUP_BYTES:
                return group, False
            try:
                pending = self._queue.get_nowait()
            except queue.Empty:
                return group, False
        return group, True

    def _write_group(self, group: list[_Pending]) -> None:
        if self._failure is not None:
            self._settle_failed(group, StoreFailed("The archive failed before: restart the process."))
            return
        try:
            places = self._append(group)
            if any(pending.durable for pending in group):
                self._sync()
        except StoreFailed as error:
            self._fail(group, error)
        except OSError as error:
            self._undo(group, error)
        else:
            self._settle(group, places)

    def _append(self, group: list[_Pending]) -> list[ChunkPlace]:
        if self._descriptor < 0 or self._offset >= self._segment_bytes:
            self._roll()
        records = self._encoder.encode_all([(pending.data, pending.flags) for pending in group], self._synced_to)
        places: list[ChunkPlace] = []
        offset = self._offset
        for pending, record in zip(group, records, strict=True):
            places.append(ChunkPlace(self._number, offset, len(record), len(pending.data)))
            offset += len(record)
        self._files.write(self._descriptor, b"".join(records))
        self._offset = offset
        return places

    def _sync(self) -> None:
        try:
            self._files.sync(self._descriptor)
        except OSError as error:
            raise StoreFailed("The archive could not make bytes durable: restart the process.") from error
        self._synced_to = self._offset

    def _roll(self) -> None:
        """Seal this segment and begin the next; a crash between the two leaves a sealed last segment."""
        if self._descriptor >= 0:
            self._files.write(self._descriptor, self._encoder.encode(b"", Flag.FOOTER, self._synced_to))
            try:
                self._files.seal(self._descriptor)
            except OSError as error:
                raise StoreFailed("The archive could not seal a segment: restart the process.") from error
            descriptor, self._descriptor = self._descriptor, -1
            self._files.close(descriptor)
        self._begin(self._number + 1)

    def _undo(self, group: list[_Pending], error: OSError) -> None:
        """Cut back to the last whole record; without room that is all, any other error is fatal."""
        try:
            if self._descriptor >= 0:
                self._files.truncate(self._descriptor, self._offset)
        except OSError as second:
            self._fail(group, second)
            return
        if error.errno not in NO_ROOM:
            self._fail(group, error)
            return
        self._settle_failed(group, StoreFull("The archive has no room: nothing of this message was kept."))

    def _fail(self, group: list[_Pending], error: Exception) -> None:
        self._failure = error
        if not isinstance(error, StoreFailed):
            error = StoreFailed("The archive could not write: restart the process.")
        # First the process hears that it must stop, then those who wait.
        self._loop.call_soon_threadsafe(self._on_fatal, self._failure)
        self._settle_failed(group, error)

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
