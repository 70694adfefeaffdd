"""Entities to be sent, and signing one as multipart/signed.

Owns bodies that can be read again and know their size. Must not know messages or receipts.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import NamedTuple

from gateway.envelopes.as2.cms import sign
from gateway.envelopes.as2.credentials import OwnKey
from gateway.envelopes.as2.digests import new_hash, update
from gateway.envelopes.as2.mic import MICALG_NAMES
from gateway.envelopes.as2.profile import DigestAlgorithm, SignatureScheme
from gateway.envelopes.mime.headers import Headers
from gateway.envelopes.mime.multipart import between, closing, opening
from gateway.envelopes.mime.transfer import base64_lines

_SIGNATURE_HEAD = Headers(
    (
        ("Content-Type", 'application/pkcs7-signature; name="smime.p7s"; smime-type=signed-data'),
        ("Content-Transfer-Encoding", "base64"),
        ("Content-Disposition", 'attachment; filename="smime.p7s"'),
    )
).encode()


@dataclass(frozen=True, slots=True)
class Entity:
    """A MIME entity. `read` gives its body anew at each call, `size_bytes` is that of the body."""

    headers: Headers
    read: Callable[[], Iterator[bytes]]
    size_bytes: int

    def whole(self) -> Iterator[bytes]:
        """Head and body."""
        return chain((self.headers.encode(),), self.read())

    def whole_size_bytes(self) -> int:
        """Of head and body."""
        return len(self.headers.encode()) + self.size_bytes


class Signing(NamedTuple):
    """Who signs, how and when."""

    algorithm: DigestAlgorithm
    scheme: SignatureScheme
    key: OwnKey
    at: datetime


def digests(pieces: Iterator[bytes], algorithms: frozenset[DigestAlgorithm]) -> dict[DigestAlgorithm, bytes]:
    """Of all pieces, in one pass."""
    hashes = {algorithm: new_hash(algorithm) for algorithm in algorithms}
    for piece in pieces:
        update(hashes.values(), piece)
    return {algorithm: each.digest() for algorithm, each in hashes.items()}


def signed_type(algorithm: DigestAlgorithm, boundary: str) -> str:
    """The content type of multipart/signed."""
    return (
        f'multipart/signed; protocol="application/pkcs7-signature"; micalg="{MICALG_NAMES[algorithm]}"; '
        f'boundary="{boundary}"'
    )


def signature_part(digest: bytes, signing: Signing) -> bytes:
    """The second part of multipart/signed: a signature over a first part of that digest, in base64."""
    return _SIGNATURE_HEAD + base64_lines(sign(digest, signing.algorithm, signing.scheme, signing.key, signing.at))


def signed_entity(entity: Entity, digest: bytes, signing: Signing, boundary: str) -> Entity:
    """multipart/signed around an entity whose digest is known. The signature stands behind it in base64."""
    before = opening(boundary)
    after = between(boundary) + signature_part(digest, signing) + closing(boundary)
    return Entity(
        Headers((("Content-Type", signed_type(signing.algorithm, boundary)),)),
        lambda: chain((before,), entity.whole(), (after,)),
        len(before) + entity.whole_size_bytes() + len(after),
    )
