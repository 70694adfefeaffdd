"""`gateway archive`: what it says, and how it ends."""

import asyncio
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gateway.cli.main import app
from gateway.definitions.archive_keys import new_archive_key
from gateway.stores.archive import KeyRing
from tests.unit.stores.archive.archives import alter, kept

FIRST = "000000000001"


class Site:
    """A settings file, its keys and its archive."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.archive = folder / "store" / "archive"
        self.config = folder / "gateway.toml"
        folder.mkdir()
        for name in ("archive.key", "newer.key", "transport.key"):
            (folder / name).write_text(new_archive_key())
        self.settings('[archive]\nkey_file = "archive.key"\n')

    def settings(self, text: str) -> None:
        """The settings with this table of keys."""
        self.config.write_text(f'[store]\nfolder = "store"\n{text}')

    def key(self, name: str) -> bytes:
        """The bytes of a key file."""
        return bytes.fromhex((self.folder / name).read_text())

    def fill(self) -> None:
        """Some bodies, in one segment."""
        bodies = [b"body %d" % number for number in range(4)]
        asyncio.run(kept(self.archive, bodies, ring=KeyRing.of(self.key("archive.key"))))

    def run(self, *arguments: str) -> Result:
        """One command."""
        return CliRunner().invoke(app, ["archive", *arguments, "--config", str(self.config)])


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A site with a filled archive."""
    made = Site(tmp_path / "site")
    made.fill()
    return made


def test_whole_archive(site: Site) -> None:
    """Its head is what `head` prints, and a later check meets it."""
    head = site.run("head").output.strip()

    result = site.run("verify", "--head", head)

    assert result.exit_code == 0
    assert "no fault" in result.output
    assert head in result.output


def test_altered_bit_is_named(site: Site) -> None:
    """With its segment, its record and its place."""
    alter(site.archive / f"{FIRST}.segment", -1)

    result = site.run("verify")

    assert result.exit_code == 1
    assert f"segment {FIRST}, record 4 at byte" in result.output


def test_verifying_without_keys(site: Site) -> None:
    """Whoever holds a copy and no key can check it too."""
    site.settings("")

    with_keys, without_keys = site.run("verify"), site.run("verify", "--without-keys")

    assert with_keys.exit_code == 2
    assert without_keys.exit_code == 0
    assert "0 of them decrypted" in without_keys.output


def test_malformed_head_is_refused(site: Site) -> None:
    """The text says what a head looks like."""
    result = site.run("verify", "--head", "abc")

    assert result.exit_code == 1
    assert "hexadecimal" in result.output


def test_rotation(site: Site) -> None:
    """Afterwards the old key is not needed."""
    site.settings('[archive]\nkey_file = "newer.key"\nolder_key_files = ["archive.key"]\n')
    rotated = site.run("rotate")
    site.settings('[archive]\nkey_file = "newer.key"\n')

    verified = site.run("verify")

    assert rotated.exit_code == 0
    assert "keys of 1 segments" in rotated.output
    assert verified.exit_code == 0


def test_wrong_key_names_the_one_that_is_needed(site: Site) -> None:
    """No key is shown."""
    needed = KeyRing.of(site.key("archive.key")).current.id
    site.settings('[archive]\nkey_file = "newer.key"\n')

    result = site.run("rotate")

    assert result.exit_code == 2
    assert needed in result.output
    assert site.key("newer.key").hex() not in result.output


def test_export_and_import(site: Site, tmp_path: Path) -> None:
    """Another site restores it under its own key, given the key for the way and the head."""
    export = tmp_path / "export.tar"
    exported = site.run("export", str(export), "--transport-key", str(site.folder / "transport.key"))
    head = site.run("head").output.strip()
    other = Site(tmp_path / "other")
    (other.folder / "transport.key").write_text((site.folder / "transport.key").read_text())

    transport = str(other.folder / "transport.key")
    imported = other.run("import", str(export), "--transport-key", transport, "--head", head)

    assert exported.exit_code == 0
    assert imported.exit_code == 0
    assert other.run("verify", "--head", head).exit_code == 0


def test_import_over_an_archive_is_refused(site: Site, tmp_path: Path) -> None:
    """Restoring never mixes two archives."""
    site.run("export", str(tmp_path / "export.tar"))

    result = site.run("import", str(tmp_path / "export.tar"))

    assert result.exit_code == 1
    assert "is not empty" in result.output


def test_file_that_is_no_key(site: Site, tmp_path: Path) -> None:
    """A key for the way that is none is refused before anything is written."""
    (site.folder / "transport.key").write_text("open sesame")

    result = site.run("export", str(tmp_path / "export.tar"), "--transport-key", str(site.folder / "transport.key"))

    assert result.exit_code == 1
    assert not (tmp_path / "export.tar").exists()
