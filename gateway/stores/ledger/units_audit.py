"""The unit of work of the audit log: who did what to which thing."""

import sqlalchemy as sa

from gateway.pipeline.records import AuditEntry
from gateway.stores.ledger import tables
from gateway.stores.ledger.values import to_us


def record_audit(connection: sa.Connection, entry: AuditEntry) -> None:
    """Append one entry."""
    values = {
        "at_us": to_us(entry.at),
        "actor": entry.actor,
        "action": entry.action,
        "subject": entry.subject,
        "detail": entry.detail,
    }
    connection.execute(sa.insert(tables.audit), values)
