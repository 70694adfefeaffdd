"""The ledger on SQL: what happened to each message, and what is to be done.

Owns tables, units of work, migrations and the writer thread. Must not know the archive, nor what a message says.
"""

from gateway.stores.ledger.schema import LedgerTooNew
from gateway.stores.ledger.sqlite import SqliteTooOld
from gateway.stores.ledger.store import LedgerReader, SqlLedger, open_reader

__all__ = ["LedgerReader", "LedgerTooNew", "SqlLedger", "SqliteTooOld", "open_reader"]
