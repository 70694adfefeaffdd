"""Reading CompressedData (RFC 3274) as it streams by, within bounds on what it grows to.

Owns inflating. Must not know what is inside.
"""

import zlib
from typing import Final

from gateway.envelopes.as2.cms.algorithms import parse_algorithm
from gateway.envelopes.as2.cms.ber import OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, Cursor, context
from gateway.envelopes.as2.cms.content import ContentReader, enter_content_info, leave_content_info
from gateway.envelopes.as2.cms.errors import CmsError, DecompressionFailed, UnsupportedAlgorithm
from gateway.envelopes.as2.cms.identifiers import COMPRESSED_DATA, ZLIB, dotted
from gateway.envelopes.as2.cms.limits import DEFAULT_LIMITS, CmsLimits

# Input is inflated in steps, so that what one call gives is bounded, and what it leaves over is cheap to copy.
_STEP_BYTES: Final = 16 << 10
_OUTPUT_BYTES: Final = 64 << 10


class CompressedReader:
    """Inflates a ContentInfo."""

    def __init__(self, limits: CmsLimits = DEFAULT_LIMITS) -> None:
        self._content = ContentReader(_read_head, OCTET_STRING, limits)
        self._inflater = Inflater(limits)
        self._has_begun = False

    def feed(self, data: bytes | memoryview) -> list[bytes]:
        """Inflated content so far. Raises CmsError, of it DecompressionFailed."""
        return self._inflate(self._content.feed(data))

    def finish(self) -> list[bytes]:
        """The rest of the content. Raises CmsError, of it DecompressionFailed."""
        content, cursor = self._content.finish()
        pieces = self._inflate(content)
        cursor.leave()  # [0]
        cursor.leave()  # EncapsulatedContentInfo
        cursor.leave()  # CompressedData
        leave_content_info(cursor)
        self._inflater.finish()
        return pieces

    def _inflate(self, content: bytes | memoryview) -> list[bytes]:
        if not self._has_begun and self._content.head is not None:
            self._has_begun = True
            identifier = parse_algorithm(self._content.head).identifier
            if identifier != ZLIB:
                raise UnsupportedAlgorithm(f"The compression {dotted(identifier)} is not supported.")
        return self._inflater.feed(content)


class Inflater:
    """Inflates zlib's format (RFC 1950). What came out is weighed against what went in at each step."""

    def __init__(self, limits: CmsLimits) -> None:
        self._limits = limits
        self._inflate = zlib.decompressobj()
        self._size = 0
        self._inflated_size = 0

    def feed(self, data: bytes | memoryview) -> list[bytes]:
        """Inflated so far. Raises DecompressionFailed."""
        pieces = []
        for start in range(0, len(data), _STEP_BYTES):
            step: bytes | memoryview = data[start : start + _STEP_BYTES]
            self._size += len(step)
            while True:
                piece = self._step(step)
                pieces.append(piece)
                step = self._inflate.unconsumed_tail
                # Where a full piece came out and nothing is left of the input, some output may still wait inside.
                if not step and len(piece) < _OUTPUT_BYTES:
                    break
        return pieces

    def finish(self) -> None:
        """Nothing may be missing. Raises DecompressionFailed."""
        if not self._inflate.eof:
            raise DecompressionFailed("The compressed content ends too early.")

    def _step(self, data: bytes | memoryview) -> bytes:
        if self._inflate.eof and data:
            raise DecompressionFailed("Something follows the compressed content.")
        try:
            piece = self._inflate.decompress(data, _OUTPUT_BYTES)
        except zlib.error:
            raise DecompressionFailed("The compressed content is damaged.") from None
        if self._inflate.unused_data:
            raise DecompressionFailed("Something follows the compressed content.")
        self._inflated_size += len(piece)
        if self._inflated_size > self._limits.inflated_bytes:
            raise DecompressionFailed("The compressed content grows beyond what is allowed.")
        if self._inflated_size > max(self._limits.inflated_free_bytes, self._size * self._limits.inflated_ratio):
            raise DecompressionFailed("The compressed content grows out of proportion.")
        return piece


def _read_head(cursor: Cursor) -> bytes:
    """The encoded algorithm."""
    if enter_content_info(cursor) != COMPRESSED_DATA:
        raise CmsError("The message is of another type than compressed.")
    cursor.enter(SEQUENCE)
    cursor.integer()  # the version
    algorithm = cursor.raw()
    cursor.enter(SEQUENCE)
    cursor.read(OBJECT_IDENTIFIER)  # the type of the content: the caller looks at the content itself
    cursor.enter(context(0))
    return algorithm
