"""Spools on files: documents of one message while its verdict is not known.

Owns when memory becomes a file, and that it is compressed: canonical XML is eight times as large as the X12 it comes
from, and shrinks to a twentieth. The file has no name: the system takes it back with the process.
"""

import tempfile
from bisect import bisect_right
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import zstandard

# Documents of a real-time message stay in memory; those of a large batch go to the file a frame at a time.
# As much as the judge hands over at once, so that a frame is compressed where it lies, while caches hold it.
FRAME_BYTES = 1 << 18
# One of zstd's fast levels: a third quicker than level 1, and XML still shrinks to a twentieth.
COMPRESSION_LEVEL = -3


@dataclass(frozen=True, slots=True)
class _Frame:
    """A compressed piece: where it lies in the file, and how long it is there and unpacked."""

    offset: int
    length: int
    plain_size: int


class FileSpool:
    """The last documents in memory, what came before in a file. Used by one thread at a time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._tail = bytearray()
        self._tail_begin = 0
        self._file: IO[bytes] | None = None
        self._file_size = 0
        self._frames: list[_Frame] = []
        self._begins: list[int] = []
        self._unpacked: tuple[int, bytes] = (-1, b"")

    def write(self, data: bytes, /) -> int:
        """Append; returns where `data` begins. Raises OSError."""
        begin = self._tail_begin + len(self._tail)
        if not self._tail and len(data) >= FRAME_BYTES:
            self._append(data)
            return begin
        self._tail += data
        if len(self._tail) >= FRAME_BYTES:
            self._append(self._tail)
            self._tail = bytearray()
        return begin

    def _append(self, plain: bytes | bytearray) -> None:
        if self._file is None:
            # The spool outlives this call; `close` gives it back.
            self._file = tempfile.TemporaryFile(dir=self._folder, buffering=0)  # noqa: SIM115
        packed = memoryview(zstandard.ZstdCompressor(level=COMPRESSION_LEVEL).compress(plain))
        self._frames.append(_Frame(self._file_size, len(packed), len(plain)))
        self._begins.append(self._tail_begin)
        self._file.seek(self._file_size)
        self._file_size += len(packed)
        while packed:
            packed = packed[self._file.write(packed) :]
        self._tail_begin += len(plain)

    def read(self, start: int, end: int) -> bytes:
        """Bytes `start` to `end`. Raises OSError."""
        parts: list[bytes] = []
        number = max(0, bisect_right(self._begins, start) - 1)
        while number < len(self._frames) and self._begins[number] < end:
            begin = self._begins[number]
            parts.append(self._unpack(number)[max(0, start - begin) : end - begin])
            number += 1
        if end > self._tail_begin:
            parts.append(bytes(self._tail[max(0, start - self._tail_begin) : end - self._tail_begin]))
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _unpack(self, number: int) -> bytes:
        """One frame; the last one is kept, since windows are read in order."""
        if self._unpacked[0] != number:
            frame = self._frames[number]
            assert self._file is not None  # noqa: S101 - there are frames only once there is a file
            self._file.seek(frame.offset)
            packed = self._file.read(frame.length)
            data = zstandard.ZstdDecompressor().decompress(packed, max_output_size=frame.plain_size)
            self._unpacked = (number, data)
        return self._unpacked[1]

    def close(self) -> None:
        """Forget it all."""
        self._tail.clear()
        if self._file is not None:
            self._file.close()


class FileSpools:
    """Makes spools in one folder, which needs room for the documents of the messages being judged."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        self._folder = folder

    def __call__(self) -> FileSpool:
        """A new, empty spool."""
        return FileSpool(self._folder)
