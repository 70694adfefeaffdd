"""Files and standard input as the commands read them: in chunks, again by range, with progress on a terminal.

Owns what can go wrong with a file, and what a file is that is no X12. Must not know findings.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO

from gateway.model.finding import ByteRange

STANDARD_INPUT = "-"
CHUNK_BYTES = 1 << 20
# Standard input is kept to be read by range; more than this of it goes to a temporary file.
SPOOL_MEMORY_BYTES = 8 << 20
# Below this a file is done before a progress bar would be seen.
PROGRESS_BYTES = 8 << 20
# Enough to tell what a file is.
HEAD_BYTES = 4096

_ISA_BYTES = 106


class UnreadableInputError(Exception):
    """There is nothing to be judged; the text says why and what to do, for a person."""


@dataclass(slots=True)
class InputFile:
    """One input. `head` is its first bytes."""

    name: str
    head: bytes
    size_bytes: int | None
    _stream: IO[bytes]
    _kept: IO[bytes] | None

    def chunks(self) -> Iterator[bytes]:
        """Everything, in order; once."""
        with _progress(self.name, self.size_bytes) as advance:
            chunk = self.head
            while chunk:
                if self._kept is not None:
                    self._kept.write(chunk)
                advance(len(chunk))
                yield chunk
                chunk = _read(self._stream, CHUNK_BYTES)

    def read(self, wanted: ByteRange) -> bytes:
        """The bytes of a range, after all chunks were taken."""
        stream = self._stream if self._kept is None else self._kept
        stream.seek(wanted.start)
        return stream.read(wanted.end - wanted.start)


@contextmanager
def open_input(name: str) -> Iterator[InputFile]:
    """A file, or standard input as `-`. Raises UnreadableInputError, also for an empty one."""
    with ExitStack() as opened:
        if name == STANDARD_INPUT:
            stream: IO[bytes] = sys.stdin.buffer
        else:
            stream = opened.enter_context(_opened(Path(name)))
        # A pipe cannot be read by range, nor does it say how long it is.
        is_file = name != STANDARD_INPUT and stream.seekable()
        size_bytes = os.fstat(stream.fileno()).st_size if is_file else None
        kept = None if is_file else opened.enter_context(SpooledTemporaryFile(max_size=SPOOL_MEMORY_BYTES))
        yield InputFile(name, _head(stream), size_bytes, stream, kept)


def _opened(path: Path) -> IO[bytes]:
    try:
        if path.is_dir():
            raise UnreadableInputError("This is a directory; name the files in it.")
        return path.open("rb")
    except FileNotFoundError:
        raise UnreadableInputError("There is no such file.") from None
    except PermissionError:
        raise UnreadableInputError("The file may not be read: permission denied.") from None
    except OSError as error:
        raise _cannot_read(error) from None
    except ValueError:
        raise UnreadableInputError("This is no name of a file.") from None


def what_it_is(head: bytes) -> str:
    """Why a file that holds no readable interchange is none, from its first bytes."""
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    for beginning, words in _BEGINNINGS:
        if text[: len(beginning)].lower() == beginning:
            return words
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "This is text in UTF-16; X12 is sent one byte a character."
    if text.startswith(b"ISA"):
        if len(text) < _ISA_BYTES:
            return f"The ISA segment is cut off: {len(text)} of its {_ISA_BYTES} characters are there."
        return "The ISA segment cannot be read: its 16 elements cannot be told apart."
    if not text:
        return "There is nothing but blanks in it."
    return "This is not X12: it does not begin with an ISA segment."


_BEGINNINGS: tuple[tuple[bytes, str], ...] = (
    (b"%pdf", "This is a PDF, not X12."),
    (b"<!doctype html", "This is an HTML page, not X12."),
    (b"<html", "This is an HTML page, not X12."),
    (b"<", "This is XML, not X12; `gateway convert` makes X12 of canonical XML."),
    (b"{", "This is JSON, not X12."),
    (b"pk\x03\x04", "This is a ZIP archive; take the X12 file out of it first."),
    (b"\x1f\x8b", "This is a gzip file; decompress it first."),
    (b"msh", "This is HL7 v2, which this version does not read."),
    (b"gs*", "There is no ISA segment: the file begins with a functional group."),
    (b"st*", "There is no ISA segment: the file begins with a transaction set."),
)


def _head(stream: IO[bytes]) -> bytes:
    head = _read(stream, HEAD_BYTES)
    if not head:
        raise UnreadableInputError("The file is empty.")
    return head


def _read(stream: IO[bytes], size: int) -> bytes:
    try:
        return stream.read(size)
    except OSError as error:
        raise _cannot_read(error) from None


def _cannot_read(error: OSError) -> UnreadableInputError:
    return UnreadableInputError(f"The file cannot be read: {error.strerror or 'input/output error'}.")


@contextmanager
def _progress(name: str, size_bytes: int | None) -> Iterator["_Advance"]:
    """A bar on standard error, for large files on a terminal."""
    if not sys.stderr.isatty() or (size_bytes is not None and size_bytes < PROGRESS_BYTES):
        yield _Advance()
        return
    from rich.console import Console  # noqa: PLC0415 - costs start time, and is seldom needed
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn  # noqa: PLC0415

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(name, total=size_bytes)
        yield _Advance(lambda count: progress.advance(task, count))


class _Advance:
    """Tells a progress bar, if there is one."""

    def __init__(self, tell: Callable[[int], None] | None = None) -> None:
        self._tell = tell

    def __call__(self, count: int) -> None:
        if self._tell is not None:
            self._tell(count)
