"""The `gateway` command: its groups and its version.

Owns which commands exist. Must not know what a command does: each is imported when it is called for, so that
`gateway check` does not wait for a web server's modules.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command as as_command

if TYPE_CHECKING:
    from typer.core import TyperCommand

DISTRIBUTION = "healthcare-b2b-gateway"

# Name -> module and attribute: a function for one command, a `typer.Typer` for a group. One line each.
COMMANDS: Mapping[str, str] = {
    "check": "gateway.cli.check:check",
    "ack": "gateway.cli.ack:ack",
    "convert": "gateway.cli.convert:convert",
    "demo": "gateway.cli.demo:demo",
    "serve": "gateway.cli.serve:serve",
    "send": "gateway.cli.send:send",
    "messages": "gateway.cli.messages:messages",
    "dispatches": "gateway.cli.dispatches:dispatches",
    "show": "gateway.cli.show:show",
    "resubmit": "gateway.cli.resubmit:resubmit",
    "lint": "gateway.cli.lint:lint",
    "partners": "gateway.cli.partners:app",
    "keys": "gateway.cli.keys:app",
    "archive": "gateway.cli.archive:app",
}


class LazyCommands(TyperGroup):
    """Imports a command when it is asked for."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Every command, in the order of the table."""
        return [*COMMANDS, *(name for name in super().list_commands(ctx) if name not in COMMANDS)]

    def get_command(self, ctx: Any, cmd_name: str) -> "TyperCommand | Any | None":
        """The command, imported now; None where there is none of this name."""
        if cmd_name not in self.commands and cmd_name in COMMANDS:
            command = as_command(_load(COMMANDS[cmd_name]))
            command.name = cmd_name
            self.add_command(command, cmd_name)
        return super().get_command(ctx, cmd_name)


def _load(target: str) -> typer.Typer:
    module, _, attribute = target.partition(":")
    found = getattr(import_module(module), attribute)
    if isinstance(found, typer.Typer):
        return found
    alone = typer.Typer()
    alone.command()(found)
    return alone


app = typer.Typer(
    cls=LazyCommands,
    no_args_is_help=True,
    help="A health-care B2B gateway.",
    # A traceback with local variables would show values from messages.
    pretty_exceptions_show_locals=False,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version  # noqa: PLC0415 - a quarter of the start time of `gateway check`

        typer.echo(f"gateway {version(DISTRIBUTION)}")
        raise typer.Exit


@app.callback()
def gateway(
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and end.")
    ] = False,
) -> None:
    """Take X12 from partners, answer it, and hand it on as canonical XML."""
