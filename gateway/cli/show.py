"""`gateway show`: one message and all that is known of it, without its content.

Owns the layout. Must not know how messages are kept.
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
from gateway.pipeline.records import InstanceDetail


def show(
    instance: Annotated[UUID, typer.Argument(metavar="ID", help="As `gateway messages` shows it.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Show one message: steps, sets, findings, acknowledgements, deliveries."""
    detail = asyncio.run(_detail(settings_of(config), instance))
    if detail is None:
        errors.print(f"There is no message {instance}.")
        raise typer.Exit(1)
    _facts(detail)
    _steps(detail)
    _interchanges(detail)
    _findings(detail)
    _answers(detail)


async def _detail(settings: Settings, instance: UUID) -> InstanceDetail | None:
    reader = ledger_reader(settings)
    if reader is None:
        return None
    try:
        return await reader.show(instance)
    finally:
        await reader.close()


def _facts(detail: InstanceDetail) -> None:
    row = detail.row
    received = row.received
    output.print(f"[bold]{received.instance}[/bold]  {row.state.value}", end="")
    output.print(f"  revision {row.revision}, attempt {row.attempt}" + (f"  {escape(row.error)}" if row.error else ""))
    who = escape(f"{received.principal.partner} ({received.principal.name}, {received.principal.method.value})")
    output.print(f"  from {who} over {received.transport} from {escape(received.remote)}, {row.mode.value}")
    output.print(f"  received {received.received_at:%Y-%m-%d %H:%M:%S} UTC, {received.size_bytes:,} bytes")
    output.print(f"  sha256 {received.sha256.hex()}")


def _steps(detail: InstanceDetail) -> None:
    table = _table("step", "state", "attempt", "ended", "took", "error")
    for step in detail.steps:
        took_s = (step.ended_at - step.started_at).total_seconds()
        table.add_row(
            step.name.value,
            step.state.value,
            str(step.attempt),
            f"{step.ended_at:%H:%M:%S}",
            f"{took_s:.3f} s",
            escape(step.error),
        )
    output.print(table)


def _interchanges(detail: InstanceDetail) -> None:
    for one in detail.interchanges:
        refusal = f" (TA105 {one.refusal})" if one.refusal else ""
        repeats = f", repeats {one.duplicate_of}" if one.duplicate_of else ""
        output.print(
            f"interchange {one.ordinal}: {escape(one.key.control_number)} from {escape(one.key.sender.strip())} "
            f"to {escape(one.key.receiver.strip())}: {one.outcome}{refusal}{repeats}"
        )
    table = _table("set", "number", "guide", "outcome", "segments", "items", "accepted", "errors", "delivered")
    delivered = {(row.published.interchange, row.published.group, row.published.set): row for row in detail.outbox}
    for one_set in detail.sets:
        row = delivered.get((one_set.interchange, one_set.group, one_set.set))
        table.add_row(
            escape(one_set.identifier),
            escape(one_set.control_number),
            escape(one_set.guide),
            one_set.outcome,
            f"{one_set.segment_count:,}",
            f"{one_set.item_count:,}",
            f"{one_set.accepted_count:,}",
            f"{one_set.error_count:,}",
            f"{row.delivered_count:,}" if row else "-",
        )
    output.print(table)


def _findings(detail: InstanceDetail) -> None:
    for one in detail.findings:
        where = (one.segment, one.element, f"#{one.position}" if one.position else "")
        place = " ".join(part for part in where if part)
        output.print(f"  {one.severity:7} {escape(one.carried):10} {escape(place):18} {escape(one.message)}")


def _answers(detail: InstanceDetail) -> None:
    for one in detail.answers:
        output.print(f"answer {one.kind} {one.control_number}: {one.state.value}, {one.created_at:%H:%M:%S}")


def _table(*columns: str) -> Table:
    return Table(*columns, box=None, header_style="bold", padding=(0, 2, 0, 0))
