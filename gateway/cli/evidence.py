"""`gateway archive evidence` and `verify-evidence`: a bundle that proves one message, and its check by anybody.

Owns which bodies of the ledger go into a bundle, and how checks are shown. Must not know the bundle's form.
"""

import asyncio
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from rich.markup import escape
from rich.table import Table

from gateway.bootstrap.paths import archive_folder, ledger_reader
from gateway.bootstrap.stores import archive_keys
from gateway.cli.configuration import (
    DEFAULT_CONFIG,
    EXIT_UNREADABLE,
    ConfigOption,
    errors,
    output,
    settings_of,
)
from gateway.definitions.certificates import CredentialError, read_certificate
from gateway.definitions.settings import Settings
from gateway.envelopes.as2.cms import CmsError
from gateway.envelopes.as2.disposition import As2Fault
from gateway.envelopes.mime.fault import MimeError
from gateway.model.exchange import ArchiveReference
from gateway.pipeline.as2.dispatches import DispatchFilter, DispatchRow
from gateway.pipeline.as2.records import As2Row
from gateway.pipeline.ports import NotInArchive
from gateway.pipeline.records import InstanceDetail
from gateway.stores.archive import ArchiveDamaged
from gateway.stores.archive.snapshot import ArchiveSnapshot
from gateway.stores.evidence import BundleMalformed, Check, CheckOutcome, Part, Role, Subject, check_bundle, make_bundle
from gateway.stores.ledger import LedgerReader

# Acknowledgements of one message; a file of a thousand interchanges has as many.
_DISPATCHES = 10_000
_COLOURS = {CheckOutcome.HOLDS: "green", CheckOutcome.FAILS: "red", CheckOutcome.OPEN: "yellow"}


def evidence(
    message: Annotated[UUID, typer.Argument(metavar="ID", help="As `gateway messages` shows it.")],
    file: Annotated[Path | None, typer.Option("--to", help="A new file; evidence-ID.zip where left out.")] = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Write a bundle: the message as it came and as it was signed, receipts, acknowledgements, proofs.

    It holds the message in the clear: keep it as you keep the archive's key.
    """
    settings = settings_of(config)
    target = file or Path(f"evidence-{message}.zip")
    found = asyncio.run(_found(settings, message))
    if found is None:
        errors.print(f"There is no message {message}.")
        raise typer.Exit(1)
    subject, certificates = found
    own = settings.as2.keys
    try:
        snapshot = ArchiveSnapshot(archive_folder(settings), archive_keys(settings))
        manifest = make_bundle(target, subject, snapshot, own, certificates)
    except FileExistsError:
        errors.print(f"{escape(str(target))} is there already.")
        raise typer.Exit(1) from None
    except (NotInArchive, ArchiveDamaged, As2Fault, CmsError, MimeError, OSError) as error:
        errors.print(escape(str(error)))
        raise typer.Exit(1) from None
    target.chmod(0o600)
    output.print(f"Written: {escape(str(target))}, {len(manifest.parts)} parts", soft_wrap=True)
    output.print(f"Head of the archive: {manifest.head}", soft_wrap=True)


def verify_evidence(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A bundle.")],
    head: Annotated[list[str] | None, typer.Option(help="A head noted from the archive; repeatable.")] = None,
    certificate: Annotated[
        list[Path] | None, typer.Option(help="A party's certificate, got from itself; repeatable.")
    ] = None,
) -> None:
    """Check a bundle offline. Ends with 0 when everything holds, 1 when something fails, 2 when it is no bundle."""
    try:
        certificates = tuple(read_certificate(path.read_bytes())[0] for path in certificate or ())
        manifest, checks = check_bundle(file, tuple(head or ()), certificates)
    except (BundleMalformed, CredentialError, OSError) as error:
        errors.print(escape(str(error)))
        raise typer.Exit(EXIT_UNREADABLE) from None
    for name, value in manifest.subject.items():
        output.print(f"{escape(name)}: {escape(value)}", soft_wrap=True)
    _show(checks)
    if any(check.outcome is CheckOutcome.FAILS for check in checks):
        raise typer.Exit(1)


def _show(checks: tuple[Check, ...]) -> None:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for check in checks:
        colour = _COLOURS[check.outcome]
        table.add_row(f"[{colour}]{check.outcome.value}[/{colour}]", escape(check.about), escape(check.finding))
    output.print(table)


async def _found(settings: Settings, message: UUID) -> tuple[Subject, tuple[x509.Certificate, ...]] | None:
    reader = ledger_reader(settings)
    if reader is None:
        return None
    try:
        detail = await reader.show(message)
        if detail is None:
            return None
        as2 = await reader.as2_message(message)
        dispatches = await reader.dispatches(DispatchFilter(instance=message), None, _DISPATCHES)
        certificates = await _certificates(reader, settings, as2)
    finally:
        await reader.close()
    return Subject(_facts(detail, as2), _parts(detail, as2, dispatches)), certificates


async def _certificates(reader: LedgerReader, settings: Settings, as2: As2Row | None) -> tuple[x509.Certificate, ...]:
    """Those that signatures of this partner, and ours, were verified and made with."""
    if as2 is None:
        return ()
    known = [x509.load_der_x509_certificate(der) for der in await reader.certificates()]
    known += [key.certificate for key in settings.as2.keys]
    return tuple({each.fingerprint(SHA256()): each for each in known}.values())


def _facts(detail: InstanceDetail, as2: As2Row | None) -> dict[str, str]:
    received = detail.row.received
    facts = {
        "message": str(received.instance),
        "partner": received.principal.partner,
        "transport": received.transport,
        "received_at": received.received_at.isoformat(),
        "size_bytes": str(received.size_bytes),
        "sha256": received.sha256.hex(),
        "state": detail.row.state.value,
    }
    if as2 is None:
        return facts
    arrival, opening = as2.arrival, as2.opening
    facts |= {"as2_from": arrival.partner_name, "as2_to": arrival.our_name, "message_id": arrival.message_id}
    if opening is not None:
        facts |= {"disposition": str(opening.disposition), "protection": opening.security, "mic": opening.mic}
    return facts


def _parts(
    detail: InstanceDetail, as2: As2Row | None, dispatches: tuple[DispatchRow, ...]
) -> tuple[tuple[Part, ArchiveReference], ...]:
    found: list[tuple[Role, int, dict[str, str], ArchiveReference]] = []
    if as2 is not None:
        found.append((Role.MESSAGE, as2.wire.head_size, {}, as2.wire.archived))
        if as2.opening is not None and as2.opening.receipt is not None:
            found.append((Role.RECEIPT, as2.opening.receipt.head_size, {}, as2.opening.receipt.archived))
    if as2 is None or detail.row.archived != as2.wire.archived:
        found.append((Role.PAYLOAD, 0, {}, detail.row.archived))
    for answer in detail.answers:
        about = {"kind": answer.kind, "control_number": answer.control_number}
        found.append((Role.ACKNOWLEDGEMENT, 0, about, answer.archived))
    for row in dispatches:
        about = {
            "document": row.draft.document,
            "message_id": row.draft.message_id,
            "mics": "\n".join(row.mics),
            "state": row.state.value,
        }
        if row.wire is not None and row.mics:
            found.append((Role.DISPATCH, row.wire.head_size, about, row.wire.archived))
        if row.receipt is not None:
            found.append((Role.DISPATCH_RECEIPT, row.receipt.head_size, about, row.receipt.archived))
    return tuple(
        (Part(number, role, head_size, about), reference)
        for number, (role, head_size, about, reference) in enumerate(found, start=1)
    )
