"""Digests in one pass: as received, and in each way in which a sender may have meant the bytes."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.envelopes.as2.digests import ContentDigests, NeedsDigest, Tolerance, new_hash, update
from gateway.envelopes.as2.profile import DigestAlgorithm

PIECES = st.lists(st.sampled_from([b"\r\n", b"\n", b"\r", b"x", b"~", b"x" * 3000]), max_size=12)


def ways(content: bytes, size: int) -> dict[Tolerance, bytes]:
    """Each tolerated way and its SHA-256, of content in pieces of `size` bytes."""
    digests = ContentDigests([DigestAlgorithm.SHA256])
    for begin in range(0, len(content), size):
        digests.feed(content[begin : begin + size])
    return {tolerance: digest_of(DigestAlgorithm.SHA256) for tolerance, digest_of in digests.ways()}


def sha256(content: bytes) -> bytes:
    """Of all at once."""
    return hashlib.sha256(content).digest()


@given(PIECES.map(b"".join), st.integers(1, 5000))
def test_computes_each_way(content: bytes, size: int) -> None:
    """The digests are those of the whole content, changed as the way says."""
    expected = {Tolerance.NONE: sha256(content), Tolerance.PLUS_CRLF: sha256(content + b"\r\n")}
    if content.endswith(b"\r\n"):
        expected[Tolerance.MINUS_CRLF] = sha256(content[:-2])
    if content.count(b"\n") != content.count(b"\r\n"):
        expected[Tolerance.LINE_ENDS] = sha256(content.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))

    assert ways(content, size) == expected


def test_tries_the_most_faithful_first() -> None:
    """Exact bytes, then one CRLF fewer, one more, then line ends."""
    assert list(ways(b"a\nb\r\n", 100)) == list(Tolerance)


def test_says_which_digest_is_missing() -> None:
    """The caller can read the bytes again for it."""
    digests = ContentDigests([DigestAlgorithm.SHA256])
    _, digest_of = next(digests.ways())

    with pytest.raises(NeedsDigest) as raised:
        digest_of(DigestAlgorithm.SHA512)
    assert raised.value.algorithm is DigestAlgorithm.SHA512


@pytest.mark.parametrize("algorithm", DigestAlgorithm)
@pytest.mark.parametrize("size", [0, 2047, 2048, 20_000])
def test_knows_each_algorithm(algorithm: DigestAlgorithm, size: int) -> None:
    """The names are hashlib's; small and large pieces give the same."""
    running = new_hash(algorithm)
    update([running], bytes(size))

    assert running.digest() == hashlib.new(algorithm.value, bytes(size)).digest()
