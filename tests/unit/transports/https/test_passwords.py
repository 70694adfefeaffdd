"""Passwords are verified off the loop, few at once, and remembered for a short while."""

import asyncio
from collections.abc import Iterator

import pytest
from argon2 import PasswordHasher

from gateway.transports.https import passwords
from gateway.transports.https.passwords import REMEMBERED_S, PasswordVerifier, TooManyVerificationsError

# The cheapest parameters that argon2 takes: what is tested is not its strength.
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


class Clock:
    """Seconds that a test moves."""

    now_s = 0.0

    def __call__(self) -> float:
        """Now."""
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    """Starts at nought."""
    return Clock()


@pytest.fixture
def verifier(clock: Clock) -> Iterator[PasswordVerifier]:
    """Ends its threads."""
    made = PasswordVerifier(clock)
    yield made
    made.close()


async def test_the_right_password_is_right_and_remembered(verifier: PasswordVerifier) -> None:
    """A second request needs no argon2."""
    stored = CHEAP.hash("open sesame")

    right = await verifier.verify("clinic", b"open sesame", stored)

    assert right
    assert verifier.remembers("clinic", b"open sesame", stored)
    assert not verifier.remembers("clinic", b"open sesame", CHEAP.hash("open sesame"))


async def test_a_wrong_password_is_wrong_and_not_remembered(verifier: PasswordVerifier) -> None:
    """Only success is remembered."""
    stored = CHEAP.hash("open sesame")

    right = await verifier.verify("clinic", b"open barley", stored)

    assert not right
    assert not verifier.remembers("clinic", b"open barley", stored)


async def test_memory_of_a_password_ends(verifier: PasswordVerifier, clock: Clock) -> None:
    """It is short-lived."""
    stored = CHEAP.hash("open sesame")
    await verifier.verify("clinic", b"open sesame", stored)

    clock.now_s = REMEMBERED_S + 1

    assert not verifier.remembers("clinic", b"open sesame", stored)


async def test_nobody_has_no_right_password(verifier: PasswordVerifier) -> None:
    """An unknown user costs a verification all the same."""
    right = await verifier.verify("nobody", b"anything", None)

    assert not right


@pytest.mark.parametrize("stored", ["", "plain text", "$argon2id$broken"])
async def test_a_broken_stored_hash_lets_nobody_in(verifier: PasswordVerifier, stored: str) -> None:
    """A partner's file with a fault refuses, it does not raise."""
    right = await verifier.verify("clinic", b"plain text", stored)

    assert not right


async def test_an_endless_password_is_not_hashed(verifier: PasswordVerifier) -> None:
    """Its size is bounded before any work."""
    right = await verifier.verify("clinic", b"x" * 2000, CHEAP.hash("x"))

    assert not right


async def test_the_same_password_at_once_is_verified_once(
    verifier: PasswordVerifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sixty-four connections of one partner start with one verification."""
    verified = []
    honest = verifier._is_right
    monkeypatch.setattr(verifier, "_is_right", lambda *given: verified.append(1) or honest(*given))
    stored = CHEAP.hash("open sesame")

    answers = await asyncio.gather(*[verifier.verify("clinic", b"open sesame", stored) for _ in range(64)])

    assert all(answers)
    assert len(verified) == 1


async def test_too_many_at_once_are_told_to_come_back(
    verifier: PasswordVerifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The queue is bounded."""
    monkeypatch.setattr(passwords, "WAITING_MAXIMUM", 1)
    stored = CHEAP.hash("open sesame")
    first = asyncio.ensure_future(verifier.verify("clinic", b"one", stored))
    await asyncio.sleep(0)

    with pytest.raises(TooManyVerificationsError):
        await verifier.verify("clinic", b"two", stored)

    await first
