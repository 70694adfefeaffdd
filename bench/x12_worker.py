"""The measured child of the X12 rows: `x12_worker.py acknowledge|canonical|round-trip FILE`; one JSON object on stdout.

`acknowledge` judges and writes the 999; `canonical` writes canonical XML to a spool on disk as well, as the server does
before the verdict is known; `round-trip` makes X12 of that XML again and compares it with the file, set by set.
"""

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from measure import WORK

from gateway._native import Batch, X12Reader  # noqa: TID251 - counts of values stand on the reader's units alone
from gateway.cli.guides import InstalledGuides
from gateway.formats.x12.acknowledge import AckPolicy, ControlNumbers, FunctionalAckMode, acknowledge
from gateway.formats.x12.assembly import MAX_SET_FINDINGS
from gateway.formats.x12.documents import NAMESPACE
from gateway.formats.x12.generate import Generation, generate
from gateway.formats.x12.judge import XML_BATCH_BYTES, X12Judge
from gateway.model.finding import ByteRange
from gateway.model.judgement import FileJudged, Outcome
from gateway.stores.spool import FileSpools

CHUNK_BYTES = 1 << 20
_SETS = re.compile(rb"ST\*.*?~SE\*[^~]*~", re.DOTALL)


@dataclass(slots=True)
class Values:
    """How many values of the file are named by attributes, given by the guide, or kept under `other`."""

    named: int = 0
    dictated: int = 0
    other: int = 0


class CountingReader:
    """The native reader, with the counts of values that its sets end with."""

    def __init__(self, values: Values) -> None:
        today = datetime.now(UTC).strftime("%Y%m%d")
        self._reader = X12Reader(today=today, finding_cap=MAX_SET_FINDINGS, xml_cap=XML_BATCH_BYTES)
        self._values = values

    def feed(self, chunk: bytes) -> Batch:
        """As the reader's."""
        return self._counted(self._reader.feed(chunk))

    def resume(self, *arguments: object, **named: object) -> Batch:
        """As the reader's."""
        return self._counted(self._reader.resume(*arguments, **named))  # type: ignore[arg-type]

    def finish(self) -> Batch:
        """As the reader's."""
        return self._counted(self._reader.finish())

    def _counted(self, batch: Batch) -> Batch:
        for unit in batch.units:
            self._values.named += unit.named_values
            self._values.dictated += unit.dictated_values
            self._values.other += unit.other_values
        return batch


class Documents:
    """The spool of the server, and how much is in it."""

    def __init__(self) -> None:
        self._spool = FileSpools(WORK / "spool")()
        self.size = 0

    def write(self, data: bytes, /) -> int:
        """Append; where it begins."""
        self.size += len(data)
        return self._spool.write(data)

    def chunks(self) -> Iterator[bytes]:
        """All of it as one canonical XML text."""
        yield f'<documents xmlns="{NAMESPACE}">'.encode()
        for begin in range(0, self.size, CHUNK_BYTES):
            yield self._spool.read(begin, min(begin + CHUNK_BYTES, self.size))
        yield b"</documents>"


def main() -> None:
    """Do one of the three and report."""
    what, path = sys.argv[1], Path(sys.argv[2])
    values = Values()
    documents = None if what == "acknowledge" else Documents()
    guides = InstalledGuides(mapped=documents is not None)
    judge = X12Judge(guides.choose, documents, reader=CountingReader(values))
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            judge.feed(chunk)
        judged = judge.finish()

        def read(wanted: ByteRange) -> bytes:
            file.seek(wanted.start)
            return file.read(wanted.end - wanted.start)

        answer_bytes = _acknowledged(judged, read)
    sets = [of_set for interchange in judged.interchanges for group in interchange.groups for of_set in group.sets]
    report: dict[str, object] = {
        "accepted": all(interchange.outcome is Outcome.ACCEPTED for interchange in judged.interchanges),
        "sets": len(sets),
        "items": sum(len(of_set.items) for of_set in sets),
        "findings": sum(of_set.error_count + of_set.warning_count for of_set in sets),
        "answer_bytes": answer_bytes,
        "xml_bytes": documents.size if documents is not None else 0,
        "named": values.named,
        "dictated": values.dictated,
        "other": values.other,
        # ru_maxrss counts the parent until exec; the high-water mark of the address space does not.
        "peak_bytes": _peak_bytes(),
    }
    if what == "round-trip" and documents is not None:
        report["differing_sets"] = _differing_sets(path, documents, guides)
    print(json.dumps(report))


def _acknowledged(judged: FileJudged, read: object) -> int:
    policy = AckPolicy(functional=FunctionalAckMode.IMPLEMENTATION)
    now = datetime.now(UTC)
    return sum(
        len(acknowledgement.content)
        for interchange in judged.interchanges
        for acknowledgement in acknowledge(interchange, policy, ControlNumbers(1), now, read)  # type: ignore[arg-type]
    )


def _differing_sets(path: Path, documents: Documents, guides: InstalledGuides) -> int:
    """Sets that do not come back byte for byte, line ends aside: the generator writes normalised values."""
    generation = Generation()
    written = b"".join(generate(documents.chunks(), guides.program, generation))
    sent = _SETS.findall(path.read_bytes().replace(b"\n", b""))
    back = _SETS.findall(written)
    pairs = zip(sent, back, strict=False)
    return sum(before != after for before, after in pairs) + abs(len(sent) - len(back)) + len(generation.unwritten)


def _peak_bytes() -> int:
    status = Path("/proc/self/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) * 1024 if found else 0


if __name__ == "__main__":
    main()
