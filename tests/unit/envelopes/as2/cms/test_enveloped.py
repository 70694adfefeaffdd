"""EnvelopedData and AuthEnvelopedData: what is written is read again, and so is what others write."""

import itertools
import tracemalloc
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.envelopes.as2.cms import (
    CmsError,
    CmsLimits,
    DecryptionFailed,
    EnvelopedReader,
    EnvelopedWriter,
    NoRecipient,
    UnsupportedAlgorithm,
    der,
)
from gateway.envelopes.as2.cms.ciphers import STEP_BYTES
from gateway.envelopes.as2.cms.identifiers import ENCRYPTIONS
from gateway.envelopes.as2.credentials import OwnKey
from gateway.envelopes.as2.profile import DigestAlgorithm, EncryptionAlgorithm, KeyTransport
from tests.unit.envelopes.as2.cms.ber_encoder import CONTENT, recode
from tests.unit.envelopes.as2.cms.messages import (
    RSA,
    authenticated_to,
    cbc,
    decrypt,
    encrypted_to,
    enveloped,
    key_identifier,
    oaep,
    read,
    recipient,
    sequence,
    wrapped,
)

WRITTEN = [each for each in EncryptionAlgorithm if each is not EncryptionAlgorithm.TRIPLE_DES]
AES_KEY = bytes(range(16))
PLAIN = b"Content-Type: application/edi-x12\r\n\r\nISA*00*" + bytes(range(256)) * 8
FORMS: dict[str, Callable[[bytes], bytes]] = {
    "der": lambda message: message,
    "indefinite": recode,
    "indefinite in pieces of 1000": lambda message: recode(message, piece_bytes=1000),
    "indefinite in pieces of 1": lambda message: recode(message, piece_bytes=1),
    "definite in pieces of 7": lambda message: recode(message, piece_bytes=7, is_indefinite=False),
}


def _write(key: OwnKey, plain: bytes, algorithm: EncryptionAlgorithm, transport: KeyTransport, step: int) -> bytes:
    writer = EnvelopedWriter(key.certificate, algorithm, transport, len(plain))
    pieces = [writer.update(plain[start : start + step]) for start in range(0, len(plain), step)]
    message = b"".join((writer.begin(), *pieces, writer.finish()))
    assert len(message) == writer.total_size
    return message


@pytest.mark.parametrize("transport", KeyTransport)
@pytest.mark.parametrize("algorithm", WRITTEN)
@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 2000, 3 * STEP_BYTES + 5])
def test_reads_what_it_wrote(
    our_key: OwnKey, algorithm: EncryptionAlgorithm, transport: KeyTransport, size: int
) -> None:
    """Every algorithm, every key transport, sizes around a block and beyond a step; the size is told beforehand."""
    plain = (PLAIN * (size // len(PLAIN) + 1))[:size]
    reader = EnvelopedReader([our_key])
    found = read(reader, _write(our_key, plain, algorithm, transport, step=1000))

    assert found == plain
    assert (reader.algorithm, reader.key, reader.transport) == (algorithm, our_key, transport)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("step", [None, 1, 2, 16, 1000])
@pytest.mark.parametrize("algorithm", [EncryptionAlgorithm.AES256_CBC, EncryptionAlgorithm.AES256_GCM])
def test_reads_every_form_in_chunks_of_every_size(
    our_key: OwnKey, form: str, step: int | None, algorithm: EncryptionAlgorithm
) -> None:
    """BER and DER, whole or in chunks down to single bytes."""
    message = FORMS[form](_write(our_key, PLAIN, algorithm, KeyTransport.PKCS1V15, len(PLAIN)))

    assert read(EnvelopedReader([our_key]), message, step) == PLAIN


@given(cuts=st.lists(st.integers(0, 4000), max_size=30), form=st.sampled_from(sorted(FORMS)))
def test_chunks_make_no_difference(our_key: OwnKey, cuts: list[int], form: str) -> None:
    """Cut anywhere."""
    message = FORMS[form](encrypted_to(our_key, PLAIN))
    reader = EnvelopedReader([our_key])
    places = sorted({0, len(message), *(cut % len(message) for cut in cuts)})
    pieces = []
    for start, end in itertools.pairwise(places):
        pieces += reader.feed(memoryview(message)[start:end])

    assert b"".join((*pieces, *reader.finish())) == PLAIN


def test_what_it_read_is_known_as_soon_as_the_head_is_whole(our_key: OwnKey) -> None:
    """Before the content came."""
    message = encrypted_to(our_key, PLAIN)
    reader = EnvelopedReader([our_key])
    before = (reader.algorithm, reader.key, reader.transport)
    reader.feed(message[: -len(PLAIN)])

    assert before == (None, None, None)
    assert reader.key is our_key
    assert reader.algorithm is EncryptionAlgorithm.AES128_CBC
    assert reader.transport is KeyTransport.PKCS1V15


@pytest.mark.parametrize(
    "algorithm",
    [each for each in EncryptionAlgorithm if each.value.endswith("cbc")] + [EncryptionAlgorithm.TRIPLE_DES],
)
def test_reads_cbc_of_others(our_key: OwnKey, algorithm: EncryptionAlgorithm) -> None:
    """3DES too, which is never written."""
    assert decrypt(encrypted_to(our_key, PLAIN, algorithm), our_key) == PLAIN


def test_never_writes_3des(our_key: OwnKey) -> None:
    """The caller is wrong, not a message."""
    with pytest.raises(ValueError, match="never written"):
        EnvelopedWriter(our_key.certificate, EncryptionAlgorithm.TRIPLE_DES, KeyTransport.PKCS1V15, 1)


@pytest.mark.parametrize("size", [len(PLAIN) - 1, len(PLAIN) + 1])
def test_writes_only_the_size_announced(our_key: OwnKey, size: int) -> None:
    """Every length in the message counts on it."""
    writer = EnvelopedWriter(our_key.certificate, EncryptionAlgorithm.AES128_CBC, KeyTransport.PKCS1V15, size)
    writer.update(PLAIN)

    with pytest.raises(ValueError, match="another size"):
        writer.finish()


@pytest.mark.parametrize("label", [b"", b"label"])
@pytest.mark.parametrize("mask", [DigestAlgorithm.SHA1, DigestAlgorithm.SHA256])
@pytest.mark.parametrize("digest", DigestAlgorithm)
def test_reads_every_oaep(our_key: OwnKey, digest: DigestAlgorithm, mask: DigestAlgorithm, label: bytes) -> None:
    """The digest of the mask may be another than that of the label."""
    algorithm, wrapping = oaep(digest, mask, label)
    recipients = [recipient(our_key, wrapped(our_key, AES_KEY, wrapping), algorithm=algorithm)]
    message = enveloped(recipients, *cbc(EncryptionAlgorithm.AES128_CBC, AES_KEY, PLAIN))

    assert decrypt(message, our_key) == PLAIN


@pytest.mark.parametrize("parameters", [b"", der.element(0x30)])
def test_oaep_is_with_sha1_where_it_does_not_say(our_key: OwnKey, parameters: bytes) -> None:
    """RFC 8017 A.2.1."""
    _, wrapping = oaep(DigestAlgorithm.SHA1, DigestAlgorithm.SHA1)
    algorithm = sequence(der.identifier(der.identifier_octets("1.2.840.113549.1.1.7")), parameters)
    recipients = [recipient(our_key, wrapped(our_key, AES_KEY, wrapping), algorithm=algorithm)]
    message = enveloped(recipients, *cbc(EncryptionAlgorithm.AES128_CBC, AES_KEY, PLAIN))

    assert decrypt(message, our_key) == PLAIN


def test_finds_its_recipient_among_several(our_key: OwnKey, our_next_key: OwnKey, partner_key: OwnKey) -> None:
    """Whichever of our keys it is for, by whichever reference; other kinds of recipients are passed over."""
    others = [
        recipient(partner_key, wrapped(partner_key, AES_KEY)),
        der.element(0xA1, der.integer(3)),  # key agreement
        der.element(0xA2, der.integer(4)),  # a key both know
    ]
    by_identifier = recipient(
        our_next_key, wrapped(our_next_key, AES_KEY), reference=key_identifier(our_next_key.certificate)
    )
    message = enveloped([*others, by_identifier], *cbc(EncryptionAlgorithm.AES128_CBC, AES_KEY, PLAIN), version=2)
    reader = EnvelopedReader([our_key, our_next_key])

    assert read(reader, message) == PLAIN
    assert reader.key is our_next_key


def test_finds_a_key_identifier_in_pieces(our_key: OwnKey) -> None:
    """A context tag in BER may be constructed like any string."""
    reference = key_identifier(our_key.certificate)
    recipients = [recipient(our_key, wrapped(our_key, AES_KEY), reference=recode(reference, piece_bytes=3))]

    assert decrypt(enveloped(recipients, *cbc(EncryptionAlgorithm.AES128_CBC, AES_KEY, PLAIN)), our_key) == PLAIN


def test_finds_a_recipient_whose_issuer_is_encoded_with_another_text_type(our_key: OwnKey) -> None:
    """Products decode names and encode them anew."""
    issuer = our_key.certificate.issuer.public_bytes().replace(b"\x0c\x02us", b"\x13\x02US")
    reference = sequence(issuer, der.integer(our_key.certificate.serial_number))
    recipients = [recipient(our_key, wrapped(our_key, AES_KEY), reference=reference)]

    assert decrypt(enveloped(recipients, *cbc(EncryptionAlgorithm.AES128_CBC, AES_KEY, PLAIN)), our_key) == PLAIN


def test_takes_the_second_of_our_recipients_where_the_first_is_not_supported(our_key: OwnKey) -> None:
    """A partner may write both while it changes its algorithm."""
    unknown = sequence(der.identifier(der.identifier_octets("1.2.3.4")))
    recipients = [
        recipient(our_key, b"?", algorithm=unknown),
        recipient(our_key, wrapped(our_key, AES_KEY)),
    ]
    message = enveloped(recipients, *cbc(EncryptionAlgorithm.AES128_CBC, AES_KEY, PLAIN))

    assert decrypt(message, our_key) == PLAIN


def test_refuses_a_message_to_others(our_key: OwnKey, partner_key: OwnKey) -> None:
    """No key of ours is tried on what is not for it."""
    with pytest.raises(NoRecipient, match="none of our keys"):
        decrypt(encrypted_to(partner_key, PLAIN), our_key)
    with pytest.raises(NoRecipient):
        decrypt(encrypted_to(partner_key, PLAIN))


@pytest.mark.parametrize(
    "message_of",
    [
        lambda key: enveloped(
            [recipient(key, b"?", algorithm=sequence(der.identifier(der.identifier_octets("1.2.840.1"))))],
            *cbc(EncryptionAlgorithm.AES128_CBC, AES_KEY, PLAIN),
        ),
        lambda key: enveloped(
            [recipient(key, wrapped(key, AES_KEY))],
            sequence(der.identifier(der.identifier_octets("1.2.840.113549.3.2")), der.octet_string(bytes(8))),
            der.element(CONTENT, bytes(16)),
        ),
    ],
)
def test_names_an_algorithm_that_is_not_supported(our_key: OwnKey, message_of: Callable[[OwnKey], bytes]) -> None:
    """By its number, for the operator to tell the partner."""
    with pytest.raises(UnsupportedAlgorithm, match=r"1\.2\.840[.0-9]* is not supported"):
        decrypt(message_of(our_key), our_key)


@pytest.mark.parametrize("initial", [b"", bytes(8), bytes(17)])
def test_refuses_an_initial_vector_of_another_size(our_key: OwnKey, initial: bytes) -> None:
    """The parameters are malformed."""
    encryption = sequence(der.identifier(ENCRYPTIONS[EncryptionAlgorithm.AES128_CBC]), der.octet_string(initial))
    message = enveloped([recipient(our_key, wrapped(our_key, AES_KEY))], encryption, der.element(CONTENT, bytes(16)))

    with pytest.raises(CmsError, match="initial vector"):
        decrypt(message, our_key)


@pytest.mark.parametrize("content", [b"", der.element(CONTENT)])
def test_refuses_a_message_without_content(our_key: OwnKey, content: bytes) -> None:
    """There is nothing to decrypt, or not so much as a padding."""
    encryption, _ = cbc(EncryptionAlgorithm.AES128_CBC, AES_KEY, PLAIN)

    with pytest.raises(CmsError):
        decrypt(enveloped([recipient(our_key, wrapped(our_key, AES_KEY))], encryption, content), our_key)


def test_version_numbers_are_of_no_matter(our_key: OwnKey) -> None:
    """Products get them wrong."""
    recipients = [recipient(our_key, wrapped(our_key, AES_KEY))]
    message = enveloped(recipients, *cbc(EncryptionAlgorithm.AES128_CBC, AES_KEY, PLAIN), version=99)

    assert decrypt(message, our_key) == PLAIN


def test_passes_over_certificates_of_the_originator_and_unprotected_attributes(our_key: OwnKey) -> None:
    """Optional elements that AS2 has no use for."""
    recipients = [recipient(our_key, wrapped(our_key, AES_KEY))]
    extra = der.element(0xA0, der.element(0xA0, sequence(der.integer(1)))), der.element(0xA1, sequence(der.NULL))
    message = enveloped(
        recipients, *cbc(EncryptionAlgorithm.AES128_CBC, AES_KEY, PLAIN), before=extra[0], after=extra[1]
    )

    assert decrypt(message, our_key) == PLAIN


def test_only_line_ends_may_follow(our_key: OwnKey) -> None:
    """Some products close the body with one."""
    message = encrypted_to(our_key, PLAIN)

    assert decrypt(message + b"\r\n", our_key) == PLAIN
    with pytest.raises(CmsError, match="follow"):
        decrypt(message + b"x", our_key)
    with pytest.raises(CmsError, match="follow"):
        decrypt(message + message, our_key)


def test_head_and_tail_are_bounded(our_key: OwnKey) -> None:
    """What is kept in memory has a limit; the content goes on."""
    limits = CmsLimits(head_bytes=2000, tail_bytes=2000)
    recipients = [recipient(our_key, wrapped(our_key, AES_KEY))] * 20
    encryption, content = cbc(EncryptionAlgorithm.AES128_CBC, AES_KEY, PLAIN)

    with pytest.raises(CmsError, match="before its content"):
        read(EnvelopedReader([our_key], limits), enveloped(recipients, encryption, content), 1000)
    with pytest.raises(CmsError, match="behind its content"):
        read(EnvelopedReader([our_key], limits), encrypted_to(our_key, PLAIN) + bytes(3000), 1000)


class TestAuthenticated:
    """AuthEnvelopedData."""

    ATTRIBUTES = der.set_of(sequence(der.identifier(der.identifier_octets("1.2.3")), der.set_of(der.integer(1))))

    @pytest.mark.parametrize("tag_bytes", [12, 13, 14, 15, 16])
    @pytest.mark.parametrize("attributes", [b"", ATTRIBUTES, der.set_of(*(der.integer(n) for n in range(50)))])
    @pytest.mark.parametrize("size", [0, 1, 16, 33, 5000])
    def test_reads_tags_and_attributes(self, our_key: OwnKey, tag_bytes: int, attributes: bytes, size: int) -> None:
        """Attributes stand behind the content and are authenticated with it; tags may be shorter than a block."""
        plain = (PLAIN * 3)[:size]
        message = authenticated_to(our_key, plain, attributes=attributes, tag_bytes=tag_bytes)

        assert decrypt(message, our_key) == plain
        assert read(EnvelopedReader([our_key]), recode(message, piece_bytes=100), 77) == plain

    def test_what_was_authenticated_is_the_der_of_the_attributes(self, our_key: OwnKey) -> None:
        """Whatever order they stand in."""
        members = [sequence(der.integer(1)), sequence(der.integer(2), der.integer(3))]
        attributes = der.set_of(*members)
        message = authenticated_to(our_key, PLAIN, attributes=attributes)
        swapped = message.replace(b"".join(members), b"".join(reversed(members)))

        assert swapped != message
        assert decrypt(swapped, our_key) == PLAIN

    @pytest.mark.parametrize("place", [-20, -1, -300])
    @pytest.mark.parametrize("attributes", [b"", ATTRIBUTES])
    def test_one_altered_octet_fails_at_the_end(self, our_key: OwnKey, place: int, attributes: bytes) -> None:
        """In tag, attributes or content; the plaintext came before and is not to be believed."""
        message = bytearray(authenticated_to(our_key, PLAIN, attributes=attributes))
        message[place] ^= 1
        reader = EnvelopedReader([our_key])
        reader.feed(bytes(message))

        with pytest.raises(CmsError):
            reader.finish()

    def test_a_cut_tag_is_no_tag(self, our_key: OwnKey) -> None:
        """Its size is in the parameters, which a forger would like to choose."""
        whole, cut = authenticated_to(our_key, PLAIN), authenticated_to(our_key, PLAIN, tag_bytes=12)
        forged = whole[: len(whole) - 18]

        with pytest.raises(CmsError):
            decrypt(forged + cut[-14:], our_key)

    @pytest.mark.parametrize(("nonce", "tag_bytes"), [(b"1234567", 16), (bytes(129), 16), (bytes(12), 11)])
    def test_refuses_sizes_that_are_not_allowed(self, our_key: OwnKey, nonce: bytes, tag_bytes: int) -> None:
        """RFC 5084 3.2 for the tag, OpenSSL for the nonce."""
        parameters = sequence(der.octet_string(nonce), der.integer(tag_bytes))
        encryption = sequence(der.identifier(ENCRYPTIONS[EncryptionAlgorithm.AES128_GCM]), parameters)
        message = authenticated_to(our_key, PLAIN)
        usual = sequence(
            der.identifier(ENCRYPTIONS[EncryptionAlgorithm.AES128_GCM]),
            sequence(der.octet_string(bytes(range(12))), der.integer(16)),
        )

        assert usual in message
        with pytest.raises(CmsError):
            decrypt(message.replace(usual, encryption), our_key)

    def test_the_cipher_must_fit_the_type(self, our_key: OwnKey) -> None:
        """A message of AES-GCM without its tag would not be authenticated."""
        encryption = sequence(
            der.identifier(ENCRYPTIONS[EncryptionAlgorithm.AES128_GCM]),
            sequence(der.octet_string(bytes(12)), der.integer(16)),
        )
        message = enveloped([recipient(our_key, wrapped(our_key, AES_KEY))], encryption, der.element(CONTENT, PLAIN))

        with pytest.raises(CmsError, match="does not belong"):
            decrypt(message, our_key)


class TestNoOracle:
    """What goes wrong in decryption cannot be told apart from outside."""

    @staticmethod
    def _failure(message: bytes, key: OwnKey) -> tuple[type[CmsError], str]:
        with pytest.raises(CmsError) as caught:
            decrypt(message, key)
        return type(caught.value), str(caught.value)

    @pytest.mark.parametrize("encrypted_key", [b"", bytes(256), b"\xff" * 256, bytes(range(1, 250)), bytes(300)])
    def test_a_key_that_does_not_unwrap_is_a_wrong_key(self, our_key: OwnKey, encrypted_key: bytes) -> None:
        """The head is read without complaint; the same message always fails the same way."""
        encryption, content = cbc(EncryptionAlgorithm.AES128_CBC, AES_KEY, bytes(15))
        message = enveloped([recipient(our_key, encrypted_key)], encryption, content)
        reader = EnvelopedReader([our_key])
        reader.feed(message)

        assert reader.algorithm is EncryptionAlgorithm.AES128_CBC
        assert self._outcome(message, our_key) == self._outcome(message, our_key)

    @staticmethod
    def _outcome(message: bytes, key: OwnKey) -> bytes | str:
        try:
            return decrypt(message, key)
        except DecryptionFailed as error:
            return str(error)

    @pytest.mark.parametrize("size", [8, 15, 24, 32])
    def test_a_key_of_the_wrong_size_is_a_wrong_key(self, our_key: OwnKey, size: int) -> None:
        """A key must fit the algorithm, though another one has that size."""
        encryption, content = cbc(EncryptionAlgorithm.AES128_CBC, AES_KEY, PLAIN)
        message = enveloped([recipient(our_key, wrapped(our_key, bytes(size)))], encryption, content)

        assert self._outcome(message, our_key) != PLAIN

    def test_one_class_and_one_text(self, our_key: OwnKey) -> None:
        """Padding, size of the ciphertext, key, tag: all the same."""
        encryption, content = cbc(EncryptionAlgorithm.AES128_CBC, AES_KEY, PLAIN)
        ours = [recipient(our_key, wrapped(our_key, AES_KEY))]
        algorithm, _ = oaep(DigestAlgorithm.SHA1, DigestAlgorithm.SHA1)
        failures = {
            self._failure(enveloped(ours, encryption, der.element(CONTENT, content[4:-1])), our_key),
            self._failure(enveloped(ours, encryption, der.element(CONTENT, content[4:-16])), our_key),
            self._failure(enveloped(ours, encryption, der.element(CONTENT)), our_key),
            self._failure(
                enveloped([recipient(our_key, b"?" * 256, algorithm=algorithm)], encryption, content), our_key
            ),
            self._failure(authenticated_to(our_key, PLAIN)[:-1] + b"?", our_key),
        }

        assert failures == {(DecryptionFailed, "The content cannot be decrypted.")}


def test_rsa_without_parameters_is_rsa(our_key: OwnKey) -> None:
    """NULL is left out by some."""
    algorithm = sequence(der.identifier(der.identifier_octets("1.2.840.113549.1.1.1")))
    recipients = [recipient(our_key, wrapped(our_key, AES_KEY), algorithm=algorithm)]

    assert algorithm != RSA
    assert decrypt(enveloped(recipients, *cbc(EncryptionAlgorithm.AES128_CBC, AES_KEY, PLAIN)), our_key) == PLAIN


@pytest.mark.parametrize("algorithm", [EncryptionAlgorithm.AES256_CBC, EncryptionAlgorithm.AES256_GCM])
def test_memory_does_not_grow_with_the_content(our_key: OwnKey, algorithm: EncryptionAlgorithm) -> None:
    """Written and read at the same time, nothing of it kept."""
    chunk, count = bytes(1 << 16), 200
    writer = EnvelopedWriter(our_key.certificate, algorithm, KeyTransport.PKCS1V15, count * len(chunk))
    reader = EnvelopedReader([our_key])
    tracemalloc.start()
    size = sum(map(len, reader.feed(writer.begin())))
    for _ in range(count):
        size += sum(map(len, reader.feed(writer.update(chunk))))
    size += sum(map(len, reader.feed(writer.finish()))) + sum(map(len, reader.finish()))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert size == count * len(chunk)
    assert peak < 8 * len(chunk)
