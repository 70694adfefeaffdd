"""The archive on files: an append-only log of segments.

Owns the record format, group syncing, sealing and recovery. Must not know the ledger, nor what the bytes say.
"""

from gateway.stores.archive.log import SegmentArchive
from gateway.stores.archive.recovery import ArchiveDamaged
from gateway.stores.archive.writer import ArchiveLocked

__all__ = ["ArchiveDamaged", "ArchiveLocked", "SegmentArchive"]
