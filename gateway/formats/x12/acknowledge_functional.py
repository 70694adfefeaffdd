"""One functional group's 999 or 997, from AK1 to AK9.

Owns which findings are reported and how: notes on segments and elements, contexts, verdicts. Must not know
the envelope around it, the TA1, or how an outcome came about. Sources: 005010X231A1; X12 997 of 004010, 005010.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from gateway.formats.x12.acknowledgement_codes import (
    BUSINESS_UNITS,
    TABLES_997_004010,
    TABLES_997_005010,
    TABLES_999,
    CodeTables,
    FunctionalKind,
    verdict_codes,
)
from gateway.formats.x12.segments import Delimiters, SegmentWriter, is_clean
from gateway.model.finding import ByteRange, Carrier, Finding, Severity
from gateway.model.judgement import GroupJudged, Outcome, SetJudged

Read = Callable[[ByteRange], bytes]

# The 999 sets no limit, 004010 allows 999,999 AK3 loops; a thousand is what a set's findings are capped at.
MAX_SEGMENT_NOTES = 1000
# AK4 may occur 99 times in its AK3 (X12 997); the same for IK4, which has no limit of its own.
MAX_ELEMENT_NOTES = 99
# CTX after IK3 occurs at most ten times, one of them the business unit; after IK4 ten (005010X231A1).
MAX_SEGMENT_CONTEXTS = 9
MAX_ELEMENT_CONTEXTS = 10
# Data element 724, copy of bad data element.
MAX_COPY_LENGTH = 99
# Data element 9998, context reference.
MAX_CONTEXT_LENGTH = 35
# One more than data element 724: enough to see that a value is longer.
_READ_BYTES = MAX_COPY_LENGTH + 1

# Findings that point to a segment; those of IK502 are about the set.
_IN_SEGMENTS = frozenset({Carrier.IK304, Carrier.IK403, Carrier.NONE})

_SET_VERDICTS = {
    Outcome.ACCEPTED: "A",
    Outcome.ACCEPTED_WITH_ERRORS: "E",
    Outcome.PARTIAL: "E",
    Outcome.REJECTED: "R",
}
_GROUP_VERDICTS = {**_SET_VERDICTS, Outcome.PARTIAL: "P"}


@dataclass(frozen=True, slots=True)
class FunctionalStyle:
    """How one acknowledgement is written: kind, version, delimiters, and what the agreement wants in it."""

    kind: FunctionalKind
    version: str
    delimiters: Delimiters
    report_warnings: bool
    copy_bad_data: bool

    @property
    def codes(self) -> CodeTables:
        """The code lists of this kind and version."""
        if self.kind is FunctionalKind.IMPLEMENTATION:
            return TABLES_999
        return TABLES_997_005010 if self.version >= "005010" else TABLES_997_004010


@dataclass(slots=True)
class _SegmentNote:
    """All findings that one IK3 stands for."""

    segment: str
    position: int
    code: str
    findings: list[Finding] = field(default_factory=list)


def write_group(writer: SegmentWriter, group: GroupJudged, style: FunctionalStyle, read: Read) -> int:
    """AK1 to AK9. Returns how many notes on segments and elements did not fit."""
    values = [_element(group.header, position) for position in range(9)]
    implementation = style.kind is FunctionalKind.IMPLEMENTATION
    # AK103 is required in the 999, and unknown to the 997 of 004010.
    version = _identifier(values[8], style, 12) if implementation or style.version >= "005010" else ""
    writer.write("AK1", _identifier(values[1], style, 2), _number(values[6], 9), version)
    omitted = sum(_write_set(writer, judged, style, read) for judged in group.sets)
    accepted = sum(judged.outcome is not Outcome.REJECTED for judged in group.sets)
    included = _number(_element(group.trailer or (), 1), 6, str(len(group.sets)))
    codes = {
        finding.code
        for finding in group.findings
        if finding.carrier is Carrier.AK905 and finding.severity is Severity.ERROR
    }
    writer.write(
        "AK9",
        _GROUP_VERDICTS[group.outcome],
        included,
        str(len(group.sets)),
        str(accepted),
        *verdict_codes(codes, style.codes.group),
    )
    return omitted


def _write_set(writer: SegmentWriter, judged: SetJudged, style: FunctionalStyle, read: Read) -> int:
    implementation = style.kind is FunctionalKind.IMPLEMENTATION
    writer.write(
        "AK2",
        _identifier(judged.identifier, style, 3),
        _control_number(judged.control_number, style),
        _clean(judged.implementation, style, 35) if implementation or style.version >= "005010" else "",
    )
    reported = [finding for finding in judged.findings if _is_reported(finding, judged, style)]
    notes = _segment_notes(reported, style)
    omitted = 0
    for note in notes[:MAX_SEGMENT_NOTES]:
        omitted += _write_note(writer, note, judged, style, read)
    omitted += len(notes[MAX_SEGMENT_NOTES:]) + judged.suppressed_count
    noted = judged.outcome is Outcome.ACCEPTED and bool(reported)
    verdict = "E" if noted else _SET_VERDICTS[judged.outcome]
    codes = verdict_codes(_set_codes(judged, reported), style.codes.set) if verdict != "A" else ()
    writer.write("IK5" if implementation else "AK5", verdict, *codes)
    return omitted


def _is_reported(finding: Finding, judged: SetJudged, style: FunctionalStyle) -> bool:
    """Errors always; warnings by agreement, and never for their own sake in a set that is rejected."""
    if finding.severity is Severity.ERROR:
        return True
    wanted = style.report_warnings and judged.outcome is not Outcome.REJECTED
    return wanted and finding.severity is Severity.WARNING and bool(finding.carrier)


def _set_codes(judged: SetJudged, reported: Iterable[Finding]) -> set[str]:
    """IK502: those found, and 5 or I5 where segments are in error (by the standard, by the guide)."""
    codes: set[str] = set()
    for finding in reported:
        if finding.carrier is Carrier.IK502:
            codes.add(finding.code)
        elif finding.carrier in {Carrier.IK304, Carrier.IK403}:
            codes.add("I5" if finding.code.startswith("I") else "5")
        else:
            # An error of a rule that no segment code carries.
            codes.add("I5")
    if judged.outcome is Outcome.REJECTED and not codes:
        codes.add("5")
    return codes


def _segment_notes(findings: Iterable[Finding], style: FunctionalStyle) -> list[_SegmentNote]:
    """One note for each segment and code, in the order of the set. Errors in elements share code 8."""
    notes: dict[tuple[int, str, str, str | None], _SegmentNote] = {}
    for finding in findings:
        if finding.carrier not in _IN_SEGMENTS or not finding.place.segment:
            continue
        code = _segment_code(finding, style)
        segment = _identifier(finding.place.segment, style, 3)
        position = finding.place.position or 1
        # Two missing loops may begin with the same segment.
        loop = finding.place.loop if finding.carrier is Carrier.IK304 else None
        note = notes.setdefault((position, segment, code, loop), _SegmentNote(segment, position, code))
        note.findings.append(finding)
    return sorted(notes.values(), key=lambda note: note.position)


def _segment_code(finding: Finding, style: FunctionalStyle) -> str:
    """IK304; empty where a rule of the guide speaks that no code carries, so that the segment is named at least."""
    match finding.carrier:
        case Carrier.IK403:
            return "8"
        case Carrier.IK304:
            return style.codes.segment.get(finding.code, finding.code)
        case _:
            return ""


def _write_note(
    writer: SegmentWriter, note: _SegmentNote, judged: SetJudged, style: FunctionalStyle, read: Read
) -> int:
    """IK3 with its contexts and IK4s, or AK3 with its AK4s; returns how many elements did not fit."""
    implementation = style.kind is FunctionalKind.IMPLEMENTATION
    # IK303 names an LS/LE loop; identifiers such as 2010AA do not fit its four characters, so it stays empty.
    writer.write("IK3" if implementation else "AK3", note.segment, str(note.position), "", note.code)
    elements = [finding for finding in note.findings if finding.carrier is Carrier.IK403]
    if implementation:
        _write_triggers(writer, (f for f in note.findings if f not in elements), MAX_SEGMENT_CONTEXTS, style)
        _write_business_unit(writer, note, judged, style, read)
    for finding in elements[:MAX_ELEMENT_NOTES]:
        _write_element_note(writer, finding, style, read)
    return len(elements[MAX_ELEMENT_NOTES:])


def _write_element_note(writer: SegmentWriter, finding: Finding, style: FunctionalStyle, read: Read) -> None:
    place = finding.place
    implementation = style.kind is FunctionalKind.IMPLEMENTATION
    position = [str(place.element or 1), str(place.component or "")]
    if implementation or style.version >= "005010":
        position.append(str(place.repetition or ""))
    reference = finding.data_element or ""
    writer.write(
        "IK4" if implementation else "AK4",
        position,
        # Data element 725 is a number: composites (C022) have none.
        reference if reference.isdigit() and len(reference) <= 4 else "",
        style.codes.element.get(finding.code, finding.code),
        _copy_of_bad_data(finding, style, read),
    )
    if implementation:
        _write_triggers(writer, (finding,), MAX_ELEMENT_CONTEXTS, style)


def _copy_of_bad_data(finding: Finding, style: FunctionalStyle, read: Read) -> str:
    """IK404; omitted where the value holds a delimiter or a character that our own set may not carry."""
    if not style.copy_bad_data or finding.value is None or finding.value.end <= finding.value.start:
        return ""
    end = min(finding.value.end, finding.value.start + _READ_BYTES)
    # A long value is cut to the size of data element 724; trailing blanks may not be sent (X12.6 section 3.3).
    value = read(ByteRange(finding.value.start, end)).decode("latin-1")[:MAX_COPY_LENGTH].rstrip(" ")
    return value if not value.startswith(" ") and is_clean(value, style.delimiters) else ""


def _write_triggers(writer: SegmentWriter, findings: Iterable[Finding], limit: int, style: FunctionalStyle) -> None:
    """CTX of the elements that made a situational rule apply, each once."""
    triggers = dict.fromkeys(finding.trigger for finding in findings if finding.trigger is not None)
    for trigger in tuple(triggers)[:limit]:
        position = [str(trigger.element), str(trigger.component or "")] if trigger.element else ""
        segment = _identifier(trigger.segment, style, 3)
        writer.write("CTX", ("SITUATIONAL TRIGGER",), segment, str(trigger.position), "", position)


def _write_business_unit(
    writer: SegmentWriter, note: _SegmentNote, judged: SetJudged, style: FunctionalStyle, read: Read
) -> None:
    """CTX that names the claim, member or inquiry; omitted where its value cannot be carried."""
    name = BUSINESS_UNITS.get(judged.identifier)
    ordinal = note.findings[0].place.item
    if name is None or ordinal is None:
        return
    context = judged.items[ordinal - 1].context if ordinal <= len(judged.items) else None
    if context is None:
        return
    value = read(context).decode("latin-1").rstrip(" ")
    if 0 < len(value) <= MAX_CONTEXT_LENGTH and value[0] != " " and is_clean(value, style.delimiters):
        writer.write("CTX", (name, value))


def _element(elements: Sequence[str], position: int) -> str:
    return elements[position] if len(elements) > position else ""


def _clean(value: str, style: FunctionalStyle, length: int) -> str:
    """A value as it was sent, empty where our own acknowledgement could not carry it."""
    value = value.strip(" ")
    return value if len(value) <= length and is_clean(value, style.delimiters) else ""


def _identifier(value: str, style: FunctionalStyle, length: int) -> str:
    """A required identifier; `??` stands for one that cannot be carried."""
    kept = _clean(value, style, length)
    return kept if len(kept) >= 2 else "?" * max(2, min(length, 2))


def _number(value: str, length: int, otherwise: str = "0") -> str:
    value = value.strip(" ")
    return value if value.isascii() and value.isdigit() and len(value) <= length else otherwise


def _control_number(value: str, style: FunctionalStyle) -> str:
    """AK202 is four to nine characters: a shorter one gets leading zeros, a longer one loses its end."""
    value = value.strip(" ")[:9]
    return (value if is_clean(value, style.delimiters) else "").rjust(4, "0")
