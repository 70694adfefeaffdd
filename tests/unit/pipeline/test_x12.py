"""X12 as the pipeline sees it: agreement by interchange, over the native judge and a guide without definitions."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from gateway.formats.x12.acknowledge import AckPolicy
from gateway.formats.x12.verdict import RejectionUnit
from gateway.model.exchange import ArchiveReference, Principal, Received
from gateway.pipeline.agreements import (
    AgreedGuide,
    Agreement,
    Agreements,
    CharacterSet,
    Identity,
    Limits,
    Partner,
    UsageIndicator,
)
from gateway.pipeline.ports import Judged
from gateway.pipeline.records import InterchangeKey, Mode, Work
from gateway.pipeline.x12 import X12, GuideTables
from gateway.stores.memory import MemorySpool
from tests.unit.pipeline.fakes import CLINIC, MovableClock

SENDER, US = Identity("ZZ", "CLINIC"), Identity("ZZ", "GATEWAY")
AGREEMENT = Agreement(
    partner="clinic",
    name="default",
    usage=UsageIndicator.TEST,
    senders=frozenset({SENDER}),
    receivers=frozenset({US}),
    applications=frozenset(),
    our_applications=frozenset(),
    guides=frozenset({AgreedGuide("BE", "005010X220A1", "834")}),
    mode=Mode.BATCH,
    deadline_s=15.0,
    acknowledgements=AckPolicy(),
    unit=RejectionUnit.SET,
    duplicate_window_s=86_400,
    is_ordered=True,
    character_set=CharacterSet.EXTENDED,
    limits=Limits(1 << 20),
)


class WithoutGuides:
    """Agreements, and no guide for anything."""

    def __init__(self, *agreements: Agreement) -> None:
        partner = Partner("clinic", "Clinic", True, frozenset({SENDER}), agreements)
        self.agreements = Agreements.of([partner])
        self.asked: list[tuple[str, str]] = []

    def snapshot(self) -> "WithoutGuides":
        """Itself: nothing is reloaded."""
        return self

    def tables(self, version: str, transaction_set: str, rule_files: tuple[str, ...]) -> GuideTables | None:
        """None."""
        del rule_files
        self.asked.append((version, transaction_set))
        return None


def interchange(control: int = 1, *, sender: str = "CLINIC", usage: str = "T", version: str = "005010X220A1") -> bytes:
    """An interchange with one set of two segments."""
    return (
        f"ISA*00*          *00*          *ZZ*{sender:15}*ZZ*{'GATEWAY':15}*260102*0304"
        f"*^*00501*{control:09d}*0*{usage}*:~"
        f"GS*BE*CLINIC*GATEWAY*20260102*0304*{control}*X*{version}~ST*834*0001*{version}~SE*2*0001~"
        f"GE*1*{control}~IEA*1*{control:09d}~"
    ).encode()


def judged(x12: X12, message: bytes, principal: Principal = CLINIC) -> Judged:
    """Judge a message that came from `principal`."""
    now = MovableClock().now()
    received = Received(UUID(int=1), "https", principal, "", now, len(message), bytes(32), "192.0.2.1")
    work = Work(received, ArchiveReference("", 0, 0), Mode.BATCH, 1, 1, 1, now + timedelta(seconds=30))
    return x12.judge(work, [message], MemorySpool())


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [({}, None), ({"sender": "OTHER"}, "006"), ({"usage": "P"}, "020")],
)
def test_interchange_needs_an_agreement(changes: dict[str, str], refusal: str | None) -> None:
    """Who may not send this is refused, gets no key, and can send it again, mended."""
    outcome = judged(X12(WithoutGuides(AGREEMENT)), interchange(**changes))

    (judged_interchange,), (terms,) = outcome.file.interchanges, outcome.terms
    assert judged_interchange.refusal == refusal
    assert (terms.key is None) is (refusal is not None)


def test_key_is_of_the_interchange() -> None:
    """ISA05 to ISA08 and ISA13, without the blanks that fill them up."""
    outcome = judged(X12(WithoutGuides(AGREEMENT)), interchange(42))

    assert outcome.terms[0].key == InterchangeKey("ZZ", "CLINIC", "ZZ", "GATEWAY", "000000042")
    assert outcome.terms[0].duplicate_window_s == 86_400


def test_each_interchange_has_its_own_agreement() -> None:
    """One of a message may be refused while the other is taken."""
    outcome = judged(X12(WithoutGuides(AGREEMENT)), interchange(1) + interchange(2, usage="P"))

    assert [each.refusal for each in outcome.file.interchanges] == [None, "020"]


def test_interchange_without_sets_needs_an_agreement_too() -> None:
    """What holds no set is asked about as well."""
    text = interchange(1, sender="OTHER")
    empty = text[: text.index(b"GS*")] + b"IEA*0*000000001~"

    outcome = judged(X12(WithoutGuides(AGREEMENT)), empty)

    assert outcome.file.interchanges[0].refusal == "006"


def test_guide_that_is_not_agreed_is_not_asked_for() -> None:
    """A version outside the agreement is answered as unsupported, whether we know it or not."""
    definitions = WithoutGuides(AGREEMENT)

    outcome = judged(X12(definitions), interchange(version="005010X999"))

    assert definitions.asked == []
    assert outcome.file.interchanges[0].groups[0].outcome == "rejected"


def test_nothing_of_a_refused_interchange_is_published() -> None:
    """A duplicate control number takes everything inside with it."""
    x12 = X12(WithoutGuides(AGREEMENT))
    outcome = judged(x12, interchange())
    refused = x12.refuse_duplicate(outcome.file.interchanges[0])
    group = replace(refused.groups[0], outcome="accepted")
    accepted_set = replace(group.sets[0], outcome="accepted")

    assert not x12.publishes(refused, group, accepted_set)


def test_refused_duplicate_is_answered_by_a_ta1_alone() -> None:
    """TA1 R 025, in an interchange numbered as asked."""
    x12 = X12(WithoutGuides(AGREEMENT))
    text = interchange()
    outcome = judged(x12, text)
    refused = x12.refuse_duplicate(outcome.file.interchanges[0])

    answers = x12.answers(
        refused, outcome.terms[0], 77, MovableClock().now(), lambda place: text[place.start : place.end]
    )

    assert [(answer.kind, answer.control_number) for answer in answers] == [("TA1", "000000077")]
    assert b"TA1*000000001*260102*0304*R*025~" in answers[0].text


@pytest.mark.parametrize("head", [b"", b"<html>", b"ISA*00*", b"\x00\xff" * 200])
def test_unreadable_head(head: bytes) -> None:
    """What does not begin with an ISA cannot be acknowledged."""
    assert X12(WithoutGuides(AGREEMENT)).peek(CLINIC, head) is None


def test_peek_says_mode_and_lane() -> None:
    """The first bytes are enough to know how to answer; an ordered batch has a lane."""
    peeked = X12(WithoutGuides(AGREEMENT)).peek(CLINIC, interchange()[:300])

    assert peeked is not None
    assert (peeked.mode, peeked.lane, peeked.deadline_s) == (Mode.BATCH, "clinic/default", 15.0)


def test_sender_without_any_agreement_is_refused_at_once() -> None:
    """There is no agreed way to answer later."""
    peeked = X12(WithoutGuides()).peek(CLINIC, interchange())

    assert peeked is not None
    assert peeked.mode is Mode.REAL_TIME
