"""`gateway archive`: prove that the archive is what was written, rotate its keys, carry it elsewhere and back.

Owns the options and what is said. Must not know formats. Every command but `import` may run beside the server.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.progress import Progress

from gateway.bootstrap.paths import StartError, archive_folder
from gateway.bootstrap.stores import archive_keys
from gateway.cli import evidence, retention
from gateway.cli.configuration import (
    DEFAULT_CONFIG,
    EXIT_UNREADABLE,
    ConfigOption,
    errors,
    output,
    settings_of,
)
from gateway.definitions.settings import Settings
from gateway.pipeline.ports import NotInArchive
from gateway.stores.archive import ArchiveDamaged, ChainHead, KeyEncryptionKey
from gateway.stores.archive.files import Files
from gateway.stores.archive.keeping import rewrap
from gateway.stores.archive.recovery import last_head
from gateway.stores.archive.transfer import TransferRefused, export_archive, import_archive
from gateway.stores.archive.verifying import VerifyReport
from gateway.stores.archive.verifying import verify as verify_archive

app = typer.Typer(no_args_is_help=True, help="The archive: verify, note its head, rotate keys, export, import.")

HeadOption = Annotated[
    list[str] | None,
    typer.Option("--head", help="A head noted earlier, which must be met; repeatable.", metavar="HEAD"),
]
TransportOption = Annotated[
    Path | None,
    typer.Option("--transport-key", help="A key file, made with `gateway keys archive`, for the way.", metavar="FILE"),
]
Heard = Callable[[int, int], None]


@app.command()
def verify(
    head: HeadOption = None,
    first: Annotated[int, typer.Option("--from", min=1, help="The first segment that there should be.")] = 1,
    folder: Annotated[Path | None, typer.Option(help="Another folder, for example a backup.")] = None,
    without_keys: Annotated[bool, typer.Option("--without-keys", help="Check checksums and the chain alone.")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Check every record; exit 1 where one is not what was written, and name it."""
    settings = settings_of(config)
    with _refusals(), _progress("verified") as heard:
        ring = None if without_keys else archive_keys(settings)
        where = folder or archive_folder(settings)
        report = verify_archive(where, ring, first=first, noted=_heads(head), progress=heard)
    _show(report)
    if report.faults:
        raise typer.Exit(1)


@app.command("head")
def head_(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Print what stands for the whole archive up to now: note it where nobody can alter it."""
    with _refusals():
        output.print(str(last_head(Files(archive_folder(settings_of(config))))), soft_wrap=True)


@app.command()
def rotate(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Wrap the keys of all segments with the current key; may be stopped and run again."""
    settings = settings_of(config)
    with _refusals(), _progress("wrapped") as heard:
        ring = archive_keys(settings)
        changed = rewrap(_existing_folder(settings), ring, progress=heard)
    output.print(
        f"Wrapped anew: the keys of {changed} segments. All are under key {ring.current.id} now: older keys are needed "
        f"for backups alone.",
        soft_wrap=True,
    )


@app.command("export")
def export(
    file: Annotated[Path, typer.Argument(help="A new file.")],
    first: Annotated[int, typer.Option("--from", min=1, help="The first segment.")] = 1,
    last: Annotated[int | None, typer.Option("--to", min=1, help="The last segment; without it, all.")] = None,
    transport_key: TransportOption = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Write segments and their keys, encrypted as they are, into one file."""
    settings = settings_of(config)
    with _refusals(), _progress("exported") as heard:
        rewrapping = (archive_keys(settings), _key_of(transport_key)) if transport_key is not None else None
        folder = _existing_folder(settings)
        manifest = export_archive(folder, file, first=first, last=last, rewrapping=rewrapping, progress=heard)
    count = manifest.last - manifest.first + 1
    output.print(f"Written: {escape(str(file))}, {count} segments, head {manifest.head}", soft_wrap=True)


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="What `gateway archive export` wrote.")],
    head: HeadOption = None,
    transport_key: TransportOption = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Verify an export and restore it into the store, whose archive must be empty; the server must not run."""
    settings = settings_of(config)
    with _refusals(), _progress("verified") as heard:
        ring = archive_keys(settings)
        if transport_key is not None:
            ring = ring.with_older(_key_of(transport_key))
        report = import_archive(file, archive_folder(settings), ring, noted=_heads(head), progress=heard)
    _show(report)


def _show(report: VerifyReport) -> None:
    for fault in report.faults:
        errors.print(f"[red]{escape(str(fault))}[/red]")
    if report.shredded:
        output.print(f"Retention destroyed keys of {len(report.shredded)} segments: {', '.join(report.shredded)}")
    if report.unfinished_bytes:
        output.print(f"The gateway is writing the last {report.unfinished_bytes} bytes.")
    said = f"{len(report.faults)} faults" if report.faults else "no fault"
    output.print(f"{report.segments} segments, {report.records} records, {report.decrypted} of them decrypted: {said}.")
    if report.head is not None:
        output.print(f"Head: {report.head}", soft_wrap=True)


def _existing_folder(settings: Settings) -> Path:
    folder = archive_folder(settings)
    if not folder.is_dir():
        raise TransferRefused(f"There is no archive in {folder}.")
    return folder


def _heads(texts: list[str] | None) -> list[ChainHead]:
    try:
        return [ChainHead.parse(text) for text in texts or ()]
    except ValueError as error:
        raise TransferRefused(str(error)) from None


def _key_of(path: Path) -> KeyEncryptionKey:
    try:
        return KeyEncryptionKey.of(bytes.fromhex(path.read_text("ascii").strip()))
    except ValueError:
        raise TransferRefused(f"{path} holds no key: make one with `gateway keys archive`.") from None


@contextmanager
def _refusals() -> Iterator[None]:
    """Ends the command with a sentence where something cannot be done."""
    try:
        yield
    except (ArchiveDamaged, NotInArchive, StartError) as error:
        errors.print(escape(str(error)))
        raise typer.Exit(EXIT_UNREADABLE) from None
    except TransferRefused as error:
        errors.print(escape(str(error)))
        for fault in error.report.faults[1:] if error.report is not None else ():
            errors.print(f"[red]{escape(str(fault))}[/red]")
        raise typer.Exit(1) from None
    except OSError as error:
        errors.print(escape(f"{error.filename or 'The archive'}: {error.strerror}"))
        raise typer.Exit(EXIT_UNREADABLE) from None


@contextmanager
def _progress(words: str) -> Iterator[Heard]:
    """A bar on a terminal, nothing elsewhere."""
    with Progress(console=errors, transient=True, disable=not errors.is_terminal) as progress:
        task = progress.add_task(words, total=None)

        def heard(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total)

        yield heard


app.command()(retention.hold)
app.command()(retention.release)
app.command()(retention.holds)
app.command()(retention.retention)
app.command()(evidence.evidence)
app.command("verify-evidence")(evidence.verify_evidence)
