"""`gateway demo`: a whole gateway on loopback with partners, traffic, acknowledgements and canonical XML, explained.

Owns the scenario and its words. Must not reach into the gateway: it speaks HTTPS like a partner and like a downstream
application, so that what it shows is what they see.
"""

import asyncio
import logging
import signal
import ssl
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

import aiohttp
import typer
import uvloop
from lxml import etree
from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.syntax import Syntax

from gateway.bootstrap.gateway import Gateway
from gateway.cli.acknowledgement_words import explained
from gateway.cli.demo_as2 import DemoAs2Partner, Sent
from gateway.cli.demo_workspace import CLINIC_USER, DOWNSTREAM, Workspace, make_workspace
from gateway.cli.logs import configure_logs
from gateway.definitions.settings import load_settings

# Ten times what a slow machine needs to compile the guides and run the whole scenario.
DEADLINE_S = 120.0
POLL_S = 0.1
POLLS = 300
# Enough of a claim to see its shape.
XML_LINES_SHOWN = 48

output = Console(highlight=False)


class DemoFailedError(Exception):
    """Something did not happen as it should; the text says what."""


def demo(
    once: Annotated[bool, typer.Option("--once", help="End after the scenario instead of staying up.")] = False,
) -> None:
    """Start a gateway with demo partners, show traffic, acknowledgements and canonical XML."""
    configure_logs(json_lines=False, level=logging.ERROR)
    output.print("Starting; the very first start compiles the guides, which takes a few seconds.")
    with tempfile.TemporaryDirectory(prefix="gateway-demo-") as folder:
        try:
            uvloop.run(_demo(make_workspace(Path(folder)), once=once))
        except DemoFailedError as error:
            output.print(f"[bold red]Not as expected:[/bold red] {escape(str(error))}")
            raise typer.Exit(1) from None
        except TimeoutError:
            output.print(f"[bold red]Not done within {DEADLINE_S:.0f} seconds.[/bold red]")
            raise typer.Exit(1) from None


async def _demo(workspace: Workspace, *, once: bool) -> None:
    gateway = await Gateway.open(load_settings(workspace.settings))
    try:
        _expect(not gateway.partners.faults, "no fault in the demo's own files")
        url = f"https://localhost:{gateway.https_port}"
        async with asyncio.timeout(DEADLINE_S), _clients(workspace, url) as clients:
            await _scenario(clients, url)
        if not once:
            await _stay(workspace, url, f"http://127.0.0.1:{gateway.operators_port}")
    finally:
        await gateway.stop()


@dataclass(frozen=True, slots=True)
class _Clients:
    """A clinic with a password, a mill with a certificate, a biller over AS2, a downstream application with a token."""

    clinic: aiohttp.ClientSession
    mill: aiohttp.ClientSession
    downstream: aiohttp.ClientSession
    cedar: aiohttp.ClientSession
    cedar_as2: DemoAs2Partner


@asynccontextmanager
async def _clients(workspace: Workspace, url: str) -> AsyncIterator[_Clients]:
    authority = str(workspace.certificates.authority)
    with_certificate = ssl.create_default_context(cafile=authority)
    with_certificate.load_cert_chain(workspace.mill.certificate, workspace.mill.key)
    basic = {"Authorization": aiohttp.encode_basic_auth(CLINIC_USER, workspace.clinic_password)}
    bearer = {"Authorization": f"Bearer {workspace.token}"}
    plain = ssl.create_default_context(cafile=authority)
    cedar_as2 = DemoAs2Partner(workspace.cedar_listening, workspace.cedar_as2, workspace.our_as2)
    async with (
        cedar_as2.listening(),
        aiohttp.ClientSession(url, connector=aiohttp.TCPConnector(ssl=plain)) as cedar,
        aiohttp.ClientSession(url, connector=aiohttp.TCPConnector(ssl=plain), headers=basic) as clinic,
        aiohttp.ClientSession(url, connector=aiohttp.TCPConnector(ssl=with_certificate)) as mill,
        aiohttp.ClientSession(url, connector=aiohttp.TCPConnector(ssl=plain), headers=bearer) as downstream,
    ):
        yield _Clients(clinic, mill, downstream, cedar, cedar_as2)


async def _scenario(clients: _Clients, url: str) -> None:
    output.print(
        Panel(
            "Three trading partners send X12 to a gateway over HTTPS and AS2; an application behind it takes canonical "
            "XML.\n"
            f"The gateway listens on [bold]{url}[/bold], with certificates made for this run.\n"
            "Everything stays on this machine; every name and number is invented.",
            title="gateway demo",
        )
    )
    await _claims(clients)
    await _faulty_enrollment(clients)
    await _broken_envelope(clients)
    await _batch(clients)
    await _duplicate(clients)
    await _over_as2(clients)
    output.print("\n[bold green]Everything happened as expected.[/bold green]")


async def _claims(clients: _Clients) -> None:
    _headline(1, "Brookside Clinic posts two claims (837P) and gets its acknowledgements in the reply")
    answer = await _posted(clients.clinic, "claims-accepted.edi")
    _expect("TA1*000000101" in answer and "*A*000" in answer, "a TA1 that accepts the interchange")
    _expect("IK5*A" in answer, "a 999 that accepts the claims")
    deliveries = await _pulled(clients, expected=2)
    _show_xml(deliveries[0]["document"], "The first claim, as the downstream application pulled it")
    output.print(f"The application acknowledged {len(deliveries)} claims: none will come again.")


async def _faulty_enrollment(clients: _Clients) -> None:
    _headline(2, "The clinic posts an enrollment (834) with faults: each is named, nothing goes downstream")
    answer = await _posted(clients.clinic, "enrollment-faulty.edi")
    _expect("IK5*R" in answer, "a 999 that rejects the set")
    _expect(answer.count("IK4*") >= 3, "a finding for each of the three faults")
    await _pulled(clients, expected=0)


async def _broken_envelope(clients: _Clients) -> None:
    _headline(3, "The clinic posts a file whose envelope does not add up: refused as a whole")
    answer = await _posted(clients.clinic, "claims-envelope-broken.edi")
    _expect("TA1*000000104" in answer and "*R*021" in answer, "a TA1 that refuses the interchange")
    _expect("ST*999" not in answer, "no 999 for a refused interchange")
    await _pulled(clients, expected=0)


async def _batch(clients: _Clients) -> None:
    _headline(4, "Lakeside Mill posts an enrollment in batch, signed in by its certificate, and fetches its 997 later")
    text = _sample("enrollment-batch.edi")
    async with clients.mill.post("/exchange", data=text, headers=_X12) as response:
        accepted = await _json(response, 202)
    output.print(f"Answered 202: it is safely kept; the acknowledgement will be at {accepted['acknowledgements']}")
    answer = await _polled(clients.mill, accepted["acknowledgements"])
    _show_acknowledgement(answer)
    _expect("AK5*A" in answer, "a 997 that accepts the set")
    async with clients.mill.get("/exchange/outbox") as response:
        waiting = (await _json(response, 200))["waiting"]
    _expect(len(waiting) == 1, "one acknowledgement in the outbox")
    async with clients.mill.delete(waiting[0]["link"]) as response:
        _expect(response.status == 204, "a confirmed outbox")
    output.print(f"The mill confirmed {waiting[0]['link']}: its outbox is empty now.")
    deliveries = await _pulled(clients, expected=2)
    _show_xml(deliveries[0]["document"], "The first member, as the downstream application pulled it")


async def _duplicate(clients: _Clients) -> None:
    _headline(5, "The clinic's first file comes again, as after a lost connection")
    answer = await _posted(clients.clinic, "claims-accepted.edi", quietly=True)
    _expect("IK5*A" in answer, "the same acknowledgement as before")
    await _pulled(clients, expected=0)
    output.print("It got the same acknowledgements as the first time, and nothing went downstream twice.")


async def _over_as2(clients: _Clients) -> None:
    _headline(6, "Cedar Billing sends claims (837P) over AS2, signed and encrypted, and gets an MDN and a 999 back")
    text = _sample("claims-as2.edi")
    sent = await clients.cedar_as2.send(clients.cedar, text)
    names = ("AS2-From", "AS2-To", "Message-ID", "Content-Type", "Disposition-Notification-Options")
    shown = "\n".join(f"{name}: {sent.headers.get(name)}" for name in names)
    title = f"POST /as2  {len(text)} bytes of X12 in {sent.size_bytes} bytes of CMS"
    output.print(Panel(escape(shown), title=title, title_align="left", style="dim"))
    _show_receipt(sent)
    _expect(str(sent.receipt.disposition) == "processed", "an MDN that says processed")
    _expect(sent.receipt.is_signed and sent.is_proven, "a signed MDN with the MIC of what was sent")
    output.print(
        "Its signature is the gateway's, and its MIC is that of the message: Cedar can prove what was received."
    )
    answer = (await clients.cedar_as2.taken()).decode("latin-1")
    output.print("Then the gateway sent an AS2 message of its own, which Cedar decrypted, verified and receipted:")
    _show_acknowledgement(answer)
    _expect("ST*999" in answer and "IK5*A" in answer, "a 999 over AS2 that accepts the claims")
    await _pulled(clients, expected=2)


_X12 = {"Content-Type": "application/EDI-X12"}


async def _posted(session: aiohttp.ClientSession, name: str, *, quietly: bool = False) -> str:
    """Post a sample; the acknowledgements of the reply, shown and explained."""
    text = _sample(name)
    if not quietly:
        lines = text.decode().splitlines()
        shown = "\n".join([*lines[:6], f"... {len(lines)} segments"])
        output.print(Panel(escape(shown), title=f"POST /exchange  {name}", title_align="left", style="dim"))
    async with session.post("/exchange", data=text, headers=_X12) as response:
        answer = (await response.read()).decode("latin-1")
        _expect(response.status == 200, f"200 with acknowledgements, not {response.status}")
    if not quietly:
        _show_acknowledgement(answer)
    return answer


async def _polled(session: aiohttp.ClientSession, link: str) -> str:
    for _ in range(POLLS):
        async with session.get(link) as response:
            if response.status == 200:
                return (await response.read()).decode("latin-1")
            _expect(response.status == 202, f"202 while it is processed, not {response.status}")
        await asyncio.sleep(POLL_S)
    raise DemoFailedError(f"no acknowledgement at {link}")


async def _pulled(clients: _Clients, *, expected: int) -> list[dict[str, Any]]:
    """Lease what waits, acknowledge it, and demand that it is as much as it should be."""
    async with clients.downstream.post("/api/v1/deliveries/lease", json={"limit": 100}) as response:
        deliveries: list[dict[str, Any]] = (await _json(response, 200))["deliveries"]
    _expect(len(deliveries) == expected, f"{expected} documents for the downstream application, not {len(deliveries)}")
    for delivery in deliveries:
        acknowledge = f"/api/v1/deliveries/{delivery['id']}/ack"
        async with clients.downstream.post(acknowledge, json={"token": delivery["token"]}) as response:
            await _json(response, 200)
    if not expected:
        output.print("The downstream application asked for documents: there are none.")
    return deliveries


async def _json(response: aiohttp.ClientResponse, status: int) -> dict[str, Any]:
    text = await response.text()
    _expect(response.status == status, f"{status} from {response.url.path}, not {response.status}: {text[:200]}")
    document: dict[str, Any] = await response.json(content_type=None)
    return document


def _expect(is_so: bool, what: str) -> None:
    if not is_so:
        raise DemoFailedError(f"there should have been {what}")


def _sample(name: str) -> bytes:
    return (files("gateway.cli.demo_data") / name).read_bytes()


def _headline(number: int, text: str) -> None:
    output.print()
    output.rule(f"[bold]{number}[/bold]", align="left")
    output.print(f"[bold]{text}[/bold]")


def _show_acknowledgement(answer: str) -> None:
    output.print(Panel(escape(answer.strip()), title="What came back", title_align="left", border_style="cyan"))
    output.print("In words:")
    for sentence in explained(answer.encode("latin-1")):
        output.print(f"  {escape(sentence)}")


def _show_receipt(sent: Sent) -> None:
    """The notification inside the signed receipt."""
    text = sent.receipt_body.decode("latin-1")
    begin = text.find("Reporting-UA")
    notification = text[begin : text.find("\r\n\r\n", begin)] if begin >= 0 else str(sent.receipt.disposition)
    title = "The MDN in the reply"
    output.print(Panel(escape(notification.strip()), title=title, title_align="left", border_style="cyan"))


def _show_xml(document: str, title: str) -> None:
    root = etree.fromstring(document.encode(), etree.XMLParser(resolve_entities=False, no_network=True))
    etree.indent(root)
    lines = etree.tostring(root, encoding="unicode").splitlines()
    shown = lines[:XML_LINES_SHOWN]
    if len(lines) > len(shown):
        shown.append(f"<!-- {len(lines) - len(shown)} more lines -->")
    syntax = Syntax("\n".join(shown), "xml", background_color="default", word_wrap=True)
    output.print(Panel(syntax, title=title, title_align="left", border_style="green"))


async def _stay(workspace: Workspace, url: str, operators: str) -> None:
    authority = workspace.certificates.authority
    samples = files("gateway.cli.demo_data")
    credentials = f"{CLINIC_USER}:{workspace.clinic_password}"
    output.print(
        f"""
The gateway stays up; Ctrl-C ends it and removes everything. In another terminal:

[bold]As the clinic[/bold] (change ISA13 and IEA02, or it is a duplicate):
  curl --cacert {authority} -u {credentials} \\
    --data-binary @{samples / "claims-accepted.edi"} {url}/exchange

[bold]As the downstream application[/bold] ({DOWNSTREAM}):
  curl --cacert {authority} -H 'Authorization: Bearer {workspace.token}' \\
    -d '{{"limit": 10}}' {url}/api/v1/deliveries/lease

[bold]As an operator[/bold]:
  curl {operators}/health/ready
  gateway messages --config {workspace.settings}
  gateway partners list --config {workspace.settings}
""",
        soft_wrap=True,
    )
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    await ended.wait()
