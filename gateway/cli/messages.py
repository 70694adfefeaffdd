"""`gateway messages`: what came, newest first.

Owns filters and columns. Must not know how messages are kept. Reads beside a running server, or without one.
"""

import asyncio
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

import typer
from rich.console import JustifyMethod
from rich.markup import escape
from rich.table import Table

from gateway.bootstrap.paths import ledger_reader
from gateway.cli.configuration import DEFAULT_CONFIG, ConfigOption, errors, output, settings_of
from gateway.definitions.settings import Settings
from gateway.pipeline.records import InstanceFilter, InstancePage, InstanceRow
from gateway.pipeline.states import InstanceState


def messages(  # noqa: PLR0917 - typer makes options of them
    partner: Annotated[str | None, typer.Option(help="Only from this partner.")] = None,
    state: Annotated[InstanceState | None, typer.Option(help="Only in this state.")] = None,
    since: Annotated[datetime | None, typer.Option(help="Only received since (UTC).")] = None,
    until: Annotated[datetime | None, typer.Option(help="Only received before (UTC).")] = None,
    control_number: Annotated[str | None, typer.Option(help="Only with this interchange control number.")] = None,
    after: Annotated[UUID | None, typer.Option(help="The page after this id.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 50,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """List messages, newest first."""
    wanted = InstanceFilter(partner, state, _utc(since), _utc(until), control_number)
    page = asyncio.run(_page(settings_of(config), wanted, after, limit))
    table = Table(box=None, header_style="bold")
    for column in ("id", "received", "partner", "state", "mode", "size", "sets", "accepted", "rejected", "errors"):
        justify: JustifyMethod = "right" if column in _NUMBERS else "left"
        table.add_column(column, justify=justify, no_wrap=True, min_width=_WIDTHS.get(column))
    for row in page.rows:
        table.add_row(*_cells(row))
    output.print(table)
    if page.next is not None:
        output.print(f"More: gateway messages --after {page.next}")


# Never cut: the id is what `gateway show` wants.
_WIDTHS = {"id": 36, "received": 19}
_NUMBERS = frozenset({"size", "sets", "accepted", "rejected", "errors"})


async def _page(settings: Settings, wanted: InstanceFilter, after: UUID | None, limit: int) -> InstancePage:
    reader = ledger_reader(settings)
    if reader is None:
        errors.print("There is no ledger yet: the server has never run with these settings.")
        raise typer.Exit(1)
    try:
        return await reader.messages(wanted, after, limit)
    finally:
        await reader.close()


def _cells(row: InstanceRow) -> tuple[str, ...]:
    return (
        str(row.received.instance),
        f"{row.received.received_at:%Y-%m-%d %H:%M:%S}",
        escape(row.received.principal.partner),
        row.state.value,
        row.mode.value,
        f"{row.received.size_bytes:,}",
        str(row.set_count),
        str(row.accepted_count),
        str(row.rejected_count),
        str(row.error_count),
    )


def _utc(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment is not None else None
