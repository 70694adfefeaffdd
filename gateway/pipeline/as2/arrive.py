"""Taking an AS2 message in: whose it is, keeping it, and waiting for its receipt where the sender waits for it.

Owns what is decided from the headers alone, and the wait of a synchronous sender. Must not know HTTP, nor how a message
is opened.

1. A receipt for what we sent goes to `ReceiptDesk`.
2. Sender and receiver must differ and be a relationship of ours, else the receipt says so and nothing is kept.
3. An asynchronous receipt must be wanted where the partner's file allows it.
4. The message is kept, headers first, and is durable; only then is anything promised.
5. Without an asynchronous receipt the sender waits for the opening; with one it is told at once that we have it.
"""

import asyncio
import re
from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from gateway.envelopes.as2.addressing import Addressing, bare_message_id
from gateway.envelopes.as2.disposition import Disposition, Modifier
from gateway.envelopes.as2.profile import Receipt
from gateway.envelopes.as2.receipt_reader import is_receipt
from gateway.envelopes.as2.receipt_writer import Packaged, receipt_text, write_receipt
from gateway.envelopes.mime.headers import Headers
from gateway.model.exchange import Authentication, Principal
from gateway.pipeline.as2.boundaries import new_boundary
from gateway.pipeline.as2.ports import As2Ledger, RelationshipSource
from gateway.pipeline.as2.receipts import ReceiptDesk, ReceiptRefused, ReceiptTaken
from gateway.pipeline.as2.records import As2Arrival, As2Row, Opening
from gateway.pipeline.clock import new_instance_id
from gateway.pipeline.engine import Engine
from gateway.pipeline.ports import Archive, Clock
from gateway.pipeline.receive import Arrival, Intake, KeptBytes, Refusal, received_now
from gateway.pipeline.records import Work
from gateway.pipeline.relationships import ReceiptTarget, Relationship

TRANSPORT = "as2"
# Senders give up after a minute or two; what is not opened by then goes on, and a repeat gets its receipt.
ANSWER_DEADLINE_S = 90.0
# The boundary and the head of a first part.
HEAD_BYTES = 4096
_PORTS = {"http": 80, "https": 443}
# Without what two readers of a URL may understand in two ways: blanks, backslashes, anything beyond ASCII.
_PLAIN_URL = re.compile(r"[!-\[\]-~]+")


@dataclass(frozen=True, slots=True)
class As2Request:
    """What a transport knows before the body. `proven` is who a password or certificate of the connection proved."""

    headers: Headers
    addressing: Addressing
    remote: str
    proven: Principal | None


@dataclass(frozen=True, slots=True)
class Answered:
    """The receipt, to be sent as it is; None where none is wanted, or where none may be sent.

    `instance` is None where nothing was kept.
    """

    instance: UUID | None
    disposition: Disposition
    receipt: Packaged | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Promised:
    """We have it; the receipt will be sent to where the sender wants it."""

    instance: UUID


@dataclass(frozen=True, slots=True)
class ReceiptTargetRefused:
    """The asynchronous receipt is wanted where we do not send any: nothing was kept."""


@dataclass(frozen=True, slots=True)
class Unopened:
    """It is kept, and was not opened in time or could not be for the moment: the same message may come again."""

    instance: UUID


As2Outcome = Answered | Promised | ReceiptTargetRefused | Unopened | ReceiptTaken | ReceiptRefused | Refusal


class OpeningWaits:
    """Who waits for which message to be opened. Used on the event loop only."""

    def __init__(self) -> None:
        self._waiting: dict[UUID, asyncio.Future[Opening]] = {}

    def begin(self, instance: UUID) -> asyncio.Future[Opening]:
        """The opening of `instance`, once `opened` is called."""
        future: asyncio.Future[Opening] = asyncio.get_running_loop().create_future()
        self._waiting[instance] = future
        return future

    def end(self, instance: UUID) -> None:
        """Nobody waits any more."""
        self._waiting.pop(instance, None)

    def opened(self, instance: UUID, opening: Opening) -> None:
        """The message was opened, and that is durable."""
        future = self._waiting.get(instance)
        if future is not None and not future.done():
            future.set_result(opening)


class As2Exchange:
    """What a transport calls for each AS2 request."""

    def __init__(
        self,
        *,
        intake: Intake,
        engine: Engine,
        archive: Archive,
        ledger: As2Ledger,
        source: RelationshipSource,
        desk: ReceiptDesk,
        waits: OpeningWaits,
        clock: Clock,
        lease_s: float,
    ) -> None:
        self._intake = intake
        self._engine = engine
        self._archive = archive
        self._ledger = ledger
        self._source = source
        self._desk = desk
        self._waits = waits
        self._clock = clock
        self._lease_s = lease_s

    def size_limit_bytes(self, addressing: Addressing) -> int | None:
        """What the relationship of these names allows; None where there is none."""
        found = self._source.relationships().find(addressing.receiver, addressing.sender)
        return None if found is None else found.size_limit_bytes

    async def handle(self, request: As2Request, body: AsyncIterable[bytes]) -> As2Outcome:
        """Take one request. Raises whatever `body` raises."""
        return await self._intake.guarded(self._handle(request, body))

    async def _handle(self, request: As2Request, body: AsyncIterable[bytes]) -> As2Outcome:
        addressing = request.addressing
        relationships = self._source.relationships()
        relationship = relationships.find(addressing.receiver, addressing.sender)
        begun = await _Begun.read(body)
        if is_receipt(request.headers, begun.head):
            return await self._desk.take(relationship, request.headers, begun)
        if relationship is None:
            return self._stranger(addressing)
        if not _may_be_sent(addressing, relationship):
            return ReceiptTargetRefused()
        return await self._keep(request, addressing, relationship, begun)

    def _stranger(self, addressing: Addressing) -> Answered:
        is_same = addressing.sender == addressing.receiver
        modifier = Modifier.SENDER_EQUALS_RECEIVER if is_same else Modifier.UNKNOWN_TRADING_RELATIONSHIP
        disposition = Disposition.of(modifier)
        if addressing.receipt is None or addressing.receipt.url is not None:
            # A receipt is sent only where a partner's file allows it: the transport's error has to say it.
            return Answered(None, disposition, None)
        now = self._clock.now()
        receipt = write_receipt(
            addressing,
            disposition,
            None,
            None,
            text=receipt_text(addressing, disposition),
            message_id=f"<{new_instance_id(now)}@gateway>",
            at=now,
            new_boundary=new_boundary,
        )
        return Answered(None, disposition, receipt)

    async def _keep(
        self, request: As2Request, addressing: Addressing, relationship: Relationship, body: AsyncIterable[bytes]
    ) -> As2Outcome:
        head = request.headers.encode()
        wanted = _wanted(addressing)
        arrival = As2Arrival(
            relationship=relationship.name,
            our_name=addressing.receiver,
            partner_name=addressing.sender,
            message_id=bare_message_id(addressing.message_id),
            receipt=wanted,
            vouched_by="" if request.proven is None else request.proven.partner,
            head_size=len(head),
        )
        lease_s = 0.0 if wanted is Receipt.ASYNCHRONOUS else self._lease_s
        lane = f"{relationship.partner}/as2/{relationship.name}" if relationship.is_ordered else None
        came = Arrival(
            transport=TRANSPORT,
            principal=_principal(relationship, request.proven),
            content_type=(request.headers.get("Content-Type") or "")[:200],
            remote=request.remote,
        )

        async def accept(kept: KeptBytes) -> tuple[UUID, Work | As2Row | None]:
            received = received_now(came, kept, self._clock.now())
            accepting = self._ledger.accept_as2(received, kept.archived, arrival, lane, lease_s)
            return received.instance, await self._intake.see_through(accepting)

        accepted = await self._intake.take(body, head, accept)
        if not isinstance(accepted, tuple):
            return accepted
        instance, outcome = accepted
        match outcome:
            case As2Row():
                return await self._again(outcome)
            case Work():
                return await self._wait(outcome)
            case None:
                self._engine.wake()
                return Promised(instance)

    async def _again(self, original: As2Row) -> Answered | Promised | Unopened:
        """The same message, byte by byte: what was answered before is answered again."""
        instance = original.received.instance
        if original.arrival.receipt is Receipt.ASYNCHRONOUS:
            await self._desk.send_again(instance)
            return Promised(instance)
        if original.opening is None:
            return Unopened(instance)
        return await self._answer(instance, original.opening)

    async def _wait(self, work: Work) -> Answered | Unopened:
        instance = work.received.instance
        opening = self._waits.begin(instance)
        try:
            either: set[asyncio.Future[Any]] = {opening, self._engine.run(work)}
            await asyncio.wait(either, timeout=ANSWER_DEADLINE_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._waits.end(instance)
        if not opening.done():
            return Unopened(instance)
        return await self._answer(instance, opening.result())

    async def _answer(self, instance: UUID, opening: Opening) -> Answered:
        stored = opening.receipt
        if stored is None:
            return Answered(instance, opening.disposition, None)
        whole = await asyncio.to_thread(lambda: b"".join(self._archive.read(stored.archived)))
        receipt = Packaged(Headers.parse(whole[: stored.head_size]), whole[stored.head_size :])
        return Answered(instance, opening.disposition, receipt)


class _Begun(AsyncIterator[bytes]):
    """A body whose beginning was looked at."""

    def __init__(self, head: bytes, rest: AsyncIterator[bytes]) -> None:
        self.head = head
        self._unread = head
        self._rest = rest

    @classmethod
    async def read(cls, body: AsyncIterable[bytes]) -> "_Begun":
        """Enough of it to see the head of its first part."""
        rest = aiter(body)
        head = b""
        while len(head) < HEAD_BYTES:
            piece = await anext(rest, None)
            if piece is None:
                break
            head += piece
        return cls(head, rest)

    async def __anext__(self) -> bytes:
        if self._unread:
            piece, self._unread = self._unread, b""
            return piece
        return await anext(self._rest)


def _wanted(addressing: Addressing) -> Receipt:
    if addressing.receipt is None:
        return Receipt.NONE
    return Receipt.SYNCHRONOUS if addressing.receipt.url is None else Receipt.ASYNCHRONOUS


def _may_be_sent(addressing: Addressing, relationship: Relationship) -> bool:
    """Whether host and port of the wanted receipt's URL are on the relationship's list."""
    url = None if addressing.receipt is None else addressing.receipt.url
    if url is None:
        return True
    if not _PLAIN_URL.fullmatch(url):
        return False
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError:
        return False
    target = ReceiptTarget((parts.hostname or "").lower(), port)
    return parts.scheme in _PORTS and "@" not in parts.netloc and target in relationship.receipt_targets


def _principal(relationship: Relationship, proven: Principal | None) -> Principal:
    """Whose message it claims to be; the signature, or the connection, has to prove it before anything is judged."""
    if proven is not None and proven.partner == relationship.partner and not relationship.policy.signature_required:
        return proven
    return Principal(relationship.partner, relationship.name, Authentication.AS2_SIGNATURE)
