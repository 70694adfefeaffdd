"""Revisions of the ledger's tables, run at start by `gateway.stores.ledger.schema`."""
