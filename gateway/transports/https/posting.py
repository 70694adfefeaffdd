"""Posts messages of ours to partners' URLs. Adapter of `gateway.pipeline.as2.ports.Poster`.

Owns connections, TLS and limits of the way out. Must not know what is posted. No redirect is followed, no proxy of the
environment used, no cookie kept: a message goes where the partner's file says or nowhere.
"""

import asyncio
import os
import ssl
from collections.abc import AsyncIterable
from contextlib import AbstractAsyncContextManager
from functools import partial
from types import TracebackType
from typing import Self

import aiohttp
from aiohttp import ClientTimeout, DummyCookieJar, TCPConnector, encode_basic_auth
from multidict import CIMultiDict

from gateway.envelopes.mime.headers import Headers
from gateway.pipeline.as2.ports import Posted, PostFailed
from gateway.pipeline.relationships import Dispatch
from gateway.pipeline.states import FailureClass

# Name and TCP and TLS together.
CONNECT_TIMEOUT_S = 20.0
# A receipt with a long chain has 20 KB, a page of an error some hundred.
ANSWER_BYTES = 1 << 20
# Slower than this a body is not on its way but stuck.
SLOWEST_BYTES_PER_S = 16 << 10
# New connections cost a handshake with a client certificate: those in use are kept this long.
KEEP_ALIVE_S = 30.0
CONNECTIONS = 100

_Identity = tuple[str | None, str | None, str | None]


class HttpsPoster:
    """Keeps connections; one TLS context for each way of proving who is there. Used on one event loop."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None
        self._contexts: dict[_Identity, ssl.SSLContext] = {}

    async def __aenter__(self) -> Self:
        connector = TCPConnector(limit=CONNECTIONS, keepalive_timeout=KEEP_ALIVE_S)
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=DummyCookieJar(),
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding"),
            auto_decompress=False,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    def renew(self) -> None:
        """Files of certificates may have changed: the next connections read them again."""
        self._contexts.clear()

    async def post(self, url: str, terms: Dispatch, headers: Headers, body: AsyncIterable[bytes], size: int) -> Posted:
        """Raises PostFailed."""
        if self._session is None:
            raise RuntimeError("not entered")
        fields = CIMultiDict(headers.fields)
        fields["Content-Length"] = str(size)
        if terms.user is not None:
            fields["Authorization"] = encode_basic_auth(terms.user, terms.password or "", encoding="utf-8")
        timeout = ClientTimeout(
            total=terms.timeout_s + size / SLOWEST_BYTES_PER_S,
            sock_connect=CONNECT_TIMEOUT_S,
            sock_read=terms.timeout_s,
        )
        sending = partial(
            self._session.post,
            url,
            data=body,
            headers=fields,
            ssl=self._context(terms),
            timeout=timeout,
            allow_redirects=False,
        )
        try:
            try:
                return await _answered(sending())
            except aiohttp.ServerDisconnectedError:
                # Many products end a connection after each answer without saying so: the kept one was of no use any
                # more. The same Message-ID makes a second try harmless even where the first one got through.
                return await _answered(sending())
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            raise _failed(error) from None

    def _context(self, terms: Dispatch) -> ssl.SSLContext:
        """Raises PostFailed."""
        identity = (terms.authority, terms.client_certificate, terms.client_key)
        if identity not in self._contexts:
            try:
                context = ssl.create_default_context(cafile=terms.authority)
                # An authority file may be the partner's own certificate.
                context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
                if terms.client_certificate is not None:
                    context.load_cert_chain(terms.client_certificate, terms.client_key)
            except OSError as error:
                text = f"A certificate for the way out cannot be used: {error.strerror or type(error).__name__}."
                raise PostFailed(text, FailureClass.PERMANENT) from None
            self._contexts[identity] = context
        return self._contexts[identity]


async def _answered(request: AbstractAsyncContextManager[aiohttp.ClientResponse]) -> Posted:
    async with request as response:
        answer = await _bounded(response)
        names = ((name.decode("latin-1"), value.decode("latin-1")) for name, value in response.raw_headers)
        return Posted(response.status, Headers(tuple(names)), answer)


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    answer = bytearray()
    async for chunk in response.content.iter_any():
        answer += chunk
        if len(answer) > ANSWER_BYTES:
            raise PostFailed(f"The partner's answer is larger than {ANSWER_BYTES} bytes.", FailureClass.PERMANENT)
    return bytes(answer)


def _failed(error: Exception) -> PostFailed:
    """In a sentence; the library's own texts hold addresses and bytes that came."""
    match error:
        case aiohttp.InvalidURL() | aiohttp.NonHttpUrlClientError():
            return PostFailed("The url cannot be used.", FailureClass.PERMANENT)
        case aiohttp.ClientConnectorCertificateError():
            text = f"The partner's TLS certificate is not trusted: {_reason(error.certificate_error)}."
            return PostFailed(text, FailureClass.TRANSIENT)
        case aiohttp.ClientSSLError():
            return PostFailed("The TLS connection to the partner failed.", FailureClass.TRANSIENT)
        case aiohttp.ClientConnectorError():
            text = f"The partner cannot be reached: {_system_reason(error.os_error)}."
            return PostFailed(text, FailureClass.TRANSIENT)
        case TimeoutError() | asyncio.TimeoutError():
            return PostFailed("The partner did not answer in time.", FailureClass.TRANSIENT)
        case aiohttp.ClientError() | OSError():
            return PostFailed(f"The connection to the partner broke ({type(error).__name__}).", FailureClass.TRANSIENT)
        case _:
            return PostFailed(f"The message cannot be posted ({type(error).__name__}).", FailureClass.PERMANENT)


def _reason(error: Exception) -> str:
    return error.verify_message if isinstance(error, ssl.SSLCertVerificationError) else type(error).__name__


def _system_reason(error: OSError) -> str:
    """The system's own words: those of the event loop repeat the address. Names have numbers of their own, below 0."""
    if error.errno is not None and error.errno > 0:
        return os.strerror(error.errno)
    return error.strerror or type(error).__name__
