"""Header blocks of MIME entities: reading whole ones, and finding the end of one in a stream.

Owns names, folding and limits. Must not know what a field means.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from gateway.envelopes.mime.fault import MimeError

# Heads of messages seen in the field have under 3 KB; HTTP servers stop at 8 to 64 KB.
MAXIMUM_HEAD_BYTES = 64 << 10
# A part has three fields, a message behind two proxies about thirty.
MAXIMUM_FIELDS = 200
# Enough of an entity to see whether it begins with a field: the longest name that may begin one and its colon.
_DECIDING_BYTES = 80

# A name is printable ASCII without the colon (RFC 5322 2.2); blanks before the colon are an old slip.
_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:[ \t]*")
_FOLD = re.compile(rb"\r?\n[ \t]+")
_LINE_END = re.compile(rb"\r?\n")
# Only these name what a MIME entity is (RFC 2045 section 3). A looser pattern would take EDIFACT's `UNA:` for a field.
_BEGINS_HEAD = re.compile(rb"(?:content|mime|x)-[!-9;-~]*[ \t]*:|\r?\n", re.IGNORECASE)
_UNWRITABLE = re.compile(r"[\r\n\0]")


@dataclass(frozen=True, slots=True)
class Headers:
    """Fields in the order received, values unfolded and stripped, as latin-1 text. Names compare without case."""

    fields: tuple[tuple[str, str], ...] = ()

    @classmethod
    def parse(cls, block: bytes) -> "Headers":
        """The fields of a header block, with or without the empty line at its end. Raises MimeError."""
        if len(block) > MAXIMUM_HEAD_BYTES:
            raise MimeError(f"the header has more than {MAXIMUM_HEAD_BYTES} bytes")
        lines = _LINE_END.split(_FOLD.sub(b" ", block).strip(b"\r\n"))
        if len(lines) > MAXIMUM_FIELDS:
            raise MimeError(f"the header has more than {MAXIMUM_FIELDS} fields")
        return cls(tuple(_field(line) for line in lines) if lines != [b""] else ())

    def get(self, name: str) -> str | None:
        """The value of the first field of that name."""
        wanted = name.lower()
        for each, value in self.fields:
            if each.lower() == wanted:
                return value
        return None

    def all(self, name: str) -> tuple[str, ...]:
        """The values of every field of that name."""
        wanted = name.lower()
        return tuple(value for each, value in self.fields if each.lower() == wanted)

    def extended(self, fields: Iterable[tuple[str, str]]) -> "Headers":
        """These fields and then others."""
        return Headers((*self.fields, *fields))

    def encode(self) -> bytes:
        """The block with the empty line at its end. Raises ValueError where a value would break out of its line."""
        for name, value in self.fields:
            if _UNWRITABLE.search(value) or not _FIELD.fullmatch(f"{name}:".encode("latin-1")):
                raise ValueError(f"the field {name!r} cannot be written as one line")
        lines = [f"{name}: {value}\r\n" for name, value in self.fields]
        return "".join((*lines, "\r\n")).encode("latin-1")


def _field(line: bytes) -> tuple[str, str]:
    match = _FIELD.match(line)
    if match is None:
        raise MimeError("a line of the header is no field")
    return match[1].decode("ascii"), line[match.end() :].rstrip(b" \t\r").decode("latin-1")


def split_entity(entity: bytes) -> tuple[Headers, bytes]:
    """Head and body of a whole entity. Raises MimeError."""
    head = HeadReader()
    body = head.feed(entity)
    if body is None:
        body = head.finish()
    return head.headers, body


class HeadReader:
    """Takes the head off an entity that comes in pieces of any size.

    An entity that begins with neither a field nor an empty line has no head at all: some products encrypt the bare
    payload.
    """

    def __init__(self) -> None:
        self._buffer = b""
        self._begins_head: bool | None = None
        self._searched = 0
        self.headers = Headers()
        self.block = b""

    def feed(self, data: bytes) -> bytes | None:
        """The bytes behind the head as soon as it is whole, None before. Then `headers` and `block` are known.

        `block` is the head as it came, with the empty line. Raises MimeError.
        """
        self._buffer = self._buffer + data if self._buffer else data
        if self._begins_head is None:
            begins_head = self._looks_like_head()
            if not begins_head and len(self._buffer) < _DECIDING_BYTES:
                return None
            self._begins_head = begins_head
        if not self._begins_head:
            return self._end(0)
        end = self._find_end()
        return None if end is None else self._end(end)

    def finish(self) -> bytes:
        """The bytes behind the head where the entity ended before `feed` gave them. Raises MimeError."""
        return self._end(len(self._buffer) if self._looks_like_head() else 0)

    def _looks_like_head(self) -> bool:
        return _BEGINS_HEAD.match(self._buffer, 0, _DECIDING_BYTES) is not None

    def _find_end(self) -> int | None:
        """Where the body begins. Each byte is looked at once, however small the pieces."""
        buffer = self._buffer
        if buffer.startswith((b"\r\n", b"\n")):
            return buffer.index(b"\n") + 1
        limit = MAXIMUM_HEAD_BYTES
        crlf = buffer.find(b"\n\r\n", self._searched, limit)
        bare = buffer.find(b"\n\n", self._searched, limit if crlf < 0 else crlf)
        if bare >= 0:
            return bare + 2
        if crlf >= 0:
            return crlf + 3
        if len(buffer) >= limit:
            raise MimeError(f"the header has more than {limit} bytes")
        self._searched = max(0, len(buffer) - 2)
        return None

    def _end(self, end: int) -> bytes:
        self.block = self._buffer[:end]
        self.headers = Headers.parse(self.block)
        rest = self._buffer[end:]
        self._buffer = b""
        return rest
