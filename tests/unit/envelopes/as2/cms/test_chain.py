"""Certificates that are believed for their authority's sake."""

import hashlib
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from gateway.envelopes.as2.cms import SignerUnknown, Verified, VerifyOutcome, read_signed, verify
from gateway.envelopes.as2.cms.chain import MAXIMUM_INTERMEDIATES, CertificatePath
from gateway.envelopes.as2.credentials import OwnKey, Trust, TrustedAuthority
from gateway.envelopes.as2.profile import DigestAlgorithm
from tests.unit.envelopes.as2.cms.messages import Signature, signed
from tests.unit.envelopes.conftest import ISSUED_SUBJECT, VALID_FROM, VALID_UNTIL, Certify

CONTENT = b"ISA*00*"
PAST = datetime(2021, 1, 1, tzinfo=UTC)
NO_PATH = "The signer's certificate does not lead to the trusted authority."
EXPIRED = "The signer's certificate has expired or is not valid yet."


def _verified(key: OwnKey, embedded: list[OwnKey], trust: Trust, now: datetime) -> VerifyOutcome:
    message = signed(CONTENT, Signature(key), certificates=[each.certificate for each in embedded])
    digest = hashlib.sha256(CONTENT).digest()
    return verify(read_signed(message), lambda _: digest, trust, now)


def _trust(authority: OwnKey, subject: str = ISSUED_SUBJECT) -> Trust:
    return Trust(authorities=(TrustedAuthority(authority.certificate, subject),))


def _extended(subject: str, holder: OwnKey, issuer: OwnKey, *extensions: tuple[x509.ExtensionType, bool]) -> OwnKey:
    """A certificate with just these extensions, critical or not."""
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name.from_rfc4514_string(subject))
        .issuer_name(issuer.certificate.subject)
        .public_key(holder.key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(VALID_FROM)
        .not_valid_after(VALID_UNTIL)
    )
    for extension, is_critical in extensions:
        builder = builder.add_extension(extension, critical=is_critical)
    return OwnKey(subject, builder.sign(issuer.key, hashes.SHA256()), holder.key, (), VALID_FROM, VALID_UNTIL)


def _usage(*, signature: bool = False, issue: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=signature,
        content_commitment=False,
        key_encipherment=True,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=issue,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def test_verifies_what_the_authority_issued(directly_issued_key: OwnKey, authority_trust: Trust, now: datetime) -> None:
    """Its certificate comes in the message."""
    outcome = _verified(directly_issued_key, [directly_issued_key], authority_trust, now)

    assert outcome == Verified(directly_issued_key.certificate, DigestAlgorithm.SHA256, None)


def test_verifies_through_intermediates_in_whatever_order(
    issued_key: OwnKey, intermediate_key: OwnKey, authority_key: OwnKey, authority_trust: Trust, now: datetime
) -> None:
    """With the root among them or not."""
    expected = Verified(issued_key.certificate, DigestAlgorithm.SHA256, None)

    assert _verified(issued_key, [intermediate_key, issued_key], authority_trust, now) == expected
    assert _verified(issued_key, [authority_key, issued_key, intermediate_key], authority_trust, now) == expected


def test_an_intermediate_may_be_the_trusted_authority(
    issued_key: OwnKey, intermediate_key: OwnKey, now: datetime
) -> None:
    """The agreement says how far up to go."""
    assert isinstance(_verified(issued_key, [issued_key], _trust(intermediate_key), now), Verified)


def test_refuses_where_an_intermediate_is_missing(issued_key: OwnKey, authority_trust: Trust, now: datetime) -> None:
    """None is fetched."""
    assert _verified(issued_key, [issued_key], authority_trust, now) == SignerUnknown(NO_PATH)


def test_refuses_where_the_certificate_is_missing(issued_key: OwnKey, authority_trust: Trust, now: datetime) -> None:
    """Only a pinned one needs not come along."""
    outcome = _verified(issued_key, [], authority_trust, now)

    assert outcome == SignerUnknown("No trusted certificate is the one that the signature names.")


def test_refuses_another_subject(directly_issued_key: OwnKey, authority_key: OwnKey, now: datetime) -> None:
    """An authority issues to many."""
    outcome = _verified(directly_issued_key, [directly_issued_key], _trust(authority_key, "CN=other"), now)

    assert outcome == SignerUnknown("The signer's certificate has another subject than the trusted one.")


def test_refuses_an_authority_that_only_has_the_name(
    certify: Certify, stranger_key: OwnKey, authority_trust: Trust, now: datetime
) -> None:
    """Signatures count."""
    false_root = certify("CN=root,O=Authority", holder=stranger_key, is_authority=True)
    forged = certify(ISSUED_SUBJECT, holder=stranger_key, issuer=false_root)

    assert _verified(forged, [forged, false_root], authority_trust, now) == SignerUnknown(NO_PATH)


def test_refuses_an_issuer_that_is_no_authority(
    certify: Certify, directly_issued_key: OwnKey, stranger_key: OwnKey, authority_trust: Trust, now: datetime
) -> None:
    """Who has a certificate cannot make more of them."""
    forged = certify(ISSUED_SUBJECT, holder=stranger_key, issuer=directly_issued_key)

    assert _verified(forged, [forged, directly_issued_key], authority_trust, now) == SignerUnknown(NO_PATH)


def test_refuses_what_has_expired(
    certify: Certify, issued_key: OwnKey, intermediate_key: OwnKey, authority_key: OwnKey, now: datetime
) -> None:
    """The signer's certificate, an intermediate, the authority."""
    trust = _trust(authority_key)
    signer = certify(ISSUED_SUBJECT, holder=issued_key, issuer=authority_key, valid_until=PAST)
    old_intermediate = certify(
        "CN=intermediate,O=Authority",
        holder=intermediate_key,
        issuer=authority_key,
        is_authority=True,
        valid_until=PAST,
    )
    old_root = certify("CN=root,O=Authority", holder=authority_key, is_authority=True, valid_until=PAST)

    assert _verified(signer, [signer], trust, now) == SignerUnknown(EXPIRED)
    assert _verified(issued_key, [issued_key, old_intermediate], trust, now) == SignerUnknown(NO_PATH)
    assert _verified(issued_key, [issued_key, intermediate_key], _trust(old_root), now) == SignerUnknown(
        "The trusted authority's certificate has expired or is not valid yet."
    )


def test_a_path_may_be_limited(certify: Certify, issued_key: OwnKey, intermediate_key: OwnKey, now: datetime) -> None:
    """An authority of path length 0 has none below it."""
    root = certify("CN=short", is_authority=True, path_length=0)
    intermediate = certify("CN=intermediate,O=Authority", holder=intermediate_key, issuer=root, is_authority=True)
    direct = certify(ISSUED_SUBJECT, holder=issued_key, issuer=root)

    assert isinstance(_verified(direct, [direct], _trust(root), now), Verified)
    assert _verified(issued_key, [issued_key, intermediate], _trust(root), now) == SignerUnknown(NO_PATH)


def test_key_usage_is_kept(issued_key: OwnKey, authority_key: OwnKey, authority_trust: Trust, now: datetime) -> None:
    """A key for encryption does not sign, an authority without leave does not issue."""
    encrypting = _extended(ISSUED_SUBJECT, issued_key, authority_key, (_usage(), True))
    signing = _extended(ISSUED_SUBJECT, issued_key, authority_key, (_usage(signature=True), True))
    idle = _extended(
        "CN=idle", authority_key, authority_key, (_usage(), True), (x509.BasicConstraints(True, None), True)
    )
    below = _extended(ISSUED_SUBJECT, issued_key, idle)

    assert isinstance(_verified(signing, [signing], authority_trust, now), Verified)
    assert _verified(encrypting, [encrypting], authority_trust, now) == SignerUnknown(
        "The signer's certificate is not for signatures."
    )
    assert _verified(below, [below, idle], authority_trust, now) == SignerUnknown(NO_PATH)


def test_a_critical_extension_must_be_understood(
    issued_key: OwnKey, authority_key: OwnKey, authority_trust: Trust, now: datetime
) -> None:
    """RFC 5280 4.2; not critical it may stand there."""
    unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")
    critical = _extended(ISSUED_SUBJECT, issued_key, authority_key, (unknown, True))
    casual = _extended(ISSUED_SUBJECT, issued_key, authority_key, (unknown, False))

    assert isinstance(_verified(casual, [casual], authority_trust, now), Verified)
    assert isinstance(_verified(critical, [critical], authority_trust, now), SignerUnknown)


def test_an_old_root_without_extensions_is_an_authority_if_the_agreement_says_so(
    issued_key: OwnKey, authority_key: OwnKey, now: datetime
) -> None:
    """As an anchor; in a message it is none."""
    old_root = _extended("CN=old", authority_key, authority_key)
    old_below = _extended("CN=below", authority_key, old_root)
    signer = _extended(ISSUED_SUBJECT, issued_key, old_below)

    assert isinstance(_verified(signer, [signer], _trust(old_below), now), Verified)
    assert _verified(signer, [signer, old_below], _trust(old_root), now) == SignerUnknown(NO_PATH)


def test_paths_are_bounded_in_length(
    certify: Certify, authority_key: OwnKey, issued_key: OwnKey, authority_trust: Trust, now: datetime
) -> None:
    """The bound itself is allowed."""
    path = [authority_key]
    for number in range(MAXIMUM_INTERMEDIATES + 1):
        path.append(certify(f"CN={number}", holder=authority_key, issuer=path[-1], is_authority=True))
    longest = certify(ISSUED_SUBJECT, holder=issued_key, issuer=path[-2])
    too_long = certify(ISSUED_SUBJECT, holder=issued_key, issuer=path[-1])

    assert isinstance(_verified(longest, [longest, *path], authority_trust, now), Verified)
    assert _verified(too_long, [too_long, *path], authority_trust, now) == SignerUnknown(NO_PATH)


def test_paths_are_bounded_in_number(
    certify: Certify, stranger_key: OwnKey, authority_key: OwnKey, now: datetime
) -> None:
    """Certificates that all issue each other have no end of paths."""
    root = certify("CN=loop", holder=stranger_key, is_authority=True)
    loops = [certify("CN=loop", holder=stranger_key, issuer=root, is_authority=True) for _ in range(30)]
    signer = certify(ISSUED_SUBJECT, holder=stranger_key, issuer=root)
    path = CertificatePath(authority_key.certificate, [each.certificate for each in loops], now)

    assert path.refusal(signer.certificate) == NO_PATH
