"""Retention: a destroyed key takes its records with it, and leaves those that must stay."""

import errno
import os
from pathlib import Path

import pytest

from gateway.model.exchange import ArchiveReference
from gateway.pipeline.ports import NotInArchive, StoreFull
from gateway.stores.archive import DestroyedByRetention, KeyState, SegmentArchive
from gateway.stores.archive.shredder import ArchiveShredder
from gateway.stores.archive.verifying import verify
from tests.unit.stores.archive.archives import RING, FailingFiles, Fatal, kept, pieces, whole

SMALL_SEGMENT_BYTES = 700
FIRST = "000000000001"


async def opened(folder: Path, files: FailingFiles | None = None) -> SegmentArchive:
    """The archive as the gateway has it."""
    return await SegmentArchive.open(folder, Fatal(), keys=RING, files=files, segment_bytes=SMALL_SEGMENT_BYTES)


async def eight_bodies(folder: Path) -> list[ArchiveReference]:
    """Some in each segment; the last segment is open."""
    return await kept(folder, [b"body %d" % number for number in range(8)], SMALL_SEGMENT_BYTES)


async def test_destroyed_segment_cannot_be_read(tmp_path: Path) -> None:
    """Its records say what became of them; those of other segments stay."""
    references = await eight_bodies(tmp_path)
    archive = await opened(tmp_path)

    await archive.shred(FIRST, ())

    with pytest.raises(DestroyedByRetention, match="Retention destroyed"):
        whole(archive, references[0])
    assert whole(archive, references[-1]) == b"body 7"
    assert [span.keys for span in archive.segments()][:2] == [KeyState.DESTROYED, KeyState.WHOLE]
    await archive.close()


async def test_destroyed_segment_stays_destroyed(tmp_path: Path) -> None:
    """Also for a process that never had its key in memory."""
    references = await eight_bodies(tmp_path)
    archive = await opened(tmp_path)
    await archive.shred(FIRST, ())
    await archive.close()

    reopened = await opened(tmp_path)

    with pytest.raises(DestroyedByRetention):
        whole(reopened, references[0])
    await reopened.close()


async def test_what_was_read_is_forgotten(tmp_path: Path) -> None:
    """Neither key nor plaintext stays in the memory of the gateway that runs."""
    archive = await opened(tmp_path)
    reference = await archive.append(pieces(b"remembered"))
    assert whole(archive, reference) == b"remembered"

    await archive.shred(FIRST, ())

    with pytest.raises(DestroyedByRetention):
        whole(archive, reference)
    await archive.close()


async def test_open_segment_is_sealed_before_its_key_is_destroyed(tmp_path: Path) -> None:
    """What comes after goes under another key."""
    archive = await opened(tmp_path)
    await archive.append(pieces(b"expired"))

    await archive.shred(FIRST, ())
    later = await archive.append(pieces(b"later"))

    assert later.segment > FIRST
    assert whole(archive, later) == b"later"
    await archive.close()
    assert verify(tmp_path, RING).faults == ()


async def test_body_under_legal_hold_stays(tmp_path: Path) -> None:
    """Of one segment, one body is kept and its neighbours are gone for good."""
    references = await eight_bodies(tmp_path)
    archive = await opened(tmp_path)
    in_first = [reference for reference in references if reference.segment == FIRST]

    await archive.shred(FIRST, archive.records_of(in_first[1]))

    assert len(in_first) >= 3
    assert whole(archive, in_first[1]) == b"body 1"
    for gone in (in_first[0], in_first[2]):
        with pytest.raises(DestroyedByRetention):
            whole(archive, gone)
    await archive.close()


async def test_body_of_many_segments_under_legal_hold_stays(tmp_path: Path) -> None:
    """All chunks and the index of a large body are records of their own, in several segments."""
    archive = await opened(tmp_path)
    before = await archive.append(pieces(b"before"))
    body = os.urandom(3 << 20)
    held = await archive.append(pieces(body))
    places = archive.records_of(held)

    for segment in sorted({f"{place.segment:012d}" for place in places}):
        await archive.shred(segment, places)

    assert len(places) == 4
    assert whole(archive, held) == body
    with pytest.raises(DestroyedByRetention):
        whole(archive, before)
    await archive.close()


async def test_hold_that_ends_lets_the_rest_be_destroyed(tmp_path: Path) -> None:
    """What was kept the first time is destroyed the second time; a hold that comes too late brings nothing back."""
    references = await eight_bodies(tmp_path)
    archive = await opened(tmp_path)
    places = archive.records_of(references[0])
    await archive.shred(FIRST, places)
    await archive.shred(FIRST, ())

    await archive.shred(FIRST, places)

    with pytest.raises(DestroyedByRetention):
        whole(archive, references[0])
    await archive.close()


async def test_shredding_again_changes_nothing(tmp_path: Path) -> None:
    """Where the same records are to be kept as before, their keys are left alone."""
    references = await eight_bodies(tmp_path)
    archive = await opened(tmp_path)
    places = archive.records_of(references[0])
    await archive.shred(FIRST, places)
    before = (tmp_path / f"{FIRST}.keys").read_bytes()

    await archive.shred(FIRST, places)

    assert (tmp_path / f"{FIRST}.keys").read_bytes() == before
    await archive.close()


async def test_retention_goes_on_past_a_hold_that_came_too_late(tmp_path: Path) -> None:
    """A body that is destroyed already does not keep its neighbours from going."""
    references = await eight_bodies(tmp_path)
    archive = await opened(tmp_path)
    shredder = ArchiveShredder(archive)
    await shredder.shred(FIRST, (references[0],))

    await shredder.shred(FIRST, (references[1],))

    assert [age.is_destroyed for age in await shredder.ages()][:2] == [True, False]
    await archive.close()


async def test_chain_holds_over_destroyed_records(tmp_path: Path) -> None:
    """What cannot be read any more still stands where it stood; verifying reports it, not as a fault."""
    await eight_bodies(tmp_path)
    archive = await opened(tmp_path)
    head = archive.chain_head()
    await archive.shred(FIRST, ())
    await archive.close()

    report = verify(tmp_path, RING, noted=[head])

    assert report.faults == ()
    assert report.shredded == (FIRST,)
    assert report.decrypted < report.records


async def test_interrupted_shred_destroys_all_or_nothing(tmp_path: Path) -> None:
    """Without room for the new sidecar the old one stays, and so do the records; later it succeeds."""
    references = await eight_bodies(tmp_path)
    files = FailingFiles(tmp_path)
    archive = await opened(tmp_path, files)
    files.write_error = OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(StoreFull):
        await archive.shred(FIRST, ())
    files.write_error = None
    still_there = whole(archive, references[0])

    await archive.shred(FIRST, ())

    assert still_there == b"body 0"
    with pytest.raises(DestroyedByRetention):
        whole(archive, references[0])
    await archive.close()


async def test_unknown_segment_cannot_be_shredded(tmp_path: Path) -> None:
    """There is nothing to destroy."""
    archive = await opened(tmp_path)

    with pytest.raises(NotInArchive):
        await archive.shred("000000000099", ())

    await archive.close()


async def test_spans_tell_from_when_to_when(tmp_path: Path) -> None:
    """Retention goes by the last time at which a segment was written."""
    await eight_bodies(tmp_path)
    archive = await opened(tmp_path)

    spans = archive.segments()

    assert [span.is_sealed for span in spans] == [True] * (len(spans) - 1) + [False]
    times = [at for span in spans for at in (span.first_written_at, span.last_written_at)]
    assert times == sorted(times)
    await archive.close()
