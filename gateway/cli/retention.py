"""`gateway archive hold|release|holds|retention`: what keeps archived messages, and letting the rest go.

Owns what is asked and shown. Must not destroy anything itself: the running server does.
"""

import asyncio
import getpass
from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import UUID

import typer
from rich.markup import escape
from rich.table import Table

from gateway.bootstrap.paths import ledger_reader, socket_path
from gateway.cli.administration import NoServerError, RefusedError, ask
from gateway.cli.configuration import DEFAULT_CONFIG, ConfigOption, errors, output, settings_of
from gateway.definitions.settings import Settings
from gateway.pipeline.retention import Hold


def hold(
    message: Annotated[UUID | None, typer.Argument(metavar="[ID]", help="A message, or one of ours.")] = None,
    partner: Annotated[str | None, typer.Option(help="Everything of this partner instead.")] = None,
    reason: Annotated[str, typer.Option(help="Why; for the audit log.", prompt=True)] = "",
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Put a legal hold on a message, or on all of a partner's: it outlives its term."""
    if (message is None) == (partner is None):
        errors.print("Name either a message or --partner.")
        raise typer.Exit(2)
    subject = {"subject": str(message)} if message is not None else {"partner": partner or ""}
    answer = _ask(settings_of(config), "/holds", subject | {"reason": reason})
    output.print(f"On hold: {escape(str(message or partner))}. To release it: gateway archive release {answer['id']}")


def release(
    held: Annotated[UUID, typer.Argument(metavar="HOLD", help="As `gateway archive holds` shows it.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """End a legal hold; what it kept goes with the next run of retention, if its term is over."""
    _ask(settings_of(config), f"/holds/{held}/release", {})
    output.print(f"{held} is released.")


def holds(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """List the legal holds in force."""
    table = Table("hold", "on", "since", "by", "reason", box=None, header_style="bold")
    for one in asyncio.run(_holds(settings_of(config))):
        subject = str(one.subject) if one.subject is not None else f"all of {one.partner}"
        cells = (str(one.id), subject, f"{one.placed_at:%Y-%m-%d %H:%M}", one.actor, one.reason)
        table.add_row(*(escape(cell) for cell in cells))
    output.print(table)


def retention(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Destroy now the keys of what is past its term and not on hold; the server does so every few hours anyway."""
    settings = settings_of(config)
    answer = _ask(settings, "/retention", {})
    for one in answer["segments"]:
        kept = f", but for {one['kept']} bodies" if one["kept"] else ""
        output.print(f"Segment {one['segment']}: its key is destroyed{kept}.")
    if not answer["segments"]:
        output.print("Nothing was past its term.")


def _ask(settings: Settings, path: str, query: dict[str, str]) -> Any:
    try:
        return ask(socket_path(settings), f"{path}?{urlencode(query | {'actor': getpass.getuser()})}")
    except (NoServerError, RefusedError) as error:
        errors.print(escape(str(error)))
        raise typer.Exit(1) from None


async def _holds(settings: Settings) -> tuple[Hold, ...]:
    reader = ledger_reader(settings)
    if reader is None:
        return ()
    try:
        return await reader.holds()
    finally:
        await reader.close()
