"""Adapters of the pipeline's ports in memory: they keep every promise but durability."""

from gateway.stores.memory.archive import MemoryArchive
from gateway.stores.memory.ledger import MemoryLedger
from gateway.stores.memory.spool import MemorySpool

__all__ = ["MemoryArchive", "MemoryLedger", "MemorySpool"]
