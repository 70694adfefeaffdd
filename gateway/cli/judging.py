"""Judging one input for a command: the file's verdict, its kind, and its findings in order.

Owns what `check`, `ack` and `convert` have in common. Must not know how a command shows it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from gateway.cli.guides import InstalledGuides
from gateway.cli.inputs import InputFile, UnreadableInputError, what_it_is
from gateway.formats.x12.judge import DocumentSpool, X12Judge
from gateway.model.finding import Finding, Severity
from gateway.model.judgement import FileJudged, GroupJudged, InterchangeJudged, Outcome, SetJudged

UNKNOWN_KIND = "unknown"
# What people call a set, where one transaction set serves several guides: by the guide without its errata.
_KINDS = {
    "005010X222": "837P",
    "005010X223": "837I",
    "005010X224": "837D",
    "005010X214": "277CA",
    "004010X098": "837P",
    "004010X096": "837I",
    "004010X097": "837D",
}
_GUIDE_LENGTH = len("005010X222")


class Verdict(StrEnum):
    """Of a whole file."""

    ACCEPTED = "accepted"
    PARTIAL = "partial"
    REJECTED = "rejected"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class FileVerdict:
    """What came of one file."""

    judged: FileJudged
    kind: str
    verdict: Verdict


def judge_input(opened: InputFile, guides: InstalledGuides, spool: DocumentSpool | None = None) -> FileVerdict:
    """Judge everything in it. Raises UnreadableInputError where there is no interchange."""
    judge = X12Judge(guides.choose, spool, today=datetime.now(UTC).strftime("%Y%m%d"))
    for chunk in opened.chunks():
        judge.feed(chunk)
    judged = judge.finish()
    if not judged.interchanges:
        raise UnreadableInputError(what_it_is(opened.head))
    return FileVerdict(judged, _kind(judged), _verdict(judged))


def sets_of(
    judged: FileJudged,
) -> Iterator[tuple[InterchangeJudged, GroupJudged, SetJudged]]:
    """Every set with what it stands in."""
    for interchange in judged.interchanges:
        for group in interchange.groups:
            for of_set in group.sets:
                yield interchange, group, of_set


def findings_of(judged: FileJudged) -> Iterator[Finding]:
    """Every finding, the outer before the inner."""
    yield from judged.findings
    for interchange in judged.interchanges:
        yield from interchange.findings
        for group in interchange.groups:
            yield from group.findings
            for of_set in group.sets:
                yield from of_set.findings


def kind_of(group: GroupJudged, of_set: SetJudged) -> str:
    """What people call this set, for example 837P."""
    version = of_set.implementation or (group.header[8] if len(group.header) > 8 else "")
    return _KINDS.get(version.strip()[:_GUIDE_LENGTH], of_set.identifier.strip()) or UNKNOWN_KIND


def _kind(judged: FileJudged) -> str:
    kinds = dict.fromkeys(kind_of(group, of_set) for _, group, of_set in sets_of(judged))
    if not kinds and any(interchange.acknowledgements for interchange in judged.interchanges):
        return "TA1"
    return ",".join(kinds) or UNKNOWN_KIND


def _verdict(judged: FileJudged) -> Verdict:
    outcomes = {interchange.outcome for interchange in judged.interchanges}
    outside = any(finding.severity is Severity.ERROR for finding in judged.findings)
    if outcomes == {Outcome.ACCEPTED} and not outside:
        return Verdict.ACCEPTED
    return Verdict.REJECTED if outcomes == {Outcome.REJECTED} else Verdict.PARTIAL
