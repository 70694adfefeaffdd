"""The bodies of the downstream API, as JSON has them.

Owns names, sizes and words of the public surface. Must not know how the ledger keeps any of it. Times are UTC.
"""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from gateway.pipeline.records import DeliveryOutcome, DeliveryUnit
from gateway.pipeline.states import FailureClass

# What one call hands out: a consumer that is fast asks again, one that dies holds back no more than this.
LEASE_LIMIT_MAXIMUM = 500
LEASE_MAXIMUM_S = 3600
# A consumer's reason is a code of its own, so that no patient's data ends up in the ledger's error texts.
REASON_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$"

Token = Annotated[str, Field(min_length=1, max_length=64, description="As the lease gave it.")]


class Strict(BaseModel):
    """Unknown members are refused: a misspelt one would be ignored without a word."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class LeaseRequested(Strict):
    """Asks for deliveries; each stays with this consumer until acknowledged, given back, or the lease runs out."""

    unit: DeliveryUnit = Field(DeliveryUnit.ITEM, description="One claim or member each, or a whole transaction set.")
    limit: int = Field(50, ge=1, le=LEASE_LIMIT_MAXIMUM)
    lease_s: int = Field(60, ge=5, le=LEASE_MAXIMUM_S)
    partner: str | None = Field(None, max_length=64, description="Only what came from this partner.")
    transaction_set: str | None = Field(None, pattern=r"^[0-9]{3}$", description="Only this set, for example 837.")


class Delivery(Strict):
    """One delivery. `key` is the same whenever the same content is handed out again, so that a repeat is recognised."""

    id: str = Field(description="Outbox row and position in it; 0 is the whole set.", examples=["12-3"])
    token: str = Field(description="Proves that this lease is yours; a later lease has another.")
    unit: DeliveryUnit
    key: str = Field(description="Idempotency key: instance, revision and ordinals.")
    attempt: int
    lease_until: datetime
    instance: UUID = Field(description="The message it came in.")
    partner: str
    guide: str = Field(examples=["005010X222A1"])
    transaction_set: str = Field(examples=["837"])
    item_count: int
    document_id: str | None = Field(description="For /api/v1/documents; null for a whole set.")
    document: str | None = Field(description="The canonical XML of one item; null for a whole set.")
    documents: str = Field(description="Where the canonical XML is.", examples=["/api/v1/deliveries/12-0/documents"])


class Leased(Strict):
    """What was handed out; empty where nothing waits."""

    deliveries: tuple[Delivery, ...]


class Acknowledged(Strict):
    """The documents are safely in the consumer's hands."""

    token: Token


class GivenBack(Strict):
    """The consumer could not take it. `transient` is handed out again later, the others wait for an operator."""

    token: Token
    failure: FailureClass = FailureClass.TRANSIENT
    reason: str = Field("", pattern=f"^$|{REASON_PATTERN}", description="Your own code; no text, no data.")


class Extended(Strict):
    """The consumer needs longer."""

    token: Token
    lease_s: int = Field(60, ge=5, le=LEASE_MAXIMUM_S)


class DeliveryStatus(Strict):
    """What became of what was said: `already` means that it was delivered before and nothing changed."""

    id: str
    outcome: DeliveryOutcome


class Step(Strict):
    """One attempt at one step."""

    name: str
    state: str
    attempt: int
    started_at: datetime
    ended_at: datetime
    failure: FailureClass | None
    error: str
    definitions: tuple[str, ...]


class Interchange(Strict):
    """One interchange of a message. Identifiers are the partners' own."""

    ordinal: int
    sender: str
    receiver: str
    control_number: str
    outcome: str
    refusal: str = Field(description="TA105 code, empty where none.")
    duplicate_of: UUID | None


class TransactionSet(Strict):
    """One transaction set of a message."""

    interchange: int
    group: int
    set: int
    identifier: str
    control_number: str
    guide: str
    outcome: str
    segment_count: int
    item_count: int
    accepted_count: int
    error_count: int
    warning_count: int


class Instance(Strict):
    """One message: what came and what became of it. No content, no person's data."""

    id: UUID
    partner: str
    transport: str
    mode: str
    state: str
    revision: int
    received_at: datetime
    ended_at: datetime | None
    size_bytes: int
    sha256: str
    error: str
    steps: tuple[Step, ...]
    interchanges: tuple[Interchange, ...]
    sets: tuple[TransactionSet, ...]
