"""Opening a kept AS2 message: the step between its arrival and its payload.

Owns the order: verify, claim the Message-ID, archive payload and receipt, and only then let the receipt go and the
payload on. Must not know CMS or HTTP. Run again at any point it has the same effect: nothing goes out before the
ledger has it.

1. Open the archived bytes; the payload lies in a spool until its signature is verified.
2. Archive payload and receipt together.
3. Record both and claim the Message-ID in one transaction. Another instance may have it: the same payload is a repeat
   and gets the receipt of the first; another payload is held for an operator.
4. Whoever waits for the receipt gets it.
5. What was refused or is a repeat ends here; the payload of the others is judged, in its lane's order.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

import structlog
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.envelopes.as2.addressing import read_addressing
from gateway.envelopes.as2.credentials import OwnKey
from gateway.envelopes.as2.disposition import PROCESSED, As2Fault, Disposition, Modifier
from gateway.envelopes.as2.mic import Mic
from gateway.envelopes.as2.profile import Receipt
from gateway.envelopes.as2.receipt_writer import Packaged, receipt_text, write_receipt
from gateway.envelopes.mime.headers import Headers
from gateway.model.exchange import ArchiveReference
from gateway.model.judgement import FileJudged
from gateway.pipeline.as2.arrive import TRANSPORT, OpeningWaits
from gateway.pipeline.as2.boundaries import new_boundary
from gateway.pipeline.as2.dispatches import DispatchDraft, DispatchKind, Entity
from gateway.pipeline.as2.payload import Payload, payload_ranges
from gateway.pipeline.as2.ports import As2Ledger, RelationshipSource
from gateway.pipeline.as2.records import As2Row, Claimed, Conflicts, Opening, OpeningRecord, Repeats
from gateway.pipeline.as2.route import AcknowledgementRoute
from gateway.pipeline.as2.verify import Message, Verified, Verifier, security_of
from gateway.pipeline.clock import new_instance_id
from gateway.pipeline.failure import MessageIdReused, StepFailed, classify, describe
from gateway.pipeline.ports import Archive, Clock, LeaseLost, Ledger, Spool, StoreFailed
from gateway.pipeline.records import Conclusion, Mode, StepEnded, Work
from gateway.pipeline.states import FailureClass, StepName, StepState
from gateway.pipeline.steps import INLINE_BYTES, InboundSteps

_OURS = Disposition.of(Modifier.UNEXPECTED_PROCESSING_ERROR)


log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Kept:
    """An opening whose receipt and payload are archived. `certificates` (DER) are those of its two signatures."""

    opening: Opening
    payload: ArchiveReference | None
    certificates: tuple[bytes, ...]


class As2Steps:
    """The steps of a message, whatever it came over."""

    def __init__(
        self,
        *,
        inbound: InboundSteps,
        archive: Archive,
        ledger: Ledger,
        as2_ledger: As2Ledger,
        source: RelationshipSource,
        spools: Callable[[], Spool],
        clock: Clock,
        threads: Executor,
        waits: OpeningWaits,
        wake_courier: Callable[[], None],
    ) -> None:
        self._inbound = inbound
        self._archive = archive
        self._verifier = Verifier(archive)
        self._ledger = ledger
        self._as2_ledger = as2_ledger
        self._source = source
        self._spools = spools
        self._clock = clock
        self._threads = threads
        self._waits = waits
        self._wake_courier = wake_courier

    async def process(self, work: Work) -> bool:
        """All steps; False where the lease was lost. Raises StepFailed, LeaseLost, StoreFailed."""
        if work.received.transport != TRANSPORT:
            return await self._inbound.process(work)
        row = await self._as2_ledger.as2_message(work.received.instance)
        if row is None:
            raise LeaseLost("There is no such message.")
        opening = row.opening
        if opening is None or opening.disposition == _OURS:
            opening, payload = await self._opened(work, row)
            work = work if payload is None else replace(work, archived=payload)
            if opening.duplicate_of is not None and payload is not None:
                # Held: an operator decides.
                return True
            if opening.payload_sha256 is not None and row.lane is not None and work.mode is Mode.REAL_TIME:
                # The sender did not have to wait for earlier messages; their payloads do.
                return await self._as2_ledger.yield_to_lane(work)
        if opening.payload_sha256 is None:
            return await self._ledger.conclude(work, Conclusion(FileJudged((), ()), (), (), ()))
        route = self._route(work, row)
        if route is None:
            # A synchronous receipt is in the reply; acknowledgements are not, and wait in the outbox.
            await self._ledger.answers_missed_deadline(work.received.instance)
        concluded = await self._inbound.process(work, route)
        self._wake_courier()
        return concluded

    def _route(self, work: Work, row: As2Row) -> AcknowledgementRoute | None:
        """None where nothing can be sent: the acknowledgements wait in the partner's outbox then."""
        relationship = self._source.relationships().find(row.arrival.our_name, row.arrival.partner_name)
        if relationship is not None and relationship.dispatch.url is None:
            return None
        return AcknowledgementRoute(work, row, self._clock)

    async def _opened(self, work: Work, row: As2Row) -> tuple[Opening, ArchiveReference | None]:
        """The recorded opening, and the archived payload where it goes on. Raises StepFailed."""
        started_at = self._clock.now()
        try:
            return await self._open(self._message(work, row, started_at))
        except (LeaseLost, StoreFailed, StepFailed):
            raise
        except Exception as error:
            raise StepFailed(StepName.UNPACK, started_at, error) from error

    async def _open(self, message: Message) -> tuple[Opening, ArchiveReference | None]:
        """A fault of ours that will not pass by itself is answered as such, and waits for an operator."""
        spool = self._spools()
        try:
            verified = await self._in_thread(message.work.received.size_bytes, self._verifier.verify, message, spool)
            return await self._settle(message, verified, spool)
        except (LeaseLost, StoreFailed):
            raise
        except Exception as error:
            if classify(error) is FailureClass.PERMANENT:
                fault = As2Fault(Modifier.UNEXPECTED_PROCESSING_ERROR, describe(error))
                kept = await self._kept(message, Verified(None, fault, None), _OURS, spool)
                await self._record(message, kept)
                self._told(message, kept.opening)
            raise
        finally:
            spool.close()

    def _message(self, work: Work, row: As2Row, started_at: datetime) -> Message:
        headers = Headers.parse(b"".join(self._archive.read(row.wire.archived, 0, row.wire.head_size)))
        relationship = self._source.relationships().find(row.arrival.our_name, row.arrival.partner_name)
        return Message(work, row, headers, read_addressing(headers), relationship, started_at)

    async def _in_thread(
        self, size_bytes: int, call: Callable[[Message, Spool], Verified], message: Message, spool: Spool
    ) -> Verified:
        if size_bytes <= INLINE_BYTES:
            return call(message, spool)
        return await asyncio.get_running_loop().run_in_executor(self._threads, call, message, spool)

    async def _settle(
        self, message: Message, verified: Verified, spool: Spool
    ) -> tuple[Opening, ArchiveReference | None]:
        disposition = PROCESSED if verified.fault is None else verified.fault.disposition
        kept = await self._kept(message, verified, disposition, spool)
        outcome = await self._record(message, kept)
        match outcome:
            case Claimed():
                pass
            case Repeats(original):
                receipt = None if original.opening is None else original.opening.receipt
                repeated = original.received.instance
                opening = replace(kept.opening, receipt=receipt, duplicate_of=repeated, payload_sha256=None)
                kept = replace(kept, opening=opening, payload=None)
                await self._record(message, kept)
            case Conflicts(original):
                kept = await self._hold(message, verified, original, spool)
        self._told(message, kept.opening)
        return kept.opening, kept.payload

    async def _hold(self, message: Message, verified: Verified, original: UUID, spool: Spool) -> _Kept:
        """Answered with a warning, and kept for an operator."""
        kept = await self._kept(message, verified, Disposition.of(Modifier.DUPLICATE_DOCUMENT), spool)
        reused = MessageIdReused(f"The Message-ID was used before, by {original}, for another payload.")
        kept = replace(kept, opening=replace(kept.opening, duplicate_of=original, detail=str(reused)))
        await self._record(message, kept, reused)
        return kept

    async def _kept(self, message: Message, verified: Verified, disposition: Disposition, spool: Spool) -> _Kept:
        """Payload and receipt archived, in one sync."""
        opened, fault = verified.opened, verified.fault
        key = None if message.relationship is None else message.relationship.signing_key(self._clock.now())
        written = self._receipt(message, disposition, verified.mic, key)
        payload: ArchiveReference | None = None
        digest: bytes | None = None
        if opened is None:
            receipt = await self._archive_receipt(written)
        else:
            body = Payload(spool, payload_ranges(opened.attachments))
            receipt, payload = await asyncio.gather(self._archive_receipt(written), self._archive.append(body))
            digest = body.digest.digest()
        signer = None if opened is None else opened.signer
        opening = Opening(
            disposition=disposition,
            detail="" if fault is None else fault.detail,
            security="" if opened is None else security_of(opened),
            signer_sha256=None if signer is None else signer.fingerprint(hashes.SHA256()),
            mic="" if verified.mic is None else str(verified.mic),
            payload_sha256=digest,
            attachment_count=0 if opened is None else len(opened.attachments),
            receipt=receipt,
        )
        certificates = (signer, None if key is None else key.certificate)
        return _Kept(opening, payload, tuple(each.public_bytes(Encoding.DER) for each in certificates if each))

    def _receipt(
        self, message: Message, disposition: Disposition, mic: Mic | None, key: OwnKey | None
    ) -> Packaged | None:
        if message.addressing.receipt is None:
            return None
        if key is None and message.addressing.receipt.is_signed:
            log.error("as2.no_key_for_receipt", partner=message.row.received.principal.partner)
        now = self._clock.now()
        return write_receipt(
            message.addressing,
            disposition,
            mic,
            key,
            text=receipt_text(message.addressing, disposition),
            message_id=f"<{new_instance_id(now)}@gateway>",
            at=now,
            new_boundary=new_boundary,
        )

    async def _archive_receipt(self, written: Packaged | None) -> Entity | None:
        if written is None:
            return None
        head = written.headers.encode()
        archived = await self._archive.append(_whole(head + written.body))
        return Entity(archived, len(head), len(written.body))

    async def _record(
        self,
        message: Message,
        kept: _Kept,
        held_for: MessageIdReused | None = None,
    ) -> Claimed | Repeats | Conflicts:
        work, opening = message.work, kept.opening
        ended = StepEnded(
            StepName.UNPACK,
            StepState.DONE,
            work.attempt,
            message.started_at,
            self._clock.now(),
            error=opening.detail,
        )
        held: StepEnded | None = None
        if held_for is not None:
            held = replace(ended, state=StepState.FAILED, failure=classify(held_for), error=describe(held_for))
        receipt = self._asynchronous(message, opening)
        record = OpeningRecord(opening, kept.payload, ended, receipt, held, kept.certificates)
        return await self._as2_ledger.opened(work, record)

    def _asynchronous(self, message: Message, opening: Opening) -> DispatchDraft | None:
        wanted = message.addressing.receipt
        if message.row.arrival.receipt is not Receipt.ASYNCHRONOUS or wanted is None or opening.receipt is None:
            return None
        now = self._clock.now()
        return DispatchDraft(
            id=new_instance_id(now),
            kind=DispatchKind.RECEIPT,
            partner=message.row.received.principal.partner,
            relationship=message.row.arrival.relationship,
            instance=message.row.received.instance,
            document="MDN",
            content_type="",
            filename="",
            message_id=f"receipt:{message.row.received.instance}",
            created_at=now,
            wire=opening.receipt,
            url=wanted.url or "",
        )

    def _told(self, message: Message, opening: Opening) -> None:
        """Whoever waits, the courier and the log."""
        instance = message.work.received.instance
        self._waits.opened(instance, opening)
        if message.row.arrival.receipt is Receipt.ASYNCHRONOUS:
            self._wake_courier()
        if opening.disposition != PROCESSED:
            log.warning(
                "as2.refused",
                instance=str(instance),
                partner=message.row.received.principal.partner,
                disposition=str(opening.disposition),
                detail=opening.detail,
            )


async def _whole(data: bytes) -> AsyncIterator[bytes]:
    yield data
