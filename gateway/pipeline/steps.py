"""The steps of an inbound message: judge, acknowledge, publish, and the one transaction that makes all of it count.

Owns their order and what each may rely on: nothing before `conclude` has an effect outside, so that any of them may be
run again. Must not know when they run or how often: that is the engine's. Must not know any standard.

1. Judge: archived bytes to findings; documents to a spool.
2. Acknowledge: claim interchange keys and control numbers (the same when asked again), tell duplicates, word and
   archive the answers.
3. Publish: copy the documents of what is accepted into the archive.
4. Conclude: judgement, answers, outbox and steps in one transaction.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from gateway.model.exchange import ArchiveReference
from gateway.model.finding import ByteRange
from gateway.model.judgement import InterchangeJudged
from gateway.pipeline.as2.dispatches import DispatchDraft
from gateway.pipeline.failure import OriginalUnfinished, StepFailed
from gateway.pipeline.ports import (
    AnswerDraft,
    Archive,
    Clock,
    Judge,
    Judged,
    LeaseLost,
    Ledger,
    Spool,
    StoreFailed,
    Terms,
)
from gateway.pipeline.publication import body_of, plan
from gateway.pipeline.records import (
    Conclusion,
    Fresh,
    InterchangeClaim,
    PartnerAnswer,
    PublishedSet,
    Seen,
    StepEnded,
    Work,
)
from gateway.pipeline.states import InstanceState, PartnerAnswerState, StepName, StepState

# Judging less than this takes under a millisecond: a thread would cost more than it frees.
INLINE_BYTES = 32 << 10
# A sender that repeats itself at once: its first message is usually done within this.
ORIGINAL_WAIT_S = 1.0
_ORIGINAL_POLL_S = 0.02

Result = TypeVar("Result")
Route = Callable[[PartnerAnswer], DispatchDraft]


@dataclass(slots=True)
class _Run:
    """One attempt at one message: what its steps hand on to each other."""

    work: Work
    spool: Spool
    started_at: datetime  # of the step that runs
    ended: list[StepEnded] = field(default_factory=list)


@dataclass(slots=True)
class _Ended:
    """What a step says of itself when it ends."""

    definitions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Answered:
    """The outcome of `acknowledge`: interchanges as they stand now, answers, and who repeats whom."""

    judged: Judged
    answers: tuple[PartnerAnswer, ...]
    duplicates: dict[int, UUID]


class InboundSteps:
    """Runs the steps of one message after the other."""

    def __init__(
        self,
        archive: Archive,
        ledger: Ledger,
        clock: Clock,
        *,
        judge: Judge,
        spools: Callable[[], Spool],
        threads: Executor,
    ) -> None:
        self._archive = archive
        self._ledger = ledger
        self._judge = judge
        self._spools = spools
        self._clock = clock
        self._threads = threads

    async def process(self, work: Work, route: Route | None = None) -> bool:
        """All steps; False where the lease was lost. Raises StepFailed, LeaseLost, StoreFailed.

        `route` makes the message of ours that carries an answer; without one the partner gets or fetches it.
        """
        spool = self._spools()
        try:
            run = _Run(work, spool, self._clock.now())
            with self._step(run, StepName.JUDGE) as ended:
                judged = await self._in_thread(work.received.size_bytes, self._judge_all, work, spool)
                ended.definitions = _definitions(judged)
            with self._step(run, StepName.ACKNOWLEDGE):
                answered = await self._acknowledge(work, judged)
                if route is not None:
                    answered = replace(answered, answers=_routed(answered.answers, route))
            with self._step(run, StepName.PUBLISH):
                return await self._publish(run, answered)
        finally:
            spool.close()

    @contextmanager
    def _step(self, run: _Run, name: StepName) -> Iterator["_Ended"]:
        ended = _Ended()
        run.started_at = self._clock.now()
        try:
            yield ended
        except (LeaseLost, StoreFailed):
            raise
        except Exception as error:
            raise StepFailed(name, run.started_at, error) from error
        run.ended.append(self._done(run, name, ended.definitions))

    def _done(self, run: _Run, name: StepName, definitions: tuple[str, ...] = ()) -> StepEnded:
        now = self._clock.now()
        return StepEnded(name, StepState.DONE, run.work.attempt, run.started_at, now, definitions=definitions)

    async def _in_thread(self, size_bytes: int, call: Callable[..., Result], *arguments: object) -> Result:
        if size_bytes <= INLINE_BYTES:
            return call(*arguments)
        return await asyncio.get_running_loop().run_in_executor(self._threads, call, *arguments)

    def _judge_all(self, work: Work, spool: Spool) -> Judged:
        return self._judge.judge(work, self._archive.read(work.archived), spool)

    async def _acknowledge(self, work: Work, judged: Judged) -> _Answered:
        now = self._clock.now()
        size_bytes = work.received.size_bytes

        def draft(interchange: InterchangeJudged, terms: Terms, first_number: int) -> tuple[AnswerDraft, ...]:
            return self._judge.answers(interchange, terms, first_number, now, self._reader(work.archived))

        def draft_all(numbers: Iterable[int]) -> list[tuple[AnswerDraft, ...]]:
            pairs = zip(judged.file.interchanges, judged.terms, numbers, strict=True)
            return [draft(interchange, terms, number) for interchange, terms, number in pairs]

        # How many numbers are needed is known when the answers are worded; they are pure, so they are worded twice.
        counted = await self._in_thread(size_bytes, draft_all, [1] * len(judged.terms))
        claims = tuple(
            _claim(interchange, terms, len(drafts))
            for interchange, terms, drafts in zip(judged.file.interchanges, judged.terms, counted, strict=True)
        )
        outcomes = await self._ledger.prepare(work, claims) if claims else ()
        drafts = await self._in_thread(size_bytes, draft_all, [outcome.first_number or 1 for outcome in outcomes])
        interchanges = list(judged.file.interchanges)
        answers: list[PartnerAnswer] = []
        duplicates: dict[int, UUID] = {}
        for index, (interchange, terms, outcome) in enumerate(
            zip(judged.file.interchanges, judged.terms, outcomes, strict=True)
        ):
            match outcome:
                case Fresh():
                    answers += await self._keep(work, interchange.ordinal, terms, drafts[index])
                case Seen() if await self._is_same(work, interchange, outcome):
                    duplicates[interchange.ordinal] = outcome.original
                    answers += await self._repeat(work, interchange.ordinal, outcome)
                case Seen():
                    interchanges[index] = self._judge.refuse_duplicate(interchange)
                    refused = draft(interchanges[index], terms, outcome.first_number or 1)
                    if len(refused) > claims[index].number_count:
                        number = await self._more_numbers(work, claims[index], len(refused))
                        refused = draft(interchanges[index], terms, number)
                    answers += await self._keep(work, interchange.ordinal, terms, refused)
        file = replace(judged.file, interchanges=tuple(interchanges))
        return _Answered(Judged(file, judged.terms), tuple(answers), duplicates)

    async def _more_numbers(self, work: Work, claim: InterchangeClaim, needed: int) -> int:
        """The first of as many numbers as a refusal needs, where the message as such would have had fewer answers."""
        more = replace(claim, ordinal=-claim.ordinal, key=None, number_count=needed)
        (outcome,) = await self._ledger.prepare(work, (more,))
        return outcome.first_number or 1

    def _reader(self, archived: ArchiveReference) -> Callable[[ByteRange], bytes]:
        return lambda place: b"".join(self._archive.read(archived, place.start, place.end))

    async def _keep(
        self, work: Work, ordinal: int, terms: Terms, drafts: tuple[AnswerDraft, ...]
    ) -> list[PartnerAnswer]:
        """Archive answers; all of them in one sync."""
        archived = await asyncio.gather(*(self._archive.append(_whole(draft.text)) for draft in drafts))
        now = self._clock.now()
        return [
            PartnerAnswer(
                interchange=ordinal,
                kind=draft.kind,
                control_number=draft.control_number,
                partner=terms.partner,
                archived=reference,
                state=PartnerAnswerState.WAITING,
                created_at=now,
                instance=work.received.instance,
            )
            for draft, reference in zip(drafts, archived, strict=True)
        ]

    async def _is_same(self, work: Work, interchange: InterchangeJudged, seen: Seen) -> bool:
        mine, original = interchange.range, seen.range
        if mine.end - mine.start != original.end - original.start:
            return False

        def compare() -> bool:
            return self._digest(work.archived, mine) == self._digest(seen.archived, original)

        return await self._in_thread(mine.end - mine.start, compare)

    def _digest(self, archived: ArchiveReference, place: ByteRange) -> bytes:
        digest = hashlib.sha256()
        for chunk in self._archive.read(archived, place.start, place.end):
            digest.update(chunk)
        return digest.digest()

    async def _repeat(self, work: Work, ordinal: int, seen: Seen) -> list[PartnerAnswer]:
        """The stored acknowledgements of the original, once they are there."""
        if seen.original != work.received.instance:
            await self._await_original(seen)
        stored = await self._ledger.answers(seen.original, seen.ordinal)
        return [
            replace(
                answer,
                id=None,
                interchange=ordinal,
                instance=work.received.instance,
                created_at=self._clock.now(),
                dispatch=None,
            )
            for answer in stored
        ]

    async def _await_original(self, seen: Seen) -> None:
        state = seen.state
        deadline = asyncio.get_running_loop().time() + ORIGINAL_WAIT_S
        while state is not InstanceState.DONE:
            if asyncio.get_running_loop().time() >= deadline:
                raise OriginalUnfinished(f"The message repeats {seen.original}, which is not done yet.")
            await asyncio.sleep(_ORIGINAL_POLL_S)
            row = await self._ledger.message(seen.original)
            state = row.state if row is not None else InstanceState.FAILED

    async def _publish(self, run: _Run, answered: _Answered) -> bool:
        """Archive the documents of what is accepted, then let everything count at once."""
        file = answered.judged.file
        excluded = frozenset(answered.duplicates)
        size_bytes = run.work.received.size_bytes
        planned = await self._in_thread(size_bytes, plan, file, excluded, self._judge.publishes, run.spool)
        sets: tuple[PublishedSet, ...] = ()
        if planned.sets:
            documents = await self._archive.append(body_of(planned, run.spool))
            partners = {
                interchange.ordinal: terms.partner
                for interchange, terms in zip(file.interchanges, answered.judged.terms, strict=True)
            }
            sets = planned.published(partners, documents)
        conclusion = Conclusion(
            judged=file,
            answers=answered.answers,
            sets=sets,
            steps=(*run.ended, self._done(run, StepName.PUBLISH)),
            duplicates=answered.duplicates,
        )
        return await self._ledger.conclude(run.work, conclusion)


def _claim(interchange: InterchangeJudged, terms: Terms, number_count: int) -> InterchangeClaim:
    return InterchangeClaim(
        ordinal=interchange.ordinal,
        key=terms.key if terms.duplicate_window_s > 0 else None,
        range=interchange.range,
        window_s=terms.duplicate_window_s,
        partner=terms.partner,
        number_count=number_count,
    )


def _definitions(judged: Judged) -> tuple[str, ...]:
    """The digests of the programs that were used."""
    digests = {
        each.program_digest
        for interchange in judged.file.interchanges
        for group in interchange.groups
        for each in group.sets
    }
    return tuple(sorted(digests - {""}))


def _routed(answers: tuple[PartnerAnswer, ...], route: Route) -> tuple[PartnerAnswer, ...]:
    return tuple(replace(answer, dispatch=route(answer)) for answer in answers)


async def _whole(text: bytes) -> AsyncIterator[bytes]:
    yield text
