"""Messages that cannot be taken: each with the disposition that the sender is told."""

import hashlib
import re
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.serialization.pkcs7 import PKCS7Options

from gateway.envelopes.as2.cms.limits import CmsLimits
from gateway.envelopes.as2.credentials import OwnKey, Trust
from gateway.envelopes.as2.disposition import As2Fault, Modifier
from gateway.envelopes.as2.profile import SecurityPolicy
from tests.unit.envelopes.as2.scripted_sender import (
    BOUNDARY,
    X12,
    Entity,
    Message,
    Receiver,
    compressed,
    encrypted,
    message,
    multipart,
    opaque,
    payload,
    pkcs7,
    signature_part,
    signed,
    wanting,
)


@pytest.fixture
def us(our_key: OwnKey, partner_trust: Trust) -> Receiver:
    """We, who take anything from the partner."""
    return Receiver(our_key, partner_trust)


def fault_of(us: Receiver, sent: Message) -> As2Fault:
    """The fault of a message, which must be the same whole and byte by byte."""
    faults = []
    for size in (None, 1):
        with pytest.raises(As2Fault) as raised:
            us.read(sent, size)
        faults.append(raised.value)
    assert faults[0].modifier is faults[1].modifier
    return faults[0]


def altered(entity: Entity, old: bytes, new: bytes) -> Entity:
    """The same with one thing changed in its body."""
    assert old in entity.body
    return Entity(entity.fields, entity.body.replace(old, new, 1))


def test_cannot_decrypt(us: Receiver, partner_key: OwnKey, stranger_key: OwnKey) -> None:
    """Encrypted to someone else, or no ciphertext at all."""
    to_stranger = message(encrypted(signed(payload(), partner_key), stranger_key.certificate))
    garbage = message(pkcs7(b"\x30\x82garbage", "enveloped-data"))
    nothing = message(pkcs7(b"", "enveloped-data"))
    no_base64 = message(pkcs7(b"MIAG=cut", "enveloped-data"))

    for sent in (to_stranger, garbage, nothing, no_base64):
        assert fault_of(us, sent).modifier is Modifier.DECRYPTION_FAILED


def test_signature_does_not_match(us: Receiver, partner_key: OwnKey, our_key: OwnKey) -> None:
    """One byte of the content is another than was signed; plain, encrypted and opaque."""
    tampered = altered(signed(payload(), partner_key), b"PARTNER", b"PARTNEX")

    for entity in (
        tampered,
        encrypted(tampered, our_key.certificate),
        compressed(tampered),
        altered(opaque(payload(), partner_key), b"PARTNER", b"PARTNEX"),
        altered(signed(payload(), partner_key, "sha-256", PKCS7Options.NoAttributes), b"PARTNER", b"PARTNEX"),
    ):
        assert fault_of(us, message(entity)).modifier is Modifier.INTEGRITY_CHECK_FAILED


def test_mic_is_known_although_the_signature_does_not_match(us: Receiver, partner_key: OwnKey) -> None:
    """The receipt tells the sender what we have (RFC 4130 7.3.1)."""
    sent = message(altered(signed(payload(), partner_key), b"PARTNER", b"PARTNEX"), **wanting("sha-512"))
    reader = us.reader(sent)
    reader.feed(sent.body)

    with pytest.raises(As2Fault):
        reader.finish()
    assert reader.mic is not None
    assert reader.mic.digest == hashlib.sha512(payload(X12.replace(b"PARTNER", b"PARTNEX")).whole()).digest()


def test_signer_is_unknown(us: Receiver, stranger_key: OwnKey, expired_key: OwnKey, our_key: OwnKey) -> None:
    """Nobody pinned the certificate, or it has expired."""
    for key in (stranger_key, expired_key):
        for entity in (signed(payload(), key), opaque(payload(), key)):
            assert fault_of(us, message(entity)).modifier is Modifier.AUTHENTICATION_FAILED
            sent = message(encrypted(entity, our_key.certificate))
            assert fault_of(us, sent).modifier is Modifier.AUTHENTICATION_FAILED


def test_cannot_decompress(us: Receiver, partner_key: OwnKey, our_key: OwnKey) -> None:
    """A damaged stream, or none, where a signature shows that the sender made it so."""
    whole = compressed(payload())
    damaged = Entity(whole.fields, whole.body[:-6] + bytes(6))
    garbage = pkcs7(b"\x30\x82garbage", "compressed-data")

    for entity in (
        damaged,
        garbage,
        signed(damaged, partner_key),
        encrypted(signed(damaged, partner_key), our_key.certificate),
    ):
        assert fault_of(us, message(entity)).modifier is Modifier.DECOMPRESSION_FAILED


def test_refuses_a_compression_bomb(us: Receiver) -> None:
    """What grows beyond all bounds is not decompressed to its end."""
    us.limits = replace(us.limits, cms=CmsLimits(inflated_bytes=100_000, inflated_free_bytes=1000))

    assert fault_of(us, message(compressed(payload(bytes(1_000_000))))).modifier is Modifier.DECOMPRESSION_FAILED


@pytest.mark.parametrize("policy", [SecurityPolicy(True, False), SecurityPolicy(True, True)])
def test_agreement_wants_it_signed(us: Receiver, our_key: OwnKey, policy: SecurityPolicy) -> None:
    """Unsigned, plain or encrypted, compressed or with attachments."""
    us.policy = policy
    attachments = Entity({"Content-Type": "multipart/mixed; boundary=in"}, multipart(b"\r\na", b"\r\nb", boundary="in"))

    for entity in (payload(), attachments, compressed(payload())):
        assert fault_of(us, message(entity)).modifier is Modifier.INSUFFICIENT_MESSAGE_SECURITY
        sent = message(encrypted(entity, our_key.certificate))
        assert fault_of(us, sent).modifier is Modifier.INSUFFICIENT_MESSAGE_SECURITY


@pytest.mark.parametrize("policy", [SecurityPolicy(False, True), SecurityPolicy(True, True)])
def test_agreement_wants_it_encrypted(us: Receiver, partner_key: OwnKey, policy: SecurityPolicy) -> None:
    """Signed in the clear; the MIC is known."""
    us.policy = policy
    sent = message(signed(payload(), partner_key))
    reader = us.reader(sent)
    reader.feed(sent.body)

    with pytest.raises(As2Fault) as raised:
        reader.finish()
    assert raised.value.modifier is Modifier.INSUFFICIENT_MESSAGE_SECURITY
    assert reader.mic is not None


def test_sender_equals_receiver(us: Receiver, partner_key: OwnKey) -> None:
    """Whatever the body holds."""
    sent = message(signed(payload(), partner_key), AS2_From='"us"')

    assert fault_of(us, sent).modifier is Modifier.SENDER_EQUALS_RECEIVER


@pytest.mark.parametrize("declared", ["md5", "sha-224", "unknown", '"md5, sha-224"'])
def test_micalg_is_not_supported(us: Receiver, partner_key: OwnKey, declared: str) -> None:
    """A digest that is not computed."""
    sent = message(signed(payload(), partner_key, declared=declared))

    assert fault_of(us, sent).modifier is Modifier.UNSUPPORTED_MIC_ALGORITHMS


def test_receipt_is_demanded_with_what_is_not_supported(us: Receiver, partner_key: OwnKey) -> None:
    """`required` and unknown; `optional` and unknown is passed over."""
    entity = signed(payload(), partner_key)

    assert fault_of(us, message(entity, **wanting("md5", "required"))).modifier is Modifier.UNSUPPORTED_MIC_ALGORITHMS
    assert us.read(message(entity, **wanting("md5")))[0] == X12


def test_protocol_is_not_supported(us: Receiver, partner_key: OwnKey, our_key: OwnKey) -> None:
    """OpenPGP, in the label or in the second part."""
    labelled = signed(payload(), partner_key, protocol="application/pgp-signature")
    second = altered(signed(payload(), partner_key), b"application/pkcs7-signature", b"application/pgp-signature")

    for entity in (labelled, second, encrypted(second, our_key.certificate)):
        assert fault_of(us, message(entity)).modifier is Modifier.UNSUPPORTED_FORMAT


@pytest.mark.parametrize("smime_type", ["certs-only", "aes-data", "x", "enveloped"])
def test_smime_type_is_not_known(us: Receiver, our_key: OwnKey, smime_type: str) -> None:
    """Two products hand such ciphertext on as payload."""
    inner = encrypted(payload(), our_key.certificate, smime_type)

    for entity in (inner, compressed(inner)):
        assert fault_of(us, message(entity)).modifier is Modifier.UNSUPPORTED_FORMAT


def test_kind_of_content_is_not_known(us: Receiver) -> None:
    """Without an smime-type, something that is none of ours (RFC 5652 DigestedData)."""
    digested = bytes.fromhex("308020600609 2a864886f70d010705a080".replace(" ", "")) + bytes(40)

    assert fault_of(us, message(pkcs7(digested, None))).modifier is Modifier.UNSUPPORTED_FORMAT


@pytest.mark.parametrize("content_type", ["multipart/alternative; boundary=x", "multipart/report; boundary=x"])
def test_content_is_of_a_type_that_cannot_be(us: Receiver, content_type: str) -> None:
    """A multipart that holds no attachments."""
    sent = message(Entity({"Content-Type": content_type}, multipart(b"\r\na", b"\r\nb", boundary="x")))

    assert fault_of(us, sent).modifier is Modifier.UNSUPPORTED_FORMAT


@pytest.mark.parametrize("content_type", ["application/pkcs7-mime", "application/pkcs7-signature", "multipart/signed"])
def test_protection_inside_an_attachment(us: Receiver, content_type: str) -> None:
    """What nobody opens must not pass as payload."""
    part = Entity({"Content-Type": content_type}, b"ciphertext").whole()
    sent = message(Entity({"Content-Type": "multipart/mixed; boundary=in"}, multipart(b"\r\na", part, boundary="in")))

    assert fault_of(us, sent).modifier is Modifier.UNSUPPORTED_FORMAT


def test_packed_twice(us: Receiver, partner_key: OwnKey, our_key: OwnKey) -> None:
    """Layers cannot lie without end."""

    def enveloped(entity: Entity) -> Entity:
        return encrypted(entity, our_key.certificate)

    for entity in (
        signed(opaque(payload(), partner_key), partner_key),
        opaque(opaque(payload(), partner_key), partner_key),
        enveloped(signed(enveloped(payload()), partner_key)),
        enveloped(enveloped(payload())),
        compressed(compressed(payload())),
    ):
        assert fault_of(us, message(entity)).modifier is Modifier.UNSUPPORTED_FORMAT


def test_attachments_nested_too_deep(us: Receiver) -> None:
    """Nor can multiparts."""
    entity = payload()
    for number in range(6):
        boundary = f"b{number}"
        body = multipart(entity.whole(), b"\r\nx", boundary=boundary)
        entity = Entity({"Content-Type": f"multipart/mixed; boundary={boundary}"}, body)

    assert fault_of(us, message(entity)).modifier is Modifier.UNSUPPORTED_FORMAT


@pytest.mark.parametrize(
    "entity",
    [
        Entity({"Content-Type": "multipart/mixed"}, b"--x--"),
        Entity({"Content-Type": "multipart/mixed; boundary=x"}, b"--x\r\n\r\ncut off"),
        Entity({"Content-Type": "multipart/mixed; boundary=x"}, b"--x--"),
        Entity({"Content-Type": "multipart/mixed; boundary=x"}, b"--x\r\n\r\n\r\n" * 200 + b"--x--"),
        Entity(
            {"Content-Type": "multipart/mixed; boundary=x"}, b"--x\r\nContent-Type: a/b\r\nno field\r\n\r\n\r\n--x--"
        ),
        Entity({"Content-Transfer-Encoding": "base64"}, b"\xff" * 200),
        Entity({"Content-Transfer-Encoding": "x-uuencode"}, b"begin"),
    ],
    ids=["no boundary", "cut off", "no part", "too many parts", "no header", "no base64", "unknown encoding"],
)
def test_mime_is_malformed(us: Receiver, entity: Entity) -> None:
    """Syntax that has no meaning."""
    assert fault_of(us, message(entity)).modifier is Modifier.UNEXPECTED_PROCESSING_ERROR
    us.policy = SecurityPolicy(signature_required=True)
    assert fault_of(us, message(entity)).modifier is Modifier.INSUFFICIENT_MESSAGE_SECURITY


def test_signed_message_is_malformed(us: Receiver, partner_key: OwnKey) -> None:
    """Cut off, without signature, with three parts or an endless signature: nothing shows that it is whole."""
    whole = signed(payload(), partner_key)
    delimiter = f"\r\n--{BOUNDARY}".encode()
    second = signature_part(b"\x30\x82" + bytes(2 << 20))

    for body in (
        whole.body[: whole.body.rindex(delimiter)],
        whole.body[: whole.body.index(delimiter)] + delimiter + b"--\r\n",
        whole.body.removesuffix(b"--\r\n") + b"\r\n\r\nthird" + delimiter + b"--\r\n",
        multipart(payload().whole(), signature_part(b"\x30\x82garbage")),
        multipart(payload().whole(), signature_part(b"")),
        multipart(payload().whole(), second),
        b"",
    ):
        assert fault_of(us, message(Entity(whole.fields, body))).modifier is Modifier.INTEGRITY_CHECK_FAILED
    without_boundary = Entity({"Content-Type": "multipart/signed"}, whole.body)
    assert fault_of(us, message(without_boundary)).modifier is Modifier.INTEGRITY_CHECK_FAILED


def test_signature_counts_before_what_is_inside(us: Receiver, partner_key: OwnKey) -> None:
    """Content that cannot be read is the sender's fault only where the sender signed it."""
    unreadable = Entity({"Content-Transfer-Encoding": "base64"}, b"\xff" * 200)
    tampered = altered(
        signed(payload(), partner_key), b"Content-Transfer-Encoding: binary", b"Content-Transfer-Encoding: b"
    )

    assert fault_of(us, message(signed(unreadable, partner_key))).modifier is Modifier.UNEXPECTED_PROCESSING_ERROR
    assert fault_of(us, message(tampered)).modifier is Modifier.INTEGRITY_CHECK_FAILED


def test_a_fault_says_nothing_of_the_content(us: Receiver, partner_key: OwnKey) -> None:
    """Sentences for the operator, without payload."""
    sent = message(altered(signed(payload(), partner_key), b"PARTNER", b"PARTNEX"))

    assert re.fullmatch(r"[A-Z][A-Za-z -]+\.", fault_of(us, sent).detail)
