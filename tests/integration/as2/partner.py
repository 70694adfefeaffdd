"""A scripted AS2 partner: sends what a test wants, and answers what it receives as a test says.

Speaks AS2 by the gateway's own envelope package, whose bytes other products are asked about in tests/interop; what is
tested here is what the gateway does with them.
"""

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from multidict import CIMultiDict

from gateway.cli.development_certificates import Issued
from gateway.envelopes.as2.addressing import Addressing, read_addressing
from gateway.envelopes.as2.credentials import CertificateUse, OwnKey, PartnerCertificate, Trust
from gateway.envelopes.as2.disposition import PROCESSED, Disposition
from gateway.envelopes.as2.profile import Packaging, SecurityPolicy
from gateway.envelopes.as2.reader import MessageReader
from gateway.envelopes.as2.reading import Opened
from gateway.envelopes.as2.receipt_reader import ReadReceipt, read_receipt
from gateway.envelopes.as2.receipt_writer import Packaged, write_receipt
from gateway.envelopes.as2.writer import Credentials, Envelope, Payload, package
from gateway.envelopes.mime.headers import Headers

OUR_NAME = "HARBORGATE AS2"
_ANY = frozenset({CertificateUse.SIGN, CertificateUse.ENCRYPT})
_numbers = itertools.count(1)


def multipart_of(*parts: tuple[str, bytes]) -> tuple[str, bytes]:
    """Content type and body of several attachments, each with its own content type."""
    pieces = [
        f"--attachments\r\nContent-Type: {content_type}\r\nContent-Transfer-Encoding: binary\r\n\r\n".encode() + data
        for content_type, data in parts
    ]
    return 'multipart/mixed; boundary="attachments"', b"\r\n".join((*pieces, b"--attachments--\r\n"))


def _new_boundary() -> str:
    return f"=_part{next(_numbers)}"


def own_key(issued: Issued) -> OwnKey:
    """A key and certificate of files."""
    certificate = x509.load_pem_x509_certificate(Path(issued.certificate).read_bytes())
    key = load_pem_private_key(Path(issued.key).read_bytes(), None)
    assert isinstance(key, RSAPrivateKey)
    return OwnKey("test", certificate, key, (), certificate.not_valid_before_utc, certificate.not_valid_after_utc)


def trust_of(*certificates: x509.Certificate) -> Trust:
    """Pinned for everything."""
    begin, end = datetime.now(UTC) - timedelta(days=1), datetime.now(UTC) + timedelta(days=1)
    return Trust(tuple(PartnerCertificate(each, _ANY, begin, end) for each in certificates))


@dataclass(frozen=True, slots=True)
class Taken:
    """A message that the partner received and could read."""

    headers: Headers
    addressing: Addressing
    opened: Opened
    payload: bytes
    body: bytes


@dataclass
class ScriptedPartner:
    """One partner and its server. `answer` may be replaced: it makes the HTTP answer of what was taken."""

    name: str
    key: OwnKey
    gateway_certificate: x509.Certificate
    taken: "asyncio.Queue[Taken]" = field(default_factory=asyncio.Queue)
    receipts: "asyncio.Queue[ReadReceipt]" = field(default_factory=asyncio.Queue)
    answer: "Callable[[ScriptedPartner, Taken], web.Response] | None" = None
    port: int = 0
    also_trusted: tuple[x509.Certificate, ...] = ()

    @property
    def trust(self) -> Trust:
        """Whose signatures the partner believes."""
        return trust_of(self.gateway_certificate, *self.also_trusted)

    def pack(
        self,
        payload: bytes,
        packaging: Packaging | None = None,
        *,
        message_id: str | None = None,
        receipt_url: str | None = None,
        sender: str | None = None,
        receiver: str = OUR_NAME,
        key: OwnKey | None = None,
        certificate: x509.Certificate | None = None,
    ) -> Packaged:
        """A message to the gateway."""
        envelope = Envelope(
            sender=self.name if sender is None else sender,
            receiver=receiver,
            message_id=message_id or f"<{next(_numbers)}@partner.test>",
            receipt_url=receipt_url,
        )
        outgoing = package(
            Payload(lambda: iter((payload,)), len(payload), "claims.edi"),
            envelope,
            packaging or Packaging(),
            Credentials(key or self.key, certificate or self.gateway_certificate),
            at=datetime.now(UTC),
            new_boundary=_new_boundary,
            new_scratch=_Scratch,
        )
        return Packaged(outgoing.headers, b"".join(outgoing.body))

    def read_receipt(self, headers: Headers, body: bytes) -> ReadReceipt:
        """A receipt of the gateway, verified."""
        return read_receipt(headers, body, self.trust, datetime.now(UTC))

    def open(self, headers: Headers, body: bytes) -> Taken:
        """A message of the gateway, verified."""
        addressing = read_addressing(headers)
        reader = MessageReader(headers, addressing, [self.key], self.trust, SecurityPolicy(), at=datetime.now(UTC))
        pieces = reader.feed(body)
        rest, opened = reader.finish()
        return Taken(headers, addressing, opened, b"".join((*pieces, *rest)), body)

    def receipt_for(self, taken: Taken, disposition: Disposition = PROCESSED, key: OwnKey | None = None) -> Packaged:
        """What the partner answers."""
        return write_receipt(
            taken.addressing,
            disposition,
            taken.opened.mic,
            key or self.key,
            text="Taken.",
            message_id=f"<{next(_numbers)}@partner.test>",
            at=datetime.now(UTC),
            new_boundary=_new_boundary,
        )

    async def serve(self) -> web.AppRunner:
        """Listen on loopback; messages at `/in`, asynchronous receipts at `/receipts`."""
        application = web.Application(client_max_size=1 << 26)
        application.router.add_post("/in", self._message)
        application.router.add_post("/receipts", self._receipt)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.port = runner.addresses[0][1]
        return runner

    async def _message(self, request: web.Request) -> web.Response:
        taken = self.open(_headers(request), await request.read())
        self.taken.put_nowait(taken)
        if self.answer is not None:
            return self.answer(self, taken)
        return response_of(self.receipt_for(taken))

    async def _receipt(self, request: web.Request) -> web.Response:
        self.receipts.put_nowait(self.read_receipt(_headers(request), await request.read()))
        return web.Response()


def response_of(receipt: Packaged) -> web.Response:
    """A receipt as an HTTP answer."""
    return web.Response(body=receipt.body, headers=CIMultiDict(receipt.headers.fields))


def _headers(request: web.Request) -> Headers:
    return Headers(tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in request.raw_headers))


class _Scratch:
    """Compressed bytes in memory."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, data: bytes) -> None:
        """Append."""
        self._pieces.append(data)

    def read(self) -> "itertools.chain[bytes]":
        """From the beginning."""
        return itertools.chain(self._pieces)
