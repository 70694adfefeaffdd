"""`gateway lint`: every fault of settings, partners, guides, rules, maps and dictionary, with file and line.

Owns the exit code and the form. Must not know what a fault is: the definitions find them.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from gateway.cli.configuration import DEFAULT_CONFIG, EXIT_UNREADABLE, errors, show_faults
from gateway.definitions import lint as definitions

output = Console(highlight=False, soft_wrap=True)


def lint(
    config: Annotated[
        Path | None,
        typer.Option("--config", envvar="GATEWAY_CONFIG", metavar="FILE", help="Default: gateway.toml if there."),
    ] = None,
) -> None:
    """Check all definitions; ends with 0 = no fault, 1 = faults. Without settings, those of the package alone."""
    if config is not None and not config.is_file():
        errors.print(f"There is no {escape(str(config))}.")
        raise typer.Exit(EXIT_UNREADABLE)
    settings = config or (DEFAULT_CONFIG if DEFAULT_CONFIG.is_file() else None)
    report = definitions.lint(settings, datetime.now(UTC))
    for warning in report.warnings:
        errors.print(f"[yellow]{escape(str(warning))}[/yellow] (warning)")
    show_faults(report.faults)
    of_what = escape(str(settings)) if settings is not None else "the package's definitions (there is no gateway.toml)"
    if not report.is_clean:
        faults = "1 fault" if len(report.faults) == 1 else f"{len(report.faults)} faults"
        output.print(f"{faults} in {of_what}")
        raise typer.Exit(1)
    output.print(f"No faults in {of_what}")
