"""Slips of real products, each as a scripted message, read whole and in pieces."""

import hashlib
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.serialization.pkcs7 import PKCS7Options

from gateway.envelopes.as2.addressing import read_addressing
from gateway.envelopes.as2.credentials import OwnKey, Trust
from gateway.envelopes.as2.digests import Tolerance
from gateway.envelopes.as2.profile import DigestAlgorithm, SecurityPolicy
from gateway.envelopes.as2.reading import Opened
from gateway.envelopes.mime.transfer import base64_lines
from tests.unit.envelopes.as2.scripted_sender import (
    BOUNDARY,
    HL7,
    X12,
    Entity,
    Receiver,
    compressed,
    encrypted,
    message,
    multipart,
    opaque,
    payload,
    signature,
    signature_part,
    signed,
    wanting,
)

SIZES = [None, 1, 100]


def sha256(content: bytes) -> bytes:
    """Of what a MIC covers."""
    return hashlib.sha256(content).digest()


@pytest.fixture
def us(our_key: OwnKey, partner_trust: Trust) -> Receiver:
    """We, who want everything signed."""
    return Receiver(our_key, partner_trust, SecurityPolicy(signature_required=True, encryption_required=False))


def read(us: Receiver, entity: Entity, **fields: str) -> tuple[bytes, Opened]:
    """The same whole and in pieces."""
    results = [us.read(message(entity, **fields), size) for size in SIZES]
    assert results.count(results[0]) == len(SIZES)
    return results[0]


@pytest.mark.parametrize("body", [X12, HL7], ids=["X12", "HL7"])
@pytest.mark.parametrize(
    ("tolerance", "change"),
    [
        (Tolerance.NONE, lambda content: content),
        (Tolerance.MINUS_CRLF, lambda content: content.removesuffix(b"\r\n")),
        (Tolerance.PLUS_CRLF, lambda content: content + b"\r\n"),
    ],
    ids=["exact", "minus", "plus"],
)
def test_signature_over_a_line_end_more_or_less(
    us: Receiver, partner_key: OwnKey, tolerance: Tolerance, change: Callable[[bytes], bytes], body: bytes
) -> None:
    """libas2 signs without the last CRLF, others with one more; the MIC is over what was signed."""
    content = payload(body + b"\r\n").whole()

    given, opened = read(us, signed(content, partner_key, over=change(content)))

    assert (given, opened.tolerance) == (body + b"\r\n", tolerance)
    assert opened.mic.digest == sha256(change(content))


def test_signature_over_other_line_ends(us: Receiver, partner_key: OwnKey) -> None:
    """Signed with CRLF, sent with bare LF in content, head and delimiters."""
    content = payload(b"ISA*00~\nGS*HC~\n").whole(b"\n")
    canonical = content.replace(b"\n", b"\r\n")
    part = signature_part(signature(canonical, partner_key)).replace(b"\r\n", b"\n")
    fields = {"Content-Type": f"multipart/signed; micalg=sha-256; boundary={BOUNDARY}"}

    given, opened = read(us, Entity(fields, multipart(content, part, b"\n")))

    assert (given, opened.tolerance) == (b"ISA*00~\nGS*HC~\n", Tolerance.LINE_ENDS)


def test_bare_line_feeds_that_were_signed_as_they_are(us: Receiver, partner_key: OwnKey) -> None:
    """The exact bytes go first."""
    body = b"ISA*00~\nGS*HC~\n"

    assert read(us, signed(payload(body), partner_key))[1].tolerance is Tolerance.NONE


def test_bare_payload_inside_an_encryption(us: Receiver, our_key: OwnKey) -> None:
    """Mendelson encrypts a body without MIME headers of its own."""
    us.policy = SecurityPolicy(signature_required=False)

    for body in (X12, HL7, b"x"):
        given, opened = read(us, encrypted(body, our_key.certificate))
        assert given == body
        assert opened.mic.digest == sha256(body)


def test_bare_payload_as_the_signed_part(us: Receiver, partner_key: OwnKey) -> None:
    """A first part without headers and without the empty line that should stand for them."""
    assert read(us, signed(X12, partner_key))[0] == X12
    assert read(us, opaque(X12, partner_key))[0] == X12


def test_folded_content_type(us: Receiver, partner_key: OwnKey) -> None:
    """Mendelson folds Content-Type by a tab, within the body too."""
    inner = signed(payload(), partner_key)
    folded = inner.fields["Content-Type"].replace("; ", ";\r\n\t")
    outer = Entity({"Content-Type": "application/pkcs7-mime; smime-type=compressed-data"}, b"")
    outer.body = compressed(Entity({"Content-Type": folded}, inner.body)).body

    assert read(us, outer)[0] == X12


def test_no_signed_attributes(us: Receiver, partner_key: OwnKey) -> None:
    """IBM Sterling signs the content itself; so it must be found with a line end less as well."""
    content = payload(X12).whole()

    for over in (content, content.removesuffix(b"\r\n")):
        entity = signed(content, partner_key, "sha-256", PKCS7Options.NoAttributes, over=over)
        assert read(us, entity)[0] == X12


def test_message_id_without_brackets(us: Receiver, partner_key: OwnKey) -> None:
    """IBM Sterling."""
    sent = message(signed(payload(), partner_key), Message_ID="42@sterling")

    assert us.read(sent)[0] == X12
    assert read_addressing(sent.headers).message_id == "42@sterling"


def test_quoted_names(us: Receiver, partner_key: OwnKey) -> None:
    """OpenAS2 quotes AS2-From where there is no need."""
    assert read(us, signed(payload(), partner_key), AS2_From='"partner"')[0] == X12


@pytest.mark.parametrize("label", ["base64", None, "binary"])
def test_base64_body(us: Receiver, partner_key: OwnKey, our_key: OwnKey, label: str | None) -> None:
    """OpenAS2 can send the whole body in base64; whether it says so makes no difference."""
    entity = encrypted(signed(payload(), partner_key), our_key.certificate)
    fields = entity.fields | ({"Content-Transfer-Encoding": label} if label else {})

    assert read(us, Entity(fields, base64_lines(entity.body)))[0] == X12
    assert read(us, Entity(fields, b"\r\n" + base64_lines(entity.body)))[0] == X12


def test_binary_body_labelled_base64(us: Receiver, partner_key: OwnKey, our_key: OwnKey) -> None:
    """The label lies the other way round."""
    entity = encrypted(signed(payload(), partner_key), our_key.certificate)

    assert read(us, Entity(entity.fields | {"Content-Transfer-Encoding": "base64"}, entity.body))[0] == X12


def test_binary_signature(us: Receiver, partner_key: OwnKey) -> None:
    """Some send the signature as it is, whatever bytes are in it."""
    content = payload().whole()
    part = Entity({"Content-Type": "application/x-pkcs7-signature"}, signature(content, partner_key)).whole()
    fields = {"Content-Type": f"multipart/signed; micalg=sha-256; boundary={BOUNDARY}"}

    assert read(us, Entity(fields, multipart(content, part)))[0] == X12


def test_mic_in_the_digest_that_is_wanted(us: Receiver, partner_key: OwnKey) -> None:
    """OpenAS2 wants the MIC in another digest than it signs with, and compares its name."""
    _, opened = read(us, signed(payload(), partner_key, "sha-512"), **wanting("SHA256"))

    assert str(opened.mic).endswith(", SHA256")
    assert opened.signature_digest is DigestAlgorithm.SHA512


@pytest.mark.parametrize("micalg", ["sha256", "SHA-256", "rsa-sha256", '"sha-1, sha-256"'])
def test_spellings_of_micalg(us: Receiver, partner_key: OwnKey, micalg: str) -> None:
    """As old and new standards and no standard have it."""
    assert read(us, signed(payload(), partner_key, declared=micalg))[0] == X12


def test_no_micalg(us: Receiver, partner_key: OwnKey) -> None:
    """Without one SHA-256 is the first guess."""
    content = payload().whole()
    fields = {"Content-Type": f"multipart/signed; boundary={BOUNDARY}"}
    body = multipart(content, signature_part(signature(content, partner_key)))

    assert read(us, Entity(fields, body))[0] == X12


@pytest.mark.parametrize(
    "smime_type",
    ["enveloped-data", "Enveloped-Data", "envelopedData", "authenveloped-data", "authEnvelopedData", '"enveloped-data"',
     "authenticated-enveloped-data", None],
)  # fmt: skip
def test_spellings_of_smime_type(us: Receiver, partner_key: OwnKey, our_key: OwnKey, smime_type: str | None) -> None:
    """Hyphens, case, quotes, and none at all."""
    assert read(us, encrypted(signed(payload(), partner_key), our_key.certificate, smime_type))[0] == X12


def test_smime_type_missing_everywhere(us: Receiver, partner_key: OwnKey, our_key: OwnKey) -> None:
    """Each kind says in its first bytes what it is."""
    inner = opaque(payload(), partner_key, smime_type=None)

    assert read(us, encrypted(compressed(inner, smime_type=None), our_key.certificate, smime_type=None))[0] == X12


def test_old_media_types(us: Receiver, partner_key: OwnKey, our_key: OwnKey) -> None:
    """`x-` as before the types were registered."""
    entity = encrypted(signed(payload(), partner_key, protocol="application/x-pkcs7-signature"), our_key.certificate)
    old = entity.fields["Content-Type"].replace("pkcs7-mime", "X-PKCS7-mime")

    assert read(us, Entity({"Content-Type": old}, entity.body))[0] == X12


def test_preamble_and_epilogue(us: Receiver, partner_key: OwnKey) -> None:
    """What stands around the parts is passed over."""
    entity = signed(payload(), partner_key)
    body = b"This is an S/MIME signed message.\r\n\r\n" + entity.body + b"\r\nsent by a relay\r\n"

    assert read(us, Entity(entity.fields, body))[0] == X12
