"""Archives for tests: opened, filled, and made to fail."""

from collections.abc import AsyncIterator, Iterable
from pathlib import Path

from gateway.model.exchange import ArchiveReference
from gateway.stores.archive import KeyRing, SegmentArchive
from gateway.stores.archive.files import Files

OTHER_KEY = bytes(range(32, 64))
RING = KeyRing.of(bytes(range(32)))


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    """A body as a transport gives it."""
    for part in parts:
        yield part


def whole(archive: SegmentArchive, reference: ArchiveReference) -> bytes:
    """All bytes of a body."""
    return b"".join(archive.read(reference))


class Fatal:
    """Remembers what was fatal."""

    def __init__(self) -> None:
        self.errors: list[BaseException] = []

    def __call__(self, error: BaseException) -> None:
        """Take one."""
        self.errors.append(error)


class FailingFiles(Files):
    """Real files whose next write or sync fails as told; a failing write leaves half of the data."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.write_error: OSError | None = None
        self.sync_error: OSError | None = None

    def write(self, descriptor: int, data: bytes) -> None:
        """Fail as told, halfway."""
        if self.write_error is not None:
            super().write(descriptor, data[: len(data) // 2])
            raise self.write_error
        super().write(descriptor, data)

    def sync(self, descriptor: int) -> None:
        """Fail as told."""
        if self.sync_error is not None:
            raise self.sync_error
        super().sync(descriptor)


def last_segment(folder: Path) -> Path:
    """The one that is written to."""
    return max(folder.glob("*.segment"))


async def kept(
    folder: Path, bodies: Iterable[bytes], segment_bytes: int = 64 << 20, ring: KeyRing = RING
) -> list[ArchiveReference]:
    """An archive of these bodies, closed again."""
    archive = await SegmentArchive.open(folder, Fatal(), keys=ring, segment_bytes=segment_bytes)
    references = [await archive.append(pieces(body)) for body in bodies]
    await archive.close()
    return references


def alter(path: Path, offset: int, mask: int = 1) -> None:
    """Other bits in one byte of a file that may be read-only."""
    content = bytearray(path.read_bytes())
    content[offset] ^= mask
    path.chmod(0o640)
    path.write_bytes(content)


def found(folder: Path, pattern: str) -> list[Path]:
    """The files of a folder, in order."""
    return sorted(folder.glob(pattern))
