"""Multipart bodies (RFC 2046 section 5.1): split byte for byte as they stream by, and written.

Owns delimiters. Must not know what the parts are for.
"""

import re
from typing import NamedTuple

from gateway.envelopes.mime.fault import MimeError

# RFC 2046 5.1.1.
MAXIMUM_BOUNDARY_CHARACTERS = 70
# An EDIINT message with attachments has a handful of parts.
MAXIMUM_PARTS = 1000
# Blanks that a relay may add behind a boundary. Without a limit, a delimiter could never be ruled out.
_MAXIMUM_PADDING_BYTES = 64

_AFTER_BOUNDARY = re.compile(rb"(--)?[ \t]{0,%d}(\r?\n)" % _MAXIMUM_PADDING_BYTES)
_MAY_GO_ON = re.compile(rb"-?\Z|(?:--)?[ \t]{0,%d}\r?\Z" % _MAXIMUM_PADDING_BYTES)
_CLOSING_AT_END = re.compile(rb"--[ \t]{0,%d}\r?\Z" % _MAXIMUM_PADDING_BYTES)
_CARRIAGE_RETURN = 0x0D


class Piece(NamedTuple):
    """Bytes of one part, counted from 0. Each part has exactly one last piece, which may be empty."""

    part: int
    data: bytes
    is_last: bool


class MultipartSplitter:
    """Splits a body that comes in pieces of any size. What it gives are the parts' own bytes, head included.

    The line end before a delimiter belongs to the delimiter. Preamble and epilogue are passed over.
    """

    def __init__(self, boundary: str, maximum_parts: int = MAXIMUM_PARTS) -> None:
        if not 0 < len(boundary) <= MAXIMUM_BOUNDARY_CHARACTERS:
            raise MimeError(f"a boundary has 1 to {MAXIMUM_BOUNDARY_CHARACTERS} characters")
        self._delimiter = b"\n--" + boundary.encode("latin-1", "replace")
        self._maximum_parts = maximum_parts
        self._part = -1  # the preamble
        # A delimiter may open the body, or follow the one before at once: as if a line end stood there.
        self._buffer = b"\n"
        self._begin = 1  # where content begins in the buffer: behind the line end that opens it
        self._is_closed = False
        self._has_epilogue = False

    @property
    def has_epilogue(self) -> bool:
        """Whether anything but blanks has come behind the closing delimiter."""
        return self._has_epilogue

    def feed(self, data: bytes) -> list[Piece]:
        """What can be told so far. Raises MimeError."""
        if self._is_closed:
            self._pass_epilogue(data)
            return []
        self._buffer = buffer = self._buffer + data
        delimiter = self._delimiter
        pieces: list[Piece] = []
        search = 0
        while (found := buffer.find(delimiter, search)) >= 0:
            after = found + len(delimiter)
            ending = _AFTER_BOUNDARY.match(buffer, after)
            if ending is not None:
                if not self._end_part(found, ending, pieces):
                    return pieces
                search = self._begin - 1
            elif _MAY_GO_ON.match(buffer, after):
                return self._hold(found, pieces)
            else:
                search = found + 1  # the line only begins like a delimiter
        return self._hold(max(search, len(buffer) - len(delimiter) + 1), pieces)

    def finish(self) -> list[Piece]:
        """The rest. Raises MimeError where the closing delimiter is missing."""
        if self._is_closed:
            return []
        found = self._buffer.rfind(self._delimiter)
        if found < 0 or not _CLOSING_AT_END.match(self._buffer, found + len(self._delimiter)):
            raise MimeError("a multipart body ends before its closing delimiter")
        self._is_closed = True
        return [Piece(self._part, self._content(found), is_last=True)] if self._part >= 0 else []

    def _end_part(self, found: int, ending: re.Match[bytes], pieces: list[Piece]) -> bool:
        """Close the part before a delimiter and open the one behind it, if there is one."""
        if self._part >= 0:
            pieces.append(Piece(self._part, self._content(found), True))
        if ending[1]:
            self._is_closed = True
            self._pass_epilogue(self._buffer[ending.end() :])
            self._buffer, self._begin = b"", 0
            return False
        self._part += 1
        if self._part >= self._maximum_parts:
            raise MimeError(f"a multipart body has more than {self._maximum_parts} parts")
        self._begin = ending.end()
        return True

    def _pass_epilogue(self, data: bytes) -> None:
        self._has_epilogue = self._has_epilogue or not (data.isspace() or not data)

    def _content(self, line_feed: int) -> bytes:
        """What stands before the line end of a delimiter."""
        has_return = line_feed > self._begin and self._buffer[line_feed - 1] == _CARRIAGE_RETURN
        return self._buffer[self._begin : line_feed - has_return]

    def _hold(self, end: int, pieces: list[Piece]) -> list[Piece]:
        """Give what cannot belong to a delimiter, keep the rest from `end`, or from the CR before it."""
        if end > self._begin:
            if self._buffer[end - 1] == _CARRIAGE_RETURN:
                end -= 1
            if end > self._begin and self._part >= 0:
                pieces.append(Piece(self._part, self._buffer[self._begin : end], is_last=False))
            self._buffer = self._buffer[end:]
            self._begin = 0
        elif self._begin > 0:
            self._buffer = self._buffer[self._begin - 1 :]
            self._begin = 1
        return pieces


def split(body: bytes, boundary: str, maximum_parts: int = MAXIMUM_PARTS) -> list[bytes]:
    """The parts of a whole body. Raises MimeError."""
    splitter = MultipartSplitter(boundary, maximum_parts)
    pieces = [*splitter.feed(body), *splitter.finish()]
    parts = [b""] * (pieces[-1].part + 1) if pieces else []
    for piece in pieces:
        parts[piece.part] += piece.data
    return parts


def opening(boundary: str) -> bytes:
    """What stands before the first part."""
    return f"--{boundary}\r\n".encode("ascii")


def between(boundary: str) -> bytes:
    """What stands between two parts."""
    return f"\r\n--{boundary}\r\n".encode("ascii")


def closing(boundary: str) -> bytes:
    """What stands behind the last part."""
    return f"\r\n--{boundary}--\r\n".encode("ascii")
