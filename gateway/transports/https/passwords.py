"""Verifies passwords against argon2 hashes without stalling the server.

Owns the thread pool, its queue and the short-lived memory of passwords that were right. Must not know users or
partners. A verification costs about 0.1 s of CPU and 64 MiB: few run at once, few wait, and a password that was right
moments ago is recognised by a keyed digest, worth nothing outside this process.
"""

import asyncio
import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

# Each costs 64 MiB while it runs.
CONCURRENT_VERIFICATIONS = 2
# About two seconds of work; whoever comes later is told to come back.
WAITING_MAXIMUM = 32
# The digest covers the stored hash too: a password that a reload changes is forgotten at once.
REMEMBERED_S = 300.0
REMEMBERED_MAXIMUM = 4096
# RFC 7617 names no limit; argon2 hashes whatever comes, so one is needed.
PASSWORD_SIZE_MAXIMUM_BYTES = 1024
# The hash of a random password that nobody kept: an unknown user costs as much time as a known one.
HASH_OF_NOBODY = "$argon2id$v=19$m=65536,t=3,p=4$TA32AW3UdbL3tJT2HTbgBQ$ttv55WjIoncDD2dzdWUVFiuLLTAJ3WW/eiZ3k43WHz0"


class TooManyVerificationsError(Exception):
    """More passwords are waiting to be verified than can be in good time."""


class PasswordVerifier:
    """Verifies; `monotonic` gives seconds that never go back."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._hasher = PasswordHasher()
        self._threads = ThreadPoolExecutor(CONCURRENT_VERIFICATIONS, thread_name_prefix="password")
        self._key = secrets.token_bytes(32)
        self._right: OrderedDict[bytes, float] = OrderedDict()
        self._under_way: dict[bytes, asyncio.Future[bool]] = {}

    def remembers(self, user: str, password: bytes, stored_hash: str) -> bool:
        """Whether this very password was right for this user and hash moments ago."""
        digest = self._digest(user, password, stored_hash)
        until = self._right.get(digest)
        if until is None:
            return False
        if until < self._monotonic():
            del self._right[digest]
            return False
        return True

    def is_verifying(self, user: str, password: bytes, stored_hash: str | None) -> bool:
        """Whether this very password is being verified now, for another connection of the same sender."""
        return self._digest(user, password, stored_hash or HASH_OF_NOBODY) in self._under_way

    async def verify(self, user: str, password: bytes, stored_hash: str | None) -> bool:
        """Whether the password is right; None = there is no such user. Raises TooManyVerificationsError."""
        if len(password) > PASSWORD_SIZE_MAXIMUM_BYTES:
            return False
        digest = self._digest(user, password, stored_hash or HASH_OF_NOBODY)
        under_way = self._under_way.get(digest)
        if under_way is None:
            if len(self._under_way) >= WAITING_MAXIMUM:
                raise TooManyVerificationsError
            under_way = self._start(digest, password, stored_hash or HASH_OF_NOBODY)
        right = await asyncio.shield(under_way)
        return right and stored_hash is not None

    def close(self) -> None:
        """End the threads once what they verify is done."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _start(self, digest: bytes, password: bytes, stored_hash: str) -> asyncio.Future[bool]:
        loop = asyncio.get_running_loop()
        future = loop.run_in_executor(self._threads, self._is_right, password, stored_hash)
        self._under_way[digest] = future

        def ended(done: asyncio.Future[bool]) -> None:
            del self._under_way[digest]
            if not done.cancelled() and done.exception() is None and done.result():
                self._remember(digest)

        future.add_done_callback(ended)
        return future

    def _is_right(self, password: bytes, stored_hash: str) -> bool:
        try:
            return self._hasher.verify(stored_hash, password)
        except (VerificationError, InvalidHashError):
            return False

    def _remember(self, digest: bytes) -> None:
        self._right[digest] = self._monotonic() + REMEMBERED_S
        self._right.move_to_end(digest)
        while len(self._right) > REMEMBERED_MAXIMUM:
            self._right.popitem(last=False)

    def _digest(self, user: str, password: bytes, stored_hash: str) -> bytes:
        parts = (user.encode(), password, stored_hash.encode())
        # Lengths keep ("ab", "c") apart from ("a", "bc").
        message = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
        # Keyed BLAKE2 is a MAC by itself (RFC 7693, 2.9); OpenSSL takes twenty times as long to set up an HMAC.
        return hashlib.blake2b(message, key=self._key, digest_size=32).digest()
