"""Pins a certificate in a partner's file: checks it, writes it as PEM beside the file, and adds its table.

Owns that both happen or neither. Must not know what is shown.
"""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import typer
from cryptography import x509

from gateway.cli.configuration import errors, show_faults
from gateway.cli.key_files import partner_certificate
from gateway.cli.partner_files import (
    UnknownRelationship,
    certificate_table,
    partner_path,
    with_certificate,
    write_checked,
)
from gateway.definitions.certificates import check_strength, read_certificate, window
from gateway.definitions.positions import DefinitionError, read_toml
from gateway.definitions.settings import Settings
from gateway.envelopes.as2.credentials import CertificateUse


@dataclass(frozen=True, slots=True)
class PinnedCertificate:
    """What is to be pinned; without `uses` for both signing and encrypting."""

    file: Path
    uses: tuple[CertificateUse, ...] = ()
    valid_from: date | None = None
    valid_until: date | None = None


@dataclass(frozen=True, slots=True)
class AddedCertificate:
    """What was pinned, its PEM file and the file that names it."""

    certificate: x509.Certificate
    file: Path
    partner_file: Path


def add_certificate(
    settings: Settings, partner: str, relationship: str | None, pinned: PinnedCertificate
) -> AddedCertificate:
    """Raises CredentialError and OSError; ends the command where the partner's file cannot take it."""
    path = partner_path(settings, partner)
    certificate, _ = read_certificate(pinned.file.read_bytes())
    check_strength(certificate)
    window(certificate, pinned.valid_from, pinned.valid_until)
    text = path.read_text("utf-8")
    with partner_certificate(path.parent, partner, certificate) as file:
        table = certificate_table(file.name, pinned.uses, pinned.valid_from, pinned.valid_until)
        write_checked(settings, path, _with_table(path, text, relationship, table))
    return AddedCertificate(certificate, file, path)


def _with_table(path: Path, text: str, relationship: str | None, table: str) -> str:
    try:
        return with_certificate(text, read_toml(str(path), text), relationship, table)
    except DefinitionError as error:
        show_faults(error.faults)
    except UnknownRelationship as error:
        errors.print(str(error), markup=False)
    raise typer.Exit(1)
