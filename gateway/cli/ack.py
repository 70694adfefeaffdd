"""`gateway ack`: the acknowledgements that the gateway would send for a file.

Owns arguments and exit codes: 0 where there is an answer or none is due, 2 unreadable. Must not judge or word them.
"""

import sys
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

import typer

from gateway.cli.guides import InstalledGuides
from gateway.cli.inputs import UnreadableInputError, open_input
from gateway.cli.judging import judge_input
from gateway.formats.x12.acknowledge import (
    Acknowledgement,
    AckPolicy,
    ControlNumbers,
    FunctionalAckMode,
    acknowledge,
)
from gateway.formats.x12.acknowledge_interchange import InterchangeAckMode

# There is no ledger here that counts: the first number of every answer.
_FIRST_CONTROL_NUMBER = 1


class AckType(StrEnum):
    """Which acknowledgement to show."""

    IMPLEMENTATION = "999"
    FUNCTIONAL = "997"
    INTERCHANGE = "TA1"


_POLICIES = {
    None: (FunctionalAckMode.BY_VERSION, InterchangeAckMode.WHEN_REQUESTED),
    AckType.IMPLEMENTATION: (FunctionalAckMode.IMPLEMENTATION, InterchangeAckMode.ON_ERROR),
    AckType.FUNCTIONAL: (FunctionalAckMode.FUNCTIONAL, InterchangeAckMode.ON_ERROR),
    AckType.INTERCHANGE: (FunctionalAckMode.NONE, InterchangeAckMode.ALWAYS),
}


def ack(
    file: Annotated[str, typer.Argument(metavar="FILE", help="An X12 file; - is standard input.")],
    ack_type: Annotated[
        AckType | None,
        typer.Option("--type", help="Only this one; without it, what the gateway sends by default."),
    ] = None,
    pretty: Annotated[bool, typer.Option("--pretty", help="One segment a line.")] = False,
) -> None:
    """Write the TA1, 999 or 997 for a file. Ends with 0, or 2 where the file is unreadable."""
    functional, interchange = _POLICIES[ack_type]
    policy = AckPolicy(functional=functional, interchange=interchange, line_end="\n" if pretty else "")
    try:
        written = _acknowledge(file, policy)
    except UnreadableInputError as reason:
        typer.echo(f"{file}: {reason} It gets no acknowledgement.", err=True)
        raise typer.Exit(2) from None
    for acknowledgement in written:
        sys.stdout.buffer.write(acknowledgement.content)
        if acknowledgement.omitted_count:
            typer.echo(f"{file}: {acknowledgement.omitted_count} findings are not listed in it.", err=True)
    if not written:
        typer.echo(f"{file}: no acknowledgement is due.", err=True)
    elif not pretty and sys.stdout.isatty():
        typer.echo()


def _acknowledge(name: str, policy: AckPolicy) -> list[Acknowledgement]:
    numbers = ControlNumbers(_FIRST_CONTROL_NUMBER)
    now = datetime.now(UTC).astimezone()
    written: list[Acknowledgement] = []
    with open_input(name) as opened:
        judged = judge_input(opened, InstalledGuides(mapped=False)).judged
        for interchange in judged.interchanges:
            written += acknowledge(interchange, policy, numbers.after(written), now, opened.read)
    return written
