"""The downstream API over a loopback port, with deliveries that do as they are told."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import aiohttp
import pytest
from prometheus_client import CollectorRegistry

from gateway.api import deliveries as deliveries_over_http
from gateway.api.application import add_api, api_operations
from gateway.api.operators import operators_application
from gateway.api.tokens import Subscriber, Tokens, new_token
from gateway.pipeline.deliver import Delivery
from gateway.pipeline.records import DeliveryOutcome, DeliveryUnit, LeaseRequest
from gateway.pipeline.states import FailureClass
from gateway.transports.https.application import root_application
from gateway.transports.https.limits import Limits
from gateway.transports.https.server import HttpsListener

INSTANCE = UUID(int=42)
TOKEN, DIGEST = new_token()
XML = '<document xmlns="urn:gateway:canonical:1" kind="claim"/>'


@dataclass
class Scripted:
    """One claim to hand out; says of every token but "mine" that its lease is lost."""

    asked: list[LeaseRequest] = field(default_factory=list)
    refused: list[tuple[FailureClass, str]] = field(default_factory=list)
    is_damaged: bool = False
    padding_count: int = 0

    async def lease(self, request: LeaseRequest) -> tuple[Delivery, ...]:
        """The claim, with its XML when items are asked for."""
        self.asked.append(request)
        item = request.unit is DeliveryUnit.ITEM
        return (
            Delivery(
                id="12-3" if item else "12-0",
                token="mine",
                key=f"{INSTANCE}.1.1.1.1.3",
                document_id=f"{INSTANCE}.1.1.1.3",
                attempt=1,
                lease_until=datetime(2026, 1, 5, 9, 31, tzinfo=UTC),
                instance=INSTANCE,
                partner="clinic",
                guide="005010X222A1",
                transaction_set="837",
                item_count=3,
                xml=XML.encode() if item else None,
            ),
        )

    def _outcome(self, delivery_id: str, token: str) -> DeliveryOutcome:
        if not delivery_id.startswith("12-"):
            return DeliveryOutcome.UNKNOWN
        return DeliveryOutcome.TAKEN if token == "mine" else DeliveryOutcome.LEASE_LOST

    async def acknowledge(self, delivery_id: str, token: str) -> DeliveryOutcome:
        """By token."""
        return self._outcome(delivery_id, token)

    async def refuse(self, delivery_id: str, token: str, failure: FailureClass, error: str) -> DeliveryOutcome:
        """By token; remembers why."""
        self.refused.append((failure, error))
        return self._outcome(delivery_id, token)

    async def extend(self, delivery_id: str, token: str, lease_s: float) -> DeliveryOutcome:
        """By token."""
        assert lease_s > 0
        return self._outcome(delivery_id, token)

    async def set_xml(self, delivery_id: str, token: str) -> AsyncIterator[bytes] | DeliveryOutcome:
        """Three documents, in pieces."""
        outcome = self._outcome(delivery_id, token)
        if outcome is not DeliveryOutcome.TAKEN:
            return outcome

        async def pieces() -> AsyncIterator[bytes]:
            yield b"<documents>"
            for _ in range(3):
                yield XML.encode()
            for _ in range(self.padding_count):
                yield b" " * (1 << 20)
            if self.is_damaged:
                raise LookupError("SECRET")
            yield b"</documents>"

        return pieces()

    async def document(self, document_id: str) -> bytes | None:
        """The one there is."""
        return XML.encode() if document_id == f"{INSTANCE}.1.1.1.3" else None


@dataclass
class Api:
    """A running API and a client of it."""

    session: aiohttp.ClientSession
    deliveries: Scripted
    well: dict[str, bool]
    port: int

    async def call(
        self, method: str, path: str, body: object = None, token: str | None = TOKEN
    ) -> tuple[int, Any, aiohttp.ClientResponse]:
        """Status, decoded body and response."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        async with self.session.request(method, path, data=data, headers=headers) as response:
            text = await response.text()
            decoded = json.loads(text) if "json" in response.content_type else text
            return response.status, decoded, response


async def no_instance(_instance: UUID) -> None:
    """The ledger of a gateway that has received nothing."""


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    """The API and, beside it, the operators' resources."""
    deliveries, well = Scripted(), {"store": True}
    ledger: Any = SimpleNamespace(show=no_instance)
    root = root_application()
    add_api(root, api_operations(deliveries, ledger), Tokens({DIGEST: Subscriber("claims")}), "0.1.0")
    root.add_subapp("/operators", operators_application(lambda: well, CollectorRegistry()))
    listener = HttpsListener(root, "127.0.0.1", 0, Limits())
    await listener.start(None)
    async with aiohttp.ClientSession(f"http://127.0.0.1:{listener.port}") as session:
        yield Api(session, deliveries, well, listener.port)
    await listener.stop()


async def test_a_lease_brings_the_canonical_xml(api: Api) -> None:
    """One call is all that a consumer of items needs."""
    status, body, _ = await api.call("POST", "/api/v1/deliveries/lease", {"limit": 5, "partner": "clinic"})

    [delivery] = body["deliveries"]
    assert status == 200
    assert delivery["document"] == XML
    assert delivery["documents"] == "/api/v1/deliveries/12-3/documents"
    assert api.deliveries.asked == [LeaseRequest("claims", DeliveryUnit.ITEM, 5, 60, "clinic", None)]


async def test_a_whole_set_is_streamed(api: Api) -> None:
    """Its lease names the place of the documents."""
    _, body, _ = await api.call("POST", "/api/v1/deliveries/lease", {"unit": "set"})

    [delivery] = body["deliveries"]
    status, text, response = await api.call("GET", delivery["documents"] + "?token=" + delivery["token"])

    assert delivery["document"] is None
    assert (status, text, response.content_type) == (200, f"<documents>{XML * 3}</documents>", "application/xml")


async def test_a_stream_that_breaks_off_is_seen_as_such(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    """Half a set must never look like a whole one."""
    api.deliveries.is_damaged = True

    with pytest.raises(aiohttp.ClientPayloadError):
        await api.call("GET", "/api/v1/deliveries/12-0/documents?token=mine")

    assert "SECRET" not in caplog.text


async def test_a_consumer_that_does_not_read_is_hung_up_on(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """It holds neither memory nor a connection."""
    monkeypatch.setattr(deliveries_over_http, "WRITE_STALL_TIMEOUT_S", 0.2)
    api.deliveries.padding_count = 64
    reader, writer = await asyncio.open_connection("127.0.0.1", api.port, limit=1024)
    writer.write(
        b"GET /api/v1/deliveries/12-0/documents?token=mine HTTP/1.1\r\nHost: localhost\r\n"
        b"Authorization: Bearer %b\r\n\r\n" % TOKEN.encode()
    )
    await asyncio.sleep(1.5)

    received = len(await asyncio.wait_for(reader.read(), 20))

    assert 0 < received < 64 << 20
    writer.close()


@pytest.mark.parametrize("verb", ["ack", "nack", "extend"])
@pytest.mark.parametrize(
    ("delivery", "token", "status"), [("12-3", "mine", 200), ("12-3", "theirs", 409), ("nonsense", "mine", 404)]
)
async def test_only_the_holder_speaks_for_a_delivery(
    api: Api, verb: str, delivery: str, token: str, status: int
) -> None:
    """A lost lease and an unknown id are told apart."""
    answered, body, response = await api.call("POST", f"/api/v1/deliveries/{delivery}/{verb}", {"token": token})

    assert answered == status
    assert response.content_type == ("application/json" if status == 200 else "application/problem+json")
    assert body.get("outcome", "taken") == "taken"


async def test_a_reason_is_a_code(api: Api) -> None:
    """Text might hold data of a person."""
    taken, _, _ = await api.call(
        "POST", "/api/v1/deliveries/12-3/nack", {"token": "mine", "failure": "permanent", "reason": "no-such-plan"}
    )
    refused, body, _ = await api.call(
        "POST", "/api/v1/deliveries/12-3/nack", {"token": "mine", "reason": "member ALEX SAMPLE unknown"}
    )

    assert taken == 200
    assert api.deliveries.refused == [(FailureClass.PERMANENT, "no-such-plan")]
    assert refused == 422
    assert "SAMPLE" not in body["detail"]


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b'{"limit": 0}', b'{"limit": "many"}', b'{"unknown": 1}', b'{"unit": "claim"}', b"\xff\xfe"]
)
async def test_a_bad_body_is_422_with_the_place(api: Api, body: bytes) -> None:
    """And never quoted."""
    status, problem, _ = await api.call("POST", "/api/v1/deliveries/lease", body)

    assert (status, problem["type"]) == (422, "urn:gateway:problem:invalid-request")
    assert "many" not in problem["detail"]


async def test_an_endless_body_is_refused(api: Api) -> None:
    """The JSON of this API is small."""
    status, _, _ = await api.call("POST", "/api/v1/deliveries/lease", b" " * 100_000)

    assert status == 413


@pytest.mark.parametrize("token", [None, "", "gwt_wrong", TOKEN.lower(), "\udcff"])
async def test_without_a_token_there_is_nothing(api: Api, token: str | None) -> None:
    """On every path."""
    for method, path in (
        ("POST", "/api/v1/deliveries/lease"),
        ("GET", f"/api/v1/documents/{INSTANCE}.1.1.1.3"),
        ("GET", f"/api/v1/instances/{INSTANCE}"),
    ):
        status, _, response = await api.call(method, path, token=token)

        assert status == 401
        assert response.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("path", ["/api/v1/documents/nonsense", "/api/v1/instances/nonsense", "/api/v1/nowhere"])
async def test_what_is_not_there_is_404(api: Api, path: str) -> None:
    """As a problem document."""
    status, problem, _ = await api.call("GET", path)

    assert (status, problem["status"]) == (404, 404)


async def test_a_document_is_read_by_its_id(api: Api) -> None:
    """Canonical XML."""
    status, text, _ = await api.call("GET", f"/api/v1/documents/{INSTANCE}.1.1.1.3")

    assert (status, text) == (200, XML)


async def test_the_description_needs_no_token(api: Api) -> None:
    """Who writes a client starts here."""
    status, document, _ = await api.call("GET", "/openapi.json", token=None)

    assert (status, document["openapi"]) == (200, "3.1.0")


async def test_health_and_metrics(api: Api) -> None:
    """Live always, ready only when all is well."""
    live, _, _ = await api.call("GET", "/operators/health/live", token=None)
    ready, _, _ = await api.call("GET", "/operators/health/ready", token=None)
    api.well["store"] = False
    unready, body, _ = await api.call("GET", "/operators/health/ready", token=None)
    metrics, _, _ = await api.call("GET", "/operators/metrics", token=None)

    assert (live, ready, unready, metrics) == (200, 200, 503, 200)
    assert body["checks"] == {"store": False}
