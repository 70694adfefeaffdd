"""What a sender is told when its message was not kept, or is not finished yet.

Owns the problems that every resource that takes bodies shares. Must not know where a body came from.
"""

import structlog

from gateway.pipeline.receive import Empty, Overloaded, Refusal, StoreUnavailable, TooLarge
from gateway.transports.https.problem import Problem

# How soon it is worth asking again for what is not there yet.
POLL_AFTER_S = 2
STORE_RETRY_S = 10

log = structlog.get_logger(__name__)


def refusal_problem(refusal: Refusal) -> Problem:
    """The problem document of a refusal; a failed store is logged."""
    match refusal:
        case Overloaded(retry_after_s):
            return overloaded(max(1, round(retry_after_s)))
        case TooLarge(limit_bytes):
            return _too_large(limit_bytes)
        case Empty():
            return _EMPTY
        case StoreUnavailable(reason, is_fatal):
            log.error("exchange.store_unavailable", reason=reason, is_fatal=is_fatal)
            return _STORE_FAILED if is_fatal else _STORE_FULL


def overloaded(retry_after_s: int) -> Problem:
    """Nothing was kept; come back."""
    return Problem(
        503,
        "overloaded",
        "Busy",
        "Nothing was kept. Send the same request again after the time in Retry-After.",
        retry_after_s=retry_after_s,
    )


def _too_large(limit_bytes: int) -> Problem:
    return Problem(413, "too-large", "Body too large", f"At most {limit_bytes} bytes are taken. Nothing was kept.")


INCOMPLETE = Problem(400, "incomplete", "Body incomplete", "The connection ended early. Nothing was kept.")
_EMPTY = Problem(400, "empty", "Empty body", "Send the message as the body of the request.")
_STORE_FAILED = Problem(
    503,
    "store-unavailable",
    "Not available",
    "Messages cannot be kept safely at this moment, so none is taken. Send the same request again later.",
    retry_after_s=STORE_RETRY_S,
)
_STORE_FULL = Problem(
    507,
    "store-full",
    "No room",
    "There is no room to keep the message, so it was not taken. Send the same request again later.",
    retry_after_s=STORE_RETRY_S,
)
