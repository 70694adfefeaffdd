"""The payload of an opened message on its way from the spool into the archive.

Owns which attachments go on. Must not know how they were protected.
"""

import hashlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field

from gateway.envelopes.as2.reading import Attachment
from gateway.envelopes.mime.content_type import Parametrised
from gateway.pipeline.ports import Spool

# Read from the spool at once: as much as the archive keeps in one record.
WINDOW_BYTES = 1 << 20
# RFC 1767, and what partners write for the same; of several attachments those are the interchange.
_EDI_TYPES = frozenset({"application/edi-x12", "application/edi-consent", "application/edifact"})


@dataclass(slots=True)
class Payload(AsyncIterator[bytes]):
    """The attachments that go on, out of the spool and hashed on the way."""

    spool: Spool
    ranges: tuple[tuple[int, int], ...]
    digest: "hashlib._Hash" = field(default_factory=hashlib.sha256)
    _windows: Iterator[tuple[int, int]] = field(init=False)

    def __post_init__(self) -> None:
        self._windows = _windows(self.ranges)

    async def __anext__(self) -> bytes:
        window = next(self._windows, None)
        if window is None:
            raise StopAsyncIteration
        piece = self.spool.read(*window)
        self.digest.update(piece)
        return piece


def payload_ranges(attachments: tuple[Attachment, ...]) -> tuple[tuple[int, int], ...]:
    """What goes on: of several attachments those that are EDI, else the first. All of them stay in the archive."""
    edi = [each for each in attachments if Parametrised.parse(each.content_type).value in _EDI_TYPES]
    return tuple((each.start, each.end) for each in edi or attachments[:1])


def _windows(ranges: tuple[tuple[int, int], ...]) -> Iterator[tuple[int, int]]:
    for start, end in ranges:
        for begin in range(start, end, WINDOW_BYTES):
            yield begin, min(end, begin + WINDOW_BYTES)
