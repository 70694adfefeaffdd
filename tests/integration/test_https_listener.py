"""The listener over real TLS on loopback: certificates, renewals, and connections that mean no good."""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from gateway.cli.development_certificates import (
    DevelopmentCertificates,
    Issued,
    make_development_certificates,
    make_self_signed_client,
)
from gateway.transports.https.application import root_application
from gateway.transports.https.limits import Limits
from gateway.transports.https.server import HttpsListener, TlsSettings, tls_context


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> DevelopmentCertificates:
    """One authority and one client for all tests."""
    return make_development_certificates(tmp_path_factory.mktemp("certificates"), ("clinic",))


@pytest.fixture(scope="module")
def self_signed(tmp_path_factory: pytest.TempPathFactory) -> Issued:
    """A certificate that no authority signed."""
    return make_self_signed_client(tmp_path_factory.mktemp("self-signed"), "lab")


def client_context(certificates: DevelopmentCertificates, client: Issued | None = None) -> ssl.SSLContext:
    """What a partner connects with."""
    context = ssl.create_default_context(cafile=str(certificates.authority))
    if client is not None:
        context.load_cert_chain(client.certificate, client.key)
    return context


def settings(certificates: DevelopmentCertificates, *pinned: Issued) -> TlsSettings:
    """The server's, with pinned certificates of partners."""
    return TlsSettings(
        certificate=str(certificates.server.certificate),
        key=str(certificates.server.key),
        client_authorities=(str(certificates.authority),),
        pinned_certificates=tuple(Path(one.certificate).read_text() for one in pinned),
    )


async def _subject(request: web.Request) -> web.Response:
    """Names the client certificate that came, for the tests alone."""
    certificate = request.get_extra_info("peercert")
    name = dict(part[0] for part in certificate["subject"])["commonName"] if certificate else "nobody"
    return web.Response(text=name)


def application() -> web.Application:
    """Two resources that show what came and what goes wrong."""
    root = root_application()

    async def fault(_request: web.Request) -> web.Response:
        raise RuntimeError("SECRET-IN-EXCEPTION")

    root.router.add_get("/subject", _subject)
    root.router.add_get("/fault", fault)
    return root


@pytest.fixture
async def listener(certificates: DevelopmentCertificates) -> AsyncIterator[HttpsListener]:
    """A listener with small limits."""
    made = HttpsListener(application(), "127.0.0.1", 0, Limits(idle_timeout_s=2.0, connection_count=2))
    await made.start(tls_context(settings(certificates)))
    yield made
    await made.stop()


async def fetched(
    listener: HttpsListener, context: ssl.SSLContext, path: str = "/subject"
) -> tuple[int, str, dict[str, str]]:
    """Status, text and headers of a GET."""
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"https://localhost:{listener.port}{path}", ssl=context) as response,
    ):
        return response.status, await response.text(), dict(response.headers)


async def test_no_client_certificate_is_needed(listener: HttpsListener, certificates: DevelopmentCertificates) -> None:
    """A partner with a password has none."""
    status, text, _ = await fetched(listener, client_context(certificates))

    assert (status, text) == (200, "nobody")


async def test_an_authoritys_client_is_seen(listener: HttpsListener, certificates: DevelopmentCertificates) -> None:
    """Its certificate reaches the application."""
    status, text, _ = await fetched(listener, client_context(certificates, certificates.clients["clinic"]))

    assert (status, text) == (200, "clinic")


async def test_an_unknown_client_certificate_ends_the_handshake(
    listener: HttpsListener, certificates: DevelopmentCertificates, self_signed: Issued
) -> None:
    """What is shown must verify."""
    with pytest.raises(aiohttp.ClientError):
        await fetched(listener, client_context(certificates, self_signed))


async def test_a_partners_own_certificate_counts_after_a_renewal(
    listener: HttpsListener, certificates: DevelopmentCertificates, self_signed: Issued
) -> None:
    """A reload pins it without a restart and without another port."""
    port = listener.port

    await listener.renew(tls_context(settings(certificates, self_signed)))
    status, text, _ = await fetched(listener, client_context(certificates, self_signed))

    assert (status, text, listener.port) == (200, "lab", port)


async def test_tls_1_1_is_refused(listener: HttpsListener, certificates: DevelopmentCertificates) -> None:
    """Nothing below 1.2."""
    old = client_context(certificates)
    old.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    with pytest.warns(DeprecationWarning, match="TLSv1_1 is deprecated"):
        old.maximum_version = ssl.TLSVersion.TLSv1_1

    with pytest.raises(aiohttp.ClientError):
        await fetched(listener, old)


async def test_unknown_paths_and_methods_are_problem_documents(
    listener: HttpsListener, certificates: DevelopmentCertificates
) -> None:
    """No HTML, no library's words."""
    status, text, headers = await fetched(listener, client_context(certificates), "/nowhere")

    assert status == 404
    assert headers["Content-Type"].startswith("application/problem+json")
    assert "urn:gateway:problem:not-found" in text


async def test_a_fault_is_a_plain_500_and_its_text_goes_nowhere(
    listener: HttpsListener,
    certificates: DevelopmentCertificates,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Exception texts may hold data."""
    caplog.set_level(logging.DEBUG)

    status, text, _ = await fetched(listener, client_context(certificates), "/fault")

    printed = capsys.readouterr()
    assert status == 500
    for place in (text, caplog.text, printed.out, printed.err):
        assert "SECRET" not in place
        assert "Traceback" not in place


async def test_a_header_that_never_ends_is_hung_up_on(
    listener: HttpsListener, certificates: DevelopmentCertificates
) -> None:
    """One byte at a time does not keep a connection."""
    reader, writer = await asyncio.open_connection("localhost", listener.port, ssl=client_context(certificates))
    writer.write(b"POST /exchange HTTP/1.1\r\nHost: x\r\n")

    rest = await asyncio.wait_for(reader.read(), 20)

    assert rest == b""
    writer.close()


async def test_nonsense_instead_of_a_request_is_400_and_not_logged(
    listener: HttpsListener, certificates: DevelopmentCertificates, caplog: pytest.LogCaptureFixture
) -> None:
    """The parser's exception quotes the bytes; the log does not."""
    caplog.set_level(logging.DEBUG)
    reader, writer = await asyncio.open_connection("localhost", listener.port, ssl=client_context(certificates))
    writer.write(b"ISA*00*SECRET-BYTES*00*~ST*837~\r\n\r\n")

    answer = await asyncio.wait_for(reader.read(), 20)

    assert b" 400 " in answer.split(b"\r\n")[0]
    assert b"application/problem+json" in answer
    assert b"SECRET" not in answer
    assert b"aiohttp" not in answer
    assert "SECRET" not in caplog.text
    writer.close()


async def test_connections_beyond_the_limit_are_ended(
    listener: HttpsListener, certificates: DevelopmentCertificates
) -> None:
    """The others go on."""
    context = client_context(certificates)
    held = [await asyncio.open_connection("localhost", listener.port, ssl=context) for _ in range(2)]

    reader, writer = await asyncio.open_connection("localhost", listener.port, ssl=context)
    rest = await asyncio.wait_for(reader.read(), 20)

    assert rest == b""
    for _reader, other in [*held, (reader, writer)]:
        other.close()
