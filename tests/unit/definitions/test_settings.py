from pathlib import Path

import pytest

from gateway.definitions.positions import DefinitionError
from gateway.definitions.settings import load_settings, load_settings_with_faults
from gateway.pipeline.agreements import Identity

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
