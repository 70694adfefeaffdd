"""A message from its arrival to the acknowledgement and the delivery, over real stores and a standard of one line."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest

from gateway.pipeline.deliver import Delivery
from gateway.pipeline.engine import EngineSettings
from gateway.pipeline.exchange import Accepted, Answered, Unreadable
from gateway.pipeline.failure import Backoff
from gateway.pipeline.receive import Empty, ReceiveLimits, TooLarge
from gateway.pipeline.records import DeliveryOutcome, DeliveryUnit, InstanceDetail, LeaseRequest, Mode
from gateway.pipeline.service import LedgerWithAs2, Pipeline, PipelineSettings
from gateway.pipeline.states import FailureClass, InstanceState, PartnerAnswerState, StepName, StepState
from gateway.stores.ledger import SqlLedger
from gateway.stores.memory import MemoryArchive, MemoryLedger, MemorySpool
from tests.unit.pipeline.fakes import ARRIVAL, FixedRelationships, LineJudge, MovableClock, NoPoster, body

SETTINGS = PipelineSettings(
    limits=ReceiveLimits(body_bytes=100_000),
    engine=EngineSettings(poll_s=0.01, backoff=Backoff(first_s=1.0, attempts=3)),
)


@pytest.fixture
def clock() -> MovableClock:
    """Time that tests move."""
    return MovableClock()


@pytest.fixture
def judge() -> LineJudge:
    """The fake standard."""
    return LineJudge()


@pytest.fixture(params=["memory", "sqlite"])
async def ledger(request: pytest.FixtureRequest, clock: MovableClock, tmp_path: Path) -> AsyncIterator[LedgerWithAs2]:
    """Each adapter in turn."""
    if request.param == "memory":
        yield MemoryLedger(clock.now)
        return
    opened = await SqlLedger.open(tmp_path / "ledger.sqlite", lambda _error: None, clock.now)
    yield opened
    await opened.close()


@pytest.fixture
async def pipeline(ledger: LedgerWithAs2, clock: MovableClock, judge: LineJudge) -> AsyncIterator[Pipeline]:
    """Started, over an archive in memory."""
    made = Pipeline(
        archive=MemoryArchive(),
        ledger=ledger,
        spools=MemorySpool,
        judge=judge,
        clock=clock,
        relationships=FixedRelationships(),
        poster=NoPoster(),
        settings=SETTINGS,
    )
    made.start()
    yield made
    await made.stop()


async def send(pipeline: Pipeline, text: bytes) -> UUID:
    """Post a batch message; the id of its instance."""
    outcome = await pipeline.exchange.handle(ARRIVAL, body(text))
    assert isinstance(outcome, Accepted | Answered)
    return outcome.receipt.instance


async def settled(
    pipeline: Pipeline, instance: UUID, state: InstanceState = InstanceState.DONE, attempts: int = 1
) -> InstanceDetail:
    """Wait until the instance is in `state` and has been tried at least `attempts` times."""
    async with asyncio.timeout(5):
        while True:
            await asyncio.sleep(0.005)
            detail = await pipeline.ledger.show(instance)
            assert detail is not None
            if detail.row.state is state and detail.row.attempt >= attempts:
                return detail


async def lease(pipeline: Pipeline, limit: int = 10, unit: DeliveryUnit = DeliveryUnit.ITEM) -> tuple[Delivery, ...]:
    """Lease for a minute."""
    return await pipeline.deliveries.lease(LeaseRequest("billing", unit, limit, 60.0))


async def test_batch_is_acknowledged_in_the_outbox(pipeline: Pipeline) -> None:
    """A batch message is answered later, once, and leaves the outbox when the partner confirms."""
    instance = await send(pipeline, b"000000001|anna,ben")
    await settled(pipeline, instance)

    (answer,) = await pipeline.outbox.waiting("clinic")
    text = await pipeline.outbox.text(answer)
    confirmed = [await pipeline.outbox.confirm("clinic", answer.id or 0) for _ in range(2)]

    assert text == b"ACK 1 000000001|anna,ben accepted"
    assert answer.control_number == "000000001"
    assert confirmed == [True, True]
    assert await pipeline.outbox.waiting("clinic") == ()


async def test_partner_sees_its_own_answers_only(pipeline: Pipeline) -> None:
    """Another partner neither reads nor confirms, and cannot tell that there is something."""
    instance = await send(pipeline, b"000000001|anna")
    detail = await settled(pipeline, instance)

    confirmed = await pipeline.outbox.confirm("lab", detail.answers[0].id or 0)

    assert not confirmed
    assert await pipeline.outbox.waiting("lab") == ()
    assert await pipeline.outbox.of_instance("lab", instance) is None
    assert await pipeline.outbox.of_instance("clinic", instance) is not None


async def test_real_time_is_answered_in_the_reply(pipeline: Pipeline, judge: LineJudge) -> None:
    """In real time the acknowledgement is the reply and does not lie in the outbox as well."""
    judge.mode = Mode.REAL_TIME

    outcome = await pipeline.exchange.handle(ARRIVAL, body(b"000000001|", b"anna"))

    assert isinstance(outcome, Answered)
    assert [answer.text for answer in outcome.answers] == [b"ACK 1 000000001|anna accepted"]
    assert await pipeline.outbox.waiting("clinic") == ()


async def test_missed_deadline_moves_the_answer_to_the_outbox(pipeline: Pipeline, judge: LineJudge) -> None:
    """A real-time exchange that fails in time is accepted; what comes later waits in the outbox."""
    judge.mode, judge.failing = Mode.REAL_TIME, OSError(5, "Input/output error")
    outcome = await pipeline.exchange.handle(ARRIVAL, body(b"000000001|anna"))
    assert isinstance(outcome, Accepted)
    judge.failing = None

    assert outcome.deadline_missed
    row = await pipeline.ledger.message(outcome.receipt.instance)
    assert row is not None
    assert row.state is InstanceState.WAITING
    assert row.mode is Mode.BATCH


async def test_documents_of_accepted_items_are_delivered_once(pipeline: Pipeline) -> None:
    """Each accepted item is handed out once, a rejected one never, and nothing twice after its acknowledgement."""
    instance = await send(pipeline, b"000000001|anna,!ben,carl")
    await settled(pipeline, instance)

    deliveries = await lease(pipeline)
    outcomes = [await pipeline.deliveries.acknowledge(each.id, each.token) for each in deliveries]
    again = [await pipeline.deliveries.acknowledge(each.id, each.token) for each in deliveries]

    assert [each.xml for each in deliveries] == [b"<document>anna</document>", b"<document>carl</document>"]
    assert [each.document_id for each in deliveries] == [f"{instance}.1.1.1.1", f"{instance}.1.1.1.3"]
    assert deliveries[1].key == f"{instance}.1.1.1.1.3"
    assert outcomes == [DeliveryOutcome.TAKEN] * 2
    assert again == [DeliveryOutcome.ALREADY] * 2
    assert await lease(pipeline) == ()


async def test_document_is_found_by_its_id(pipeline: Pipeline) -> None:
    """A published document can be read again at any time; a rejected item has none."""
    instance = await send(pipeline, b"000000001|anna,!ben,carl")
    await settled(pipeline, instance)

    found = await pipeline.deliveries.document(f"{instance}.1.1.1.3")

    assert found == b"<document>carl</document>"
    assert await pipeline.deliveries.document(f"{instance}.1.1.1.2") is None
    assert await pipeline.deliveries.document("nonsense") is None


async def test_leased_item_comes_back_when_the_lease_ends(pipeline: Pipeline, clock: MovableClock) -> None:
    """A consumer that dies keeps nothing: the next gets the item, and the late word of the first is refused."""
    await settled(pipeline, await send(pipeline, b"000000001|anna"))
    (first,) = await lease(pipeline)
    assert await lease(pipeline) == ()
    clock.move(61)

    (second,) = await lease(pipeline)
    late = await pipeline.deliveries.acknowledge(first.id, first.token)

    assert (second.key, second.attempt) == (first.key, 2)
    assert late is DeliveryOutcome.LEASE_LOST
    assert await pipeline.deliveries.acknowledge(second.id, second.token) is DeliveryOutcome.TAKEN


@pytest.mark.parametrize(
    ("failure", "comes_back", "stuck"),
    [
        (FailureClass.TRANSIENT, True, None),
        (FailureClass.AMBIGUOUS, False, "held"),
        (FailureClass.PERMANENT, False, "dead"),
    ],
)
async def test_refused_item(
    pipeline: Pipeline, clock: MovableClock, failure: FailureClass, comes_back: bool, stuck: str | None
) -> None:
    """What a consumer cannot take comes back, is held or is dead, by the class of the failure alone."""
    await settled(pipeline, await send(pipeline, b"000000001|anna"))
    (delivery,) = await lease(pipeline)

    outcome = await pipeline.deliveries.refuse(delivery.id, delivery.token, failure, "no")
    clock.move(3_601)

    assert outcome is DeliveryOutcome.TAKEN
    assert [each.state for each in await pipeline.ledger.stuck_deliveries(10)] == ([stuck] if stuck else [])
    assert bool(await lease(pipeline)) is comes_back


async def test_dead_item_is_resubmitted(pipeline: Pipeline) -> None:
    """An operator hands a dead item out again."""
    await settled(pipeline, await send(pipeline, b"000000001|anna"))
    (delivery,) = await lease(pipeline)
    await pipeline.deliveries.refuse(delivery.id, delivery.token, FailureClass.PERMANENT, "no")

    resubmitted = await pipeline.deliveries.resubmit(delivery.id, "olga")

    assert resubmitted
    (again,) = await lease(pipeline)
    assert again.key == delivery.key


async def test_whole_set_is_one_delivery(pipeline: Pipeline) -> None:
    """A set that goes as one is streamed as one document and acknowledged as one."""
    instance = await send(pipeline, b"000000001|anna,!ben,carl")
    await settled(pipeline, instance)
    (delivery,) = await lease(pipeline, unit=DeliveryUnit.SET)
    assert await lease(pipeline) == ()

    stream = await pipeline.deliveries.set_xml(delivery.id, delivery.token)
    assert not isinstance(stream, DeliveryOutcome)
    xml = b"".join([chunk async for chunk in stream])
    outcome = await pipeline.deliveries.acknowledge(delivery.id, delivery.token)

    assert xml == (
        b'<documents xmlns="urn:gateway:canonical:1">\n<document>anna</document><document>carl</document></documents>\n'
    )
    assert delivery.item_count == 2
    assert outcome is DeliveryOutcome.TAKEN
    detail = await pipeline.ledger.show(instance)
    assert detail is not None
    assert detail.outbox[0].delivered_count == 2


async def test_same_bytes_again_give_the_stored_answer(pipeline: Pipeline) -> None:
    """A repeated interchange is answered with the stored acknowledgement and delivered no second time."""
    first = await send(pipeline, b"000000001|anna")
    await settled(pipeline, first)
    second = await send(pipeline, b"000000001|anna")

    detail = await settled(pipeline, second)

    texts = [await pipeline.outbox.text(answer) for answer in await pipeline.outbox.waiting("clinic")]
    assert texts == [b"ACK 1 000000001|anna accepted"] * 2
    assert detail.interchanges[0].duplicate_of == first
    assert (detail.row.accepted_count, detail.row.rejected_count) == (0, 0)
    assert len(await lease(pipeline)) == 1


async def test_same_control_number_with_other_bytes_is_refused(pipeline: Pipeline) -> None:
    """A used control number over other content is refused with 025, and nothing of it is delivered."""
    await settled(pipeline, await send(pipeline, b"000000001|anna"))
    second = await send(pipeline, b"000000001|boris")

    detail = await settled(pipeline, second)

    assert detail.interchanges[0].refusal == "025"
    assert await pipeline.outbox.text(detail.answers[0]) == b"ACK 2 000000001|boris 025"
    assert [each.instance for each in await lease(pipeline)] != [second]
    assert len(await lease(pipeline)) == 0


async def test_control_number_may_come_again_after_the_window(pipeline: Pipeline, clock: MovableClock) -> None:
    """Past the agreement's window a control number is new again."""
    await settled(pipeline, await send(pipeline, b"000000001|anna"))
    clock.move(86_401)

    detail = await settled(pipeline, await send(pipeline, b"000000001|boris"))

    assert detail.interchanges[0].refusal == ""
    assert len(await lease(pipeline)) == 2


async def test_transient_failure_is_retried_under_the_same_id(
    pipeline: Pipeline, judge: LineJudge, clock: MovableClock
) -> None:
    """A step that fails for a passing reason is run again after a backoff."""
    judge.failing = OSError(28, "No space left on device")
    instance = await send(pipeline, b"000000001|anna")
    waiting = await settled(pipeline, instance, InstanceState.WAITING)
    judge.failing = None
    clock.move(2)

    detail = await settled(pipeline, instance)

    assert waiting.row.error == "OSError: No space left on device"
    assert [(step.name, step.state) for step in detail.steps] == [
        (StepName.JUDGE, StepState.FAILED),
        (StepName.JUDGE, StepState.DONE),
        (StepName.ACKNOWLEDGE, StepState.DONE),
        (StepName.PUBLISH, StepState.DONE),
    ]


async def test_fault_of_ours_is_dead_until_resubmitted(pipeline: Pipeline, judge: LineJudge) -> None:
    """A fault that would fail the same way again waits for an operator; its text holds no payload."""
    judge.failing = RuntimeError("payload of anna")
    instance = await send(pipeline, b"000000001|anna")
    failed = await settled(pipeline, instance, InstanceState.FAILED)
    judge.failing = None

    resubmitted = await pipeline.engine.resubmit(instance, "olga")
    detail = await settled(pipeline, instance)

    assert resubmitted
    assert "RuntimeError" in failed.row.error
    assert "anna" not in failed.row.error
    assert detail.row.accepted_count == 1


async def test_done_message_cannot_be_resubmitted(pipeline: Pipeline) -> None:
    """Resubmitting goes on from a failed step; there is none."""
    instance = await send(pipeline, b"000000001|anna")
    await settled(pipeline, instance)

    assert not await pipeline.engine.resubmit(instance, "olga")


async def test_unreadable_message_is_kept(pipeline: Pipeline) -> None:
    """What no acknowledgement can answer is archived, and said to be unreadable."""
    outcome = await pipeline.exchange.handle(ARRIVAL, body(b"?<html>"))

    assert isinstance(outcome, Unreadable)
    detail = await settled(pipeline, outcome.receipt.instance)
    assert detail.row.interchange_count == 0
    assert detail.answers == ()


async def test_limits(pipeline: Pipeline) -> None:
    """Nothing of an empty or too large message is kept."""
    empty = await pipeline.exchange.handle(ARRIVAL, body(b"", b""))
    large = await pipeline.exchange.handle(ARRIVAL, body(*[bytes(10_000)] * 11))

    assert isinstance(empty, Empty)
    assert large == TooLarge(100_000)


async def test_lane_keeps_the_order(pipeline: Pipeline, judge: LineJudge, clock: MovableClock) -> None:
    """In a lane a message that waits for its retry holds those behind it."""
    judge.lane, judge.failing = "clinic/claims", OSError(28, "No space left on device")
    first = await send(pipeline, b"000000001|anna")
    await settled(pipeline, first, InstanceState.WAITING)
    clock.move(0.5)
    judge.failing = None
    second = await send(pipeline, b"000000002|ben")
    await asyncio.sleep(0.05)
    held = await pipeline.ledger.message(second)
    clock.move(2)

    await settled(pipeline, first)
    await settled(pipeline, second)

    assert held is not None
    assert held.state is InstanceState.WAITING
    assert judge.judged == ["000000001|anna", "000000001|anna", "000000002|ben"]


async def test_state_of_answers_is_told(pipeline: Pipeline) -> None:
    """A batch's acknowledgement waits until it is confirmed."""
    detail = await settled(pipeline, await send(pipeline, b"000000001|anna"))

    assert [answer.state for answer in detail.answers] == [PartnerAnswerState.WAITING]
