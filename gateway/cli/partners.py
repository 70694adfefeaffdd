"""`gateway partners`: add, list, disable, and let the running server take it over.

Owns what is asked and shown. Must not know what an agreement does, nor how a file is changed safely.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from argon2 import PasswordHasher
from cryptography import x509
from rich.markup import escape
from rich.table import Table

from gateway.bootstrap.paths import socket_path
from gateway.cli.administration import NoServerError, RefusedError, ask
from gateway.cli.configuration import DEFAULT_CONFIG, ConfigOption, errors, output, settings_of, show_faults
from gateway.cli.key_files import partner_certificate
from gateway.cli.partner_files import (
    certificate_table,
    loaded_partners,
    partner_path,
    toml_text,
    with_enabled,
    write_checked,
)
from gateway.definitions.certificates import CredentialError, check_strength, fingerprint, read_certificate
from gateway.definitions.partners.load import PartnerFile

app = typer.Typer(no_args_is_help=True, help="Trading partners: add, list, disable, reload.")


@app.command("list")
def list_(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Show the partners and what is agreed; exit 1 where a file is faulty."""
    loaded = loaded_partners(settings_of(config))
    table = Table(
        "partner", "name", "identities", "users", "agreements", "certificates", "AS2", box=None, header_style="bold"
    )
    for file in loaded.files:
        table.add_row(*(escape(cell) for cell in _row(file)))
    output.print(table)
    show_faults(loaded.faults)
    if loaded.faults:
        raise typer.Exit(1)


@app.command()
def reload(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Let the running server take over partners, tokens and certificates; exit 1 where a file is faulty."""
    settings = settings_of(config)
    try:
        answer = ask(socket_path(settings), "/reload")
    except (NoServerError, RefusedError) as error:
        errors.print(escape(str(error)))
        raise typer.Exit(1) from None
    output.print(f"In force: {escape(', '.join(answer['partners'])) or 'nobody'}")
    for fault in answer["faults"]:
        place = f"{fault['file']}:{fault['line']}" if fault["line"] else fault["file"]
        errors.print(f"[red]{escape(place)}: {escape(fault['message'])}[/red]")
    if answer["faults"]:
        raise typer.Exit(1)


@app.command()
def disable(
    partner: Annotated[str, typer.Argument(help="The partner's id: the name of its file.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Write `enabled = false` into a partner's file; nothing is deleted."""
    settings = settings_of(config)
    path = partner_path(settings, partner)
    if not path.is_file():
        errors.print(f"There is no {escape(str(path))}.")
        raise typer.Exit(1)
    write_checked(settings, path, with_enabled(path.read_text("utf-8"), "false"))
    output.print(f"{escape(partner)} is disabled. The running server takes it over with: gateway partners reload")


@app.command()
def add(  # noqa: PLR0917 - typer makes options of them
    partner: Annotated[str, typer.Argument(help="An id: small letters, digits and dashes.")],
    name: Annotated[str, typer.Option(help="The partner's name.")],
    interchange_id: Annotated[str, typer.Option("--id", help="Its interchange id (ISA06).")],
    guide: Annotated[list[str], typer.Option(help="What it may send, for example '837 005010X222A1'; repeatable.")],
    user: Annotated[str | None, typer.Option(help="Its user name for HTTP Basic.")] = None,
    qualifier: Annotated[str, typer.Option(help="Its interchange qualifier (ISA05).")] = "ZZ",
    usage: Annotated[str, typer.Option(help="test or production (ISA15).")] = "test",
    mode: Annotated[str, typer.Option(help="batch or real_time.")] = "batch",
    password_file: Annotated[
        Path | None, typer.Option(help="A file with the password; asked for where it is left out.")
    ] = None,
    as2_name: Annotated[str | None, typer.Option(help="Its AS2 name (AS2-From of what it sends).")] = None,
    as2_certificate: Annotated[Path | None, typer.Option(help="Its AS2 certificate: PEM, DER or PKCS#7.")] = None,
    as2_url: Annotated[str | None, typer.Option(help="Where it receives AS2; without it we send nothing.")] = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Write a partner's file. The password is kept as an argon2 hash alone."""
    settings = settings_of(config)
    path = partner_path(settings, partner)
    if path.exists():
        errors.print(f"{escape(str(path))} is there already: edit it, or take another id.")
        raise typer.Exit(1)
    if user is None and as2_name is None:
        errors.print("A partner needs --user (HTTPS) or --as2-name (AS2), or both.")
        raise typer.Exit(1)
    tables = [
        f"name = {toml_text(name)}\n",
        f"[[identity]]\nqualifier = {toml_text(qualifier)}\nid = {toml_text(interchange_id)}\n",
    ]
    if user is not None:
        hashed = PasswordHasher().hash(_password(password_file))
        tables.append(f"[[password]]\nuser = {toml_text(user)}\npassword_hash = {toml_text(hashed)}\n")
    guides = ", ".join(toml_text(one) for one in guide)
    tables.append(f"[[agreement]]\nusage = {toml_text(usage)}\nguides = [{guides}]\nmode = {toml_text(mode)}\n")
    with ExitStack() as written:
        if as2_name is not None:
            url = "" if as2_url is None else f"url = {toml_text(as2_url)}\n"
            tables.append(f"[[as2]]\npartner_name = {toml_text(as2_name)}\n{url}")
        if as2_certificate is not None:
            certificate = _as2_certificate(as2_certificate)
            file = written.enter_context(partner_certificate(path.parent, partner, certificate))
            tables.append(certificate_table(file.name))
            output.print(f"SHA-256 of the certificate, to compare with the partner: {fingerprint(certificate)}")
        write_checked(settings, path, "\n".join(tables))
    output.print(f"Written: {escape(str(path))}. The running server takes it over with: gateway partners reload")


def _password(file: Path | None) -> str:
    if file is not None:
        return file.read_text("utf-8").rstrip("\n")
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))


def _as2_certificate(file: Path) -> x509.Certificate:
    """Ends the command where it cannot be used."""
    try:
        certificate, _ = read_certificate(file.read_bytes())
        check_strength(certificate)
    except (OSError, CredentialError) as error:
        reason = f"cannot be read: {error.strerror}" if isinstance(error, OSError) else str(error)
        errors.print(escape(f"{file} {reason}"))
        raise typer.Exit(1) from None
    return certificate


def _row(file: PartnerFile) -> tuple[str, ...]:
    partner = file.partner
    agreements = (
        f"{one.name}: {one.usage.name.lower()}, {one.mode.value}, "
        + " ".join(sorted(f"{guide.transaction_set} {guide.version}" for guide in one.guides))
        for one in partner.agreements
    )
    now = datetime.now(UTC)
    certificates = (
        f"{one.principal.name} until {one.valid_until:%Y-%m-%d}" if one.valid_until else one.principal.name
        for one in file.certificates
        if one.is_valid(now)
    )
    return (
        partner.id if partner.is_enabled else f"{partner.id} (disabled)",
        partner.name,
        " ".join(sorted(f"{one.qualifier}:{one.id}" for one in partner.identities)),
        " ".join(one.user for one in file.passwords),
        "\n".join(agreements),
        "\n".join(certificates),
        "\n".join(_relationships(file)),
    )


def _relationships(file: PartnerFile) -> Iterator[str]:
    for one in file.relationships:
        url = one.dispatch.url
        yield f"{one.name}: {one.partner_name} to {one.our_name}" + ("" if url is None else f", {url}")
