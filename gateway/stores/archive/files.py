"""The few file operations that the archive stands on, in one place, so that a test can make each of them fail.

Owns names and modes of files in the archive's folder. Must not know records.
"""

import fcntl
import os
from pathlib import Path

SEGMENT_SUFFIX = ".segment"
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

    def segments(self) -> list[int]:
        """The numbers of the segments that exist, in order."""
        return sorted(int(path.stem) for path in self.folder.glob(f"*{SEGMENT_SUFFIX}") if path.stem.isdigit())

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

    def sync_folder(self, folder: Path) -> None:
        """The names in `folder` durable."""
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
