"""AS2 messages of ours on their way to a partner, as the ledger keeps them: frozen values, never rows.

Owns their shapes. Must not know tables or SQL. No payload: names, ids, and references into the archive.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from gateway.model.exchange import ArchiveReference
from gateway.pipeline.states import DispatchEvent, DispatchState


@dataclass(frozen=True, slots=True)
class Entity:
    """An archived header block of `head_size` bytes with a body of `body_size` bytes behind it."""

    archived: ArchiveReference
    head_size: int
    body_size: int


class DispatchKind(StrEnum):
    """What one AS2 message of ours carries."""

    ACKNOWLEDGEMENT = "acknowledgement"
    FILE = "file"
    RECEIPT = "receipt"


@dataclass(frozen=True, slots=True)
class DispatchDraft:
    """A message of ours before it is sent. `instance` is what it answers, None for a file.

    `message_id` is without brackets. Either `payload` is to be packaged, or (a receipt) `wire` is ready and goes to
    `url`; elsewhere `url` is empty and the relationship's is meant.
    """

    id: UUID
    kind: DispatchKind
    partner: str
    relationship: str
    instance: UUID | None
    document: str
    content_type: str
    filename: str
    message_id: str
    created_at: datetime
    payload: ArchiveReference | None = None
    wire: Entity | None = None
    url: str = ""


@dataclass(frozen=True, slots=True)
class DispatchWork:
    """A dispatch that this worker may send until `lease_until`; `mics` are those of the packaged message."""

    draft: DispatchDraft
    wire: Entity | None
    mics: tuple[str, ...]
    attempt: int
    fence: int
    lease_until: datetime


@dataclass(frozen=True, slots=True)
class DispatchEnded:
    """How one attempt ended, or what a receipt said. `due_at`: when to try again, or when the receipt is overdue.

    `receipt` is the archived receipt; `disposition` its words. `error` is a sentence without payload.
    """

    event: DispatchEvent
    http_status: int | None = None
    disposition: str = ""
    receipt: Entity | None = None
    error: str = ""
    due_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class DispatchRow:
    """One message of ours and how far it is."""

    draft: DispatchDraft
    state: DispatchState
    attempt: int
    wire: Entity | None
    mics: tuple[str, ...]
    sent_at: datetime | None
    due_at: datetime
    http_status: int | None
    disposition: str
    receipt: Entity | None
    error: str
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class DispatchFilter:
    """Which dispatches to list; None does not filter."""

    partner: str | None = None
    state: DispatchState | None = None
    instance: UUID | None = None
