"""SQLite as the ledger's database: how it is opened, and what its errors mean.

Owns every setting and word that only SQLite understands. Must not know tables or units of work.
"""

import os
from pathlib import Path
from typing import Any

import pysqlite3.dbapi2 as driver
import sqlalchemy as sa

from gateway.pipeline.ports import StoreBusy, StoreFailed, StoreFull

# 3.7.0 to 3.51.2 can corrupt a WAL that is reset while another connection checkpoints (sqlite.org/wal.html).
OLDEST_SQLITE = (3, 51, 3)
# Another process (a reader that recovers, a backup) holds the file for moments at most.
BUSY_TIMEOUT_MS = 15_000
# A checkpoint cuts the log back to this; one large transaction may make it longer for a while.
WAL_BYTES = 64 << 20
# Readers wait for disks and for the interpreter lock, not for each other: more threads answer no sooner.
READERS = 4

_WRITER_PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    f"busy_timeout={BUSY_TIMEOUT_MS}",
    f"journal_size_limit={WAL_BYTES}",
    "cache_size=-65536",
    "foreign_keys=ON",
    "trusted_schema=OFF",
)
_READER_PRAGMAS = (f"busy_timeout={BUSY_TIMEOUT_MS}", "query_only=ON", "cache_size=-16384", "trusted_schema=OFF")


class SqliteTooOld(Exception):
    """This SQLite can damage a ledger; the text says which one is needed."""


def refuse_old_sqlite(version: tuple[int, ...] = driver.sqlite_version_info) -> None:
    """Raises SqliteTooOld."""
    if version < OLDEST_SQLITE:
        found, needed = ".".join(map(str, version)), ".".join(map(str, OLDEST_SQLITE))
        message = f"SQLite {found} can damage the ledger (WAL reset); install pysqlite3 with SQLite {needed} or later."
        raise SqliteTooOld(message)


def writer_engine(path: Path) -> sa.Engine:
    """The one connection that writes. Its transactions take the write lock when they begin."""
    refuse_old_sqlite()
    path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)

    def connect() -> Any:
        connection = driver.connect(str(path), isolation_level=None, check_same_thread=False, cached_statements=256)
        for pragma in _WRITER_PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
        return connection

    engine = sa.create_engine("sqlite://", module=driver, creator=connect, poolclass=sa.StaticPool)

    @sa.event.listens_for(engine, "begin")
    def begin_immediate(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def reader_engine(path: Path) -> sa.Engine:
    """Connections that cannot write. The file must exist."""
    refuse_old_sqlite()

    def connect() -> Any:
        uri = f"{path.absolute().as_uri()}?mode=ro"
        connection = driver.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
        for pragma in _READER_PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
        return connection

    engine = sa.create_engine(
        "sqlite://", module=driver, creator=connect, poolclass=sa.QueuePool, pool_size=READERS, max_overflow=0
    )

    @sa.event.listens_for(engine, "begin")
    def begin_deferred(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine


def sync_folder(folder: Path) -> None:
    """The name of a new database durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def meaning(error: BaseException) -> Exception | None:
    """What a driver's error means to the pipeline; None where it says nothing about the store (a fault of ours)."""
    original = getattr(error, "orig", error)
    if not isinstance(original, driver.OperationalError | driver.DatabaseError):
        return None
    name = str(getattr(original, "sqlite_errorname", ""))
    text = str(original).lower()
    if name.startswith("SQLITE_FULL") or "disk is full" in text:
        return StoreFull("The ledger has no room: nothing of this message was kept.")
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")) or "is locked" in text:
        return StoreBusy("The ledger is locked by another process.")
    damaged = ("disk i/o error", "malformed", "not a database", "readonly", "unable to open")
    if name.startswith(
        ("SQLITE_IOERR", "SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_READONLY", "SQLITE_CANTOPEN")
    ) or any(word in text for word in damaged):
        return StoreFailed("The ledger could not make a change durable: restart the process.")
    return None
