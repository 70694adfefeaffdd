"""`gateway resubmit`: let what failed, is held or is overdue go on from where it stopped.

Owns the call. Must not write the ledger: the running server does.
"""

import getpass
from typing import Annotated
from urllib.parse import quote
from uuid import UUID

import typer
from rich.markup import escape

from gateway.bootstrap.paths import socket_path
from gateway.cli.administration import NoServerError, RefusedError, ask
from gateway.cli.configuration import DEFAULT_CONFIG, ConfigOption, errors, output, settings_of


def resubmit(
    instance: Annotated[
        UUID,
        typer.Argument(metavar="ID", help="As `gateway messages` or `gateway dispatches` shows it."),
    ],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Resubmit a failed or held message, or send one of ours again, the same; your name goes into the audit log."""
    settings = settings_of(config)
    try:
        ask(socket_path(settings), f"/instances/{instance}/resubmit?actor={quote(getpass.getuser())}")
    except (NoServerError, RefusedError) as error:
        errors.print(escape(str(error)))
        raise typer.Exit(1) from None
    output.print(f"{instance} is due again.")
