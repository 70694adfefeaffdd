"""Who is on the line: passwords, throttled guesses, and refusals that say nothing about what was wrong."""

import asyncio
import base64
from collections.abc import Iterator
from unittest.mock import Mock

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from argon2 import PasswordHasher

from gateway.model.exchange import Authentication, Principal
from gateway.transports.https.authenticate import Authenticator, PasswordHolder
from gateway.transports.https.passwords import PasswordVerifier
from gateway.transports.https.problem import ProblemError
from gateway.transports.https.throttle import FREE_FAILURES, GuessThrottle

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
CLINIC = Principal("clinic", "clinic-edi", Authentication.BASIC)


class OneClinic:
    """Knows one user and no certificate."""

    def __init__(self) -> None:
        self.holder = PasswordHolder(CLINIC, CHEAP.hash("open:sesame"))

    def password_holder(self, user: str) -> PasswordHolder | None:
        """The clinic, or nobody."""
        return self.holder if user == "clinic-edi" else None

    def certificate_holder(self, fingerprint: str) -> Principal | None:  # noqa: ARG002 - the port's name
        """Nobody."""
        return None


@pytest.fixture
def authenticator() -> Iterator[Authenticator]:
    """With a clock that stands still."""
    verifier = PasswordVerifier(lambda: 0.0)
    yield Authenticator(OneClinic(), verifier, GuessThrottle(lambda: 0.0))
    verifier.close()


def basic(user: str, password: str) -> str:
    """An Authorization header."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def posted(headers: dict[str, str]) -> web.Request:
    """A request on a connection without a client certificate."""
    transport = Mock(get_extra_info=lambda _name, default=None: default)
    return make_mocked_request("POST", "/exchange", headers=headers, transport=transport)


async def refusal(authenticator: Authenticator, header: str | None) -> tuple[int, str]:
    """Status and detail of the problem that a header leads to."""
    headers = {} if header is None else {"Authorization": header}
    with pytest.raises(ProblemError) as raised:
        await authenticator.principal(posted(headers))
    return raised.value.problem.status, raised.value.problem.detail


async def test_the_right_password_names_the_principal(authenticator: Authenticator) -> None:
    """A colon belongs to the password (RFC 7617)."""
    request = posted({"Authorization": basic("clinic-edi", "open:sesame")})

    principal = await authenticator.principal(request)

    assert principal == CLINIC


@pytest.mark.parametrize(
    "header",
    [
        None,
        basic("clinic-edi", "wrong"),
        basic("nobody", "open:sesame"),
        "Basic",
        "Basic !!!",
        "Basic " + base64.b64encode(b"no colon").decode(),
        "Basic " + base64.b64encode(b"\xff\xfe:x").decode(),
        "Bearer abc",
    ],
)
async def test_every_refusal_reads_the_same(authenticator: Authenticator, header: str | None) -> None:
    """A stranger learns nothing about users."""
    refused = await refusal(authenticator, header)

    assert refused == (
        401,
        "Use HTTP Basic with the user and password agreed with us, or a client certificate that we have on file.",
    )


async def test_guesses_are_throttled_but_a_known_password_passes(authenticator: Authenticator) -> None:
    """Somebody else's guesses do not lock out who signed in moments ago."""
    right = posted({"Authorization": basic("clinic-edi", "open:sesame")})
    await authenticator.principal(right)
    for number in range(FREE_FAILURES):
        await refusal(authenticator, basic("clinic-edi", f"guess{number}"))

    status, _ = await refusal(authenticator, basic("clinic-edi", "another guess"))
    principal = await authenticator.principal(right)

    assert status == 429
    assert principal == CLINIC


async def test_guesses_at_once_are_counted_before_they_are_verified(authenticator: Authenticator) -> None:
    """Many connections are no way around the wait."""
    guesses = (refusal(authenticator, basic("clinic-edi", f"guess{number}")) for number in range(12))

    statuses = [status for status, _ in await asyncio.gather(*guesses)]

    assert statuses.count(401) == FREE_FAILURES
    assert statuses.count(429) == 12 - FREE_FAILURES


async def test_many_connections_of_one_sender_begin_together(authenticator: Authenticator) -> None:
    """The same password at once is one attempt."""
    header = {"Authorization": basic("clinic-edi", "open:sesame")}

    principals = await asyncio.gather(*[authenticator.principal(posted(header)) for _ in range(64)])

    assert set(principals) == {CLINIC}
