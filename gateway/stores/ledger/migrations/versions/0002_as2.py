"""AS2: received messages, their keys, and what is sent."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_OPEN_STATES = sa.text("state IN ('running', 'waiting')")
_AWAITED = sa.text("state = 'sent'")
_DISPATCHED = sa.text("dispatch_id IS NOT NULL")


def upgrade() -> None:  # noqa: D103 - alembic calls it
    with op.batch_alter_table("acknowledgement", schema=None) as batch_op:
        batch_op.add_column(sa.Column("dispatch_id", sa.Uuid(), nullable=True))
        batch_op.create_index(
            "ix_acknowledgement_dispatch",
            ["dispatch_id"],
            unique=False,
            sqlite_where=_DISPATCHED,
            postgresql_where=_DISPATCHED,
        )

    op.create_table(
        "as2_message",
        sa.Column("instance_id", sa.Uuid(), nullable=False),
        sa.Column("relationship", sa.Text(), nullable=False),
        sa.Column("our_name", sa.Text(), nullable=False),
        sa.Column("partner_name", sa.Text(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("receipt_wanted", sa.Text(), nullable=False),
        sa.Column("vouched_by", sa.Text(), nullable=False),
        sa.Column("wire_segment", sa.Text(), nullable=False),
        sa.Column("wire_offset", sa.BigInteger(), nullable=False),
        sa.Column("wire_length", sa.BigInteger(), nullable=False),
        sa.Column("wire_head_size", sa.Integer(), nullable=False),
        sa.Column("disposition_kind", sa.Text(), nullable=True),
        sa.Column("disposition", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), server_default="", nullable=False),
        sa.Column("security", sa.Text(), server_default="", nullable=False),
        sa.Column("signer_sha256", sa.LargeBinary(length=32), nullable=True),
        sa.Column("mic", sa.Text(), server_default="", nullable=False),
        sa.Column("payload_sha256", sa.LargeBinary(length=32), nullable=True),
        sa.Column("attachment_count", sa.Integer(), server_default="0", nullable=False),
        *_entity("receipt"),
        sa.Column("duplicate_of", sa.Uuid(), nullable=True),
        sa.PrimaryKeyConstraint("instance_id", name=op.f("pk_as2_message")),
    )
    with op.batch_alter_table("as2_message", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_as2_message_message_id"), ["message_id"], unique=False)

    op.create_table(
        "as2_message_key",
        sa.Column("our_name", sa.Text(), nullable=False),
        sa.Column("partner_name", sa.Text(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("instance_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("our_name", "partner_name", "message_id", name=op.f("pk_as2_message_key")),
    )

    op.create_table(
        "dispatch",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("partner", sa.Text(), nullable=False),
        sa.Column("relationship", sa.Text(), nullable=False),
        sa.Column("instance_id", sa.Uuid(), nullable=True),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("content_type", sa.Text(), nullable=False),
        sa.Column("filename", sa.Text(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("payload_segment", sa.Text(), nullable=True),
        sa.Column("payload_offset", sa.BigInteger(), nullable=True),
        sa.Column("payload_length", sa.BigInteger(), nullable=True),
        *_entity("wire"),
        sa.Column("mics", sa.Text(), server_default="", nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("due_us", sa.BigInteger(), nullable=False),
        sa.Column("owner", sa.Text(), server_default="", nullable=False),
        sa.Column("fence", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("attempt", sa.Integer(), server_default="0", nullable=False),
        sa.Column("sent_us", sa.BigInteger(), nullable=True),
        sa.Column("http_status", sa.Integer(), nullable=True),
        sa.Column("disposition", sa.Text(), server_default="", nullable=False),
        *_entity("receipt"),
        sa.Column("error", sa.Text(), server_default="", nullable=False),
        sa.Column("ended_us", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dispatch")),
    )
    with op.batch_alter_table("dispatch", schema=None) as batch_op:
        batch_op.create_index("ix_dispatch_message_id", ["partner", "message_id"], unique=False)
        batch_op.create_index("ix_dispatch_instance_id", ["instance_id"], unique=False)
        batch_op.create_index(
            "ix_dispatch_due", ["due_us"], unique=False, sqlite_where=_OPEN_STATES, postgresql_where=_OPEN_STATES
        )
        batch_op.create_index(
            "ix_dispatch_awaited", ["due_us"], unique=False, sqlite_where=_AWAITED, postgresql_where=_AWAITED
        )


def _entity(name: str) -> tuple[sa.Column[Any], ...]:
    return (
        sa.Column(f"{name}_segment", sa.Text(), nullable=True),
        sa.Column(f"{name}_offset", sa.BigInteger(), nullable=True),
        sa.Column(f"{name}_length", sa.BigInteger(), nullable=True),
        sa.Column(f"{name}_head_size", sa.Integer(), nullable=True),
        sa.Column(f"{name}_body_size", sa.BigInteger(), nullable=True),
    )
