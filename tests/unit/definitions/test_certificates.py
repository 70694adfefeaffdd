from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, pkcs7

from gateway.definitions.certificates import (
    CredentialError,
    PasswordNeeded,
    Window,
    check_strength,
    is_authority,
    permitted_uses,
    read_certificate,
    read_key_pair,
    read_pem_certificates,
    read_pkcs12,
    window,
)
from gateway.envelopes.as2.credentials import CertificateUse
from tests.unit.definitions.identities import (
    NOW,
    certificate,
    certificate_pem,
    elliptic_certificate,
    key_pem,
    key_store,
    key_usage,
    rsa_key,
)

ROOT = "authority"


def _root() -> x509.Certificate:
    return certificate(ROOT, is_authority=True)


def _issued() -> x509.Certificate:
    return certificate("clinic", issuer=ROOT)


@pytest.mark.parametrize(
    "written",
    [
        certificate_pem,
        lambda one: b"Bag Attributes: none\n" + certificate_pem(one),
        lambda one: one.public_bytes(Encoding.DER),
        lambda one: pkcs7.serialize_certificates([one], Encoding.PEM),
        lambda one: pkcs7.serialize_certificates([one], Encoding.DER),
    ],
    ids=["pem", "pem with text", "der", "pkcs7 pem", "pkcs7 der"],
)
def test_certificate_is_read_in_every_form(written: Callable[[x509.Certificate], bytes]) -> None:
    """Partners send what their product exports."""
    data = written(certificate("clinic"))

    assert read_certificate(data) == (certificate("clinic"), ())


@pytest.mark.parametrize("is_reversed", [False, True])
def test_holder_is_told_from_its_authorities(is_reversed: bool) -> None:
    """Whatever their order: the holder issued none of the others."""
    both = [_issued(), _root()]
    data = certificate_pem(*(reversed(both) if is_reversed else both))

    assert read_certificate(data) == (_issued(), (_root(),))


def test_strangers_in_one_file_are_refused() -> None:
    """Nobody guesses which of two is meant."""
    with pytest.raises(CredentialError, match="holds 2 certificates, and which one is meant cannot be seen"):
        read_certificate(certificate_pem(certificate("clinic"), certificate("mill")))


@pytest.mark.parametrize("data", [b"", b"text", b"\x30\x03\x02\x01\x00", b"-----BEGIN PRIVATE KEY-----"])
def test_what_is_no_certificate_is_refused(data: bytes) -> None:
    """Whatever the file holds, the error is one sentence."""
    with pytest.raises(CredentialError, match="holds no certificate in PEM, DER or PKCS#7"):
        read_certificate(data)
    with pytest.raises(CredentialError, match="holds no certificate in PEM"):
        read_pem_certificates(data)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 0.999])
def test_truncated_files_are_refused(share: float) -> None:
    """A copy that broke off raises what every unusable file raises."""
    certificate_der, store = certificate("clinic").public_bytes(Encoding.DER), key_store("clinic", b"secret")

    with pytest.raises(CredentialError):
        read_certificate(certificate_der[: int(len(certificate_der) * share)])
    with pytest.raises(CredentialError):
        read_pkcs12(store[: int(len(store) * share)], b"secret")


def test_key_pair_is_read_in_every_form() -> None:
    """PEM and DER, PKCS#8 and traditional, encrypted or not, one file or two."""
    own, key = certificate("gateway"), rsa_key("gateway")
    traditional = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    der = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    together = certificate_pem(own) + key_pem("gateway")

    pairs = [
        read_key_pair(certificate_pem(own), traditional),
        read_key_pair(own.public_bytes(Encoding.DER), der),
        read_key_pair(certificate_pem(own), key_pem("gateway", b"secret"), b"secret"),
        read_key_pair(together, together),
        read_pkcs12(key_store("gateway", b"secret"), b"secret"),
        read_pkcs12(key_store("gateway", None), None),
    ]

    assert all(pair.certificate == own and pair.key.private_numbers() == key.private_numbers() for pair in pairs)
    assert "private" not in repr(pairs[0]).lower()


def test_key_store_brings_its_chain() -> None:
    """Signatures carry it along."""
    pair = read_pkcs12(key_store("gateway", b"secret", _root()), b"secret")

    assert pair.chain == (_root(),)


@pytest.mark.parametrize(
    ("key", "password", "message"),
    [
        (lambda: key_pem("mill"), None, "is not the key of the certificate"),
        (lambda: key_pem("clinic", b"secret"), b"wrong", "has no private key in PEM or DER, or the password is wrong"),
        (lambda: key_pem("clinic"), b"secret", "is not encrypted: leave the password out"),
        (lambda: b"text", None, "has no private key in PEM or DER"),
    ],
)
def test_unusable_key_says_why(key: Callable[[], bytes], password: bytes | None, message: str) -> None:
    """The text goes on from the name of the file, and shows neither key nor password."""
    with pytest.raises(CredentialError, match=message) as caught:
        read_key_pair(certificate_pem(certificate("clinic")), key(), password)

    assert "secret" not in str(caught.value)


def test_missing_password_is_told_from_a_wrong_one() -> None:
    """Whoever sits at a terminal can still be asked."""
    with pytest.raises(PasswordNeeded, match="is encrypted, and no password is given"):
        read_key_pair(certificate_pem(certificate("clinic")), key_pem("clinic", b"secret"))
    with pytest.raises(PasswordNeeded):
        read_pkcs12(key_store("clinic", b"secret"), None)
    with pytest.raises(CredentialError, match="is no PKCS#12 file, or the password is wrong") as caught:
        read_pkcs12(key_store("clinic", b"secret"), b"wrong")

    with pytest.raises(CredentialError, match="is no PKCS#12 file") as of_text:
        read_pkcs12(b"text", None)

    assert not isinstance(caught.value, PasswordNeeded)
    assert not isinstance(of_text.value, PasswordNeeded)


def test_weak_or_foreign_keys_are_refused() -> None:
    """1024 bits are too few, and AS2 needs RSA."""
    with pytest.raises(CredentialError, match="has an RSA key of 1024 bits: 2048 at least"):
        check_strength(certificate("old", size_bits=1024))
    with pytest.raises(CredentialError, match="has no RSA key"):
        check_strength(elliptic_certificate("modern"))


@pytest.mark.parametrize(
    ("valid_from", "valid_until", "expected"),
    [
        (None, None, (NOW - timedelta(days=10), NOW + timedelta(days=355))),
        (date(2025, 1, 1), date(2030, 1, 1), (NOW - timedelta(days=10), NOW + timedelta(days=355))),
        (date(2026, 1, 6), date(2026, 1, 6), (datetime(2026, 1, 6, tzinfo=UTC), datetime(2026, 1, 7, tzinfo=UTC))),
        (None, date.max, (NOW - timedelta(days=10), NOW + timedelta(days=355))),
    ],
)
def test_window_is_the_narrower_one(
    valid_from: date | None, valid_until: date | None, expected: tuple[datetime, datetime]
) -> None:
    """The last day counts whole."""
    assert window(certificate("clinic"), valid_from, valid_until) == Window(*expected)


@pytest.mark.parametrize(
    ("valid_from", "valid_until"),
    [(date(2028, 1, 1), None), (None, date(2024, 1, 1)), (date(2026, 2, 1), date(2026, 1, 1))],
)
def test_window_that_is_empty_is_refused(valid_from: date | None, valid_until: date | None) -> None:
    """A certificate that never counts is a mistake in the file."""
    with pytest.raises(CredentialError, match="counts at no time: it is valid from 2025-12-26 until 2026-12-26"):
        window(certificate("clinic"), valid_from, valid_until)


def test_certificate_says_what_it_is_for() -> None:
    """Without key usage everything is permitted."""
    assert permitted_uses(certificate("clinic")) == frozenset(CertificateUse)
    assert permitted_uses(certificate("signer", usage=key_usage(signs=True, encrypts=False))) == {CertificateUse.SIGN}
    assert permitted_uses(certificate("reader", usage=key_usage(signs=False, encrypts=True))) == {
        CertificateUse.ENCRYPT
    }
    assert [is_authority(one) for one in (_root(), _issued(), elliptic_certificate("x"))] == [True, False, False]
