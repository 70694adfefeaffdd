"""`POST /exchange` and its links over real TLS, with a pipeline that does as it is told."""

import asyncio
import hashlib
import io
import json
import logging
import ssl
from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import aiohttp
import pytest
from argon2 import PasswordHasher

from gateway.cli.development_certificates import DevelopmentCertificates, make_development_certificates
from gateway.model.exchange import ArchiveReference, Authentication, Principal, Receipt
from gateway.pipeline.exchange import Accepted, Answer, Answered, Unreadable
from gateway.pipeline.outbox import InstanceAnswers
from gateway.pipeline.receive import Arrival, Empty, Overloaded, StoreUnavailable, TooLarge
from gateway.pipeline.records import PartnerAnswer
from gateway.pipeline.states import InstanceState, PartnerAnswerState
from gateway.transports.https.application import root_application
from gateway.transports.https.authenticate import Authenticator, PasswordHolder
from gateway.transports.https.entrance import Entrance
from gateway.transports.https.exchange import ExchangeResource
from gateway.transports.https.limits import Limits
from gateway.transports.https.passwords import PasswordVerifier
from gateway.transports.https.server import HttpsListener, TlsSettings, tls_context
from gateway.transports.https.throttle import GuessThrottle

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
INSTANCE = UUID(int=42)
REFERENCE = ArchiveReference("segment", 0, 1)
RECEIPT = Receipt(INSTANCE, datetime(2026, 1, 5, 9, 30, tzinfo=UTC), REFERENCE)
TA1 = b"ISA*TA1 TEXT~"


def basic(user: str, password: str = "right") -> dict[str, str]:  # noqa: S107 - an invented partner
    """The header of RFC 7617."""
    return {"Authorization": aiohttp.encode_basic_auth(user, password)}


CLINIC = basic("clinic")
Outcome = Answered | Accepted | Unreadable | Overloaded | TooLarge | Empty | StoreUnavailable


@dataclass
class Scripted:
    """Takes a body and gives the outcome it was told to give."""

    outcome: Outcome = field(default_factory=lambda: Accepted(RECEIPT, deadline_missed=False))
    accepting: bool = True
    arrivals: list[Arrival] = field(default_factory=list)
    received: list[str] = field(default_factory=list)
    largest_chunk_bytes: int = 0

    async def handle(self, arrival: Arrival, body: AsyncIterable[bytes]) -> Outcome:
        """Read to the end, keep the hash."""
        digest = hashlib.sha256()
        async for chunk in body:
            digest.update(chunk)
            self.largest_chunk_bytes = max(self.largest_chunk_bytes, len(chunk))
        self.arrivals.append(arrival)
        self.received.append(digest.hexdigest())
        return self.outcome


def waiting_answer(number: int) -> PartnerAnswer:
    """An acknowledgement in the clinic's outbox."""
    return PartnerAnswer(
        interchange=1,
        kind="TA1",
        control_number=f"{number:09d}",
        partner="clinic",
        archived=REFERENCE,
        state=PartnerAnswerState.WAITING,
        created_at=RECEIPT.received_at,
        id=number,
        instance=INSTANCE,
    )


@dataclass
class ScriptedOutbox:
    """The clinic's acknowledgements."""

    answers: list[PartnerAnswer] = field(default_factory=lambda: [waiting_answer(7), waiting_answer(9)])
    state: InstanceState = InstanceState.DONE

    async def waiting(self, partner: str, after: int = 0, limit: int = 100) -> tuple[PartnerAnswer, ...]:
        """Those above `after`."""
        of_partner = [one for one in self.answers if one.partner == partner and (one.id or 0) > after]
        return tuple(of_partner[:limit])

    async def text(self, answer: PartnerAnswer) -> bytes:
        """Its bytes."""
        return TA1 + str(answer.id).encode()

    async def confirm(self, partner: str, answer_id: int) -> bool:
        """Gone from the outbox."""
        before = len(self.answers)
        self.answers = [one for one in self.answers if (one.partner, one.id) != (partner, answer_id)]
        return len(self.answers) < before

    async def of_instance(self, partner: str, instance: UUID) -> InstanceAnswers | None:
        """The clinic's one exchange."""
        known = partner == "clinic" and instance == INSTANCE
        row: Any = SimpleNamespace(state=self.state)
        return InstanceAnswers(row, tuple(self.answers)) if known else None


class TwoPartners:
    """A clinic and a lab, with the same password."""

    def __init__(self) -> None:
        self.hash = CHEAP.hash("right")

    def password_holder(self, user: str) -> PasswordHolder | None:
        """The clinic or the lab."""
        if user not in ("clinic", "lab"):
            return None
        return PasswordHolder(Principal(user, user, Authentication.BASIC), self.hash)

    def certificate_holder(self, fingerprint: str) -> Principal | None:  # noqa: ARG002 - the port's name
        """Nobody."""
        return None


@dataclass
class Door:
    """A running front door and a client of it."""

    session: aiohttp.ClientSession
    exchange: Scripted
    outbox: ScriptedOutbox
    listener: HttpsListener
    context: ssl.SSLContext


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> DevelopmentCertificates:
    """One authority for all tests."""
    return make_development_certificates(tmp_path_factory.mktemp("certificates"), ())


@pytest.fixture
async def door(certificates: DevelopmentCertificates) -> AsyncIterator[Door]:
    """A front door with small limits and nothing behind it."""
    limits = Limits(body_stall_timeout_s=1.0, lingering_time_s=0.2)
    verifier = PasswordVerifier(lambda: 0.0)
    authenticator = Authenticator(TwoPartners(), verifier, GuessThrottle(lambda: 0.0))
    exchange, outbox = Scripted(), ScriptedOutbox()
    root = root_application()
    ExchangeResource(
        exchange,
        outbox,
        authenticator=authenticator,
        limits=limits,
        entrance=Entrance(lambda: exchange.accepting, limits),
        size_limit_bytes=lambda _principal: 1 << 20,
    ).add_routes(root)
    listener = HttpsListener(root, "127.0.0.1", 0, limits)
    server = certificates.server
    await listener.start(tls_context(TlsSettings(str(server.certificate), str(server.key))))
    context = ssl.create_default_context(cafile=str(Path(certificates.authority)))
    connector = aiohttp.TCPConnector(ssl=context)
    async with aiohttp.ClientSession(f"https://localhost:{listener.port}", connector=connector) as session:
        yield Door(session, exchange, outbox, listener, context)
    await listener.stop()
    verifier.close()


async def posted(
    door: Door, body: bytes | io.BytesIO | AsyncIterable[bytes], auth: dict[str, str] = CLINIC, **headers: str
) -> tuple[int, aiohttp.ClientResponse, bytes]:
    """Status, response and body of a POST."""
    async with door.session.post("/exchange", data=body, headers={**auth, **headers}) as response:
        return response.status, response, await response.read()


def problem_code(body: bytes) -> str:
    """The last part of the problem's type."""
    return str(json.loads(body)["type"]).rpartition(":")[2]


async def test_batch_is_accepted_with_a_link(door: Door) -> None:
    """202, where to look, and when."""
    status, response, body = await posted(door, b"ISA~")

    document = json.loads(body)
    assert status == 202
    assert response.headers["Location"] == f"/exchange/{INSTANCE}" == document["acknowledgements"]
    assert response.headers["Gateway-Instance"] == str(INSTANCE)
    assert door.exchange.arrivals[0].principal.partner == "clinic"


async def test_a_missed_deadline_is_said(door: Door) -> None:
    """Real time that was not in time is answered as batch is."""
    door.exchange.outcome = Accepted(RECEIPT, deadline_missed=True)

    status, _, body = await posted(door, b"ISA~")

    assert status == 202
    assert "outbox" in json.loads(body)["note"]


async def test_real_time_is_answered_in_the_body(door: Door) -> None:
    """200 with every acknowledgement, also for a rejected interchange."""
    door.exchange.outcome = Answered(RECEIPT, (Answer(1, "TA1", "1", TA1), Answer(2, "999", "2", b"ISA*999~")))

    status, response, body = await posted(door, b"ISA~")

    assert (status, response.content_type, body) == (200, "application/edi-x12", TA1 + b"ISA*999~")


@pytest.mark.parametrize(
    ("outcome", "status", "code"),
    [
        (Unreadable(RECEIPT), 422, "unreadable"),
        (Empty(), 400, "empty"),
        (TooLarge(10), 413, "too-large"),
        (Overloaded(3.2), 503, "overloaded"),
        (StoreUnavailable("full", is_fatal=False), 507, "store-full"),
        (StoreUnavailable("sync failed", is_fatal=True), 503, "store-unavailable"),
    ],
)
async def test_what_is_no_exchange_is_a_problem(door: Door, outcome: Outcome, status: int, code: str) -> None:
    """Each with its status and a stable code."""
    door.exchange.outcome = outcome

    answered, response, body = await posted(door, b"<html>SECRET</html>")

    assert (answered, problem_code(body)) == (status, code)
    assert response.content_type == "application/problem+json"
    assert b"SECRET" not in body
    assert ("Retry-After" in response.headers) == (status >= 500)


async def test_an_unreadable_body_names_where_it_is_kept(door: Door) -> None:
    """The partner's staff can point to it."""
    door.exchange.outcome = Unreadable(RECEIPT)

    _, _, body = await posted(door, b"\x00\x01")

    assert json.loads(body)["instance"] == f"/exchange/{INSTANCE}"


async def test_a_stranger_is_refused_and_only_the_hash_is_known(
    door: Door, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing reaches the pipeline; the log has the hash."""
    caplog.set_level(logging.DEBUG)

    status, response, body = await posted(door, b"SECRET", basic("clinic", "wrong"))

    logged = caplog.text + capsys.readouterr().out
    assert (status, problem_code(body)) == (401, "authentication")
    assert response.headers["WWW-Authenticate"].startswith("Basic ")
    assert door.exchange.arrivals == []
    assert hashlib.sha256(b"SECRET").hexdigest() in logged
    assert "SECRET" not in logged


async def test_guesses_end_in_429(door: Door) -> None:
    """With the time to wait."""
    statuses = [(await posted(door, b"x", basic("clinic", f"guess{number}")))[0] for number in range(7)]

    _, response, _ = await posted(door, b"x", basic("clinic", "guess"))

    assert statuses[0] == 401
    assert response.status == 429
    assert int(response.headers["Retry-After"]) > 0


async def test_a_declared_size_too_large_is_refused_unread(door: Door) -> None:
    """413 before the body."""
    status, _, body = await posted(door, io.BytesIO(b"x" * ((1 << 20) + 1)))

    assert (status, problem_code(body)) == (413, "too-large")
    assert door.exchange.arrivals == []


async def test_an_undeclared_size_too_large_is_refused_on_the_way(door: Door) -> None:
    """A chunked body says no size; the count does."""

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(64):
            yield b"x" * 65536

    status, _, body = await posted(door, endless())

    assert (status, problem_code(body)) == (413, "too-large")
    assert door.exchange.arrivals == []


async def test_a_body_streams_in_chunks(door: Door) -> None:
    """Never in one piece."""
    body = bytes(range(256)) * 4000

    status, _, _ = await posted(door, body)

    assert status == 202
    assert door.exchange.received == [hashlib.sha256(body).hexdigest()]
    assert door.exchange.largest_chunk_bytes <= 256 << 10


async def test_a_body_that_stands_still_is_given_up(door: Door) -> None:
    """408, and nothing reaches the ledger."""

    async def stalling() -> AsyncIterator[bytes]:
        yield b"ISA*"
        await asyncio.sleep(4)
        yield b"late"

    status, _, body = await posted(door, stalling())

    assert (status, problem_code(body)) == (408, "too-slow")
    assert door.exchange.arrivals == []


async def test_a_compressed_body_is_refused(door: Door) -> None:
    """No bomb is inflated."""
    status, _, body = await posted(door, b"\x1f\x8b", **{"Content-Encoding": "gzip"})

    assert (status, problem_code(body)) == (415, "content-encoding")


async def test_a_sender_that_hangs_up_leaves_nothing(door: Door) -> None:
    """Half a body is no message, and no traceback."""
    reader, writer = await asyncio.open_connection("localhost", door.listener.port, ssl=door.context)
    writer.write(
        b"POST /exchange HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic Y2xpbmljOnJpZ2h0\r\n"
        b"Content-Length: 100\r\n\r\nISA*"
    )
    await writer.drain()
    await asyncio.sleep(0.1)
    writer.close()

    status, _, _ = await posted(door, b"ISA~")

    assert status == 202
    assert len(door.exchange.arrivals) == 1
    assert reader is not None


async def test_who_expects_to_be_asked_is_asked_only_when_known(door: Door) -> None:
    """A stranger's large body never crosses the wire."""

    async def exchanged(credentials: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("localhost", door.listener.port, ssl=door.context)
        writer.write(
            b"POST /exchange HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic "
            + credentials
            + b"\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n"
        )
        line = await asyncio.wait_for(reader.readline(), 5)
        writer.close()
        return line

    known = await exchanged(b"Y2xpbmljOnJpZ2h0")
    stranger = await exchanged(b"Y2xpbmljOndyb25n")

    assert b" 100 " in known
    assert b" 401 " in stranger


async def test_nothing_is_taken_while_the_pipeline_does_not_accept(door: Door) -> None:
    """503 with Retry-After."""
    door.exchange.accepting = False

    status, response, _ = await posted(door, b"ISA~")

    assert status == 503
    assert "Retry-After" in response.headers


async def test_the_link_gives_the_acknowledgements_to_their_owner_alone(door: Door) -> None:
    """Another partner does not even learn that it exists."""
    async with door.session.get(f"/exchange/{INSTANCE}", headers=CLINIC) as own:
        text = await own.read()
    async with door.session.get(f"/exchange/{INSTANCE}", headers=basic("lab")) as other:
        status = other.status

    assert text == TA1 + b"7" + TA1 + b"9"
    assert status == 404


@pytest.mark.parametrize(("state", "word"), [(InstanceState.RUNNING, "processing"), (InstanceState.HELD, "delayed")])
async def test_the_link_says_when_there_is_nothing_yet(door: Door, state: InstanceState, word: str) -> None:
    """202 and when to ask again."""
    door.outbox.state = state

    async with door.session.get(f"/exchange/{INSTANCE}", headers=CLINIC) as response:
        document = await response.json()

    assert (response.status, document["state"]) == (202, word)
    assert "Retry-After" in response.headers


@pytest.mark.parametrize("text", ["nonsense", str(UUID(int=1))])
async def test_an_unknown_link_is_404(door: Door, text: str) -> None:
    """Whatever stands there."""
    async with door.session.get(f"/exchange/{text}", headers=CLINIC) as response:
        assert response.status == 404


@pytest.mark.parametrize("method", ["delete", "post"])
async def test_the_outbox_is_read_and_confirmed(door: Door, method: str) -> None:
    """List, read, confirm; what is confirmed is gone."""
    async with door.session.get("/exchange/outbox", headers=CLINIC) as response:
        listed = await response.json()
    link = listed["waiting"][0]["link"]
    async with door.session.get(link, headers=CLINIC) as response:
        text = await response.read()
    confirm = door.session.delete(link, headers=CLINIC) if method == "delete" else None
    async with confirm or door.session.post(f"{link}/confirm", headers=CLINIC) as response:
        confirmed = response.status
    async with door.session.get(link, headers=CLINIC) as response:
        afterwards = response.status

    assert text == TA1 + b"7"
    assert (confirmed, afterwards) == (204, 404)


async def test_nobody_confirms_for_another(door: Door) -> None:
    """The lab sees nothing of the clinic."""
    lab = basic("lab")
    async with door.session.get("/exchange/outbox", headers=lab) as response:
        listed = await response.json()
    async with door.session.delete("/exchange/outbox/7", headers=lab) as response:
        status = response.status

    assert listed == {"waiting": []}
    assert status == 404
    assert len(door.outbox.answers) == 2
