"""An archive into one file and back: for a backup, or to hand it on.

Owns the form of that file: a tar whose first entry says what follows. Must not know who gets it. Segments are copied as
they are, encrypted; only the wrapping of their keys may change.
"""

import io
import json
import os
import re
import shutil
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.stores.archive.chain import ChainHead
from gateway.stores.archive.ends import ArchiveDamaged, sealed_ends
from gateway.stores.archive.files import OPEN_MODE, SEALED_MODE, SEGMENT_SUFFIX, SIDECAR_SUFFIX, Files, segment_name
from gateway.stores.archive.keeping import rewrap
from gateway.stores.archive.keys import KeyEncryptionKey, KeyRing
from gateway.stores.archive.record import RecordDamaged
from gateway.stores.archive.recovery import inspect_while_written
from gateway.stores.archive.sidecar import SidecarDamaged, decode_sidecar, encode_sidecar
from gateway.stores.archive.verifying import VerifyReport, verify

FORM = "gateway-archive-export-1"
MANIFEST = "manifest.json"
PARTIAL_SUFFIX = ".partial"
# A manifest names a segment in 60 bytes: this is an archive of 17 TB.
MAXIMUM_MANIFEST_BYTES = 16 << 20
_ENTRY = re.compile(rf"\d{{12}}({re.escape(SEGMENT_SUFFIX)}|{re.escape(SIDECAR_SUFFIX)})")


class TransferRefused(Exception):
    """Nothing was written, or what was written is gone again; the text says why. `report` where it was verified."""

    def __init__(self, message: str, report: VerifyReport | None = None) -> None:
        super().__init__(message)
        self.report = report


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an export holds: segments `first` to `last`, up to `head`."""

    first: int
    last: int
    head: ChainHead
    sizes_bytes: tuple[int, ...]


def export_archive(
    folder: Path,
    target: Path,
    *,
    first: int = 1,
    last: int | None = None,
    rewrapping: tuple[KeyRing, KeyEncryptionKey] | None = None,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> Manifest:
    """Write segments `first` to `last` (None: to the end) with their keys to `target`, durable; the gateway may run.

    `rewrapping`: the archive's keys and the key that the receiver has; without it keys stay wrapped as they are.
    Raises TransferRefused, ArchiveDamaged, ArchiveKeyMissing, OSError.
    """
    files = Files(folder)
    manifest = _manifest_of(files, first, last)
    if target.exists():
        raise TransferRefused(f"{target} is there already: choose another name.")
    partial = target.with_name(target.name + PARTIAL_SUFFIX)
    try:
        with partial.open("wb") as file:
            partial.chmod(OPEN_MODE)
            with tarfile.open(fileobj=file, mode="w|") as tar:
                _add(tar, MANIFEST, _manifest_text(manifest))
                for number, size in zip(range(manifest.first, manifest.last + 1), manifest.sizes_bytes, strict=True):
                    with files.path(number).open("rb") as segment:
                        tar.addfile(_entry(files.path(number).name, size), segment)
                    _add(tar, files.sidecar_path(number).name, _sidecar(files, number, rewrapping))
                    progress(number - manifest.first + 1, len(manifest.sizes_bytes))
            file.flush()
            os.fsync(file.fileno())
        partial.replace(target)
        files.sync_folder(target.parent)
    finally:
        partial.unlink(missing_ok=True)
    return manifest


def import_archive(
    source: Path,
    folder: Path,
    ring: KeyRing,
    *,
    noted: Sequence[ChainHead] = (),
    progress: Callable[[int, int], None] = lambda *_: None,
) -> VerifyReport:
    """Restore an export into `folder`, which must not exist or be empty, wrapped with the ring's current key.

    It is verified before it takes its place: `folder` holds all of it or nothing. Raises TransferRefused,
    ArchiveKeyMissing, OSError.
    """
    if folder.exists() and any(folder.iterdir()):
        raise TransferRefused(f"{folder} is not empty: an archive is restored into an empty folder only.")
    staging = folder.with_name(folder.name + PARTIAL_SUFFIX)
    if staging.exists():
        shutil.rmtree(staging)
    files = Files(staging)
    files.prepare()
    try:
        manifest = _unpack(source, files)
        report = verify(staging, ring, first=manifest.first, noted=[manifest.head, *noted], progress=progress)
        if report.faults:
            message = f"The export is not what an archive wrote: {report.faults[0]}. Nothing was restored."
            raise TransferRefused(message, report)
        rewrap(staging, ring, files=files)
        files.sync_folder(staging)
        staging.replace(folder)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise
    files.sync_folder(folder.parent)
    return report


def _manifest_of(files: Files, first: int, last: int | None) -> Manifest:
    numbers = [number for number in files.segments() if number >= first and (last is None or number <= last)]
    if not numbers or numbers != list(range(first, (last or numbers[-1]) + 1)):
        raise TransferRefused("The archive does not have all of these segments: run `gateway archive verify`.")
    sizes = [files.path(number).stat().st_size for number in numbers]
    try:
        head = sealed_ends(files, numbers[-1]).chain.head()
    except RecordDamaged:
        state = inspect_while_written(files.path(numbers[-1]))
        if state.chain is None:
            # The last segment has no record yet: it need not be taken along.
            return _manifest_of(files, first, numbers[-1] - 1)
        sizes[-1], head = state.good_bytes, state.chain.head()
    return Manifest(numbers[0], numbers[-1], head, tuple(sizes))


def _manifest_text(manifest: Manifest) -> bytes:
    segments = [
        {"segment": segment_name(number), "size_bytes": size}
        for number, size in enumerate(manifest.sizes_bytes, start=manifest.first)
    ]
    return json.dumps({"form": FORM, "head": str(manifest.head), "segments": segments}, indent=1).encode()


def _sidecar(files: Files, number: int, rewrapping: tuple[KeyRing, KeyEncryptionKey] | None) -> bytes:
    path = files.sidecar_path(number)
    try:
        data = path.read_bytes()
        sidecar = decode_sidecar(data)
        if rewrapping is None:
            return data
        ring, transport = rewrapping
        return encode_sidecar(number, sidecar.unwrap(ring), transport)
    except (SidecarDamaged, FileNotFoundError) as error:
        raise ArchiveDamaged(f"The keys in {path.name} cannot be read ({error}): restore the file first.") from error


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    tar.addfile(_entry(name, len(data)), io.BytesIO(data))


def _entry(name: str, size_bytes: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size = size_bytes
    entry.mode = OPEN_MODE
    return entry


def _unpack(source: Path, files: Files) -> Manifest:
    """Every file that the manifest names, no other, durable in the folder of `files`."""
    try:
        with tarfile.open(source, mode="r|") as tar:
            entries = iter(tar)
            manifest = _read_manifest(tar, next(entries, None))
            for entry in entries:
                if not entry.isreg() or _ENTRY.fullmatch(entry.name) is None:
                    raise TransferRefused("The export holds something that is neither a segment nor its keys.")
                _unpack_one(tar, entry, files)
    except (tarfile.TarError, EOFError) as error:
        raise TransferRefused(f"{source} cannot be read as an export of an archive.") from error
    for number, size in enumerate(manifest.sizes_bytes, start=manifest.first):
        path = files.path(number)
        if not path.exists() or path.stat().st_size != size:
            raise TransferRefused(f"The export does not hold segment {segment_name(number)} whole.")
    if files.segments() != list(range(manifest.first, manifest.last + 1)):
        raise TransferRefused("The export holds segments that it does not name.")
    _protect(files, manifest)
    return manifest


def _unpack_one(tar: tarfile.TarFile, entry: tarfile.TarInfo, files: Files) -> None:
    content = tar.extractfile(entry)
    if content is None:
        raise TransferRefused("The export is malformed.")
    path = files.folder / entry.name
    with path.open("xb") as file:
        path.chmod(OPEN_MODE)
        shutil.copyfileobj(content, file, 1 << 20)
        file.flush()
        os.fsync(file.fileno())


def _protect(files: Files, manifest: Manifest) -> None:
    """As the archive leaves them: sealed segments read-only."""
    for number in range(manifest.first, manifest.last + 1):
        files.path(number).chmod(SEALED_MODE if number < manifest.last or _is_sealed(files, number) else OPEN_MODE)


def _is_sealed(files: Files, number: int) -> bool:
    try:
        sealed_ends(files, number)
    except RecordDamaged:
        return False
    return True


def _read_manifest(tar: tarfile.TarFile, entry: tarfile.TarInfo | None) -> Manifest:
    content = tar.extractfile(entry) if entry is not None and entry.name == MANIFEST else None
    if entry is None or content is None or entry.size > MAXIMUM_MANIFEST_BYTES:
        raise TransferRefused("The export does not begin with its manifest.")
    try:
        value: Any = json.loads(content.read())
        if value["form"] != FORM:
            raise TransferRefused("The export is of no known form.")
        numbers = [int(each["segment"]) for each in value["segments"]]
        sizes = tuple(int(each["size_bytes"]) for each in value["segments"])
        head = ChainHead.parse(value["head"])
    except (KeyError, TypeError, ValueError) as error:
        raise TransferRefused("The manifest of the export is malformed.") from error
    if not numbers or numbers != list(range(numbers[0], numbers[0] + len(numbers))):
        raise TransferRefused("The export leaves out segments.")
    return Manifest(numbers[0], numbers[-1], head, sizes)
