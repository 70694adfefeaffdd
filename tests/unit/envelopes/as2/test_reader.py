"""Messages of a scripted sender, opened: layers in each order, what the MIC covers, attachments."""

import hashlib
from collections.abc import Callable

import pytest

from gateway.envelopes.as2.credentials import OwnKey, Trust
from gateway.envelopes.as2.digests import NeedsDigest, Tolerance
from gateway.envelopes.as2.profile import DigestAlgorithm, EncryptionAlgorithm, SecurityPolicy
from gateway.envelopes.as2.reading import Attachment
from tests.unit.envelopes.as2.scripted_sender import (
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
    signed,
    wanting,
)

Pack = Callable[[Entity], Entity]
SIZES = [None, 1, 7, 1000]


@pytest.fixture
def us(our_key: OwnKey, partner_trust: Trust) -> Receiver:
    """We, who take anything from the partner."""
    return Receiver(our_key, partner_trust)


@pytest.fixture
def steps(our_key: OwnKey, partner_key: OwnKey) -> dict[str, Pack]:
    """Each way to pack an entity, by its letter."""
    return {
        "s": lambda entity: signed(entity, partner_key),
        "o": lambda entity: opaque(entity, partner_key),
        "e": lambda entity: encrypted(entity, our_key.certificate),
        "c": compressed,
    }


@pytest.mark.parametrize("body", [X12, HL7, b"", b"x" * 5000], ids=["X12", "HL7", "nothing", "much"])
@pytest.mark.parametrize("order", ["", "s", "o", "e", "c", "se", "oe", "ce", "cs", "cse", "sc", "sce", "es", "coe"])
def test_opens_layers_in_any_order(us: Receiver, steps: dict[str, Pack], order: str, body: bytes) -> None:
    """The letters say what was done first. Whole, byte by byte and in between."""
    entity = payload(body)
    for step in order:
        entity = steps[step](entity)
    sent = message(entity)

    results = [us.read(sent, size) for size in SIZES]

    assert [given for given, _ in results] == [body] * len(SIZES)
    assert len({opened for _, opened in results}) == 1
    opened = results[0][1]
    assert opened.is_encrypted == ("e" in order)
    assert opened.is_signed == bool({"s", "o"} & set(order))
    assert opened.is_compressed == ("c" in order)
    assert opened.attachments == (Attachment("application/EDI-X12", None, 0, len(body)),)
    assert opened.tolerance is Tolerance.NONE


def test_says_how_it_was_packed(us: Receiver, partner_key: OwnKey, our_key: OwnKey) -> None:
    """Signer, digest, time and encryption are there for the record."""
    sent = message(encrypted(signed(payload(), partner_key, "sha-512"), our_key.certificate, bits=128))

    _, opened = us.read(sent)

    assert opened.signer == partner_key.certificate
    assert opened.signature_digest is DigestAlgorithm.SHA512
    assert opened.signing_time is not None
    assert opened.encryption is EncryptionAlgorithm.AES128_CBC


@pytest.mark.parametrize(
    "policy", [SecurityPolicy(True, True), SecurityPolicy(True, False), SecurityPolicy(False, True)]
)
def test_fulfils_each_policy(us: Receiver, partner_key: OwnKey, our_key: OwnKey, policy: SecurityPolicy) -> None:
    """Signed and encrypted is enough for every agreement."""
    us.policy = policy

    assert us.read(message(encrypted(signed(payload(), partner_key), our_key.certificate)))[0] == X12


@pytest.mark.parametrize(
    ("order", "covered"),
    [
        ("", "body"),
        ("e", "entity"),
        ("c", "entity"),
        ("ce", "entity"),
        ("s", "entity"),
        ("o", "entity"),
        ("se", "entity"),
        ("sce", "entity"),
        ("cs", "compressed"),
        ("cse", "compressed"),
    ],
)
@pytest.mark.parametrize("micalg", ["sha1", "SHA-256", "sha384", "sha-512"])
def test_mic_covers_what_the_standard_says(
    us: Receiver, steps: dict[str, Pack], order: str, covered: str, micalg: str
) -> None:
    """RFC 4130 7.3.1 and RFC 5402 section 4, in the digest that the sender wants, under the name that it uses."""
    layers = [payload()]
    for step in order:
        layers.append(steps[step](layers[-1]))
    bytes_covered = {"body": X12, "entity": layers[0].whole(), "compressed": layers[min(1, len(order))].whole()}[
        covered
    ]

    _, opened = us.read(message(layers[-1], **wanting(micalg)))

    assert opened.mic.digest == hashlib.new(opened.mic.algorithm.value, bytes_covered).digest()
    assert str(opened.mic).endswith(f", {micalg}")


def test_mic_is_in_the_digest_of_the_signature(us: Receiver, partner_key: OwnKey) -> None:
    """Where the sender wants no particular one, or none that is known."""
    for fields in ({}, wanting("md5")):
        _, opened = us.read(message(signed(payload(), partner_key, "sha-384"), **fields))

        assert str(opened.mic).endswith(", sha-384")


def test_mic_is_sha_256_where_nobody_says(us: Receiver) -> None:
    """Neither signed nor a wish."""
    _, opened = us.read(message(payload()))

    assert opened.mic.digest == hashlib.sha256(X12).digest()


@pytest.mark.parametrize("subtype", ["mixed", "related"])
@pytest.mark.parametrize("order", ["", "s", "se"])
def test_gives_attachments_one_after_another(us: Receiver, steps: dict[str, Pack], order: str, subtype: str) -> None:
    """EDIINT multiple-attachments: each with its type, name and range."""
    first = Entity(
        {"Content-Type": "application/EDI-X12", "Content-Disposition": 'attachment; filename="a/b/c.edi"'}, X12
    )
    second = Entity(
        {"Content-Type": 'text/plain; name="note.txt"', "Content-Transfer-Encoding": "base64"}, b"Tm90ZQ==\r\n"
    )
    entity = Entity(
        {"Content-Type": f'multipart/{subtype}; boundary="in"'},
        multipart(first.whole(), second.whole(), boundary="in"),
    )
    for step in order:
        entity = steps[step](entity)

    results = [us.read(message(entity), size) for size in SIZES]

    assert {given for given, _ in results} == {X12 + b"Note"}
    assert results[0][1].attachments == (
        Attachment("application/EDI-X12", "c.edi", 0, len(X12)),
        Attachment('text/plain; name="note.txt"', "note.txt", len(X12), len(X12) + 4),
    )


@pytest.mark.parametrize(
    ("disposition", "filename"),
    [
        ('attachment; filename="a.edi"', "a.edi"),
        ("attachment; filename=..\\..\\a.edi", "a.edi"),
        ('attachment; filename="/etc/passwd"', "passwd"),
        ('attachment; filename="a/"', None),
        ('attachment; filename=""', None),
        ("attachment; filename*=UTF-8''a.edi", None),
        ('attachment; filename="a\x01b"', "b"),
        ("attachment", None),
        (f'attachment; filename="{"x" * 300}"', "x" * 255),
    ],
)
def test_takes_only_the_name_of_a_file(us: Receiver, disposition: str, filename: str | None) -> None:
    """No directories, no control characters, not without end."""
    _, opened = us.read(message(Entity({"Content-Disposition": disposition}, X12)))

    assert opened.attachments == (Attachment("application/octet-stream", filename, 0, len(X12)),)


def test_asks_for_a_digest_that_was_not_announced(us: Receiver, partner_key: OwnKey) -> None:
    """A signature with another digest than its micalg needs the bytes once more."""
    sent = message(signed(payload(), partner_key, "sha-512", declared="sha-256"))

    with pytest.raises(NeedsDigest) as raised:
        us.read(sent)
    given, opened = us.read(sent, announced=[raised.value.algorithm])
    assert (given, opened.signature_digest) == (X12, DigestAlgorithm.SHA512)


def test_gives_payload_before_the_end(us: Receiver, partner_key: OwnKey, our_key: OwnKey) -> None:
    """Memory does not grow with the message: pieces come out as they go in."""
    sent = message(encrypted(signed(payload(b"x" * 1_000_000), partner_key), our_key.certificate))
    reader = us.reader(sent)
    half = len(sent.body) // 2

    given = sum(len(piece) for begin in range(0, half, 4096) for piece in reader.feed(sent.body[begin : begin + 4096]))

    assert given > 0.95 * half


def test_takes_views(us: Receiver, partner_key: OwnKey) -> None:
    """Transports hand over memoryviews."""
    sent = message(signed(payload(), partner_key))
    reader = us.reader(sent)

    given = reader.feed(memoryview(sent.body))

    assert b"".join((*given, *reader.finish()[0])) == X12
