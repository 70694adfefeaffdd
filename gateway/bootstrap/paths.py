"""Where a gateway keeps what, and how the command line reaches it.

Owns names of files and folders in the store. Must not open any of them for writing.
"""

from pathlib import Path

from gateway.definitions.settings import Settings
from gateway.stores.ledger import LedgerReader, open_reader

LEDGER_FILE = "ledger.sqlite"
ARCHIVE_FOLDER = "archive"
SPOOL_FOLDER = "spool"
SOCKET_FILE = "admin.sock"


class StartError(Exception):
    """The gateway cannot start; the text says what to mend."""


def socket_path(settings: Settings) -> Path:
    """Where the command line reaches the running server."""
    return settings.store_folder / SOCKET_FILE


def archive_folder(settings: Settings) -> Path:
    """Where the archive's segments are."""
    return settings.store_folder / ARCHIVE_FOLDER


def ledger_reader(settings: Settings) -> LedgerReader | None:
    """Reads the ledger beside a running server or without one; None where there is none yet."""
    path = settings.store_folder / LEDGER_FILE
    return open_reader(path) if path.exists() else None
