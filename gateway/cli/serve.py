"""`gateway serve`: run until told to stop.

Owns options and exit codes. Must not know the loop, nor what a gateway is made of.
"""

import gc
import logging
import sys
from typing import Annotated

import typer

from gateway.cli.configuration import DEFAULT_CONFIG, ConfigOption, errors, settings_of

EXIT_FAILED = 1


def serve(
    config: ConfigOption = DEFAULT_CONFIG,
    json_logs: Annotated[
        bool | None, typer.Option("--json-logs/--text-logs", help="One JSON object a line; default where no terminal.")
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log every step.")] = False,
) -> None:
    """Take messages from partners until SIGTERM; SIGHUP reloads partners, tokens and certificates."""
    # Importing makes a million objects that stay: looking for garbage among them takes an eighth of a start.
    gc.disable()
    from gateway.bootstrap.paths import StartError  # noqa: PLC0415 - see above
    from gateway.cli.logs import configure_logs  # noqa: PLC0415
    from gateway.cli.running import run  # noqa: PLC0415

    level = logging.DEBUG if verbose else logging.INFO
    configure_logs(json_lines=not sys.stderr.isatty() if json_logs is None else json_logs, level=level)
    settings = settings_of(config)
    try:
        is_well = run(settings)
    except StartError as error:
        errors.print(f"The gateway cannot start: {error}", markup=False)
        raise typer.Exit(EXIT_FAILED) from None
    if not is_well:
        raise typer.Exit(EXIT_FAILED)
