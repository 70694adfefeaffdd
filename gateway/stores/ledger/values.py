"""Between rows and the pipeline's records: times, archive references, and the records built of rows.

Owns no SQL. Must not know transactions.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from gateway.model.exchange import ArchiveReference, Authentication, Principal, Received
from gateway.pipeline.records import InstanceRow, Mode, PartnerAnswer, PublishedSet, StepEnded, Work
from gateway.pipeline.states import FailureClass, InstanceState, PartnerAnswerState, StepName, StepState

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

Row = sa.Row[Any]


def to_us(at: datetime) -> int:
    """Microseconds since 1970 UTC."""
    return (at - _EPOCH) // _MICROSECOND


def from_us(at_us: int) -> datetime:
    """The time that `to_us` gave."""
    return _EPOCH + timedelta(microseconds=at_us)


def seconds_us(seconds: float) -> int:
    """A duration in microseconds."""
    return round(seconds * 1_000_000)


def reference_columns(name: str, reference: ArchiveReference) -> dict[str, str | int]:
    """The three columns of a reference."""
    return {
        f"{name}_segment": reference.segment,
        f"{name}_offset": reference.offset,
        f"{name}_length": reference.length,
    }


def reference_of(row: Row, name: str) -> ArchiveReference | None:
    """The reference in the three columns, None where there is none."""
    segment = getattr(row, f"{name}_segment")
    if segment is None:
        return None
    return ArchiveReference(segment, getattr(row, f"{name}_offset"), getattr(row, f"{name}_length"))


def received_of(row: Row) -> Received:
    """The arrival's facts of an instance row."""
    return Received(
        instance=row.id,
        transport=row.transport,
        principal=Principal(row.partner, row.principal, Authentication(row.authentication)),
        content_type=row.content_type,
        received_at=from_us(row.received_us),
        size_bytes=row.size_bytes,
        sha256=row.sha256,
        remote=row.remote,
    )


def body_of(row: Row) -> ArchiveReference:
    """Where the wire bytes are."""
    return ArchiveReference(row.body_segment, row.body_offset, row.body_length)


def work_of(row: Row) -> Work:
    """A claimed instance."""
    return Work(
        received=received_of(row),
        archived=body_of(row),
        mode=Mode(row.mode),
        revision=row.revision,
        attempt=row.attempt,
        fence=row.fence,
        lease_until=from_us(row.due_us),
    )


def instance_row_of(row: Row) -> InstanceRow:
    """One line of a list of messages."""
    return InstanceRow(
        received=received_of(row),
        archived=body_of(row),
        mode=Mode(row.mode),
        state=InstanceState(row.state),
        revision=row.revision,
        attempt=row.attempt,
        error=row.error,
        ended_at=None if row.ended_us is None else from_us(row.ended_us),
        interchange_count=row.interchange_count,
        set_count=row.set_count,
        accepted_count=row.accepted_count,
        rejected_count=row.rejected_count,
        error_count=row.error_count,
    )


def step_of(row: Row) -> StepEnded:
    """One attempt at a step."""
    return StepEnded(
        name=StepName(row.name),
        state=StepState(row.state),
        attempt=row.attempt,
        started_at=from_us(row.started_us),
        ended_at=from_us(row.ended_us),
        failure=None if row.failure is None else FailureClass(row.failure),
        error=row.error,
        definitions=tuple(row.definitions.split()),
    )


def answer_of(row: Row) -> PartnerAnswer:
    """An acknowledgement."""
    return PartnerAnswer(
        interchange=row.interchange,
        kind=row.kind,
        control_number=row.control_number,
        partner=row.partner,
        archived=ArchiveReference(row.text_segment, row.text_offset, row.text_length),
        state=PartnerAnswerState(row.state),
        created_at=from_us(row.created_us),
        id=row.id,
        instance=row.instance_id,
    )


def published_of(row: Row) -> PublishedSet:
    """A published set of an outbox row."""
    return PublishedSet(
        interchange=row.interchange,
        group=row.group,
        set=row.set,
        partner=row.partner,
        guide=row.guide,
        transaction_set=row.transaction_set,
        item_count=row.item_count,
        documents=ArchiveReference(row.documents_segment, row.documents_offset, row.documents_length),
        index_start=row.index_start,
    )
