"""What the segment log promises beyond the port: sealing, recovery, and errors of the disk."""

import errno
import os
from pathlib import Path

import pytest

from gateway.pipeline.ports import NotInArchive, StoreFailed, StoreFull
from gateway.stores.archive import ArchiveDamaged, ArchiveLocked, SegmentArchive
from tests.unit.stores.archive.archives import RING, FailingFiles, Fatal, last_segment, pieces, whole


async def test_reopened_archive_reads_what_was_written(tmp_path: Path) -> None:
    """A body outlives the process that wrote it, and the next one is appended behind it."""
    first = await SegmentArchive.open(tmp_path, Fatal(), keys=RING)
    kept = await first.append(pieces(b"ISA*", b"one"))
    await first.close()

    second = await SegmentArchive.open(tmp_path, Fatal(), keys=RING)
    later = await second.append(pieces(b"two"))

    assert whole(second, kept) == b"ISA*one"
    assert whole(second, later) == b"two"
    assert later.segment == kept.segment
    await second.close()


async def test_full_segment_is_sealed_read_only(tmp_path: Path) -> None:
    """A segment past its size is closed for good and the next one begins."""
    archive = await SegmentArchive.open(tmp_path, Fatal(), keys=RING, segment_bytes=1100)
    references = [await archive.append(pieces(os.urandom(700))) for _ in range(5)]
    await archive.close()

    names = sorted({reference.segment for reference in references})
    assert len(names) == 3
    assert (tmp_path / f"{names[0]}.segment").stat().st_mode & 0o222 == 0
    assert all(len(whole(archive, reference)) == 700 for reference in references)


async def test_torn_tail_is_cut_off(tmp_path: Path) -> None:
    """Half a record at the end of the last segment was promised to nobody."""
    archive = await SegmentArchive.open(tmp_path, Fatal(), keys=RING)
    kept = await archive.append(pieces(b"kept"))
    await archive.close()
    good_size = last_segment(tmp_path).stat().st_size
    with last_segment(tmp_path).open("ab") as file:
        file.write(b"GWA\x02torn")

    reopened = await SegmentArchive.open(tmp_path, Fatal(), keys=RING)

    assert last_segment(tmp_path).stat().st_size == good_size
    assert whole(reopened, kept) == b"kept"
    await reopened.close()


async def test_damage_before_durable_bytes_is_never_cut_off(tmp_path: Path) -> None:
    """A broken record with later groups behind it was durable: refuse to start, change nothing."""
    archive = await SegmentArchive.open(tmp_path, Fatal(), keys=RING)
    await archive.append(pieces(b"first" * 20))
    await archive.append(pieces(b"second" * 20))
    await archive.append(pieces(b"third" * 20))
    await archive.close()
    path = last_segment(tmp_path)
    content = bytearray(path.read_bytes())
    content[200] ^= 0xFF
    path.write_bytes(content)

    with pytest.raises(ArchiveDamaged, match="damaged at byte"):
        await SegmentArchive.open(tmp_path, Fatal(), keys=RING)

    assert path.read_bytes() == content


async def test_sealed_segment_is_never_cut_off(tmp_path: Path) -> None:
    """A last segment with a footer is left alone; writing goes on in the next."""
    archive = await SegmentArchive.open(tmp_path, Fatal(), keys=RING, segment_bytes=10)
    kept = await archive.append(pieces(b"kept" * 10))
    await archive.append(pieces(b"next"))
    await archive.close()
    last_segment(tmp_path).unlink()

    reopened = await SegmentArchive.open(tmp_path, Fatal(), keys=RING)
    later = await reopened.append(pieces(b"later"))

    assert later.segment > kept.segment
    assert whole(reopened, kept) == b"kept" * 10
    await reopened.close()


async def test_second_writer_is_refused(tmp_path: Path) -> None:
    """Two processes must not append to the same archive."""
    archive = await SegmentArchive.open(tmp_path, Fatal(), keys=RING)

    with pytest.raises(ArchiveLocked, match="Another process"):
        await SegmentArchive.open(tmp_path, Fatal(), keys=RING)

    await archive.close()


async def test_full_disk_refuses_and_recovers(tmp_path: Path) -> None:
    """Without room a message is refused and nothing of it stays; with room again the archive goes on."""
    files, fatal = FailingFiles(tmp_path), Fatal()
    archive = await SegmentArchive.open(tmp_path, fatal, keys=RING, files=files)
    kept = await archive.append(pieces(b"kept"))
    files.write_error = OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(StoreFull):
        await archive.append(pieces(b"refused"))
    files.write_error = None

    later = await archive.append(pieces(b"later"))

    assert fatal.errors == []
    assert later.offset == kept.offset + kept.length
    assert whole(archive, kept) + whole(archive, later) == b"keptlater"
    await archive.close()


async def test_failed_sync_is_fatal(tmp_path: Path) -> None:
    """After a failed sync nothing is promised any more, even where the next one would succeed."""
    files, fatal = FailingFiles(tmp_path), Fatal()
    archive = await SegmentArchive.open(tmp_path, fatal, keys=RING, files=files)
    files.sync_error = OSError(errno.EIO, "Input/output error")
    with pytest.raises(StoreFailed):
        await archive.append(pieces(b"lost"))
    files.sync_error = None

    with pytest.raises(StoreFailed):
        await archive.append(pieces(b"too late"))

    assert len(fatal.errors) == 1
    await archive.close()


async def test_write_error_other_than_room_is_fatal(tmp_path: Path) -> None:
    """An input/output error while writing says that the disk is failing."""
    files, fatal = FailingFiles(tmp_path), Fatal()
    archive = await SegmentArchive.open(tmp_path, fatal, keys=RING, files=files)
    files.write_error = OSError(errno.EIO, "Input/output error")

    with pytest.raises(StoreFailed):
        await archive.append(pieces(b"lost"))

    assert len(fatal.errors) == 1
    await archive.close()


async def test_damaged_record_says_where(tmp_path: Path) -> None:
    """A record that rotted is reported with its place and without its content."""
    archive = await SegmentArchive.open(tmp_path, Fatal(), keys=RING)
    reference = await archive.append(pieces(b"secret" * 20_000))
    path = last_segment(tmp_path)
    content = bytearray(path.read_bytes())
    content[-1] ^= 0xFF
    path.write_bytes(content)

    with pytest.raises(NotInArchive, match=f"segment 000000000001, offset {reference.offset}") as raised:
        whole(archive, reference)

    assert "secret" not in str(raised.value)
    await archive.close()


async def test_body_that_was_just_kept_is_not_read_from_the_disk(tmp_path: Path) -> None:
    """The step that follows needs it at once, and a small one is still in memory."""
    archive = await SegmentArchive.open(tmp_path, Fatal(), keys=RING)
    reference = await archive.append(pieces(b"just kept"))
    last_segment(tmp_path).unlink()

    assert whole(archive, reference) == b"just kept"
    await archive.close()
