"""What `POST /as2` answers for each outcome, over an exchange that says what a test wants."""

import json
from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import dataclass
from uuid import UUID

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from gateway.envelopes.as2.addressing import Addressing
from gateway.envelopes.as2.disposition import PROCESSED, Disposition, Modifier
from gateway.envelopes.as2.receipt_writer import Packaged
from gateway.envelopes.mime.headers import Headers
from gateway.pipeline.as2.arrive import (
    Answered,
    As2Outcome,
    As2Request,
    Promised,
    ReceiptTargetRefused,
    Unopened,
)
from gateway.pipeline.as2.receipts import ReceiptRefused, ReceiptTaken, RefusalReason
from gateway.pipeline.receive import Empty, Overloaded, StoreUnavailable, TooLarge
from gateway.transports.https.application import root_application
from gateway.transports.https.as2 import As2Resource
from gateway.transports.https.authenticate import Authenticator
from gateway.transports.https.entrance import Entrance
from gateway.transports.https.limits import Limits
from gateway.transports.https.passwords import PasswordVerifier
from gateway.transports.https.throttle import FREE_FAILURES, GuessThrottle

INSTANCE = UUID(int=7)
FIELDS = {"AS2-From": "BROOK", "AS2-To": "HARBOR", "Message-ID": "<1@brook.test>"}
RECEIPT = Packaged(Headers((("Content-Type", "multipart/report; boundary=x"), ("AS2-To", "BROOK"))), b"receipt")
FAILED = Disposition.of(Modifier.DECRYPTION_FAILED)
WARNED = Disposition.of(Modifier.DUPLICATE_DOCUMENT)


@dataclass
class FixedExchange:
    """Stands for `As2Exchange`."""

    outcome: As2Outcome
    requests: int = 0

    def size_limit_bytes(self, addressing: Addressing) -> int | None:
        """As for a partner."""
        return 1000 if addressing.sender == "BROOK" else None

    async def handle(self, request: As2Request, body: AsyncIterable[bytes]) -> As2Outcome:
        """The outcome that was set."""
        assert request.addressing.message_id == "<1@brook.test>"
        assert [piece async for piece in body]
        self.requests += 1
        return self.outcome


class NoPrincipals:
    """Nobody has a password or a certificate."""

    def password_holder(self, user: str) -> None:
        """None."""

    def certificate_holder(self, fingerprint: str) -> None:
        """None."""


@pytest.fixture
def exchange() -> FixedExchange:
    """Answers with a receipt unless a test says otherwise."""
    return FixedExchange(Answered(INSTANCE, PROCESSED, RECEIPT))


@pytest.fixture
async def client(exchange: FixedExchange) -> AsyncIterator["TestClient[web.Request, web.Application]"]:
    """Speaks to the resource. Time stands still, so that whoever has to wait waits."""
    throttle, verifier = GuessThrottle(lambda: 0.0), PasswordVerifier(lambda: 0.0)
    authenticator = Authenticator(NoPrincipals(), verifier, throttle)
    limits = Limits()
    root = root_application()
    resource = As2Resource(exchange, authenticator, throttle, Entrance(lambda: True, limits), limits)  # type: ignore[arg-type]
    resource.add_routes(root)
    async with TestClient(TestServer(root)) as made:
        yield made
    verifier.close()


OUTCOMES: list[tuple[As2Outcome, int, str]] = [
    (Answered(INSTANCE, PROCESSED, None), 200, ""),
    (Answered(INSTANCE, WARNED, None), 200, ""),
    (Answered(INSTANCE, FAILED, None), 403, "as2-refused"),
    (Answered(None, FAILED, None), 403, "as2-refused"),
    (Promised(INSTANCE), 202, ""),
    (ReceiptTargetRefused(), 403, "receipt-target"),
    (Unopened(INSTANCE), 503, "delayed"),
    (ReceiptTaken(INSTANCE), 200, ""),
    (Overloaded(5.0), 503, "overloaded"),
    (TooLarge(1000), 413, "too-large"),
    (Empty(), 400, "empty"),
    (StoreUnavailable("There is no room.", is_fatal=False), 507, "store-full"),
    (StoreUnavailable("The disk failed.", is_fatal=True), 503, "store-unavailable"),
    (ReceiptRefused(RefusalReason.STRANGER), 403, "receipt-refused"),
    (ReceiptRefused(RefusalReason.NOT_A_RECEIPT), 400, "receipt-refused"),
    (ReceiptRefused(RefusalReason.NOT_SIGNED_RIGHT), 403, "receipt-refused"),
    (ReceiptRefused(RefusalReason.UNKNOWN_MESSAGE), 404, "receipt-refused"),
    (ReceiptRefused(RefusalReason.TOO_LARGE), 413, "receipt-refused"),
    (ReceiptRefused(RefusalReason.NOT_AWAITED), 409, "receipt-refused"),
]


@pytest.mark.parametrize(("outcome", "status", "code"), OUTCOMES, ids=lambda each: repr(each)[:60])
async def test_outcome_has_its_answer(
    client: "TestClient[web.Request, web.Application]",
    exchange: FixedExchange,
    outcome: As2Outcome,
    status: int,
    code: str,
) -> None:
    """A good status says that the message is kept; a problem says what to do."""
    exchange.outcome = outcome

    async with client.post("/as2", data=b"x", headers=FIELDS) as reply:
        content = await reply.read()

    assert reply.status == status
    if code:
        assert json.loads(content)["type"] == f"urn:gateway:problem:{code}"
    else:
        assert content == b""
    if isinstance(outcome, Answered | Promised) and status < 300:
        assert reply.headers["Gateway-Instance"] == str(INSTANCE)


@pytest.mark.parametrize("disposition", [PROCESSED, WARNED, FAILED], ids=str)
async def test_receipt_goes_out_as_it_was_written(
    client: "TestClient[web.Request, web.Application]", exchange: FixedExchange, disposition: Disposition
) -> None:
    """HTTP 200 for a refusal too: the receipt says it."""
    exchange.outcome = Answered(INSTANCE, disposition, RECEIPT)

    async with client.post("/as2", data=b"x", headers=FIELDS) as reply:
        content = await reply.read()

    assert (reply.status, content) == (200, RECEIPT.body)
    assert all(reply.headers[name] == value for name, value in RECEIPT.headers.fields)


@pytest.mark.parametrize(
    ("modifier", "is_throttled"),
    [
        (Modifier.UNKNOWN_TRADING_RELATIONSHIP, True),
        (Modifier.AUTHENTICATION_FAILED, True),
        (Modifier.INTEGRITY_CHECK_FAILED, True),
        (Modifier.DECRYPTION_FAILED, True),
        (Modifier.INSUFFICIENT_MESSAGE_SECURITY, True),
        (Modifier.DUPLICATE_DOCUMENT, False),
        (Modifier.UNEXPECTED_PROCESSING_ERROR, False),
    ],
)
async def test_what_anybody_could_bring_about_costs_a_wait(
    client: "TestClient[web.Request, web.Application]",
    exchange: FixedExchange,
    modifier: Modifier,
    *,
    is_throttled: bool,
) -> None:
    """After a few; what only a partner can bring about, or what is ours, costs nothing."""
    exchange.outcome = Answered(INSTANCE, Disposition.of(modifier), RECEIPT)
    statuses = []

    for _ in range(FREE_FAILURES + 1):
        async with client.post("/as2", data=b"x", headers=FIELDS) as reply:
            statuses.append(reply.status)

    assert statuses == [200] * FREE_FAILURES + [429 if is_throttled else 200]
    assert exchange.requests == FREE_FAILURES + (not is_throttled)


async def test_stranger_may_send_little(client: "TestClient[web.Request, web.Application]") -> None:
    """A partner what is agreed, a stranger what the receipt needs to be believed."""
    limit = Limits().refused_body_size_bytes

    async with (
        client.post("/as2", data=b"x" * 1001, headers=FIELDS) as partner,
        client.post("/as2", data=b"x" * (limit + 1), headers=FIELDS | {"AS2-From": "NOBODY"}) as stranger,
    ):
        statuses = (partner.status, stranger.status)

    assert statuses == (413, 413)


async def test_other_methods(client: "TestClient[web.Request, web.Application]") -> None:
    """There is nothing to fetch."""
    async with client.get("/as2") as reply:
        assert reply.status == 405
