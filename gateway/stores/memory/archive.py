"""An archive in memory, for tests and for trying things out: it keeps the port's promises until the process ends."""

from collections.abc import AsyncIterable, Iterator

from gateway.model.exchange import ArchiveReference
from gateway.pipeline.ports import NotInArchive

CHUNK_BYTES = 1 << 20
_SEGMENT = "memory"


class MemoryArchive:
    """Bodies in a list; the offset is the position in it."""

    def __init__(self) -> None:
        self._bodies: list[bytes] = []

    async def append(self, body: AsyncIterable[bytes]) -> ArchiveReference:
        """Keep `body`."""
        data = b"".join([piece async for piece in body])
        self._bodies.append(data)
        return ArchiveReference(_SEGMENT, len(self._bodies) - 1, len(data))

    def size(self, reference: ArchiveReference) -> int:
        """How many bytes the body has."""
        return reference.length

    def read(self, reference: ArchiveReference, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Bytes `start` to `end`. Raises NotInArchive."""
        if reference.segment != _SEGMENT or not 0 <= reference.offset < len(self._bodies):
            raise NotInArchive(f"The archive has nothing at segment {reference.segment}, offset {reference.offset}.")
        data = self._bodies[reference.offset][start:end]
        for begin in range(0, len(data), CHUNK_BYTES):
            yield data[begin : begin + CHUNK_BYTES]
