"""The octets of one string of any size as it streams by: primitive, or constructed of pieces (X.690 8.7).

Owns the framing of pieces. Must not know what the octets are. BouncyCastle cuts a content into pieces of 1000 octets.
"""

from typing import Final

from gateway.envelopes.as2.cms.ber import (
    CONSTRUCTED,
    INDEFINITE,
    MAXIMUM_DEPTH,
    MAXIMUM_LENGTH_OCTETS,
    OCTET_STRING,
    UNBOUNDED,
)
from gateway.envelopes.as2.cms.errors import CmsError, Truncated

# Writers that flush at each line make pieces of some 70 octets. Smaller ones only cost time: after the first
# 10,000 there must be 16 octets to each in the mean.
FREE_PIECES: Final = 10_000
LEAST_MEAN_PIECE_OCTETS: Final = 16

_NESTED = OCTET_STRING | CONSTRUCTED


class OctetsReader:
    """Takes a string's bytes from behind its header. Positions count from there.

    `end` is where the string ends, or INDEFINITE; `bound` is what the elements around leave to it.
    """

    def __init__(self, end: int, bound: int, *, is_constructed: bool) -> None:
        self._position = 0
        # Where the open constructed strings end, the outermost first. Empty where the string is primitive or over.
        self._ends = [end] if is_constructed else []
        self._bounds = [bound if end == INDEFINITE else end] if is_constructed else []
        self._left = 0 if is_constructed else end  # of the piece that is being read
        self._pieces = 0
        self._header = b""  # one that came in part
        self._usual_header: bytes | None = None  # of the piece before
        self._usual_size = 0  # of header and piece
        self.rest: bytes | memoryview = b""  # what was fed beyond the string, once it is over

    @property
    def is_over(self) -> bool:
        """The whole string was read."""
        return not (self._ends or self._left)

    @property
    def position(self) -> int:
        """How far the string was read, headers of pieces included."""
        return self._position

    def feed(self, data: bytes | memoryview) -> bytes | memoryview:
        """The octets in `data`, joined. Raises CmsError."""
        if self._left > len(data):
            self._left -= len(data)
            self._position += len(data)
            return data
        if not self._ends:
            octets, self.rest = data[: self._left], data[self._left :]
            self._position += self._left
            self._left = 0
            return octets
        return self._join(self._header + bytes(data) if self._header else bytes(data))

    def _join(self, data: bytes) -> bytes:
        self._header = b""
        pieces: list[bytes] = []
        offset = 0
        while True:
            if self._left:
                piece = data[offset : offset + self._left]
                pieces.append(piece)
                offset += len(piece)
                self._position += len(piece)
                self._left -= len(piece)
                if self._left:
                    break
            if not self._ends:
                self.rest = data[offset:]
                break
            offset = self._pass_alike(data, offset, pieces)
            try:
                passed = self._begin(data, offset)
            except Truncated:
                self._header = data[offset:]
                break
            offset += passed
            self._position += passed
        return b"".join(pieces)

    def _pass_alike(self, data: bytes, offset: int, pieces: list[bytes]) -> int:
        """Pieces of one size, as nearly all are, are taken without looking closer; where they end."""
        header, size = self._usual_header, self._usual_size
        if header is None:
            return offset
        start = offset
        # Not up to the bound nor to the end of the data: what is special is looked at closely.
        end = min(len(data), offset + self._bounds[-1] - self._position) - size
        while offset < end and data.startswith(header, offset):
            pieces.append(data[offset + len(header) : offset + size])
            offset += size
            self._pieces += 1
        self._position += offset - start
        return offset

    def _begin(self, data: bytes, offset: int) -> int:
        """Pass the end of a string or the header of a piece; how many bytes that were."""
        ends = self._ends
        if ends[-1] == self._position:
            ends.pop()
            self._bounds.pop()
            return 0
        if len(data) - offset < 2:
            raise Truncated
        tag, length = data[offset], data[offset + 1]
        size = 2
        if tag == 0:
            if length or ends[-1] != INDEFINITE:
                raise CmsError("A string of pieces is ended where it should not be.")
            ends.pop()
            self._within(size, self._bounds.pop())
            return size
        if length > 0x80:
            size += length & 0x7F
            length = _long_length(data, offset, size)
        elif length == 0x80:
            length = INDEFINITE
        if length == INDEFINITE or tag == _NESTED:
            self._nest(tag, length, size)
        elif tag == OCTET_STRING:
            self._within(size + length, self._bounds[-1])
            self._left = length
            self._usual_header, self._usual_size = data[offset : offset + size], size + length
        else:
            raise CmsError("A string holds something else than its pieces.")
        self._count()
        return size

    def _nest(self, tag: int, length: int, size: int) -> None:
        if tag != _NESTED:
            raise CmsError("A string holds something else than its pieces.")
        if len(self._ends) >= MAXIMUM_DEPTH:
            raise CmsError(f"Elements are nested more than {MAXIMUM_DEPTH} deep.")
        bound = self._bounds[-1]
        if length == INDEFINITE:
            self._within(size, bound)
            self._ends.append(INDEFINITE)
            self._bounds.append(bound)
        else:
            self._within(size + length, bound)
            self._ends.append(self._position + size + length)
            self._bounds.append(self._position + size + length)

    def _within(self, size: int, bound: int) -> None:
        if self._position + size > bound:
            raise CmsError("An element is longer than the one around it.")

    def _count(self) -> None:
        self._pieces += 1
        if self._pieces > FREE_PIECES and self._position < (self._pieces - FREE_PIECES) * LEAST_MEAN_PIECE_OCTETS:
            raise CmsError("A string is cut into too small pieces.")


def _long_length(data: bytes, offset: int, size: int) -> int:
    if size - 2 > MAXIMUM_LENGTH_OCTETS:
        raise CmsError("An element is longer than any message.")
    if len(data) - offset < size:
        raise Truncated
    length = int.from_bytes(data[offset + 2 : offset + size], "big")
    if length > UNBOUNDED:
        raise CmsError("An element is longer than any message.")
    return length
