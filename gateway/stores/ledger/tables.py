"""Every table of the ledger, in one file.

Owns names, types and indexes. Must not know queries. No payload in any column: envelope identifiers, control numbers,
codes and ids only. Times are microseconds since 1970 UTC (SQLite has no time with zone); a body is a reference into the
archive. A change here needs a migration; a test compares the two.

Conditions of partial indexes stand here for SQLite alone: naming PostgreSQL's loads all of its dialect at each start.
The migrations, which make the tables, name both.
"""

from typing import Any

import sqlalchemy as sa

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    }
)


def _id() -> sa.Column[int]:
    """A key that only grows; SQLite wants INTEGER for that."""
    return sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True)


def _archived(name: str, *, nullable: bool = False) -> tuple[sa.Column[str], sa.Column[int], sa.Column[int]]:
    """A reference into the archive."""
    return (
        sa.Column(f"{name}_segment", sa.Text, nullable=nullable),
        sa.Column(f"{name}_offset", sa.BigInteger, nullable=nullable),
        sa.Column(f"{name}_length", sa.BigInteger, nullable=nullable),
    )


def _entity(name: str) -> tuple[sa.Column[Any], ...]:
    """A header block with a body in the archive, or nothing."""
    return (
        *_archived(name, nullable=True),
        sa.Column(f"{name}_head_size", sa.Integer),
        sa.Column(f"{name}_body_size", sa.BigInteger),
    )


# One received message. `due_us` says when it may be claimed: the end of the lease while it runs. Messages of one
# `lane` run one after the other, in order of their ids.
instance = sa.Table(
    "instance",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("received_us", sa.BigInteger, nullable=False),
    sa.Column("partner", sa.Text, nullable=False),
    sa.Column("principal", sa.Text, nullable=False),
    sa.Column("authentication", sa.Text, nullable=False),
    sa.Column("transport", sa.Text, nullable=False),
    sa.Column("content_type", sa.Text, nullable=False),
    sa.Column("remote", sa.Text, nullable=False),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    sa.Column("sha256", sa.LargeBinary(32), nullable=False),
    *_archived("body"),
    sa.Column("mode", sa.Text, nullable=False),
    sa.Column("lane", sa.Text),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("due_us", sa.BigInteger, nullable=False),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("fence", sa.BigInteger, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("error", sa.Text, nullable=False, server_default=""),
    sa.Column("ended_us", sa.BigInteger),
    sa.Column("interchange_count", sa.Integer, nullable=False, server_default="0"),
    sa.Column("set_count", sa.Integer, nullable=False, server_default="0"),
    sa.Column("accepted_count", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("rejected_count", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("error_count", sa.BigInteger, nullable=False, server_default="0"),
    sa.Index("ix_instance_partner", "partner", "id"),
)
_OPEN_STATES = sa.text("state IN ('running', 'waiting')")
sa.Index("ix_instance_due", instance.c.due_us, sqlite_where=_OPEN_STATES)
_IN_LANE = sa.text("lane IS NOT NULL AND state IN ('running', 'waiting')")
sa.Index("ix_instance_lane", instance.c.lane, instance.c.id, sqlite_where=_IN_LANE)
_STUCK_STATES = sa.text("state IN ('failed', 'held')")
sa.Index("ix_instance_stuck", instance.c.state, instance.c.id, sqlite_where=_STUCK_STATES)

step = sa.Table(
    "step",
    metadata,
    _id(),
    sa.Column("instance_id", sa.Uuid, nullable=False, index=True),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("started_us", sa.BigInteger, nullable=False),
    sa.Column("ended_us", sa.BigInteger, nullable=False),
    sa.Column("failure", sa.Text),
    sa.Column("error", sa.Text, nullable=False),
    sa.Column("definitions", sa.Text, nullable=False),
)

interchange = sa.Table(
    "interchange",
    metadata,
    sa.Column("instance_id", sa.Uuid, primary_key=True),
    sa.Column("revision", sa.Integer, primary_key=True),
    sa.Column("ordinal", sa.Integer, primary_key=True),
    sa.Column("sender_qualifier", sa.Text, nullable=False),
    sa.Column("sender", sa.Text, nullable=False),
    sa.Column("receiver_qualifier", sa.Text, nullable=False),
    sa.Column("receiver", sa.Text, nullable=False),
    sa.Column("control_number", sa.Text, nullable=False, index=True),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("refusal", sa.Text, nullable=False),
    sa.Column("duplicate_of", sa.Uuid),
)

# Who used a key last; a newer interchange takes it over once the agreement's window has passed.
interchange_key = sa.Table(
    "interchange_key",
    metadata,
    sa.Column("sender_qualifier", sa.Text, primary_key=True),
    sa.Column("sender", sa.Text, primary_key=True),
    sa.Column("receiver_qualifier", sa.Text, primary_key=True),
    sa.Column("receiver", sa.Text, primary_key=True),
    sa.Column("control_number", sa.Text, primary_key=True),
    sa.Column("instance_id", sa.Uuid, nullable=False),
    sa.Column("ordinal", sa.Integer, nullable=False),
    sa.Column("range_start", sa.BigInteger, nullable=False),
    sa.Column("range_end", sa.BigInteger, nullable=False),
    sa.Column("claimed_us", sa.BigInteger, nullable=False),
)

# The control numbers that we give, per partner.
control_sequence = sa.Table(
    "control_sequence",
    metadata,
    sa.Column("partner", sa.Text, primary_key=True),
    sa.Column("next", sa.BigInteger, nullable=False),
)

# Numbers given to an interchange's acknowledgements: a step that runs again uses the same.
control_allocation = sa.Table(
    "control_allocation",
    metadata,
    sa.Column("instance_id", sa.Uuid, primary_key=True),
    sa.Column("revision", sa.Integer, primary_key=True),
    sa.Column("ordinal", sa.Integer, primary_key=True),
    sa.Column("first_number", sa.BigInteger, nullable=False),
    sa.Column("number_count", sa.Integer, nullable=False),
)

transaction_set = sa.Table(
    "transaction_set",
    metadata,
    _id(),
    sa.Column("instance_id", sa.Uuid, nullable=False, index=True),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("interchange", sa.Integer, nullable=False),
    sa.Column("group", sa.Integer, nullable=False),
    sa.Column("set", sa.Integer, nullable=False),
    sa.Column("identifier", sa.Text, nullable=False),
    sa.Column("control_number", sa.Text, nullable=False),
    sa.Column("guide", sa.Text, nullable=False),
    sa.Column("program_digest", sa.Text, nullable=False),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("segment_count", sa.BigInteger, nullable=False),
    sa.Column("item_count", sa.BigInteger, nullable=False),
    sa.Column("accepted_count", sa.BigInteger, nullable=False),
    sa.Column("error_count", sa.BigInteger, nullable=False),
    sa.Column("warning_count", sa.BigInteger, nullable=False),
)

finding = sa.Table(
    "finding",
    metadata,
    _id(),
    sa.Column("instance_id", sa.Uuid, nullable=False, index=True),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("interchange", sa.Integer),
    sa.Column("group", sa.Integer),
    sa.Column("set", sa.Integer),
    sa.Column("item", sa.BigInteger),
    sa.Column("severity", sa.Text, nullable=False),
    sa.Column("carried", sa.Text, nullable=False),
    sa.Column("snip", sa.Integer),
    sa.Column("segment", sa.Text),
    sa.Column("position", sa.BigInteger),
    sa.Column("element", sa.Text),
    sa.Column("rule", sa.Text),
    sa.Column("message", sa.Text, nullable=False),
)

acknowledgement = sa.Table(
    "acknowledgement",
    metadata,
    _id(),
    sa.Column("instance_id", sa.Uuid, nullable=False, index=True),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("interchange", sa.Integer, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("control_number", sa.Text, nullable=False),
    sa.Column("partner", sa.Text, nullable=False),
    *_archived("text"),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("created_us", sa.BigInteger, nullable=False),
    sa.Column("confirmed_us", sa.BigInteger),
    sa.Column("dispatch_id", sa.Uuid),
)
_WAITING = sa.text("state = 'waiting'")
sa.Index(
    "ix_acknowledgement_waiting",
    acknowledgement.c.partner,
    acknowledgement.c.id,
    sqlite_where=_WAITING,
)

_DISPATCHED = sa.text("dispatch_id IS NOT NULL")
sa.Index("ix_acknowledgement_dispatch", acknowledgement.c.dispatch_id, sqlite_where=_DISPATCHED)

# One row per published set, however many items it has: `cursor` items were handed out so far. The rows of an
# instance are invisible until its state is done, so that one small update publishes them all.
outbox = sa.Table(
    "outbox",
    metadata,
    _id(),
    sa.Column("instance_id", sa.Uuid, nullable=False),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("interchange", sa.Integer, nullable=False),
    sa.Column("group", sa.Integer, nullable=False),
    sa.Column("set", sa.Integer, nullable=False),
    sa.Column("partner", sa.Text, nullable=False),
    sa.Column("guide", sa.Text, nullable=False),
    sa.Column("transaction_set", sa.Text, nullable=False),
    *_archived("documents"),
    sa.Column("index_start", sa.BigInteger, nullable=False),
    sa.Column("item_count", sa.BigInteger, nullable=False),
    sa.Column("cursor", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("unit", sa.Text),
    sa.Column("delivered_count", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("dead_count", sa.BigInteger, nullable=False, server_default="0"),
    sa.UniqueConstraint("instance_id", "revision", "interchange", "group", "set"),
)
_UNSENT = sa.text("cursor < item_count")
sa.Index("ix_outbox_unsent", outbox.c.id, sqlite_where=_UNSENT)

# An item (position from 1) or a whole set (0) that is out, waiting again, dead or held. A delivered one has no row:
# the outbox counts it, and a cursor past its position without a row here means delivered.
delivery = sa.Table(
    "delivery",
    metadata,
    sa.Column("outbox_id", sa.BigInteger, primary_key=True),
    sa.Column("position", sa.BigInteger, primary_key=True),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("token", sa.Text, nullable=False),
    sa.Column("consumer", sa.Text, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("due_us", sa.BigInteger, nullable=False),
    sa.Column("failure", sa.Text),
    sa.Column("error", sa.Text, nullable=False, server_default=""),
)
_MOVING = sa.text("state IN ('leased', 'waiting')")
sa.Index("ix_delivery_due", delivery.c.due_us, sqlite_where=_MOVING)

# What came over AS2: beside the instance, whose body is what was received until the message is opened, and its payload
# from then on. `disposition` is null until then.
as2_message = sa.Table(
    "as2_message",
    metadata,
    sa.Column("instance_id", sa.Uuid, primary_key=True),
    sa.Column("relationship", sa.Text, nullable=False),
    sa.Column("our_name", sa.Text, nullable=False),
    sa.Column("partner_name", sa.Text, nullable=False),
    sa.Column("message_id", sa.Text, nullable=False, index=True),
    sa.Column("receipt_wanted", sa.Text, nullable=False),
    sa.Column("vouched_by", sa.Text, nullable=False),
    *_archived("wire"),
    sa.Column("wire_head_size", sa.Integer, nullable=False),
    sa.Column("disposition_kind", sa.Text),
    sa.Column("disposition", sa.Text),
    sa.Column("detail", sa.Text, nullable=False, server_default=""),
    sa.Column("security", sa.Text, nullable=False, server_default=""),
    sa.Column("signer_sha256", sa.LargeBinary(32)),
    sa.Column("mic", sa.Text, nullable=False, server_default=""),
    sa.Column("payload_sha256", sa.LargeBinary(32)),
    sa.Column("attachment_count", sa.Integer, nullable=False, server_default="0"),
    *_entity("receipt"),
    sa.Column("duplicate_of", sa.Uuid),
)

# Who brought a Message-ID first. Only a message that was processed takes its id: one that was refused may come again.
as2_message_key = sa.Table(
    "as2_message_key",
    metadata,
    sa.Column("our_name", sa.Text, primary_key=True),
    sa.Column("partner_name", sa.Text, primary_key=True),
    sa.Column("message_id", sa.Text, primary_key=True),
    sa.Column("instance_id", sa.Uuid, nullable=False),
)

# One AS2 message of ours. `due_us` says when it may be claimed, and when an awaited receipt is overdue.
dispatch = sa.Table(
    "dispatch",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("partner", sa.Text, nullable=False),
    sa.Column("relationship", sa.Text, nullable=False),
    sa.Column("instance_id", sa.Uuid),
    sa.Column("document", sa.Text, nullable=False),
    sa.Column("content_type", sa.Text, nullable=False),
    sa.Column("filename", sa.Text, nullable=False),
    sa.Column("message_id", sa.Text, nullable=False),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("created_us", sa.BigInteger, nullable=False),
    *_archived("payload", nullable=True),
    *_entity("wire"),
    sa.Column("mics", sa.Text, nullable=False, server_default=""),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("due_us", sa.BigInteger, nullable=False),
    sa.Column("owner", sa.Text, nullable=False, server_default=""),
    sa.Column("fence", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("attempt", sa.Integer, nullable=False, server_default="0"),
    sa.Column("sent_us", sa.BigInteger),
    sa.Column("http_status", sa.Integer),
    sa.Column("disposition", sa.Text, nullable=False, server_default=""),
    *_entity("receipt"),
    sa.Column("error", sa.Text, nullable=False, server_default=""),
    sa.Column("ended_us", sa.BigInteger),
    sa.Index("ix_dispatch_message_id", "partner", "message_id"),
    sa.Index("ix_dispatch_instance_id", "instance_id"),
)
_MAY_MOVE = sa.text("state IN ('running', 'waiting')")
sa.Index("ix_dispatch_due", dispatch.c.due_us, sqlite_where=_MAY_MOVE)
_AWAITED = sa.text("state = 'sent'")
sa.Index("ix_dispatch_awaited", dispatch.c.due_us, sqlite_where=_AWAITED)

# Certificates that signatures were verified or made with: partners' files name only those of today.
certificate = sa.Table(
    "certificate",
    metadata,
    sa.Column("sha256", sa.LargeBinary(32), primary_key=True),
    sa.Column("der", sa.LargeBinary, nullable=False),
)

# A legal hold on one message, or on all of a partner's: what it is on outlives its term.
legal_hold = sa.Table(
    "legal_hold",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("subject", sa.Uuid, index=True),
    sa.Column("partner", sa.Text, index=True),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("placed_us", sa.BigInteger, nullable=False),
    sa.Column("released_us", sa.BigInteger),
)

audit = sa.Table(
    "audit",
    metadata,
    _id(),
    sa.Column("at_us", sa.BigInteger, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False, index=True),
    sa.Column("detail", sa.Text, nullable=False),
)
