"""Guesses cost time, for the remote and for the user, and memory stays bounded."""

import pytest

from gateway.transports.https import throttle
from gateway.transports.https.throttle import FORGET_AFTER_S, FREE_FAILURES, USER_WAIT_MAXIMUM_S, GuessThrottle


class Clock:
    """Seconds that a test moves."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        """Now."""
        return self.now_s


def failed_times(guesses: GuessThrottle, count: int, *, remote: str = "192.0.2.1", user: str = "clinic") -> None:
    """So many wrong guesses."""
    for _ in range(count):
        guesses.attempted(remote, user)


def test_a_few_mistakes_cost_nothing() -> None:
    """Who mistypes may try again at once."""
    guesses = GuessThrottle(Clock())

    failed_times(guesses, FREE_FAILURES - 1)

    assert guesses.wait_s("192.0.2.1", "clinic") == 0


def test_further_guesses_wait_longer_each_time() -> None:
    """The wait doubles."""
    guesses = GuessThrottle(Clock())
    failed_times(guesses, FREE_FAILURES + 1)
    first = guesses.wait_s("192.0.2.1", "clinic")

    failed_times(guesses, 1)

    assert 0 < first < guesses.wait_s("192.0.2.1", "clinic")


def test_another_user_from_the_same_remote_waits_too() -> None:
    """A remote cannot go through a list of users."""
    guesses = GuessThrottle(Clock())
    for number in range(FREE_FAILURES):
        guesses.attempted("192.0.2.1", f"user{number}")

    waiting = guesses.wait_s("192.0.2.1", "yet-another")

    assert waiting > 0


def test_the_same_user_from_elsewhere_waits_but_not_for_long() -> None:
    """Many remotes cannot share one user's guesses, nor lock the partner out for long."""
    guesses = GuessThrottle(Clock())
    for number in range(60):
        guesses.attempted(f"192.0.2.{number}", "clinic")

    waiting = guesses.wait_s("198.51.100.1", "clinic")

    assert 0 < waiting <= USER_WAIT_MAXIMUM_S


def test_an_ipv6_network_counts_as_one_remote() -> None:
    """Addresses are free within a /64."""
    guesses = GuessThrottle(Clock())
    for number in range(FREE_FAILURES):
        guesses.attempted(f"2001:db8::{number + 1:x}", f"user{number}")

    waiting = guesses.wait_s("2001:db8::ffff", "other")

    assert waiting > 0


def test_waiting_and_time_make_good() -> None:
    """After the wait one may try, after a quiet time all is forgotten."""
    clock = Clock()
    guesses = GuessThrottle(clock)
    failed_times(guesses, FREE_FAILURES + 3)
    clock.now_s += FORGET_AFTER_S + 1

    failed_times(guesses, 1)

    assert guesses.wait_s("192.0.2.1", "clinic") == 0


def test_success_frees_the_user_not_the_remote() -> None:
    """An attacker's own account must not clear what its address did."""
    guesses = GuessThrottle(Clock())
    failed_times(guesses, FREE_FAILURES + 1)

    guesses.succeeded("192.0.2.1", "clinic")
    guesses.attempted("192.0.2.1", "other")

    assert guesses.wait_s("198.51.100.1", "clinic") == 0
    assert guesses.wait_s("192.0.2.1", "clinic") > 0


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest guesses are forgotten first."""
    monkeypatch.setattr(throttle, "TRACKED_MAXIMUM", 10)
    guesses = GuessThrottle(Clock())

    for number in range(100):
        guesses.attempted(f"192.0.2.{number}", f"user{number}")

    assert len(guesses._failures) == 10
