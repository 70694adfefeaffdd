"""`gateway dispatches`: what we sent over AS2, newest first.

Owns filters and columns. Must not know how dispatches are kept. Reads beside a running server, or without one.
"""

import asyncio
from typing import Annotated
from uuid import UUID

import typer
from rich.markup import escape
from rich.table import Table

from gateway.bootstrap.paths import ledger_reader
from gateway.cli.configuration import DEFAULT_CONFIG, ConfigOption, errors, output, settings_of
from gateway.definitions.settings import Settings
from gateway.pipeline.as2.dispatches import DispatchFilter, DispatchRow
from gateway.pipeline.states import DispatchState


def dispatches(
    partner: Annotated[str | None, typer.Option(help="Only to this partner.")] = None,
    state: Annotated[DispatchState | None, typer.Option(help="Only in this state.")] = None,
    after: Annotated[UUID | None, typer.Option(help="The page after this id.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 50,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """List AS2 messages of ours: acknowledgements, files, receipts."""
    rows = asyncio.run(_rows(settings_of(config), DispatchFilter(partner, state), after, limit))
    output.print(dispatch_table(rows))
    if len(rows) == limit:
        output.print(f"More: gateway dispatches --after {rows[-1].draft.id}")


def dispatch_table(rows: tuple[DispatchRow, ...]) -> Table:
    """A line each; the id is what `gateway show` and `gateway resubmit` want."""
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("id", no_wrap=True, min_width=36)
    for column in ("made", "partner", "kind", "state", "attempt", "receipt", "error"):
        table.add_column(column)
    for row in rows:
        table.add_row(
            str(row.draft.id),
            f"{row.draft.created_at:%Y-%m-%d %H:%M:%S}",
            escape(row.draft.partner),
            escape(row.draft.document),
            row.state.value,
            str(row.attempt),
            escape(row.disposition),
            escape(row.error),
        )
    return table


async def _rows(settings: Settings, wanted: DispatchFilter, after: UUID | None, limit: int) -> tuple[DispatchRow, ...]:
    reader = ledger_reader(settings)
    if reader is None:
        errors.print("There is no ledger yet: the server has never run with these settings.")
        raise typer.Exit(1)
    try:
        return await reader.dispatches(wanted, after, limit)
    finally:
        await reader.close()
