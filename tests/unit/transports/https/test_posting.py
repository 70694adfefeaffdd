"""Carrying a message to a partner's server: what goes out, and everything that can come back, over real sockets."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from aiohttp import web

from gateway.cli.development_certificates import DevelopmentCertificates, make_development_certificates
from gateway.envelopes.mime.headers import Headers
from gateway.pipeline.as2.ports import Posted, PostFailed
from gateway.pipeline.relationships import Dispatch
from gateway.pipeline.states import FailureClass
from gateway.transports.https.posting import ANSWER_BYTES, HttpsPoster

TERMS = Dispatch(None, timeout_s=5.0, attempts=1, receipt_deadline_s=1.0)
HEADERS = Headers(
    (
        ("AS2-From", '"BROOK CLINIC"'),
        ("Message-ID", "<1@gateway>"),
        ("Content-Type", "application/pkcs7-mime; smime-type=enveloped-data"),
    )
)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Server:
    """A partner's server. `handler` answers."""

    port: int
    handler: Handler
    requests: list[tuple[web.Request, bytes]] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}/as2"


async def _fine(_request: web.Request) -> web.StreamResponse:
    return web.Response(body=b"receipt", headers={"Content-Type": "multipart/signed; boundary=x", "X-Who": "them"})


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    """Listens on loopback."""
    made = Server(0, _fine)

    async def handle(request: web.Request) -> web.StreamResponse:
        made.requests.append((request, await request.read()))
        return await made.handler(request)

    application = web.Application(client_max_size=1 << 26)
    application.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.01)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.port = runner.addresses[0][1]
    yield made
    await runner.cleanup()


@pytest.fixture
async def poster() -> AsyncIterator[HttpsPoster]:
    """Entered."""
    async with HttpsPoster() as entered:
        yield entered


class Pieces(AsyncIterable[bytes]):
    """A body, as often as it is asked for."""

    def __init__(self, *data: bytes) -> None:
        self._data = data

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._data:
            yield piece


async def post(poster: HttpsPoster, url: str, terms: Dispatch = TERMS) -> Posted:
    """A message of two pieces."""
    return await poster.post(url, terms, HEADERS, Pieces(b"mess", b"age"), 7)


async def failure(poster: HttpsPoster, url: str, terms: Dispatch = TERMS) -> tuple[FailureClass, str]:
    """How posting fails, and what the operator reads."""
    with pytest.raises(PostFailed) as caught:
        await post(poster, url, terms)
    return caught.value.failure, str(caught.value)


async def test_message_goes_out_as_it_was_packaged(server: Server, poster: HttpsPoster) -> None:
    """Its own header, its length, and nothing that a library adds of itself."""
    posted = await post(poster, server.url)

    ((request, body),) = server.requests
    assert (request.method, request.path, body) == ("POST", "/as2", b"message")
    assert {name.decode(): value.decode() for name, value in request.raw_headers} == {
        "Host": f"127.0.0.1:{server.port}",
        "AS2-From": '"BROOK CLINIC"',
        "Message-ID": "<1@gateway>",
        "Content-Type": "application/pkcs7-mime; smime-type=enveloped-data",
        "Content-Length": "7",
    }
    assert (posted.status, posted.body, posted.headers.get("X-Who")) == (200, b"receipt", "them")


async def test_password_and_connection_are_reused(server: Server, poster: HttpsPoster) -> None:
    """Basic for those terms alone; one connection for many messages."""
    with_password = replace(TERMS, user="us", password="wörd")

    for terms in (with_password, TERMS):
        await post(poster, server.url, terms)

    first, second = (request for request, _ in server.requests)
    assert first.headers["Authorization"] == "Basic dXM6d8O2cmQ="
    assert "Authorization" not in second.headers
    assert first.transport is second.transport


async def test_cookies_are_not_kept(server: Server, poster: HttpsPoster) -> None:
    """A message carries nothing of the one before."""

    async def with_cookie(_request: web.Request) -> web.StreamResponse:
        answer = web.Response()
        answer.set_cookie("session", "1")
        return answer

    server.handler = with_cookie

    for _ in range(2):
        await post(poster, server.url)

    assert all("Cookie" not in request.headers for request, _ in server.requests)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_redirect_is_not_followed(server: Server, poster: HttpsPoster, status: int) -> None:
    """It is handed over as an answer."""

    async def elsewhere(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=status, headers={"Location": "/elsewhere"})

    server.handler = elsewhere

    posted = await post(poster, server.url)

    assert posted.status == status
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [200, 404, 500, 503])
async def test_any_status_is_an_answer(server: Server, poster: HttpsPoster, status: int) -> None:
    """What it means is decided elsewhere."""

    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=status, text="why")

    server.handler = answer

    posted = await post(poster, server.url)

    assert (posted.status, posted.body) == (status, b"why")


@pytest.mark.parametrize("is_declared", [True, False])
async def test_answer_that_is_too_large(server: Server, poster: HttpsPoster, is_declared: bool) -> None:
    """No receipt has a megabyte: it is not read to its end."""

    async def endless(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        if is_declared:
            answer.content_length = 1 << 40
        await answer.prepare(request)
        try:
            while True:
                await answer.write(b" " * 65_536)
        except ConnectionError:
            return answer

    server.handler = endless

    assert await failure(poster, server.url) == (
        FailureClass.PERMANENT,
        f"The partner's answer is larger than {ANSWER_BYTES} bytes.",
    )


async def test_largest_answer(server: Server, poster: HttpsPoster) -> None:
    """A megabyte is read."""

    async def large(_request: web.Request) -> web.StreamResponse:
        return web.Response(body=b" " * ANSWER_BYTES)

    server.handler = large

    assert len((await post(poster, server.url)).body) == ANSWER_BYTES


async def test_compressed_answer_is_left_as_it_is(server: Server, poster: HttpsPoster) -> None:
    """A small answer must not become a large one here."""

    async def compressed(_request: web.Request) -> web.StreamResponse:
        return web.Response(body=b"\x1f\x8b", headers={"Content-Encoding": "gzip"})

    server.handler = compressed

    assert (await post(poster, server.url)).body == b"\x1f\x8b"


async def test_partner_that_does_not_answer(server: Server, poster: HttpsPoster) -> None:
    """For as long as agreed, not longer."""
    never = asyncio.Event()

    async def silent(_request: web.Request) -> web.StreamResponse:
        await never.wait()
        return web.Response()

    server.handler = silent

    assert await failure(poster, server.url, replace(TERMS, timeout_s=0.05)) == (
        FailureClass.TRANSIENT,
        "The partner did not answer in time.",
    )


async def test_partner_that_stops_in_the_middle_of_its_answer(server: Server, poster: HttpsPoster) -> None:
    """Half a receipt is none."""
    never = asyncio.Event()

    async def stuck(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        answer.content_length = 10
        await answer.prepare(request)
        await answer.write(b"rece")
        await never.wait()
        return answer

    server.handler = stuck

    assert await failure(poster, server.url, replace(TERMS, timeout_s=0.05)) == (
        FailureClass.TRANSIENT,
        "The partner did not answer in time.",
    )


async def test_partner_that_hangs_up(server: Server, poster: HttpsPoster) -> None:
    """Before the answer or within it."""

    async def hang_up(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    server.handler = hang_up

    kind, text = await failure(poster, server.url)

    assert kind is FailureClass.TRANSIENT
    assert text.startswith("The connection to the partner broke")
    assert len(server.requests) == 2


async def test_kept_connection_that_was_closed_meanwhile(server: Server, poster: HttpsPoster) -> None:
    """The same bytes once more on a new connection, at once."""
    answers = iter((False, True))

    async def hang_up_first(request: web.Request) -> web.StreamResponse:
        if not next(answers):
            assert request.transport is not None
            request.transport.abort()
        return await _fine(request)

    server.handler = hang_up_first

    posted = await post(poster, server.url)

    assert posted.status == 200
    assert len({body for _, body in server.requests}) == 1
    assert len(server.requests) == 2


async def test_partner_that_answers_no_http(poster: HttpsPoster) -> None:
    """What it said is not repeated to the operator."""

    async def nonsense(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SECRET\r\n\r\n")
        await writer.drain()
        writer.close()

    listening = await asyncio.start_server(nonsense, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]

    kind, text = await failure(poster, f"http://127.0.0.1:{port}/")
    listening.close()

    assert kind is FailureClass.TRANSIENT
    assert "SECRET" not in text


async def test_nobody_listens(poster: HttpsPoster) -> None:
    """The system's reason is told, without the address."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]

        kind, text = await failure(poster, f"http://127.0.0.1:{port}/")

    assert (kind, text) == (FailureClass.TRANSIENT, "The partner cannot be reached: Connection refused.")


@pytest.mark.parametrize("url", ["http://", "nonsense", "ftp://127.0.0.1/", "http://127.0.0.1:99999/"])
async def test_url_that_cannot_be_used(poster: HttpsPoster, url: str) -> None:
    """Trying again does not help."""
    kind, _ = await failure(poster, url)

    assert kind is FailureClass.PERMANENT


async def test_body_is_streamed(server: Server, poster: HttpsPoster) -> None:
    """Whatever its size, with the length said beforehand."""
    size = 3 << 20

    posted = await poster.post(server.url, TERMS, HEADERS, Pieces(*[b"x" * (1 << 20)] * 3), size)

    ((request, body),) = server.requests
    assert posted.status == 200
    assert len(body) == size
    assert "Transfer-Encoding" not in request.headers


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> DevelopmentCertificates:
    """An authority, a server of one name, a client."""
    return make_development_certificates(tmp_path_factory.mktemp("certificates"), ("us",), ("localhost",))


@pytest.fixture
async def tls_port(certificates: DevelopmentCertificates) -> AsyncIterator[int]:
    """A server that wants a client certificate."""

    async def name(request: web.Request) -> web.StreamResponse:
        connection = request.get_extra_info("ssl_object")
        return web.Response(text=str(dict(pair[0] for pair in connection.getpeercert()["subject"])["commonName"]))

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(certificates.authority))
    context.load_cert_chain(certificates.server.certificate, certificates.server.key)
    context.verify_mode = ssl.CERT_REQUIRED
    application = web.Application()
    application.router.add_post("/as2", name)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.01)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    yield runner.addresses[0][1]
    await runner.cleanup()


def mutual(certificates: DevelopmentCertificates) -> Dispatch:
    """Terms with our client certificate."""
    us = certificates.clients["us"]
    return replace(
        TERMS,
        authority=str(certificates.authority),
        client_certificate=str(us.certificate),
        client_key=str(us.key),
    )


async def test_both_sides_prove_who_they_are(
    tls_port: int, poster: HttpsPoster, certificates: DevelopmentCertificates
) -> None:
    """By the authority and the client certificate of the partner's file."""
    posted = await post(poster, f"https://localhost:{tls_port}/as2", mutual(certificates))

    assert posted.body == b"us"


async def test_server_certificate_may_be_its_own_authority(
    tls_port: int, poster: HttpsPoster, certificates: DevelopmentCertificates
) -> None:
    """A partner's certificate pinned as it is."""
    pinned = replace(mutual(certificates), authority=str(certificates.server.certificate))

    posted = await post(poster, f"https://localhost:{tls_port}/as2", pinned)

    assert posted.status == 200


async def test_server_that_nobody_vouches_for(
    tls_port: int, poster: HttpsPoster, certificates: DevelopmentCertificates
) -> None:
    """Without an authority of the partner's file those of the system decide, and they do not know it."""
    kind, text = await failure(
        poster, f"https://localhost:{tls_port}/as2", replace(mutual(certificates), authority=None)
    )

    assert kind is FailureClass.TRANSIENT
    assert text.startswith("The partner's TLS certificate is not trusted: ")


async def test_server_of_another_name(
    tls_port: int, poster: HttpsPoster, certificates: DevelopmentCertificates
) -> None:
    """The certificate has to be for the host of the url."""
    kind, text = await failure(poster, f"https://127.0.0.1:{tls_port}/as2", mutual(certificates))

    assert kind is FailureClass.TRANSIENT
    assert text.startswith("The partner's TLS certificate is not trusted: IP address mismatch")


@pytest.mark.parametrize("broken", ["authority", "client_key"])
async def test_certificate_file_that_is_not_there(
    poster: HttpsPoster, certificates: DevelopmentCertificates, tmp_path: Path, broken: str
) -> None:
    """It has to be put there; nothing was sent."""
    terms = replace(mutual(certificates), **{broken: str(tmp_path / "missing.pem")})  # type: ignore[arg-type]

    kind, text = await failure(poster, "https://localhost:1/as2", terms)

    assert kind is FailureClass.PERMANENT
    assert text == "A certificate for the way out cannot be used: No such file or directory."


async def test_changed_certificate_files_are_read_again(
    tls_port: int, poster: HttpsPoster, certificates: DevelopmentCertificates, tmp_path: Path
) -> None:
    """After `renew`, as a reload calls it."""
    authority = tmp_path / "authority.pem"
    authority.write_bytes(certificates.clients["us"].certificate.read_bytes())
    terms = replace(mutual(certificates), authority=str(authority))
    before = await failure(poster, f"https://localhost:{tls_port}/as2", terms)
    authority.write_bytes(certificates.authority.read_bytes())

    poster.renew()
    posted = await post(poster, f"https://localhost:{tls_port}/as2", terms)

    assert before[0] is FailureClass.TRANSIENT
    assert posted.status == 200
