"""Keys and certificates of those who exchange: RSA 2048, made once per session, when a test first asks for them.

Everyone is an `OwnKey`, so that a test may sign or decrypt as anyone:

| fixture | who |
|---|---|
| `our_key` | us: signed by itself, with a subject key identifier |
| `our_next_key` | us after a rollover: another key, another certificate |
| `partner_key` | the partner: signed by itself, with a subject key identifier |
| `partner_trust` | what we believe of the partner: exactly the certificate of `partner_key`, for both uses |
| `stranger_key` | someone whom nobody pinned: signed by itself |
| `expired_key` | the key of `partner_key` in a certificate that ended in 2021 |
| `authority_key` | a root authority |
| `intermediate_key` | an authority below it |
| `issued_key` | issued by the intermediate, which is its `chain`; subject `CN=issued,O=Partner` |
| `directly_issued_key` | the key of `issued_key` in a certificate that the root issued; same subject, no chain |
| `authority_trust` | any certificate `CN=issued,O=Partner` below the root |
| `now` | a moment within every certificate but the expired one; they are valid from 2020 to 2045 |
| `certify` | makes one more of these, as the tests of chains need them |
"""

from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa

from gateway.envelopes.as2.credentials import CertificateUse, OwnKey, PartnerCertificate, Trust, TrustedAuthority

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
VALID_FROM = datetime(2020, 1, 1, tzinfo=UTC)
VALID_UNTIL = datetime(2045, 1, 1, tzinfo=UTC)
ISSUED_SUBJECT = "CN=issued,O=Partner"


class Certify:
    """Makes a certificate. Without `holder` it gets a key of its own, without `issuer` it is signed by itself."""

    def __call__(
        self,
        subject: str,
        *,
        holder: OwnKey | None = None,
        issuer: OwnKey | None = None,
        is_authority: bool = False,
        path_length: int | None = None,
        has_key_identifier: bool = True,
        valid_from: datetime = VALID_FROM,
        valid_until: datetime = VALID_UNTIL,
    ) -> OwnKey:
        """`subject` is RFC 4514 text. The chain of what is issued is its issuer, unless that signed itself."""
        key = holder.key if holder else rsa.generate_private_key(public_exponent=65537, key_size=2048)
        name = x509.Name.from_rfc4514_string(subject)
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(issuer.certificate.subject if issuer else name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(valid_from)
            .not_valid_after(valid_until)
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=path_length), critical=True)
        )
        if has_key_identifier:
            builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        certificate = builder.sign(issuer.key if issuer else key, hashes.SHA256())
        is_below_root = issuer is not None and issuer.certificate.issuer != issuer.certificate.subject
        chain = (issuer.certificate, *issuer.chain) if issuer and is_below_root else ()
        return OwnKey(subject, certificate, key, chain, valid_from, valid_until)


@pytest.fixture(scope="session")
def certify() -> Certify:
    """A maker of further certificates."""
    return Certify()


@pytest.fixture(scope="session")
def now() -> datetime:
    """A moment within every certificate but the expired one."""
    return NOW


@pytest.fixture(scope="session")
def our_key(certify: Certify) -> OwnKey:
    """Our key."""
    return certify("CN=us")


@pytest.fixture(scope="session")
def our_next_key(certify: Certify) -> OwnKey:
    """Our key after a rollover."""
    return certify("CN=us")


@pytest.fixture(scope="session")
def partner_key(certify: Certify) -> OwnKey:
    """The partner's key."""
    return certify("CN=partner")


@pytest.fixture(scope="session")
def partner_trust(partner_key: OwnKey) -> Trust:
    """Exactly the partner's certificate, for both uses."""
    uses = frozenset({CertificateUse.SIGN, CertificateUse.ENCRYPT})
    return Trust((PartnerCertificate(partner_key.certificate, uses, VALID_FROM, VALID_UNTIL),))


@pytest.fixture(scope="session")
def stranger_key(certify: Certify) -> OwnKey:
    """The key of someone whom nobody pinned."""
    return certify("CN=stranger")


@pytest.fixture(scope="session")
def expired_key(certify: Certify, partner_key: OwnKey) -> OwnKey:
    """The partner's key in a certificate that has ended."""
    return certify("CN=partner", holder=partner_key, valid_until=datetime(2021, 1, 1, tzinfo=UTC))


@pytest.fixture(scope="session")
def authority_key(certify: Certify) -> OwnKey:
    """A root authority."""
    return certify("CN=root,O=Authority", is_authority=True)


@pytest.fixture(scope="session")
def intermediate_key(certify: Certify, authority_key: OwnKey) -> OwnKey:
    """An authority below the root."""
    return certify("CN=intermediate,O=Authority", issuer=authority_key, is_authority=True)


@pytest.fixture(scope="session")
def issued_key(certify: Certify, intermediate_key: OwnKey) -> OwnKey:
    """A partner's key, issued through the intermediate authority."""
    return certify(ISSUED_SUBJECT, issuer=intermediate_key)


@pytest.fixture(scope="session")
def directly_issued_key(certify: Certify, issued_key: OwnKey, authority_key: OwnKey) -> OwnKey:
    """The same key, certified by the root."""
    return certify(ISSUED_SUBJECT, holder=issued_key, issuer=authority_key)


@pytest.fixture(scope="session")
def authority_trust(authority_key: OwnKey) -> Trust:
    """Any certificate of that subject below the root."""
    return Trust(authorities=(TrustedAuthority(authority_key.certificate, ISSUED_SUBJECT),))
