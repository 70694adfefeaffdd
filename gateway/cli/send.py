"""`gateway send`: a file to a partner over AS2, by the running server.

Owns the call and the wait for the outcome. Must not package or post anything itself.
"""

import asyncio
import getpass
from pathlib import Path
from typing import Annotated
from urllib.parse import quote, urlencode
from uuid import UUID

import typer
from rich.markup import escape

from gateway.bootstrap.paths import ledger_reader, socket_path
from gateway.cli.administration import NoServerError, RefusedError, ask
from gateway.cli.configuration import DEFAULT_CONFIG, ConfigOption, errors, output, settings_of
from gateway.definitions.settings import Settings
from gateway.pipeline.as2.dispatches import DispatchRow
from gateway.pipeline.states import DispatchState

_POLL_S = 0.1
_MOVING = (DispatchState.WAITING, DispatchState.RUNNING)


def send(  # noqa: PLR0917 - typer makes options of them
    partner: Annotated[str, typer.Argument(help="The partner's id: the name of its file.")],
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="What to send, as it is.")],
    relationship: Annotated[str, typer.Option(help="The name of the [[as2]] table, where there are several.")] = "",
    content_type: Annotated[str, typer.Option(help="Instead of the relationship's own.")] = "",
    wait_s: Annotated[float, typer.Option("--wait", min=0, help="Seconds to wait for the outcome.")] = 30.0,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Send a file over AS2. Ends with 0 when the partner has it, 1 when it failed, 3 when that is not known yet."""
    settings = settings_of(config)
    query = urlencode(
        {
            "relationship": relationship,
            "filename": file.name,
            "content_type": content_type,
            "actor": getpass.getuser(),
        }
    )
    try:
        with file.open("rb") as content:
            answer = ask(socket_path(settings), f"/partners/{quote(partner, safe='')}/send?{query}", content)
    except (NoServerError, RefusedError) as error:
        errors.print(escape(str(error)))
        raise typer.Exit(1) from None
    sent = UUID(answer["id"])
    output.print(f"{sent} is kept and on its way.")
    row = asyncio.run(_settled(settings, sent, wait_s))
    raise typer.Exit(_outcome(row))


async def _settled(settings: Settings, sent: UUID, wait_s: float) -> DispatchRow | None:
    """How far it is when it has moved, or when the time is up."""
    reader = ledger_reader(settings)
    if reader is None:
        return None
    try:
        deadline = asyncio.get_running_loop().time() + wait_s
        row = await reader.dispatch(sent)
        while row is not None and row.state in _MOVING and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(_POLL_S)
            row = await reader.dispatch(sent)
        return row
    finally:
        await reader.close()


def _outcome(row: DispatchRow | None) -> int:
    if row is None:
        return 3
    match row.state:
        case DispatchState.DELIVERED:
            receipt = f", receipt: {row.disposition}" if row.disposition else ""
            output.print(f"Delivered (HTTP {row.http_status}{escape(receipt)}).")
            return 0
        case DispatchState.FAILED:
            errors.print(f"Failed: {escape(row.error)}")
            return 1
        case _:
            error = f" {row.error}" if row.error else ""
            output.print(f"Not known yet: {row.state.value}.{escape(error)} See: gateway show {row.draft.id}")
            return 3
