"""Receipts that come on their own, for messages of ours: in time, late, for others, of others."""

from dataclasses import replace
from uuid import UUID

import pytest

from gateway.envelopes.as2.credentials import OwnKey
from gateway.envelopes.as2.disposition import Disposition, Modifier
from gateway.envelopes.as2.profile import Packaging, Receipt
from gateway.envelopes.as2.receipt_writer import Packaged
from gateway.pipeline.as2.arrive import Answered, As2Outcome, Promised
from gateway.pipeline.as2.dispatches import DispatchFilter, DispatchKind, DispatchRow
from gateway.pipeline.as2.receipts import ReceiptRefused, ReceiptTaken, RefusalReason
from gateway.pipeline.ports import StoreFull
from gateway.pipeline.receive import StoreUnavailable
from gateway.pipeline.relationships import Relationships
from gateway.pipeline.states import DispatchState
from tests.integration.as2.conftest import altered
from tests.integration.as2.partner import Taken
from tests.unit.pipeline.as2.conftest import RECEIPT_URL, Exchanging, status

ASYNCHRONOUS = Packaging(receipt=Receipt.ASYNCHRONOUS)


@pytest.fixture
async def sent(exchanging: Exchanging) -> UUID:
    """A message that the partner has taken, whose receipt is awaited."""
    exchanging.agree(packaging=ASYNCHRONOUS)
    exchanging.poster.usual = status(202)
    dispatch = await exchanging.send()
    await exchanging.dispatched(dispatch, DispatchState.SENT)
    return dispatch


def taken(exchanging: Exchanging) -> Taken:
    """What the partner has."""
    return exchanging.taken(exchanging.poster.posts[0])


async def row_of(exchanging: Exchanging, dispatch: UUID) -> DispatchRow:
    """Where it stands."""
    row = await exchanging.ledger.dispatch(dispatch)
    assert row is not None
    return row


async def test_message_says_where_its_receipt_shall_go(exchanging: Exchanging, sent: UUID) -> None:
    """To us."""
    receipt = taken(exchanging).addressing.receipt

    assert receipt is not None
    assert receipt.url == "https://us.test/as2"
    assert (await row_of(exchanging, sent)).http_status == 202


async def test_receipt_delivers(exchanging: Exchanging, sent: UUID) -> None:
    """And is kept."""
    outcome = await exchanging.receive(exchanging.partner.receipt_for(taken(exchanging)))

    assert outcome == ReceiptTaken(sent)
    row = await row_of(exchanging, sent)
    assert (row.state, row.disposition) == (DispatchState.DELIVERED, "processed")
    assert row.receipt is not None


async def test_receipt_in_the_reply_though_asked_for_later(exchanging: Exchanging) -> None:
    """Some products know only the one way."""
    exchanging.agree(packaging=ASYNCHRONOUS)

    await exchanging.dispatched(await exchanging.send(), DispatchState.DELIVERED)


async def test_late_receipt_still_counts(exchanging: Exchanging, sent: UUID) -> None:
    """Overdue, an operator has had a look; the message is with the partner all the same."""
    exchanging.clock.move(3601)
    overdue = await exchanging.dispatched(sent, DispatchState.OVERDUE)

    outcome = await exchanging.receive(exchanging.partner.receipt_for(taken(exchanging)))

    assert overdue.error == "The receipt did not come in time."
    assert isinstance(outcome, ReceiptTaken)
    row = await row_of(exchanging, sent)
    assert (row.state, row.error) == (DispatchState.DELIVERED, "")


async def test_overdue_message_is_sent_again_as_it_was(exchanging: Exchanging, sent: UUID) -> None:
    """The same bytes: a partner that has it recognises it."""
    exchanging.clock.move(3601)
    await exchanging.dispatched(sent, DispatchState.OVERDUE)

    await exchanging.pipeline.courier.resubmit(sent, "olga")
    await exchanging.dispatched(sent, DispatchState.SENT)

    first, second = exchanging.poster.posts
    assert (first.headers, first.body) == (second.headers, second.body)


async def test_refusal_fails_the_message(exchanging: Exchanging, sent: UUID) -> None:
    """Signed by the partner, so that it is true."""
    refusal = Disposition.of(Modifier.DECRYPTION_FAILED)

    outcome = await exchanging.receive(exchanging.partner.receipt_for(taken(exchanging), refusal))

    assert outcome == ReceiptTaken(sent)
    row = await row_of(exchanging, sent)
    assert (row.state, row.error) == (DispatchState.FAILED, "The partner answered processed/error: decryption-failed.")


async def test_wrong_mic_fails_the_message(exchanging: Exchanging, sent: UUID) -> None:
    """The partner says itself that it has something else."""
    message = taken(exchanging)
    mic = replace(message.opened.mic, digest=bytes(32))

    outcome = await exchanging.receive(
        exchanging.partner.receipt_for(replace(message, opened=replace(message.opened, mic=mic)))
    )

    assert outcome == ReceiptTaken(sent)
    row = await row_of(exchanging, sent)
    assert row.state is DispatchState.FAILED
    assert "MIC" in row.error


def _unsigned(exchanging: Exchanging) -> Packaged:
    message = taken(exchanging)
    receipt = message.addressing.receipt
    assert receipt is not None
    unasked = replace(message.addressing, receipt=replace(receipt, is_signed=False))
    return exchanging.partner.receipt_for(replace(message, addressing=unasked))


def _forged(exchanging: Exchanging, stranger: OwnKey) -> dict[str, tuple[Packaged, RefusalReason]]:
    message = taken(exchanging)
    good = exchanging.partner.receipt_for(message)
    never = replace(message, addressing=replace(message.addressing, message_id="<never@gateway>"))
    return {
        "unsigned": (_unsigned(exchanging), RefusalReason.NOT_SIGNED_RIGHT),
        "stranger": (exchanging.partner.receipt_for(message, key=stranger), RefusalReason.NOT_SIGNED_RIGHT),
        "altered": (
            replace(good, body=good.body.replace(b"processed", b"displayed")),
            RefusalReason.NOT_SIGNED_RIGHT,
        ),
        "cut off": (replace(good, body=good.body[:-200]), RefusalReason.NOT_A_RECEIPT),
        "too large": (replace(good, body=good.body + b" " * (1 << 20)), RefusalReason.TOO_LARGE),
        "unknown names": (altered(good, AS2_From="NOBODY"), RefusalReason.STRANGER),
        "never sent": (exchanging.partner.receipt_for(never), RefusalReason.UNKNOWN_MESSAGE),
    }


@pytest.mark.parametrize(
    "kind", ["unsigned", "stranger", "altered", "cut off", "too large", "unknown names", "never sent"]
)
async def test_receipt_that_is_not_the_partners_changes_nothing(
    exchanging: Exchanging, sent: UUID, stranger_key: OwnKey, kind: str
) -> None:
    """The message goes on waiting for the one that is."""
    receipt, reason = _forged(exchanging, stranger_key)[kind]
    before = await row_of(exchanging, sent)

    outcome = await exchanging.receive(receipt)

    assert outcome == ReceiptRefused(reason)
    assert await row_of(exchanging, sent) == before


@pytest.mark.parametrize("again", ["processed", "refused"])
async def test_receipt_again_changes_nothing(exchanging: Exchanging, sent: UUID, again: str) -> None:
    """Delivered stays delivered, whatever is said later; and whoever repeats itself is told that we have it."""
    good = exchanging.partner.receipt_for(taken(exchanging))
    await exchanging.receive(good)
    before = await row_of(exchanging, sent)
    refusal = exchanging.partner.receipt_for(taken(exchanging), Disposition.of(Modifier.DECRYPTION_FAILED))

    outcome = await exchanging.receive(good if again == "processed" else refusal)

    assert outcome == ReceiptTaken(sent)
    assert await row_of(exchanging, sent) == before


async def test_receipt_for_a_message_of_another_relationship(exchanging: Exchanging, sent: UUID) -> None:
    """The keys of one relationship speak for its own messages only."""
    other = replace(exchanging.relationship, name="other", partner_name="BROOK LAB")
    exchanging.relationships.current = Relationships.of([exchanging.relationship, other])
    receipt = altered(exchanging.partner.receipt_for(taken(exchanging)), AS2_From='"BROOK LAB"')

    outcome = await exchanging.receive(receipt)

    assert outcome == ReceiptRefused(RefusalReason.UNKNOWN_MESSAGE)
    assert (await row_of(exchanging, sent)).state is DispatchState.SENT


async def test_full_disk_keeps_the_message_waiting(
    exchanging: Exchanging, sent: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The receipt may come again; then it counts."""
    receipt = exchanging.partner.receipt_for(taken(exchanging))

    async def full(*_arguments: object) -> object:
        raise StoreFull("There is no room.")

    with monkeypatch.context() as patch:
        patch.setattr(exchanging.archive, "append", full)
        refused = await exchanging.receive(receipt)
    outcome = await exchanging.receive(receipt)

    assert refused == StoreUnavailable("There is no room.", is_fatal=False)
    assert outcome == ReceiptTaken(sent)


async def answered(exchanging: Exchanging, outcome: As2Outcome, state: DispatchState) -> DispatchRow:
    """Wait until all that a message led to was sent; the asynchronous receipt."""
    assert isinstance(outcome, Promised)
    await exchanging.settled(outcome.instance)
    rows = await exchanging.ledger.dispatches(DispatchFilter(instance=outcome.instance), None, 10)
    rows = tuple([await exchanging.dispatched(row.draft.id, state) for row in rows])
    return next(row for row in rows if row.draft.kind is DispatchKind.RECEIPT)


async def test_password_is_not_for_where_a_sender_wants_its_receipt(exchanging: Exchanging) -> None:
    """It belongs to the url of the partner's file."""
    outcome = await exchanging.receive(
        exchanging.partner.pack(b"000000001|anna", ASYNCHRONOUS, receipt_url=RECEIPT_URL)
    )

    await answered(exchanging, outcome, DispatchState.DELIVERED)

    terms = {post.url: (post.terms.user, post.terms.password) for post in exchanging.poster.posts}
    assert terms[RECEIPT_URL] == (None, None)
    assert terms["https://clinic.test/as2"] == ("us", "word")


async def test_receipt_of_ours_is_answered_by_none(exchanging: Exchanging) -> None:
    """A partner cannot end the sending of a receipt by inventing one for it."""
    outcome = await exchanging.receive(
        exchanging.partner.pack(b"000000001|anna", ASYNCHRONOUS, receipt_url=RECEIPT_URL)
    )
    row = await answered(exchanging, outcome, DispatchState.DELIVERED)
    acknowledgement = next(post for post in exchanging.poster.posts if post.url != RECEIPT_URL)
    message = exchanging.taken(acknowledgement)
    invented = replace(message, addressing=replace(message.addressing, message_id=f"<{row.draft.message_id}>"))

    refused = await exchanging.receive(exchanging.partner.receipt_for(invented))

    assert refused == ReceiptRefused(RefusalReason.UNKNOWN_MESSAGE)


async def test_failed_receipt_is_due_again_when_the_message_is_repeated(exchanging: Exchanging) -> None:
    """The sender's server was away too long; now it asks."""
    exchanging.poster.usual = status(404)
    message = exchanging.partner.pack(b"000000001|anna", ASYNCHRONOUS, receipt_url=RECEIPT_URL)
    outcome = await exchanging.receive(message)
    row = await answered(exchanging, outcome, DispatchState.FAILED)
    exchanging.poster.usual = status(200)

    repeated = await exchanging.receive(message)

    assert repeated == outcome
    await exchanging.dispatched(row.draft.id, DispatchState.DELIVERED)
    posts = [post for post in exchanging.poster.posts if post.url == RECEIPT_URL]
    assert posts[0].body == posts[1].body


async def test_synchronous_repeat_is_told_from_an_asynchronous_one(exchanging: Exchanging) -> None:
    """Nothing goes out on its own where the first receipt went out in a reply."""
    message = exchanging.partner.pack(b"000000001|anna")
    first = await exchanging.receive(message)

    second = await exchanging.receive(message)

    assert isinstance(first, Answered)
    assert second == first


async def test_receipt_rescues_a_message_that_was_given_up(exchanging: Exchanging) -> None:
    """Every answer got lost, the message had not: what proves that it is there counts."""
    exchanging.agree(packaging=ASYNCHRONOUS)
    exchanging.agree_on_dispatch(attempts=1)
    exchanging.poster.usual = status(500)
    dispatch = await exchanging.send()
    await exchanging.dispatched(dispatch, DispatchState.FAILED)

    outcome = await exchanging.receive(exchanging.partner.receipt_for(taken(exchanging)))

    assert outcome == ReceiptTaken(dispatch)
    assert (await row_of(exchanging, dispatch)).state is DispatchState.DELIVERED
