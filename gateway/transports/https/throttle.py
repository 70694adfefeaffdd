"""Slows down guesses at passwords, per remote address and per user.

Owns the counts of failures and the wait they cost. Must not know what a password is. In memory: a restart forgets,
which costs an attacker more time than it gives.
"""

import ipaddress
import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

# A person who mistypes or a job with an old password gets this many tries before it has to wait.
FREE_FAILURES = 5
# Failures older than this are forgotten.
FORGET_AFTER_S = 900.0
# A remote that keeps guessing waits up to this long between two guesses.
REMOTE_WAIT_MAXIMUM_S = 300.0
# A user's wait is shorter: a stranger who guesses must not lock the partner out for long.
USER_WAIT_MAXIMUM_S = 30.0
# Memory for guesses is bounded: the oldest are forgotten first. About 200 bytes each.
TRACKED_MAXIMUM = 20_000
# One IPv6 customer usually holds a /64; each address of it must not count anew.
IPV6_PREFIX_BITS = 64


@dataclass(slots=True)
class _Failures:
    count: int
    last_s: float
    wait_until_s: float


class GuessThrottle:
    """Counts failures. `monotonic` gives seconds that never go back."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._failures: OrderedDict[str, _Failures] = OrderedDict()

    def wait_s(self, remote: str, user: str) -> int:
        """Whole seconds until this remote may try this user again; 0 = now."""
        now = self._monotonic()
        waits = [self._wait_until(key, now) - now for key in (_remote_key(remote), _user_key(user))]
        return max(0, math.ceil(max(waits)))

    def attempted(self, remote: str, user: str) -> None:
        """One more guess, wrong until `succeeded` says otherwise: many at once are no way around the count."""
        self._count(_remote_key(remote), REMOTE_WAIT_MAXIMUM_S)
        self._count(_user_key(user), USER_WAIT_MAXIMUM_S)

    def succeeded(self, remote: str, user: str) -> None:
        """The last attempt was right. The user starts anew.

        The remote keeps its earlier failures, or an attacker's own account would clear them.
        """
        self._failures.pop(_user_key(user), None)
        failures = self._failures.get(_remote_key(remote))
        if failures is not None:
            failures.count -= 1
            failures.wait_until_s = self._monotonic()

    def _wait_until(self, key: str, now: float) -> float:
        failures = self._failures.get(key)
        return failures.wait_until_s if failures is not None else now

    def _count(self, key: str, wait_maximum_s: float) -> None:
        now = self._monotonic()
        failures = self._failures.pop(key, None)
        if failures is None or now - failures.last_s > FORGET_AFTER_S:
            failures = _Failures(0, now, now)
        failures.count += 1
        failures.last_s = now
        excess = failures.count - FREE_FAILURES
        if excess >= 0:
            failures.wait_until_s = now + min(wait_maximum_s, 2.0 ** min(excess, 16))
        self._failures[key] = failures
        while len(self._failures) > TRACKED_MAXIMUM:
            self._failures.popitem(last=False)


def _remote_key(remote: str) -> str:
    try:
        address = ipaddress.ip_address(remote)
    except ValueError:
        return f"remote:{remote[:64]}"
    if isinstance(address, ipaddress.IPv6Address):
        return f"remote:{ipaddress.ip_network((address, IPV6_PREFIX_BITS), strict=False)}"
    return f"remote:{address}"


def _user_key(user: str) -> str:
    # A user name is as long as a stranger likes.
    return f"user:{user[:128]}"
