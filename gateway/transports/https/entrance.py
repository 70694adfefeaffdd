"""Lets bodies in: the checks before one is read, and the count of those under way.

Owns what a request must pass before its body is asked for, and the wait for the last one when the server stops. Must
not know who sends or what the body is.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import structlog
from aiohttp import web

from gateway.transports.https.body import body_chunks, check_declared
from gateway.transports.https.limits import Limits
from gateway.transports.https.problem import ProblemError
from gateway.transports.https.refusals import POLL_AFTER_S, overloaded

log = structlog.get_logger(__name__)


async def expect_later(_request: web.Request) -> None:
    """Say nothing yet: `100 Continue` follows once the sender is known."""


class Entrance:
    """One entrance for all resources that take bodies; `accepting` is False once nothing may come in any more."""

    def __init__(self, accepting: Callable[[], bool], limits: Limits) -> None:
        self._accepting = accepting
        self._limits = limits
        self._bodies_under_way = 0
        self._idle = asyncio.Event()
        self._idle.set()

    @asynccontextmanager
    async def admitted(self, request: web.Request, size_limit_bytes: int) -> AsyncIterator[AsyncIterator[bytes]]:
        """The body's chunks. Raises ProblemError; reading them raises as `body_chunks` does."""
        check_declared(request, size_limit_bytes)
        if not self._accepting() or self._bodies_under_way >= self._limits.concurrent_bodies:
            raise ProblemError(overloaded(POLL_AFTER_S))
        if request.headers.get("Expect", "").lower() == "100-continue":
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            request.writer.output_size = 0
        self._bodies_under_way += 1
        self._idle.clear()
        try:
            yield body_chunks(request, self._limits, size_limit_bytes)
        finally:
            self._bodies_under_way -= 1
            if not self._bodies_under_way:
                self._idle.set()

    async def drained(self) -> None:
        """Return when every body under way has come and been answered, or is given up when the server has to stop.

        The library drops what still comes on a connection once it shuts down, so this goes before that.
        """
        try:
            async with asyncio.timeout(self._limits.shutdown_timeout_s):
                await self._idle.wait()
        except TimeoutError:
            log.warning("exchange.cut_off", bodies=self._bodies_under_way)
