import base64
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.definitions.positions import DefinitionError
from gateway.definitions.settings import As2Settings, load_settings, load_settings_with_faults
from gateway.pipeline.agreements import Identity
from tests.unit.definitions.identities import certificate, certificate_pem, key_pem, key_store, rsa_key, write_own

DIGEST = "0f" * 32


def _write(folder: Path, text: str) -> Path:
    file = folder / "gateway.toml"
    file.write_text(text)
    return file


def test_empty_file_is_a_safe_gateway(tmp_path: Path) -> None:
    """Nothing but loopback without being told, paths beside the file."""
    settings = load_settings(_write(tmp_path, ""))

    assert settings.https.host == settings.console.host == "127.0.0.1"
    assert settings.partners_folder == tmp_path / "partners"
    assert settings.downstream == {}
    assert (settings.as2, settings.archive_keys, settings.retention_days) == (As2Settings(), None, None)


def test_tokens_come_from_value_file_or_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only hashes are named, and a repr shows none of them."""
    (tmp_path / "token").write_text("1f" * 32 + "\n")
    monkeypatch.setenv("BILLING_TOKEN", "2F" * 32)

    settings = load_settings(
        _write(
            tmp_path,
            f'[downstream.a]\ntoken_sha256 = "{DIGEST}"\n[downstream.b]\ntoken_sha256_file = "token"\n'
            '[downstream.c]\ntoken_sha256_environment = "BILLING_TOKEN"\n'
            '[[identity]]\nqualifier = "ZZ"\nid = "GATEWAY  "\n',
        )
    )

    assert settings.downstream == {DIGEST: "a", "1f" * 32: "b", "2f" * 32: "c"}
    assert settings.identities == (Identity("ZZ", "GATEWAY"),)
    assert DIGEST not in repr(settings)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[https]\nport = 70000\n", "gateway.toml:2: https.port: should be less than or equal to 65535"),
        ('[https]\nport = "8443"\n', "gateway.toml:2: https.port: should be a valid integer"),
        ("[https]\n\nports = 1\n", "gateway.toml:3: https.ports: is not a key that is known here"),
        ("[hpps]\n", "gateway.toml:1: hpps: is not a key that is known here"),
        ('[[identity]]\nid = "A"\n', "gateway.toml:1: identity[0].qualifier: is missing"),
        ("[downstream.a]\n", "gateway.toml:1: downstream.a: needs exactly one of token_sha256"),
        ('[downstream.a]\ntoken_sha256 = "secret"\n', "gateway.toml:1: downstream.a: the token's SHA-256 is not 64"),
        ('[downstream.a]\ntoken_sha256_file = "x"\n', "gateway.toml:1: downstream.a: the file x cannot be read"),
        ('[downstream.a]\ntoken_sha256_environment = "NO_X"\n', "gateway.toml:1: downstream.a: the environment has no"),
        ("[https\n", "gateway.toml:1: is not TOML"),
    ],
)
def test_fault_has_file_line_and_key(tmp_path: Path, text: str, message: str) -> None:
    """Every fault says where, and never shows a secret."""
    _, faults = load_settings_with_faults(_write(tmp_path, text))

    assert [str(fault).removeprefix(f"{tmp_path}/")[: len(message)] for fault in faults] == [message]
    assert "secret" not in str(faults)


def test_missing_file_is_a_fault(tmp_path: Path) -> None:
    """No traceback for a mistyped path."""
    with pytest.raises(DefinitionError, match="cannot be read"):
        load_settings(tmp_path / "gateway.toml")


def test_as2_keys_come_from_pem_or_pkcs12(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each within the narrower of its two windows; the chain from where it is; no secret in a repr."""
    authority = certificate("authority", is_authority=True)
    monkeypatch.setenv("KEY_PASSWORD", "hush")
    (tmp_path / "next.p12").write_bytes(key_store("next", b"hush", authority))
    (tmp_path / "chain.pem").write_bytes(certificate_pem(authority))

    settings = load_settings(
        _write(
            tmp_path,
            '[as2]\nname = "HARBORGATE"\nreceipt_url = "https://b2b.example.org/as2"\n'
            + write_own(tmp_path, "now")
            + 'chain = ["chain.pem"]\nvalid_until = 2026-06-30\n'
            '[[as2.key]]\nname = "next"\npkcs12 = "next.p12"\npassword_environment = "KEY_PASSWORD"\n'
            "valid_from = 2026-06-01\n",
        )
    )

    assert (settings.as2.name, settings.as2.receipt_url) == ("HARBORGATE", "https://b2b.example.org/as2")
    first, second = settings.as2.keys
    assert (first.name, first.certificate, first.chain) == ("now", certificate("now"), (authority,))
    assert first.valid_until == datetime(2026, 7, 1, tzinfo=UTC)
    assert (second.certificate, second.chain) == (certificate("next"), (authority,))
    assert second.valid_from == datetime(2026, 6, 1, tzinfo=UTC)
    assert second.key.private_numbers() == rsa_key("next").private_numbers()
    assert settings.secret_files == (
        tmp_path / "certs" / "server-key.pem",
        tmp_path / "now-key.pem",
        tmp_path / "next.p12",
    )
    assert "hush" not in repr(settings)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "gateway.toml:1: as2.key[0]: needs either certificate and key, or pkcs12"),
        ('certificate = "own.pem"', "gateway.toml:1: as2.key[0]: needs either certificate and key, or pkcs12"),
        ('pkcs12 = "none.p12"', "gateway.toml:1: as2.key[0]: {folder}/none.p12 cannot be read: No such file"),
        ('pkcs12 = "own.p12"', "gateway.toml:1: as2.key[0]: own is no PKCS#12 file, or needs a password"),
        (
            'pkcs12 = "own.p12"\npassword_file = "wrong"',
            "gateway.toml:1: as2.key[0]: own is no PKCS#12 file, or the password is wrong",
        ),
        (
            'pkcs12 = "own.p12"\npassword_file = "none"',
            "gateway.toml:1: as2.key[0]: the file none cannot be read as ASCII text",
        ),
        (
            'certificate = "own.pem"\nkey = "else-key.pem"',
            "gateway.toml:1: as2.key[0]: own is not the key of the certificate",
        ),
        (
            'certificate = "weak.pem"\nkey = "else-key.pem"',
            "gateway.toml:1: as2.key[0]: own has an RSA key of 1024 bits",
        ),
        (
            'certificate = "own.pem"\nkey = "own-key.pem"\nchain = ["wrong"]',
            "gateway.toml:1: as2.key[0]: own has a chain that cannot be used: wrong holds no certificate",
        ),
        (
            'certificate = "own.pem"\nkey = "own-key.pem"\nvalid_until = 2001-01-01',
            "gateway.toml:1: as2.key[0]: own counts at no time: it is valid from 2025-12-26",
        ),
        (
            'certificate = "own.pem"\nkey = "own-key.pem"\n[[as2.key]]\nname = "own"\n'
            'certificate = "own.pem"\nkey = "own-key.pem"',
            "gateway.toml:6: as2.key[1].name: own is there twice",
        ),
    ],
)
def test_unusable_as2_key_is_a_fault(tmp_path: Path, text: str, message: str) -> None:
    """With the line of its table, and without the password."""
    write_own(tmp_path, "own")
    (tmp_path / "else-key.pem").write_bytes(key_pem("else"))
    (tmp_path / "weak.pem").write_bytes(certificate_pem(certificate("weak", size_bits=1024)))
    (tmp_path / "own.p12").write_bytes(key_store("own", b"secret"))
    (tmp_path / "wrong").write_text("wrong password")

    _, faults = load_settings_with_faults(_write(tmp_path, f'[[as2.key]]\nname = "own"\n{text}\n'))

    expected = message.replace("{folder}", str(tmp_path))
    assert [str(fault).removeprefix(f"{tmp_path}/")[: len(expected)] for fault in faults] == [expected]
    assert "wrong password" not in str(faults)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('name = " HARBOR"', "as2.name: is no AS2 name: 1 to 128 printable ASCII characters"),
        ('name = "HÄFEN"', "as2.name: is no AS2 name"),
        ('receipt_url = "ftp://example.org"', "as2.receipt_url: is no URL of the form https://host:port/path"),
        ('receipt_url = "https://user@example.org/"', "as2.receipt_url: is no URL to post to"),
        ('receipt_url = "https://example.org:99999/"', "as2.receipt_url: is no URL"),
        ('receipt_url = "https://exa mple.org/"', "as2.receipt_url: is no URL: it holds blanks"),
    ],
)
def test_unusable_name_or_address_is_a_fault(tmp_path: Path, text: str, message: str) -> None:
    """What partners could not be told."""
    _, faults = load_settings_with_faults(_write(tmp_path, f"[as2]\n{text}\n"))

    assert [(fault.line, f"{fault.key}: {fault.message}"[: len(message)]) for fault in faults] == [(2, message)]


def test_archive_keys_come_from_files_or_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hexadecimal or base64, the current one first, none in a repr."""
    current, older, oldest = b"\x01" * 32, b"\xfe" * 32, b"\x03" * 32
    (tmp_path / "older.key").write_text(older.hex() + "\n")
    (tmp_path / "oldest.key").write_text(oldest.hex().upper())
    monkeypatch.setenv("ARCHIVE_KEY", base64.b64encode(current).decode())

    settings = load_settings(
        _write(
            tmp_path,
            '[archive]\nkey_environment = "ARCHIVE_KEY"\nolder_key_files = ["older.key", "oldest.key"]\n'
            "[retention]\ndays = 2555\n",
        )
    )

    assert settings.archive_keys is not None
    assert (settings.archive_keys.current, settings.archive_keys.older) == (current, (older, oldest))
    assert settings.retention_days == 2555
    assert settings.secret_files[1:] == (tmp_path / "older.key", tmp_path / "oldest.key")
    assert older.hex() not in repr(settings)
    assert repr(older) not in repr(settings)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "gateway.toml:1: archive: needs exactly one of key_file, key_environment"),
        ('key_file = "none.key"', "gateway.toml:2: archive.key_file: the file none.key cannot be read"),
        ('key_file = "short.key"', "gateway.toml:2: archive.key_file: is no key of 32 bytes in hexadecimal or base64"),
        ('key_environment = "NO_X"', "gateway.toml:2: archive.key_environment: the environment has no NO_X"),
        (
            'key_file = "good.key"\nolder_key_files = [\n"good.key"]',
            "gateway.toml:4: archive.older_key_files[0]: is the same key as one before it",
        ),
    ],
)
def test_unusable_archive_key_is_a_fault(tmp_path: Path, text: str, message: str) -> None:
    """Nothing is encrypted under half a key."""
    (tmp_path / "good.key").write_text("0f" * 32)
    (tmp_path / "short.key").write_text("0f" * 16)

    settings, faults = load_settings_with_faults(_write(tmp_path, f"[archive]\n{text}\n"))

    assert settings is None or settings.archive_keys is None
    assert [str(fault).removeprefix(f"{tmp_path}/")[: len(message)] for fault in faults] == [message]
    assert "0f0f" not in str(faults)
