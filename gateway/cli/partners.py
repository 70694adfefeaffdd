"""`gateway partners`: add, list, disable, and let the running server take it over.

Owns what is asked, written and shown. Must not know what an agreement does. Files are edited as text, so that comments
and order stay; what an edit would break is not written.
"""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from argon2 import PasswordHasher
from rich.markup import escape
from rich.table import Table

from gateway.bootstrap import socket_path
from gateway.cli.administration import NoServerError, RefusedError, ask
from gateway.cli.configuration import DEFAULT_CONFIG, ConfigOption, errors, output, settings_of, show_faults
from gateway.definitions.partners.load import LoadedPartners, PartnerFile, load_partners
from gateway.definitions.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Trading partners: add, list, disable, reload.")
_ENABLED = re.compile(r"^enabled[ \t]*=.*$", re.MULTILINE)
_FIRST_TABLE = re.compile(r"^\[", re.MULTILINE)


@app.command("list")
def list_(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Show the partners and what is agreed; exit 1 where a file is faulty."""
    loaded = _loaded(settings_of(config))
    table = Table("partner", "name", "identities", "users", "agreements", "certificates", box=None, header_style="bold")
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
    path = _path(settings, partner)
    if not path.is_file():
        errors.print(f"There is no {escape(str(path))}.")
        raise typer.Exit(1)
    _write_checked(settings, path, _with_enabled(path.read_text("utf-8"), "false"))
    output.print(f"{escape(partner)} is disabled. The running server takes it over with: gateway partners reload")


@app.command()
def add(  # noqa: PLR0917 - typer makes options of them
    partner: Annotated[str, typer.Argument(help="An id: small letters, digits and dashes.")],
    name: Annotated[str, typer.Option(help="The partner's name.")],
    interchange_id: Annotated[str, typer.Option("--id", help="Its interchange id (ISA06).")],
    user: Annotated[str, typer.Option(help="Its user name for HTTP Basic.")],
    guide: Annotated[list[str], typer.Option(help="What it may send, for example '837 005010X222A1'; repeatable.")],
    qualifier: Annotated[str, typer.Option(help="Its interchange qualifier (ISA05).")] = "ZZ",
    usage: Annotated[str, typer.Option(help="test or production (ISA15).")] = "test",
    mode: Annotated[str, typer.Option(help="batch or real_time.")] = "batch",
    password_file: Annotated[
        Path | None, typer.Option(help="A file with the password; asked for where it is left out.")
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Write a partner's file. The password is kept as an argon2 hash alone."""
    settings = settings_of(config)
    path = _path(settings, partner)
    if path.exists():
        errors.print(f"{escape(str(path))} is there already: edit it, or take another id.")
        raise typer.Exit(1)
    if password_file is not None:
        password = password_file.read_text("utf-8").rstrip("\n")
    else:
        password = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    hashed = PasswordHasher().hash(password)
    lines = [
        f"name = {_toml(name)}",
        "",
        "[[identity]]",
        f"qualifier = {_toml(qualifier)}",
        f"id = {_toml(interchange_id)}",
        "",
        "[[password]]",
        f"user = {_toml(user)}",
        f"password_hash = {_toml(hashed)}",
        "",
        "[[agreement]]",
        f"usage = {_toml(usage)}",
        f"guides = [{', '.join(_toml(one) for one in guide)}]",
        f"mode = {_toml(mode)}",
        "",
    ]
    _write_checked(settings, path, "\n".join(lines))
    output.print(f"Written: {escape(str(path))}. The running server takes it over with: gateway partners reload")


def _write_checked(settings: Settings, path: Path, text: str) -> None:
    """Write, and take it back where the file or another would be faulty because of it."""
    before = path.read_text("utf-8") if path.exists() else None
    faults_before = set(_loaded(settings).faults)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    path.chmod(0o600)
    faults = [fault for fault in _loaded(settings).faults if fault not in faults_before]
    if not faults:
        return
    if before is None:
        path.unlink()
    else:
        path.write_text(before, "utf-8")
    show_faults(faults)
    errors.print("Nothing was changed.")
    raise typer.Exit(1)


def _with_enabled(text: str, value: str) -> str:
    """The text with the top-level key `enabled` set."""
    first_table = _FIRST_TABLE.search(text)
    top, rest = (text[: first_table.start()], text[first_table.start() :]) if first_table else (text, "")
    if _ENABLED.search(top):
        return _ENABLED.sub(f"enabled = {value}", top, count=1) + rest
    return f"enabled = {value}\n{top}{rest}"


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
    )


def _loaded(settings: Settings) -> LoadedPartners:
    return load_partners(settings.partners_folder, settings.identities)


def _path(settings: Settings, partner: str) -> Path:
    if re.fullmatch(r"[a-z0-9][a-z0-9-]{0,62}", partner) is None:
        errors.print("A partner's id has small letters, digits and dashes.")
        raise typer.Exit(1)
    return settings.partners_folder / f"{partner}.toml"


def _toml(text: str) -> str:
    """A basic string: JSON's escapes are TOML's, but for DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007F")
