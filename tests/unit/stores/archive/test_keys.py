"""Keys of the archive: missing, wrong, rotated, and what a crash leaves."""

import errno
import os
from pathlib import Path

import pytest

from gateway.pipeline.ports import StoreFull
from gateway.stores.archive import ArchiveDamaged, ArchiveKeyMissing, KeyEncryptionKey, KeyRing, SegmentArchive
from gateway.stores.archive.files import Files
from gateway.stores.archive.keeping import rewrap
from gateway.stores.archive.sidecar import decode_sidecar
from gateway.stores.archive.verifying import verify
from tests.unit.stores.archive.archives import OTHER_KEY, RING, FailingFiles, Fatal, alter, found, kept, pieces, whole

SMALL_SEGMENT_BYTES = 400
SIDECAR = "000000000001.keys"
NEW_RING = KeyRing.of(OTHER_KEY, [bytes(range(32))])


class StoppingFiles(Files):
    """Real files; the process ends before the `calls`-th replacing of a file, or at a step within it."""

    def __init__(self, folder: Path, *, replaced: int = 1_000, at_overwrite: bool = False) -> None:
        super().__init__(folder)
        self._replaced = replaced
        self._at_overwrite = at_overwrite

    def replace(self, path: Path, data: bytes) -> None:
        """End instead, when so many were replaced."""
        if self._replaced == 0:
            raise KeyboardInterrupt
        self._replaced -= 1
        super().replace(path, data)

    def overwrite(self, path: Path) -> None:
        """End instead, where told so."""
        if self._at_overwrite:
            raise KeyboardInterrupt
        super().overwrite(path)


def key_ids(folder: Path) -> list[str]:
    """The key that each sidecar needs."""
    return [decode_sidecar(path.read_bytes()).key_id for path in sorted(folder.glob("*.keys"))]


async def test_plaintext_is_nowhere_on_the_disk(tmp_path: Path) -> None:
    """Neither a body that shrinks nor one that does not is found in any file."""
    noise = os.urandom(500)

    await kept(tmp_path, [b"PATIENT" * 50, noise])

    content = b"".join(path.read_bytes() for path in found(tmp_path, "*"))
    assert b"PATIENT" not in content
    assert noise[:16] not in content


async def test_same_body_is_stored_differently(tmp_path: Path) -> None:
    """Two equal bodies cannot be told to be equal."""
    first, second = await kept(tmp_path, [b"the same body"] * 2)

    content = (tmp_path / "000000000001.segment").read_bytes()

    records = [content[each.offset : each.offset + each.length] for each in (first, second)]
    assert records[0][-29:] != records[1][-29:]
    assert records[0][-93:-61] != records[1][-93:-61]


async def test_offset_written_again_gets_another_key(tmp_path: Path) -> None:
    """A refused group leaves bytes on the disk: the next one at its place must not share their key stream."""
    files = FailingFiles(tmp_path)
    archive = await SegmentArchive.open(tmp_path, Fatal(), keys=RING, files=files)
    await archive.append(pieces(b"kept"))
    path = tmp_path / "000000000001.segment"
    written: list[bytes] = []

    def note_and_fail(_descriptor: int, data: bytes) -> None:
        written.append(data)
        raise OSError(errno.ENOSPC, "No space left on device")

    files.write = note_and_fail  # type: ignore[method-assign]
    with pytest.raises(StoreFull):
        await archive.append(pieces(bytes(16)))
    del files.write
    again = await archive.append(pieces(bytes(16)))
    await archive.close()

    record = path.read_bytes()[again.offset :]
    assert len(record) == len(written[0])
    assert record[-32:] != written[0][-32:]


async def test_missing_key_is_named_at_the_start(tmp_path: Path) -> None:
    """An archive under another key is not opened; the text names the key and holds none."""
    await kept(tmp_path, [b"body"])

    with pytest.raises(ArchiveKeyMissing, match=RING.current.id) as raised:
        await SegmentArchive.open(tmp_path, Fatal(), keys=KeyRing.of(OTHER_KEY))

    assert OTHER_KEY.hex() not in str(raised.value)


async def test_missing_key_of_an_old_segment_is_named_at_the_start(tmp_path: Path) -> None:
    """An older key that is no longer given is missed at once, not when a record is asked for."""
    await kept(tmp_path, [b"body %d" % number for number in range(4)], SMALL_SEGMENT_BYTES)
    archive = await SegmentArchive.open(tmp_path, Fatal(), keys=NEW_RING, segment_bytes=10)
    await archive.append(pieces(b"under the new key"))
    await archive.append(pieces(b"in a segment of its own"))
    await archive.close()

    with pytest.raises(ArchiveKeyMissing, match=RING.current.id):
        await SegmentArchive.open(tmp_path, Fatal(), keys=KeyRing.of(OTHER_KEY))


def test_key_shows_no_secret() -> None:
    """Neither a key nor a ring gives itself away when it is shown."""
    shown = repr(NEW_RING) + repr(NEW_RING.current)

    assert OTHER_KEY.hex() not in shown
    assert repr(OTHER_KEY) not in shown


def test_key_of_a_wrong_size_is_refused() -> None:
    """A passphrase is no key."""
    with pytest.raises(ValueError, match="32 bytes"):
        KeyEncryptionKey.of(b"correct horse battery staple")


async def test_damaged_sidecar_of_the_open_segment_stops_the_start(tmp_path: Path) -> None:
    """Going on under a new key would make what is there unreadable for good."""
    await kept(tmp_path, [b"body"])
    alter(tmp_path / SIDECAR, 60)

    with pytest.raises(ArchiveDamaged, match="restore this file from a backup"):
        await SegmentArchive.open(tmp_path, Fatal(), keys=RING)


async def test_missing_sidecar_of_the_open_segment_stops_the_start(tmp_path: Path) -> None:
    """The same where it is gone; no new one is made."""
    await kept(tmp_path, [b"body"])
    (tmp_path / SIDECAR).unlink()

    with pytest.raises(ArchiveDamaged, match="missing"):
        await SegmentArchive.open(tmp_path, Fatal(), keys=RING)

    assert not (tmp_path / SIDECAR).exists()


async def test_crash_between_sidecar_and_segment(tmp_path: Path) -> None:
    """A sidecar without a segment: the next start uses its key on."""
    references = await kept(tmp_path, [b"body 0", b"body 1"], SMALL_SEGMENT_BYTES)
    (tmp_path / "000000000002.segment").unlink(missing_ok=True)
    archive = await SegmentArchive.open(tmp_path, Fatal(), keys=RING, segment_bytes=10)
    await archive.append(pieces(b"sealed behind"))
    await archive.close()
    newest = found(tmp_path, "*.segment")[-1]
    newest.unlink()
    sidecar = newest.with_suffix(".keys").read_bytes()

    reopened = await SegmentArchive.open(tmp_path, Fatal(), keys=RING)
    later = await reopened.append(pieces(b"later"))

    assert newest.with_suffix(".keys").read_bytes() == sidecar
    assert whole(reopened, later) == b"later"
    assert whole(reopened, references[0]) == b"body 0"
    await reopened.close()
    assert verify(tmp_path, RING).faults == ()


async def test_crash_between_segment_and_sidecar(tmp_path: Path) -> None:
    """An empty segment whose sidecar was lost gets another: nobody was promised anything of it."""
    await kept(tmp_path, [])
    (tmp_path / SIDECAR).unlink()

    archive = await SegmentArchive.open(tmp_path, Fatal(), keys=RING)
    reference = await archive.append(pieces(b"body"))

    assert whole(archive, reference) == b"body"
    await archive.close()


async def test_full_disk_while_a_sidecar_is_made(tmp_path: Path) -> None:
    """Without room for the next segment's keys a message is refused; with room the archive goes on."""
    files, fatal = FailingFiles(tmp_path), Fatal()
    archive = await SegmentArchive.open(tmp_path, fatal, keys=RING, files=files, segment_bytes=10)
    await archive.append(pieces(b"kept"))
    real = files.replace

    def fail(_path: Path, _data: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    files.replace = fail  # type: ignore[method-assign]
    with pytest.raises(StoreFull):
        await archive.append(pieces(b"refused"))
    files.replace = real  # type: ignore[method-assign]

    later = await archive.append(pieces(b"later"))

    assert fatal.errors == []
    assert later.segment == "000000000002"
    await archive.close()
    assert verify(tmp_path, RING).faults == ()


async def test_rotation_wraps_every_sidecar_anew(tmp_path: Path) -> None:
    """Afterwards the old key is not needed, and no segment was touched."""
    references = await kept(tmp_path, [b"body %d" % number for number in range(6)], SMALL_SEGMENT_BYTES)
    before = [path.read_bytes() for path in found(tmp_path, "*.segment")]

    changed = rewrap(tmp_path, NEW_RING)

    assert changed == len(before)
    assert [path.read_bytes() for path in found(tmp_path, "*.segment")] == before
    archive = await SegmentArchive.open(tmp_path, Fatal(), keys=KeyRing.of(OTHER_KEY))
    assert whole(archive, references[0]) == b"body 0"
    await archive.close()


async def test_rotation_while_the_archive_is_written(tmp_path: Path) -> None:
    """The gateway that has both keys goes on reading and writing."""
    archive = await SegmentArchive.open(tmp_path, Fatal(), keys=NEW_RING, segment_bytes=SMALL_SEGMENT_BYTES)
    first = await archive.append(pieces(b"first"))

    rewrap(tmp_path, NEW_RING)
    second = await archive.append(pieces(b"second"))

    assert whole(archive, first) + whole(archive, second) == b"firstsecond"
    await archive.close()
    assert verify(tmp_path, KeyRing.of(OTHER_KEY)).faults == ()


@pytest.mark.parametrize("replaced", [0, 1, 2])
async def test_interrupted_rotation_is_simply_run_again(tmp_path: Path, replaced: int) -> None:
    """Whichever sidecars were done, all can be read in between, and all are done in the end."""
    await kept(tmp_path, [b"body %d" % number for number in range(6)], SMALL_SEGMENT_BYTES)
    with pytest.raises(KeyboardInterrupt):
        rewrap(tmp_path, NEW_RING, files=StoppingFiles(tmp_path, replaced=replaced))
    between = key_ids(tmp_path)

    changed = rewrap(tmp_path, NEW_RING)

    assert between.count(NEW_RING.current.id) == replaced
    assert changed == len(between) - replaced
    assert set(key_ids(tmp_path)) == {NEW_RING.current.id}


async def test_what_is_left_of_a_replaced_sidecar_is_overwritten_at_the_next_start(tmp_path: Path) -> None:
    """The process ended after the new sidecar took its place: the old one is not kept."""
    await kept(tmp_path, [b"body"])
    with pytest.raises(KeyboardInterrupt):
        rewrap(tmp_path, NEW_RING, files=StoppingFiles(tmp_path, at_overwrite=True))
    assert found(tmp_path, "*.stale")

    archive = await SegmentArchive.open(tmp_path, Fatal(), keys=NEW_RING)

    assert not found(tmp_path, "*.stale")
    assert key_ids(tmp_path) == [NEW_RING.current.id]
    await archive.close()


async def test_sidecar_in_use_is_not_overwritten_as_stale(tmp_path: Path) -> None:
    """The process ended before the new sidecar took its place: the old one is the one in use."""
    (reference,) = await kept(tmp_path, [b"body"])
    (tmp_path / f"{SIDECAR}.stale").hardlink_to(tmp_path / SIDECAR)
    (tmp_path / f"{SIDECAR}.fresh").write_bytes(b"half")

    archive = await SegmentArchive.open(tmp_path, Fatal(), keys=RING)

    assert [path.name for path in found(tmp_path, "*.keys*")] == [SIDECAR]
    assert whole(archive, reference) == b"body"
    await archive.close()


async def test_older_format_is_never_cut_off(tmp_path: Path) -> None:
    """A segment of another version is refused, not taken for a torn tail."""
    await kept(tmp_path, [])
    path = tmp_path / "000000000001.segment"
    path.write_bytes(b"GWA\x01" + bytes(100))

    with pytest.raises(ArchiveDamaged):
        await SegmentArchive.open(tmp_path, Fatal(), keys=RING)

    assert path.stat().st_size == 104
