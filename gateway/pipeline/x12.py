"""X12 as the steps see it: the standard's judge and acknowledgements, joined with agreements and definitions.

Owns which agreement applies to which interchange of a message, and what follows from it. Must not know where
definitions come from, nor what segments mean.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol
from xml.sax.saxutils import quoteattr

from gateway.formats.x12.acknowledge import AckPolicy, ControlNumbers, acknowledge
from gateway.formats.x12.findings import RuleWords
from gateway.formats.x12.guides import GuideName, SetHeader, missing_guide
from gateway.formats.x12.judge import NoGuide, Refuse, SetChoice, UseProgram, X12Judge
from gateway.formats.x12.peek import peek
from gateway.formats.x12.programs import PROGRAMS
from gateway.formats.x12.verdict import rejects_interchange
from gateway.model.exchange import Principal
from gateway.model.finding import ByteRange
from gateway.model.judgement import FileJudged, GroupJudged, InterchangeJudged, Outcome, SetJudged
from gateway.pipeline.agreements import (
    BAD_CONTENT,
    Agreement,
    Agreements,
    NotAgreed,
    Selected,
    applications_agreed,
    select,
)
from gateway.pipeline.ports import AnswerDraft, Judged, Peeked, Spool, Terms
from gateway.pipeline.records import InterchangeKey, Mode, Work

# TA105, X12 data element I18.
DUPLICATE_CONTROL_NUMBER = "025"
_FUNCTIONAL_ACKNOWLEDGEMENT = "FA"
# How long a sender whose agreement is not known waits for its refusal.
_UNKNOWN_DEADLINE_S = 10.0
# ISA13; with fewer elements an interchange has no key.
_CONTROL_NUMBER_ELEMENT = 13


@dataclass(frozen=True, slots=True)
class GuideTables:
    """What definitions give for one guide: the native core's tables and the words of its rules."""

    tables: bytes
    rules: Mapping[str, RuleWords] = field(repr=False)


class Snapshot(Protocol):
    """Definitions as they are at one moment; a message is judged by one snapshot."""

    @property
    def agreements(self) -> Agreements:
        """Every partner."""
        ...

    def tables(self, version: str, transaction_set: str, rule_files: tuple[str, ...]) -> GuideTables | None:
        """The guide of GS08 and ST01 with a partner's own rules; None where there is none. Cheap when asked again."""
        ...


class Definitions(Protocol):
    """Where snapshots come from; a reload swaps what the next message gets."""

    def snapshot(self) -> Snapshot:
        """What applies now."""
        ...


class X12:
    """Adapter of `gateway.pipeline.ports.Judge`."""

    def __init__(self, definitions: Definitions) -> None:
        self._definitions = definitions

    def peek(self, principal: Principal, head: bytes) -> Peeked | None:
        """How the exchange is answered; a sender without agreement gets its refusal as its partner's others would."""
        peeked = peek(head)
        if peeked is None:
            return None
        agreements = self._definitions.snapshot().agreements
        selected = select(agreements, principal, peeked.isa, peeked.gs)
        agreement = selected.agreement if isinstance(selected, Selected) else _any_agreement(agreements, principal)
        if agreement is None:
            return Peeked(Mode.REAL_TIME, None, _UNKNOWN_DEADLINE_S)
        is_batch = agreement.mode is Mode.BATCH
        lane = f"{agreement.partner}/{agreement.name}" if agreement.is_ordered and is_batch else None
        return Peeked(agreement.mode, lane, agreement.deadline_s)

    def judge(self, work: Work, chunks: Iterable[bytes], spool: Spool) -> Judged:
        """Judge a whole message by the definitions of now."""
        snapshot = self._definitions.snapshot()
        choices = _Choices(snapshot, work)
        judge = X12Judge(choices.choose, spool, today=work.received.received_at.strftime("%Y%m%d"))
        for chunk in chunks:
            judge.feed(chunk)
        file = judge.finish()
        interchanges = tuple(choices.settle(interchange) for interchange in file.interchanges)
        terms = tuple(choices.terms(interchange) for interchange in interchanges)
        return Judged(FileJudged(interchanges, file.findings), terms)

    def publishes(self, judged: InterchangeJudged, group: GroupJudged, set_: SetJudged) -> bool:
        """Neither the set nor what it stands in is rejected."""
        return (
            not rejects_interchange(judged.findings, judged.refusal)
            and group.outcome is not Outcome.REJECTED
            and set_.outcome is not Outcome.REJECTED
        )

    def refuse_duplicate(self, interchange: InterchangeJudged) -> InterchangeJudged:
        """TA1 R 025."""
        return replace(interchange, refusal=DUPLICATE_CONTROL_NUMBER, outcome=Outcome.REJECTED)

    def answers(
        self,
        interchange: InterchangeJudged,
        terms: Terms,
        first_number: int,
        now: datetime,
        read: Callable[[ByteRange], bytes],
    ) -> tuple[AnswerDraft, ...]:
        """TA1, 999 or 997 as the agreement says."""
        policy = terms.policy if isinstance(terms.policy, AckPolicy) else AckPolicy()
        return tuple(
            AnswerDraft(each.kind, each.interchange_control, each.content)
            for each in acknowledge(interchange, policy, ControlNumbers(first_number), now, read)
        )


def _any_agreement(agreements: Agreements, principal: Principal) -> Agreement | None:
    partner = agreements.partners.get(principal.partner)
    return partner.agreements[0] if partner is not None and partner.agreements else None


class _Choices:
    """The agreement of each interchange of one message, chosen when its first set begins."""

    def __init__(self, snapshot: Snapshot, work: Work) -> None:
        self._snapshot = snapshot
        self._work = work
        self._selected: dict[int, Selected | NotAgreed] = {}

    def _select(self, interchange: tuple[str, ...], group: tuple[str, ...] | None) -> Selected | NotAgreed:
        return select(self._snapshot.agreements, self._work.received.principal, interchange, group)

    def choose(self, header: SetHeader) -> SetChoice:
        """What the set is judged by."""
        selected = self._selected.get(header.interchange_ordinal)
        if selected is None:
            selected = self._select(header.interchange, header.group)
            self._selected[header.interchange_ordinal] = selected
        if isinstance(selected, NotAgreed):
            return Refuse(selected.ta105)
        agreement = selected.agreement
        if not applications_agreed(agreement, header.group):
            return Refuse(BAD_CONTENT)
        agreed = frozenset(
            GuideName(each.functional_group, each.version, each.transaction_set) for each in agreement.guides
        )
        if header.guide not in agreed and header.functional_group != _FUNCTIONAL_ACKNOWLEDGEMENT:
            return NoGuide(missing_guide(agreed, header))
        return self._program(agreement, header)

    def _program(self, agreement: Agreement, header: SetHeader) -> SetChoice:
        rule_files = agreement.rules_for(header.version)
        found = self._snapshot.tables(header.version, header.transaction_set, rule_files)
        if found is None:
            return NoGuide(missing_guide(frozenset(), header))
        program = PROGRAMS.get(found.tables)
        instance = self._work.received.instance
        place = f"{header.interchange_ordinal}.{header.group_ordinal}.{header.set_ordinal}"
        return UseProgram(
            program=program,
            rules=found.rules,
            source_attributes=_attributes(
                partner=agreement.partner, instance=str(instance), definitions=program.digest.hex()
            ),
            document_prefix=f"{instance}.{place}.",
            characters=agreement.character_set.value,
            unit=agreement.unit,
        )

    def settle(self, interchange: InterchangeJudged) -> InterchangeJudged:
        """An interchange without any set was never asked about: it needs an agreement as well."""
        selected = self._selected.get(interchange.ordinal)
        if selected is None:
            group = interchange.groups[0].header if interchange.groups else None
            selected = self._select(interchange.header, group)
            self._selected[interchange.ordinal] = selected
        if isinstance(selected, NotAgreed) and interchange.refusal is None:
            return replace(interchange, refusal=selected.ta105, outcome=Outcome.REJECTED)
        return interchange

    def terms(self, interchange: InterchangeJudged) -> Terms:
        """What follows from the agreement. A refused interchange does not use up its key: it may come again, mended."""
        selected = self._selected[interchange.ordinal]
        if isinstance(selected, NotAgreed):
            return Terms(self._work.received.principal.partner, None, 0, AckPolicy())
        agreement = selected.agreement
        is_refused = rejects_interchange(interchange.findings, interchange.refusal)
        return Terms(
            partner=agreement.partner,
            key=None if is_refused else _key(interchange.header),
            duplicate_window_s=agreement.duplicate_window_s,
            policy=agreement.acknowledgements,
        )


def _key(header: tuple[str, ...]) -> InterchangeKey | None:
    """ISA05 to ISA08 and ISA13; None where the ISA is cut off."""
    if len(header) <= _CONTROL_NUMBER_ELEMENT:
        return None
    values = [value.rstrip() for value in header]
    return InterchangeKey(values[5], values[6], values[7], values[8], values[_CONTROL_NUMBER_ELEMENT])


def _attributes(**values: str) -> str:
    """Escaped XML attributes, each with a leading blank after the first."""
    return " ".join(f"{name}={quoteattr(value)}" for name, value in values.items())
