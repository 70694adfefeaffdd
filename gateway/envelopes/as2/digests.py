"""Digests of what was signed, computed once as the bytes stream by, for each way in which a sender may have meant them.

Owns the tolerated ways. Must not know signatures.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from typing import Protocol

from gateway.envelopes.as2.profile import DigestAlgorithm

# From 2,048 bytes on hashlib gives the interpreter lock away and has to wait for it again: for a small message that
# takes ten times as long as its hash.
_HASHED_BYTES = 2047
_SMALL_BYTES = 8 * _HASHED_BYTES
_CRLF = b"\r\n"
# A constructor of its own takes a third of the time of `hashlib.new`.
_CONSTRUCTORS: dict[DigestAlgorithm, Callable[[bytes], "Hash"]] = {
    each: getattr(hashlib, each.value) for each in DigestAlgorithm
}


class Hash(Protocol):
    """A running hash of hashlib."""

    def update(self, data: bytes, /) -> None:
        """Go on with `data`."""

    def digest(self) -> bytes:
        """Of what came so far."""

    def copy(self) -> "Hash":
        """One that goes on from here by itself."""


class NeedsDigest(Exception):
    """A signature names a digest that was not computed: the same bytes have to be read again by a reader told of it."""

    def __init__(self, algorithm: DigestAlgorithm) -> None:
        super().__init__(f"the signature uses {algorithm.value}, which was not announced")
        self.algorithm = algorithm


class Tolerance(StrEnum):
    """What had to be changed of the received bytes for a signature to match them."""

    NONE = ""
    MINUS_CRLF = "minus CRLF"  # libas2 signs its receipts without the last line end
    PLUS_CRLF = "plus CRLF"
    LINE_ENDS = "line ends"  # signed with CRLF, sent with bare LF


DigestOf = Callable[[DigestAlgorithm], bytes]


def new_hash(algorithm: DigestAlgorithm, data: bytes = b"") -> Hash:
    """A hash of `data` so far."""
    return _CONSTRUCTORS[algorithm](data)


def update(hashes: Iterable[Hash], data: bytes) -> None:
    """Go on with `data`; small data without giving the interpreter lock away."""
    if len(data) <= _HASHED_BYTES or len(data) > _SMALL_BYTES:
        for each in hashes:
            each.update(data)
        return
    for begin in range(0, len(data), _HASHED_BYTES):
        piece = data[begin : begin + _HASHED_BYTES]
        for each in hashes:
            each.update(piece)


class ContentDigests:
    """Digests of one content in several algorithms, as received and in each tolerated way."""

    def __init__(self, algorithms: Iterable[DigestAlgorithm]) -> None:
        # Of everything but the last two bytes, so that a last CRLF can still be left out.
        self._hashes = {algorithm: new_hash(algorithm) for algorithm in algorithms}
        self._held = b""
        # The same with each bare LF read as CRLF: a second hash only from the first bare LF on.
        self._canonical: dict[DigestAlgorithm, Hash] | None = None
        self._ends_in_return = False

    def feed(self, data: bytes) -> None:
        """The next bytes."""
        content = self._held + data if self._held else data
        self._held = content[-2:]
        content = content[:-2]
        self._feed_canonical(content)
        update(self._hashes.values(), content)
        self._ends_in_return = content[-1:] == b"\r" if content else self._ends_in_return

    def ways(self) -> Iterator[tuple[Tolerance, DigestOf]]:
        """After the last byte: each way, the most faithful first. A digest that was not computed raises NeedsDigest."""
        held = self._held
        yield Tolerance.NONE, _digests(self._hashes, held)
        if held == _CRLF:
            yield Tolerance.MINUS_CRLF, _digests(self._hashes, b"")
        yield Tolerance.PLUS_CRLF, _digests(self._hashes, held + _CRLF)
        self._feed_canonical(held)
        if self._canonical is not None:
            yield Tolerance.LINE_ENDS, _digests(self._canonical, b"")

    def _feed_canonical(self, content: bytes) -> None:
        """The next bytes, before they go into the hashes of what was received."""
        continues_line_end = self._ends_in_return and content.startswith(b"\n")
        if self._canonical is None:
            # Mostly line ends are only in the head: behind the last one nothing has to be looked at.
            end = content.rfind(b"\n") + 1
            if content.count(b"\n", 0, end) == content.count(_CRLF, 0, end) + continues_line_end:
                return
            self._canonical = {algorithm: each.copy() for algorithm, each in self._hashes.items()}
        begin = int(continues_line_end)
        canonical = content[begin:].replace(_CRLF, b"\n").replace(b"\n", _CRLF)
        update(self._canonical.values(), content[:begin] + canonical)


def _digests(hashes: dict[DigestAlgorithm, Hash], rest: bytes) -> DigestOf:
    def digest_of(algorithm: DigestAlgorithm) -> bytes:
        if algorithm not in hashes:
            raise NeedsDigest(algorithm)
        ending = hashes[algorithm].copy()
        ending.update(rest)
        return ending.digest()

    return digest_of
