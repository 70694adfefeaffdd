"""A ContentInfo (RFC 5652 section 3) that comes in pieces of any size: its head, its content, its tail.

Owns where the content lies. Must not know what head and tail mean: the caller reads them with a cursor. Memory is
bounded: the head and the tail by limits, the content is handed on as it comes.

Decided here, since the standard leaves it open or products differ:

- Version numbers are read and not judged: they say nothing that the elements do not, and products get them wrong.
- A content that is absent is an error: there would be nothing to decrypt, inflate or verify.
- Behind the ContentInfo only line ends are passed over. Anything else is an error.
"""

from collections.abc import Callable
from typing import Generic, TypeVar

from gateway.envelopes.as2.cms.ber import (
    CONSTRUCTED,
    END,
    INDEFINITE,
    OBJECT_IDENTIFIER,
    SEQUENCE,
    Cursor,
    context,
)
from gateway.envelopes.as2.cms.errors import CmsError, Truncated
from gateway.envelopes.as2.cms.limits import CmsLimits
from gateway.envelopes.as2.cms.octets import OctetsReader

Head = TypeVar("Head")


class ContentReader(Generic[Head]):
    """Takes a ContentInfo apart. `read_head` reads up to the content, whose tag is `content_tag` if it is primitive."""

    def __init__(self, read_head: Callable[[Cursor], Head], content_tag: int, limits: CmsLimits) -> None:
        self._read_head = read_head
        self._content_tag = content_tag
        self._limits = limits
        self._waiting: list[bytes] = []
        self._waiting_size = 0
        self._enough = 0  # below this size it is not worth while to look at an unfinished head again
        self._cursor = Cursor(b"")
        self._octets: OctetsReader | None = None
        self._tail = bytearray()
        self.head: Head | None = None

    def feed(self, data: bytes | memoryview) -> bytes | memoryview:
        """The octets of the content in `data`, none before the head is whole. Raises CmsError."""
        if self._octets is not None:
            return self._content(self._octets, data)
        self._waiting.append(bytes(data))
        self._waiting_size += len(data)
        return self._begin() if self._waiting_size >= self._enough else b""

    def finish(self) -> tuple[bytes | memoryview, Cursor]:
        """The last octets of the content, and a cursor in the tail, behind the content. Raises CmsError."""
        content = b"" if self._octets is not None else self._begin()
        if self._octets is None or not self._octets.is_over:
            raise Truncated
        self._cursor.go_on(bytes(self._tail), self._cursor.position + self._octets.position)
        return content, self._cursor

    def _begin(self) -> bytes | memoryview:
        """Read the head, if it is whole. The next attempt is made when half as many bytes again are there.

        So reading byte by byte costs no more than a constant times the size of the head.
        """
        buffer = b"".join(self._waiting)
        cursor = Cursor(buffer)
        try:
            head = self._read_head(cursor)
            octets = self._open_content(cursor)
        except Truncated:
            if len(buffer) > self._limits.head_bytes:
                raise CmsError("The message has too much before its content.") from None
            self._waiting = [buffer]
            self._enough = len(buffer) * 3 // 2
            return b""
        self.head, self._octets, self._cursor = head, octets, cursor
        self._waiting.clear()
        return self._content(octets, memoryview(buffer)[cursor.position :])

    def _open_content(self, cursor: Cursor) -> OctetsReader:
        tag = cursor.tag()
        if tag == END:
            raise CmsError("The message has no content.")
        is_constructed = tag == self._content_tag | CONSTRUCTED
        end = cursor.begin(tag if is_constructed else self._content_tag)
        start = cursor.position
        return OctetsReader(
            end if end == INDEFINITE else end - start, cursor.bound - start, is_constructed=is_constructed
        )

    def _content(self, octets: OctetsReader, data: bytes | memoryview) -> bytes | memoryview:
        if octets.is_over:
            self._keep(data)
            return b""
        content = octets.feed(data)
        if octets.rest:
            self._keep(octets.rest)
        return content

    def _keep(self, data: bytes | memoryview) -> None:
        self._tail += data
        if len(self._tail) > self._limits.tail_bytes:
            raise CmsError("The message has too much behind its content.")


def enter_content_info(cursor: Cursor) -> bytes:
    """Go to the content of a ContentInfo; the octets of the identifier of its type. Raises CmsError."""
    cursor.enter(SEQUENCE)
    content_type = cursor.read(OBJECT_IDENTIFIER)
    cursor.enter(context(0))
    return content_type


def leave_content_info(cursor: Cursor) -> None:
    """Go out again, to the end of the message. Raises CmsError."""
    cursor.leave()
    cursor.leave()
    cursor.finish()
