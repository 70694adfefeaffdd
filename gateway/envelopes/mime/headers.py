"""Header blocks of MIME entities: reading whole ones, and finding the end of one in a stream.

Owns names, folding and limits. Must not know what a field means.
"""

import re
from dataclasses import dataclass, field
from typing import Final

from gateway.envelopes.mime.fault import MimeError

# Heads of messages seen in the field have under 3 KB; HTTP servers stop at 8 to 64 KB.
MAXIMUM_HEAD_BYTES = 64 << 10
# A part has three fields, a message behind two proxies about thirty.
MAXIMUM_FIELDS = 200
# Enough of an entity to see whether it begins with a field: the longest name that may begin one and its colon.
_DECIDING_BYTES = 80

# A name is printable ASCII without the colon (RFC 5322 2.2); blanks before the colon are an old slip.
_FIELD = re.compile(r"^([!-9;-~]+)[ \t]*:[ \t]*(.*)$", re.MULTILINE)
_FOLD = re.compile(r"\n[ \t]+")
# What names a MIME entity (RFC 2045 section 3), and the fields of a mail that libas2 puts before those. A looser
# pattern would take EDIFACT's `UNA:` for a field.
_BEGINS_HEAD = re.compile(
    rb"(?:(?:content|mime|x)-[!-9;-~]*|date|from|to|subject|message-id|received)[ \t]*:|\r?\n", re.IGNORECASE
)
_WRITTEN = re.compile(r"(?:[!-9;-~]+: [^\r\n\0]*+\r\n)*+")


@dataclass(frozen=True, slots=True)
class Headers:
    """Fields in the order received, values unfolded and stripped, as latin-1 text. Names compare without case."""

    fields: tuple[tuple[str, str], ...] = ()
    # The first value by name in lower case, made when it is first asked for: what is only written needs none.
    _values: dict[str, str] | None = field(default=None, init=False, repr=False, compare=False)

    @classmethod
    def parse(cls, block: bytes) -> "Headers":
        """The fields of a header block, with or without the empty line at its end. Raises MimeError."""
        if len(block) > MAXIMUM_HEAD_BYTES:
            raise MimeError(f"the header has more than {MAXIMUM_HEAD_BYTES} bytes")
        text = block.decode("latin-1").replace("\r\n", "\n").strip("\n")
        if not text:
            return cls()
        if "\n " in text or "\n\t" in text:
            text = _FOLD.sub(" ", text)
        fields = _FIELD.findall(text)
        if len(fields) > MAXIMUM_FIELDS:
            raise MimeError(f"the header has more than {MAXIMUM_FIELDS} fields")
        if len(fields) != text.count("\n") + 1 or "\r" in text or "\0" in text:
            raise MimeError("a line of the header is no field")
        # Looked for once in all of them: nearly no value ends in blanks.
        if " \n" in text or "\t\n" in text or text.endswith((" ", "\t")):
            fields = [(name, value.rstrip(" \t")) for name, value in fields]
        return cls(tuple(fields))

    def get(self, name: str) -> str | None:
        """The value of the first field of that name."""
        return (self._values or self._index()).get(name.lower())

    def all(self, name: str) -> tuple[str, ...]:
        """The values of every field of that name."""
        key = name.lower()
        values = self._values or self._index()
        if len(values) != len(self.fields):
            return tuple(value for each, value in self.fields if each.lower() == key)
        return (values[key],) if key in values else ()

    def encode(self) -> bytes:
        """The block with the empty line at its end. Raises ValueError where a value would break out of its line."""
        block = "".join([f"{name}: {value}\r\n" for name, value in self.fields])
        if not _WRITTEN.fullmatch(block) or block.count("\n") != len(self.fields):
            raise ValueError("a field cannot be written as one line")
        return f"{block}\r\n".encode("latin-1")

    def _index(self) -> dict[str, str]:
        values = {name.lower(): value for name, value in reversed(self.fields)}
        object.__setattr__(self, "_values", values)
        return values


_NO_FIELDS: Final = Headers()


def split_entity(entity: bytes) -> tuple[Headers, bytes]:
    """Head and body of a whole entity. Raises MimeError."""
    block, body = split_head(entity)
    return Headers.parse(block), body


def split_head(entity: bytes) -> tuple[bytes, bytes]:
    """The head of a whole entity as it came, with the empty line, and the body. Raises MimeError."""
    if not _BEGINS_HEAD.match(entity, 0, _DECIDING_BYTES):
        return b"", entity
    end = _find_end(entity, 0)
    return (entity, b"") if end is None else (entity[:end], entity[end:])


def _find_end(buffer: bytes, searched: int) -> int | None:
    """Where the body begins, None where the head does not end yet; before `searched` it does not. Raises MimeError."""
    if buffer.startswith((b"\r\n", b"\n")):
        return buffer.index(b"\n") + 1
    limit = MAXIMUM_HEAD_BYTES
    crlf = buffer.find(b"\n\r\n", searched, limit)
    bare = buffer.find(b"\n\n", searched, limit if crlf < 0 else crlf)
    if bare >= 0:
        return bare + 2
    if crlf >= 0:
        return crlf + 3
    if len(buffer) >= limit:
        raise MimeError(f"the header has more than {limit} bytes")
    return None


class HeadReader:
    """Takes the head off an entity that comes in pieces of any size.

    An entity that begins with neither a field nor an empty line has no head at all: some products encrypt the bare
    payload.
    """

    def __init__(self) -> None:
        self._buffer = b""
        self._begins_head = False
        self._searched = 0
        self.headers = _NO_FIELDS
        self.block = b""

    def feed(self, data: bytes) -> bytes | None:
        """The bytes behind the head as soon as it is whole, None before. Then `headers` and `block` are known.

        `block` is the head as it came, with the empty line. Raises MimeError.
        """
        buffer = self._buffer + data if self._buffer else data
        if not self._begins_head:
            if not _BEGINS_HEAD.match(buffer, 0, _DECIDING_BYTES):
                if len(buffer) >= _DECIDING_BYTES:
                    return self._end(buffer, 0)
                self._buffer = buffer
                return None
            self._begins_head = True
        end = _find_end(buffer, self._searched)
        if end is not None:
            return self._end(buffer, end)
        self._buffer = buffer
        # Each byte is looked at once, however small the pieces.
        self._searched = max(0, len(buffer) - 2)
        return None

    def finish(self) -> bytes:
        """The bytes behind the head where the entity ended before `feed` gave them. Raises MimeError."""
        return self._end(self._buffer, len(self._buffer) if self._begins_head else 0)

    def _end(self, buffer: bytes, end: int) -> bytes:
        self.block = buffer[:end]
        self.headers = Headers.parse(self.block)
        return buffer[end:]
