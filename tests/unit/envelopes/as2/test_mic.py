"""MICs: names of digests, writing, reading and comparing."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.envelopes.as2.mic import ClaimedMic, Mic, MicComparison, compare, digest_named
from gateway.envelopes.as2.profile import DigestAlgorithm

DIGEST = hashlib.sha256(b"content").digest()
TEXT = "7XACtDnprIRfIjV9giusFERzD722AW0+yUMil7nsn3M="


@pytest.mark.parametrize(
    ("name", "algorithm"),
    [
        ("sha1", DigestAlgorithm.SHA1),
        ("SHA-1", DigestAlgorithm.SHA1),
        (' "sha-256"', DigestAlgorithm.SHA256),
        ("SHA256", DigestAlgorithm.SHA256),
        ("sha_384", DigestAlgorithm.SHA384),
        ("rsa-sha512", DigestAlgorithm.SHA512),
        ("md5", None),
        ("sha-224", None),
        ("sha3-256", None),
        ("", None),
    ],
)
def test_knows_digests_by_their_names(name: str, algorithm: DigestAlgorithm | None) -> None:
    """Each spelling of the field; MD5 and unknown ones are none."""
    assert digest_named(name) is algorithm


def test_writes_the_name_as_it_was_asked_for() -> None:
    """Some products compare the text."""
    assert str(Mic(DIGEST, DigestAlgorithm.SHA256)) == f"{TEXT}, sha-256"
    assert str(Mic(DIGEST, DigestAlgorithm.SHA256, "SHA256")) == f"{TEXT}, SHA256"


@pytest.mark.parametrize(
    "text", [f"{TEXT}, sha-256", f"{TEXT},SHA256", f" {TEXT[:20]} {TEXT[20:]} , sha256 ", f'{TEXT}, "sha-256"']
)
def test_reads_leniently(text: str) -> None:
    """Blanks anywhere, any spelling."""
    claimed = ClaimedMic.parse(text)

    assert compare(claimed, {DigestAlgorithm.SHA256: DIGEST}) is MicComparison.EQUAL


@pytest.mark.parametrize("text", ["", ",", ", sha1", "!!, sha1", "abc, sha1", "\u00fc, sha1", "x" * 300])
def test_reads_what_is_no_mic_as_none(text: str) -> None:
    """No base64, or nothing at all."""
    assert ClaimedMic.parse(text) is None


def test_compares_by_the_algorithm_that_is_named() -> None:
    """Equal, different, absent, or in a digest that nobody computed."""
    sent = {DigestAlgorithm.SHA256: DIGEST, DigestAlgorithm.SHA1: b"other"}

    assert compare(ClaimedMic(DIGEST, "sha256"), sent) is MicComparison.EQUAL
    assert compare(ClaimedMic(DIGEST, "sha1"), sent) is MicComparison.DIFFERS
    assert compare(ClaimedMic(DIGEST, "sha-512"), sent) is MicComparison.UNKNOWN_ALGORITHM
    assert compare(ClaimedMic(DIGEST, "md5"), sent) is MicComparison.UNKNOWN_ALGORITHM
    assert compare(ClaimedMic(DIGEST, ""), sent) is MicComparison.UNKNOWN_ALGORITHM
    assert compare(None, sent) is MicComparison.ABSENT


@given(st.text())
def test_reads_anything(text: str) -> None:
    """No text crashes the reader."""
    assert isinstance(ClaimedMic.parse(text), ClaimedMic | None)
