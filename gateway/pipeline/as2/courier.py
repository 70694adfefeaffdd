"""Sending AS2 messages of ours: package once, send the same bytes until a receipt or an end.

Owns the order (package, archive, send, settle), retries and deadlines. Must not know CMS or HTTP.
"""

import asyncio
import secrets
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import TypeVar
from uuid import UUID

import structlog

from gateway.envelopes.as2.mic import Mic
from gateway.envelopes.as2.profile import Receipt
from gateway.envelopes.as2.receipt_reader import ReceiptError, is_receipt, read_receipt
from gateway.envelopes.as2.writer import Credentials, Envelope, Outgoing, Payload, package
from gateway.envelopes.mime.headers import Headers
from gateway.model.exchange import ArchiveReference
from gateway.pipeline.as2.boundaries import new_boundary
from gateway.pipeline.as2.dispatches import DispatchDraft, DispatchEnded, DispatchKind, DispatchWork, Entity
from gateway.pipeline.as2.ports import As2Ledger, Posted, Poster, PostFailed, RelationshipSource
from gateway.pipeline.as2.receipts import keep_receipt, outcome_of
from gateway.pipeline.clock import new_instance_id
from gateway.pipeline.failure import Backoff, classify, describe
from gateway.pipeline.leases import LeaseLoop, beat
from gateway.pipeline.ports import Archive, Clock, LeaseLost, Spool, StoreFailed
from gateway.pipeline.records import AuditEntry
from gateway.pipeline.relationships import Relationship
from gateway.pipeline.states import DispatchEvent, FailureClass

# Answers that say "later" (RFC 9110, RFC 6585); any other below 500 says "never like this".
_LATER = frozenset({408, 425, 429})
_LAST_GOOD_STATUS = 299
_FIRST_SERVER_ERROR = 500
# A receipt's own head and that of its first part.
_HEAD_BYTES = 8 << 10
# Read from the spool at once: as much as the archive keeps in one record.
WINDOW_BYTES = 1 << 20

Result = TypeVar("Result")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class CourierSettings:
    """`workers`: messages sent at once. `poll_s`: how late a retry or an overdue receipt may be noticed.

    `backoff` gives the pace of retries; how many there are, the relationship says.
    """

    workers: int = 16
    lease_s: float = 60.0
    poll_s: float = 1.0
    backoff: Backoff = field(default_factory=Backoff)


class _CannotSend(Exception):
    """What the agreement lacks; the text says what to mend."""


class _Scratch:
    """Compressed bytes in the dispatch's spool until they are sent."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._begin = 0
        self._end = 0

    def write(self, data: bytes) -> None:
        """Append."""
        begin = self._spool.write(data)
        self._begin = begin if self._end == 0 else self._begin
        self._end = begin + len(data)

    def read(self) -> Iterator[bytes]:
        """All that was written, from the beginning."""
        for begin in range(self._begin, self._end, WINDOW_BYTES):
            yield self._spool.read(begin, min(self._end, begin + WINDOW_BYTES))


class _WireBody(AsyncIterable[bytes]):
    """A body out of the archive, as often as it is asked for."""

    def __init__(self, read: Callable[[], Iterator[bytes]], in_thread: Callable[..., Awaitable[bytes | None]]) -> None:
        self._read = read
        self._in_thread = in_thread

    async def __aiter__(self) -> AsyncIterator[bytes]:
        chunks = self._read()
        while (chunk := await self._in_thread(next, chunks, None)) is not None:
            yield chunk


class Courier(LeaseLoop[DispatchWork]):
    """Sends what is due. What is under way when it stops is sent again, the same, by whoever comes next."""

    def __init__(
        self,
        *,
        ledger: As2Ledger,
        archive: Archive,
        clock: Clock,
        source: RelationshipSource,
        poster: Poster,
        spools: Callable[[], Spool],
        threads: Executor,
        settings: CourierSettings,
    ) -> None:
        super().__init__(workers=settings.workers, poll_s=settings.poll_s)
        self._ledger = ledger
        self._archive = archive
        self._clock = clock
        self._source = source
        self._poster = poster
        self._spools = spools
        self._threads = threads
        self._settings = settings
        self._owner = secrets.token_hex(4)

    async def send_file(
        self, relationship: Relationship, payload: ArchiveReference, filename: str, content_type: str, actor: str
    ) -> UUID:
        """A file of an operator is on its way; returns the dispatch."""
        now = self._clock.now()
        dispatch = new_instance_id(now)
        draft = DispatchDraft(
            id=dispatch,
            kind=DispatchKind.FILE,
            partner=relationship.partner,
            relationship=relationship.name,
            instance=None,
            document="file",
            content_type=content_type or relationship.packaging.content_type,
            filename=filename,
            message_id=f"{dispatch}@gateway",
            created_at=now,
            payload=payload,
        )
        await self._ledger.add_dispatch(draft, AuditEntry(now, actor, "send", str(dispatch)))
        self.wake()
        return dispatch

    async def resubmit(self, dispatch: UUID, actor: str) -> bool:
        """A failed or overdue message is due again; False where it is neither."""
        entry = AuditEntry(self._clock.now(), actor, "resubmit-dispatch", str(dispatch))
        done = await self._ledger.resubmit_dispatch(dispatch, entry)
        self.wake()
        return done

    async def _claim(self, free: int) -> tuple[DispatchWork, ...]:
        for row in await self._ledger.expire_dispatches():
            log.error("as2.receipt_overdue", dispatch=str(row.draft.id), partner=row.draft.partner)
        return await self._ledger.claim_dispatches(self._owner, free, self._settings.lease_s)

    async def _attempt(self, work: DispatchWork, /) -> bool:
        lease_s = self._settings.lease_s
        heart = asyncio.create_task(beat(partial(self._ledger.renew_dispatch, work, lease_s), lease_s))
        try:
            ended = await self._send(work)
            return await self._ledger.attempted(work, ended)
        except LeaseLost:
            return False
        finally:
            heart.cancel()

    async def _send(self, work: DispatchWork) -> DispatchEnded:
        """One attempt and what it led to. Raises LeaseLost, StoreFailed."""
        relationship = self._relationship(work)
        try:
            if relationship is None:
                raise _CannotSend("The relationship is not in the partner's file any more.")
            url = work.draft.url or relationship.dispatch.url
            if url is None:
                raise _CannotSend("The relationship has no url to send to.")
            if work.wire is None:
                work = await self._package(work, relationship)
            ended = await self._post(work, relationship, url)
        except (LeaseLost, StoreFailed):
            raise
        except _CannotSend as error:
            ended = DispatchEnded(DispatchEvent.FAIL, error=str(error))
        except PostFailed as error:
            ended = self._again(work, error.failure, str(error))
        except Exception as error:  # noqa: BLE001 - whatever it is, the dispatch must not be tried for ever
            ended = self._again(work, classify(error), describe(error))
        _tell(work, ended)
        return ended

    def _relationship(self, work: DispatchWork) -> Relationship | None:
        return self._source.relationships().named(work.draft.partner, work.draft.relationship)

    def _again(
        self, work: DispatchWork, failure: FailureClass, error: str, http_status: int | None = None
    ) -> DispatchEnded:
        relationship = self._relationship(work)
        attempts = 0 if relationship is None else relationship.dispatch.attempts
        backoff = replace(self._settings.backoff, attempts=attempts)
        due_at = backoff.next_at(self._clock.now(), work.attempt, failure)
        event = DispatchEvent.FAIL if due_at is None else DispatchEvent.RETRY
        return DispatchEnded(event, http_status=http_status, error=error, due_at=due_at)

    async def _package(self, work: DispatchWork, relationship: Relationship) -> DispatchWork:
        """The bytes of every attempt, archived and recorded before the first of them."""
        spool = self._spools()
        try:
            outgoing = await self._in_thread(self._packaged, work.draft, relationship, spool)
            head = outgoing.headers.encode()
            archived = await self._archive.append(self._pieces(head, outgoing.body))
        finally:
            spool.close()
        wire = Entity(archived, len(head), outgoing.size_bytes)
        mics = tuple(str(Mic(digest, algorithm)) for algorithm, digest in outgoing.mics.items())
        if not await self._ledger.packaged(work, wire, mics):
            raise LeaseLost("The lease of this dispatch went to another worker.")
        return replace(work, wire=wire, mics=mics)

    def _packaged(self, draft: DispatchDraft, relationship: Relationship, spool: Spool) -> Outgoing:
        """Blocks. Raises _CannotSend."""
        now = self._clock.now()
        packaging, payload = relationship.packaging, draft.payload
        key = relationship.signing_key(now)
        certificate = relationship.trust.encryption(now)
        if payload is None:
            raise _CannotSend("There is nothing to send.")
        if packaging.digest is not None and key is None:
            raise _CannotSend("No key of ours is valid now: see `gateway keys list`.")
        if packaging.encryption is not None and certificate is None:
            raise _CannotSend("No certificate of the partner to encrypt to is valid now: see `gateway keys list`.")
        content = Payload(partial(self._archive.read, payload), self._archive.size(payload), draft.filename or None)
        envelope = Envelope(
            sender=relationship.our_name,
            receiver=relationship.partner_name,
            message_id=f"<{draft.message_id}>",
            receipt_url=self._source.relationships().receipt_url,
        )
        return package(
            content,
            envelope,
            replace(packaging, content_type=draft.content_type),
            Credentials(key, certificate),
            at=now,
            new_boundary=new_boundary,
            new_scratch=partial(_Scratch, spool),
        )

    async def _pieces(self, head: bytes, chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
        yield head
        while (chunk := await self._in_thread(next, chunks, None)) is not None:
            yield chunk

    async def _in_thread(self, call: Callable[..., Result], *arguments: object) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._threads, call, *arguments)

    async def _post(self, work: DispatchWork, relationship: Relationship, url: str) -> DispatchEnded:
        """Send and settle. Raises PostFailed."""
        wire = work.wire
        if wire is None:
            raise _CannotSend("There is nothing to send.")
        head = await self._in_thread(lambda: b"".join(self._archive.read(wire.archived, 0, wire.head_size)))
        body = _WireBody(partial(self._archive.read, wire.archived, wire.head_size), self._in_thread)
        terms = relationship.dispatch
        if work.draft.url:
            # The sender of a message chose where its receipt goes: our password is not for that place.
            terms = replace(terms, user=None, password=None)
        posted = await self._poster.post(url, terms, Headers.parse(head), body, wire.body_size)
        if posted.status > _LAST_GOOD_STATUS:
            is_passing = posted.status >= _FIRST_SERVER_ERROR or posted.status in _LATER
            failure = FailureClass.TRANSIENT if is_passing else FailureClass.PERMANENT
            return self._again(work, failure, f"The partner answered HTTP {posted.status}.", posted.status)
        return await self._settled(work, relationship, posted)

    async def _settled(self, work: DispatchWork, relationship: Relationship, posted: Posted) -> DispatchEnded:
        """What an answer with a good status means."""
        wanted = relationship.packaging.receipt
        status = posted.status
        if work.draft.kind is DispatchKind.RECEIPT or wanted is Receipt.NONE:
            return DispatchEnded(DispatchEvent.DELIVER, http_status=status)
        now = self._clock.now()
        if posted.body and is_receipt(posted.headers, posted.body[:_HEAD_BYTES]):
            kept = await keep_receipt(self._archive, posted.headers, posted.body)
            try:
                receipt = read_receipt(posted.headers, posted.body, relationship.trust, now)
            except ReceiptError as error:
                return DispatchEnded(DispatchEvent.FAIL, http_status=status, receipt=kept, error=str(error))
            signature_wanted = relationship.packaging.receipt_signed
            ended = outcome_of(receipt, work.draft.message_id, work.mics, signature_wanted=signature_wanted)
            return replace(ended, http_status=status, receipt=kept)
        if wanted is Receipt.ASYNCHRONOUS:
            overdue_at = now + timedelta(seconds=relationship.dispatch.receipt_deadline_s)
            return DispatchEnded(DispatchEvent.AWAIT, http_status=status, due_at=overdue_at)
        text = f"The partner answered HTTP {status} without the receipt."
        return self._again(work, FailureClass.TRANSIENT, text, status)


def _tell(work: DispatchWork, ended: DispatchEnded) -> None:
    facts = {"dispatch": str(work.draft.id), "partner": work.draft.partner, "attempt": work.attempt}
    if ended.event in (DispatchEvent.DELIVER, DispatchEvent.AWAIT):
        log.info("as2.sent", **facts, event_name=ended.event.value)
    else:
        log.warning("as2.not_sent", **facts, event_name=ended.event.value, error=ended.error)
