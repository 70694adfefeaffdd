"""From POST to acknowledgement and canonical XML, with everything that partners get wrong."""

import asyncio
import hashlib
import json
import logging
import ssl
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
import structlog
from lxml import etree

from gateway.bootstrap.gateway import Gateway
from gateway.cli.logs import configure_logs
from gateway.definitions.settings import load_settings
from tests.integration.conftest import Reply, Running, Site, claims

pytestmark = pytest.mark.asyncio(loop_scope="module")

NAMESPACE = "{urn:gateway:canonical:1}"
# Values of the samples that must never be seen in a log: names, member ids, addresses.
PAYLOAD = ("SAMPLE", "SPECIMEN", "HHP000", "ELM STREET", "19800214", "SECRET")


@pytest.fixture(scope="module", autouse=True)
def logs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """All that is logged while these tests run goes to a file, and that file holds no payload and no traceback."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    configure_logs(json_lines=True, level=logging.DEBUG)
    path = tmp_path_factory.mktemp("logs") / "gateway.log"
    own = logging.FileHandler(path)
    own.setFormatter(root.handlers[0].formatter)
    root.handlers[:] = [own]
    yield path
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()
    own.close()
    logged = path.read_text()
    assert logged
    assert not [word for word in (*PAYLOAD, "Traceback") if word in logged]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def door(site: Site) -> AsyncIterator[Running]:
    """One gateway for all tests of this module."""
    gateway = await Gateway.open(load_settings(site.settings))
    yield Running(gateway, site)
    await gateway.stop()


def segments(reply: Reply, name: str) -> list[list[str]]:
    """Every segment of this name in an acknowledgement."""
    found = (segment.strip().split("*") for segment in reply.text.split("~"))
    return [elements for elements in found if elements[0] == name]


async def leased(door: Running, **asked: Any) -> list[dict[str, Any]]:
    """What the downstream application gets."""
    reply = await door.call("POST", "/api/v1/deliveries/lease", json.dumps({"limit": 100, **asked}), token=True)
    assert reply.status == 200
    deliveries: list[dict[str, Any]] = json.loads(reply.body)["deliveries"]
    return deliveries


async def acknowledged(door: Running, deliveries: list[dict[str, Any]]) -> None:
    """The downstream application has them."""
    for one in deliveries:
        body = json.dumps({"token": one["token"]})
        reply = await door.call("POST", f"/api/v1/deliveries/{one['id']}/ack", body, token=True)
        assert reply.status == 200


async def drained(door: Running) -> list[dict[str, Any]]:
    """Everything that waits, acknowledged."""
    deliveries = await leased(door)
    await acknowledged(door, deliveries)
    return deliveries


async def test_claims_are_acknowledged_and_delivered(door: Running, number: int) -> None:
    """TA1 A, 999 A, one canonical document a claim."""
    reply = await door.post(claims(number))
    deliveries = await drained(door)

    assert reply.status == 200
    assert reply.headers["Content-Type"].lower().startswith("application/edi-x12")
    assert segments(reply, "TA1")[0][1:6:3] == [f"{number:09d}", "A"]
    assert segments(reply, "IK5") == [["IK5", "A"]]
    assert len(deliveries) == 2
    root = etree.fromstring(deliveries[0]["document"].encode())
    assert (root.tag, root.get("kind")) == (f"{NAMESPACE}document", "claim")
    assert root.find(f"{NAMESPACE}source").get("partner") == "clinic"
    assert await leased(door) == []


async def test_documents_and_instances_are_read_by_id(door: Running, number: int) -> None:
    """After delivery too."""
    reply = await door.post(claims(number))
    [first, *_] = await drained(door)

    document = await door.call("GET", f"/api/v1/documents/{first['document_id']}", token=True)
    instance = await door.call("GET", f"/api/v1/instances/{first['instance']}", token=True)

    assert document.text == first["document"]
    assert reply.headers["Gateway-Instance"] == first["instance"]
    shown = json.loads(instance.body)
    assert (shown["state"], shown["partner"], shown["sets"][0]["accepted_count"]) == ("done", "clinic", 2)


async def test_a_set_is_delivered_whole(door: Running, number: int) -> None:
    """One lease, one stream of documents in order."""
    await door.post(claims(number))

    [delivery] = await leased(door, unit="set")
    reply = await door.call("GET", f"{delivery['documents']}?token={delivery['token']}", token=True)
    await acknowledged(door, [delivery])

    root = etree.fromstring(reply.body)
    assert root.tag == f"{NAMESPACE}documents"
    assert [one.get("kind") for one in root] == ["claim", "claim"]
    assert await leased(door) == []


async def test_what_is_given_back_comes_again_or_waits_for_an_operator(door: Running, number: int) -> None:
    """By the class of the failure."""
    await door.post(claims(number))
    first, second = await leased(door)
    for one, failure in ((first, "transient"), (second, "permanent")):
        body = json.dumps({"token": one["token"], "failure": failure, "reason": "no-such-plan"})
        reply = await door.call("POST", f"/api/v1/deliveries/{one['id']}/nack", body, token=True)
        assert reply.status == 200

    late = await door.call(
        "POST", f"/api/v1/deliveries/{first['id']}/ack", json.dumps({"token": first["token"]}), token=True
    )

    assert late.status == 409
    again = []
    for _ in range(100):
        again += await drained(door)
        if again:
            break
        await asyncio.sleep(0.1)
    assert [one["key"] for one in again] == [first["key"]]


async def test_a_rejected_set_delivers_nothing(door: Running, number: int) -> None:
    """One claim without its required diagnosis codes rejects the set, by the agreement's unit."""
    text = claims(number).replace(b"HI*ABK:H6690~\n", b"").replace(b"SE*45*", b"SE*44*")

    reply = await door.post(text)

    assert reply.status == 200
    assert segments(reply, "IK5")[0][1] == "R"
    assert await leased(door) == []


@pytest.mark.parametrize(
    ("changes", "user", "code"),
    [
        ({"sender": "NOBODYKNOWN"}, "clinic", "006"),
        ({"sender": "MILL"}, "clinic", "006"),
        ({"receiver": "SOMEBODYELSE"}, "clinic", "009"),
        ({"sender": "PAYER", "usage": "T"}, "payer", "020"),
    ],
    ids=["unknown sender", "partner A as partner B", "receiver is not us", "test to a production agreement"],
)
async def test_what_is_not_agreed_is_refused_by_ta1(
    door: Running, number: int, changes: dict[str, str], user: str, code: str
) -> None:
    """The envelope is answered, nothing in it is processed."""
    reply = await door.post(claims(number, **changes), user=user)

    assert reply.status == 200
    assert segments(reply, "TA1")[0][4:6] == ["R", code]
    assert segments(reply, "ST") == []
    assert await leased(door) == []


async def test_the_same_bytes_again_get_the_same_answer_and_no_second_delivery(door: Running, number: int) -> None:
    """A lost answer is no second claim."""
    first = await door.post(claims(number))
    delivered = await drained(door)

    again = await door.post(claims(number))

    assert again.body == first.body
    assert len(delivered) == 2
    assert await leased(door) == []


async def test_the_same_number_with_other_bytes_is_refused(door: Running, number: int) -> None:
    """TA1 R 025."""
    await door.post(claims(number))
    await drained(door)

    reply = await door.post(claims(number).replace(b"*155***", b"*155*** ").replace(b"BC-1001", b"BC-9999"))

    assert segments(reply, "TA1")[0][4:6] == ["R", "025"]
    assert await leased(door) == []


async def test_batch_is_answered_by_link_and_outbox(door: Running, number: int) -> None:
    """202 now; the acknowledgements wait until they are confirmed."""
    accepted = await door.post(claims(number, sender="MILL"), user="mill")
    link = accepted.headers["Location"]
    for _ in range(200):
        answer = await door.call("GET", link, user="mill")
        if answer.status == 200:
            break
        await asyncio.sleep(0.05)

    listed = json.loads((await door.call("GET", "/exchange/outbox", user="mill")).body)["waiting"]
    texts = [(await door.call("GET", one["link"], user="mill")).text for one in listed]
    stranger = await door.call("GET", link, user="clinic")
    confirmed = [(await door.call("DELETE", one["link"], user="mill")).status for one in listed]
    left = json.loads((await door.call("GET", "/exchange/outbox", user="mill")).body)["waiting"]
    await drained(door)

    assert accepted.status == 202
    assert "".join(texts) == answer.text
    assert segments(answer, "IK5") == [["IK5", "A"]]
    assert stranger.status == 404
    assert confirmed == [204] * len(listed)
    assert left == []


async def test_a_pinned_certificate_is_enough(door: Running, number: int) -> None:
    """No password, and still bound to one partner."""
    own = await door.call("POST", "/exchange", claims(number, sender="LAB"), certificate=door.site.lab)
    other = await door.call("POST", "/exchange", claims(number, sender="MILL"), certificate=door.site.lab)
    await drained(door)

    assert (own.status, segments(own, "TA1")[0][4]) == (200, "A")
    assert (other.status, segments(other, "TA1")[0][4:6]) == (200, ["R", "006"])


async def test_an_authoritys_certificate_opens_only_where_it_is_known(door: Running, number: int) -> None:
    """Issued by an authority of ours is not enough: a partner's file must name it."""
    clients = door.site.certificates.clients
    known = await door.call("POST", "/exchange", claims(number, sender="HOSPITAL"), certificate=clients["hospital"])
    stranger = await door.call("POST", "/exchange", claims(number), certificate=clients["stranger"])
    await drained(door)

    assert (known.status, segments(known, "TA1")[0][4]) == (200, "A")
    assert stranger.status == 401


async def test_certificate_and_password_must_be_of_one_partner(door: Running, number: int) -> None:
    """Neither wins over the other."""
    lab = door.site.lab

    reply = await door.call("POST", "/exchange", claims(number), user="clinic", certificate=lab)

    assert reply.status == 401


@pytest.mark.parametrize(
    "body",
    [
        b"<html><body>SECRET</body></html>",
        hashlib.shake_256(b"seed").digest(5000),
        b"\x00" * 200,
        b"ISA",
        b"GS*HC*A*B~",
        b"{}",
    ],
    ids=["html", "random", "zeros", "ISA alone", "no ISA", "json"],
)
async def test_what_is_no_interchange_is_422_and_kept(door: Running, body: bytes) -> None:
    """The problem names where; the text quotes nothing."""
    reply = await door.post(body)

    document = json.loads(reply.body)
    assert (reply.status, document["type"]) == (422, "urn:gateway:problem:unreadable")
    assert b"SECRET" not in reply.body
    instance = document["instance"].rpartition("/")[2]
    kept = json.loads((await door.call("GET", f"/api/v1/instances/{instance}", token=True)).body)
    assert (kept["size_bytes"], kept["partner"]) == (len(body), "clinic")


async def test_an_empty_body_is_400(door: Running) -> None:
    """With what to do."""
    reply = await door.post(b"")

    assert (reply.status, json.loads(reply.body)["type"]) == (400, "urn:gateway:problem:empty")


@pytest.mark.parametrize("length", [1, 3, 4, 50, 104, 105, 106, 107, 130, 180, 400, 1200])
async def test_an_interchange_cut_anywhere_is_answered(door: Running, number: int, length: int) -> None:
    """Either no interchange at all, or one that is refused; never a fault, never a delivery."""
    reply = await door.post(claims(number)[:length])

    assert reply.status in (200, 422)
    assert b"urn:gateway:problem:fault" not in reply.body
    if reply.status == 200:
        assert segments(reply, "TA1")[0][4] == "R"
    assert await leased(door) == []


def mutated(text: bytes, seed: int) -> bytes:
    """The text with a byte changed, a piece gone, or a piece twice; the same for the same seed."""
    dice = hashlib.sha256(b"%d" % seed).digest()
    at = int.from_bytes(dice[:4], "big") % len(text)
    length = 1 + dice[4] % 40
    match dice[5] % 3:
        case 0:
            return text[:at] + dice[6:7] + text[at + 1 :]
        case 1:
            return text[:at] + text[at + length :]
        case _:
            return text[: at + length] + text[at:]


async def test_damaged_interchanges_are_answered(door: Running, number: int) -> None:
    """Sixty ways to damage a file: each has a clear answer, and what goes downstream is well-formed."""
    texts = [mutated(claims(number + 1000 * seed), seed) for seed in range(60)]

    replies = [await door.post(text) for text in texts]
    documents = [one["document"] for one in await drained(door)]

    assert {reply.status for reply in replies} <= {200, 422}
    answered = [reply for reply in replies if reply.status == 200]
    assert all(segments(reply, "TA1") or segments(reply, "AK9") for reply in answered)
    assert all(etree.fromstring(document.encode()).get("kind") == "claim" for document in documents)


async def test_a_set_without_a_guide_is_answered(door: Running, number: int) -> None:
    """A 999 that rejects it, not silence."""
    text = claims(number)
    head, _, rest = text.partition(b"GS*")
    trailer = rest[rest.index(b"GE*") :]
    purchase = b"GS*PO*BROOKCLINIC*HARBORGATE*20260105*0930*%d*X*005010~\n" % number
    reply = await door.post(head + purchase + b"ST*850*0001~\nBEG*00*SA*1**20260105~\nSE*3*0001~\n" + trailer)

    assert reply.status == 200
    assert [elements[1] for elements in segments(reply, "AK9")] == ["R"]


async def test_a_double_terminator_loses_nothing(door: Running, number: int) -> None:
    """What follows is still read."""
    reply = await door.post(claims(number).replace(b"N3*34 ELM STREET~", b"N3*34 ELM STREET~~"))
    await drained(door)

    assert reply.status == 200
    assert segments(reply, "AK9")


async def test_ten_thousand_findings_are_answered(door: Running, number: int) -> None:
    """All are counted, the answer stays readable."""
    lines = b"".join(b"LX*%d~\nSV1*HC:99213*XX*UN*1***1~\nDTP*472*D8*20259999~\n" % at for at in range(3, 5003))
    text = claims(number).replace(b"HL*3*1*22*1~", lines + b"HL*3*1*22*1~").replace(b"SE*45*", b"SE*15045*")

    reply = await door.post(text)

    assert reply.status in (200, 202)
    if reply.status == 200:
        assert segments(reply, "IK5")[0][1] == "R"
    assert await leased(door) == []


async def test_a_segment_of_fifty_megabytes_is_answered(door: Running, number: int) -> None:
    """It is refused or rejected, and the gateway goes on."""
    head, _, tail = claims(number).partition(b"N3*34 ELM STREET~")

    async def body() -> AsyncIterator[bytes]:
        yield head + b"N3*"
        for _ in range(50):
            yield b"x" * (1 << 20)
        yield b"~" + tail

    reply = await door.post(body())
    after = await door.post(claims(number + 500_000))
    await drained(door)

    assert reply.status in (200, 202)
    assert (after.status, segments(after, "IK5")) == (200, [["IK5", "A"]])


async def test_too_large_is_413_before_the_body(door: Running) -> None:
    """The declared size is enough."""
    context = ssl.create_default_context(cafile=str(door.site.certificates.authority))
    reader, writer = await asyncio.open_connection("localhost", door.gateway.https_port, ssl=context)
    writer.write(
        b"POST /exchange HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic Y2xpbmljOnJpZ2h0\r\n"
        b"Content-Length: 99999999999\r\n\r\n"
    )

    line = await asyncio.wait_for(reader.readline(), 10)
    writer.close()

    assert b" 413 " in line


@pytest.mark.parametrize(("user", "password"), [("clinic", "wrong"), ("nobody", "right"), ("broken", "right")])
async def test_strangers_are_refused(door: Running, user: str, password: str) -> None:
    """A wrong password, an unknown user, and one whose file is broken."""
    reply = await door.call("POST", "/exchange", claims(1), user=user, password=password)

    assert (reply.status, json.loads(reply.body)["type"]) == (401, "urn:gateway:problem:authentication")
    assert "WWW-Authenticate" in reply.headers


async def test_operators_have_a_port_of_their_own(door: Running) -> None:
    """Health and metrics there, nothing of partners; and none of it on the partners' port."""
    url = f"http://127.0.0.1:{door.gateway.operators_port}"
    async with aiohttp.ClientSession(url) as session:
        async with session.get("/health/ready") as response:
            ready = await response.json()
        async with session.get("/metrics") as response:
            metrics = await response.text()
        async with session.post("/exchange", data=b"ISA") as response:
            exchange = response.status
    public = await door.call("GET", "/metrics")

    assert ready == {"status": "ready", "checks": {"stores": True, "accepting": True}}
    assert 'gateway_exchanges_total{outcome="answered"}' in metrics
    assert "clinic" not in metrics
    assert (exchange, public.status) == (404, 404)
