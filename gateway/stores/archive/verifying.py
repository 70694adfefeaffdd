"""`verify`: whether everything in an archive's folder is what was written, and what is not.

Owns the walk over all segments and what is said of each fault. Must not change anything.

With keys it proves that each record is what was written under them. Without keys it proves that nothing was altered by
whoever does not know how the chain is made; against the others stand the heads that were noted elsewhere.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from gateway.stores.archive.chain import NO_RECORDS, ChainHead
from gateway.stores.archive.files import Files, segment_name
from gateway.stores.archive.keys import ArchiveKeyMissing, KeyRing
from gateway.stores.archive.recovery import mapped
from gateway.stores.archive.segment_check import Fault, SegmentCheck
from gateway.stores.archive.sidecar import KeyState, SegmentKeys, SidecarDamaged, decode_sidecar


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What was found. `head` is None where damage hides it. Segments named in `shredded` lost keys to retention.

    `decrypted` of the `records` were read with their key; those without a key were checked by checksum and chain.
    `unfinished_bytes` at the end are being written by a gateway that runs.
    """

    segments: int
    records: int
    decrypted: int
    size_bytes: int
    head: ChainHead | None
    faults: tuple[Fault, ...]
    shredded: tuple[str, ...]
    unfinished_bytes: int


def verify(
    folder: Path,
    ring: KeyRing | None,
    *,
    first: int = 1,
    noted: Sequence[ChainHead] = (),
    progress: Callable[[int, int], None] = lambda *_: None,
) -> VerifyReport:
    """Check every segment from number `first` on, in order; `noted` heads must be met on the way.

    The gateway that writes there may run. `progress` hears how many segments are done, and of how many. Raises OSError
    where the folder cannot be read.
    """
    return _Verification(Files(folder), ring, first, noted).run(progress)


class _Verification:
    """One walk over one folder."""

    def __init__(self, files: Files, ring: KeyRing | None, first: int, noted: Sequence[ChainHead]) -> None:
        self._files = files
        self._ring = ring
        self._first = first
        self._noted = {(head.segment, head.records): head for head in noted if head != NO_RECORDS}
        self._faults: list[Fault] = []
        self._shredded: list[str] = []
        self._records = self._decrypted = self._size_bytes = self._unfinished_bytes = 0
        # None: what came before is damaged, missing or was not asked for.
        self._head: ChainHead | None = NO_RECORDS if first == 1 else None

    def run(self, progress: Callable[[int, int], None]) -> VerifyReport:
        is_written = self._files.is_locked()
        # Before the segments: of those that are begun meanwhile, neither is looked at.
        sidecars = self._files.sidecars()
        numbers = [number for number in self._files.segments() if number >= self._first]
        last = numbers[-1] if numbers else self._first - 1
        sealed = last == 0
        for number in range(self._first, last + 1):
            if number in numbers:
                sealed = self._segment(number, is_last=number == last, is_written=is_written)
            else:
                self._missing(number)
            progress(number - self._first + 1, last - self._first + 1)
        for number in sidecars:
            # The key of the segment after a sealed one is made before the segment: a crash may fall in between.
            if number > last and not (sealed and number == last + 1):
                self._missing(number)
        for head in self._noted.values():
            self._fault(head.segment, f"the archive does not come to the noted head {head}: records are missing")
        return VerifyReport(
            segments=len(numbers),
            records=self._records,
            decrypted=self._decrypted,
            size_bytes=self._size_bytes,
            head=self._head,
            faults=tuple(self._faults),
            shredded=tuple(self._shredded),
            unfinished_bytes=self._unfinished_bytes,
        )

    def _segment(self, number: int, *, is_last: bool, is_written: bool) -> bool:
        """Whether it is sealed."""
        keys = self._keys(number)
        check = SegmentCheck(number, self._head, keys, self._noted)
        try:
            with self._content(number, is_last=is_last) as view:
                check.run(view)
                check.end(len(view), is_last=is_last, is_written=is_last and is_written)
        except OSError as error:
            self._fault(number, f"the segment cannot be read: {error.strerror}")
            self._head = None
            return False
        self._faults += check.faults
        self._records += check.records
        self._decrypted += check.decrypted
        self._size_bytes += check.size_bytes
        self._unfinished_bytes += check.unfinished_bytes
        self._head = check.head()
        return check.is_sealed

    def _content(self, number: int, *, is_last: bool) -> AbstractContextManager[memoryview]:
        path = self._files.path(number)
        # The open segment may be cut back while it is read, and what is mapped then kills the process.
        return nullcontext(memoryview(path.read_bytes())) if is_last else mapped(path)

    def _keys(self, number: int) -> SegmentKeys | None:
        try:
            sidecar = decode_sidecar(self._files.sidecar_path(number).read_bytes())
            if sidecar.segment != number:
                raise SidecarDamaged("it is another segment's")
            if sidecar.state is not KeyState.WHOLE:
                self._shredded.append(segment_name(number))
            return sidecar.unwrap(self._ring) if self._ring is not None else None
        except FileNotFoundError:
            self._fault(number, "its keys are missing: restore the .keys file from a backup")
        except OSError as error:
            self._fault(number, f"its keys cannot be read: {error.strerror}")
        except SidecarDamaged as error:
            self._fault(number, f"its keys are damaged ({error}): restore the .keys file from a backup")
        except ArchiveKeyMissing as error:
            self._fault(number, str(error))
        return None

    def _missing(self, number: int) -> None:
        self._fault(number, "the segment is missing: restore it from a backup")
        self._head = None

    def _fault(self, number: int, what: str) -> None:
        self._faults.append(Fault(segment_name(number), None, None, what))
