"""The few file operations that the archive stands on, in one place, so that a test can make each of them fail.

Owns names and modes of files in the archive's folder. Must not know records or keys.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SEGMENT_SUFFIX = ".segment"
SIDECAR_SUFFIX = ".keys"
# Of a sidecar that is being replaced: what comes, and what goes and is to be overwritten.
FRESH_SUFFIX = ".fresh"
STALE_SUFFIX = ".stale"
# Owner writes, group reads (backup); a sealed segment nobody writes.
OPEN_MODE = 0o640
SEALED_MODE = 0o440


def segment_name(number: int) -> str:
    """`000000000001`: twelve digits sort as text as they do as numbers."""
    return f"{number:012d}"


class Files:
    """Real files. Every method raises OSError as the system gives it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, number: int) -> Path:
        """Where segment `number` lies."""
        return self.folder / f"{segment_name(number)}{SEGMENT_SUFFIX}"

    def sidecar_path(self, number: int) -> Path:
        """Where the keys of segment `number` lie."""
        return self.folder / f"{segment_name(number)}{SIDECAR_SUFFIX}"

    def prepare(self) -> None:
        """Make the folder, durable."""
        self.folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        self.sync_folder(self.folder.parent)

    def lock(self) -> int:
        """The only right to write here; raises BlockingIOError where another process has it. Held until closed."""
        descriptor = os.open(self.folder / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, OPEN_MODE)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            raise
        return descriptor

    def is_locked(self) -> bool:
        """Whether some process has that right at this moment."""
        try:
            descriptor = os.open(self.folder / "lock", os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    @contextmanager
    def keys_lock(self) -> Iterator[None]:
        """The right to replace sidecars, for a moment: keys rotate while the server that writes segments runs."""
        descriptor = os.open(self.folder / "keys.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, OPEN_MODE)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def segments(self) -> list[int]:
        """The numbers of the segments that exist, in order."""
        return self._numbers(SEGMENT_SUFFIX)

    def sidecars(self) -> list[int]:
        """The numbers of the segments whose keys exist, in order."""
        return self._numbers(SIDECAR_SUFFIX)

    def _numbers(self, suffix: str) -> list[int]:
        return sorted(int(path.stem) for path in self.folder.glob(f"*{suffix}") if path.stem.isdigit())

    def create(self, number: int) -> int:
        """A new, empty segment, its name durable; returns a descriptor that appends."""
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC
        descriptor = os.open(self.path(number), flags, OPEN_MODE)
        self.sync_folder(self.folder)
        return descriptor

    def reopen(self, number: int) -> int:
        """An existing segment, to go on appending."""
        return os.open(self.path(number), os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)

    def write(self, descriptor: int, data: bytes) -> None:
        """All of `data`, however many calls the system makes of it."""
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]

    def sync(self, descriptor: int) -> None:
        """Data and length durable."""
        os.fdatasync(descriptor)

    def truncate(self, descriptor: int, size_bytes: int) -> None:
        """Cut to `size_bytes`."""
        os.ftruncate(descriptor, size_bytes)

    def seal(self, descriptor: int) -> None:
        """Read-only from now on, that too durable."""
        os.fchmod(descriptor, SEALED_MODE)
        os.fsync(descriptor)

    def close(self, descriptor: int) -> None:
        """Give back a descriptor of any of the above."""
        os.close(descriptor)

    def replace(self, path: Path, data: bytes) -> None:
        """`path` holds `data`, durable, or what it held before. What it held before is overwritten on the disk."""
        self._clear_stale(path)
        fresh, stale = path.with_name(path.name + FRESH_SUFFIX), path.with_name(path.name + STALE_SUFFIX)
        descriptor = os.open(fresh, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_CLOEXEC, OPEN_MODE)
        try:
            self.write(descriptor, data)
            self.sync(descriptor)
            if path.exists():
                stale.hardlink_to(path)
            fresh.replace(path)
            # Once more, under its own name: journaling file systems make the new name durable with it.
            self.sync(descriptor)
        except OSError:
            fresh.unlink(missing_ok=True)
            raise
        finally:
            os.close(descriptor)
        self.sync_folder(path.parent)
        self._clear_stale(path)

    def finish_replacing(self) -> None:
        """After a crash within `replace`: it either happened or it did not, and nothing stale stays."""
        for fresh in self.folder.glob(f"*{FRESH_SUFFIX}"):
            fresh.unlink()
        for stale in self.folder.glob(f"*{STALE_SUFFIX}"):
            self._clear_stale(stale.with_suffix(""))

    def _clear_stale(self, path: Path) -> None:
        stale = path.with_name(path.name + STALE_SUFFIX)
        if not stale.exists():
            return
        if stale.samefile(path):
            # The new one never took the name: these are the bytes in use.
            stale.unlink()
            return
        self.overwrite(stale)

    def overwrite(self, path: Path) -> None:
        """Random bytes over the blocks of `path`, then remove it. A device that maps blocks anew may keep the old."""
        descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            self.write(descriptor, os.urandom(os.fstat(descriptor).st_size))
            self.sync(descriptor)
        finally:
            os.close(descriptor)
        path.unlink()
        self.sync_folder(path.parent)

    def sync_folder(self, folder: Path) -> None:
        """The names in `folder` durable."""
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
