"""`POST /exchange` and its links: what a partner sends and what it gets back.

Owns the mapping between HTTP and the pipeline's outcomes. Must not know what an interchange says. A readable
interchange of an authenticated partner is answered 200 or 202, even when it is rejected: the verdict stands in the
acknowledgements.
"""

import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from http import HTTPStatus
from uuid import UUID

import structlog
from aiohttp import web

from gateway.model.exchange import Principal, Receipt
from gateway.pipeline.exchange import Accepted, Answered, Exchange, Unreadable
from gateway.pipeline.outbox import PartnerOutbox
from gateway.pipeline.receive import Arrival, Empty, Overloaded, Refusal, StoreUnavailable, TooLarge
from gateway.pipeline.records import PartnerAnswer
from gateway.pipeline.states import InstanceState
from gateway.transports.https.authenticate import Authenticator
from gateway.transports.https.body import SenderGoneError, body_chunks
from gateway.transports.https.entrance import Entrance, expect_later
from gateway.transports.https.limits import Limits
from gateway.transports.https.metrics import EXCHANGES, REFUSALS
from gateway.transports.https.problem import Problem, ProblemError
from gateway.transports.https.refusals import INCOMPLETE, POLL_AFTER_S, refusal_problem

# RFC 1767.
X12_TYPE = "application/EDI-X12"
INSTANCE_HEADER = "Gateway-Instance"
OUTBOX_PAGE = 100

log = structlog.get_logger(__name__)

_COUNTERS = {
    outcome: EXCHANGES.labels(outcome.__name__.lower())
    for outcome in (Answered, Accepted, Unreadable, Overloaded, TooLarge, Empty, StoreUnavailable)
}

Handler = Callable[[web.Request, Principal], Awaitable[web.StreamResponse]]


class ExchangeResource:
    """The partner's resources, over the pipeline's `exchange` and `outbox`; `size_limit_bytes` is of one body."""

    def __init__(
        self,
        exchange: Exchange,
        outbox: PartnerOutbox,
        *,
        authenticator: Authenticator,
        limits: Limits,
        entrance: Entrance,
        size_limit_bytes: Callable[[Principal], int],
    ) -> None:
        self._exchange = exchange
        self._outbox = outbox
        self._authenticator = authenticator
        self._limits = limits
        self._entrance = entrance
        self._size_limit_bytes = size_limit_bytes

    def add_routes(self, root: web.Application) -> None:
        """Hang the resources under `/exchange`."""
        router = root.router
        # Who sends is known before a body is asked for.
        router.add_post("/exchange", self._authenticated(self._post), expect_handler=expect_later)
        router.add_get("/exchange/outbox", self._authenticated(self._waiting))
        router.add_get(r"/exchange/outbox/{answer:\d{1,18}}", self._authenticated(self._answer))
        router.add_delete(r"/exchange/outbox/{answer:\d{1,18}}", self._authenticated(self._confirm))
        router.add_post(r"/exchange/outbox/{answer:\d{1,18}}/confirm", self._authenticated(self._confirm))
        router.add_get("/exchange/{instance}", self._authenticated(self._status))

    def _authenticated(self, handler: Handler) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handle(request: web.Request) -> web.StreamResponse:
            try:
                principal = await self._authenticator.principal(request)
            except ProblemError as error:
                return await self._refused(request, error.problem)
            return await handler(request, principal)

        return handle

    async def _refused(self, request: web.Request, problem: Problem) -> web.StreamResponse:
        """Nothing is kept of a stranger but metadata and, where it is small, the hash of what it sent."""
        REFUSALS.labels(problem.code).inc()
        digest = ""
        read_whole = True
        if request.can_read_body:
            read_whole = (request.content_length or 1 << 62) <= self._limits.refused_body_size_bytes
            if read_whole and "Expect" not in request.headers:
                digest = await _digest(request, self._limits)
        log.warning(
            "exchange.refused",
            problem=problem.code,
            remote=request.remote,
            declared_size_bytes=request.content_length,
            sha256=digest,
        )
        return problem.response(close=not read_whole or "Expect" in request.headers)

    async def _post(self, request: web.Request, principal: Principal) -> web.StreamResponse:
        arrival = Arrival(
            transport="https",
            principal=principal,
            content_type=request.headers.get("Content-Type", "")[:200],
            remote=request.remote or "",
        )
        try:
            async with self._entrance.admitted(request, self._size_limit_bytes(principal)) as body:
                outcome = await self._exchange.handle(arrival, body)
        except SenderGoneError:
            log.info("exchange.sender_gone", partner=principal.partner, remote=request.remote)
            raise ProblemError(INCOMPLETE) from None
        log.debug("exchange.handled", partner=principal.partner, outcome=type(outcome).__name__)
        return self._outcome(outcome)

    def _outcome(self, outcome: Answered | Accepted | Unreadable | Refusal) -> web.Response:
        _COUNTERS[type(outcome)].inc()
        match outcome:
            case Answered(receipt, answers):
                body = b"".join(answer.text for answer in answers)
                return web.Response(
                    body=body, content_type=X12_TYPE if body else "text/plain", headers=_receipt_headers(receipt)
                )
            case Accepted(receipt, deadline_missed):
                return _accepted(receipt, deadline_missed=deadline_missed)
            case Unreadable(receipt):
                raise ProblemError(_unreadable(receipt))
            case _:
                raise ProblemError(refusal_problem(outcome))

    async def _status(self, request: web.Request, principal: Principal) -> web.StreamResponse:
        instance = _instance_id(request.match_info["instance"])
        found = await self._outbox.of_instance(principal.partner, instance) if instance else None
        if found is None:
            raise ProblemError(_NO_SUCH_EXCHANGE)
        state = found.row.state
        if state is not InstanceState.DONE:
            delayed = state in (InstanceState.FAILED, InstanceState.HELD)
            document = {"id": str(instance), "state": "delayed" if delayed else "processing"}
            return _json(document, HTTPStatus.ACCEPTED, {"Retry-After": str(POLL_AFTER_S)})
        if not found.answers:
            return web.Response(status=HTTPStatus.NO_CONTENT)
        return await self._texts(request, found.answers)

    async def _waiting(self, request: web.Request, principal: Principal) -> web.StreamResponse:
        after = request.query.get("after", "0")
        if not (after.isascii() and after.isdigit() and len(after) <= 18):
            raise ProblemError(_BAD_CURSOR)
        answers = await self._outbox.waiting(principal.partner, int(after), OUTBOX_PAGE)
        more = len(answers) == OUTBOX_PAGE
        document: dict[str, object] = {"waiting": [_listed(answer) for answer in answers]}
        if more:
            document["next"] = f"/exchange/outbox?after={answers[-1].id}"
        return _json(document)

    async def _answer(self, request: web.Request, principal: Principal) -> web.StreamResponse:
        wanted = int(request.match_info["answer"])
        found = await self._outbox.waiting(principal.partner, wanted - 1, 1)
        if not found or found[0].id != wanted:
            raise ProblemError(_NO_SUCH_ANSWER)
        return await self._texts(request, found)

    async def _confirm(self, request: web.Request, principal: Principal) -> web.StreamResponse:
        answer = int(request.match_info["answer"])
        if not await self._outbox.confirm(principal.partner, answer):
            raise ProblemError(_NO_SUCH_ANSWER)
        log.info("outbox.confirmed", partner=principal.partner, answer=answer)
        return web.Response(status=HTTPStatus.NO_CONTENT)

    async def _texts(self, request: web.Request, answers: tuple[PartnerAnswer, ...]) -> web.StreamResponse:
        # Read before the first byte goes out: a fault of the archive is still a clear answer.
        text = await self._outbox.text(answers[0])
        response = web.StreamResponse()
        response.content_type = X12_TYPE
        await response.prepare(request)
        await response.write(text)
        for answer in answers[1:]:
            await response.write(await self._outbox.text(answer))
        await response.write_eof()
        return response


async def _digest(request: web.Request, limits: Limits) -> str:
    digest = hashlib.sha256()
    chunks: AsyncIterator[bytes] = body_chunks(request, limits, limits.refused_body_size_bytes)
    try:
        async for chunk in chunks:
            digest.update(chunk)
    except (ProblemError, SenderGoneError):
        return ""
    return digest.hexdigest()


def _receipt_headers(receipt: Receipt) -> dict[str, str]:
    return {INSTANCE_HEADER: str(receipt.instance)}


def _accepted(receipt: Receipt, *, deadline_missed: bool) -> web.Response:
    """Every value is our own, so the text needs no JSON encoder: this answer is the one that is given most often."""
    instance = str(receipt.instance)
    note = _MISSED_NOTE if deadline_missed else ""
    document = (
        f'{{"id": "{instance}", "state": "processing", "received_at": "{receipt.received_at.isoformat()}", '
        f'"acknowledgements": "/exchange/{instance}", "outbox": "/exchange/outbox"{note}}}'
    )
    headers = {"Location": f"/exchange/{instance}", "Retry-After": str(POLL_AFTER_S), INSTANCE_HEADER: instance}
    return web.Response(
        body=document.encode(), status=HTTPStatus.ACCEPTED, content_type="application/json", headers=headers
    )


_MISSED_NOTE = ', "note": "Not answered in time; the acknowledgements will be at the link and in the outbox."'


def _listed(answer: PartnerAnswer) -> dict[str, str | int | None]:
    return {
        "id": answer.id,
        "kind": answer.kind,
        "control_number": answer.control_number,
        "instance": str(answer.instance),
        "created_at": answer.created_at.isoformat(),
        "link": f"/exchange/outbox/{answer.id}",
    }


def _json(document: object, status: int = HTTPStatus.OK, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(
        body=json.dumps(document).encode(), status=status, content_type="application/json", headers=headers
    )


def _instance_id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _unreadable(receipt: Receipt) -> Problem:
    return Problem(
        422,
        "unreadable",
        "Not an X12 interchange",
        "The body does not begin with a readable ISA segment. It is kept under this id, and nothing was processed.",
        members={"instance": f"/exchange/{receipt.instance}"},
    )


_NO_SUCH_EXCHANGE = Problem(
    404, "not-found", "No such exchange", "Use the link that the 202 answer gave, as its sender."
)
_NO_SUCH_ANSWER = Problem(
    404, "not-found", "No such acknowledgement", "It is not waiting for you; see /exchange/outbox."
)
_BAD_CURSOR = Problem(400, "invalid-request", "Invalid request", "`after` is the id of the last acknowledgement seen.")
