"""Receipts for what we sent: what they say, and those that come on their own.

Owns what a receipt makes of a dispatch. Must not know how a receipt is built, nor HTTP.
"""

from collections.abc import AsyncIterable, AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import structlog

from gateway.envelopes.as2.addressing import bare_message_id
from gateway.envelopes.as2.mic import ClaimedMic, MicComparison, compare
from gateway.envelopes.as2.profile import DigestAlgorithm
from gateway.envelopes.as2.receipt_reader import (
    MAXIMUM_RECEIPT_BYTES,
    ReadReceipt,
    ReceiptError,
    ReceiptFault,
    read_receipt,
)
from gateway.envelopes.mime.headers import Headers
from gateway.pipeline.as2.dispatches import DispatchEnded, DispatchFilter, DispatchKind, Entity
from gateway.pipeline.as2.ports import As2Ledger
from gateway.pipeline.clock import new_instance_id
from gateway.pipeline.ports import Archive, Clock
from gateway.pipeline.records import AuditEntry
from gateway.pipeline.relationships import Relationship
from gateway.pipeline.states import DispatchEvent, DispatchState

_NO_PROOF = {
    MicComparison.ABSENT: "The receipt has no MIC: it does not prove what the partner has.",
    MicComparison.DIFFERS: "The MIC of the receipt is not that of the message: the partner has something else.",
    MicComparison.UNKNOWN_ALGORITHM: "The MIC of the receipt is of an algorithm that was not asked for.",
}
# The messages that one instance led to: acknowledgements and one receipt.
_OF_ONE_INSTANCE = 100

log = structlog.get_logger(__name__)


class RefusalReason(StrEnum):
    """Why a receipt that came on its own is not taken."""

    STRANGER = "its sender is no partner of ours"
    NOT_A_RECEIPT = "it is no receipt that can be read"
    NOT_SIGNED_RIGHT = "its signature is not the partner's"
    UNKNOWN_MESSAGE = "it is for a message that was never sent"
    TOO_LARGE = "it is too large"
    NOT_AWAITED = "the message is not waiting for a receipt"


@dataclass(frozen=True, slots=True)
class ReceiptTaken:
    """The receipt is kept, and the message it is for has moved on."""

    dispatch: UUID


@dataclass(frozen=True, slots=True)
class ReceiptRefused:
    """Nothing was changed."""

    reason: RefusalReason


def outcome_of(
    receipt: ReadReceipt, message_id: str, mics: tuple[str, ...], *, signature_wanted: bool
) -> DispatchEnded:
    """What a verified receipt means for `message_id`, whose MICs are `mics`: delivered, or failed and why."""
    words = str(receipt.disposition)
    if bare_message_id(receipt.original_message_id) != message_id:
        # An earlier receipt for the same content has the same MIC.
        return DispatchEnded(DispatchEvent.FAIL, disposition=words, error="The receipt is for another message.")
    if signature_wanted and not receipt.is_signed:
        return DispatchEnded(DispatchEvent.FAIL, disposition=words, error="The receipt is not signed as was asked.")
    if not receipt.disposition.is_processed:
        return DispatchEnded(DispatchEvent.FAIL, disposition=words, error=f"The partner answered {words}.")
    comparison = compare(receipt.mic, _digests(mics))
    is_proof_wanted = receipt.is_signed or comparison is not MicComparison.ABSENT
    if comparison is MicComparison.EQUAL or not is_proof_wanted:
        return DispatchEnded(DispatchEvent.DELIVER, disposition=words)
    return DispatchEnded(DispatchEvent.FAIL, disposition=words, error=_NO_PROOF[comparison])


def _digests(mics: tuple[str, ...]) -> dict[DigestAlgorithm, bytes]:
    parsed = (ClaimedMic.parse(text) for text in mics)
    return {mic.algorithm: mic.digest for mic in parsed if mic is not None and mic.algorithm is not None}


async def keep_receipt(archive: Archive, headers: Headers, body: bytes) -> Entity:
    """A receipt in the archive, as it came."""
    head = headers.encode()

    async def whole() -> AsyncIterator[bytes]:
        yield head + body

    return Entity(await archive.append(whole()), len(head), len(body))


class ReceiptDesk:
    """Takes receipts that come on their own, and sends ours again."""

    def __init__(self, ledger: As2Ledger, archive: Archive, clock: Clock, wake_courier: Callable[[], None]) -> None:
        self._ledger = ledger
        self._archive = archive
        self._clock = clock
        self._wake_courier = wake_courier

    async def take(
        self, relationship: Relationship | None, headers: Headers, body: AsyncIterable[bytes]
    ) -> ReceiptTaken | ReceiptRefused:
        """One receipt. Only a receipt whose signature is the partner's can end a message, whatever it says."""
        if relationship is None:
            return ReceiptRefused(RefusalReason.STRANGER)
        content = await _bounded(body)
        if content is None:
            return ReceiptRefused(RefusalReason.TOO_LARGE)
        now = self._clock.now()
        try:
            receipt = read_receipt(headers, content, relationship.trust, now)
        except ReceiptError as error:
            is_forged = error.fault in (ReceiptFault.SIGNATURE_WRONG, ReceiptFault.SIGNER_UNKNOWN)
            return ReceiptRefused(RefusalReason.NOT_SIGNED_RIGHT if is_forged else RefusalReason.NOT_A_RECEIPT)
        return await self._match(relationship, receipt, headers, content, now)

    async def _match(
        self, relationship: Relationship, receipt: ReadReceipt, headers: Headers, content: bytes, now: datetime
    ) -> ReceiptTaken | ReceiptRefused:
        message_id = bare_message_id(receipt.original_message_id)
        row = await self._ledger.dispatch_of_message(relationship.partner, message_id)
        is_answered_by_receipts = row is not None and row.draft.kind is not DispatchKind.RECEIPT
        if row is None or not is_answered_by_receipts or row.draft.relationship != relationship.name:
            log.warning("as2.receipt_unknown", partner=relationship.partner)
            return ReceiptRefused(RefusalReason.UNKNOWN_MESSAGE)
        wanted = relationship.packaging.receipt_signed
        if wanted and not receipt.is_signed:
            # Anybody could have made it: the message goes on waiting for one that proves something.
            return ReceiptRefused(RefusalReason.NOT_SIGNED_RIGHT)
        if row.state is DispatchState.DELIVERED:
            return ReceiptTaken(row.draft.id)
        kept = await keep_receipt(self._archive, headers, content)
        ended = outcome_of(receipt, row.draft.message_id, row.mics, signature_wanted=wanted)
        ended = replace(ended, receipt=kept, due_at=now)
        if not await self._ledger.receipted(row.draft.id, ended):
            return ReceiptRefused(RefusalReason.NOT_AWAITED)
        facts = {"dispatch": str(row.draft.id), "disposition": ended.disposition}
        log.info("as2.receipt_taken", **facts, event_name=ended.event.value)
        return ReceiptTaken(row.draft.id)

    async def send_again(self, instance: UUID) -> None:
        """The sender repeated a message whose receipt goes out on its own: unless it is on its way, it is due again."""
        rows = await self._ledger.dispatches(DispatchFilter(instance=instance), None, _OF_ONE_INSTANCE)
        newest = next((row for row in rows if row.draft.kind is DispatchKind.RECEIPT), None)
        if newest is None:
            return
        now = self._clock.now()
        entry = AuditEntry(now, newest.draft.partner, "repeat-receipt", str(newest.draft.id))
        if newest.state is DispatchState.DELIVERED:
            # That delivery stays on record; the same receipt goes out a second time.
            again = replace(newest.draft, id=new_instance_id(now), created_at=now)
            await self._ledger.add_dispatch(again, entry)
        else:
            await self._ledger.resubmit_dispatch(newest.draft.id, entry)
        self._wake_courier()


async def _bounded(body: AsyncIterable[bytes]) -> bytes | None:
    content = bytearray()
    async for chunk in body:
        content += chunk
        if len(content) > MAXIMUM_RECEIPT_BYTES:
            return None
    return bytes(content)
