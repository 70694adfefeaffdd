from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.definitions import lint as lint_module
from gateway.definitions.guides.catalogue import catalogue
from gateway.definitions.lint import LintReport, lint, lint_installation, lint_package
from tests.unit.definitions.identities import NOW, certificate, certificate_pem, key_usage, write_own

LATER = NOW + timedelta(days=700)
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


def _installation(
    folder: Path, partner: str = PARTNER, ends: datetime = NOW + timedelta(days=365), as2: str = ""
) -> LintReport:
    (folder / "certs").mkdir()
    _certificate(folder / "certs" / "server.pem", ends)
    (folder / "certs" / "server-key.pem").write_text("")
    (folder / "certs" / "server-key.pem").chmod(0o600)
    (folder / "partners").mkdir(exist_ok=True)
    (folder / "partners" / "clinic.toml").write_text(partner)
    (folder / "archive.key").write_text("0f" * 32)
    (folder / "archive.key").chmod(0o600)
    archive = '[archive]\nkey_file = "archive.key"\n'
    (folder / "gateway.toml").write_text(f'[[identity]]\nqualifier = "ZZ"\nid = "GATEWAY"\n{archive}{as2}')
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
    (tmp_path / "archive.key").chmod(0o604)

    report = lint_installation(tmp_path / "gateway.toml", NOW)

    assert _texts(report, tmp_path)[1] == [
        "certs/server-key.pem: is readable by every user of this machine: chmod o-r",
        "archive.key: is readable by every user of this machine: chmod o-r",
    ]


def test_archive_without_a_key_is_a_fault(tmp_path: Path) -> None:
    """The server would not start; the text says how to make one."""
    (tmp_path / "gateway.toml").write_text("")

    report = lint_installation(tmp_path / "gateway.toml", NOW)

    message = "archive: is missing: make a key with `gateway keys archive archive.key` and name it as key_file"
    assert f"gateway.toml: {message}" in _texts(report, tmp_path)[0]


def test_partner_that_cannot_connect_is_a_warning(tmp_path: Path) -> None:
    """No password, no certificate, and an identity that no agreement takes."""
    start, end = PARTNER.index("[[password]]"), PARTNER.index("[[agreement]]")
    text = PARTNER[:start] + '[[identity]]\nqualifier = "30"\nid = "SPARE"\n' + PARTNER[end:]

    report = _installation(tmp_path, text + 'senders = [{ qualifier = "ZZ", id = "CLINIC" }]\n')

    faults, warnings = _texts(report, tmp_path)
    assert faults == []
    assert warnings == [
        "partners/clinic.toml: has neither password nor certificate nor AS2 relationship: the partner cannot connect",
        "partners/clinic.toml:3: identity: 30 SPARE is a sender of no agreement",
    ]


def _as2_installation(folder: Path, certificates: str, url: str = "https://as2.clinic.example/in") -> LintReport:
    """A partner with AS2 alone; `certificates` are the tables of its relationship."""
    (folder / "partners").mkdir()
    for owner, ends in (("old", NOW + timedelta(days=20)), ("ended", NOW - timedelta(days=2)), ("new", LATER)):
        pem = certificate_pem(certificate(owner, begins=NOW - timedelta(days=100), ends=ends))
        (folder / "partners" / f"{owner}.pem").write_bytes(pem)
    own = '[as2]\nname = "GATEWAY"\n' + write_own(folder, "own")
    start, end = PARTNER.index("[[password]]"), PARTNER.index("[[agreement]]")
    relationship = f'[[as2]]\npartner_name = "CLINIC"\nurl = "{url}"\n{certificates}'
    return _installation(folder, PARTNER[:start] + PARTNER[end:] + relationship, as2=own)


def _pinned(owner: str, text: str = "") -> str:
    return f'[[as2.certificate]]\nfile = "{owner}.pem"\n{text}\n'


def test_partner_with_as2_alone_is_clean(tmp_path: Path) -> None:
    """Its signature proves who it is: neither password nor TLS certificate is needed."""
    report = _as2_installation(tmp_path, _pinned("new"))

    assert _texts(report, tmp_path) == ([], [])


def test_certificate_that_ends_while_another_follows_is_a_warning(tmp_path: Path) -> None:
    """The partner's messages go on, but the file names what is of no use soon."""
    report = _as2_installation(tmp_path, _pinned("old") + _pinned("new") + _pinned("ended"))

    assert _texts(report, tmp_path) == (
        [],
        [
            "partners/clinic.toml:12: as2[0].certificate[0]: the certificate ends on 2026-01-25",
            "partners/clinic.toml:18: as2[0].certificate[2]: the certificate ended on 2026-01-03",
        ],
    )


def test_gap_between_certificates_is_a_warning(tmp_path: Path) -> None:
    """For five days nothing can be verified or encrypted to."""
    report = _as2_installation(tmp_path, _pinned("old") + _pinned("new", "valid_from = 2026-01-30"))

    place = "partners/clinic.toml:9: as2[0]"
    assert _texts(report, tmp_path)[0] == []
    assert _texts(report, tmp_path)[1][1:] == [
        f"{place}: no certificate to verify the partner's signatures with counts from 2026-01-25 until 2026-01-30",
        f"{place}: no certificate to encrypt to counts from 2026-01-25 until 2026-01-30",
    ]


@pytest.mark.parametrize(
    ("certificates", "span"),
    [(_pinned("ended"), "any more"), (_pinned("new", "valid_from = 2026-02-01"), "until 2026-02-01")],
)
def test_nothing_that_counts_today_is_a_fault(tmp_path: Path, certificates: str, span: str) -> None:
    """Ended, or not begun: messages fail now. The partner stays in: what it sends by other ways is not concerned."""
    report = _as2_installation(tmp_path, certificates)

    place = "partners/clinic.toml:9: as2[0]"
    assert _texts(report, tmp_path)[0] == [
        f"{place}: no certificate to verify the partner's signatures with counts {span}",
        f"{place}: no certificate to encrypt to counts {span}",
    ]


def test_key_of_ours_that_has_ended_is_a_fault(tmp_path: Path) -> None:
    """With the line of the key, and of the relationship that has no other."""
    _as2_installation(tmp_path, _pinned("new"))

    report = lint_installation(tmp_path / "gateway.toml", NOW + timedelta(days=356))

    faults, warnings = _texts(report, tmp_path)
    assert faults == [
        "partners/clinic.toml:9: as2[0]: no key of ours to sign messages and receipts with counts any more"
    ]
    assert "gateway.toml:8: as2.key[0]: the certificate ended on 2026-12-26" in warnings


def test_doubtful_relationship_is_a_warning(tmp_path: Path) -> None:
    """Plain HTTP, a certificate that was issued for something else, a key that everybody can read."""
    usage = key_usage(signs=True, encrypts=False)
    (tmp_path / "signer.pem").write_bytes(certificate_pem(certificate("signer", usage=usage)))

    report = _as2_installation(tmp_path, _pinned("../signer"), url="http://as2.clinic.example/in")
    (tmp_path / "own-key.pem").chmod(0o644)
    exposed = lint_installation(tmp_path / "gateway.toml", NOW)

    assert _texts(report, tmp_path) == (
        [],
        [
            "partners/clinic.toml:11: as2[0].url: is not https: on the way anybody sees who sends how much to whom, "
            "and the password if there is one",
            "partners/clinic.toml:12: as2[0].certificate[0]: the certificate's own key usage does not include: encrypt",
        ],
    )
    assert _texts(exposed, tmp_path)[1][0] == "own-key.pem: is readable by every user of this machine: chmod o-r"


def test_plain_http_to_this_machine_is_no_warning(tmp_path: Path) -> None:
    """A TLS proxy beside the gateway, or a test."""
    report = _as2_installation(tmp_path, _pinned("new"), url="http://127.0.0.1:10080/in")

    assert _texts(report, tmp_path) == ([], [])


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
