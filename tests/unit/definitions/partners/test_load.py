from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.definitions.partners.load import LoadedPartners, load_partners
from gateway.formats.x12.acknowledge import FunctionalAckMode
from gateway.formats.x12.acknowledge_interchange import InterchangeAckMode
from gateway.formats.x12.segments import Delimiters
from gateway.formats.x12.verdict import RejectionUnit
from gateway.model.exchange import Authentication
from gateway.pipeline.agreements import Identity, UsageIndicator
from gateway.pipeline.records import Mode

US = Identity("ZZ", "GATEWAY")
HASH = "$argon2id$v=19$m=65536,t=3,p=4$TA32AW3UdbL3tJT2HTbgBQ$ttv55WjIoncDD2dzdWUVFiuLLTAJ3WW/eiZ3k43WHz0"
NOW = datetime(2026, 1, 5, tzinfo=UTC)


def _partner(identity: str = "CLINIC", extra: str = "", agreement: str = "") -> str:
    return (
        f'name = "Clinic"\n{extra}\n[[identity]]\nqualifier = "ZZ"\nid = "{identity}"\n'
        f'[[agreement]]\nusage = "test"\nguides = ["837 005010X222A1"]\n{agreement}\n'
    )


def _load(folder: Path, **files: str) -> LoadedPartners:
    for name, text in files.items():
        (folder / f"{name}.toml").write_text(text)
    return load_partners(folder, [US])


def _certificate(folder: Path, name: str, days: int) -> x509.Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW)
        .not_valid_after(NOW + timedelta(days=days))
        .sign(key, hashes.SHA256())
    )
    (folder / f"{name}.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    return certificate


def test_smallest_file_has_safe_defaults(tmp_path: Path) -> None:
    """Batch, a set is the unit of rejection, 999 or 997 by version, our identities from the settings."""
    loaded = _load(tmp_path, clinic=_partner())

    assert loaded.faults == ()
    agreement = loaded.agreements.partners["clinic"].agreements[0]
    assert agreement.usage is UsageIndicator.TEST
    assert agreement.mode is Mode.BATCH
    assert agreement.unit is RejectionUnit.SET
    assert agreement.receivers == {US}
    assert agreement.senders == {Identity("ZZ", "CLINIC")}
    assert agreement.acknowledgements.functional is FunctionalAckMode.BY_VERSION
    assert {guide.functional_group for guide in agreement.guides} == {"HC"}


def test_agreement_says_it_all(tmp_path: Path) -> None:
    """Every key reaches the pipeline's noun."""
    loaded = _load(
        tmp_path,
        clinic=_partner(
            agreement='name = "claims"\nmode = "real_time"\ndeadline_s = 5\nunit = "item"\nordered = true\n'
            'duplicate_window_days = 2\napplications = ["APP"]\ncharacter_set = "basic"\n'
            'receivers = [{ qualifier = "30", id = "OTHER" }]\n'
            '[agreement.acknowledge]\nfunctional = "997"\ninterchange = "always"\n'
            'delimiters = "|>!~"\nline_end = "\\n"\n'
            "[agreement.limits]\nsize_bytes = 2048\n"
        ),
    )

    assert loaded.faults == ()
    agreement = loaded.agreements.partners["clinic"].agreements[0]
    assert (agreement.name, agreement.mode, agreement.deadline_s) == ("claims", Mode.REAL_TIME, 5)
    assert (agreement.unit, agreement.is_ordered) == (RejectionUnit.ITEM, True)
    assert agreement.duplicate_window_s == 2 * 86_400
    assert agreement.applications == {"APP"}
    assert agreement.receivers == {Identity("30", "OTHER")}
    assert agreement.acknowledgements.interchange is InterchangeAckMode.ALWAYS
    assert agreement.acknowledgements.delimiters == Delimiters("|", ">", "!", "~")
    assert agreement.limits.size_bytes == 2048


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nonsense", "bad.toml:1: is not TOML"),
        (_partner(extra="colour = 1"), "bad.toml:2: colour: is not a key that is known here"),
        (_partner(identity="LONGER THAN FIFTEEN"), "bad.toml:5: identity[0].id: String should match pattern"),
        (_partner(agreement='mode = "fast"'), "bad.toml:9: agreement[0].mode: should be 'real_time' or 'batch'"),
        (_partner(agreement='usage = "test"'), "bad.toml:9: is not TOML"),
        (
            _partner().replace("837 005010X222A1", "837 005010X220A1"),
            "bad.toml:8: agreement[0].guides[0]: 837 005010X220A1 is no guide that we have",
        ),
        (
            _partner(agreement='senders = [{ qualifier = "ZZ", id = "ELSE" }]'),
            "bad.toml:9: agreement[0].senders: names what is no identity of this partner",
        ),
        (
            _partner(agreement='[agreement.acknowledge]\ndelimiters = "**^~"'),
            "bad.toml:10: agreement[0].acknowledge.delimiters: is not four different characters",
        ),
        (
            _partner(agreement='[agreement.rules]\n"005010X222A1" = ["none.toml"]'),
            "bad.toml:9: agreement[0].rules: ",
        ),
        (
            _partner(extra='[[password]]\nuser = "u"\npassword_hash = "plain"'),
            "bad.toml:2: password[0]: the password hash is no argon2id hash",
        ),
        (
            _partner(extra='[[password]]\nuser = "u"'),
            "bad.toml:2: password[0]: needs exactly one of password_hash",
        ),
        (
            _partner(extra='[[certificate]]\nfile = "none.pem"'),
            "bad.toml:2: certificate[0]: the certificate cannot be read",
        ),
        (
            _partner(extra='[[certificate]]\nsha256 = "abc"'),
            "bad.toml:3: certificate[0].sha256: is not 64 hexadecimal digits",
        ),
    ],
)
def test_broken_file_puts_its_partner_out_and_nobody_else(tmp_path: Path, text: str, message: str) -> None:
    """Every fault has its line; the good partner beside it goes on."""
    loaded = _load(tmp_path, good=_partner("GOOD"), bad=text)

    assert list(loaded.agreements.partners) == ["good"]
    assert [str(fault).removeprefix(f"{tmp_path}/")[: len(message)] for fault in loaded.faults] == [message]
    assert "plain" not in str(loaded.faults)


def test_shared_identity_puts_the_later_file_out(tmp_path: Path) -> None:
    """The fault names the other partner."""
    loaded = _load(tmp_path, a=_partner(), b=_partner())

    assert list(loaded.agreements.partners) == ["a"]
    assert [fault.message for fault in loaded.faults] == ["ZZ CLINIC is an identity of a too"]


def test_disabled_partner_has_no_credentials(tmp_path: Path) -> None:
    """It stays in the list, but nobody gets in by it."""
    user = f'[[password]]\nuser = "clinic"\npassword_hash = "{HASH}"'

    loaded = _load(tmp_path, clinic=_partner(extra=f"enabled = false\n{user}"))

    assert loaded.faults == ()
    assert not loaded.agreements.partners["clinic"].is_enabled
    assert loaded.credentials.password("clinic") is None


def test_password_names_its_principal(tmp_path: Path) -> None:
    """The hash may lie in a file; no repr shows it."""
    (tmp_path / "clinic.hash").write_text(HASH + "\n")

    loaded = _load(tmp_path, clinic=_partner(extra='[[password]]\nuser = "me"\npassword_hash_file = "clinic.hash"'))

    found = loaded.credentials.password("me")
    assert found is not None
    assert (found.principal.partner, found.principal.method) == ("clinic", Authentication.BASIC)
    assert found.password_hash == HASH
    assert HASH not in repr(loaded)


def test_certificate_counts_within_its_window(tmp_path: Path) -> None:
    """The narrower of certificate and agreement; a pinned one is given to the TLS listener."""
    certificate = _certificate(tmp_path, "clinic", days=10)
    loaded = _load(tmp_path, clinic=_partner(extra='[[certificate]]\nfile = "clinic.pem"\nvalid_until = 2026-01-08'))
    fingerprint = certificate.fingerprint(hashes.SHA256()).hex()

    found = [
        loaded.credentials.certificate(fingerprint.upper(), NOW + timedelta(days=days)) is not None
        for days in (-1, 0, 3, 4)
    ]

    assert found == [False, True, True, False]
    assert loaded.credentials.pinned_certificates() == (certificate.public_bytes(Encoding.PEM).decode(),)


def test_folder_that_is_missing_is_a_fault(tmp_path: Path) -> None:
    """A gateway without partners says so."""
    loaded = load_partners(tmp_path / "none", [US])

    assert loaded.agreements.partners == {}
    assert len(loaded.faults) == 1
