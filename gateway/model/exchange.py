"""What comes in and what is answered: a principal, the received bytes' facts, the receipt."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class Authentication(StrEnum):
    """How a principal proved who it is."""

    BASIC = "basic"
    MUTUAL_TLS = "mtls"
    AS2_SIGNATURE = "as2"
    LOCAL = "local"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who sent it: `partner` is the agreement file's partner id."""

    partner: str
    name: str
    method: Authentication


@dataclass(frozen=True, slots=True)
class Received:
    """The facts of one arrival, before it is archived. `sha256` and `size_bytes` are of the wire bytes."""

    instance: UUID
    transport: str
    principal: Principal
    content_type: str
    received_at: datetime
    size_bytes: int
    sha256: bytes
    remote: str


@dataclass(frozen=True, slots=True)
class ArchiveReference:
    """Where the archive keeps a body: opaque to all but the archive adapter."""

    segment: str
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """We have it: archived and in the ledger, durable."""

    instance: UUID
    received_at: datetime
    archived: ArchiveReference


@dataclass(frozen=True, slots=True)
class Duplicate:
    """The same bytes under the same key came before: `original` answered them."""

    instance: UUID
    original: UUID
