"""Units, items and findings of the reader put together as a `FileJudged`.

Owns what is kept of an interchange, a group and a set until they end, and the bounds on it. Must not know
the reader's conversation, the spool, or an agreement beyond its unit of rejection.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from sys import intern

from gateway._native import ItemRun, Program, RawFinding, Unit
from gateway.formats.x12.findings import RuleWords, group_without_guide, set_without_guide, to_finding
from gateway.formats.x12.guides import GuideMissing
from gateway.formats.x12.items import PackedItems
from gateway.formats.x12.verdict import (
    RejectionUnit,
    SetErrors,
    group_outcome,
    interchange_outcome,
    is_complete_roster,
    is_fatal,
    rejects_interchange,
    set_outcome,
)
from gateway.model.finding import ByteRange, Finding, Place, Severity
from gateway.model.judgement import (
    FileJudged,
    GroupJudged,
    InterchangeJudged,
    Outcome,
    SetJudged,
)

# Findings listed for one set; more are counted. An acknowledgement with more is read by nobody.
MAX_SET_FINDINGS = 1000
# Findings listed for one file, so that many faulty sets cannot exhaust memory (about 1 KB each).
MAX_FILE_FINDINGS = 50_000


@dataclass(slots=True)
class SetState:
    """What has come in of a set that has not ended."""

    program: Program | None = None
    rules: Mapping[str, RuleWords] = field(default_factory=dict)
    missing: GuideMissing | None = None
    raw: list[RawFinding] = field(default_factory=list)
    items: PackedItems = field(default_factory=PackedItems)
    faulty_item_count: int = 0


@dataclass(slots=True)
class _GroupState:
    raw: list[RawFinding] = field(default_factory=list)
    own: list[Finding] = field(default_factory=list)
    sets: list[SetJudged] = field(default_factory=list)


@dataclass(slots=True)
class InterchangeState:
    """What has come in of an interchange that has not ended."""

    unit: RejectionUnit
    refusal: str | None = None
    raw: list[RawFinding] = field(default_factory=list)
    groups: list[GroupJudged] = field(default_factory=list)


class Assembly:
    """Everything known of one stream so far."""

    def __init__(self, unit: RejectionUnit) -> None:
        self._unit = unit
        self._listable = MAX_FILE_FINDINGS
        self._judged: list[InterchangeJudged] = []
        self._interchanges: dict[int, InterchangeState] = {}
        self._groups: dict[tuple[int, int], _GroupState] = {}
        self._sets: dict[tuple[int, int, int], SetState] = {}

    def interchange(self, ordinal: int) -> InterchangeState:
        """The interchange that is open under this ordinal."""
        state = self._interchanges.get(ordinal)
        if state is None:
            state = self._interchanges[ordinal] = InterchangeState(self._unit)
        return state

    def set(self, interchange: int, group: int, ordinal: int) -> SetState:
        """The set that is open under these ordinals."""
        key = (interchange, group, ordinal)
        state = self._sets.get(key)
        if state is None:
            state = self._sets[key] = SetState()
        return state

    def find(self, raw: RawFinding) -> None:
        """One finding, kept with the smallest unit that it belongs to."""
        if raw.group is None:
            self.interchange(raw.interchange).raw.append(raw)
        elif raw.set is None:
            self._group(raw.interchange, raw.group).raw.append(raw)
        else:
            self.set(raw.interchange, raw.group, raw.set).raw.append(raw)

    def add_items(self, run: ItemRun, shift: int) -> None:
        """Items that have closed, in order; `shift` leads from their XML in the stream to that in the spool."""
        state = self.set(run.interchange, run.group, run.set)
        state.faulty_item_count += state.items.extend(run, shift)

    def end(self, unit: Unit) -> None:
        """A unit that has ended; all findings and items of it are in."""
        match unit.kind:
            case "set":
                self._end_set(unit)
            case "group":
                self._end_group(unit)
            case "interchange":
                self._end_interchange(unit)

    def result(self) -> FileJudged:
        """The whole file. Findings of no interchange that ended are the file's own."""
        left = [raw for state in self._interchanges.values() for raw in state.raw]
        return FileJudged(
            interchanges=tuple(self._judged),
            findings=tuple(to_finding(raw) for raw in left),
        )

    def _group(self, interchange: int, ordinal: int) -> _GroupState:
        return self._groups.setdefault((interchange, ordinal), _GroupState())

    def _end_set(self, unit: Unit) -> None:
        group, ordinal = unit.group or 0, unit.set or 0
        state = self.set(unit.interchange, group, ordinal)
        del self._sets[unit.interchange, group, ordinal]
        own = self._guide_missing(unit, state.missing)
        # Rules speak when their loop closes: people read in the order of the set.
        listed = sorted(state.raw[: max(0, self._listable)], key=lambda raw: raw.position or 0)
        self._listable -= len(listed)
        control = unit.header[2] if len(unit.header) > 2 else None
        findings = (*own, *(to_finding(raw, control, unit.guide, state.rules) for raw in listed))
        self._group(unit.interchange, group).sets.append(
            SetJudged(
                ordinal=ordinal,
                header=tuple(unit.header),
                trailer=_tuple(unit.trailer),
                segment_count=unit.count,
                range=ByteRange(*unit.range),
                # The same for every set of a file: kept once.
                guide=intern(unit.guide) if unit.guide else None,
                program_digest=intern(state.program.digest.hex()) if state.program else "",
                outcome=set_outcome(_errors(unit, state, findings, len(own)), self.interchange(unit.interchange).unit),
                findings=findings,
                items=state.items,
                beginning=tuple(unit.beginning),
                error_count=unit.errors + len(own),
                warning_count=unit.warnings,
                suppressed_count=unit.suppressed + len(state.raw) - len(listed),
            )
        )

    def _guide_missing(self, unit: Unit, missing: GuideMissing | None) -> tuple[Finding, ...]:
        """The finding of a set that has no guide; where it is the whole group's fault, the group says so too."""
        if missing is None:
            return ()
        group = self._group(unit.interchange, unit.group or 0)
        if missing.group_code and not any(finding.code == missing.group_code for finding in group.own):
            place = Place(unit.interchange, unit.group, segment="GS")
            group.own.append(group_without_guide(missing, place))
        control = unit.header[2] if len(unit.header) > 2 else None
        place = Place(unit.interchange, unit.group, unit.set, control, segment="ST", position=1)
        return (set_without_guide(missing, place),)

    def _end_group(self, unit: Unit) -> None:
        ordinal = unit.group or 0
        state = self._group(unit.interchange, ordinal)
        del self._groups[unit.interchange, ordinal]
        findings = (*(to_finding(raw) for raw in state.raw), *state.own)
        interchange = self.interchange(unit.interchange)
        interchange.groups.append(
            GroupJudged(
                ordinal=ordinal,
                header=tuple(unit.header),
                trailer=_tuple(unit.trailer),
                outcome=group_outcome(findings, [judged.outcome for judged in state.sets], interchange.unit),
                findings=findings,
                sets=tuple(state.sets),
            )
        )

    def _end_interchange(self, unit: Unit) -> None:
        state = self.interchange(unit.interchange)
        del self._interchanges[unit.interchange]
        findings = tuple(to_finding(raw) for raw in state.raw)
        groups = _rejected_together(state.groups, state.unit)
        rejects = rejects_interchange(findings, state.refusal)
        self._judged.append(
            InterchangeJudged(
                ordinal=unit.interchange,
                header=tuple(unit.header),
                trailer=_tuple(unit.trailer),
                range=ByteRange(*unit.range),
                outcome=interchange_outcome(rejects, [group.outcome for group in groups]),
                refusal=state.refusal,
                findings=findings,
                groups=groups,
                acknowledgements=tuple(tuple(segment) for segment in unit.acknowledgements),
            )
        )


def _rejected_together(groups: Sequence[GroupJudged], unit: RejectionUnit) -> tuple[GroupJudged, ...]:
    """All groups rejected, where the interchange is the unit of rejection and one of them is."""
    if unit is not RejectionUnit.INTERCHANGE or all(group.outcome is not Outcome.REJECTED for group in groups):
        return tuple(groups)
    return tuple(replace(group, outcome=Outcome.REJECTED) for group in groups)


def _errors(unit: Unit, state: SetState, findings: Sequence[Finding], own: int) -> SetErrors:
    fatal = sum(map(is_fatal, findings))
    listed = sum(finding.severity is Severity.ERROR for finding in findings)
    return SetErrors(
        # What is not listed may be fatal: the set is then rejected rather than half delivered.
        fatal=fatal + max(0, unit.errors + own - listed),
        in_items=listed - fatal,
        item_count=len(state.items),
        faulty_item_count=state.faulty_item_count,
        complete_roster=is_complete_roster(unit.beginning),
    )


def _tuple(elements: Sequence[str] | None) -> tuple[str, ...] | None:
    return None if elements is None else tuple(elements)
