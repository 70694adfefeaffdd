"""The settings file as every server command takes it.

Owns the option and what is said when the file is missing or faulty. Must not know what a setting means.
"""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from gateway.definitions.positions import DefinitionError, Fault
from gateway.definitions.settings import Settings, load_settings

# 2 = could not be read, as for `gateway check`.
EXIT_UNREADABLE = 2

ConfigOption = Annotated[
    Path, typer.Option("--config", envvar="GATEWAY_CONFIG", help="The settings file.", metavar="FILE")
]
DEFAULT_CONFIG = Path("gateway.toml")

# A pipe has no width: wide enough for a whole row, so that a script gets every column uncut.
PIPE_WIDTH = 280

output = Console(highlight=False, emoji=False, width=None if sys.stdout.isatty() else PIPE_WIDTH)
errors = Console(stderr=True, highlight=False, emoji=False, soft_wrap=True)


def settings_of(config: Path) -> Settings:
    """The settings; ends the command with every fault where they cannot be used."""
    try:
        return load_settings(config)
    except DefinitionError as error:
        show_faults(error.faults)
        if not config.exists():
            errors.print("Name the file with --config, or try `gateway demo`, which needs none.")
        raise typer.Exit(EXIT_UNREADABLE) from None


def show_faults(faults: Iterable[Fault]) -> None:
    """One line each, on standard error, in the form that editors jump to."""
    for fault in faults:
        errors.print(f"[red]{escape(str(fault))}[/red]")
