"""A standard that fits in a line, a clock that tests move, and a pipeline over stores in memory.

A message of the fake standard is `KEY|item,item,...`: one interchange with one set. An item that begins with `!` is
rejected; a message that begins with `?` is unreadable; a set with the item `boom` makes the judge fail.
"""

from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from gateway.envelopes.mime.headers import Headers
from gateway.model.exchange import Authentication, Principal
from gateway.model.finding import ByteRange
from gateway.model.judgement import (
    FileJudged,
    GroupJudged,
    InterchangeJudged,
    ItemJudged,
    Outcome,
    SetJudged,
)
from gateway.pipeline.as2.ports import Posted, PostFailed
from gateway.pipeline.ports import AnswerDraft, Judged, Peeked, Spool, Terms
from gateway.pipeline.receive import Arrival
from gateway.pipeline.records import InterchangeKey, Mode, Work
from gateway.pipeline.relationships import Dispatch, Relationships
from gateway.pipeline.states import FailureClass

CLINIC = Principal("clinic", "clinic-user", Authentication.BASIC)
ARRIVAL = Arrival("https", CLINIC, "application/edi-x12", "192.0.2.1")


class MovableClock:
    """Time that stands still until a test moves it."""

    def __init__(self) -> None:
        self.time = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

    def now(self) -> datetime:
        """UTC."""
        return self.time

    def move(self, seconds: float) -> None:
        """Later."""
        self.time += timedelta(seconds=seconds)


@dataclass
class FixedRelationships:
    """The relationships of a test."""

    current: Relationships = field(default_factory=lambda: Relationships.of(()))

    def relationships(self) -> Relationships:
        """What applies now."""
        return self.current


class NoPoster:
    """For tests that send nothing."""

    async def post(self, url: str, terms: Dispatch, headers: Headers, body: AsyncIterable[bytes], size: int) -> Posted:
        """Nobody answers."""
        del url, terms, headers, body, size
        raise PostFailed("nobody is there", FailureClass.TRANSIENT)


async def body(*pieces: bytes) -> AsyncIterator[bytes]:
    """A body as a transport gives it."""
    for piece in pieces:
        yield piece


@dataclass
class LineJudge:
    """The fake standard. `failing` is raised by the next judgements while it is set."""

    mode: Mode = Mode.BATCH
    window_s: int = 86_400
    lane: str | None = None
    deadline_s: float = 5.0
    failing: Exception | None = None
    judged: list[str] = field(default_factory=list)

    def peek(self, principal: Principal, head: bytes) -> Peeked | None:
        """Unreadable where it begins with `?`."""
        del principal
        return None if head.startswith(b"?") else Peeked(self.mode, self.lane, self.deadline_s)

    def judge(self, work: Work, chunks: Iterable[bytes], spool: Spool) -> Judged:
        """One interchange, one set, one document an item."""
        text = b"".join(chunks).decode()
        self.judged.append(text)
        if self.failing is not None:
            raise self.failing
        if text.startswith("?"):
            return Judged(FileJudged((), ()), ())
        control, _, items = text.partition("|")
        judged = interchange(control, [item for item in items.split(",") if item], spool)
        if "boom" in items:
            raise RuntimeError(f"secret {text}")
        key = InterchangeKey("ZZ", "CLINIC", "ZZ", "PAYER", control)
        return Judged(FileJudged((judged,), ()), (Terms(work.received.principal.partner, key, self.window_s, None),))

    def publishes(self, judged: InterchangeJudged, group: GroupJudged, set_: SetJudged) -> bool:
        """Not where anything is refused."""
        return judged.refusal is None and group.outcome is not Outcome.REJECTED and set_.outcome is not Outcome.REJECTED

    def refuse_duplicate(self, interchange: InterchangeJudged) -> InterchangeJudged:
        """TA1 R 025."""
        return replace(interchange, refusal="025", outcome=Outcome.REJECTED)

    def answers(
        self,
        interchange: InterchangeJudged,
        terms: Terms,
        first_number: int,
        now: datetime,
        read: Callable[[ByteRange], bytes],
    ) -> tuple[AnswerDraft, ...]:
        """One line that names what it answers."""
        del now, terms
        whole = read(interchange.range).decode()
        text = f"ACK {first_number} {whole} {interchange.refusal or interchange.outcome}"
        kind = "TA1" if interchange.refusal else "999"
        return (AnswerDraft(kind, f"{first_number:09d}", text.encode()),)


def interchange(control: str, items: list[str], spool: Spool) -> InterchangeJudged:
    """An interchange with one group and one set of `items`."""
    size = len(f"{control}|{','.join(items)}")
    judged_items = []
    for ordinal, item in enumerate(items, start=1):
        xml = f"<document>{item}</document>".encode()
        begin = spool.write(xml)
        rejected = item.startswith("!")
        judged_items.append(
            ItemJudged(
                ordinal,
                Outcome.REJECTED if rejected else Outcome.ACCEPTED,
                ByteRange(0, 1),
                None,
                None if rejected else ByteRange(begin, begin + len(xml)),
            )
        )
    header = ("ISA", "00", "", "00", "", "ZZ", "CLINIC", "ZZ", "PAYER", "260102", "0304", "^", "00501", control)
    one_set = SetJudged(
        ordinal=1,
        header=("ST", "834", "0001", "005010X220A1"),
        trailer=("SE", "1", "0001"),
        segment_count=len(items) + 2,
        range=ByteRange(0, size),
        guide="005010X220A1",
        program_digest="feed",
        outcome=Outcome.ACCEPTED,
        findings=(),
        items=tuple(judged_items),
        beginning=(),
        error_count=0,
        warning_count=0,
        suppressed_count=0,
    )
    group = GroupJudged(1, ("GS", "BE"), ("GE", "1"), Outcome.ACCEPTED, (), (one_set,))
    return InterchangeJudged(1, header, ("IEA", "1"), ByteRange(0, size), Outcome.ACCEPTED, None, (), (group,), ())
