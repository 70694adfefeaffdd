"""Sending: package once, send the same bytes until a receipt or an end."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from gateway.envelopes.as2.credentials import OwnKey, Trust
from gateway.envelopes.as2.disposition import Disposition, Modifier
from gateway.envelopes.as2.profile import Compression, Packaging, Receipt
from gateway.envelopes.as2.receipt_reader import read_receipt
from gateway.envelopes.as2.receipt_writer import Packaged
from gateway.envelopes.mime.headers import Headers
from gateway.pipeline.as2.arrive import Answered
from gateway.pipeline.as2.dispatches import DispatchFilter
from gateway.pipeline.as2.ports import Posted, PostFailed
from gateway.pipeline.relationships import Relationships
from gateway.pipeline.states import DispatchState, FailureClass, PartnerAnswerState
from tests.integration.as2.partner import ScriptedPartner, Taken
from tests.unit.pipeline.as2.conftest import URL, Answer, Exchanging, Post, status

AWAY = PostFailed("The partner cannot be reached: Connection refused.", FailureClass.TRANSIENT)
Answering = Callable[[ScriptedPartner, Taken, OwnKey], Packaged]


def posted(receipt: Packaged, code: int = 200) -> Posted:
    """A receipt as an HTTP answer."""
    return Posted(code, receipt.headers, receipt.body)


def alike(posts: list[Post]) -> bool:
    """The same bytes, header and all."""
    return len({(post.headers.encode(), post.body) for post in posts}) == 1


async def test_signed_receipt_with_the_right_mic_delivers(exchanging: Exchanging) -> None:
    """What is proven is kept: the receipt as it came, and what it says."""
    dispatch = await exchanging.send(b"MSH|\rPID|\r", filename="lab.hl7", content_type="application/hl7-v2")

    row = await exchanging.dispatched(dispatch, DispatchState.DELIVERED)

    (post,) = exchanging.poster.posts
    taken = exchanging.taken(post)
    assert taken.payload == b"MSH|\rPID|\r"
    assert taken.opened.is_signed
    assert taken.opened.is_encrypted
    (attachment,) = taken.opened.attachments
    assert (attachment.content_type, attachment.filename) == ("application/hl7-v2", "lab.hl7")
    assert (post.url, post.terms.user, post.terms.password) == (URL, "us", "word")
    assert (row.disposition, row.http_status, row.error) == ("processed", 200, "")
    assert row.receipt is not None
    kept = b"".join(exchanging.archive.read(row.receipt.archived))
    headers, content = Headers.parse(kept[: row.receipt.head_size]), kept[row.receipt.head_size :]
    receipt = read_receipt(headers, content, exchanging.relationship.trust, exchanging.clock.now())
    assert receipt.original_message_id == f"<{row.draft.message_id}>"


@pytest.mark.parametrize("compression", [Compression.BEFORE_SIGNING, Compression.AFTER_SIGNING])
async def test_compressed(exchanging: Exchanging, compression: Compression) -> None:
    """The compressed bytes wait in the spool while their size becomes known."""
    exchanging.agree(packaging=Packaging(compression=compression))

    dispatch = await exchanging.send(b"~" * 100_000)
    await exchanging.dispatched(dispatch, DispatchState.DELIVERED)

    (post,) = exchanging.poster.posts
    assert exchanging.taken(post).payload == b"~" * 100_000
    assert len(post.body) < 10_000


def _of_other_bytes(partner: ScriptedPartner, taken: Taken, _stranger: OwnKey) -> Packaged:
    mic = replace(taken.opened.mic, digest=bytes(32))
    return partner.receipt_for(replace(taken, opened=replace(taken.opened, mic=mic)))


def _of_another_message(partner: ScriptedPartner, taken: Taken, _stranger: OwnKey) -> Packaged:
    return partner.receipt_for(replace(taken, addressing=replace(taken.addressing, message_id="<earlier@us>")))


def _unsigned(partner: ScriptedPartner, taken: Taken, _stranger: OwnKey) -> Packaged:
    receipt = taken.addressing.receipt
    assert receipt is not None
    unasked = replace(taken.addressing, receipt=replace(receipt, is_signed=False))
    return partner.receipt_for(replace(taken, addressing=unasked))


def _altered(partner: ScriptedPartner, taken: Taken, _stranger: OwnKey) -> Packaged:
    receipt = partner.receipt_for(taken, Disposition.of(Modifier.DECRYPTION_FAILED))
    text = b"processed/error: decryption-failed"
    assert text in receipt.body
    return replace(receipt, body=receipt.body.replace(text, b"processed"))


def _cut_off(partner: ScriptedPartner, taken: Taken, _stranger: OwnKey) -> Packaged:
    receipt = partner.receipt_for(taken)
    return replace(receipt, body=receipt.body[:-200])


PROVE_NOTHING: dict[str, tuple[Answering, str]] = {
    "other MIC": (_of_other_bytes, "The MIC of the receipt is not that of the message"),
    "refused": (
        lambda partner, taken, _: partner.receipt_for(taken, Disposition.of(Modifier.DECRYPTION_FAILED)),
        "The partner answered processed/error: decryption-failed.",
    ),
    "failed": (
        lambda partner, taken, _: partner.receipt_for(taken, Disposition.of(Modifier.UNSUPPORTED_FORMAT)),
        "The partner answered failed/failure: unsupported format.",
    ),
    "unsigned": (_unsigned, "The receipt is not signed as was asked."),
    "signed by a stranger": (
        lambda partner, taken, stranger: partner.receipt_for(taken, key=stranger),
        "does not trust who signed the receipt",
    ),
    "altered": (_altered, "The signature does not match the receipt."),
    "cut off": (_cut_off, "The receipt cannot be read"),
    "another message's": (_of_another_message, "The receipt is for another message."),
}


@pytest.mark.parametrize("receipt", PROVE_NOTHING)
async def test_receipt_that_proves_nothing_fails_the_message(
    exchanging: Exchanging, stranger_key: OwnKey, receipt: str
) -> None:
    """At once: the same bytes would get the same answer. The receipt is kept for whoever has to sort it out."""
    answering, sentence = PROVE_NOTHING[receipt]
    exchanging.poster.usual = lambda post: posted(answering(exchanging.partner, exchanging.taken(post), stranger_key))

    row = await exchanging.dispatched(await exchanging.send(), DispatchState.FAILED)

    assert sentence in row.error
    assert row.receipt is not None
    assert len(exchanging.poster.posts) == 1


async def test_warning_counts_as_delivered(exchanging: Exchanging) -> None:
    """A duplicate at the partner is with the partner."""
    warning = Disposition.of(Modifier.DUPLICATE_DOCUMENT)
    exchanging.poster.usual = lambda post: posted(exchanging.partner.receipt_for(exchanging.taken(post), warning))

    row = await exchanging.dispatched(await exchanging.send(), DispatchState.DELIVERED)

    assert row.disposition == "processed/warning: duplicate-document"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (status(500), "The partner answered HTTP 500."),
        (status(503), "The partner answered HTTP 503."),
        (status(429), "The partner answered HTTP 429."),
        (status(408), "The partner answered HTTP 408."),
        (status(200), "The partner answered HTTP 200 without the receipt."),
        (status(200, b"<html>SECRET</html>"), "The partner answered HTTP 200 without the receipt."),
        (status(204), "The partner answered HTTP 204 without the receipt."),
        (AWAY, str(AWAY)),
    ],
)
async def test_what_may_pass_is_tried_again_with_the_same_bytes(
    exchanging: Exchanging, answer: Answer | PostFailed, error: str
) -> None:
    """Under the same Message-ID, so that a partner that has it already recognises it."""
    exchanging.poster.answers.append(answer)
    dispatch = await exchanging.send()
    waiting = await exchanging.dispatched(dispatch, DispatchState.WAITING, attempts=1)

    exchanging.clock.move(1)
    row = await exchanging.dispatched(dispatch, DispatchState.DELIVERED)

    assert waiting.error == error
    assert row.attempt == 2
    assert len(exchanging.poster.posts) == 2
    assert alike(exchanging.poster.posts)


@pytest.mark.parametrize("answer", [status(500), status(200), AWAY])
async def test_attempts_end(exchanging: Exchanging, answer: Answer | PostFailed) -> None:
    """As many as agreed, each later than the one before; then an operator has to look, and sends the same again."""
    exchanging.poster.answers.extend([answer] * 3)
    dispatch = await exchanging.send()
    for attempts, wait_s in ((1, 1), (2, 2)):
        await exchanging.dispatched(dispatch, DispatchState.WAITING, attempts)
        exchanging.clock.move(wait_s)
    failed = await exchanging.dispatched(dispatch, DispatchState.FAILED)

    resubmitted = await exchanging.pipeline.courier.resubmit(dispatch, "olga")
    row = await exchanging.dispatched(dispatch, DispatchState.DELIVERED)

    assert resubmitted
    assert (failed.attempt, row.attempt) == (3, 1)
    assert failed.ended_at is not None
    assert len(exchanging.poster.posts) == 4
    assert alike(exchanging.poster.posts)


@pytest.mark.parametrize("code", [301, 302, 307, 400, 401, 403, 404, 413])
async def test_other_answers_end_it_at_once(exchanging: Exchanging, code: int) -> None:
    """A redirect too: a message goes where the partner's file says or nowhere."""
    exchanging.poster.answers.append(status(code))

    row = await exchanging.dispatched(await exchanging.send(), DispatchState.FAILED)

    assert (row.http_status, row.error) == (code, f"The partner answered HTTP {code}.")
    assert len(exchanging.poster.posts) == 1


async def test_permanent_failure_of_the_way_out(exchanging: Exchanging) -> None:
    """What trying again cannot mend."""
    exchanging.poster.answers.append(PostFailed("The url cannot be used.", FailureClass.PERMANENT))

    row = await exchanging.dispatched(await exchanging.send(), DispatchState.FAILED)

    assert row.error == "The url cannot be used."


@pytest.mark.parametrize(
    ("lacking", "sentence"),
    [
        (lambda each: each.agree(own_keys=()), "No key of ours is valid now: see `gateway keys list`."),
        (
            lambda each: each.agree(own_keys=(replace(each.relationship.own_keys[0], valid_until=each.clock.now()),)),
            "No key of ours is valid now: see `gateway keys list`.",
        ),
        (lambda each: each.agree(trust=Trust()), "No certificate of the partner to encrypt to is valid now"),
        (lambda each: each.agree_on_dispatch(url=None), "The relationship has no url to send to."),
    ],
)
async def test_what_the_agreement_lacks(
    exchanging: Exchanging, lacking: Callable[[Exchanging], None], sentence: str
) -> None:
    """Nothing is sent; a sentence says what to mend, and mended it is sent when an operator says so."""
    agreed = exchanging.relationship
    lacking(exchanging)
    dispatch = await exchanging.send()

    row = await exchanging.dispatched(dispatch, DispatchState.FAILED)

    assert sentence in row.error
    assert exchanging.poster.posts == []
    exchanging.relationships.current = Relationships.of([agreed])
    await exchanging.pipeline.courier.resubmit(dispatch, "olga")
    await exchanging.dispatched(dispatch, DispatchState.DELIVERED)


async def test_relationship_that_ended(exchanging: Exchanging) -> None:
    """Between two attempts: there is nowhere to send it any more."""
    exchanging.poster.answers.append(AWAY)
    dispatch = await exchanging.send()
    await exchanging.dispatched(dispatch, DispatchState.WAITING, attempts=1)
    exchanging.relationships.current = Relationships.of([])

    exchanging.clock.move(1)
    row = await exchanging.dispatched(dispatch, DispatchState.FAILED)

    assert row.error == "The relationship is not in the partner's file any more."


async def test_without_a_receipt_the_status_delivers(exchanging: Exchanging) -> None:
    """Where none is agreed."""
    exchanging.agree(packaging=Packaging(receipt=Receipt.NONE))
    exchanging.poster.usual = status(200, b"thanks")

    row = await exchanging.dispatched(await exchanging.send(), DispatchState.DELIVERED)

    assert (row.receipt, row.http_status) == (None, 200)


async def test_unsigned_receipt_where_none_signed_is_agreed(exchanging: Exchanging, stranger_key: OwnKey) -> None:
    """Its MIC is compared all the same."""
    exchanging.agree(packaging=Packaging(receipt_signed=False))
    exchanging.poster.answers.append(
        lambda post: posted(_of_other_bytes(exchanging.partner, exchanging.taken(post), stranger_key))
    )

    wrong = await exchanging.dispatched(await exchanging.send(), DispatchState.FAILED)
    right = await exchanging.dispatched(await exchanging.send(), DispatchState.DELIVERED)

    assert "MIC" in wrong.error
    assert right.disposition == "processed"


async def test_fault_of_ours_is_told_without_payload(exchanging: Exchanging) -> None:
    """A fault that nobody foresaw ends the message; its text, which may quote, is not repeated."""

    def broken(_post: Post) -> Posted:
        raise RuntimeError("SECRET")

    exchanging.poster.usual = broken

    row = await exchanging.dispatched(await exchanging.send(), DispatchState.FAILED)

    assert "RuntimeError" in row.error
    assert "SECRET" not in row.error


async def test_acknowledgement_goes_back_over_as2(exchanging: Exchanging) -> None:
    """As a message of its own, confirmed by the partner's receipt."""
    outcome = await exchanging.receive(exchanging.partner.pack(b"000000001|anna"))
    assert isinstance(outcome, Answered)
    assert outcome.instance is not None
    await exchanging.settled(outcome.instance)

    (row,) = await exchanging.ledger.dispatches(DispatchFilter(instance=outcome.instance), None, 10)
    await exchanging.dispatched(row.draft.id, DispatchState.DELIVERED)

    (post,) = exchanging.poster.posts
    taken = exchanging.taken(post)
    assert taken.payload == b"ACK 1 000000001|anna accepted"
    (attachment,) = taken.opened.attachments
    assert (attachment.content_type, attachment.filename) == ("application/EDI-X12", "999-000000001.edi")
    (answer,) = await exchanging.ledger.answers(outcome.instance)
    assert answer.state is PartnerAnswerState.CONFIRMED
