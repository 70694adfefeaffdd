"""Who is on the line: a client certificate or HTTP Basic becomes a principal, or a problem.

Owns the order of the checks and what a refused sender is told. Must not know agreements: what a principal may send is
decided later, from the interchange. A refusal never says which part was wrong.
"""

import base64
import binascii
import hashlib
import ssl
from dataclasses import dataclass
from typing import Protocol

from aiohttp import web

from gateway.model.exchange import Principal
from gateway.transports.https.passwords import PasswordVerifier, TooManyVerificationsError
from gateway.transports.https.problem import Problem, ProblemError
from gateway.transports.https.throttle import GuessThrottle

VERIFICATION_RETRY_S = 2


@dataclass(frozen=True, slots=True)
class PasswordHolder:
    """A principal that may use HTTP Basic; `password_hash` is an argon2 hash in its PHC form."""

    principal: Principal
    password_hash: str


class PrincipalDirectory(Protocol):
    """Who may connect, as the partners' files say at this moment."""

    def password_holder(self, user: str) -> PasswordHolder | None:
        """The principal with this user name."""

    def certificate_holder(self, fingerprint: str) -> Principal | None:
        """The principal whose certificate has this SHA-256 (hex, lower case) and is within its window."""


class Authenticator:
    """Finds the principal of a request."""

    def __init__(self, directory: PrincipalDirectory, verifier: PasswordVerifier, throttle: GuessThrottle) -> None:
        self._directory = directory
        self._verifier = verifier
        self._throttle = throttle

    async def principal(self, request: web.BaseRequest) -> Principal:
        """The principal, or raises ProblemError (401, 429, 503).

        1. A client certificate that a partner has pinned names the principal.
        2. An Authorization header must be Basic and well-formed.
        3. A password that was right moments ago passes, so that nobody's guesses lock a partner out.
        4. Who has guessed too often waits.
        5. The password is verified; certificate and password must not name different partners.
        """
        by_certificate = self._by_certificate(request)
        header = request.headers.get("Authorization")
        if header is None:
            if by_certificate is None:
                raise ProblemError(_UNAUTHENTICATED)
            return by_certificate
        user, password = _basic_credentials(header)
        by_password = await self._by_password(user, password, request.remote or "")
        if by_certificate is not None and by_certificate.partner != by_password.partner:
            raise ProblemError(_UNAUTHENTICATED)
        return by_password

    async def principal_if_any(self, request: web.BaseRequest) -> Principal | None:
        """For messages that prove themselves: None where the connection proves nothing. Raises as `principal` does."""
        if "Authorization" in request.headers:
            return await self.principal(request)
        return self._by_certificate(request)

    def _by_certificate(self, request: web.BaseRequest) -> Principal | None:
        connection = request.get_extra_info("ssl_object")
        if not isinstance(connection, ssl.SSLObject | ssl.SSLSocket):
            return None
        certificate = connection.getpeercert(binary_form=True)
        if certificate is None:
            return None
        return self._directory.certificate_holder(hashlib.sha256(certificate).hexdigest())

    async def _by_password(self, user: str, password: bytes, remote: str) -> Principal:
        holder = self._directory.password_holder(user)
        if holder is not None and self._verifier.remembers(user, password, holder.password_hash):
            return holder.principal
        stored_hash = holder.password_hash if holder is not None else None
        is_first = not self._verifier.is_verifying(user, password, stored_hash)
        if is_first:
            self._count(remote, user)
        try:
            right = await self._verifier.verify(user, password, stored_hash)
        except TooManyVerificationsError:
            raise ProblemError(_BUSY) from None
        if holder is None or not right:
            raise ProblemError(_UNAUTHENTICATED)
        if is_first:
            self._throttle.succeeded(remote, user)
        return holder.principal

    def _count(self, remote: str, user: str) -> None:
        wait_s = self._throttle.wait_s(remote, user)
        if wait_s:
            raise ProblemError(_too_many_guesses(wait_s))
        self._throttle.attempted(remote, user)


def _basic_credentials(header: str) -> tuple[str, bytes]:
    """User and password of RFC 7617. Raises ProblemError."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        raise ProblemError(_UNAUTHENTICATED)
    try:
        user, colon, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
        if not colon:
            raise ProblemError(_UNAUTHENTICATED)
        return user.decode("utf-8"), password
    except (binascii.Error, ValueError):
        raise ProblemError(_UNAUTHENTICATED) from None


_UNAUTHENTICATED = Problem(
    401,
    "authentication",
    "Not authenticated",
    "Use HTTP Basic with the user and password agreed with us, or a client certificate that we have on file.",
)
_BUSY = Problem(
    503,
    "overloaded",
    "Busy",
    "Too many sign-ins at this moment. Nothing was kept; send the same request again.",
    retry_after_s=VERIFICATION_RETRY_S,
)


def _too_many_guesses(wait_s: int) -> Problem:
    return Problem(
        429,
        "throttled",
        "Too many failed sign-ins",
        "Wait before the next try; check the user and password with us rather than trying others.",
        retry_after_s=wait_s,
    )
