"""What the ledger keeps of received AS2 messages: frozen values, never rows.

Owns their shapes. Must not know tables or SQL. No payload: names, ids, digests and references into the archive.
"""

from dataclasses import dataclass
from uuid import UUID

from gateway.envelopes.as2.disposition import Disposition
from gateway.envelopes.as2.profile import Receipt
from gateway.model.exchange import ArchiveReference, Received
from gateway.pipeline.as2.dispatches import DispatchDraft, Entity
from gateway.pipeline.records import StepEnded
from gateway.pipeline.states import InstanceState


@dataclass(frozen=True, slots=True)
class As2Arrival:
    """What the headers of a received message say. `vouched_by`: the principal that the transport proved, or empty."""

    relationship: str
    our_name: str
    partner_name: str
    message_id: str
    receipt: Receipt
    vouched_by: str
    head_size: int


@dataclass(frozen=True, slots=True)
class Opening:
    """What became of a received message when it was opened.

    `detail` is a sentence for the operator, empty where there is nothing to say. `security` names what protected the
    message; `signer_sha256` is the certificate's. `payload_sha256` is None where nothing was handed on; `mic` is the
    text of Received-Content-MIC, empty where none could be computed.
    """

    disposition: Disposition
    detail: str
    security: str
    signer_sha256: bytes | None
    mic: str
    payload_sha256: bytes | None
    attachment_count: int
    receipt: Entity | None
    duplicate_of: UUID | None = None


@dataclass(frozen=True, slots=True)
class As2Row:
    """One received message; `opening` is None until it was opened. `wire` is what came, headers first."""

    received: Received
    state: InstanceState
    lane: str | None
    arrival: As2Arrival
    wire: Entity
    opening: Opening | None


@dataclass(frozen=True, slots=True)
class OpeningRecord:
    """All that an opening leads to, recorded at once: the payload that goes on, the step, an asynchronous receipt.

    `held` is the failure that leaves the rest to an operator, None where the message goes on by itself.
    `certificates` (DER) are those of the signatures on the message and on its receipt.
    """

    opening: Opening
    payload: ArchiveReference | None
    step: StepEnded
    receipt: DispatchDraft | None
    held: StepEnded | None = None
    certificates: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Claimed:
    """The Message-ID is this instance's."""


@dataclass(frozen=True, slots=True)
class Repeats:
    """`original` brought the same payload under the same Message-ID: its receipt is given again."""

    original: As2Row


@dataclass(frozen=True, slots=True)
class Conflicts:
    """`original` used the Message-ID for another payload: an operator decides."""

    original: UUID


OpeningOutcome = Claimed | Repeats | Conflicts
