"""A gateway on loopback that AS2 peers in processes of their own exchange messages with.

Owns its folder (settings, keys, one partner per peer) and the thread that it runs in, and reads what it kept of a
message. Tests are synchronous, because peers can only be waited for; so the gateway has its own thread and event loop.
Must not know any peer.
"""

import asyncio
import secrets
import threading
from collections.abc import AsyncIterator, Coroutine, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

from argon2 import PasswordHasher

from gateway.bootstrap.gateway import Gateway
from gateway.cli.development_certificates import DevelopmentCertificates, make_development_certificates
from gateway.definitions.settings import load_settings
from gateway.envelopes.as2.profile import KeyTransport, SignatureScheme
from gateway.pipeline.as2.dispatches import DispatchRow
from gateway.pipeline.as2.records import As2Row, Opening
from gateway.pipeline.records import InstanceFilter
from gateway.pipeline.states import DispatchState
from tests.interop.peers.identities import Identity, make_identity
from tests.interop.peers.matrix import Cell
from tests.interop.peers.ports import free_ports
from tests.interop.peers.waiting import awaited

NAME = "GATEWAY"
INTERCHANGE_ID = "HARBORGATE"
# A message that a busy machine is slow with; what is stuck fails sooner by its own words.
SETTLED_S = 30
# More messages than one partner sends in a run.
_PAGE = 1000
_OPENING_S = 120
_MOVING = (DispatchState.WAITING, DispatchState.RUNNING, DispatchState.SENT)

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Link:
    """One AS2 relationship in a partner's file: its AS2 name, and how we send there if `cell` is given.

    Whatever comes in is taken: what a message must have is not what is tried here.
    """

    name: str
    partner_name: str
    url: str | None = None
    # Where asynchronous receipts may go, where that is not the host and port of `url`.
    receipt_target: str | None = None
    cell: Cell | None = None
    scheme: SignatureScheme = SignatureScheme.PKCS1V15
    key_transport: KeyTransport = KeyTransport.PKCS1V15

    def text(self, certificate: str, authority: Path) -> str:
        """As TOML. `certificate` is the partner's, `authority` is believed for TLS."""
        lines = [
            "[[as2]]",
            f'name = "{self.name}"',
            f'partner_name = "{self.partner_name}"',
            "require_signature = false",
            "require_encryption = false",
            *([] if self.url is None else [f'url = "{self.url}"']),
            *([] if self.receipt_target is None else [f'receipt_targets = ["{self.receipt_target}"]']),
            "[[as2.certificate]]",
            f'file = "{certificate}"',
            *([] if self.cell is None else self._packaging(self.cell)),
        ]
        if self.url is not None:
            lines += ["[as2.dispatch]", "attempts = 5", *_authority(self.url, authority)]
        return "\n".join(lines)

    def _packaging(self, cell: Cell) -> list[str]:
        sign = "none" if cell.digest is None else cell.digest.value
        encrypt = "none" if cell.encryption is None else cell.encryption.value
        return [
            "[as2.packaging]",
            f'sign = "{sign}"',
            f'signature_scheme = "{self.scheme.value}"',
            f'encrypt = "{encrypt}"',
            f'key_transport = "{self.key_transport.value}"',
            f'compress = "{cell.compression.value}"',
            f'receipt = "{cell.receipt.value}"',
        ]


@dataclass(frozen=True, slots=True)
class Taken:
    """What the gateway kept of a message: how it opened, and the payload's bytes."""

    instance: UUID
    opening: Opening
    payload: bytes = field(repr=False)


class GatewaySite:
    """One gateway; `write_partner` for each peer, then `start`. Leave the `with` block to stop it."""

    def __init__(self, folder: Path, clients: tuple[str, ...]) -> None:
        self._folder = folder
        self.certificates: DevelopmentCertificates = make_development_certificates(folder / "certificates", clients)
        self.identity: Identity = make_identity("gateway")
        # Before the start, since it stands in the settings and in those of the peers.
        self.port = free_ports(1)[0]
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="gateway", daemon=True)
        self._gateway: Gateway | None = None
        (folder / "partners").mkdir()
        self._write_settings()

    @property
    def url(self) -> str:
        """Where peers send messages and asynchronous receipts."""
        return f"https://localhost:{self.port}/as2"

    def write_partner(self, partner: str, identity: Identity, links: Sequence[Link], credential: str) -> None:
        """A partner's file. `credential` proves over HTTPS who sends what is not signed: its TOML."""
        certificate, _ = identity.write(self._folder / "partners")
        agreement = f"""
name = "{partner}"
[[identity]]
qualifier = "ZZ"
id = "{partner.upper()}"
{credential}
[[agreement]]
usage = "test"
guides = ["837 005010X222A1"]
mode = "batch"
"""
        text = [agreement, *(link.text(certificate.name, self.certificates.authority) for link in links)]
        (self._folder / "partners" / f"{partner}.toml").write_text("\n".join(text))

    def start(self) -> "GatewaySite":
        """Open it; partners' files with faults are one."""
        self._thread.start()
        self._gateway = self._run(Gateway.open(load_settings(self._folder / "gateway.toml")), _OPENING_S)
        assert not self._gateway.partners.faults, self._gateway.partners.faults
        return self

    def stop(self) -> None:
        """Close the stores, end the thread."""
        if self._thread.is_alive():
            if self._gateway is not None:
                self._run(self._gateway.stop(), _OPENING_S)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
        self._loop.close()

    def __enter__(self) -> "GatewaySite":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def taken(self, partner: str, partner_name: str, message_id: str) -> Taken:
        """Wait until a message of a partner's AS2 name was opened."""
        wanted = (partner_name, message_id.strip("<>"))

        def look() -> As2Row | None:
            for row in self._messages(partner):
                if (row.arrival.partner_name, row.arrival.message_id.strip("<>")) == wanted and row.opening is not None:
                    return row
            return None

        row = awaited(look, SETTLED_S, f"{message_id} opened at the gateway")
        assert row.opening is not None
        return Taken(row.received.instance, row.opening, self._run(self._payload(row.received.instance)))

    def send(self, partner: str, link: Link, name: str, payload: bytes, content_type: str) -> UUID:
        """Send a file over a relationship; gives the dispatch."""
        return self._run(self._sent(partner, link.name, name, payload, content_type))

    def settled(self, dispatch: UUID) -> DispatchRow:
        """Wait until a message of ours is no longer on its way."""

        def look() -> DispatchRow | None:
            row = self._run(self._pipeline.ledger.dispatch(dispatch))
            return row if row is not None and row.state not in _MOVING else None

        return awaited(look, SETTLED_S, f"end of dispatch {dispatch}")

    @property
    def _pipeline(self) -> Any:
        assert self._gateway is not None, "the gateway does not run"
        return self._gateway._pipeline

    def _messages(self, partner: str) -> list[As2Row]:
        async def read() -> list[As2Row]:
            ledger = self._pipeline.ledger
            page = await ledger.messages(InstanceFilter(partner=partner), None, _PAGE)
            found = [await ledger.as2_message(row.received.instance) for row in page.rows]
            return [row for row in found if row is not None]

        return self._run(read())

    async def _payload(self, instance: UUID) -> bytes:
        row = await self._pipeline.ledger.message(instance)
        return b"".join(self._pipeline.exchange._archive.read(row.archived))

    async def _sent(self, partner: str, link: str, name: str, payload: bytes, content_type: str) -> UUID:
        assert self._gateway is not None
        relationship = self._gateway.partners.relationships.named(partner, link)
        assert relationship is not None, f"{partner} has no relationship {link}"
        archived = await self._pipeline.exchange._archive.append(_pieces(payload))
        dispatch: UUID = await self._pipeline.courier.send_file(relationship, archived, name, content_type, "interop")
        return dispatch

    def _run(self, work: Coroutine[Any, Any, Result], within_s: float = SETTLED_S) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(within_s)

    def _write_settings(self) -> None:
        certificate, key = self.identity.write(self._folder)
        server = self.certificates.server
        (self._folder / "gateway.toml").write_text(
            f"""
[[identity]]
qualifier = "ZZ"
id = "{INTERCHANGE_ID}"
[https]
port = {self.port}
certificate = "{server.certificate}"
key = "{server.key}"
client_authorities = ["{self.certificates.authority}"]
[console]
port = 0
[as2]
name = "{NAME}"
receipt_url = "{self.url}"
[[as2.key]]
name = "own"
certificate = "{certificate}"
key = "{key}"
[archive]
key_file = "archive-key"
"""
        )
        archive_key = self._folder / "archive-key"
        archive_key.touch(0o600)
        archive_key.write_text(secrets.token_hex(32))


def client_certificate(certificates: DevelopmentCertificates, name: str) -> str:
    """A partner's credential: the client certificate that our authority issued."""
    return f'[[certificate]]\nsha256 = "{certificates.clients[name].fingerprint}"'


def basic_password(user: str, password: str) -> str:
    """A partner's credential: HTTP Basic, hashed as cheaply as argon2 can."""
    hashed = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(password)
    return f'[[password]]\nuser = "{user}"\npassword_hash = "{hashed}"'


def _authority(url: str, authority: Path) -> list[str]:
    return [f'authority = "{authority}"'] if url.startswith("https:") else []


async def _pieces(payload: bytes) -> AsyncIterator[bytes]:
    yield payload
