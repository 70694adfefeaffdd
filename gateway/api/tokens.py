"""Bearer tokens of downstream applications (RFC 6750).

Owns the comparison. Must not know where the hashes are kept. Only hashes are held: SHA-256 is enough because a token is
256 random bits, not a password.
"""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web

from gateway.api.problem import ProblemError

TOKEN_PREFIX = "gwt_"  # noqa: S105 - lets secret scanners find a leaked token; it is no secret itself


@dataclass(frozen=True, slots=True)
class Subscriber:
    """A downstream application; `name` is its own in the settings."""

    name: str


def new_token() -> tuple[str, str]:
    """A token and its SHA-256 (hex) for the settings."""
    token = TOKEN_PREFIX + secrets.token_urlsafe(32)
    return token, token_digest(token)


def token_digest(token: str) -> str:
    """SHA-256 of a token, hex."""
    return hashlib.sha256(token.encode()).hexdigest()


class Tokens:
    """Finds the subscriber of a request; `digests` maps SHA-256 (hex) to a subscriber, replaced by a reload."""

    def __init__(self, digests: Mapping[str, Subscriber]) -> None:
        self._digests = dict(digests)

    def replace(self, digests: Mapping[str, Subscriber]) -> None:
        """Take a reload's tokens."""
        self._digests = dict(digests)

    def subscriber(self, request: web.BaseRequest) -> Subscriber:
        """Who asks. Raises ProblemError 401. The look-up is by digest, so its time says nothing about a token."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            found = self._digests.get(hashlib.sha256(token.strip().encode("utf-8", "surrogateescape")).hexdigest())
            if found is not None:
                return found
        raise ProblemError(
            401, "authentication", "Not authenticated", "Send `Authorization: Bearer` with a token from the settings."
        )
