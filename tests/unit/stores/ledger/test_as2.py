"""What the AS2 side of the ledger's port promises, on every adapter."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from gateway.envelopes.as2.disposition import PROCESSED, Disposition, Modifier
from gateway.envelopes.as2.profile import Receipt
from gateway.model.exchange import ArchiveReference, Received
from gateway.model.judgement import FileJudged
from gateway.pipeline.as2.dispatches import (
    DispatchDraft,
    DispatchEnded,
    DispatchFilter,
    DispatchKind,
    DispatchWork,
    Entity,
)
from gateway.pipeline.as2.records import As2Arrival, As2Row, Claimed, Conflicts, Opening, OpeningRecord, Repeats
from gateway.pipeline.clock import new_instance_id
from gateway.pipeline.ports import LeaseLost
from gateway.pipeline.records import (
    AuditEntry,
    Conclusion,
    Mode,
    PartnerAnswer,
    StepEnded,
    Work,
)
from gateway.pipeline.service import LedgerWithAs2
from gateway.pipeline.states import (
    DispatchEvent,
    DispatchState,
    FailureClass,
    InstanceState,
    PartnerAnswerState,
    StepName,
    StepState,
)
from gateway.stores.ledger import SqlLedger
from gateway.stores.memory import MemoryLedger
from tests.unit.pipeline.fakes import CLINIC, MovableClock

WIRE = ArchiveReference("000000000001", 0, 10)
PAYLOAD = ArchiveReference("000000000001", 10, 5)
MDN = Entity(ArchiveReference("000000000001", 15, 7), 3, 4)
PACKAGED = Entity(ArchiveReference("000000000001", 22, 20), 8, 12)
ARRIVAL = As2Arrival("default", "US", "CLINIC", "1@clinic", Receipt.SYNCHRONOUS, "", 4)
WARNED = Disposition.of(Modifier.DUPLICATE_DOCUMENT)
REFUSED = Disposition.of(Modifier.DECRYPTION_FAILED)


@pytest.fixture
def clock() -> MovableClock:
    """Time that tests move."""
    return MovableClock()


@pytest.fixture(params=["memory", "sqlite"])
async def ledger(request: pytest.FixtureRequest, clock: MovableClock, tmp_path: Path) -> AsyncIterator[LedgerWithAs2]:
    """Each adapter in turn."""
    if request.param == "memory":
        yield MemoryLedger(clock.now)
        return
    opened = await SqlLedger.open(tmp_path / "ledger.sqlite", lambda _error: None, clock.now)
    yield opened
    await opened.close()


class Desk:
    """What tests do with a ledger, a line each."""

    def __init__(self, ledger: LedgerWithAs2, clock: MovableClock) -> None:
        self.ledger = ledger
        self.clock = clock

    async def arrives(
        self, digest: int = 0, *, arrival: As2Arrival = ARRIVAL, lane: str | None = None, lease_s: float = 30.0
    ) -> Work | As2Row | None:
        """A message with a body of that digest."""
        self.clock.move(0.001)
        now = self.clock.now()
        received = Received(new_instance_id(now), "as2", CLINIC, "", now, 10, bytes([digest] * 32), "192.0.2.1")
        return await self.ledger.accept_as2(received, WIRE, arrival, lane, lease_s)

    async def work(self, digest: int = 0, *, arrival: As2Arrival = ARRIVAL, lane: str | None = None) -> Work:
        """A message that is being opened."""
        work = await self.arrives(digest, arrival=arrival, lane=lane)
        assert isinstance(work, Work)
        return work

    def ended(self, state: StepState = StepState.DONE, failure: FailureClass | None = None) -> StepEnded:
        """The step of opening."""
        now = self.clock.now()
        return StepEnded(StepName.UNPACK, state, 1, now, now, failure, "" if failure is None else "Ask the partner.")

    def opening(self, payload: int | None = 0, disposition: Disposition = PROCESSED) -> Opening:
        """An opening whose payload has that digest."""
        digest = None if payload is None else bytes([payload] * 32)
        return Opening(disposition, "", "signed sha256", bytes(32), "mic, sha-256", digest, 1, MDN)

    async def opened(self, work: Work, opening: Opening) -> Claimed | Repeats | Conflicts:
        """Recorded, with a payload where there is one."""
        payload = None if opening.payload_sha256 is None else PAYLOAD
        return await self.ledger.opened(work, OpeningRecord(opening, payload, self.ended(), None))

    def draft(self, kind: DispatchKind = DispatchKind.FILE, *, instance: UUID | None = None) -> DispatchDraft:
        """A message of ours, of now."""
        self.clock.move(0.001)
        id_ = new_instance_id(self.clock.now())
        is_receipt = kind is DispatchKind.RECEIPT
        return DispatchDraft(
            id=id_,
            kind=kind,
            partner="clinic",
            relationship="default",
            instance=instance,
            document="file",
            content_type="application/EDI-X12",
            filename="claims.edi",
            message_id=f"{id_}@gateway",
            created_at=self.clock.now(),
            payload=None if is_receipt else PAYLOAD,
            wire=MDN if is_receipt else None,
            url="http://clinic.test/receipts" if is_receipt else "",
        )

    def entry(self) -> AuditEntry:
        """Somebody did something."""
        return AuditEntry(self.clock.now(), "olga", "send", "it")

    async def due(self, draft: DispatchDraft | None = None) -> DispatchWork:
        """A claimed message of ours."""
        await self.ledger.add_dispatch(draft or self.draft(), self.entry())
        (work,) = await self.ledger.claim_dispatches("me", 5, 60.0)
        return work

    async def state(self, work: DispatchWork) -> DispatchState:
        """Where it stands."""
        row = await self.ledger.dispatch(work.draft.id)
        assert row is not None
        return row.state


@pytest.fixture
def desk(ledger: LedgerWithAs2, clock: MovableClock) -> Desk:
    """Over each adapter."""
    return Desk(ledger, clock)


async def test_message_is_kept_with_what_its_headers_say(desk: Desk) -> None:
    """Nothing of it is known but names, size and digest until it is opened."""
    work = await desk.work(7)

    row = await desk.ledger.as2_message(work.received.instance)

    assert row == As2Row(work.received, InstanceState.RUNNING, None, ARRIVAL, Entity(WIRE, 4, 10), None)
    assert work.mode is Mode.REAL_TIME
    assert await desk.ledger.as2_message(UUID(int=0)) is None


async def test_message_without_a_waiting_sender_is_due_at_once(desk: Desk) -> None:
    """Nobody holds it: the first free worker opens it."""
    assert await desk.arrives(lease_s=0.0) is None

    (work,) = await desk.ledger.claim("me", 5, 30.0)

    assert work.received.transport == "as2"
    assert work.archived == WIRE


async def test_opening_is_recorded_and_the_payload_goes_on(desk: Desk) -> None:
    """Who takes the message over later is given the payload, not what came."""
    work = await desk.work()
    opening = desk.opening()

    outcome = await desk.opened(work, opening)

    assert outcome == Claimed()
    row = await desk.ledger.as2_message(work.received.instance)
    assert row is not None
    assert row.opening == opening
    desk.clock.move(31)
    (again,) = await desk.ledger.claim("me", 5, 30.0)
    assert again.archived == PAYLOAD


@pytest.mark.parametrize("disposition", [PROCESSED, WARNED, REFUSED], ids=str)
async def test_same_bytes_again(desk: Desk, disposition: Disposition) -> None:
    """What was processed, with a warning too, is not taken twice; what was refused may come again as it is."""
    work = await desk.work(7)
    await desk.opened(work, desk.opening(disposition=disposition))

    again = await desk.arrives(7)

    if disposition.is_processed:
        assert isinstance(again, As2Row)
        assert again.received.instance == work.received.instance
        assert again.opening is not None
    else:
        assert isinstance(again, Work)


async def test_unopened_message_takes_no_id(desk: Desk) -> None:
    """Whether it is what it says, nobody knows yet: a stranger must not be able to block an id."""
    await desk.work(7)

    assert isinstance(await desk.arrives(7), Work)


@pytest.mark.parametrize(
    "arrival",
    [
        replace(ARRIVAL, message_id="2@clinic"),
        replace(ARRIVAL, partner_name="clinic"),
        replace(ARRIVAL, our_name="OTHER"),
    ],
)
async def test_ids_belong_to_a_pair_of_names(desk: Desk, arrival: As2Arrival) -> None:
    """The same Message-ID between other names is another message."""
    await desk.opened(await desk.work(7), desk.opening())

    other = await desk.arrives(7, arrival=arrival)

    assert isinstance(other, Work)
    assert await desk.opened(other, desk.opening(9)) == Claimed()


async def test_same_payload_in_other_bytes_repeats(desk: Desk) -> None:
    """A sender that encrypts anew sends other bytes; the payload tells."""
    first = await desk.work(1)
    await desk.opened(first, desk.opening(5))
    second = await desk.work(2)

    outcome = await desk.opened(second, desk.opening(5))

    assert isinstance(outcome, Repeats)
    assert outcome.original.received.instance == first.received.instance
    row = await desk.ledger.as2_message(second.received.instance)
    assert row is not None
    assert row.opening is None


async def test_other_payload_under_the_same_id_conflicts(desk: Desk) -> None:
    """Nothing is recorded: the caller has to decide."""
    first = await desk.work(1)
    await desk.opened(first, desk.opening(5))
    second = await desk.work(2)

    outcome = await desk.opened(second, desk.opening(6))

    assert outcome == Conflicts(first.received.instance)


async def test_opening_again_after_a_crash_claims_again(desk: Desk) -> None:
    """The id is this instance's already."""
    work = await desk.work()
    await desk.opened(work, desk.opening())

    assert await desk.opened(work, desk.opening()) == Claimed()


async def test_held_message_is_held_at_once(desk: Desk) -> None:
    """In the same transaction: a crash behind it leaves nothing that would go on by itself. Resubmitted it does."""
    first = await desk.work(1)
    await desk.opened(first, desk.opening(5))
    second = await desk.work(2)
    opening = replace(desk.opening(6, WARNED), duplicate_of=first.received.instance)
    held = desk.ended(StepState.FAILED, FailureClass.AMBIGUOUS)

    outcome = await desk.ledger.opened(second, OpeningRecord(opening, PAYLOAD, desk.ended(), None, held))

    assert outcome == Claimed()
    detail = await desk.ledger.show(second.received.instance)
    assert detail is not None
    assert detail.row.state is InstanceState.HELD
    assert detail.row.error == "Ask the partner."
    assert [step.state for step in detail.steps] == [StepState.DONE, StepState.FAILED]
    desk.clock.move(31)
    assert [work.received.instance for work in await desk.ledger.claim("me", 5, 30.0)] == [first.received.instance]
    assert await desk.ledger.resubmit(second.received.instance, desk.entry())
    (again,) = await desk.ledger.claim("me", 5, 30.0)
    assert again.received.instance == second.received.instance
    assert again.archived == PAYLOAD


async def test_worker_that_lost_its_lease_opens_nothing(desk: Desk) -> None:
    """The fence."""
    stale = await desk.work()
    desk.clock.move(31)
    (fresh,) = await desk.ledger.claim("other", 5, 30.0)

    with pytest.raises(LeaseLost):
        await desk.opened(stale, desk.opening())
    assert not await desk.ledger.yield_to_lane(stale)

    assert await desk.opened(fresh, desk.opening()) == Claimed()


async def test_asynchronous_receipt_is_due_with_the_opening(desk: Desk) -> None:
    """It is recorded together with what it says, with the bytes that go out."""
    work = await desk.work()
    draft = desk.draft(DispatchKind.RECEIPT, instance=work.received.instance)

    await desk.ledger.opened(work, OpeningRecord(desk.opening(), PAYLOAD, desk.ended(), draft))

    (receipt,) = await desk.ledger.claim_dispatches("me", 5, 60.0)
    assert receipt.draft == draft
    assert receipt.wire == MDN


async def test_repeat_records_no_second_receipt_unless_claimed(desk: Desk) -> None:
    """Nothing at all is recorded of an outcome that the caller has yet to settle."""
    await desk.opened(await desk.work(1), desk.opening(5))
    second = await desk.work(2)
    draft = desk.draft(DispatchKind.RECEIPT, instance=second.received.instance)

    await desk.ledger.opened(second, OpeningRecord(desk.opening(6), PAYLOAD, desk.ended(), draft))

    assert await desk.ledger.claim_dispatches("me", 5, 60.0) == ()


async def test_opened_message_yields_to_earlier_ones_of_its_lane(desk: Desk) -> None:
    """Its sender did not have to wait for them; its payload does."""
    first = await desk.work(lane="clinic/as2")
    second = await desk.work(lane="clinic/as2", arrival=replace(ARRIVAL, message_id="2@clinic"))
    await desk.opened(second, desk.opening())

    yielded = await desk.ledger.yield_to_lane(second)

    assert yielded
    assert await desk.ledger.claim("me", 5, 30.0) == ()
    await desk.ledger.conclude(first, Conclusion(FileJudged((), ()), (), (), ()))
    (work,) = await desk.ledger.claim("me", 5, 30.0)
    assert work.received.instance == second.received.instance
    assert work.mode is Mode.BATCH


async def test_dispatch_has_one_sender_at_a_time(desk: Desk) -> None:
    """Claimed, it is nobody else's until its lease ends; renewed, it is longer."""
    work = await desk.due()
    desk.clock.move(59)
    renewed = await desk.ledger.renew_dispatch(work, 60.0)
    desk.clock.move(59)

    assert renewed
    assert await desk.ledger.claim_dispatches("other", 5, 60.0) == ()
    desk.clock.move(2)
    (taken_over,) = await desk.ledger.claim_dispatches("other", 5, 60.0)
    assert (taken_over.draft.id, taken_over.attempt) == (work.draft.id, 2)


async def test_sender_that_lost_its_lease_changes_nothing(desk: Desk) -> None:
    """The fence."""
    stale = await desk.due()
    desk.clock.move(61)
    (fresh,) = await desk.ledger.claim_dispatches("other", 5, 60.0)

    assert not await desk.ledger.renew_dispatch(stale, 60.0)
    assert not await desk.ledger.packaged(stale, PACKAGED, ())
    assert not await desk.ledger.attempted(stale, DispatchEnded(DispatchEvent.DELIVER))

    assert await desk.ledger.attempted(fresh, DispatchEnded(DispatchEvent.DELIVER))
    assert await desk.state(fresh) is DispatchState.DELIVERED


async def test_dispatches_are_claimed_oldest_first_and_only_when_due(desk: Desk) -> None:
    """As many as asked for."""
    drafts = [desk.draft() for _ in range(3)]
    for draft in drafts:
        await desk.ledger.add_dispatch(draft, desk.entry())

    two = await desk.ledger.claim_dispatches("me", 2, 60.0)
    one = await desk.ledger.claim_dispatches("me", 2, 60.0)

    assert [work.draft.id for work in (*two, *one)] == [draft.id for draft in drafts]


async def test_packaged_bytes_are_those_of_every_attempt(desk: Desk) -> None:
    """Whoever sends it next is given them, with their MICs."""
    work = await desk.due()
    mics = ("abc=, sha-256", "def=, sha1")
    await desk.ledger.packaged(work, PACKAGED, mics)
    due_at = desk.clock.now() + timedelta(seconds=5)

    ended = DispatchEnded(DispatchEvent.RETRY, http_status=503, error="The partner answered HTTP 503.", due_at=due_at)
    assert await desk.ledger.attempted(work, ended)

    assert await desk.ledger.claim_dispatches("me", 5, 60.0) == ()
    desk.clock.move(5)
    (again,) = await desk.ledger.claim_dispatches("me", 5, 60.0)
    assert (again.wire, again.mics, again.attempt) == (PACKAGED, mics, 2)
    row = await desk.ledger.dispatch(work.draft.id)
    assert row is not None
    assert (row.http_status, row.error) == (503, ended.error)


async def test_delivered_acknowledgement_is_confirmed(desk: Desk) -> None:
    """The partner's receipt for the message is that of the acknowledgement in it."""
    work = await desk.work()
    draft = desk.draft(DispatchKind.ACKNOWLEDGEMENT, instance=work.received.instance)
    now = desk.clock.now()
    answer = PartnerAnswer(1, "999", "1", "clinic", PAYLOAD, PartnerAnswerState.WAITING, now, dispatch=draft)
    await desk.ledger.conclude(work, Conclusion(FileJudged((), ()), (answer,), (), ()))
    before = await desk.ledger.answers(work.received.instance)
    (sending,) = await desk.ledger.claim_dispatches("me", 5, 60.0)

    await desk.ledger.attempted(sending, DispatchEnded(DispatchEvent.DELIVER))

    after = await desk.ledger.answers(work.received.instance)
    assert [each.state for each in (*before, *after)] == [PartnerAnswerState.DISPATCHED, PartnerAnswerState.CONFIRMED]
    assert await desk.ledger.waiting_answers("clinic", 0, 10) == ()


async def test_awaited_receipt_expires_and_still_counts(desk: Desk) -> None:
    """Overdue is a state, not an end."""
    work = await desk.due()
    due_at = desk.clock.now() + timedelta(hours=1)
    await desk.ledger.attempted(work, DispatchEnded(DispatchEvent.AWAIT, http_status=202, due_at=due_at))
    desk.clock.move(3599)
    early = await desk.ledger.expire_dispatches()
    desk.clock.move(1)

    overdue = await desk.ledger.expire_dispatches()

    assert early == ()
    assert [(row.draft.id, row.state) for row in overdue] == [(work.draft.id, DispatchState.OVERDUE)]
    assert await desk.ledger.expire_dispatches() == ()
    assert await desk.ledger.claim_dispatches("me", 5, 60.0) == ()
    delivered = DispatchEnded(DispatchEvent.DELIVER, disposition="processed", receipt=MDN)
    assert await desk.ledger.receipted(work.draft.id, delivered)
    row = await desk.ledger.dispatch(work.draft.id)
    assert row is not None
    assert (row.state, row.disposition, row.receipt, row.error) == (DispatchState.DELIVERED, "processed", MDN, "")
    assert row.ended_at == desk.clock.now()


async def test_receipt_that_comes_before_the_answer_ends_the_message(desk: Desk) -> None:
    """The attempt's own end comes too late to change that."""
    work = await desk.due()

    receipted = await desk.ledger.receipted(work.draft.id, DispatchEnded(DispatchEvent.DELIVER))
    attempted = await desk.ledger.attempted(work, DispatchEnded(DispatchEvent.AWAIT))

    assert (receipted, attempted) == (True, False)
    assert await desk.state(work) is DispatchState.DELIVERED


async def test_receipt_between_two_attempts_ends_the_message(desk: Desk) -> None:
    """The partner took it although its answer got lost: it is not sent again."""
    work = await desk.due()
    await desk.ledger.attempted(work, DispatchEnded(DispatchEvent.RETRY, due_at=desk.clock.now()))

    receipted = await desk.ledger.receipted(work.draft.id, DispatchEnded(DispatchEvent.DELIVER))

    assert receipted
    assert await desk.ledger.claim_dispatches("me", 5, 60.0) == ()


@pytest.mark.parametrize("event", [DispatchEvent.DELIVER, DispatchEvent.FAIL])
async def test_ended_message_takes_no_receipt(desk: Desk, event: DispatchEvent) -> None:
    """What a receipt ended, another does not end otherwise."""
    work = await desk.due()
    await desk.ledger.attempted(work, DispatchEnded(event))
    before = await desk.ledger.dispatch(work.draft.id)

    receipted = await desk.ledger.receipted(work.draft.id, DispatchEnded(DispatchEvent.FAIL, error="no"))

    assert not receipted
    assert await desk.ledger.dispatch(work.draft.id) == before


async def test_failed_message_is_sent_again_with_all_its_attempts(desk: Desk) -> None:
    """The same bytes; who did it is recorded."""
    work = await desk.due()
    await desk.ledger.packaged(work, PACKAGED, ("abc=, sha-256",))
    await desk.ledger.attempted(work, DispatchEnded(DispatchEvent.FAIL, error="The partner answered HTTP 404."))

    resubmitted = await desk.ledger.resubmit_dispatch(work.draft.id, desk.entry())

    (again,) = await desk.ledger.claim_dispatches("me", 5, 60.0)
    assert resubmitted
    assert (again.wire, again.attempt) == (PACKAGED, 1)
    assert not await desk.ledger.attempted(work, DispatchEnded(DispatchEvent.FAIL))


@pytest.mark.parametrize("event", [None, DispatchEvent.AWAIT, DispatchEvent.DELIVER])
async def test_message_on_its_way_or_delivered_is_not_sent_again(desk: Desk, event: DispatchEvent | None) -> None:
    """Only what failed or is overdue."""
    work = await desk.due()
    if event is not None:
        await desk.ledger.attempted(work, DispatchEnded(event, due_at=desk.clock.now() + timedelta(hours=1)))

    assert not await desk.ledger.resubmit_dispatch(work.draft.id, desk.entry())
    assert not await desk.ledger.resubmit_dispatch(UUID(int=0), desk.entry())


async def test_message_of_ours_is_found_by_its_id(desk: Desk) -> None:
    """Of its partner: another's Message-ID may be the same."""
    work = await desk.due()

    found = await desk.ledger.dispatch_of_message("clinic", work.draft.message_id)

    assert found is not None
    assert found.draft == work.draft
    assert await desk.ledger.dispatch_of_message("lab", work.draft.message_id) is None
    assert await desk.ledger.dispatch_of_message("clinic", "never@gateway") is None


async def test_dispatches_are_listed_newest_first(desk: Desk) -> None:
    """In pages, by partner, state and what they answer."""
    instance = UUID(int=7)
    drafts = [desk.draft(), desk.draft(DispatchKind.RECEIPT, instance=instance), desk.draft()]
    for draft in drafts:
        await desk.ledger.add_dispatch(draft, desk.entry())
    newest = [draft.id for draft in reversed(drafts)]

    async def ids(filter_: DispatchFilter, after: UUID | None = None) -> list[UUID]:
        return [row.draft.id for row in await desk.ledger.dispatches(filter_, after, 2)]

    assert await ids(DispatchFilter()) == newest[:2]
    assert await ids(DispatchFilter(), newest[1]) == newest[2:]
    assert await ids(DispatchFilter(instance=instance)) == [drafts[1].id]
    assert await ids(DispatchFilter(partner="clinic", state=DispatchState.WAITING)) == newest[:2]
    assert await ids(DispatchFilter(partner="lab")) == []
    assert await ids(DispatchFilter(state=DispatchState.FAILED)) == []
