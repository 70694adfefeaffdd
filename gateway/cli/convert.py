"""`gateway convert`: X12 to canonical XML, and back.

Owns arguments, the output file and exit codes: 0 all of it, 1 not all was accepted or could be carried, 2
unreadable. Must not map.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Annotated

import typer

from gateway.cli.guides import InstalledGuides
from gateway.cli.inputs import InputFile, UnreadableInputError, open_input
from gateway.cli.judging import Verdict, judge_input, sets_of
from gateway.formats.x12.documents import NAMESPACE, DocumentError
from gateway.model.judgement import Outcome

Write = Callable[[bytes], object]

_OPENING = f'<?xml version="1.0" encoding="UTF-8"?>\n<documents xmlns="{NAMESPACE}">\n'.encode()
_CLOSING = b"\n</documents>\n"
# Sets or element paths that are named on standard error; the rest is counted.
_MAX_NAMED = 20


class Target(StrEnum):
    """What to make of the input."""

    CANONICAL = "canonical"
    X12 = "x12"


def convert(
    file: Annotated[str, typer.Argument(metavar="FILE", help="X12 or canonical XML; - is standard input.")],
    to: Annotated[Target | None, typer.Option("--to", help="Without it: XML from X12, X12 from XML.")] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write there, not to standard output.")
    ] = None,
) -> None:
    """Convert X12 to canonical XML, or that back. Ends with 0, 1 = not all of it, 2 = unreadable.

    Of a rejected set the claims and members without an error are converted all the same.
    """
    try:
        with open_input(file) as opened, _writing(output) as write:
            is_xml = opened.head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<")
            target = to or (Target.X12 if is_xml else Target.CANONICAL)
            complaints = _to_x12(opened, write) if target is Target.X12 else _to_canonical(opened, write)
    except UnreadableInputError as reason:
        typer.echo(f"{file}: {reason}", err=True)
        raise typer.Exit(2) from None
    except BrokenPipeError:
        # Whoever read our output has seen enough.
        raise typer.Exit(1) from None
    except OSError as error:
        typer.echo(f"{output or 'standard output'}: cannot be written: {error.strerror or error}.", err=True)
        raise typer.Exit(2) from None
    for complaint in complaints[:_MAX_NAMED]:
        typer.echo(f"{file}: {complaint}", err=True)
    if len(complaints) > _MAX_NAMED:
        typer.echo(f"{file}: ... and {len(complaints) - _MAX_NAMED} more.", err=True)
    raise typer.Exit(1 if complaints else 0)


class _Documents:
    """The root element around documents as they come; nothing is written before the first."""

    def __init__(self, write: Write) -> None:
        self._write = write
        self._offset = 0

    def write(self, data: bytes, /) -> int:
        """Append documents."""
        begin = self._offset
        if not begin:
            self._write(_OPENING)
        self._write(data)
        self._offset += len(data)
        return begin

    def close(self) -> bool:
        """End the root element; whether there was any document."""
        if self._offset:
            self._write(_CLOSING)
        return self._offset > 0


def _to_canonical(opened: InputFile, write: Write) -> list[str]:
    """Every item that can be mapped; what was not accepted is said."""
    documents = _Documents(write)
    verdict = judge_input(opened, InstalledGuides(mapped=True), documents)
    complaints = [
        f"set {of_set.identifier} {of_set.control_number.strip()} is rejected ({of_set.error_count} errors):"
        " items in error are left out; `gateway check` tells more"
        for _, _, of_set in sets_of(verdict.judged)
        if of_set.outcome is Outcome.REJECTED
    ]
    if not documents.close():
        raise UnreadableInputError("; ".join(complaints) or "There is no set in it that becomes canonical XML.")
    if not complaints and verdict.verdict is not Verdict.ACCEPTED:
        complaints.append("not all of it is accepted; `gateway check` tells more")
    return complaints


def _to_x12(opened: InputFile, write: Write) -> list[str]:
    from gateway.formats.x12.generate import Generation, generate  # noqa: PLC0415 - this way only

    generation = Generation()
    try:
        for part in generate(opened.chunks(), InstalledGuides(mapped=True).program, generation):
            write(part)
    except DocumentError as error:
        raise UnreadableInputError(str(error)) from None
    return [f"not written: {unwritten}" for unwritten in generation.unwritten]


@contextmanager
def _writing(output: Path | None) -> Iterator[Write]:
    """Standard output, or a file that appears whole or not at all."""
    if output is None:
        yield sys.stdout.buffer.write
        sys.stdout.buffer.flush()
        return
    with NamedTemporaryFile(dir=output.parent, prefix=".writing-", delete=False) as unfinished:
        place = Path(unfinished.name)
        try:
            yield unfinished.write
            unfinished.close()
            place.replace(output)
        finally:
            place.unlink(missing_ok=True)
