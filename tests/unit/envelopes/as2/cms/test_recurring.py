"""Signatures like an earlier one: comparing finds what reading finds, and never anything else."""

import hashlib
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from gateway.envelopes.as2.cms import (
    CmsError,
    DigestDiffers,
    SignedMessage,
    Verified,
    der,
    read_signed,
    recurring,
    verify,
)
from gateway.envelopes.as2.cms.identifiers import SIGNING_TIME
from gateway.envelopes.as2.cms.signing import sign
from gateway.envelopes.as2.credentials import OwnKey, Trust
from gateway.envelopes.as2.profile import DigestAlgorithm, SignatureScheme
from tests.unit.envelopes.as2.cms.ber_encoder import recode
from tests.unit.envelopes.as2.cms.messages import Signature, attribute, signed, usual_attributes

CONTENT = b"first content"
OTHER_CONTENT = b"other content"


@pytest.fixture(autouse=True)
def nothing_remembered() -> Iterator[None]:
    """Each test begins and ends without any."""
    recurring.forget()
    yield
    recurring.forget()


def _sign(key: OwnKey, content: bytes, at: datetime) -> bytes:
    digest = hashlib.sha256(content).digest()
    return sign(digest, DigestAlgorithm.SHA256, SignatureScheme.PKCS1V15, key, at)


def _read_anew(message: bytes) -> SignedMessage | str:
    recurring.forget()
    return _read(message)


def _read(message: bytes) -> SignedMessage | str:
    try:
        return read_signed(message)
    except CmsError as error:
        return str(error)


def test_finds_the_values_of_a_later_signature(partner_key: OwnKey, partner_trust: Trust, now: datetime) -> None:
    """Digest, time and signature are those of the later message."""
    later = now + timedelta(hours=3)
    read_signed(_sign(partner_key, CONTENT, now))

    message = _sign(partner_key, OTHER_CONTENT, later)
    found = recurring.like_earlier(message)
    assert found is not None
    assert SignedMessage((found[0],), found[1]) == _read_anew(message)
    outcome = verify(
        SignedMessage((found[0],), found[1]), lambda _: hashlib.sha256(OTHER_CONTENT).digest(), partner_trust, now
    )
    assert outcome == Verified(partner_key.certificate, DigestAlgorithm.SHA256, later)


def test_whatever_byte_differs_the_outcome_is_that_of_reading(partner_key: OwnKey, now: datetime) -> None:
    """Each byte changed in two ways, with the sound signature remembered and without."""
    message = _sign(partner_key, CONTENT, now)

    for position in range(len(message)):
        for change in (0x01, 0x80):
            damaged = bytearray(message)
            damaged[position] ^= change
            expected = _read_anew(bytes(damaged))
            _read_anew(message)
            assert _read(bytes(damaged)) == expected


@pytest.mark.parametrize("message_form", ["indefinite", "definite"])
def test_takes_lengths_in_any_form(partner_key: OwnKey, now: datetime, message_form: str) -> None:
    """What other products write, as long as the values are whole."""
    is_indefinite = message_form == "indefinite"
    message, other = (
        recode(_sign(partner_key, content, now), is_indefinite=is_indefinite) for content in (CONTENT, OTHER_CONTENT)
    )
    read_signed(message)

    found = recurring.like_earlier(other)
    assert found is not None
    assert SignedMessage((found[0],), found[1]) == _read_anew(other)


def test_remembers_nothing_of_values_in_pieces(partner_key: OwnKey, now: datetime) -> None:
    """Between the pieces stand headers, which would be taken for octets of the value."""
    message = recode(_sign(partner_key, CONTENT, now), piece_bytes=7)

    read_signed(message)

    assert recurring.like_earlier(message) is None


def test_a_digest_that_stands_somewhere_else_is_not_taken(
    partner_key: OwnKey, partner_trust: Trust, now: datetime
) -> None:
    """The same octets where nobody looks at them: changing them there must not change what was signed."""
    digest = hashlib.sha256(CONTENT).digest()
    attributes = [*usual_attributes(digest), attribute(SIGNING_TIME, der.time(now))]
    decoy = der.element(0x30, der.octet_string(digest))
    message = signed(CONTENT, Signature(partner_key, attributes=sorted(attributes)), lists=decoy)
    read_signed(message)

    altered = message.replace(decoy, der.element(0x30, der.octet_string(hashlib.sha256(OTHER_CONTENT).digest())), 1)
    outcome = verify(read_signed(altered), lambda _: hashlib.sha256(OTHER_CONTENT).digest(), partner_trust, now)
    assert isinstance(outcome, DigestDiffers)


@pytest.mark.parametrize(
    "attributes", [(), usual_attributes(hashlib.sha256(CONTENT).digest())], ids=["none", "no time"]
)
def test_remembers_only_what_has_all_values(partner_key: OwnKey, attributes: list[bytes]) -> None:
    """A signature without a time, or without attributes, is read each time."""
    message = signed(CONTENT, Signature(partner_key, attributes=attributes))

    read_signed(message)

    assert recurring.like_earlier(message) is None


def test_several_signers_are_read_each_time(partner_key: OwnKey, our_key: OwnKey, now: datetime) -> None:
    """Only one signer is compared."""
    attributes = [*usual_attributes(hashlib.sha256(CONTENT).digest()), attribute(SIGNING_TIME, der.time(now))]
    signatures = [Signature(key, attributes=sorted(attributes)) for key in (partner_key, our_key)]
    message = signed(CONTENT, *signatures)

    assert len(read_signed(message).signers) == 2
    assert recurring.like_earlier(message) is None


def test_what_is_remembered_is_bounded(partner_key: OwnKey, now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bound all is forgotten; the last one is there."""
    monkeypatch.setattr(recurring, "MAXIMUM_REMEMBERED", 2)
    attributes = [*usual_attributes(hashlib.sha256(CONTENT).digest()), attribute(SIGNING_TIME, der.time(now))]
    messages = [
        signed(CONTENT, Signature(partner_key, attributes=sorted(attributes)), lists=der.octet_string(bytes(size)))
        for size in range(3)
    ]

    for message in messages:
        read_signed(message)

    assert [recurring.like_earlier(message) is not None for message in messages] == [False, False, True]
