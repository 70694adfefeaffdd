"""SignedData: what is signed is verified, and so is what others sign; nothing else is."""

import hashlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.envelopes.as2.cms import (
    CmsError,
    DigestDiffers,
    SignedMessage,
    SignedReader,
    SignerUnknown,
    UnsupportedAlgorithm,
    Verified,
    VerifyOutcome,
    der,
    read_signed,
    sign,
    verify,
)
from gateway.envelopes.as2.cms.identifiers import CONTENT_TYPE, MESSAGE_DIGEST, RSASSA_PSS, SIGNED_DATA, SIGNING_TIME
from gateway.envelopes.as2.credentials import CertificateUse, OwnKey, PartnerCertificate, Trust
from gateway.envelopes.as2.profile import DigestAlgorithm, SignatureScheme
from tests.unit.envelopes.as2.cms.ber_encoder import recode
from tests.unit.envelopes.as2.cms.messages import (
    Signature,
    attribute,
    key_identifier,
    pss,
    read,
    sequence,
    signed,
    usual_attributes,
)
from tests.unit.envelopes.conftest import VALID_FROM, VALID_UNTIL, Certify

CONTENT = b"Content-Type: application/edi-x12\r\n\r\nISA*00*" + bytes(range(256)) * 8
WRITTEN = [each for each in DigestAlgorithm if each is not DigestAlgorithm.SHA1]


def _digest_of(content: bytes) -> Callable[[DigestAlgorithm], bytes]:
    return lambda algorithm: hashlib.new(algorithm.value, content).digest()


def _verified(message: bytes, trust: Trust, now: datetime, content: bytes = CONTENT) -> VerifyOutcome:
    return verify(read_signed(message), _digest_of(content), trust, now)


def _sign(key: OwnKey, now: datetime) -> bytes:
    digest = hashlib.sha256(CONTENT).digest()
    return sign(digest, DigestAlgorithm.SHA256, SignatureScheme.PKCS1V15, key, now)


def _pin(*keys: OwnKey, use: CertificateUse = CertificateUse.SIGN) -> Trust:
    return Trust(tuple(PartnerCertificate(key.certificate, frozenset({use}), VALID_FROM, VALID_UNTIL) for key in keys))


def _certificate(key: OwnKey) -> bytes:
    return key.certificate.public_bytes(Encoding.DER)


@pytest.mark.parametrize("scheme", SignatureScheme)
@pytest.mark.parametrize("digest", WRITTEN)
def test_verifies_what_it_signed(
    partner_key: OwnKey, partner_trust: Trust, now: datetime, digest: DigestAlgorithm, scheme: SignatureScheme
) -> None:
    """Every digest and padding, with the time of signing."""
    message = sign(_digest_of(CONTENT)(digest), digest, scheme, partner_key, now)

    assert _verified(message, partner_trust, now) == Verified(partner_key.certificate, digest, now)


def test_never_signs_with_sha1(partner_key: OwnKey, now: datetime) -> None:
    """The caller is wrong, not a message."""
    with pytest.raises(ValueError, match="never written"):
        sign(bytes(20), DigestAlgorithm.SHA1, SignatureScheme.PKCS1V15, partner_key, now)


def test_its_certificate_and_chain_come_along(issued_key: OwnKey, now: datetime) -> None:
    """So that whoever trusts the authority can verify."""
    found = read_signed(_sign(issued_key, now))

    assert found.certificates == (issued_key.certificate, *issued_key.chain)
    assert found.signers[0].signing_time == now


@pytest.mark.parametrize("digest", DigestAlgorithm)
@pytest.mark.parametrize("attributes", [None, ()], ids=["attributes", "no attributes"])
def test_verifies_with_and_without_attributes(
    partner_key: OwnKey,
    partner_trust: Trust,
    now: datetime,
    digest: DigestAlgorithm,
    attributes: Sequence[bytes] | None,
) -> None:
    """SHA-1 too, which is never written; Sterling signs without attributes."""
    message = signed(CONTENT, Signature(partner_key, digest, attributes))

    assert _verified(message, partner_trust, now) == Verified(partner_key.certificate, digest, None)


@pytest.mark.parametrize("salt_bytes", [0, 20, 32, 64])
@pytest.mark.parametrize("mask", [DigestAlgorithm.SHA1, DigestAlgorithm.SHA256])
def test_verifies_every_pss(
    partner_key: OwnKey, partner_trust: Trust, now: datetime, salt_bytes: int, mask: DigestAlgorithm
) -> None:
    """Salts of any size, and a digest of the mask that is another than that of the content."""
    algorithm, wrapping = pss(DigestAlgorithm.SHA256, mask, salt_bytes)

    for attributes in (None, ()):
        signature = Signature(partner_key, attributes=attributes, algorithm=algorithm, wrapping=wrapping)
        assert isinstance(_verified(signed(CONTENT, signature), partner_trust, now), Verified)


def test_pss_without_parameters_goes_by_the_digest(partner_key: OwnKey, partner_trust: Trust, now: datetime) -> None:
    """The salt is as long as it turns out."""
    _, wrapping = pss(DigestAlgorithm.SHA256, DigestAlgorithm.SHA256, 11)
    algorithm = sequence(der.identifier(RSASSA_PSS))
    message = signed(CONTENT, Signature(partner_key, algorithm=algorithm, wrapping=wrapping))

    assert isinstance(_verified(message, partner_trust, now), Verified)


def test_refuses_a_salt_that_no_one_has(partner_key: OwnKey) -> None:
    """Whatever stands there is no size for a buffer."""
    algorithm, _ = pss(DigestAlgorithm.SHA256, DigestAlgorithm.SHA256, 1 << 40)

    with pytest.raises(CmsError, match="salt"):
        read_signed(signed(CONTENT, Signature(partner_key, algorithm=algorithm)))


@pytest.mark.parametrize("number", ["1.2.840.113549.1.1.11", "1.2.840.113549.1.1.1"])
def test_a_signature_algorithm_may_name_the_digest(
    partner_key: OwnKey, partner_trust: Trust, now: datetime, number: str
) -> None:
    """SHA-256 with RSA, or RSA alone; with parameters or without."""
    for parameters in (der.NULL, b""):
        algorithm = sequence(der.identifier(der.identifier_octets(number)), parameters)
        message = signed(CONTENT, Signature(partner_key, algorithm=algorithm))

        assert isinstance(_verified(message, partner_trust, now), Verified)


def test_finds_the_signer_by_key_identifier(
    partner_key: OwnKey, certify: Certify, partner_trust: Trust, now: datetime
) -> None:
    """From the extension of the certificate, or from its key where it has none."""
    plain = certify("CN=plain", holder=partner_key, has_key_identifier=False)
    message = signed(CONTENT, Signature(partner_key, reference=key_identifier(partner_key.certificate)))

    assert isinstance(_verified(message, partner_trust, now), Verified)
    assert _verified(message, _pin(plain), now) == Verified(plain.certificate, DigestAlgorithm.SHA256, None)


@pytest.mark.parametrize("piece_bytes", [None, 1, 10])
@pytest.mark.parametrize("is_indefinite", [True, False])
def test_verifies_every_form(
    partner_key: OwnKey, partner_trust: Trust, now: datetime, piece_bytes: int | None, *, is_indefinite: bool
) -> None:
    """What was signed is the DER of the attributes, in whatever form they are sent."""
    message = recode(
        _sign(partner_key, now), piece_bytes=piece_bytes, is_indefinite=is_indefinite, kept=[_certificate(partner_key)]
    )

    assert _verified(message, partner_trust, now) == Verified(partner_key.certificate, DigestAlgorithm.SHA256, now)


def test_verifies_attributes_that_are_signed_in_another_order(
    partner_key: OwnKey, partner_trust: Trust, now: datetime
) -> None:
    """Some products sign what they send, without the order of DER."""
    attributes = sorted(usual_attributes(hashlib.sha256(CONTENT).digest()), reverse=True)
    message = signed(CONTENT, Signature(partner_key, attributes=attributes))

    assert isinstance(_verified(message, partner_trust, now), Verified)


def test_attributes_of_others_are_passed_over(partner_key: OwnKey, partner_trust: Trust, now: datetime) -> None:
    """With any number of values."""
    several = sequence(der.identifier(der.identifier_octets("1.2.3")), der.set_of(der.integer(1), der.NULL))
    attributes = [*usual_attributes(hashlib.sha256(CONTENT).digest()), several]
    message = signed(CONTENT, Signature(partner_key, attributes=attributes))

    assert isinstance(_verified(message, partner_trust, now), Verified)


class TestRefused:
    """What is not verified, and what is said of it."""

    def test_another_content(self, partner_key: OwnKey, partner_trust: Trust, now: datetime) -> None:
        """One octet more."""
        outcome = _verified(_sign(partner_key, now), partner_trust, now, CONTENT + b" ")

        assert outcome == DigestDiffers("The digest of the content differs from the one that was signed.")

    def test_another_content_without_attributes(self, partner_key: OwnKey, partner_trust: Trust, now: datetime) -> None:
        """Content or key: it cannot be told which."""
        message = signed(CONTENT, Signature(partner_key, attributes=()))

        assert isinstance(_verified(message, partner_trust, now, CONTENT + b" "), DigestDiffers)

    def test_a_stranger(self, stranger_key: OwnKey, partner_trust: Trust, now: datetime) -> None:
        """Whose certificate stands in the message."""
        outcome = _verified(_sign(stranger_key, now), partner_trust, now)

        assert outcome == SignerUnknown("No trusted certificate is the one that the signature names.")

    def test_a_stranger_who_names_the_partner(
        self, stranger_key: OwnKey, partner_key: OwnKey, partner_trust: Trust, now: datetime
    ) -> None:
        """The pinned key counts, not the name."""
        reference = key_identifier(partner_key.certificate)
        message = signed(CONTENT, Signature(stranger_key, reference=reference), certificates=[stranger_key.certificate])
        outcome = _verified(message, partner_trust, now)

        assert outcome == SignerUnknown("The signature was not made with the key of the certificate that it names.")

    def test_no_one_is_trusted(self, partner_key: OwnKey, now: datetime) -> None:
        """A relationship without certificates believes no one."""
        assert isinstance(_verified(_sign(partner_key, now), Trust(), now), SignerUnknown)

    def test_a_certificate_for_encryption(self, partner_key: OwnKey, now: datetime) -> None:
        """Pinned for another use."""
        trust = _pin(partner_key, use=CertificateUse.ENCRYPT)

        assert isinstance(_verified(_sign(partner_key, now), trust, now), SignerUnknown)

    def test_an_expired_certificate(self, expired_key: OwnKey, now: datetime) -> None:
        """Though the agreement goes on with it."""
        outcome = _verified(_sign(expired_key, now), _pin(expired_key), now)

        assert outcome == SignerUnknown("The signer's certificate has expired or is not valid yet.")

    def test_a_certificate_outside_of_its_window_in_the_agreement(self, partner_key: OwnKey, now: datetime) -> None:
        """Which may be narrower than the certificate's own."""
        pinned = PartnerCertificate(partner_key.certificate, frozenset(CertificateUse), VALID_FROM, now)
        outcome = _verified(_sign(partner_key, now), Trust((pinned,)), now)

        assert outcome == SignerUnknown("The signer's certificate has expired or is not valid yet.")

    @pytest.mark.parametrize(
        "attributes",
        [
            [attribute(CONTENT_TYPE, der.identifier(SIGNED_DATA)), attribute(MESSAGE_DIGEST, der.octet_string(b"1"))],
            [attribute(CONTENT_TYPE, der.identifier(SIGNED_DATA))],
            [attribute(MESSAGE_DIGEST, der.octet_string(b"1"))] * 2,
            [attribute(MESSAGE_DIGEST, der.octet_string(b"1") + der.octet_string(b"2"))],
            [sequence(der.identifier(MESSAGE_DIGEST), der.set_of())],
        ],
    )
    def test_attributes_that_leave_open_what_is_signed(self, partner_key: OwnKey, attributes: list[bytes]) -> None:
        """Another type of content, no digest, or two."""
        with pytest.raises(CmsError):
            read_signed(signed(CONTENT, Signature(partner_key, attributes=attributes)))

    def test_a_message_that_no_one_signed(self, partner_key: OwnKey) -> None:
        """Certificates alone are no signature."""
        with pytest.raises(CmsError, match="by no one"):
            read_signed(signed(CONTENT, certificates=[partner_key.certificate]))

    def test_too_many_signers(self, partner_key: OwnKey) -> None:
        """Each costs a verification."""
        with pytest.raises(CmsError, match="more than 8 signers"):
            read_signed(signed(CONTENT, *[Signature(partner_key)] * 9))

    def test_too_many_certificates(self, partner_key: OwnKey) -> None:
        """Each costs memory."""
        with pytest.raises(CmsError, match="more than 32 certificates"):
            read_signed(signed(CONTENT, Signature(partner_key), certificates=[partner_key.certificate] * 33))

    def test_bytes_that_follow(self, partner_key: OwnKey, now: datetime) -> None:
        """But line ends."""
        message = _sign(partner_key, now)

        assert read_signed(message + b"\r\n").signers
        with pytest.raises(CmsError, match="follow"):
            read_signed(message + b"\0")


def test_algorithms_that_are_not_supported_are_named(partner_key: OwnKey) -> None:
    """By number: SHA-224 for a digest, ECDSA for a signature."""
    sha256, sha224 = (der.identifier_octets(f"2.16.840.1.101.3.4.2.{number}") for number in (1, 4))
    ecdsa = sequence(der.identifier(der.identifier_octets("1.2.840.10045.4.3.2")))

    with pytest.raises(UnsupportedAlgorithm, match=r"digest 2\.16\.840\.1\.101\.3\.4\.2\.4 is not"):
        read_signed(signed(CONTENT, Signature(partner_key)).replace(sha256, sha224))
    with pytest.raises(UnsupportedAlgorithm, match=r"algorithm 1\.2\.840\.10045\.4\.3\.2 is not"):
        read_signed(signed(CONTENT, Signature(partner_key, algorithm=ecdsa)))


def test_one_trusted_signer_among_several_is_enough(
    partner_key: OwnKey, stranger_key: OwnKey, partner_trust: Trust, now: datetime
) -> None:
    """A stranger and one with an algorithm that is not supported beside it."""
    unknown = sequence(der.identifier(der.identifier_octets("1.2.3")))
    message = signed(
        CONTENT, Signature(stranger_key), Signature(partner_key, algorithm=unknown), Signature(partner_key)
    )

    assert isinstance(_verified(message, partner_trust, now), Verified)
    assert isinstance(_verified(message, partner_trust, now, b"other"), DigestDiffers)


def test_both_certificates_of_a_rollover_are_believed(our_key: OwnKey, our_next_key: OwnKey, now: datetime) -> None:
    """Without a moment at which both sides switch."""
    trust = _pin(our_key, our_next_key)

    for key in (our_key, our_next_key):
        assert _verified(_sign(key, now), trust, now) == Verified(key.certificate, DigestAlgorithm.SHA256, now)


def test_a_content_inside_of_a_detached_signature_is_passed_over(
    partner_key: OwnKey, partner_trust: Trust, now: datetime
) -> None:
    """What counts is the content beside it."""
    message = signed(CONTENT, Signature(partner_key), is_opaque=True)

    assert isinstance(_verified(message, partner_trust, now), Verified)
    assert isinstance(_verified(message, partner_trust, now, b"other"), DigestDiffers)


def test_what_stands_beside_certificates_is_passed_over(
    partner_key: OwnKey, partner_trust: Trust, now: datetime
) -> None:
    """Revocation lists."""
    message = signed(CONTENT, Signature(partner_key), lists=sequence(der.integer(1), der.NULL))

    assert isinstance(_verified(message, partner_trust, now), Verified)


def test_a_certificate_that_cannot_be_read_is_passed_over(partner_key: OwnKey, stranger_key: OwnKey) -> None:
    """The signature may not need it."""
    message = signed(CONTENT, Signature(partner_key), certificates=[stranger_key.certificate])
    encoded = _certificate(stranger_key)
    damaged = message.replace(encoded, encoded[:4] + b"\x31" + encoded[5:])

    assert read_signed(message).certificates == (stranger_key.certificate,)
    assert read_signed(damaged).certificates == ()


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        (b"\x17\x0d260302120000Z", datetime(2026, 3, 2, 12, tzinfo=UTC)),
        (b"\x17\x0d500101000000Z", datetime(1950, 1, 1, tzinfo=UTC)),
        (b"\x18\x0f20600101000000Z", datetime(2060, 1, 1, tzinfo=UTC)),
        (b"\x17\x0d260230120000Z", None),  # a day that February does not have
        (b"\x17\x11260302120000+0100", None),
        (b"\x18\x1120260302120000.5Z", None),
        (b"\x05\x00", None),
        (b"\x17\x0d2603021200\xff0Z", None),
    ],
)
def test_reads_the_time_of_signing(partner_key: OwnKey, time: bytes, expected: datetime | None) -> None:
    """A form that RFC 5652 does not have is no time, and no reason to refuse the message."""
    attributes = [*usual_attributes(b"1"), attribute(SIGNING_TIME, time)]
    found = read_signed(signed(CONTENT, Signature(partner_key, attributes=attributes)))

    assert found.signers[0].signing_time == expected


class TestOpaque:
    """SignedData that carries its content."""

    @pytest.mark.parametrize("step", [None, 1, 7, 1000])
    @pytest.mark.parametrize("piece_bytes", [None, 1, 1000])
    @pytest.mark.parametrize("is_indefinite", [True, False])
    def test_reads_and_verifies_every_form(
        self,
        partner_key: OwnKey,
        partner_trust: Trust,
        now: datetime,
        step: int | None,
        piece_bytes: int | None,
        *,
        is_indefinite: bool,
    ) -> None:
        """The digest is made on the way."""
        message = signed(CONTENT, Signature(partner_key), certificates=[partner_key.certificate], is_opaque=True)
        form = recode(message, piece_bytes=piece_bytes, is_indefinite=is_indefinite, kept=[_certificate(partner_key)])
        reader = SignedReader()

        assert reader.signed is None
        assert read(reader, form, step) == CONTENT
        assert isinstance(verify(_known(reader), reader.digest_of, partner_trust, now), Verified)

    def test_another_content_is_not_verified(self, partner_key: OwnKey, partner_trust: Trust, now: datetime) -> None:
        """One octet."""
        message = signed(CONTENT, Signature(partner_key), is_opaque=True)
        reader = SignedReader()
        read(reader, message.replace(b"ISA*", b"ISA+"))

        assert isinstance(verify(_known(reader), reader.digest_of, partner_trust, now), DigestDiffers)

    def test_a_digest_that_was_not_announced_was_not_made(
        self, partner_key: OwnKey, partner_trust: Trust, now: datetime
    ) -> None:
        """The content has passed by when its signature comes."""
        message = signed(CONTENT, Signature(partner_key), is_opaque=True, digests=[DigestAlgorithm.SHA1])
        reader = SignedReader()
        read(reader, message)

        with pytest.raises(CmsError, match="does not name the digest"):
            verify(_known(reader), reader.digest_of, partner_trust, now)

    def test_a_detached_signature_has_no_content(self, partner_key: OwnKey) -> None:
        """There is nothing to read."""
        with pytest.raises(CmsError, match="no content"):
            read(SignedReader(), signed(CONTENT, Signature(partner_key)))


def _known(reader: SignedReader) -> SignedMessage:
    assert reader.signed is not None
    return reader.signed
