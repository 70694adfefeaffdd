"""Agreements: what a partner may send us, as whom, and how we answer.

Owns the choice of one agreement for an interchange and the refusals where there is none; pure. Must not know the files
that agreements come from, nor what is inside a transaction set.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from gateway.formats.x12.acknowledge import AckPolicy
from gateway.formats.x12.verdict import RejectionUnit
from gateway.model.exchange import Principal
from gateway.pipeline.records import Mode

# TA105, X12 data element I18.
BAD_SENDER_QUALIFIER = "005"
BAD_SENDER = "006"
BAD_RECEIVER_QUALIFIER = "007"
BAD_RECEIVER = "008"
UNKNOWN_RECEIVER = "009"
BAD_USAGE_INDICATOR = "020"
BAD_CONTENT = "024"

# ISA05 to ISA08 and ISA15: what agreements are looked up by.
_ENVELOPE = (5, 6, 7, 8, 15)

# AK905, X12 data element 716.
GROUP_NOT_SUPPORTED = "1"
GROUP_VERSION_NOT_SUPPORTED = "2"


class UsageIndicator(StrEnum):
    """ISA15."""

    PRODUCTION = "P"
    TEST = "T"


class CharacterSet(StrEnum):
    """X12.6 section 3.3: what a partner's data elements may hold beside the delimiters."""

    BASIC = "basic"
    EXTENDED = "extended"
    OPEN = "open"  # whatever prints, in any script


@dataclass(frozen=True, slots=True)
class Identity:
    """An interchange id with its qualifier: ISA05 and ISA06, or ISA07 and ISA08; without trailing blanks."""

    qualifier: str
    id: str


@dataclass(frozen=True, slots=True)
class AgreedGuide:
    """One guide that may be sent: GS01, GS08 and ST01."""

    functional_group: str
    version: str
    transaction_set: str


@dataclass(frozen=True, slots=True)
class Limits:
    """What one message of this partner may be. `size_bytes` counts the wire bytes."""

    size_bytes: int


@dataclass(frozen=True, slots=True)
class Agreement:
    """One agreement with one partner, for what the partner sends.

    `senders` and `receivers` (ourselves) are never empty; `applications` and `our_applications` (GS02 and GS03) are,
    where any is agreed. `deadline_s` counts in real time. `rule_files` are the files of companion guides by GS08, a
    later one weighing more.
    """

    partner: str
    name: str
    usage: UsageIndicator
    senders: frozenset[Identity]
    receivers: frozenset[Identity]
    applications: frozenset[str]
    our_applications: frozenset[str]
    guides: frozenset[AgreedGuide]
    mode: Mode
    deadline_s: float
    acknowledgements: AckPolicy
    unit: RejectionUnit
    duplicate_window_s: int
    is_ordered: bool
    character_set: CharacterSet
    limits: Limits
    rule_files: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def rules_for(self, version: str) -> tuple[str, ...]:
        """The files of the companion guide for this GS08."""
        return next((files for guide, files in self.rule_files if guide == version), ())


@dataclass(frozen=True, slots=True)
class Partner:
    """A trading partner and what is agreed with it. Credentials are elsewhere."""

    id: str
    name: str
    is_enabled: bool
    identities: frozenset[Identity]
    agreements: tuple[Agreement, ...]

    @property
    def size_limit_bytes(self) -> int:
        """The largest message that any of its agreements takes: which one applies is not known before it is read."""
        return max((agreement.limits.size_bytes for agreement in self.agreements), default=0)


class RefusalReason(StrEnum):
    """Why no agreement applies; for the log, the operator and the sentence beside the code."""

    PRINCIPAL_WITHOUT_AGREEMENT = "the sender on the line has no agreement, or it is disabled"
    SENDER_QUALIFIER_DIFFERS = "the interchange sender (ISA06) is known under another qualifier (ISA05)"
    SENDER_UNKNOWN = "the interchange sender (ISA05, ISA06) is not known"
    SENDER_IS_ANOTHER = "the interchange sender (ISA05, ISA06) is another partner than the one on the line"
    RECEIVER_MISSING = "the interchange receiver (ISA08) is empty"
    RECEIVER_QUALIFIER_DIFFERS = "the interchange receiver (ISA08) is ours under another qualifier (ISA07)"
    RECEIVER_UNKNOWN = "the interchange receiver (ISA07, ISA08) is not us"
    USAGE_NOT_AGREED = "the usage indicator (ISA15) is not agreed: test and production are kept apart"
    APPLICATION_NOT_AGREED = "the application codes of the functional group (GS02, GS03) are not agreed"


@dataclass(frozen=True, slots=True)
class Selected:
    """The one agreement that applies."""

    partner: Partner
    agreement: Agreement


@dataclass(frozen=True, slots=True)
class NotAgreed:
    """The whole interchange is refused: TA1 R with this TA105 code, nothing processed."""

    ta105: str
    reason: RefusalReason


@dataclass(frozen=True, slots=True)
class GroupAgreed:
    """The functional group may be judged."""


_GROUP_AGREED = GroupAgreed()


@dataclass(frozen=True, slots=True)
class GroupNotAgreed:
    """The functional group is refused: AK9 R with this AK905 code."""

    ak905: str


@dataclass(frozen=True, slots=True)
class Agreements:
    """Every partner by id, who sends under an identity, and agreements by envelope. Swapped whole by a reload.

    `by_envelope` has the agreements of enabled partners by partner, ISA05, ISA06, ISA07, ISA08 and ISA15: what every
    message is looked up by.
    """

    partners: dict[str, Partner]
    senders: dict[Identity, str] = field(repr=False)
    by_envelope: dict[tuple[str, ...], tuple[Agreement, ...]] = field(repr=False)

    @classmethod
    def of(cls, partners: Iterable[Partner]) -> "Agreements":
        """Raises ValueError where two enabled partners share an identity: lint names both files."""
        by_id = {partner.id: partner for partner in partners}
        senders: dict[Identity, str] = {}
        for partner in by_id.values():
            if not partner.is_enabled:
                continue
            for identity in partner.identities:
                if senders.setdefault(identity, partner.id) != partner.id:
                    raise ValueError(f"{partner.id} and {senders[identity]} share the identity {identity.id}")
        return cls(by_id, senders, _by_envelope(by_id.values()))


def _by_envelope(partners: Iterable[Partner]) -> dict[tuple[str, ...], tuple[Agreement, ...]]:
    found: dict[tuple[str, ...], tuple[Agreement, ...]] = {}
    agreements = (
        (partner, agreement) for partner in partners if partner.is_enabled for agreement in partner.agreements
    )
    for owner, agreement in agreements:
        for sender in agreement.senders & owner.identities:
            for us in agreement.receivers:
                key = (owner.id, sender.qualifier, sender.id, us.qualifier, us.id, agreement.usage.value)
                found[key] = (*found.get(key, ()), agreement)
    return found


def select(
    agreements: Agreements, principal: Principal, interchange: Sequence[str], group: Sequence[str] | None
) -> Selected | NotAgreed:
    """The agreement for one interchange of an authenticated principal.

    `interchange` and `group` are the elements of ISA and of its first GS (None: not known, or there is none), index 0
    the segment id. In this order:

    1. The principal's partner must have agreements and be enabled, else TA105 006.
    2. ISA05 and ISA06 must be an identity of that partner, else 005 or 006: nobody submits as another.
    3. ISA07 and ISA08 must be us, else 007, 008 or 009.
    4. ISA15 must be agreed, else 020.
    5. GS02 and GS03 must be agreed where any are named, else 024.
    6. Of several that are left, the one that lists the group's guide; else the first, whose group is then refused.
    """
    partner = agreements.partners.get(principal.partner)
    # One look-up answers steps 1 to 4; a miss is asked why.
    envelope = tuple([_element(interchange, position) for position in _ENVELOPE])
    usable = agreements.by_envelope.get((principal.partner, *envelope))
    if partner is None or usable is None:
        return _refusal(agreements, partner, Identity(*envelope[:2]), Identity(*envelope[2:4]))
    if group is None:
        return Selected(partner, usable[0])
    addressed = [agreement for agreement in usable if applications_agreed(agreement, group)]
    if not addressed:
        return NotAgreed(BAD_CONTENT, RefusalReason.APPLICATION_NOT_AGREED)
    for agreement in addressed:
        if isinstance(select_group(agreement, group), GroupAgreed):
            return Selected(partner, agreement)
    return Selected(partner, addressed[0])


def select_group(agreement: Agreement, group: Sequence[str]) -> GroupAgreed | GroupNotAgreed:
    """Whether a functional group (elements of GS, index 0 the segment id) is agreed: GS01, then GS08.

    A functional group of acknowledgements (FA) is always taken: it answers what we sent.
    """
    functional_group, version = _element(group, 1), _element(group, 8)
    if functional_group == "FA":
        return _GROUP_AGREED
    agreed = [guide.version for guide in agreement.guides if guide.functional_group == functional_group]
    if not agreed:
        return GroupNotAgreed(GROUP_NOT_SUPPORTED)
    return _GROUP_AGREED if version in agreed else GroupNotAgreed(GROUP_VERSION_NOT_SUPPORTED)


def applications_agreed(agreement: Agreement, group: Sequence[str]) -> bool:
    """Whether GS02 and GS03 are agreed; every group of an interchange is asked, the first by `select`."""
    sender, receiver = _element(group, 2), _element(group, 3)
    return (not agreement.applications or sender in agreement.applications) and (
        not agreement.our_applications or receiver in agreement.our_applications
    )


def _refusal(agreements: Agreements, partner: Partner | None, sender: Identity, receiver: Identity) -> NotAgreed:
    """Why no agreement has this envelope: steps 1 to 4 of `select`."""
    if partner is None or not partner.is_enabled or not partner.agreements:
        return NotAgreed(BAD_SENDER, RefusalReason.PRINCIPAL_WITHOUT_AGREEMENT)
    if sender not in partner.identities:
        return _foreign_sender(agreements, partner, sender)
    left = [agreement for agreement in partner.agreements if sender in agreement.senders]
    if not any(receiver in agreement.receivers for agreement in left):
        return _foreign_receiver(left, receiver)
    return NotAgreed(BAD_USAGE_INDICATOR, RefusalReason.USAGE_NOT_AGREED)


def _foreign_sender(agreements: Agreements, partner: Partner, sender: Identity) -> NotAgreed:
    if sender in agreements.senders:
        return NotAgreed(BAD_SENDER, RefusalReason.SENDER_IS_ANOTHER)
    # Only the partner's own ids: an answer must not tell which ids of others we know.
    if any(identity.id == sender.id for identity in partner.identities):
        return NotAgreed(BAD_SENDER_QUALIFIER, RefusalReason.SENDER_QUALIFIER_DIFFERS)
    return NotAgreed(BAD_SENDER, RefusalReason.SENDER_UNKNOWN)


def _foreign_receiver(agreements: Sequence[Agreement], receiver: Identity) -> NotAgreed:
    if not receiver.id:
        return NotAgreed(BAD_RECEIVER, RefusalReason.RECEIVER_MISSING)
    if any(ours.id == receiver.id for agreement in agreements for ours in agreement.receivers):
        return NotAgreed(BAD_RECEIVER_QUALIFIER, RefusalReason.RECEIVER_QUALIFIER_DIFFERS)
    return NotAgreed(UNKNOWN_RECEIVER, RefusalReason.RECEIVER_UNKNOWN)


def _element(elements: Sequence[str], position: int) -> str:
    """ISA elements are padded with blanks to their fixed width."""
    return elements[position].rstrip() if len(elements) > position else ""
