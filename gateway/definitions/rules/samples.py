"""Judges every rule's own samples: what a rule must accept and what it must reject.

A rule that rejects its accept sample, or misses its reject sample, is a fault of the rule. Must not know partners or
where rule files come from.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from gateway.definitions.positions import Fault, TomlDocument
from gateway.definitions.rules.model import Rule, RuleFile, RuleSeverity, Sample
from gateway.formats.x12.guides import GuideName
from gateway.formats.x12.judge import SetChoice, UseProgram, X12Judge
from gateway.formats.x12.programs import PROGRAMS
from gateway.model.finding import Finding, Severity

# The day on which the samples are judged, for rules about the future.
SAMPLE_DAY = "20260131"
_ENVELOPE = (
    "ISA*00*          *00*          *ZZ*SENDER         *ZZ*RECEIVER       *260105*1200*^*00501*000000001*0*T*:~"
    "GS*{group}*SENDER*RECEIVER*20260105*1200*1*X*{version}~{set}GE*1*1~IEA*1*000000001~"
)


@dataclass(frozen=True, slots=True)
class SampleJudge:
    """Judges sample sets by the tables of one guide with its rules."""

    tables: bytes
    guide: GuideName

    def findings(self, sample: str) -> tuple[Finding, ...]:
        """All findings on one set; its segment count is put right first."""
        message = _ENVELOPE.format(group=self.guide.functional_group, version=self.guide.version, set=_counted(sample))
        judge = X12Judge(lambda _: self._program(), today=SAMPLE_DAY)
        judge.feed(message.encode("ascii"))
        judged = judge.finish()
        sets = (one for interchange in judged.interchanges for group in interchange.groups for one in group.sets)
        return tuple(finding for one in sets for finding in one.findings)

    def _program(self) -> SetChoice:
        return UseProgram(PROGRAMS.get(self.tables))


def check_samples(document: TomlDocument, file: RuleFile, judge: SampleJudge) -> Iterator[Fault]:
    """Every sample of every rule that is not off."""
    if not file.sample:
        if any(rule.accept or rule.reject for rule in file.rules):
            yield document.fault(("sample",), "is missing: the rules' samples are changes of it")
        return
    errors = [finding for finding in judge.findings(file.sample) if finding.severity is Severity.ERROR]
    for finding in errors[:5]:
        place = finding.place.element_reference or finding.place.segment
        yield document.fault(("sample",), f"is not accepted: {place} at {finding.place.position}: {finding.message}")
    for rule in file.rules:
        if rule.severity is not RuleSeverity.OFF:
            yield from _check_rule(document, file.sample, rule, judge)


def _check_rule(document: TomlDocument, sample: str, rule: Rule, judge: SampleJudge) -> Iterator[Fault]:
    if any(finding.rule == rule.id for finding in judge.findings(sample)):
        yield document.fault((*rule.place, "id"), f"{rule.id} does not accept the file's own sample")
    for key, changes, is_wanted in (("accept", rule.accept, False), ("reject", rule.reject, True)):
        for number, change in enumerate(changes):
            path = (*rule.place, key, number)
            changed = _changed(sample, change)
            if changed is None:
                yield document.fault(path, "replaces what is not in the sample exactly once")
                continue
            findings = judge.findings(changed)
            is_found = any(finding.rule == rule.id for finding in findings)
            if is_found != is_wanted:
                verb = "does not reject" if is_wanted else "rejects"
                yield document.fault(path, f"{rule.id} {verb} this sample of its own")
            stray = [one for one in findings if one.rule is None and one.severity is Severity.ERROR]
            if stray:
                yield document.fault(path, f"breaks the guide itself: {stray[0].message}")


def _changed(sample: str, change: Sample) -> str | None:
    for old, new in change.edits:
        if sample.count(old) != 1:
            return None
        sample = sample.replace(old, new)
    return sample


def _counted(sample: str) -> str:
    """Without line ends, SE01 as it must be."""
    segments = [segment for segment in sample.replace("\n", "").split("~") if segment]
    if segments and segments[-1].startswith("SE*"):
        control = segments[-1].split("*")[-1]
        segments[-1] = f"SE*{len(segments)}*{control}"
    return "".join(f"{segment}~" for segment in segments)
