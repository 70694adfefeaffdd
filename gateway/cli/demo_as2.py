"""The demo's AS2 partner: sends a signed and encrypted message, and takes what comes back.

Owns the partner's side: its key, its listener on loopback, what it checks. Must not reach into the gateway: it knows
the gateway's certificate and URL alone. It speaks AS2 by the gateway's own envelope package; tests/interop asks other
products.
"""

import asyncio
import secrets
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import aiohttp
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from multidict import CIMultiDict

from gateway.cli.development_certificates import Issued
from gateway.envelopes.as2.addressing import read_addressing
from gateway.envelopes.as2.credentials import CertificateUse, OwnKey, PartnerCertificate, Trust
from gateway.envelopes.as2.disposition import PROCESSED
from gateway.envelopes.as2.mic import MicComparison, compare
from gateway.envelopes.as2.profile import Packaging, SecurityPolicy
from gateway.envelopes.as2.reader import MessageReader
from gateway.envelopes.as2.receipt_reader import ReadReceipt, read_receipt
from gateway.envelopes.as2.receipt_writer import receipt_text, write_receipt
from gateway.envelopes.as2.writer import Credentials, Envelope, Outgoing, Payload, package
from gateway.envelopes.mime.headers import Headers

OUR_NAME = "HARBORGATE"
PARTNER_NAME = "CEDAR BILLING"
WAIT_S = 30.0


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that was sent, its receipt, and whether the receipt proves that the gateway has these bytes."""

    headers: Headers
    size_bytes: int
    receipt: ReadReceipt
    receipt_body: bytes = field(repr=False)
    is_proven: bool


class DemoAs2Partner:
    """Cedar Billing: one key, one listener, the gateway's certificate."""

    def __init__(self, listening: socket.socket, theirs: Issued, ours: Issued) -> None:
        certificate = x509.load_pem_x509_certificate(theirs.certificate.read_bytes())
        key = load_pem_private_key(theirs.key.read_bytes(), None)
        if not isinstance(key, RSAPrivateKey):
            raise TypeError("AS2 needs an RSA key")
        begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        self._key = OwnKey("cedar", certificate, key, (), begins, ends)
        self._gateway = x509.load_pem_x509_certificate(ours.certificate.read_bytes())
        uses = frozenset({CertificateUse.SIGN, CertificateUse.ENCRYPT})
        self._trust = Trust((PartnerCertificate(self._gateway, uses, begins, ends),))
        self._listening = listening
        self._taken: asyncio.Queue[bytes] = asyncio.Queue()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Takes messages while it is entered."""
        application = web.Application()
        application.router.add_post("/as2", self._take)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        await web.SockSite(runner, self._listening).start()
        try:
            yield
        finally:
            await runner.cleanup()

    async def send(self, session: aiohttp.ClientSession, text: bytes) -> Sent:
        """Sign, encrypt, post, and check the receipt. Raises ReceiptError."""
        outgoing = self._packaged(text)
        fields = CIMultiDict(outgoing.headers.fields)
        body = b"".join(outgoing.body)
        async with session.post("/as2", data=body, headers=fields) as response:
            answer = await response.read()
            headers = _headers(response.raw_headers)
        receipt = read_receipt(headers, answer, self._trust, datetime.now(UTC))
        is_proven = compare(receipt.mic, outgoing.mics) is MicComparison.EQUAL
        return Sent(outgoing.headers, len(body), receipt, answer, is_proven)

    async def taken(self) -> bytes:
        """The next message that came, decrypted and verified."""
        async with asyncio.timeout(WAIT_S):
            return await self._taken.get()

    def _packaged(self, text: bytes) -> Outgoing:
        return package(
            Payload(lambda: iter((text,)), len(text), "claims.edi"),
            Envelope(PARTNER_NAME, OUR_NAME, f"<{secrets.token_hex(8)}@cedar.example>"),
            Packaging(),
            Credentials(self._key, self._gateway),
            at=datetime.now(UTC),
            new_boundary=_boundary,
            new_scratch=_Scratch,
        )

    async def _take(self, request: web.Request) -> web.Response:
        headers, now = _headers(request.raw_headers), datetime.now(UTC)
        addressing = read_addressing(headers)
        reader = MessageReader(headers, addressing, [self._key], self._trust, SecurityPolicy(), at=now)
        pieces = reader.feed(await request.read())
        rest, opened = reader.finish()
        receipt = write_receipt(
            addressing,
            PROCESSED,
            opened.mic,
            self._key,
            text=receipt_text(addressing, PROCESSED),
            message_id=f"<{secrets.token_hex(8)}@cedar.example>",
            at=now,
            new_boundary=_boundary,
        )
        self._taken.put_nowait(b"".join((*pieces, *rest)))
        return web.Response(body=receipt.body, headers=CIMultiDict(receipt.headers.fields))


def _headers(raw: tuple[tuple[bytes, bytes], ...]) -> Headers:
    return Headers(tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in raw))


def _boundary() -> str:
    return f"=_{secrets.token_hex(8)}"


class _Scratch:
    """Nothing here is compressed; the packaging wants to know where it would go."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, data: bytes) -> None:
        """Append."""
        self._pieces.append(data)

    def read(self) -> Iterator[bytes]:
        """From the beginning."""
        return iter(self._pieces)
