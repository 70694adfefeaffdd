"""The archive on files: an append-only log of encrypted, chained segments.

Owns the record format, keys, group syncing, sealing, recovery, and the proof of all that. Must not know the ledger, nor
what the bytes say.
"""

from gateway.stores.archive.chain import ChainHead
from gateway.stores.archive.ends import ArchiveDamaged
from gateway.stores.archive.index import ChunkPlace
from gateway.stores.archive.keeping import DestroyedByRetention
from gateway.stores.archive.keys import ArchiveKeyMissing, KeyEncryptionKey, KeyRing
from gateway.stores.archive.log import SegmentArchive
from gateway.stores.archive.sidecar import KeyState
from gateway.stores.archive.spans import SegmentSpan
from gateway.stores.archive.writer import ArchiveLocked

__all__ = [
    "ArchiveDamaged",
    "ArchiveKeyMissing",
    "ArchiveLocked",
    "ChainHead",
    "ChunkPlace",
    "DestroyedByRetention",
    "KeyEncryptionKey",
    "KeyRing",
    "KeyState",
    "SegmentArchive",
    "SegmentSpan",
]
