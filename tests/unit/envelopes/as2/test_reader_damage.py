"""Damaged messages: any bytes end in a fault that is known, and nobody can decrypt by asking."""

from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.envelopes.as2.addressing import NotAs2, read_addressing
from gateway.envelopes.as2.cms.ber import SEQUENCE, Cursor, context, primitive_context
from gateway.envelopes.as2.credentials import OwnKey, Trust
from gateway.envelopes.as2.digests import NeedsDigest
from gateway.envelopes.as2.disposition import As2Fault, Modifier
from gateway.envelopes.as2.profile import SecurityPolicy
from gateway.envelopes.as2.reading import Opened
from gateway.envelopes.as2.receipt_reader import ReceiptError, read_receipt
from gateway.envelopes.mime.fault import MimeError
from gateway.envelopes.mime.headers import Headers
from tests.unit.envelopes.as2.scripted_sender import (
    NOW,
    OPEN,
    X12,
    Entity,
    Message,
    Receiver,
    compressed,
    encrypted,
    message,
    opaque,
    payload,
    pkcs7,
    signed,
)

BLOCK_BYTES = 16
STRICT = SecurityPolicy(signature_required=True, encryption_required=True)
Outcome = tuple[bytes, Opened] | Modifier | str


@pytest.fixture(scope="module")
def us(our_key: OwnKey, partner_trust: Trust) -> Receiver:
    """We, who take anything from the partner."""
    return Receiver(our_key, partner_trust, OPEN)


@pytest.fixture(scope="module")
def messages(our_key: OwnKey, partner_key: OwnKey) -> dict[str, Entity]:
    """One of each way to pack."""
    certificate = our_key.certificate
    return {
        "signed": signed(payload(), partner_key),
        "opaque": opaque(payload(), partner_key),
        "compressed": compressed(signed(payload(), partner_key)),
        "encrypted": encrypted(payload(), certificate),
        "signed and encrypted": encrypted(signed(payload(), partner_key), certificate),
        "all": encrypted(signed(compressed(payload()), partner_key), certificate),
    }


def outcome(us: Receiver, sent: Message, size: int | None = None) -> Outcome:
    """What became of it; anything but a known fault goes through."""
    try:
        return us.read(sent, size)
    except As2Fault as fault:
        return fault.modifier
    except NeedsDigest as needed:
        return needed.algorithm.value


def is_payload(found: Outcome) -> bool:
    """Whether the caller would believe what it got."""
    return isinstance(found, tuple)


WAYS = ["signed", "opaque", "compressed", "encrypted", "signed and encrypted", "all"]


@pytest.mark.parametrize("way", WAYS)
def test_cut_off_anywhere(us: Receiver, messages: dict[str, Entity], way: str) -> None:
    """A message without its end is no message."""
    entity = messages[way]
    found = {
        outcome(us, message(Entity(entity.fields, entity.body[:end])))
        for end in range(len(entity.body.rstrip(b"\r\n-")))
    }

    assert found <= set(Modifier)


@pytest.mark.parametrize("way", WAYS)
def test_one_bit_flipped_anywhere(us: Receiver, messages: dict[str, Entity], way: str) -> None:
    """Signed content is never another than was signed; whatever else happens has a name."""
    entity = messages[way]
    for position in range(len(entity.body)):
        flipped = bytearray(entity.body)
        flipped[position] ^= 1 << position % 8
        found = outcome(us, message(Entity(entity.fields, bytes(flipped))))

        if isinstance(found, tuple) and found[1].is_signed:
            assert found[0] == X12


HEADS: list[dict[str, str]] = [
    {"Content-Type": "application/pkcs7-mime; smime-type=enveloped-data"},
    {"Content-Type": "application/pkcs7-mime; smime-type=compressed-data"},
    {"Content-Type": "application/pkcs7-mime; smime-type=signed-data"},
    {"Content-Type": "application/pkcs7-mime"},
    {"Content-Type": "multipart/signed; boundary=b; micalg=sha-256"},
    {"Content-Type": "multipart/mixed; boundary=b"},
    {"Content-Transfer-Encoding": "base64"},
    {},
]
SNIPPETS = st.sampled_from(
    [
        b"\r\n",
        b"\n",
        b"--b",
        b"--",
        b"Content-Type: ",
        b"multipart/signed; boundary=b",
        b"0\x80",
        b"MIAG",
        b"\x00\x00",
        b"x",
    ]
)
BODIES = st.one_of(
    st.binary(max_size=200), st.lists(st.one_of(SNIPPETS, st.binary(max_size=9)), max_size=20).map(b"".join)
)


@settings(max_examples=300)
@given(st.sampled_from(HEADS), BODIES, st.integers(1, 50))
def test_any_bytes(us: Receiver, fields: dict[str, str], body: bytes, size: int) -> None:
    """No bytes raise anything but a fault, and any chunking ends alike."""
    sent = message(Entity(fields, body))

    assert outcome(us, sent) == outcome(us, sent, size)


@settings(max_examples=300)
@given(st.lists(st.tuples(st.sampled_from(["AS2-From", "AS2-To", "Message-ID", "x"]), st.text(max_size=20))))
def test_any_addressing(fields: list[tuple[str, str]]) -> None:
    """No fields raise anything but NotAs2."""
    try:
        read = read_addressing(Headers(tuple(fields)))
    except NotAs2:
        return

    assert read.sender


@settings(max_examples=300)
@given(BODIES)
def test_any_receipt(body: bytes) -> None:
    """No bytes raise anything but ReceiptError."""
    for content_type in (
        "multipart/report; boundary=b",
        "multipart/signed; boundary=b",
        "message/disposition-notification",
    ):
        with pytest.raises(ReceiptError):
            read_receipt(Headers((("Content-Type", content_type),)), body, Trust(), NOW)


@given(st.binary(max_size=300))
def test_any_head(block: bytes) -> None:
    """No head raises anything but MimeError."""
    try:
        headers = Headers.parse(block)
    except MimeError:
        return

    assert Headers.parse(headers.encode()) == headers


@settings(max_examples=60)
@given(st.sampled_from(WAYS), st.lists(st.integers(1, 3000), max_size=4), st.integers(1, 4000))
def test_any_chunking(us: Receiver, messages: dict[str, Entity], way: str, cuts: list[int], size: int) -> None:
    """Pieces of any size, equal or not, give the same."""
    sent = message(messages[way])
    reader = us.reader(sent)
    bounds = [0, *sorted(cuts), len(sent.body)]
    given_pieces = [piece for begin, end in pairwise(bounds) for piece in reader.feed(sent.body[begin:end])]
    rest, opened = reader.finish()

    assert (b"".join((*given_pieces, *rest)), opened) == us.read(sent, size) == us.read(sent)


def taken_apart(der: bytes) -> tuple[bytes, Callable[[bytes], bytes]]:
    """The ciphertext of an EnvelopedData, and what puts another one in its place."""
    cursor = Cursor(der)
    cursor.enter(SEQUENCE)
    identifier = cursor.raw()
    cursor.enter(context(0))
    cursor.enter(SEQUENCE)
    version, recipients = cursor.raw(), cursor.raw()
    cursor.enter(SEQUENCE)
    head = cursor.raw() + cursor.raw()
    ciphertext = cursor.read(primitive_context(0))

    def around(changed: bytes) -> bytes:
        content = b"\x80\x84" + len(changed).to_bytes(4, "big") + changed
        opening = (b"\x30\x80", identifier, b"\xa0\x80\x30\x80", version, recipients, b"\x30\x80", head)
        return b"".join((*opening, content, bytes(8)))

    return ciphertext, around


def changes(ciphertext: bytes) -> Iterator[bytes]:
    """What is sent by someone who wants to know how a block of ciphertext decrypts.

    The block is put at the end of all or some of the message, behind each value of the byte on which it depends
    whether the padding fits.
    """
    middle = len(ciphertext) // 2 // BLOCK_BYTES * BLOCK_BYTES
    target = ciphertext[middle : middle + BLOCK_BYTES]
    for kept in (len(ciphertext), len(ciphertext) - 4 * BLOCK_BYTES, 6 * BLOCK_BYTES):
        for value in range(256):
            yield ciphertext[:kept] + b"fifteen bytes.." + bytes((value,)) + target


@pytest.mark.parametrize("inner", ["signed", "opaque", "compressed", "bare"])
def test_wrong_padding_is_answered_like_a_plaintext_without_sense(
    us: Receiver, our_key: OwnKey, partner_key: OwnKey, inner: str
) -> None:
    """Of 256 altered messages one has a padding that fits: its answer must be that of the others."""
    strict = Receiver(our_key, us.trust, STRICT)
    content = {
        "signed": signed(payload(), partner_key).whole(),
        "opaque": opaque(payload(), partner_key).whole(),
        "compressed": compressed(signed(payload(), partner_key)).whole(),
        "bare": X12 * 3,
    }[inner]
    ciphertext, around = taken_apart(encrypted(content, our_key.certificate).body)

    answers = {outcome(strict, message(pkcs7(around(changed), None))) for changed in changes(ciphertext)}

    assert answers == {Modifier.DECRYPTION_FAILED}


def test_unsigned_is_answered_whether_or_not_the_padding_fits(us: Receiver, our_key: OwnKey) -> None:
    """It is the head that shows it: the padding makes no difference."""
    strict = Receiver(our_key, us.trust, STRICT)
    ciphertext, around = taken_apart(encrypted(payload(X12 * 3), our_key.certificate).body)

    answers = {outcome(strict, message(pkcs7(around(changed), None))) for changed in changes(ciphertext)}

    assert answers == {Modifier.INSUFFICIENT_MESSAGE_SECURITY}


def test_taken_apart_and_put_together(us: Receiver, our_key: OwnKey) -> None:
    """The tests of altered messages begin from one that opens."""
    ciphertext, around = taken_apart(encrypted(payload(), our_key.certificate).body)

    assert is_payload(outcome(us, message(pkcs7(around(ciphertext), None))))
