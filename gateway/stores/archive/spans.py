"""What segments there are, from when to when: what retention decides by.

Owns reading it from the ends of segments. Must not know what should expire.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from gateway.stores.archive.ends import ArchiveDamaged, read_opening, sealed_ends
from gateway.stores.archive.files import Files, segment_name
from gateway.stores.archive.record import RecordDamaged
from gateway.stores.archive.recovery import inspect_while_written
from gateway.stores.archive.sidecar import KeyState, SidecarDamaged, decode_sidecar

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class SegmentSpan:
    """One segment that has records. `segment` is the name that references carry."""

    segment: str
    first_written_at: datetime
    last_written_at: datetime
    is_sealed: bool
    keys: KeyState


def from_us(at_us: int) -> datetime:
    """Microseconds since 1970 as a time, UTC."""
    return _EPOCH + timedelta(microseconds=at_us)


def spans(files: Files) -> tuple[SegmentSpan, ...]:
    """All segments that have records, in order. Raises ArchiveDamaged, OSError."""
    numbers = files.segments()
    found = (_span(files, number, is_last=number == numbers[-1]) for number in numbers)
    return tuple(span for span in found if span is not None)


def _span(files: Files, number: int, *, is_last: bool) -> SegmentSpan | None:
    try:
        state = decode_sidecar(files.sidecar_path(number).read_bytes()).state
        try:
            ends = sealed_ends(files, number)
        except RecordDamaged:
            if not is_last:
                raise
            return _open_span(files, number, state)
    except (RecordDamaged, SidecarDamaged, FileNotFoundError) as error:
        name = segment_name(number)
        raise ArchiveDamaged(
            f"Segment {name} or its keys are damaged ({error}): run `gateway archive verify`."
        ) from error
    first, last = from_us(ends.first_written_at_us), from_us(ends.footer.last_written_at_us)
    return SegmentSpan(segment_name(number), first, last, is_sealed=True, keys=state)


def _open_span(files: Files, number: int, state: KeyState) -> SegmentSpan | None:
    """The last segment, which has no footer yet: read whole for its last time."""
    found = inspect_while_written(files.path(number))
    if found.chain is None:
        return None
    _, first = read_opening(files.path(number))
    last_at = from_us(found.last_written_at_us)
    return SegmentSpan(segment_name(number), from_us(first.stamp.written_at_us), last_at, is_sealed=False, keys=state)
