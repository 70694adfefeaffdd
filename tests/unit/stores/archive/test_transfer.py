"""An archive leaves as one file and comes back as it was, or not at all."""

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.stores.archive import ArchiveKeyMissing, ChainHead, KeyEncryptionKey, KeyRing, SegmentArchive
from gateway.stores.archive.transfer import MANIFEST, TransferRefused, export_archive, import_archive
from gateway.stores.archive.verifying import verify
from tests.unit.stores.archive.archives import OTHER_KEY, RING, Fatal, found, kept, pieces, whole

SMALL_SEGMENT_BYTES = 400
BODIES = [b"body %d" % number for number in range(6)]
TRANSPORT = KeyEncryptionKey.of(bytes(range(64, 96)))


@pytest.fixture
async def exported(tmp_path: Path) -> Path:
    """An archive of three segments, as one file."""
    await kept(tmp_path / "archive", BODIES, SMALL_SEGMENT_BYTES)
    export_archive(tmp_path / "archive", tmp_path / "export.tar")
    return tmp_path / "export.tar"


def rewritten(path: Path, change: Callable[[str, bytes], tuple[str, bytes] | None]) -> None:
    """The export with some of its entries changed or left out."""
    with tarfile.open(path) as tar:
        entries = [(entry.name, (tar.extractfile(entry) or io.BytesIO()).read()) for entry in tar]
    with tarfile.open(path, "w") as tar:
        for entry in entries:
            changed = change(*entry)
            if changed is not None:
                info = tarfile.TarInfo(changed[0])
                info.size = len(changed[1])
                tar.addfile(info, io.BytesIO(changed[1]))


async def test_archive_comes_back_as_it_was(tmp_path: Path) -> None:
    """Bodies, chain and modes; and it is written on where it ended."""
    references = await kept(tmp_path / "archive", BODIES, SMALL_SEGMENT_BYTES)
    manifest = export_archive(tmp_path / "archive", tmp_path / "export.tar")

    report = import_archive(tmp_path / "export.tar", tmp_path / "restored", RING)

    restored = await SegmentArchive.open(tmp_path / "restored", Fatal(), keys=RING)
    assert report.head == manifest.head == restored.chain_head()
    assert [whole(restored, reference) for reference in references] == BODIES
    assert found(tmp_path / "restored", "*.segment")[0].stat().st_mode & 0o222 == 0
    await restored.append(pieces(b"later"))
    await restored.close()
    assert verify(tmp_path / "restored", RING, noted=[manifest.head]).faults == ()


async def test_archive_is_exported_while_it_is_written(tmp_path: Path) -> None:
    """The open segment goes along as far as it is whole."""
    archive = await SegmentArchive.open(tmp_path / "archive", Fatal(), keys=RING)
    await archive.append(pieces(b"body"))

    manifest = export_archive(tmp_path / "archive", tmp_path / "export.tar")

    assert manifest.head == archive.chain_head()
    await archive.close()
    assert import_archive(tmp_path / "export.tar", tmp_path / "restored", RING).faults == ()


async def test_export_under_a_transport_key(tmp_path: Path) -> None:
    """The receiver needs neither of the sender's keys, and wraps with its own."""
    references = await kept(tmp_path / "archive", BODIES, SMALL_SEGMENT_BYTES)
    export_archive(tmp_path / "archive", tmp_path / "export.tar", rewrapping=(RING, TRANSPORT))
    theirs = KeyRing.of(OTHER_KEY)

    import_archive(tmp_path / "export.tar", tmp_path / "restored", theirs.with_older(TRANSPORT))

    restored = await SegmentArchive.open(tmp_path / "restored", Fatal(), keys=theirs)
    assert whole(restored, references[0]) == BODIES[0]
    await restored.close()


async def test_part_of_an_archive(tmp_path: Path) -> None:
    """Selected segments verify from the first of them on."""
    await kept(tmp_path / "archive", BODIES, SMALL_SEGMENT_BYTES)
    export_archive(tmp_path / "archive", tmp_path / "export.tar", first=2, last=2)

    report = import_archive(tmp_path / "export.tar", tmp_path / "restored", RING)

    assert (report.segments, report.faults) == (1, ())
    assert [path.name for path in found(tmp_path / "restored", "*.segment")] == ["000000000002.segment"]


def test_import_without_the_key_restores_nothing(tmp_path: Path, exported: Path) -> None:
    """The text names the key that is needed."""
    with pytest.raises((TransferRefused, ArchiveKeyMissing), match=RING.current.id):
        import_archive(exported, tmp_path / "restored", KeyRing.of(OTHER_KEY))

    assert not (tmp_path / "restored").exists()


def test_import_into_a_folder_in_use_is_refused(tmp_path: Path, exported: Path) -> None:
    """Nothing that is there is touched."""
    with pytest.raises(TransferRefused, match="not empty"):
        import_archive(exported, tmp_path / "archive", RING)

    assert verify(tmp_path / "archive", RING).faults == ()


def altered(name: str, data: bytes) -> tuple[str, bytes]:
    """One bit of a segment."""
    return name, data[:-1] + bytes([data[-1] ^ 1]) if name == "000000000002.segment" else data


def without_segment(name: str, data: bytes) -> tuple[str, bytes] | None:
    """The last segment left out."""
    return None if name == "000000000003.segment" else (name, data)


def without_keys(name: str, data: bytes) -> tuple[str, bytes] | None:
    """The keys of a segment left out."""
    return None if name == "000000000001.keys" else (name, data)


def without_manifest(name: str, data: bytes) -> tuple[str, bytes] | None:
    """Nothing says what the export should hold."""
    return None if name == MANIFEST else (name, data)


def outside(name: str, data: bytes) -> tuple[str, bytes]:
    """An entry that wants to lie elsewhere."""
    return (f"../{name}" if name == "000000000001.keys" else name), data


def another_head(name: str, data: bytes) -> tuple[str, bytes]:
    """A manifest that names another head."""
    return name, data.replace(b'"head": "000000000003:3:', b'"head": "000000000003:2:') if name == MANIFEST else data


def no_json(name: str, data: bytes) -> tuple[str, bytes]:
    """A manifest that is none."""
    return name, b"{" if name == MANIFEST else data


@pytest.mark.parametrize(
    "change", [altered, without_segment, without_keys, without_manifest, outside, another_head, no_json]
)
def test_export_that_is_not_what_was_written_is_refused(
    tmp_path: Path, exported: Path, change: Callable[[str, bytes], tuple[str, bytes] | None]
) -> None:
    """Whatever was changed in it, nothing is restored and nothing is left behind."""
    rewritten(exported, change)

    with pytest.raises(TransferRefused):
        import_archive(exported, tmp_path / "restored", RING)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["archive", "export.tar"]


def test_export_cut_off_is_refused(tmp_path: Path, exported: Path) -> None:
    """Half of a file restores nothing."""
    content = exported.read_bytes()
    exported.write_bytes(content[: len(content) // 2])

    with pytest.raises(TransferRefused):
        import_archive(exported, tmp_path / "restored", RING)

    assert not (tmp_path / "restored").exists()


def test_chain_that_does_not_fit_a_noted_head_is_refused(tmp_path: Path, exported: Path) -> None:
    """A whole export of an archive that was made anew."""
    noted = ChainHead(2, 3, bytes(32))

    with pytest.raises(TransferRefused, match="noted head"):
        import_archive(exported, tmp_path / "restored", RING, noted=[noted])

    assert not (tmp_path / "restored").exists()


def test_export_never_replaces_a_file(tmp_path: Path, exported: Path) -> None:
    """An older backup is not overwritten."""
    with pytest.raises(TransferRefused, match="there already"):
        export_archive(tmp_path / "archive", exported)


async def test_export_of_missing_segments_is_refused(tmp_path: Path) -> None:
    """A backup with a hole is none."""
    await kept(tmp_path / "archive", BODIES, SMALL_SEGMENT_BYTES)
    (tmp_path / "archive" / "000000000002.segment").unlink()

    with pytest.raises(TransferRefused, match="does not have all"):
        export_archive(tmp_path / "archive", tmp_path / "export.tar")

    assert not (tmp_path / "export.tar").exists()
