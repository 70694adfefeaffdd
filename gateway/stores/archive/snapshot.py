"""The archive as it is at one moment, read beside its writer or without one.

Owns reading and proving up to one head. Must not write, nor know why.
"""

from collections.abc import Iterator
from pathlib import Path

from gateway.model.exchange import ArchiveReference
from gateway.stores.archive.files import Files
from gateway.stores.archive.keeping import KeyStore
from gateway.stores.archive.keys import KeyRing
from gateway.stores.archive.proof import ChainProof
from gateway.stores.archive.proving import prove
from gateway.stores.archive.reading import read_record, records_of
from gateway.stores.archive.recovery import last_head


class ArchiveSnapshot:
    """Everything up to the head of the moment when it was made. Every method blocks."""

    def __init__(self, folder: Path, ring: KeyRing) -> None:
        """Raises ArchiveDamaged, OSError."""
        self._files = Files(folder)
        self._keys = KeyStore(self._files, ring)
        self._head = last_head(self._files)

    @property
    def head(self) -> str:
        """The head that all proofs lead to."""
        return str(self._head)

    def read(self, reference: ArchiveReference, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Bytes `start` to `end` (exclusive, None = all) in chunks of at most 1 MB. Raises NotInArchive."""
        *chunks, last = records_of(self._files, self._keys, reference)
        begin = 0
        for place in chunks or [last]:
            if end is not None and begin >= end:
                return
            if begin + place.plain_size > start:
                data = read_record(self._files, self._keys, place.segment, place.offset, place.length).data
                yield data[max(0, start - begin) : None if end is None else end - begin]
            begin += place.plain_size

    def prove(self, reference: ArchiveReference) -> ChainProof:
        """That the head stands for a body. Raises NotInArchive."""
        return prove(self._files, self._keys, reference, self._head)
