"""Reads a request's body in chunks, within limits of size, stall and rate.

Owns the measuring. Must not know what the bytes are, nor keep more than one chunk of them.
"""

import asyncio
from collections.abc import AsyncIterator

from aiohttp import ClientPayloadError, StreamReader, web
from aiohttp.web_exceptions import HTTPException

from gateway.transports.https.limits import Limits
from gateway.transports.https.problem import Problem, ProblemError


class SenderGoneError(Exception):
    """The connection ended before the body did: nobody is left to answer."""


def check_declared(request: web.BaseRequest, size_limit_bytes: int) -> None:
    """Refuse, before a byte is read, what its headers already rule out. Raises ProblemError (413, 415)."""
    declared = request.content_length
    if declared is not None and declared > size_limit_bytes:
        raise ProblemError(_too_large(size_limit_bytes))
    coding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if coding not in ("", "identity"):
        raise ProblemError(_ENCODED)


def body_chunks(request: web.BaseRequest, limits: Limits, size_limit_bytes: int) -> AsyncIterator[bytes]:
    """The body as it comes. Raises ProblemError (408, 413) or SenderGoneError."""
    return _Chunks(request.content, limits, size_limit_bytes)


class _Chunks(AsyncIterator[bytes]):
    """A class, as the loop keeps account of each asynchronous generator, for its end, which this needs not."""

    __slots__ = ("_began_s", "_content", "_limits", "_loop", "_received", "_size_limit_bytes")

    def __init__(self, content: StreamReader, limits: Limits, size_limit_bytes: int) -> None:
        self._content = content
        self._limits = limits
        self._size_limit_bytes = size_limit_bytes
        self._loop = asyncio.get_running_loop()
        self._began_s = self._loop.time()
        self._received = 0

    async def __anext__(self) -> bytes:
        while not self._content.at_eof():
            chunk = await self._read()
            self._check(len(chunk))
            if chunk:
                return chunk
        raise StopAsyncIteration

    async def _read(self) -> bytes:
        try:
            if self._content.is_eof():
                return self._content.read_nowait(self._limits.chunk_size_bytes)
            async with asyncio.timeout(self._limits.body_stall_timeout_s):
                return await self._content.read(self._limits.chunk_size_bytes)
        except TimeoutError:
            raise ProblemError(_TOO_SLOW) from None
        except (ClientPayloadError, ConnectionError, HTTPException):
            raise SenderGoneError from None

    def _check(self, size_bytes: int) -> None:
        self._received += size_bytes
        if self._received > self._size_limit_bytes:
            raise ProblemError(_too_large(self._size_limit_bytes))
        elapsed_s = self._loop.time() - self._began_s
        patience_s = self._limits.body_stall_timeout_s
        if elapsed_s > patience_s and self._received < elapsed_s * self._limits.body_rate_minimum_bytes_per_s:
            raise ProblemError(_TOO_SLOW)


def _too_large(size_limit_bytes: int) -> Problem:
    return Problem(
        413,
        "too-large",
        "Body too large",
        f"At most {size_limit_bytes} bytes are taken in one request. Nothing was kept; send it in several.",
    )


_TOO_SLOW = Problem(
    408, "too-slow", "Body too slow", "The body stood still or came too slowly. Nothing was kept; send it again."
)
_ENCODED = Problem(
    415, "content-encoding", "Content-Encoding not supported", "Send the interchange itself, not compressed."
)
