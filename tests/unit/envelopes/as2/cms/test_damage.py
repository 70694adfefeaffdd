"""Damaged messages: cut at every offset, a bit flipped at every offset, nonsense. Only CmsError, and never a yes."""

import hashlib
import zlib
from collections.abc import Callable
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.envelopes.as2.cms import (
    CmsError,
    CompressedReader,
    EnvelopedReader,
    SignedReader,
    Verified,
    read_signed,
    sign,
    verify,
)
from gateway.envelopes.as2.credentials import OwnKey, Trust
from gateway.envelopes.as2.profile import DigestAlgorithm, SignatureScheme
from tests.unit.envelopes.as2.cms.ber_encoder import recode
from tests.unit.envelopes.as2.cms.messages import (
    Signature,
    authenticated_to,
    compressed,
    encrypted_to,
    read,
    signed,
)

# A damaged certificate in a message may hold values that `cryptography` warns of before it refuses them.
pytestmark = pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")

CONTENT = b"Content-Type: text/plain\r\n\r\nhello"
READERS: dict[str, Callable[[OwnKey], EnvelopedReader | CompressedReader | SignedReader]] = {
    "enveloped": lambda key: EnvelopedReader([key]),
    "authenticated": lambda key: EnvelopedReader([key]),
    "compressed": lambda _: CompressedReader(),
    "opaque": lambda _: SignedReader(),
}
MESSAGES: dict[str, Callable[[OwnKey, OwnKey], bytes]] = {
    "enveloped": lambda ours, _: encrypted_to(ours, CONTENT),
    "authenticated": lambda ours, _: authenticated_to(ours, CONTENT, attributes=b"\x31\x03\x02\x01\x01"),
    "compressed": lambda _, __: compressed(zlib.compress(CONTENT)),
    "opaque": lambda _, partner: signed(CONTENT, Signature(partner), is_opaque=True),
}
FORMS = pytest.mark.parametrize("piece_bytes", [None, 5], ids=["der", "pieces"])
KINDS = pytest.mark.parametrize("kind", MESSAGES)


def _message(kind: str, piece_bytes: int | None, ours: OwnKey, partner: OwnKey) -> bytes:
    message = MESSAGES[kind](ours, partner)
    return recode(message, piece_bytes=piece_bytes) if piece_bytes else message


def _flipped(message: bytes, offset: int) -> bytes:
    return message[:offset] + bytes((message[offset] ^ 1 << offset % 8,)) + message[offset + 1 :]


def _read(kind: str, message: bytes, key: OwnKey, step: int | None = None) -> bytes | None:
    """None where the message is refused."""
    try:
        return read(READERS[kind](key), message, step)
    except CmsError:
        return None


@KINDS
@FORMS
def test_every_beginning_is_refused(kind: str, piece_bytes: int | None, our_key: OwnKey, partner_key: OwnKey) -> None:
    """A message is whole or it is none."""
    message = _message(kind, piece_bytes, our_key, partner_key)

    assert _read(kind, message, our_key) == CONTENT
    assert [size for size in range(len(message)) if _read(kind, message[:size], our_key) is not None] == []


@KINDS
@FORMS
@pytest.mark.parametrize("step", [None, 3])
def test_a_flipped_bit_is_refused_or_changes_what_nothing_protects(
    kind: str, piece_bytes: int | None, step: int | None, *, our_key: OwnKey, partner_key: OwnKey
) -> None:
    """CBC protects nothing and a signature has yet to be verified; a tag or a checksum must hold."""
    message = _message(kind, piece_bytes, our_key, partner_key)
    found = {_read(kind, _flipped(message, offset), our_key, step) for offset in range(len(message))}

    assert None in found
    assert kind in ("enveloped", "opaque") or found <= {None, CONTENT}


@FORMS
def test_a_flipped_bit_in_an_opaque_message_never_verifies_another_content(
    piece_bytes: int | None, our_key: OwnKey, partner_key: OwnKey, partner_trust: Trust, now: datetime
) -> None:
    """What is verified is what was signed."""
    message = _message("opaque", piece_bytes, our_key, partner_key)
    for offset in range(len(message)):
        reader = SignedReader()
        try:
            content = read(reader, _flipped(message, offset))
            assert reader.signed is not None
            outcome = verify(reader.signed, reader.digest_of, partner_trust, now)
        except CmsError:
            continue

        assert content == CONTENT or not isinstance(outcome, Verified)


@FORMS
@pytest.mark.parametrize("chain", ["pinned", "authority"])
def test_a_damaged_signature_never_verifies_another_content(
    piece_bytes: int | None, chain: str, request: pytest.FixtureRequest, now: datetime
) -> None:
    """Cut, or with a flipped bit anywhere, certificates included."""
    key: OwnKey = request.getfixturevalue("partner_key" if chain == "pinned" else "issued_key")
    trust: Trust = request.getfixturevalue("partner_trust" if chain == "pinned" else "authority_trust")
    digest = hashlib.sha256(CONTENT).digest()
    message = sign(digest, DigestAlgorithm.SHA256, SignatureScheme.PKCS1V15, key, now)
    form = recode(message, piece_bytes=piece_bytes) if piece_bytes else message
    damaged = [form[:size] for size in range(len(form))] + [_flipped(form, offset) for offset in range(len(form))]
    for each in damaged:
        try:
            found = read_signed(each)
        except CmsError:
            continue

        assert not isinstance(verify(found, lambda _: b"another", trust, now), Verified)
        verify(found, lambda _: digest, trust, now)


@KINDS
@given(nonsense=st.binary(max_size=200), place=st.integers(0, 10_000), gone=st.integers(0, 50))
def test_nonsense_is_refused(
    kind: str, nonsense: bytes, place: int, gone: int, *, our_key: OwnKey, partner_key: OwnKey
) -> None:
    """Alone, or in place of a part of a message."""
    message = _message(kind, None, our_key, partner_key)
    start = place % len(message)
    spliced = message[:start] + nonsense + message[start + gone :]

    assert _read(kind, nonsense, our_key) is None
    assert _read(kind, spliced, our_key) == _read(kind, spliced, our_key, 1)


@given(st.binary(max_size=300))
def test_nonsense_is_no_signature(nonsense: bytes) -> None:
    """Whatever it is."""
    with pytest.raises(CmsError):
        read_signed(nonsense)


@KINDS
@pytest.mark.parametrize(
    "beginning",
    [
        b"\x30\x80" * 100_000,
        b"\x30\x88\x3f" + b"\xff" * 7 + b"\x06",
        b"\x30\x84\xff\xff\xff\xff\x06\x84\xff\xff\xff\xff",
        b"\x24\x80" * 100_000,
        b"\x30\x89" + b"\xff" * 100,
        bytes(100_000),
    ],
    ids=["nested", "huge", "huge inside", "strings", "length of lengths", "zeros"],
)
def test_hostile_beginnings_are_refused(kind: str, beginning: bytes, our_key: OwnKey) -> None:
    """Nested without end, or with lengths of more than there is memory."""
    assert _read(kind, beginning, our_key) is None
    assert _read(kind, beginning, our_key, 1000) is None
    with pytest.raises(CmsError):
        read_signed(beginning)


@pytest.mark.parametrize("length", [b"\x88\x0f" + b"\xff" * 7, b"\x84\xff\xff\xff\xff"])
def test_a_huge_length_of_the_content_runs_out_of_bytes(our_key: OwnKey, length: bytes) -> None:
    """Within indefinite lengths nothing else bounds it; its plaintext goes on as it comes, and the end is missing."""
    message = recode(encrypted_to(our_key, CONTENT))
    start = message.rindex(b"\x80" + bytes((48,)))
    reader = EnvelopedReader([our_key])

    assert b"".join(reader.feed(message[: start + 1] + length + message[start + 2 :])).startswith(CONTENT[:16])
    with pytest.raises(CmsError, match="too early"):
        reader.finish()
