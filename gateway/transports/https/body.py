"""Reads a request's body in chunks, within limits of size, stall and rate.

Owns the measuring. Must not know what the bytes are, nor keep more than one chunk of them.
"""

import asyncio
from collections.abc import AsyncIterator

from aiohttp import ClientPayloadError, web
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


async def body_chunks(request: web.BaseRequest, limits: Limits, size_limit_bytes: int) -> AsyncIterator[bytes]:
    """The body as it comes. Raises ProblemError (408, 413) or SenderGoneError."""
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    received = 0
    content = request.content
    while not content.at_eof():
        try:
            if content.is_eof():
                chunk = content.read_nowait(limits.chunk_size_bytes)
            else:
                async with asyncio.timeout(limits.body_stall_timeout_s):
                    chunk = await content.read(limits.chunk_size_bytes)
        except TimeoutError:
            raise ProblemError(_TOO_SLOW) from None
        except (ClientPayloadError, ConnectionError, HTTPException):
            raise SenderGoneError from None
        received += len(chunk)
        if received > size_limit_bytes:
            raise ProblemError(_too_large(size_limit_bytes))
        elapsed_s = loop.time() - began_s
        if elapsed_s > limits.body_stall_timeout_s and received < elapsed_s * limits.body_rate_minimum_bytes_per_s:
            raise ProblemError(_TOO_SLOW)
        if chunk:
            yield chunk


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
