"""Records found and decrypted where they lie, and the records of a body.

Owns what is said when a record cannot be had. Must not know who asks. Blocks.
"""

from dataclasses import dataclass

from gateway.model.exchange import ArchiveReference
from gateway.pipeline.ports import NotInArchive
from gateway.stores.archive.encoding import decode
from gateway.stores.archive.files import Files, segment_name
from gateway.stores.archive.index import ChunkPlace, decode_index
from gateway.stores.archive.keeping import KeyStore
from gateway.stores.archive.record import Flag, Frame, RecordDamaged, read_frame


@dataclass(frozen=True, slots=True)
class Record:
    """One record, decrypted."""

    flags: Flag
    data: bytes


def read_frame_at(files: Files, place: ChunkPlace) -> Frame:
    """The record in `place`, encrypted as it lies. Raises NotInArchive."""
    try:
        with files.path(place.segment).open("rb", buffering=0) as file:
            file.seek(place.offset)
            return read_frame(file.read(place.length))
    except OSError as error:
        raise NotInArchive(f"The archive cannot read {_words(place)}: {error.strerror}.") from error
    except RecordDamaged as error:
        raise NotInArchive(f"The archive's record in {_words(place)} is damaged: {error}.") from error


def read_record(files: Files, keys: KeyStore, segment: int, offset: int, length: int) -> Record:
    """The record in a place. Raises NotInArchive, of it DestroyedByRetention and ArchiveKeyMissing."""
    place = ChunkPlace(segment, offset, length, 0)
    frame = read_frame_at(files, place)
    secret = keys.secret(segment, offset, frame.stamp.salt)
    try:
        return Record(frame.flags, decode(frame, secret))
    except RecordDamaged as error:
        raise NotInArchive(f"The archive's record in {_words(place)} is damaged: {error}.") from error


def records_of(files: Files, keys: KeyStore, reference: ArchiveReference) -> tuple[ChunkPlace, ...]:
    """Every record that a body takes, its index last. Raises as `read_record`."""
    segment = int(reference.segment)
    record = read_record(files, keys, segment, reference.offset, reference.length)
    own = ChunkPlace(segment, reference.offset, reference.length, len(record.data))
    return (*decode_index(record.data), own) if Flag.INDEX in record.flags else (own,)


def _words(place: ChunkPlace) -> str:
    return f"segment {segment_name(place.segment)}, offset {place.offset}"
