"""Writes partners' files as text, so that comments and order stay; what a change would break is not written.

Owns where in a file a table goes. Must not know what was asked of whom.
"""

import json
import re
from collections.abc import Iterable
from datetime import date
from pathlib import Path

import typer

from gateway.cli.configuration import errors, show_faults
from gateway.definitions.partners.load import LoadedPartners, load_partners
from gateway.definitions.positions import TomlDocument
from gateway.definitions.settings import Settings
from gateway.envelopes.as2.credentials import CertificateUse

_ENABLED = re.compile(r"^enabled[ \t]*=.*$", re.MULTILINE)
_FIRST_TABLE = re.compile(r"^\[", re.MULTILINE)


class UnknownRelationship(Exception):
    """The file has no such relationship; the text says which it has."""


def loaded_partners(settings: Settings) -> LoadedPartners:
    """Every partner, as the server would read them."""
    return load_partners(settings.partners_folder, settings.identities, settings.as2)


def partner_path(settings: Settings, partner: str) -> Path:
    """Where a partner's file is or will be; ends the command where the id is none."""
    if re.fullmatch(r"[a-z0-9][a-z0-9-]{0,62}", partner) is None:
        errors.print("A partner's id has small letters, digits and dashes.")
        raise typer.Exit(1)
    return settings.partners_folder / f"{partner}.toml"


def write_checked(settings: Settings, path: Path, text: str) -> None:
    """Write, and take it back where the file or another would be faulty because of it."""
    before = path.read_text("utf-8") if path.exists() else None
    faults_before = set(loaded_partners(settings).faults)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    path.chmod(0o600)
    faults = [fault for fault in loaded_partners(settings).faults if fault not in faults_before]
    if not faults:
        return
    if before is None:
        path.unlink()
    else:
        path.write_text(before, "utf-8")
    show_faults(faults)
    errors.print("Nothing was changed.")
    raise typer.Exit(1)


def with_enabled(text: str, value: str) -> str:
    """The text with the top-level key `enabled` set."""
    first_table = _FIRST_TABLE.search(text)
    top, rest = (text[: first_table.start()], text[first_table.start() :]) if first_table else (text, "")
    if _ENABLED.search(top):
        return _ENABLED.sub(f"enabled = {value}", top, count=1) + rest
    return f"enabled = {value}\n{top}{rest}"


def with_certificate(text: str, document: TomlDocument, relationship: str | None, table: str) -> str:
    """The text with a `[[as2.certificate]]` table at the end of a relationship's tables, of the only one where None.

    Raises UnknownRelationship. `document` is the same text, parsed.
    """
    tables, _ = document.tables("as2")
    names = [str(entry.get("name", "default")) for _, entry in tables]
    if relationship not in names and not (relationship is None and len(names) == 1):
        raise UnknownRelationship(f"{document.file} has these AS2 relationships: {', '.join(names) or 'none'}")
    number = 0 if relationship is None else names.index(relationship)
    lines = text.splitlines(keepends=True)
    at = document.line(("as2", number + 1)) - 1 if number + 1 < len(names) else len(lines)
    while at > 0 and (not lines[at - 1].strip() or lines[at - 1].startswith("#")):
        at -= 1  # what is written above a table belongs to it
    before, after = "".join(lines[:at]).rstrip("\n"), "".join(lines[at:]).strip("\n")
    return f"{before}\n\n{table}" + (f"\n{after}\n" if after else "")


def certificate_table(
    file: str, uses: Iterable[CertificateUse] = (), valid_from: date | None = None, valid_until: date | None = None
) -> str:
    """A `[[as2.certificate]]` table; without `uses` it is for both."""
    lines = ["[[as2.certificate]]", f"file = {toml_text(file)}"]
    named = [toml_text(use.value) for use in uses]
    if named:
        lines.append(f"uses = [{', '.join(named)}]")
    if valid_from is not None:
        lines.append(f"valid_from = {valid_from.isoformat()}")
    if valid_until is not None:
        lines.append(f"valid_until = {valid_until.isoformat()}")
    return "\n".join(lines) + "\n"


def toml_text(text: str) -> str:
    """A basic string: JSON's escapes are TOML's, but for DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007F")
