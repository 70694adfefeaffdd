"""Writing CompressedData (RFC 3274). How much comes of it is not known beforehand, so that lengths are indefinite.

Owns deflating and its pieces. Must not know what is inside. The same content gives the same bytes in whatever pieces
it is fed: what is packaged twice, once for its digest and once to be sent, is equal.
"""

import zlib
from typing import Final

from gateway.envelopes.as2.cms import der
from gateway.envelopes.as2.cms.ber import CONSTRUCTED, OCTET_STRING, SEQUENCE, context
from gateway.envelopes.as2.cms.identifiers import COMPRESSED_DATA, DATA, ZLIB

# zlib's own default: 9 takes twice the time for 1 % less.
_LEVEL: Final = 6
# A piece is held until it is full. A smaller one costs more headers, a larger one more memory.
PIECE_BYTES: Final = 16 << 10

_HEAD: Final = b"".join(
    (
        der.indefinite(SEQUENCE),
        der.identifier(COMPRESSED_DATA),
        der.indefinite(context(0)),
        der.indefinite(SEQUENCE),
        der.integer(0),
        der.element(SEQUENCE, der.identifier(ZLIB)),
        der.indefinite(SEQUENCE),
        der.identifier(DATA),
        der.indefinite(context(0)),
        der.indefinite(OCTET_STRING | CONSTRUCTED),
    )
)
_TAIL: Final = der.END_OF_CONTENTS * 6


class CompressedWriter:
    """Deflates: `begin`, `update` as often as needed, `finish`."""

    def __init__(self) -> None:
        self._deflate = zlib.compressobj(_LEVEL)
        self._held = bytearray()

    def begin(self) -> bytes:
        """What stands before the content."""
        return _HEAD

    def update(self, data: bytes | memoryview) -> bytes:
        """Deflate a piece of any size. Often nothing comes of it yet."""
        self._held += self._deflate.compress(data)
        return self._full_pieces()

    def finish(self) -> bytes:
        """The end."""
        self._held += self._deflate.flush()
        return self._full_pieces() + (der.octet_string(bytes(self._held)) if self._held else b"") + _TAIL

    def _full_pieces(self) -> bytes:
        full = len(self._held) - len(self._held) % PIECE_BYTES
        pieces = [self._held[start : start + PIECE_BYTES] for start in range(0, full, PIECE_BYTES)]
        del self._held[:full]
        return b"".join(der.octet_string(bytes(piece)) for piece in pieces)
