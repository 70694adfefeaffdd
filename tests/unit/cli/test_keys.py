"""`gateway keys` and the part of `gateway partners` that takes certificates: what is written, shown and refused."""

import stat
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from typer.testing import CliRunner

from gateway.cli.development_certificates import make_as2_identity
from gateway.cli.main import app
from gateway.definitions.partners.load import load_partners
from gateway.definitions.settings import load_settings
from tests.unit.definitions.identities import certificate, certificate_pem, key_pem, key_store, write_own

TODAY = datetime.now(UTC)
PARTNER = """\
name = "Clinic"
[[identity]]
qualifier = "ZZ"
id = "CLINIC"
[[agreement]]
usage = "test"
guides = ["837 005010X222A1"]

[[as2]]
partner_name = "CLINIC"

[[as2.certificate]]
file = "first.pem"

# The second one.
[[as2]]
name = "labs"
partner_name = "CLINIC LABS"

[[as2.certificate]]
file = "first.pem"
"""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended; `output` is both streams."""

    exit_code: int
    stdout: str
    stderr: str
    output: str


def _certificate(owner: str, days: int = 400) -> x509.Certificate:
    """Counts today, whenever the tests run."""
    return certificate(owner, begins=TODAY - timedelta(days=30), ends=TODAY + timedelta(days=days))


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with settings, a key of ours and a partner with two relationships; the working folder."""
    (tmp_path / "partners").mkdir()
    (tmp_path / "partners" / "first.pem").write_bytes(certificate_pem(_certificate("first")))
    (tmp_path / "partners" / "clinic.toml").write_text(PARTNER)
    own = write_own(tmp_path, "own")
    (tmp_path / "own.pem").write_bytes(certificate_pem(_certificate("own")))
    (tmp_path / "gateway.toml").write_text(
        f'[[identity]]\nqualifier = "ZZ"\nid = "GATEWAY"\n[as2]\nname = "GATEWAY"\n{own}'
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GATEWAY_CONFIG", raising=False)
    return tmp_path


@pytest.fixture
def run(site: Path) -> Callable[..., Ended]:
    """The command in this process; `site` is the working folder."""
    assert Path.cwd() == site

    def invoke(*arguments: str, typed: str = "") -> Ended:
        ended = CliRunner().invoke(app, arguments, input=typed)
        return Ended(ended.exit_code, ended.stdout, ended.stderr, ended.output)

    return invoke


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def _pinned(site: Path) -> list[list[str]]:
    """For each relationship of the clinic the subjects of its certificates."""
    settings = load_settings(site / "gateway.toml")
    loaded = load_partners(settings.partners_folder, settings.identities, settings.as2)
    assert loaded.faults == ()
    relationships = loaded.relationships.of_partner("clinic")
    return [[one.certificate.subject.rfc4514_string() for one in each.trust.certificates] for each in relationships]


def test_archive_key_is_made_once(site: Path, run: Callable[..., Ended]) -> None:
    """For this user alone, never shown, never overwritten."""
    made = run("keys", "archive", "archive.key")
    written = (site / "archive.key").read_text()
    again = run("keys", "archive", "archive.key")
    (site / "gateway.toml").write_text('[archive]\nkey_file = "archive.key"\n')

    assert (made.exit_code, _mode(site / "archive.key")) == (0, 0o600)
    assert written.strip() not in made.output
    assert (again.exit_code, (site / "archive.key").read_text()) == (2, written)
    keys = load_settings(site / "gateway.toml").archive_keys
    assert keys is not None
    assert keys.current.hex() == written.strip()


def test_key_is_made_with_its_certificate(site: Path, run: Callable[..., Ended]) -> None:
    """What is shown for gateway.toml works as it stands."""
    made = run(
        "keys", "make", "as2-2026", "--subject", "CN=as2.example.org,O=Example", "--size", "2048", "--days", "90"
    )
    again = run("keys", "make", "as2-2026", "--subject", "CN=other", "--size", "2048")
    (site / "gateway.toml").write_text(made.stdout[made.stdout.index("[[as2.key]]") :])

    assert made.exit_code == 0, made.output
    assert _mode(site / "certs" / "as2-2026-key.pem") == 0o600
    assert again.exit_code == 2
    assert "as2-2026.pem: is there already" in again.stderr
    key = load_settings(site / "gateway.toml").as2.keys[0]
    assert (key.name, key.certificate.subject.rfc4514_string()) == ("as2-2026", "CN=as2.example.org,O=Example")
    assert (key.valid_until - TODAY).days in {89, 90}
    assert "PRIVATE" not in made.output


def test_request_is_made_for_an_authority(site: Path, run: Callable[..., Ended]) -> None:
    """The key stays, the request goes."""
    made = run("keys", "make", "ours", "--subject", "CN=as2.example.org", "--size", "2048", "--request")

    request = x509.load_pem_x509_csr((site / "certs" / "ours.csr").read_bytes())
    assert made.exit_code == 0
    assert request.is_signature_valid
    public_key = request.public_key()
    assert isinstance(public_key, RSAPublicKey)
    assert public_key.key_size == 2048
    assert (site / "certs" / "ours-key.pem").exists()


@pytest.mark.parametrize("name", ["../2026", "my key", ""])
def test_name_that_settings_would_refuse_is_refused(site: Path, run: Callable[..., Ended], name: str) -> None:
    """And no file is written anywhere."""
    ended = run("keys", "make", name, "--subject", "CN=as2.example.org", "--size", "2048")

    assert (ended.exit_code, "A key's name has letters" in ended.stderr) == (2, True)
    assert not (site / "certs").exists()


def test_subject_that_is_none_is_refused(run: Callable[..., Ended]) -> None:
    """Before a key is made."""
    ended = run("keys", "make", "ours", "--subject", "as2.example.org")

    assert ended.exit_code == 2
    assert "The subject is written like CN=as2.example.org,O=Example" in ended.stderr


@pytest.mark.parametrize("source", ["file", "environment", "prompt"])
def test_key_is_imported_from_pkcs12(
    site: Path, run: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    """The password comes from a file, the environment or the keyboard, and is not shown."""
    (site / "old.p12").write_bytes(key_store("gateway", b"hush", certificate("authority", is_authority=True)))
    (site / "password").write_text("hush\n")
    monkeypatch.setenv("KEY_PASSWORD", "hush")
    options = {
        "file": ("--password-file", "password"),
        "environment": ("--password-environment", "KEY_PASSWORD"),
        "prompt": (),
    }

    ended = run("keys", "import", "old.p12", *options[source], typed="hush\n")

    assert ended.exit_code == 0, ended.output
    assert "hush" not in ended.output
    assert _mode(site / "certs" / "old-key.pem") == 0o600
    (site / "gateway.toml").write_text(ended.stdout[ended.stdout.index("[[as2.key]]") :])
    key = load_settings(site / "gateway.toml").as2.keys[0]
    assert key.certificate == certificate("gateway")
    assert key.chain == (certificate("authority", is_authority=True),)


def test_key_is_imported_from_two_files(site: Path, run: Callable[..., Ended]) -> None:
    """A DER certificate and an encrypted PEM key."""
    (site / "own.cer").write_bytes(certificate("gateway").public_bytes(Encoding.DER))
    (site / "own.key").write_bytes(key_pem("gateway", b"hush"))

    ended = run("keys", "import", "own.cer", "--key", "own.key", "--name", "ours", "--folder", "as2", typed="hush\n")

    assert ended.exit_code == 0, ended.output
    assert (site / "as2" / "ours.pem").read_bytes() == certificate_pem(certificate("gateway"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("old.p12", "--password-file", "wrong"), "old.p12 is no PKCS#12 file, or the password is wrong"),
        (("old.p12", "--password-environment", "NO_X"), "needs a password, and the environment has no NO_X"),
        (("none.p12",), "none.p12: No such file or directory"),
        (("gateway.pem", "--key", "mill.key"), "gateway.pem is not the key of the certificate"),
        (("gateway.pem",), "gateway.pem has no private key in PEM or DER"),
    ],
)
def test_key_that_cannot_be_imported_says_why(
    site: Path, run: Callable[..., Ended], arguments: tuple[str, ...], message: str
) -> None:
    """And nothing is written."""
    (site / "old.p12").write_bytes(key_store("gateway", b"hush"))
    (site / "gateway.pem").write_bytes(certificate_pem(certificate("gateway")))
    (site / "mill.key").write_bytes(key_pem("mill"))
    (site / "wrong").write_text("wrong")

    ended = run("keys", "import", *arguments)

    assert (ended.exit_code, message in ended.stderr) == (2, True), ended.output
    assert not (site / "certs").exists()


@pytest.mark.parametrize(
    ("relationship", "expected"),
    [("default", [["CN=first", "CN=next"], ["CN=first"]]), ("labs", [["CN=first"], ["CN=first", "CN=next"]])],
)
def test_certificate_is_pinned_in_the_partners_file(
    site: Path, run: Callable[..., Ended], relationship: str, expected: list[list[str]]
) -> None:
    """In the relationship that is named, beside the one that is there; comments stay where they were."""
    (site / "next.cer").write_bytes(_certificate("next").public_bytes(Encoding.DER))

    ended = run("keys", "import", "next.cer", "--partner", "clinic", "--relationship", relationship)

    assert ended.exit_code == 0, ended.output
    assert "SHA-256" in ended.stdout
    assert _pinned(site) == expected
    assert '\n\n# The second one.\n[[as2]]\nname = "labs"' in (site / "partners" / "clinic.toml").read_text()


def test_pinned_certificate_has_uses_and_window(site: Path, run: Callable[..., Ended]) -> None:
    """As they were asked for."""
    (site / "next.pem").write_bytes(certificate_pem(_certificate("next")))
    day = f"{TODAY + timedelta(days=20):%Y-%m-%d}"

    ended = run(
        *("keys", "import", "next.pem", "--partner", "clinic", "--relationship", "labs"),
        *("--use", "encrypt", "--valid-from", day),
    )

    assert ended.exit_code == 0, ended.output
    assert (site / "partners" / "clinic.toml").read_text().endswith(f'.pem"\nuses = ["encrypt"]\nvalid_from = {day}\n')


def test_new_certificate_is_believed_now_and_encrypted_to_later(site: Path, run: Callable[..., Ended]) -> None:
    """The rollover of the operator guide: imported twice, so that nobody switches at the same moment as the partner."""
    (site / "next.pem").write_bytes(certificate_pem(_certificate("next")))
    day = TODAY + timedelta(days=20)
    to_labs = ("keys", "import", "next.pem", "--partner", "clinic", "--relationship", "labs")

    ended = [run(*to_labs, "--use", "sign"), run(*to_labs, "--use", "encrypt", "--valid-from", f"{day:%Y-%m-%d}")]

    assert [one.exit_code for one in ended] == [0, 0]
    old, new = _certificate("first"), _certificate("next")
    settings = load_settings(site / "gateway.toml")
    loaded = load_partners(settings.partners_folder, settings.identities, settings.as2)
    trust = loaded.relationships.of_partner("clinic")[1].trust
    assert set(trust.signing(TODAY)) == {old, new}
    assert (trust.encryption(TODAY), trust.encryption(day)) == (old, new)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("next.pem",), "has these AS2 relationships: default, labs"),
        (("next.pem", "--relationship", "none"), "has these AS2 relationships: default, labs"),
        (("weak.pem", "--relationship", "labs"), "weak.pem has an RSA key of 1024 bits"),
        (("next.pem", "--relationship", "labs", "--valid-until", "2001-01-01"), "next.pem counts at no time"),
    ],
)
def test_certificate_that_cannot_be_pinned_changes_nothing(
    site: Path, run: Callable[..., Ended], arguments: tuple[str, ...], message: str
) -> None:
    """Neither the partner's file nor the folder."""
    (site / "next.pem").write_bytes(certificate_pem(_certificate("next")))
    (site / "weak.pem").write_bytes(certificate_pem(certificate("weak", size_bits=1024)))

    ended = run("keys", "import", *arguments, "--partner", "clinic")

    assert ended.exit_code in {1, 2}
    assert message in ended.stderr
    assert (site / "partners" / "clinic.toml").read_text() == PARTNER
    assert sorted(path.name for path in (site / "partners").iterdir()) == ["clinic.toml", "first.pem"]


def test_file_that_would_be_faulty_is_left_as_it_was(site: Path, run: Callable[..., Ended]) -> None:
    """Tables written inline cannot be added to; the certificate's file goes again too."""
    inline = PARTNER[: PARTNER.index("[[as2]]")] + "retention_days = 1\n"
    inline = 'as2 = [{ partner_name = "CLINIC", certificate = [{ file = "first.pem" }] }]\n' + inline.replace(
        "retention_days = 1\n", ""
    )
    (site / "partners" / "clinic.toml").write_text(inline)
    (site / "next.pem").write_bytes(certificate_pem(_certificate("next")))

    ended = run("keys", "import", "next.pem", "--partner", "clinic")

    assert (ended.exit_code, "Nothing was changed." in ended.stderr) == (1, True), ended.output
    assert (site / "partners" / "clinic.toml").read_text() == inline
    assert sorted(path.name for path in (site / "partners").iterdir()) == ["clinic.toml", "first.pem"]


def test_show_tells_what_people_compare(site: Path, run: Callable[..., Ended]) -> None:
    """Fingerprint, subject, issuer, time and size; of a PKCS#12 file too."""
    own = _certificate("own")
    (site / "own.p12").write_bytes(key_store("gateway", b"hush"))

    shown = run("keys", "show", "own.pem")
    store = run("keys", "show", "own.p12", typed="hush\n")
    none = run("keys", "show", "gateway.toml")

    assert shown.exit_code == store.exit_code == 0
    for text in ("subject  CN=own", "issuer   itself", "RSA, 2048 bits", "uses     encrypt, sign", "days left"):
        assert text in shown.stdout
    assert own.fingerprint(SHA256()).hex(":").upper() in shown.stdout
    assert "subject  CN=gateway" in store.stdout
    assert (none.exit_code, "gateway.toml holds no certificate" in none.stderr) == (2, True)


def test_list_has_ours_and_theirs(run: Callable[..., Ended]) -> None:
    """With what each is for and how long it counts."""
    ended = run("keys", "list")

    assert ended.exit_code == 0
    rows = [line.split() for line in ended.stdout.splitlines()]
    assert [row[:4] for row in rows[1:3]] == [["ours", "AS2", "key", "own"], ["clinic", "AS2", "sign,", "encrypt"]]
    assert "399 days left" in ended.stdout


def test_expiring_fails_where_something_ends(site: Path, run: Callable[..., Ended]) -> None:
    """For a job that mails what it prints."""
    before = run("keys", "expiring")
    (site / "partners" / "first.pem").write_bytes(certificate_pem(_certificate("second", days=20)))
    after = run("keys", "expiring")

    assert (before.exit_code, before.stdout) == (0, "Nothing ends within 30 days.\n")
    assert after.exit_code == 1
    assert "CN=second" in after.stdout
    assert "CN=own" not in after.stdout


def test_faulty_partner_is_told_and_fails(site: Path, run: Callable[..., Ended]) -> None:
    """What could not be read may have ended too."""
    (site / "partners" / "mill.toml").write_text("nonsense")

    ended = run("keys", "list")

    assert ended.exit_code == 1
    assert "mill.toml:1: is not TOML" in ended.stderr
    assert "CN=own" in ended.stdout


def test_partner_is_added_with_as2_alone(site: Path, run: Callable[..., Ended]) -> None:
    """No password is asked for; the certificate is kept beside the file."""
    (site / "mill.cer").write_bytes(_certificate("mill").public_bytes(Encoding.DER))

    ended = run(
        *("partners", "add", "mill", "--name", "Mill", "--id", "MILL", "--guide", "834 005010X220A1"),
        *("--as2-name", "MILL", "--as2-certificate", "mill.cer", "--as2-url", "https://as2.mill.example/in"),
    )
    listed = run("partners", "list")

    assert ended.exit_code == 0, ended.output
    assert "default: MILL to GATEWAY, https://as2.mill.example/in" in listed.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "A partner needs --user (HTTPS) or --as2-name (AS2), or both."),
        (("--as2-name", "MILL"), "requires signatures, but has no certificate or authority"),
        (("--as2-name", "CLINIC", "--as2-certificate", "mill.cer"), "are a relationship with clinic too"),
        (("--as2-name", "MILL", "--as2-certificate", "gateway.toml"), "gateway.toml holds no certificate"),
    ],
)
def test_partner_that_cannot_be_added_leaves_nothing(
    site: Path, run: Callable[..., Ended], arguments: tuple[str, ...], message: str
) -> None:
    """Neither its file nor its certificate."""
    (site / "mill.cer").write_bytes(_certificate("mill").public_bytes(Encoding.DER))

    ended = run("partners", "add", "mill", "--name", "M", "--id", "M", "--guide", "834 005010X220A1", *arguments)

    assert (ended.exit_code, message in ended.stderr) == (1, True), ended.output
    assert sorted(path.name for path in (site / "partners").iterdir()) == ["clinic.toml", "first.pem"]


def test_development_identity_is_an_as2_key(site: Path) -> None:
    """Made anew each time, for the demo and tests of whole gateways."""
    make_as2_identity(site / "dev", "ours")
    issued = make_as2_identity(site / "dev", "ours")
    tables = f'[[as2.key]]\nname = "ours"\ncertificate = "{issued.certificate}"\nkey = "{issued.key}"\n'
    (site / "gateway.toml").write_text(tables)

    key = load_settings(site / "gateway.toml").as2.keys[0]

    assert key.certificate.fingerprint(SHA256()).hex() == issued.fingerprint
    assert key.is_valid(datetime.now(UTC))
    assert _mode(issued.key) == 0o600
