"""The archive as retention sees it. Adapter of `gateway.pipeline.retention.Shredder`.

Owns turning bodies into the records that they take. Must not know why a body stays.
"""

import asyncio

from gateway.model.exchange import ArchiveReference
from gateway.pipeline.ports import NotInArchive
from gateway.pipeline.retention import SegmentAge
from gateway.stores.archive.ends import ArchiveDamaged
from gateway.stores.archive.index import ChunkPlace
from gateway.stores.archive.keeping import DestroyedByRetention
from gateway.stores.archive.log import SegmentArchive
from gateway.stores.archive.sidecar import KeyState


class ArchiveShredder:
    """Over an archive that this process writes."""

    def __init__(self, archive: SegmentArchive) -> None:
        self._archive = archive

    async def ages(self) -> tuple[SegmentAge, ...]:
        """The segments, in order."""
        spans = await asyncio.to_thread(self._archive.segments)
        return tuple(SegmentAge(each.segment, each.last_written_at, each.keys is KeyState.DESTROYED) for each in spans)

    async def shred(self, segment: str, keep: tuple[ArchiveReference, ...]) -> bool:
        """Destroy the keys of all but what is to be kept."""
        try:
            return await self._archive.shred(segment, await asyncio.to_thread(self._places, segment, keep))
        except ArchiveDamaged as error:
            raise NotInArchive(str(error)) from error

    def _places(self, segment: str, keep: tuple[ArchiveReference, ...]) -> list[ChunkPlace]:
        number = int(segment)
        places = {place for reference in keep for place in self._records_of(reference)}
        return sorted((place for place in places if place.segment == number), key=lambda place: place.offset)

    def _records_of(self, reference: ArchiveReference) -> tuple[ChunkPlace, ...]:
        """None of a body that came under a hold too late: it must not keep all others from going."""
        try:
            return self._archive.records_of(reference)
        except DestroyedByRetention:
            return ()
