"""The keys of segments: made, looked up, wrapped anew, destroyed.

Owns the sidecars of one folder and which data keys are in memory. Must not know what a record says. Used by several
threads.
"""

import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path

from gateway.pipeline.ports import NotInArchive
from gateway.stores.archive.cipher import DATA_KEY_BYTES, RecordSecret, secret_of
from gateway.stores.archive.ends import ArchiveDamaged
from gateway.stores.archive.files import Files, segment_name
from gateway.stores.archive.keys import KeyRing
from gateway.stores.archive.sidecar import (
    KeptSecrets,
    SegmentKeys,
    Sidecar,
    SidecarDamaged,
    WholeKey,
    decode_sidecar,
    encode_sidecar,
)

# To unwrap again costs a file read: a thousand segments are 64 GB of archive.
CACHED_SEGMENTS = 1000


class DestroyedByRetention(NotInArchive):
    """The record's key was destroyed: nobody can read it any more, and that is as it should be."""


class KeyStore:
    """The sidecars of one folder, opened with one ring."""

    def __init__(self, files: Files, ring: KeyRing) -> None:
        self._files = files
        self._ring = ring
        self._opened: OrderedDict[int, SegmentKeys] = OrderedDict()
        self._lock = threading.Lock()

    def check(self) -> None:
        """Finish what a crash left, and see that each sidecar's key is given. Raises ArchiveKeyMissing, ArchiveDamaged.

        A missing key is a fault of the settings: better known at the start than when the record is asked for.
        """
        with self._files.keys_lock():
            self._files.finish_replacing()
        for number in self._files.sidecars():
            self._ring.key(self._sidecar(number).key_id)

    def create(self, number: int) -> bytes:
        """The data key of a segment that has no record yet, durable in its sidecar.

        A key that is there already, from before a crash, is used on: a key is never replaced by another one, since the
        segment that it belongs to may only be gone until a backup is back. Raises as `check`, and OSError.
        """
        if self._files.sidecar_path(number).exists():
            keys = self.of(number)
            if not isinstance(keys, WholeKey):
                raise ArchiveDamaged(f"Segment {segment_name(number)} is missing: restore it from a backup.")
            return keys.data_key
        keys = WholeKey(os.urandom(DATA_KEY_BYTES))
        with self._files.keys_lock():
            self._write(number, keys)
        return keys.data_key

    def of(self, number: int) -> SegmentKeys:
        """What is left of a segment's keys. Raises ArchiveKeyMissing, ArchiveDamaged."""
        # Read under the lock: what is being destroyed must not be remembered afterwards.
        with self._lock:
            found = self._opened.get(number)
            if found is not None:
                self._opened.move_to_end(number)
                return found
            keys = self._opened[number] = self._unwrap(number)
            if len(self._opened) > CACHED_SEGMENTS:
                self._opened.popitem(last=False)
            return keys

    def secret(self, number: int, offset: int, salt: bytes) -> RecordSecret:
        """The secret of one record. Raises DestroyedByRetention, NotInArchive."""
        try:
            keys = self.of(number)
        except ArchiveDamaged as error:
            raise NotInArchive(str(error)) from error
        if isinstance(keys, WholeKey):
            return secret_of(keys.data_key, offset, salt)
        found = keys.secrets.get(offset)
        if found is None:
            message = f"Retention destroyed the record in segment {segment_name(number)}, offset {offset}."
            raise DestroyedByRetention(message)
        return RecordSecret(found)

    def keep_only(self, number: int, salts: Mapping[int, bytes]) -> bool:
        """Destroy a segment's key but for the records at these offsets; what is destroyed already stays destroyed.

        False where there was nothing more to destroy. Raises ArchiveKeyMissing, ArchiveDamaged, OSError.
        """
        keys = self.of(number)
        if isinstance(keys, WholeKey):
            secrets = {offset: secret_of(keys.data_key, offset, salt).secret for offset, salt in salts.items()}
        else:
            secrets = {offset: secret for offset, secret in keys.secrets.items() if offset in salts}
            if secrets == keys.secrets:
                return False
        with self._files.keys_lock(), self._lock:
            self._opened.pop(number, None)
            self._write(number, KeptSecrets(secrets, time.time_ns() // 1000))
        return True

    def rewrap(self, progress: Callable[[int, int], None]) -> int:
        """Wrap every segment's keys with the current key; returns how many were under another one.

        Stopped midway it is simply run again. Raises ArchiveKeyMissing, ArchiveDamaged, OSError.
        """
        numbers = self._files.sidecars()
        changed = 0
        for done, number in enumerate(numbers, start=1):
            with self._files.keys_lock():
                if self._sidecar(number).key_id != self._ring.current.id:
                    self._write(number, self._unwrap(number))
                    changed += 1
            progress(done, len(numbers))
        return changed

    def _write(self, number: int, keys: SegmentKeys) -> None:
        self._files.replace(self._files.sidecar_path(number), encode_sidecar(number, keys, self._ring.current))

    def _unwrap(self, number: int) -> SegmentKeys:
        try:
            return self._sidecar(number).unwrap(self._ring)
        except SidecarDamaged as error:
            raise ArchiveDamaged(_damaged(self._files.sidecar_path(number), str(error))) from error

    def _sidecar(self, number: int) -> Sidecar:
        path = self._files.sidecar_path(number)
        try:
            sidecar = decode_sidecar(path.read_bytes())
        except FileNotFoundError as error:
            raise ArchiveDamaged(_damaged(path, "it is missing")) from error
        except SidecarDamaged as error:
            raise ArchiveDamaged(_damaged(path, str(error))) from error
        if sidecar.segment != number:
            raise ArchiveDamaged(_damaged(path, "it is another segment's"))
        return sidecar


def rewrap(
    folder: Path, ring: KeyRing, *, files: Files | None = None, progress: Callable[[int, int], None] = lambda *_: None
) -> int:
    """Wrap the keys of every segment in `folder` with the ring's current key; returns how many were under another.

    No segment is touched, and the server that writes them may run. Raises ArchiveKeyMissing, ArchiveDamaged, OSError.
    """
    store = KeyStore(files or Files(folder), ring)
    store.check()
    return store.rewrap(progress)


def _damaged(path: Path, why: str) -> str:
    return f"The keys in {path.name} cannot be used: {why}. Nothing was changed: restore this file from a backup."
