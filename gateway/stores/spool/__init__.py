"""Spools on files: documents of one message while its verdict is not known.

Owns when memory becomes a file. The file has no name: the system takes it back with the process.
"""

import tempfile
from pathlib import Path
from typing import IO

# Documents of a real-time message stay in memory; those of a large batch do not.
MEMORY_BYTES = 1 << 20


class FileSpool:
    """In memory up to 1 MB, then in a file without a name."""

    def __init__(self, folder: Path) -> None:
        # The spool outlives this call; `close` gives it back.
        self._file: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=MEMORY_BYTES, dir=str(folder))  # noqa: SIM115
        self._size = 0

    def write(self, data: bytes, /) -> int:
        """Append; returns where `data` begins. Raises OSError."""
        begin = self._size
        self._file.seek(begin)
        self._file.write(data)
        self._size += len(data)
        return begin

    def read(self, start: int, end: int) -> bytes:
        """Bytes `start` to `end`."""
        self._file.seek(start)
        return self._file.read(end - start)

    def close(self) -> None:
        """Forget it all."""
        self._file.close()


class FileSpools:
    """Makes spools in one folder, which needs room for the documents of the messages being judged."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        self._folder = folder

    def __call__(self) -> FileSpool:
        """A new, empty spool."""
        return FileSpool(self._folder)
