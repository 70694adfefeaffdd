from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.definitions import lint as lint_module
from gateway.definitions.guides.catalogue import catalogue
from gateway.definitions.lint import LintReport, lint, lint_installation, lint_package

NOW = datetime(2026, 1, 5, tzinfo=UTC)
HASH = "$argon2id$v=19$m=65536,t=3,p=4$TA32AW3UdbL3tJT2HTbgBQ$ttv55WjIoncDD2dzdWUVFiuLLTAJ3WW/eiZ3k43WHz0"
PARTNER = f"""
name = "Clinic"
[[identity]]
qualifier = "ZZ"
id = "CLINIC"
[[password]]
user = "clinic"
password_hash = "{HASH}"
[[agreement]]
usage = "test"
guides = ["834 005010X220A1"]
"""
RULES = """
sample = '''
ST*834*0001*005010X220A1~
BGN*00*SAMPLE1*20260105*1023****2~
N1*P5*SAMPLE SPONSOR*FI*123456789~
N1*IN*SAMPLE PAYER*FI*987654321~
INS*Y*18*021*28*A***FT~
REF*0F*S0001~
REF*1L*POLICY1~
NM1*IL*1*SAMPLE*ANN~
SE*9*0001~
'''
[[rule]]
id = "policy-number-wanted"
kind = "requires"
snip = 7
severity = "error"
anchor = "2000"
then = ["REF[1L]"]
message = "m"
source = "s"
"""


def _certificate(path: Path, ends: datetime) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "gateway")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(NOW - timedelta(days=1)).not_valid_after(ends)
    path.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))


def _installation(folder: Path, partner: str = PARTNER, ends: datetime = NOW + timedelta(days=365)) -> LintReport:
    (folder / "certs").mkdir()
    _certificate(folder / "certs" / "server.pem", ends)
    (folder / "certs" / "server-key.pem").write_text("")
    (folder / "certs" / "server-key.pem").chmod(0o600)
    (folder / "partners").mkdir()
    (folder / "partners" / "clinic.toml").write_text(partner)
    (folder / "gateway.toml").write_text('[[identity]]\nqualifier = "ZZ"\nid = "GATEWAY"\n')
    return lint_installation(folder / "gateway.toml", NOW)


def _texts(report: LintReport, folder: Path) -> tuple[list[str], list[str]]:
    return (
        [str(fault).removeprefix(f"{folder}/") for fault in report.faults],
        [str(fault).removeprefix(f"{folder}/") for fault in report.warnings],
    )


def test_package_is_clean() -> None:
    """Every guide, correction, rule with its samples, map and dictionary entry that we ship is sound."""
    report = lint_package()

    assert [str(fault) for fault in report.faults] == []


def test_sound_installation_is_clean(tmp_path: Path) -> None:
    """Settings, files and partners fit together."""
    report = _installation(tmp_path)

    assert _texts(report, tmp_path) == ([], [])
    assert report.is_clean


def test_ending_certificate_is_a_warning(tmp_path: Path) -> None:
    """Our own certificate ends within the settings' thirty days."""
    report = _installation(tmp_path, ends=NOW + timedelta(days=29))

    assert _texts(report, tmp_path) == ([], ["certs/server.pem: the certificate ends on 2026-02-03"])


def test_key_that_everybody_can_read_is_a_warning(tmp_path: Path) -> None:
    """Whoever has the key can pose as us."""
    _installation(tmp_path)
    (tmp_path / "certs" / "server-key.pem").chmod(0o644)

    report = lint_installation(tmp_path / "gateway.toml", NOW)

    assert [fault.message for fault in report.warnings] == ["is readable by every user of this machine: chmod o-r"]


def test_partner_that_cannot_connect_is_a_warning(tmp_path: Path) -> None:
    """No password, no certificate, and an identity that no agreement takes."""
    start, end = PARTNER.index("[[password]]"), PARTNER.index("[[agreement]]")
    text = PARTNER[:start] + '[[identity]]\nqualifier = "30"\nid = "SPARE"\n' + PARTNER[end:]

    report = _installation(tmp_path, text + 'senders = [{ qualifier = "ZZ", id = "CLINIC" }]\n')

    faults, warnings = _texts(report, tmp_path)
    assert faults == []
    assert warnings == [
        "partners/clinic.toml: has neither password nor certificate: the partner cannot connect",
        "partners/clinic.toml:3: identity: 30 SPARE is a sender of no agreement",
    ]


def test_files_that_are_not_there_are_faults(tmp_path: Path) -> None:
    """The listener would not start."""
    (tmp_path / "gateway.toml").write_text("")

    report = lint_installation(tmp_path / "gateway.toml", NOW)

    assert not report.is_clean
    assert any("server.pem is no file" in fault.message for fault in report.faults)
    assert any("is no folder" in fault.message for fault in report.faults)


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        ("", None),
        ('reject = [[["REF*1L*POLICY1~", ""]]]', None),
        ('accept = [[["REF*1L*POLICY1~", ""]]]', "policy-number-wanted rejects this sample of its own"),
        ('reject = [[["POLICY1", "POLICY2"]]]', "policy-number-wanted does not reject this sample of its own"),
        ('reject = [[["POLICY9", "POLICY2"]]]', "replaces what is not in the sample exactly once"),
        ('accept = [[["INS*Y", "INS*X"]]]', "breaks the guide itself: INS01"),
    ],
)
def test_companion_guide_is_judged_by_its_samples(tmp_path: Path, samples: str, message: str | None) -> None:
    """A partner's rule that does not do what its samples say is a fault with file and line."""
    (tmp_path / "rules.toml").write_text(RULES + samples)

    report = _installation(tmp_path, PARTNER + '[agreement.rules]\n"005010X220A1" = ["../rules.toml"]\n')

    assert [fault.message[: len(message or "")] for fault in report.faults] == ([] if message is None else [message])


def test_misspelt_overlay_is_a_fault() -> None:
    """A correction that no guide reads would be silently without effect."""
    entries = tuple(entry for entry in catalogue().entries.values() if entry.overlay != "005010X212")

    faults = list(lint_module._unused_overlays(entries))

    assert [fault.file for fault in faults] == ["schemas/x12/005010X212.toml"]


def test_lint_takes_package_and_installation_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One report for both; without settings the package alone."""
    monkeypatch.setattr(lint_module, "lint_package", lambda: LintReport(()))
    missing = tmp_path / "gateway.toml"

    assert lint(None, NOW).is_clean
    assert [fault.file for fault in lint(missing, NOW).faults] == [str(missing)]
