"""Reading SignedData that carries its content (RFC 5652 section 5.2) as it streams by.

Owns the content and its digests. Must not know whether the signatures are true: that is verified in `verification.py`.
"""

import hashlib
from contextlib import suppress
from typing import NamedTuple

from gateway.envelopes.as2.cms.algorithms import digest_of
from gateway.envelopes.as2.cms.ber import END, OBJECT_IDENTIFIER, OCTET_STRING, Cursor, context
from gateway.envelopes.as2.cms.content import ContentReader
from gateway.envelopes.as2.cms.errors import CmsError, UnsupportedAlgorithm
from gateway.envelopes.as2.cms.limits import DEFAULT_LIMITS, CmsLimits
from gateway.envelopes.as2.cms.signed import SignedMessage, enter_signed_data, read_signatures
from gateway.envelopes.as2.profile import DigestAlgorithm


class _Head(NamedTuple):
    digests: list[bytes]  # algorithms, encoded
    content_type: bytes


class SignedReader:
    """Gives the content, not to be believed before the signatures have been verified over its digests."""

    def __init__(self, limits: CmsLimits = DEFAULT_LIMITS) -> None:
        self._content = ContentReader(_read_head, OCTET_STRING, limits)
        self._hashes: dict[DigestAlgorithm, hashlib._Hash] | None = None
        self._signed: SignedMessage | None = None

    @property
    def signed(self) -> SignedMessage | None:
        """The signatures; None before `finish`."""
        return self._signed

    def digest_of(self, algorithm: DigestAlgorithm) -> bytes:
        """A digest of the content, after `finish`. Raises CmsError where the message did not announce it."""
        found = (self._hashes or {}).get(algorithm)
        if found is None:
            raise CmsError("The message does not name the digest of its signature before the content.")
        return found.digest()

    def feed(self, data: bytes | memoryview) -> list[bytes]:
        """Content so far, not verified. Raises CmsError."""
        return self._hash(self._content.feed(data))

    def finish(self) -> list[bytes]:
        """The rest of the content. Raises CmsError."""
        content, cursor = self._content.finish()
        pieces = self._hash(content)
        cursor.leave()
        head = self._content.head
        self._signed = read_signatures(cursor, head.content_type if head else b"")
        return pieces

    def _hash(self, content: bytes | memoryview) -> list[bytes]:
        if self._hashes is None:
            if self._content.head is None:
                return []
            self._hashes = {digest: hashlib.new(digest.value) for digest in _supported(self._content.head.digests)}
        for each in self._hashes.values():
            each.update(content)
        return [bytes(content)] if content else []


def _read_head(cursor: Cursor) -> _Head:
    algorithms = enter_signed_data(cursor)
    content_type = cursor.read(OBJECT_IDENTIFIER)
    if cursor.tag() == END:
        raise CmsError("The message has no content: the signature stands beside it.")
    cursor.enter(context(0))
    return _Head(algorithms, content_type)


def _supported(algorithms: list[bytes]) -> set[DigestAlgorithm]:
    found = set()
    for encoded in algorithms:
        with suppress(UnsupportedAlgorithm):
            found.add(digest_of(encoded))
    return found
