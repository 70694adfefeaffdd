"""Listens for TLS connections and hands their requests to an application.

Owns sockets, the TLS context, connection limits and a quiet log for the HTTP library. Must not know routes or partners.
A renewed TLS context (new server certificate, new partners' certificates) takes over the same socket without a gap.
"""

import asyncio
import logging
import re
import socket
import ssl
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from gateway.transports.https.limits import Limits
from gateway.transports.https.problem import Problem

# Connections that the kernel holds while the process is busy accepting others.
BACKLOG = 1024
_AS2_REQUEST = b"POST /as2 "
_FOLD = re.compile(rb"\r\n[ \t]+")
# The library's own name and version would tell a stranger which faults to try.
SERVER_NAME = "gateway"


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """What the TLS context is made of.

    `certificate`, `key` and `client_authorities` (of those whose clients may connect) are paths of PEM files;
    `pinned_certificates` are PEM texts of partners' own certificates.
    """

    certificate: str
    key: str
    client_authorities: tuple[str, ...] = ()
    pinned_certificates: tuple[str, ...] = ()


def tls_context(settings: TlsSettings) -> ssl.SSLContext:
    """The server's context. Raises OSError or ssl.SSLError when a file cannot be read or a key does not fit."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(settings.certificate, settings.key)
    context.set_alpn_protocols(["http/1.1"])
    if settings.client_authorities or settings.pinned_certificates:
        # Optional: a partner with a password needs none. A certificate that is shown must verify.
        context.verify_mode = ssl.CERT_OPTIONAL
        # A pinned certificate is trusted as it stands, whoever issued it.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        for authority in settings.client_authorities:
            context.load_verify_locations(cafile=authority)
        for certificate in settings.pinned_certificates:
            context.load_verify_locations(cadata=certificate)
    return context


class HttpsListener:
    """One listening address. `start`, then any number of `renew`, then `stop`."""

    def __init__(self, application: web.Application, host: str, port: int, limits: Limits) -> None:
        self._limits = limits
        self._host = host
        self._port = port
        self._runner = web.AppRunner(application, handle_signals=False, shutdown_timeout=limits.shutdown_timeout_s)
        self._connection_options: dict[str, Any] = {
            "access_log": None,
            "logger": _quiet_logger(),
            "keepalive_timeout": limits.idle_timeout_s,
            "lingering_time": limits.lingering_time_s,
            "max_line_size": limits.header_line_size_bytes,
            "max_field_size": limits.header_line_size_bytes,
            "max_headers": limits.header_count,
            # A compressed body is refused, not inflated.
            "auto_decompress": False,
        }
        self._socket: socket.socket | None = None
        self._server: asyncio.AbstractServer | None = None

    @property
    def port(self) -> int:
        """The bound port, also where 0 was asked for."""
        if self._socket is None:
            raise RuntimeError("not started")
        return int(self._socket.getsockname()[1])

    async def start(self, context: ssl.SSLContext | None) -> None:
        """Bind and listen. None = plain HTTP, for loopback ports only. Raises OSError when the address is taken."""
        await self._runner.setup()
        self._socket = _bound(self._host, self._port)
        self._server = await self._listen(self._socket, context)

    async def renew(self, context: ssl.SSLContext | None) -> None:
        """New connections get this context; those open keep theirs."""
        if self._socket is None or self._server is None:
            raise RuntimeError("not started")
        before = self._server
        self._server = await self._listen(self._socket, context)
        before.close()

    async def stop(self) -> None:
        """Accept no more, let requests under way end (up to the shutdown timeout), close."""
        if self._server is not None:
            self._server.close()
        if self._socket is not None:
            self._socket.close()
        await self._runner.cleanup()

    async def _listen(self, bound: socket.socket, context: ssl.SSLContext | None) -> asyncio.AbstractServer:
        loop = asyncio.get_running_loop()
        # A server closes its socket when it ends; each gets its own descriptor of the same listening socket.
        descriptor = bound.dup()
        if context is None:
            return await loop.create_server(self._protocol, sock=descriptor, backlog=BACKLOG)
        return await loop.create_server(
            self._protocol,
            sock=descriptor,
            backlog=BACKLOG,
            ssl=context,
            ssl_handshake_timeout=self._limits.handshake_timeout_s,
        )

    def _protocol(self) -> asyncio.BaseProtocol:
        server = self._runner.server
        if server is None or len(server.connections) >= self._limits.connection_count:
            return _Refusing()
        return _Connection(server, loop=asyncio.get_running_loop(), **self._connection_options)


class _Connection(web.RequestHandler):
    """A connection whose broken requests are answered by a problem; the library's own answer quotes what came.

    Header fields folded over several lines are read (RFC 9112 5.2 lets a server do so): mendelson AS2 sends its
    Content-Type like that.
    """

    __slots__ = ()

    def data_received(self, data: bytes) -> None:
        """Unfold the head of an AS2 request that came in one piece, which TLS makes of it; else as the library does."""
        if data.startswith(_AS2_REQUEST):
            end = data.find(b"\r\n\r\n")
            if end > 0 and _FOLD.search(data, 0, end):
                data = _FOLD.sub(b" ", data[:end]) + data[end:]
        super().data_received(data)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - quotes the bytes that came
    ) -> web.StreamResponse:
        """The answer to what is no request, or to a fault outside any handler."""
        self.logger.warning("", exc_info=exc)
        if request.writer.output_size > 0:
            raise ConnectionError("an answer has begun: only the end of the connection can say that it is not whole")
        response = (_FAULT if status >= 500 else _NO_REQUEST).response(close=True)
        response.headers["Server"] = SERVER_NAME
        return response


class _Refusing(asyncio.Protocol):
    """Ends a connection at once."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError:
        listening.close()
        raise
    listening.setblocking(False)
    listening.listen(BACKLOG)
    return listening


class _NoContent(logging.Filter):
    """Keeps what happened, drops exception texts: those of the HTTP parser quote the bytes that came."""

    def filter(self, record: logging.LogRecord) -> bool:
        kind = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else ""
        record.msg = f"http connection ended in an error {kind}".rstrip()
        record.args = ()
        record.exc_info = None
        return True


def _quiet_logger() -> logging.Logger:
    logger = logging.getLogger("gateway.transports.https.connection")
    if not any(isinstance(known, _NoContent) for known in logger.filters):
        logger.addFilter(_NoContent())
    return logger


_NO_REQUEST = Problem(
    400, "invalid-request", "Not an HTTP request", "What came is not HTTP/1.1, or a header is too long."
)
_FAULT = Problem(500, "fault", "Fault of the gateway", "Nothing was promised. Send the same request again.")
