"""A pipeline over stores in memory with an AS2 partner beside it: time that tests move, and no sockets."""

import asyncio
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterator, MutableMapping
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from gateway.envelopes.as2.addressing import read_addressing
from gateway.envelopes.as2.credentials import CertificateUse, OwnKey, PartnerCertificate, Trust
from gateway.envelopes.as2.profile import Packaging, SecurityPolicy
from gateway.envelopes.as2.receipt_writer import Packaged
from gateway.envelopes.mime.headers import Headers
from gateway.pipeline.as2.arrive import As2Outcome, As2Request
from gateway.pipeline.as2.courier import CourierSettings
from gateway.pipeline.as2.dispatches import DispatchRow
from gateway.pipeline.as2.ports import Posted, PostFailed
from gateway.pipeline.deliver import Delivery
from gateway.pipeline.engine import EngineSettings
from gateway.pipeline.failure import Backoff
from gateway.pipeline.receive import ReceiveLimits
from gateway.pipeline.records import DeliveryUnit, InstanceDetail, LeaseRequest
from gateway.pipeline.relationships import Dispatch, ReceiptTarget, Relationship, Relationships
from gateway.pipeline.service import Pipeline, PipelineSettings
from gateway.pipeline.states import DispatchState, InstanceState
from gateway.stores.memory import MemoryArchive, MemoryLedger, MemorySpool
from tests.integration.as2.partner import OUR_NAME, ScriptedPartner, Taken
from tests.unit.envelopes.conftest import VALID_FROM, VALID_UNTIL, Certify
from tests.unit.pipeline.fakes import FixedRelationships, LineJudge, MovableClock, body

PARTNER_NAME = "BROOK CLINIC"
URL = "https://clinic.test/as2"
RECEIPT_URL = "https://clinic.test/receipts"
SETTINGS = PipelineSettings(
    limits=ReceiveLimits(body_bytes=1_000_000),
    engine=EngineSettings(poll_s=0.01, backoff=Backoff(first_s=1.0, attempts=3)),
    courier=CourierSettings(poll_s=0.01, lease_s=60.0),
)


@dataclass(frozen=True, slots=True)
class Post:
    """What was posted, and where."""

    url: str
    terms: Dispatch
    headers: Headers
    body: bytes


Answer = Callable[[Post], Posted]


@dataclass
class PartnerPoster:
    """Posts into a list. `answers` are used up one after the other, `usual` whenever there is none."""

    usual: Answer
    answers: deque[Answer | PostFailed] = field(default_factory=deque)
    posts: list[Post] = field(default_factory=list)

    async def post(self, url: str, terms: Dispatch, headers: Headers, body: AsyncIterable[bytes], size: int) -> Posted:
        """As the test says."""
        content = b"".join([piece async for piece in body])
        assert len(content) == size
        post = Post(url, terms, headers, content)
        self.posts.append(post)
        answer = self.answers.popleft() if self.answers else self.usual
        if isinstance(answer, PostFailed):
            raise answer
        return answer(post)


def status(code: int, text: bytes = b"") -> Answer:
    """An HTTP answer without a receipt."""
    return lambda _post: Posted(code, Headers((("Content-Type", "text/html"),)), text)


@dataclass
class Exchanging:
    """Both sides, and what they do with each other."""

    pipeline: Pipeline
    partner: ScriptedPartner
    poster: PartnerPoster
    clock: MovableClock
    relationships: FixedRelationships
    archive: MemoryArchive
    ledger: MemoryLedger

    @property
    def relationship(self) -> Relationship:
        """Ours with the partner."""
        return self.relationships.current.of_partner("clinic")[0]

    def agree(self, **changes: object) -> None:
        """Other terms, in force at once."""
        changed = replace(self.relationship, **changes)  # type: ignore[arg-type]
        self.relationships.current = Relationships.of([changed], "https://us.test/as2")

    def agree_on_dispatch(self, **changes: object) -> None:
        """Another way of travelling."""
        self.agree(dispatch=replace(self.relationship.dispatch, **changes))  # type: ignore[arg-type]

    def taken(self, post: Post) -> Taken:
        """What the partner reads in a post."""
        return self.partner.open(post.headers, post.body)

    async def receive(self, message: Packaged) -> As2Outcome:
        """The partner sends."""
        request = As2Request(message.headers, read_addressing(message.headers), "192.0.2.1", None)
        return await self.pipeline.as2.handle(request, body(message.body))

    async def send(self, content: bytes = b"file", *, filename: str = "claims.edi", content_type: str = "") -> UUID:
        """We send a file."""
        sent = await self.pipeline.send_file(self.relationship, body(content), filename, content_type, "olga")
        assert isinstance(sent, UUID)
        return sent

    async def dispatched(self, dispatch: UUID, state: DispatchState, attempts: int = 0) -> DispatchRow:
        """Wait until a message of ours is in `state` after that many attempts."""
        async with asyncio.timeout(5):
            while True:
                row = await self.ledger.dispatch(dispatch)
                assert row is not None
                if row.state is state and row.attempt >= attempts:
                    return row
                await asyncio.sleep(0.002)

    async def settled(self, instance: UUID, state: InstanceState = InstanceState.DONE) -> InstanceDetail:
        """Wait until a message is there and in `state`."""
        async with asyncio.timeout(5):
            while True:
                detail = await self.ledger.show(instance)
                if detail is not None and detail.row.state is state:
                    return detail
                await asyncio.sleep(0.002)

    async def delivered(self) -> list[Delivery]:
        """What a downstream application is handed out, and takes."""
        leased = await self.pipeline.deliveries.lease(LeaseRequest("billing", DeliveryUnit.ITEM, 100, 60.0))
        for one in leased:
            await self.pipeline.deliveries.acknowledge(one.id, one.token)
        return list(leased)


@pytest.fixture(autouse=True)
def logs() -> Iterator[list[MutableMapping[str, Any]]]:
    """What was logged, which never holds payload."""
    with capture_logs() as entries:
        yield entries
    assert not [word for word in ("anna", "SECRET") if word in repr(entries)]


@pytest.fixture(scope="session")
def keys() -> tuple[OwnKey, OwnKey, OwnKey]:
    """Ours, the partner's, a stranger's."""
    certify = Certify()
    return certify("CN=us"), certify("CN=partner"), certify("CN=stranger")


@pytest.fixture
def stranger_key(keys: tuple[OwnKey, OwnKey, OwnKey]) -> OwnKey:
    """Nobody pinned it."""
    return keys[2]


@pytest.fixture
def judge() -> LineJudge:
    """The fake standard."""
    return LineJudge()


@pytest.fixture
async def exchanging(keys: tuple[OwnKey, OwnKey, OwnKey], judge: LineJudge) -> AsyncIterator[Exchanging]:
    """Started."""
    ours, theirs, _ = keys
    uses = frozenset({CertificateUse.SIGN, CertificateUse.ENCRYPT})
    relationship = Relationship(
        partner="clinic",
        name="default",
        partner_name=PARTNER_NAME,
        our_name=OUR_NAME,
        policy=SecurityPolicy(),
        packaging=Packaging(),
        trust=Trust((PartnerCertificate(theirs.certificate, uses, VALID_FROM, VALID_UNTIL),)),
        own_keys=(ours,),
        dispatch=Dispatch(URL, timeout_s=5.0, attempts=3, receipt_deadline_s=3600.0, user="us", password="word"),
        receipt_targets=frozenset({ReceiptTarget("clinic.test", 443)}),
        size_limit_bytes=1_000_000,
        is_ordered=False,
    )
    relationships = FixedRelationships(Relationships.of([relationship], "https://us.test/as2"))
    partner = ScriptedPartner(PARTNER_NAME, theirs, ours.certificate)

    def usual(post: Post) -> Posted:
        if post.url == RECEIPT_URL:
            return status(200)(post)
        receipt = partner.receipt_for(partner.open(post.headers, post.body))
        return Posted(200, receipt.headers, receipt.body)

    clock, archive, poster = MovableClock(), MemoryArchive(), PartnerPoster(usual)
    ledger = MemoryLedger(clock.now)
    pipeline = Pipeline(
        archive=archive,
        ledger=ledger,
        spools=MemorySpool,
        judge=judge,
        clock=clock,
        relationships=relationships,
        poster=poster,
        settings=SETTINGS,
    )
    pipeline.start()
    yield Exchanging(pipeline, partner, poster, clock, relationships, archive, ledger)
    await pipeline.stop()
