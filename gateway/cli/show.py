"""`gateway show`: one message and all that is known of it, without its content.

Owns the layout. Must not know how messages are kept.
"""

import asyncio
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

import typer
from rich.markup import escape
from rich.table import Table

from gateway.bootstrap.paths import ledger_reader
from gateway.cli.configuration import DEFAULT_CONFIG, ConfigOption, errors, output, settings_of
from gateway.cli.dispatches import dispatch_table
from gateway.definitions.settings import Settings
from gateway.pipeline.as2.dispatches import DispatchFilter, DispatchRow
from gateway.pipeline.as2.records import As2Row
from gateway.pipeline.records import InstanceDetail
from gateway.pipeline.states import DispatchState

# Acknowledgements of one message, and its receipt.
_SHOWN_DISPATCHES = 100


def show(
    instance: Annotated[UUID, typer.Argument(metavar="ID", help="As `gateway messages` shows it.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Show one message: steps, sets, findings, acknowledgements, deliveries."""
    match asyncio.run(_found(settings_of(config), instance)):
        case _Message(detail, as2, dispatches):
            _facts(detail)
            if as2 is not None:
                _envelope(as2)
            _steps(detail)
            _interchanges(detail)
            _findings(detail)
            _answers(detail)
            if dispatches:
                output.print(dispatch_table(dispatches))
        case DispatchRow() as row:
            _dispatch(row)
        case None:
            errors.print(f"There is no message {instance}.")
            raise typer.Exit(1)


@dataclass(frozen=True, slots=True)
class _Message:
    """What came, how it came, and what went out because of it."""

    detail: InstanceDetail
    as2: As2Row | None
    dispatches: tuple[DispatchRow, ...]


async def _found(settings: Settings, id_: UUID) -> _Message | DispatchRow | None:
    reader = ledger_reader(settings)
    if reader is None:
        return None
    try:
        detail = await reader.show(id_)
        if detail is None:
            return await reader.dispatch(id_)
        dispatches = await reader.dispatches(DispatchFilter(instance=id_), None, _SHOWN_DISPATCHES)
        return _Message(detail, await reader.as2_message(id_), dispatches)
    finally:
        await reader.close()


def _envelope(row: As2Row) -> None:
    """What the AS2 headers said and what became of the message when it was opened."""
    arrival, opening = row.arrival, row.opening
    output.print(f"  AS2 {escape(arrival.partner_name)} -> {escape(arrival.our_name)} ({escape(arrival.relationship)})")
    output.print(f"  Message-ID {escape(arrival.message_id)}, receipt {arrival.receipt.value}")
    if opening is None:
        output.print("  not opened yet")
        return
    protected = f" ({escape(opening.security)})" if opening.security else ""
    output.print(f"  {escape(str(opening.disposition))}{protected} {escape(opening.detail)}".rstrip())
    if opening.signer_sha256 is not None:
        output.print(f"  signer sha256 {opening.signer_sha256.hex()}")
    if opening.mic:
        output.print(f"  MIC {escape(opening.mic)}")
    if opening.duplicate_of is not None:
        output.print(f"  repeats {opening.duplicate_of}")


def _dispatch(row: DispatchRow) -> None:
    draft = row.draft
    output.print(f"[bold]{draft.id}[/bold]  {row.state.value}  attempt {row.attempt}  {escape(row.error)}".rstrip())
    output.print(f"  {escape(draft.document)} to {escape(draft.partner)} ({escape(draft.relationship)})")
    output.print(f"  made {draft.created_at:%Y-%m-%d %H:%M:%S} UTC, Message-ID {escape(draft.message_id)}")
    if draft.instance is not None:
        output.print(f"  because of {draft.instance}")
    if row.http_status is not None:
        output.print(f"  HTTP {row.http_status}, receipt: {escape(row.disposition) or '-'}")
    for mic in row.mics:
        output.print(f"  MIC {escape(mic)}")
    if row.state is DispatchState.SENT:
        output.print(f"  receipt awaited until {row.due_at:%Y-%m-%d %H:%M:%S} UTC")


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
