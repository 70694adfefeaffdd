"""The `gateway` command: its groups and its version.

Owns which groups of commands exist. Must not know what a command does.
"""

from importlib.metadata import version
from typing import Annotated

import typer

DISTRIBUTION = "healthcare-b2b-gateway"

app = typer.Typer(no_args_is_help=True, help="A health-care B2B gateway.")


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"gateway {version(DISTRIBUTION)}")
        raise typer.Exit


@app.callback()
def gateway(
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and end.")
    ] = False,
) -> None:
    """Take X12 from partners, answer it, and hand it on as canonical XML."""
