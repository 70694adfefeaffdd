"""Findings for people and for scripts: text grouped by file, and one JSON object a line.

Owns both forms (the JSON is fixed by the project's schema of findings) and the masking of values. Must not judge.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import typer

from gateway.cli.judging import UNKNOWN_KIND, FileVerdict, Verdict, findings_of, kind_of
from gateway.model.finding import ByteRange, Carrier, Finding, Place, Severity
from gateway.model.judgement import FileJudged, GroupJudged, InterchangeJudged, Outcome, SetJudged

Read = Callable[[ByteRange], bytes]

# A value is shown to recognise it, not to read it all.
MAX_VALUE_LENGTH = 60

_COLOURS = {
    Severity.ERROR: typer.colors.RED,
    Severity.WARNING: typer.colors.YELLOW,
    Severity.INFO: typer.colors.BLUE,
}
_VERDICT_COLOURS = {
    Verdict.ACCEPTED: typer.colors.GREEN,
    Verdict.PARTIAL: typer.colors.YELLOW,
    Verdict.REJECTED: typer.colors.RED,
    Verdict.UNREADABLE: typer.colors.RED,
}


@dataclass(frozen=True, slots=True)
class ValueReader:
    """The value of a finding: masked to its shape unless the user asked to see it."""

    read: Read
    shown: bool

    def value(self, finding: Finding) -> str | None:
        """None where the finding has no value."""
        if finding.value is None or finding.value.end <= finding.value.start:
            return None
        end = min(finding.value.end, finding.value.start + MAX_VALUE_LENGTH)
        text = self.read(ByteRange(finding.value.start, end)).decode("latin-1")
        return text if self.shown else "".join(map(_masked, text))


def _masked(mark: str) -> str:
    """Letters and digits hidden, so that length, blanks and punctuation still tell what is wrong."""
    if mark.isdigit():
        return "9"
    return "X" if mark.isalpha() else mark


# --- JSON: one object a line -----------------------------------------------------------------------------------


def json_line(name: str, verdict: FileVerdict, values: ValueReader) -> str:
    """One file that could be read."""
    findings = [_json_finding(finding, values.value(finding)) for finding in findings_of(verdict.judged)]
    return _json(name, verdict.kind, verdict.verdict, findings)


def json_unreadable(name: str, reason: str) -> str:
    """One file that could not."""
    finding = Finding(Severity.ERROR, Carrier.NONE, "", snip=1, place=Place(), message=reason)
    return _json(name, UNKNOWN_KIND, Verdict.UNREADABLE, [_json_finding(finding, None)])


def _json(name: str, kind: str, verdict: Verdict, findings: list[dict[str, object]]) -> str:
    line = {"file": name, "kind": kind, "verdict": verdict, "findings": findings}
    return json.dumps(line, ensure_ascii=True)


def _json_finding(finding: Finding, value: str | None) -> dict[str, object]:
    place = finding.place
    return {
        "snip": finding.snip,
        "severity": finding.severity,
        "code": finding.carried,
        "interchange": place.interchange,
        "set": place.set_control,
        "segment": place.segment,
        "position": place.position,
        "loop": place.loop,
        "element": place.element_reference,
        "rule": finding.rule,
        "source": finding.source,
        "message": finding.message,
        "value": value,
    }


# --- text ------------------------------------------------------------------------------------------------------


def print_verdict(name: str, verdict: FileVerdict, values: ValueReader) -> None:
    """One file that could be read: a line for it, then its parts with their findings."""
    judged = verdict.judged
    parts = [verdict.kind, _styled(verdict.verdict), _counts(judged)]
    typer.echo(f"{typer.style(name, bold=True)}: {', '.join(filter(None, parts))}")
    _print_findings(judged.findings, values, "  ")
    for interchange in judged.interchanges:
        _print_interchange(interchange, values, alone=len(judged.interchanges) == 1)


def print_unreadable(name: str, reason: str) -> None:
    """One file that could not."""
    typer.echo(f"{typer.style(name, bold=True)}: {_styled(Verdict.UNREADABLE)}: {reason}")


def _print_interchange(interchange: InterchangeJudged, values: ValueReader, *, alone: bool) -> None:
    number = interchange.header[13] if len(interchange.header) > 13 else "?"
    if not alone or interchange.findings:
        typer.echo(f"  interchange {interchange.ordinal} (ISA13 {number}): {_words(interchange.outcome)}")
    _print_findings(interchange.findings, values, "    ")
    for group in interchange.groups:
        if group.findings:
            number = group.header[6] if len(group.header) > 6 else "?"
            typer.echo(f"  group {group.ordinal} (GS06 {number}): {_words(group.outcome)}")
            _print_findings(group.findings, values, "    ")
        for of_set in group.sets:
            _print_set(group, of_set, values)


def _print_set(group: GroupJudged, of_set: SetJudged, values: ValueReader) -> None:
    if not of_set.findings and of_set.outcome is Outcome.ACCEPTED:
        return
    name = f"{kind_of(group, of_set)} {of_set.control_number.strip() or '?'}"
    typer.echo(f"  set {name}: {_words(of_set.outcome)}")
    _print_findings(of_set.findings, values, "    ")
    if of_set.suppressed_count:
        typer.echo(f"    ... and {of_set.suppressed_count} more findings that are not listed")


def _print_findings(findings: Iterable[Finding], values: ValueReader, indent: str) -> None:
    for finding in findings:
        severity = typer.style(f"{finding.severity:<7}", fg=_COLOURS[finding.severity])
        place = _place(finding)
        rule = f" [{finding.rule}]" if finding.rule else ""
        typer.echo(f"{indent}{severity}  {place:<28}  {finding.carried:<9}  {finding.message}{rule}")
        value = values.value(finding)
        if value is not None:
            masked = "" if values.shown else " (masked)"
            typer.echo(f"{indent}         value: {ascii(value)[1:-1]}{masked}")


def _place(finding: Finding) -> str:
    """`segment 22, CLM05-3, 2300`."""
    place = finding.place
    position = f"segment {place.position}" if place.position else None
    return ", ".join(filter(None, (position, place.element_reference or place.segment, place.loop)))


def _counts(judged: FileJudged) -> str:
    findings = list(findings_of(judged))
    hidden = sum(
        of_set.suppressed_count for part in judged.interchanges for group in part.groups for of_set in group.sets
    )
    errors = sum(finding.severity is Severity.ERROR for finding in findings)
    warnings = sum(finding.severity is Severity.WARNING for finding in findings)
    counts = [_plural(errors, "error"), _plural(warnings, "warning")]
    return ", ".join(filter(None, (*counts, f"{hidden} not listed" if hidden else "")))


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}" if count else ""


def _words(outcome: Outcome) -> str:
    return outcome.value.replace("_", " ")


def _styled(verdict: Verdict) -> str:
    return typer.style(verdict.value, fg=_VERDICT_COLOURS[verdict])
