"""The acknowledgements of one interchange: TA1, 999 and 997, each a whole interchange ready to send.

Owns who is answered by what and the envelope around it. A pure function of the judgement, the agreement's
policy, control numbers and the time; must not know the stores they come from. Sources: X12.5, X12.6,
005010X231A1, and docs/acknowledgements.md for partners.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from gateway.formats.x12.acknowledge_functional import FunctionalStyle, Read, write_group
from gateway.formats.x12.acknowledge_interchange import (
    InterchangeAck,
    InterchangeAckMode,
    is_wanted,
    judge_interchange,
    ta1_elements,
)
from gateway.formats.x12.acknowledgement_codes import FunctionalKind
from gateway.formats.x12.segments import (
    ISA_SEARCH_BYTES,
    Delimiters,
    SegmentWriter,
    delimiters_of,
    is_clean,
    with_repetition,
)
from gateway.model.finding import ByteRange
from gateway.model.judgement import GroupJudged, InterchangeJudged

# GS08 and ST03 of the 999; the guide that HIPAA partners expect.
IMPLEMENTATION_ACK_VERSION = "005010X231A1"
# GS08 of a 997 in version 005010, after the guide of the 997; earlier versions have no guide.
FUNCTIONAL_ACK_VERSION = "005010X230"
_DEFAULT_FUNCTIONAL_VERSION = "004010"
_FUNCTIONAL_ACKNOWLEDGEMENT = "FA"
# ISA13 is nine digits, GS06 at most nine: both begin anew at 1.
_CONTROL_NUMBER_CYCLE = 999_999_999
# TA101 to TA103 need ISA13; with fewer elements there is nobody to answer.
_LEAST_HEADER_ELEMENTS = 14


class FunctionalAckMode(StrEnum):
    """Which functional acknowledgement a group gets."""

    BY_VERSION = "by_version"  # 999 for 005010X..., else 997
    IMPLEMENTATION = "999"
    FUNCTIONAL = "997"
    NONE = "none"


class InterchangeAckPlace(StrEnum):
    """Where the TA1 travels. Never after a GE (RFI 1591)."""

    OWN_INTERCHANGE = "own_interchange"
    BEFORE_FIRST_GROUP = "before_first_group"


@dataclass(frozen=True, slots=True)
class AckPolicy:
    """What the agreement says about acknowledgements.

    `functional_version`: GS08 of the 997, None = after the group that is acknowledged. `delimiters`: None =
    those of the interchange that is acknowledged. `line_end` follows every segment terminator.
    """

    functional: FunctionalAckMode = FunctionalAckMode.BY_VERSION
    interchange: InterchangeAckMode = InterchangeAckMode.WHEN_REQUESTED
    place: InterchangeAckPlace = InterchangeAckPlace.OWN_INTERCHANGE
    functional_version: str | None = None
    report_warnings: bool = False
    copy_bad_data: bool = True
    delimiters: Delimiters | None = None
    line_end: str = ""


@dataclass(frozen=True, slots=True)
class ControlNumbers:
    """The first free number of our own. Each interchange takes one for ISA13 and GS06; ST02 begins anew."""

    first: int

    def after(self, acknowledgements: Sequence["Acknowledgement"]) -> "ControlNumbers":
        """The first free number once these have been written."""
        return ControlNumbers((self.first - 1 + len(acknowledgements)) % _CONTROL_NUMBER_CYCLE + 1)


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """One interchange to send. `kind` is TA1, 999 or 997; a TA1 before the groups is named in `interchange_code`.

    `groups`: ordinals of the groups it answers. `omitted_count`: notes that did not fit.
    """

    kind: str
    content: bytes = field(repr=False)
    interchange_control: str
    group_control: str
    groups: tuple[int, ...]
    interchange_code: str
    omitted_count: int


def acknowledge(
    interchange: InterchangeJudged,
    policy: AckPolicy,
    numbers: ControlNumbers,
    now: datetime,
    read: Read,
) -> tuple[Acknowledgement, ...]:
    """What is sent back for one interchange, TA1 first; empty where nothing is (see docs/acknowledgements.md).

    `read` gives the received bytes of a range: those of the message, as the judge saw it.
    """
    # 1. Who sent it must be readable.
    if len(interchange.header) < _LEAST_HEADER_ELEMENTS:
        return ()
    delimiters = _delimiters(interchange, policy, read)
    # 2. The interchange: TA1. R ends it, nothing inside is acknowledged.
    verdict = judge_interchange(interchange)
    wanted = is_wanted(interchange, verdict, policy.interchange)
    # 3. The groups, by the kind and version of their acknowledgement.
    batches = {} if verdict.rejects else _batches(interchange.groups, policy)
    # 4. Envelopes.
    envelope = _Envelope(interchange, policy, delimiters, numbers, now)
    ta1 = verdict if wanted else None
    together = policy.place is InterchangeAckPlace.BEFORE_FIRST_GROUP and bool(batches)
    if ta1 is not None and not together:
        envelope.write_alone(ta1)
    for index, (style, groups) in enumerate(batches.items()):
        envelope.write_groups(style, groups, ta1 if together and index == 0 else None, read)
    return tuple(envelope.written)


def _batches(groups: Sequence[GroupJudged], policy: AckPolicy) -> dict[tuple[FunctionalKind, str], list[GroupJudged]]:
    """Groups that are answered in one group of ours: same kind and version, in order of arrival."""
    batches: dict[tuple[FunctionalKind, str], list[GroupJudged]] = {}
    for group in groups:
        answer = _functional_kind(group, policy)
        if answer is not None:
            batches.setdefault(answer, []).append(group)
    return batches


def _functional_kind(group: GroupJudged, policy: AckPolicy) -> tuple[FunctionalKind, str] | None:
    """Kind and GS08 of the acknowledgement of a group, None where it gets none."""
    functional_identifier = group.header[1] if len(group.header) > 1 else ""
    version = group.header[8].strip() if len(group.header) > 8 else ""
    # Functional acknowledgements are never acknowledged.
    if functional_identifier == _FUNCTIONAL_ACKNOWLEDGEMENT:
        return None
    match policy.functional:
        case FunctionalAckMode.NONE:
            return None
        case FunctionalAckMode.IMPLEMENTATION:
            return FunctionalKind.IMPLEMENTATION, IMPLEMENTATION_ACK_VERSION
        case FunctionalAckMode.FUNCTIONAL:
            return FunctionalKind.FUNCTIONAL, _functional_version(version, policy)
        case FunctionalAckMode.BY_VERSION:
            if version.startswith("005010X"):
                return FunctionalKind.IMPLEMENTATION, IMPLEMENTATION_ACK_VERSION
            return FunctionalKind.FUNCTIONAL, _functional_version(version, policy)


def _functional_version(version: str, policy: AckPolicy) -> str:
    if policy.functional_version is not None:
        return policy.functional_version
    if version >= "005010" and version[:6].isdigit():
        return FUNCTIONAL_ACK_VERSION
    return _DEFAULT_FUNCTIONAL_VERSION


def _delimiters(interchange: InterchangeJudged, policy: AckPolicy, read: Read) -> Delimiters:
    """The policy's; else the sender's own, which cannot occur in the sender's values; else the usual ones."""
    if policy.delimiters is not None and policy.delimiters.usable:
        return policy.delimiters
    start = interchange.range.start
    end = min(interchange.range.end, start + ISA_SEARCH_BYTES)
    found = delimiters_of(read(ByteRange(start, end)))
    own = with_repetition(found) if found is not None else Delimiters()
    return own if own.usable else Delimiters()


class _Envelope:
    """Writes ISA, GS, GE and IEA of our own around what is acknowledged."""

    def __init__(
        self,
        interchange: InterchangeJudged,
        policy: AckPolicy,
        delimiters: Delimiters,
        numbers: ControlNumbers,
        now: datetime,
    ) -> None:
        self.written: list[Acknowledgement] = []
        self._interchange = interchange
        self._policy = policy
        self._delimiters = delimiters
        self._numbers = numbers
        self._now = now

    def write_alone(self, ta1: InterchangeAck) -> None:
        """An interchange that holds the TA1 and no group."""
        version = self._interchange.header[12]
        version = version if len(version) == 5 and version.isascii() and version.isdigit() else "00501"

        def body(writer: SegmentWriter) -> tuple[int, int]:
            writer.write("TA1", *ta1_elements(self._interchange, ta1))
            return 0, 0

        self._write("TA1", version, body, group_control="", groups=(), ta1=ta1)

    def write_groups(
        self,
        answer: tuple[FunctionalKind, str],
        groups: Sequence[GroupJudged],
        ta1: InterchangeAck | None,
        read: Read,
    ) -> None:
        """An interchange with one group: one set for each group that is acknowledged."""
        kind, version = answer
        control = self._numbers.after(self.written).first
        style = FunctionalStyle(
            kind, version, self._delimiters, self._policy.report_warnings, self._policy.copy_bad_data
        )

        def body(writer: SegmentWriter) -> tuple[int, int]:
            if ta1 is not None:
                writer.write("TA1", *ta1_elements(self._interchange, ta1))
            self._write_gs(writer, groups[0], version, control)
            omitted = 0
            for ordinal, group in enumerate(groups, start=1):
                omitted += self._write_set(writer, ordinal, group, style, read)
            writer.write("GE", str(len(groups)), str(control))
            return 1, omitted

        interchange_version = "00501" if version >= "005010" else "00401"
        ordinals = tuple(group.ordinal for group in groups)
        self._write(kind, interchange_version, body, group_control=str(control), groups=ordinals, ta1=ta1)

    def _write_gs(self, writer: SegmentWriter, group: GroupJudged, version: str, control: int) -> None:
        """Back to the application that sent the group."""
        header = (*group.header, *[""] * 9)
        date, time = self._now.strftime("%Y%m%d"), self._now.strftime("%H%M%S")
        sender, receiver = _carried(header[3], self._delimiters), _carried(header[2], self._delimiters)
        writer.write("GS", "FA", sender, receiver, date, time, str(control), "X", version)

    def _write_set(
        self, writer: SegmentWriter, ordinal: int, group: GroupJudged, style: FunctionalStyle, read: Read
    ) -> int:
        begun = writer.count
        number = f"{ordinal:04d}"
        implementation = style.kind is FunctionalKind.IMPLEMENTATION
        writer.write("ST", style.kind, number, style.version if implementation else "")
        omitted = write_group(writer, group, style, read)
        writer.write("SE", str(writer.count - begun + 1), number)
        return omitted

    def _write(
        self,
        kind: str,
        version: str,
        body: Callable[[SegmentWriter], tuple[int, int]],
        *,
        group_control: str,
        groups: tuple[int, ...],
        ta1: InterchangeAck | None,
    ) -> None:
        writer = SegmentWriter(self._delimiters, self._policy.line_end)
        control = f"{self._numbers.after(self.written).first:09d}"
        writer.write_isa(self._isa(version, control))
        group_count, omitted = body(writer)
        writer.write("IEA", str(group_count), control)
        self.written.append(
            Acknowledgement(
                kind=kind,
                content=writer.to_bytes(),
                interchange_control=control,
                group_control=group_control,
                groups=groups,
                interchange_code=ta1.code if ta1 is not None else "",
                omitted_count=omitted,
            )
        )

    def _isa(self, version: str, control: str) -> tuple[str, ...]:
        """Sender and receiver change places; an acknowledgement asks for none (ISA14 = 0)."""
        received = self._interchange.header
        usage = received[15] if len(received) > 15 and received[15] in {"P", "T", "I"} else "P"
        return (
            "00",
            "",
            "00",
            "",
            _carried(received[7], self._delimiters, "ZZ"),
            _carried(received[8], self._delimiters),
            _carried(received[5], self._delimiters, "ZZ"),
            _carried(received[6], self._delimiters),
            self._now.strftime("%y%m%d"),
            self._now.strftime("%H%M"),
            self._delimiters.repetition if version >= "00402" else "U",
            version,
            control,
            "0",
            usage,
        )


def _carried(value: str, delimiters: Delimiters, otherwise: str = "UNKNOWN") -> str:
    """An identifier of the partner; what our own envelope cannot carry becomes a blank. Never empty."""
    if not is_clean(value, delimiters):
        value = "".join(mark if is_clean(mark, delimiters) else " " for mark in value)
    return value.strip(" ") or otherwise
