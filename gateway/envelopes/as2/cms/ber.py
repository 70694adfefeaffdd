"""Reading BER (X.690) from a buffer: a cursor that goes from element to element, definite and indefinite lengths.

Owns tags, lengths and their bounds. Must not know what an element means. A declared length is only ever compared, so
that a huge one runs out of bytes instead of taking memory.
"""

from typing import Final

from gateway.envelopes.as2.cms.errors import CmsError, Truncated

INTEGER = 0x02
OCTET_STRING = 0x04
OBJECT_IDENTIFIER = 0x06
UTC_TIME = 0x17
GENERALIZED_TIME = 0x18
SEQUENCE = 0x30
SET = 0x31
CONSTRUCTED = 0x20
# What `Cursor.tag` says where the element around has no further one; as a tag it ends an indefinite length.
END = 0x00


def context(number: int) -> int:
    """The tag [number] of a constructed element."""
    return 0xA0 | number


def primitive_context(number: int) -> int:
    """The tag [number] of a primitive element."""
    return 0x80 | number


# CMS nests about ten deep, from ContentInfo to the value of an attribute.
MAXIMUM_DEPTH: Final = 24
# Of all but the content. A message to 400 recipients has 6,000 elements.
MAXIMUM_ELEMENTS: Final = 10_000
# Eight octets hold any length that a disk has room for.
MAXIMUM_LENGTH_OCTETS: Final = 8
# Serial numbers have up to 20 octets (RFC 5280 4.1.2.2), and some authorities go beyond.
MAXIMUM_INTEGER_OCTETS: Final = 64

INDEFINITE: Final = -1
UNBOUNDED: Final = 1 << 62
_HIGH_TAG_NUMBER = 0x1F
_INDEFINITE_LENGTH = 0x80
_TWO_OCTETS = 0x82  # of length follow: so begins nearly every longer element
_END_OF_CONTENTS = b"\0\0"
_LINE_ENDS = b"\r\n"


class Cursor:
    """Goes through the elements of a buffer in order. Every method raises CmsError, of it Truncated where bytes end."""

    __slots__ = ("_bound", "_buffer", "_elements_left", "_is_indefinite", "_open", "_position")

    def __init__(self, buffer: bytes) -> None:
        self._buffer = buffer
        self._position = 0
        # Of the element around the next one: where it ends at the latest, and whether its end is marked.
        self._bound = UNBOUNDED
        self._is_indefinite = False
        self._open: list[tuple[int, bool]] = []
        self._elements_left = MAXIMUM_ELEMENTS

    @property
    def position(self) -> int:
        """Where in the buffer the next element begins."""
        return self._position

    @property
    def bound(self) -> int:
        """Beyond this position nothing of the element around may stand."""
        return self._bound

    def tag(self) -> int:
        """The tag of the next element, END where there is none in the element around."""
        if self._position >= self._bound and not self._is_indefinite:
            return END
        if self._position >= len(self._buffer):
            raise Truncated
        return self._buffer[self._position]

    def enter(self, tag: int) -> None:
        """Go into a constructed element."""
        end = self.begin(tag)
        if end == INDEFINITE or len(self._open) >= MAXIMUM_DEPTH:
            self._enter(end)
            return
        # Nearly every element comes this way: one call less.
        self._open.append((self._bound, self._is_indefinite))
        self._bound, self._is_indefinite = end, False

    def leave(self) -> None:
        """Go out of the element around. Raises where it holds more than was read."""
        if self._is_indefinite:
            self._end_of_contents()
        elif self._position != self._bound:
            raise CmsError("An element holds more than the standard gives it.")
        self._bound, self._is_indefinite = self._open.pop()

    def read(self, tag: int) -> bytes:
        """The content of a primitive element."""
        end = self.begin(tag)
        if end == INDEFINITE:
            raise CmsError("A primitive element has an indefinite length.")
        if end > len(self._buffer):
            raise Truncated
        content = self._buffer[self._position : end]
        self._position = end
        return content

    def integer(self) -> int:
        """An INTEGER."""
        octets = self.read(INTEGER)
        if not 0 < len(octets) <= MAXIMUM_INTEGER_OCTETS:
            raise CmsError(f"An INTEGER has 1 to {MAXIMUM_INTEGER_OCTETS} octets.")
        return int.from_bytes(octets, "big", signed=True)

    def octets(self, tag: int = OCTET_STRING) -> bytes:
        """A string of that tag, primitive or constructed of pieces."""
        if self.tag() != tag | CONSTRUCTED:
            return self.read(tag)
        self.enter(tag | CONSTRUCTED)
        pieces = []
        while self.tag() != END:
            pieces.append(self.octets())
        self.leave()
        return b"".join(pieces)

    def raw(self) -> bytes:
        """The next element as it is encoded, of whatever tag."""
        start = self._position
        self.skip()
        return self._buffer[start : self._position]

    def since(self, start: int) -> bytes:
        """What was read from that position on, as it is encoded."""
        return self._buffer[start : self._position]

    def skip(self) -> None:
        """Pass over the next element. What has a definite length is not looked into."""
        end = self._begin_any()
        if end == INDEFINITE:
            self._skip_indefinite()
        elif end > len(self._buffer):
            raise Truncated
        else:
            self._position = end

    def begin(self, tag: int) -> int:
        """Pass the header of the next element, which must have that tag; where its content ends, or INDEFINITE."""
        buffer, position = self._buffer, self._position
        try:
            found, length = buffer[position], buffer[position + 1]
            position += 2
            if length < _INDEFINITE_LENGTH:
                pass  # it is the length itself
            elif length == _TWO_OCTETS:
                length = buffer[position] << 8 | buffer[position + 1]
                position += 2
            elif length == _INDEFINITE_LENGTH:
                length = INDEFINITE
            else:
                count = length & 0x7F
                length = self._long_length(position, count)
                position += count
        except IndexError:
            raise Truncated from None
        if found != tag:
            raise CmsError(f"An element has another tag than {tag:#04x}, which belongs there.")
        self._elements_left -= 1
        if self._elements_left < 0:
            raise CmsError(f"The message has more than {MAXIMUM_ELEMENTS} elements.")
        self._position = position
        if length == INDEFINITE:
            if not tag & CONSTRUCTED or position > self._bound:
                raise CmsError("An element cannot have an indefinite length there.")
            return INDEFINITE
        end = position + length
        if end > self._bound:
            raise CmsError("An element is longer than the one around it.")
        return end

    def finish(self) -> None:
        """The message is read. Behind it only line ends may stand: some products close the body with one."""
        if self._buffer[self._position :].strip(_LINE_ENDS):
            raise CmsError("Bytes follow the message.")

    def go_on(self, buffer: bytes, passed: int) -> None:
        """Read on in `buffer`, which begins `passed` bytes behind the beginning of the one so far."""
        self._buffer = buffer
        self._position = 0
        self._bound -= passed
        self._open = [(bound - passed, is_indefinite) for bound, is_indefinite in self._open]

    def _enter(self, end: int) -> None:
        if len(self._open) >= MAXIMUM_DEPTH:
            raise CmsError(f"Elements are nested more than {MAXIMUM_DEPTH} deep.")
        self._open.append((self._bound, self._is_indefinite))
        if end == INDEFINITE:
            self._is_indefinite = True
        else:
            self._bound = end
            self._is_indefinite = False

    def _begin_any(self) -> int:
        tag = self.tag()
        if tag == END or tag & _HIGH_TAG_NUMBER == _HIGH_TAG_NUMBER:
            raise CmsError("An element has a tag that CMS does not use.")
        return self.begin(tag)

    def _skip_indefinite(self) -> None:
        """Without recursion: from behind the header of an element to its end."""
        depth = len(self._open)
        self._enter(INDEFINITE)
        while len(self._open) > depth:
            if self.tag() == END:
                self.leave()
            elif (end := self._begin_any()) == INDEFINITE:
                self._enter(end)
            elif end > len(self._buffer):
                raise Truncated
            else:
                self._position = end

    def _long_length(self, position: int, count: int) -> int:
        if count > MAXIMUM_LENGTH_OCTETS:
            raise CmsError("An element is longer than any message.")
        octets = self._buffer[position : position + count]
        if len(octets) < count:
            raise Truncated
        return int.from_bytes(octets, "big")

    def _end_of_contents(self) -> None:
        end = self._position + 2
        marker = self._buffer[self._position : end]
        if marker != _END_OF_CONTENTS[: len(marker)] or end > self._bound:
            raise CmsError("An element of indefinite length is not ended where it should be.")
        if end > len(self._buffer):
            raise Truncated
        self._position = end
