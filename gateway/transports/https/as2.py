"""`POST /as2`: messages and receipts of AS2 partners.

Owns the mapping between HTTP and the outcomes of `gateway.pipeline.as2`. Must not know what a message holds. What a
receipt can say is said by a receipt; a problem document is for what no receipt can reach.
"""

from http import HTTPStatus

import structlog
from aiohttp import web
from multidict import CIMultiDict

from gateway.envelopes.as2.addressing import NotAs2, read_addressing
from gateway.envelopes.as2.disposition import Modifier
from gateway.envelopes.as2.receipt_writer import Packaged
from gateway.envelopes.mime.headers import Headers
from gateway.pipeline.as2.arrive import (
    Answered,
    As2Exchange,
    As2Outcome,
    As2Request,
    Promised,
    ReceiptTargetRefused,
    Unopened,
)
from gateway.pipeline.as2.receipts import ReceiptRefused, ReceiptTaken, RefusalReason
from gateway.transports.https.authenticate import Authenticator
from gateway.transports.https.body import SenderGoneError
from gateway.transports.https.entrance import Entrance, expect_later
from gateway.transports.https.limits import Limits
from gateway.transports.https.metrics import AS2_MESSAGES, REFUSALS
from gateway.transports.https.problem import Problem, ProblemError
from gateway.transports.https.refusals import INCOMPLETE, POLL_AFTER_S, refusal_problem
from gateway.transports.https.throttle import GuessThrottle

INSTANCE_HEADER = "Gateway-Instance"
# What whoever has neither key nor relationship brings about: too many of these, and the sender has to wait.
_GUESSES = frozenset(
    {
        Modifier.UNKNOWN_TRADING_RELATIONSHIP.value,
        Modifier.AUTHENTICATION_FAILED.value,
        Modifier.INTEGRITY_CHECK_FAILED.value,
        Modifier.DECRYPTION_FAILED.value,
        Modifier.INSUFFICIENT_MESSAGE_SECURITY.value,
    }
)
_SECRETS = frozenset({"authorization", "proxy-authorization", "cookie"})
_REFUSED_RECEIPTS = {
    RefusalReason.STRANGER: HTTPStatus.FORBIDDEN,
    RefusalReason.NOT_A_RECEIPT: HTTPStatus.BAD_REQUEST,
    RefusalReason.NOT_SIGNED_RIGHT: HTTPStatus.FORBIDDEN,
    RefusalReason.UNKNOWN_MESSAGE: HTTPStatus.NOT_FOUND,
    RefusalReason.TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    RefusalReason.NOT_AWAITED: HTTPStatus.CONFLICT,
}

log = structlog.get_logger(__name__)


class As2Resource:
    """The AS2 endpoint."""

    def __init__(
        self,
        exchange: As2Exchange,
        authenticator: Authenticator,
        throttle: GuessThrottle,
        entrance: Entrance,
        limits: Limits,
    ) -> None:
        self._exchange = exchange
        self._authenticator = authenticator
        self._throttle = throttle
        self._entrance = entrance
        self._limits = limits

    def add_routes(self, root: web.Application) -> None:
        """Hang the resource at `/as2`."""
        root.router.add_post("/as2", self._post, expect_handler=expect_later)

    async def _post(self, request: web.Request) -> web.StreamResponse:
        headers = _kept_fields(request)
        try:
            addressing = read_addressing(headers)
        except NotAs2 as error:
            REFUSALS.labels("not-as2").inc()
            raise ProblemError(_not_as2(str(error))) from None
        # A stranger who uses a partner's name must not make the partner wait: both count together.
        who = f"{request.remote} {addressing.sender}"
        wait_s = self._throttle.wait_s(request.remote or "", who)
        if wait_s:
            REFUSALS.labels("throttled").inc()
            raise ProblemError(_throttled(wait_s))
        proven = await self._authenticator.principal_if_any(request)
        # A stranger's body is read within the limit of what is hashed of any stranger: it has to be told so.
        size_limit_bytes = self._exchange.size_limit_bytes(addressing) or self._limits.refused_body_size_bytes
        try:
            async with self._entrance.admitted(request, size_limit_bytes) as body:
                outcome = await self._exchange.handle(
                    As2Request(headers, addressing, request.remote or "", proven), body
                )
        except SenderGoneError:
            log.info("as2.sender_gone", remote=request.remote)
            raise ProblemError(INCOMPLETE) from None
        AS2_MESSAGES.labels(_label(outcome)).inc()
        if isinstance(outcome, Answered) and outcome.disposition.text in _GUESSES:
            self._throttle.attempted(request.remote or "", who)
        if isinstance(outcome, Answered) and outcome.instance is None:
            log.warning("as2.stranger", remote=request.remote, sender=addressing.sender, receiver=addressing.receiver)
        return _response(outcome)


def _kept_fields(request: web.Request) -> Headers:
    """The header as it is archived, and shown to outsiders as evidence: without what opens doors."""
    fields = ((name.decode("latin-1"), value.decode("latin-1")) for name, value in request.raw_headers)
    return Headers(tuple(each for each in fields if each[0].lower() not in _SECRETS))


def _response(outcome: As2Outcome) -> web.Response:
    match outcome:
        case Answered(instance, _, Packaged() as receipt):
            found = CIMultiDict(receipt.headers.fields)
            if instance is not None:
                found[INSTANCE_HEADER] = str(instance)
            return web.Response(body=receipt.body, headers=found)
        case Answered(instance, disposition, None) if disposition.is_processed:
            return web.Response(headers={INSTANCE_HEADER: str(instance)})
        case Answered(_, disposition, _):
            raise ProblemError(_refused(str(disposition)))
        case Promised(instance):
            return web.Response(status=HTTPStatus.ACCEPTED, headers={INSTANCE_HEADER: str(instance)})
        case ReceiptTargetRefused():
            raise ProblemError(_RECEIPT_TARGET)
        case Unopened():
            raise ProblemError(_UNOPENED)
        case ReceiptTaken():
            return web.Response()
        case ReceiptRefused(reason):
            log.warning("as2.receipt_refused", reason=reason.name.lower())
            raise ProblemError(Problem(_REFUSED_RECEIPTS[reason], "receipt-refused", "Receipt not taken", f"{reason}."))
        case _:
            raise ProblemError(refusal_problem(outcome))


def _label(outcome: As2Outcome) -> str:
    """Our own words only: what a metric is called must not come from a sender."""
    if isinstance(outcome, Answered):
        return outcome.disposition.text or "processed"
    return type(outcome).__name__.lower()


def _not_as2(reason: str) -> Problem:
    return Problem(400, "not-as2", "Not an AS2 message", reason)


def _throttled(wait_s: int) -> Problem:
    return Problem(
        429,
        "throttled",
        "Too many messages that prove nothing",
        "Check keys, certificates and AS2 names with us before sending again.",
        retry_after_s=wait_s,
    )


def _refused(disposition: str) -> Problem:
    return Problem(
        403,
        "as2-refused",
        "Not taken",
        "No receipt was asked for that could say so, or none may be sent where it was wanted.",
        members={"disposition": disposition},
    )


_RECEIPT_TARGET = Problem(
    403,
    "receipt-target",
    "Receipt address not agreed",
    "Receipt-Delivery-Option names a host and port that are not agreed with us. Nothing was kept.",
)
_UNOPENED = Problem(
    503,
    "delayed",
    "Kept, not opened yet",
    "The message is kept. Send the same bytes under the same Message-ID again to get its receipt.",
    retry_after_s=POLL_AFTER_S,
)
