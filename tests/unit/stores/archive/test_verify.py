"""`verify` finds whatever is not as it was written, and names it."""

import os
import struct
import zlib
from pathlib import Path

import pytest

from gateway.stores.archive import ChainHead, KeyRing, SegmentArchive
from gateway.stores.archive.record import HEADER_BYTES, size_at
from gateway.stores.archive.verifying import VerifyReport, verify
from tests.unit.stores.archive.archives import OTHER_KEY, RING, Fatal, alter, kept, last_segment, pieces

SEGMENT = "000000000001.segment"
SIDECAR = "000000000001.keys"
# Two bodies fill a segment of this size.
SMALL_SEGMENT_BYTES = 400


def places(path: Path) -> list[tuple[int, int]]:
    """Where each record of a segment begins and ends."""
    content = path.read_bytes()
    found: list[tuple[int, int]] = []
    offset = 0
    while offset < len(content):
        end = offset + size_at(content, offset)
        found.append((offset, end))
        offset = end
    return found


def with_right_checksum(path: Path, begin: int, end: int) -> None:
    """What whoever alters a record on purpose does too."""
    content = bytearray(path.read_bytes())
    header = content[begin : begin + HEADER_BYTES - 4]
    checksum = zlib.crc32(content[begin + HEADER_BYTES : end], zlib.crc32(header))
    content[begin + HEADER_BYTES - 4 : begin + HEADER_BYTES] = struct.pack("<I", checksum)
    path.write_bytes(content)


def says(report: VerifyReport, *words: str) -> bool:
    """Whether one fault holds all the words."""
    return any(all(word in str(fault) for word in words) for fault in report.faults)


async def three_segments(folder: Path) -> None:
    """Six bodies in three segments, of which the last is open."""
    await kept(folder, [b"body %d" % number for number in range(6)], SMALL_SEGMENT_BYTES)


@pytest.mark.parametrize("ring", [RING, None], ids=["with keys", "without keys"])
async def test_whole_archive_has_no_fault(tmp_path: Path, ring: object) -> None:
    """What was written verifies, and the head is the one that the archive says."""
    archive = await SegmentArchive.open(tmp_path, Fatal(), keys=RING, segment_bytes=SMALL_SEGMENT_BYTES)
    for number in range(6):
        await archive.append(pieces(b"body %d" % number))
    head = archive.chain_head()
    await archive.close()

    report = verify(tmp_path, RING if ring else None)

    assert report.faults == ()
    assert report.head == head
    assert report.segments == 3
    assert report.decrypted == (report.records if ring else 0)


async def test_empty_folder_has_no_fault(tmp_path: Path) -> None:
    """There is nothing that could be wrong."""
    assert verify(tmp_path, RING).faults == ()


@pytest.mark.parametrize("sealed", [True, False], ids=["sealed", "open"])
async def test_altered_bit_anywhere_names_the_record(tmp_path: Path, sealed: bool) -> None:
    """Whichever byte of a segment is altered, the record that holds it is named."""
    await kept(tmp_path, [b"first", b"second", b"third"], SMALL_SEGMENT_BYTES if sealed else 64 << 20)
    path = tmp_path / SEGMENT
    content = path.read_bytes()
    assert last_segment(tmp_path).name != SEGMENT if sealed else last_segment(tmp_path).name == SEGMENT

    for number, (begin, end) in enumerate(places(path)):
        for offset in range(begin, end):
            alter(path, offset, 1 << offset % 8)
            fault = verify(tmp_path, None).faults[0]
            path.write_bytes(content)

            assert (fault.segment, fault.record, fault.offset) == ("000000000001", number, begin)


async def test_altered_bit_anywhere_in_a_sidecar_is_found(tmp_path: Path) -> None:
    """Whichever byte of a sidecar is altered, its segment is named, without keys too."""
    await kept(tmp_path, [b"body"])
    path = tmp_path / SIDECAR
    content = path.read_bytes()

    for offset in range(len(content)):
        alter(path, offset, 1 << offset % 8)
        report = verify(tmp_path, None)
        path.write_bytes(content)

        assert says(report, "000000000001", "keys are damaged")


async def test_every_damage_is_named(tmp_path: Path) -> None:
    """Two records rot, two are named, and the rest is still checked."""
    await kept(tmp_path, [b"body %d" % number for number in range(6)])
    path = tmp_path / SEGMENT
    found = places(path)
    alter(path, found[2][1] - 1)
    alter(path, found[5][1] - 1)

    report = verify(tmp_path, RING)

    assert [fault.record for fault in report.faults] == [2, 5]
    assert report.records == 5


@pytest.mark.parametrize("where", ["salt", "commitment", "link", "stored"])
async def test_forged_record_is_found(tmp_path: Path, where: str) -> None:
    """A record that was altered together with its checksum does not fit the chain."""
    await kept(tmp_path, [b"body %d" % number for number in range(4)])
    path = tmp_path / SEGMENT
    begin, end = places(path)[2]
    offsets = {"salt": begin + HEADER_BYTES + 12, "commitment": begin + 57, "link": begin + 89, "stored": end - 1}
    alter(path, offsets[where])
    with_right_checksum(path, begin, end)

    report = verify(tmp_path, None)

    assert report.faults[0].record == 2
    assert says(report, "link does not fit")


async def test_record_forged_with_its_links_is_found_with_keys(tmp_path: Path) -> None:
    """Whoever makes the whole chain anew still does not have the key."""
    await kept(tmp_path / "ours", [b"body 0", b"body 1"])
    await kept(tmp_path / "theirs", [b"body 0", b"body X"])
    (tmp_path / "ours" / SEGMENT).write_bytes((tmp_path / "theirs" / SEGMENT).read_bytes())

    without, with_keys = verify(tmp_path / "ours", None), verify(tmp_path / "ours", RING)

    assert without.faults == ()
    assert [fault.record for fault in with_keys.faults] == [0, 1, 2]


async def test_replaced_segment_does_not_go_on_the_chain(tmp_path: Path) -> None:
    """A whole segment of another archive, with its keys, does not fit between its neighbours."""
    await three_segments(tmp_path / "ours")
    await three_segments(tmp_path / "theirs")
    for name in (SEGMENT.replace("1.", "2."), SIDECAR.replace("1.", "2.")):
        path = tmp_path / "ours" / name
        path.chmod(0o640)
        path.write_bytes((tmp_path / "theirs" / name).read_bytes())

    report = verify(tmp_path / "ours", RING)

    assert says(report, "000000000002", "does not go on from the segment before")
    assert says(report, "000000000003", "does not go on from the segment before")


async def test_removed_record_is_found(tmp_path: Path) -> None:
    """A record cut out of a segment leaves a gap in numbers and links."""
    await kept(tmp_path, [b"body %d" % number for number in range(4)])
    path = tmp_path / SEGMENT
    begin, end = places(path)[2]
    content = path.read_bytes()
    path.write_bytes(content[:begin] + content[end:])

    report = verify(tmp_path, None)

    assert says(report, f"at byte {begin}", "records are missing")


async def test_missing_segment_is_named(tmp_path: Path) -> None:
    """The middle one is gone."""
    await three_segments(tmp_path)
    (tmp_path / "000000000002.segment").unlink()

    report = verify(tmp_path, RING)

    assert says(report, "000000000002", "missing")


async def test_missing_last_segment_is_named_by_its_sidecar(tmp_path: Path) -> None:
    """Its keys are still there, and the segment before it does not end there."""
    await kept(tmp_path, [b"body"])
    (tmp_path / SEGMENT).unlink()
    (tmp_path / "000000000002.keys").write_bytes((tmp_path / SIDECAR).read_bytes())

    report = verify(tmp_path, RING)

    assert says(report, "000000000002", "missing")


async def test_sealed_segment_cut_off_between_records_is_found(tmp_path: Path) -> None:
    """All records that are left are good, but the footer is missing."""
    await three_segments(tmp_path)
    path = tmp_path / SEGMENT
    path.chmod(0o640)
    os.truncate(path, places(path)[-1][0])

    report = verify(tmp_path, RING)

    assert says(report, "000000000001", "cut off")


async def test_missing_sidecar_is_named(tmp_path: Path) -> None:
    """Without its keys a segment cannot be read; retention leaves a file that says so."""
    await kept(tmp_path, [b"body"])
    (tmp_path / SIDECAR).unlink()

    report = verify(tmp_path, RING)

    assert says(report, "000000000001", "keys are missing")


async def test_missing_key_is_named_by_its_id(tmp_path: Path) -> None:
    """Verifying with keys that are not the archive's says which one it needs."""
    await kept(tmp_path, [b"body"])

    report = verify(tmp_path, KeyRing.of(OTHER_KEY))

    assert says(report, RING.current.id)


async def test_noted_head_is_met(tmp_path: Path) -> None:
    """A head noted earlier, and as text, is on the way of the chain."""
    archive = await SegmentArchive.open(tmp_path, Fatal(), keys=RING, segment_bytes=SMALL_SEGMENT_BYTES)
    await archive.append(pieces(b"early"))
    noted = str(archive.chain_head())
    for number in range(4):
        await archive.append(pieces(b"later %d" % number))
    await archive.close()

    report = verify(tmp_path, None, noted=[ChainHead.parse(noted)])

    assert report.faults == ()


async def test_archive_cut_back_to_before_a_noted_head_is_found(tmp_path: Path) -> None:
    """Records taken off the end leave no trace but in the noted head."""
    archive = await SegmentArchive.open(tmp_path, Fatal(), keys=RING)
    for number in range(3):
        await archive.append(pieces(b"body %d" % number))
    noted = archive.chain_head()
    await archive.close()
    path = tmp_path / SEGMENT
    os.truncate(path, places(path)[-1][0])

    without, with_noted = verify(tmp_path, RING), verify(tmp_path, RING, noted=[noted])

    assert without.faults == ()
    assert says(with_noted, "does not come to the noted head")


async def test_archive_made_anew_differs_from_a_noted_head(tmp_path: Path) -> None:
    """Even whoever has the keys cannot write another past."""
    archive = await SegmentArchive.open(tmp_path / "ours", Fatal(), keys=RING)
    await archive.append(pieces(b"body"))
    noted = archive.chain_head()
    await archive.close()
    await kept(tmp_path / "anew", [b"BODY", b"more"])

    report = verify(tmp_path / "anew", RING, noted=[noted])

    assert says(report, "differs from the noted head")


async def test_archive_is_verified_while_it_is_written(tmp_path: Path) -> None:
    """Half a group at the end is the gateway's business as long as it runs."""
    archive = await SegmentArchive.open(tmp_path, Fatal(), keys=RING)
    await archive.append(pieces(b"body"))
    with (tmp_path / SEGMENT).open("ab") as file:
        file.write(b"GWA\x02half a group")

    running = verify(tmp_path, RING)
    await archive.close()
    stopped = verify(tmp_path, RING)

    assert running.faults == ()
    assert running.unfinished_bytes == 16
    assert says(stopped, "record 2", "its next start cuts it off")
