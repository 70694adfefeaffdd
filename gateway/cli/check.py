"""`gateway check`: what is wrong with files, without a server or configuration.

Owns arguments and exit codes: 0 accepted, 1 rejected or partly, 2 unreadable. Must not judge.
"""

from enum import StrEnum
from typing import Annotated

import typer

from gateway.cli.guides import InstalledGuides, installed
from gateway.cli.inputs import UnreadableInputError, open_input
from gateway.cli.judging import Verdict, judge_input
from gateway.cli.output import ValueReader, json_line, json_unreadable, print_unreadable, print_verdict

_EXIT_CODES = {Verdict.ACCEPTED: 0, Verdict.PARTIAL: 1, Verdict.REJECTED: 1, Verdict.UNREADABLE: 2}


class OutputFormat(StrEnum):
    """How findings are written."""

    TEXT = "text"
    JSON = "json"


def check(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="X12 files; - is standard input.")],
    output_format: Annotated[
        OutputFormat, typer.Option("--format", help="Text for people, or one JSON object a line.")
    ] = OutputFormat.TEXT,
    guide: Annotated[
        str | None,
        typer.Option("--guide", metavar="GUIDE", help="Judge by this guide, whatever GS08 says: 005010X222A1."),
    ] = None,
    show_values: Annotated[
        bool, typer.Option("--show-values", help="Show values as they are (they may be about patients).")
    ] = False,
) -> None:
    """Say what is wrong with X12 files. Ends with 0 = accepted, 1 = rejected or partly, 2 = unreadable."""
    versions = sorted({name.version for name in installed()})
    if guide is not None and guide not in versions:
        raise typer.BadParameter(f"no such guide; there are {', '.join(versions)}", param_hint="--guide")
    guides = InstalledGuides(mapped=False, forced=guide)
    verdicts = [_check(name, guides, output_format, show_values=show_values) for name in files]
    raise typer.Exit(max(_EXIT_CODES[verdict] for verdict in verdicts))


def _check(name: str, guides: InstalledGuides, output_format: OutputFormat, *, show_values: bool) -> Verdict:
    try:
        with open_input(name) as opened:
            verdict = judge_input(opened, guides)
            values = ValueReader(opened.read, show_values)
            if output_format is OutputFormat.JSON:
                typer.echo(json_line(name, verdict, values))
            else:
                print_verdict(name, verdict, values)
            return verdict.verdict
    except UnreadableInputError as reason:
        if output_format is OutputFormat.JSON:
            typer.echo(json_unreadable(name, str(reason)))
        else:
            print_unreadable(name, str(reason))
        return Verdict.UNREADABLE
