from dataclasses import replace

import pytest

from gateway.formats.x12.acknowledge import AckPolicy
from gateway.formats.x12.verdict import RejectionUnit
from gateway.model.exchange import Authentication, Principal
from gateway.pipeline.agreements import (
    AgreedGuide,
    Agreement,
    Agreements,
    CharacterSet,
    GroupAgreed,
    GroupNotAgreed,
    Identity,
    Limits,
    NotAgreed,
    Partner,
    RefusalReason,
    Selected,
    UsageIndicator,
    applications_agreed,
    select,
    select_group,
)
from gateway.pipeline.records import Mode

CLINIC, LAB, US = Identity("ZZ", "CLINIC"), Identity("30", "LAB"), Identity("ZZ", "GATEWAY")
CLAIMS = AgreedGuide("HC", "005010X222A1", "837")
MEMBERS = AgreedGuide("BE", "005010X220A1", "834")


def _agreement(partner: str, identity: Identity, **changes: object) -> Agreement:
    plain = Agreement(
        partner=partner,
        name="default",
        usage=UsageIndicator.TEST,
        senders=frozenset({identity}),
        receivers=frozenset({US}),
        applications=frozenset(),
        our_applications=frozenset(),
        guides=frozenset({CLAIMS}),
        mode=Mode.BATCH,
        deadline_s=15.0,
        acknowledgements=AckPolicy(),
        unit=RejectionUnit.SET,
        duplicate_window_s=86_400,
        is_ordered=False,
        character_set=CharacterSet.EXTENDED,
        limits=Limits(1 << 20),
    )
    return replace(plain, **changes)


def _partner(partner: str, identity: Identity, *agreements: Agreement, is_enabled: bool = True) -> Partner:
    return Partner(partner, partner.title(), is_enabled, frozenset({identity}), agreements)


def _isa(**changes: str) -> tuple[str, ...]:
    values = {"05": "ZZ", "06": "CLINIC", "07": "ZZ", "08": "GATEWAY", "15": "T"} | {
        key.removeprefix("isa"): value for key, value in changes.items()
    }
    return ("ISA", *(values.get(f"{number:02d}", "").ljust(15) for number in range(1, 17)))


def _gs(group: str = "HC", version: str = "005010X222A1", sender: str = "APP", receiver: str = "US") -> tuple[str, ...]:
    return ("GS", group, sender, receiver, "20260105", "1200", "1", "X", version)


def _principal(partner: str = "clinic") -> Principal:
    return Principal(partner, partner, Authentication.BASIC)


ALL = Agreements.of(
    [
        _partner("clinic", CLINIC, _agreement("clinic", CLINIC)),
        _partner("lab", LAB, _agreement("lab", LAB)),
        _partner("closed", Identity("ZZ", "CLOSED"), _agreement("closed", Identity("ZZ", "CLOSED")), is_enabled=False),
    ]
)


def test_agreement_is_selected() -> None:
    """Principal, sender, receiver and usage fit; the blanks that fill ISA do not count."""
    found = select(ALL, _principal(), _isa(), _gs())

    assert isinstance(found, Selected)
    assert found.agreement.partner == "clinic"


@pytest.mark.parametrize(
    ("principal", "changes", "code", "reason"),
    [
        ("nobody", {}, "006", RefusalReason.PRINCIPAL_WITHOUT_AGREEMENT),
        ("closed", {"isa06": "CLOSED"}, "006", RefusalReason.PRINCIPAL_WITHOUT_AGREEMENT),
        ("clinic", {"isa06": "STRANGER"}, "006", RefusalReason.SENDER_UNKNOWN),
        ("clinic", {"isa05": "30", "isa06": "LAB"}, "006", RefusalReason.SENDER_IS_ANOTHER),
        ("lab", {}, "006", RefusalReason.SENDER_IS_ANOTHER),
        ("clinic", {"isa05": "01"}, "005", RefusalReason.SENDER_QUALIFIER_DIFFERS),
        # What others are called under another qualifier is not told.
        ("clinic", {"isa06": "LAB"}, "006", RefusalReason.SENDER_UNKNOWN),
        ("clinic", {"isa08": "OTHER"}, "009", RefusalReason.RECEIVER_UNKNOWN),
        ("clinic", {"isa08": ""}, "008", RefusalReason.RECEIVER_MISSING),
        ("clinic", {"isa07": "30"}, "007", RefusalReason.RECEIVER_QUALIFIER_DIFFERS),
        ("clinic", {"isa15": "P"}, "020", RefusalReason.USAGE_NOT_AGREED),
        ("clinic", {"isa15": ""}, "020", RefusalReason.USAGE_NOT_AGREED),
    ],
)
def test_what_is_not_agreed_is_refused(
    principal: str, changes: dict[str, str], code: str, reason: RefusalReason
) -> None:
    """Each row of the table of refusals has its TA105 code."""
    found = select(ALL, _principal(principal), _isa(**changes), _gs())

    assert found == NotAgreed(code, reason)


def test_truncated_header_is_refused() -> None:
    """Whatever an ISA lacks, the answer is a refusal and never an error of ours."""
    found = select(ALL, _principal(), ("ISA",), ())

    assert found == NotAgreed("006", RefusalReason.SENDER_UNKNOWN)


def test_application_codes_are_checked_where_agreed() -> None:
    """GS02 and GS03 count only where the agreement names some."""
    strict = _agreement("clinic", CLINIC, applications=frozenset({"APP"}), our_applications=frozenset({"US"}))
    agreements = Agreements.of([_partner("clinic", CLINIC, strict)])

    wrong_sender = select(agreements, _principal(), _isa(), _gs(sender="ELSE"))
    wrong_receiver = select(agreements, _principal(), _isa(), _gs(receiver="THEM"))
    right = select(agreements, _principal(), _isa(), _gs())

    assert wrong_sender == wrong_receiver == NotAgreed("024", RefusalReason.APPLICATION_NOT_AGREED)
    assert isinstance(right, Selected)
    assert not applications_agreed(strict, _gs(sender="ELSE"))


def test_guide_chooses_among_several_agreements() -> None:
    """Claims in batch, members in real time: the first group decides."""
    claims = _agreement("clinic", CLINIC, name="claims")
    members = _agreement("clinic", CLINIC, name="members", guides=frozenset({MEMBERS}), mode=Mode.REAL_TIME)
    agreements = Agreements.of([_partner("clinic", CLINIC, claims, members)])

    found = [
        select(agreements, _principal(), _isa(), group)
        for group in (_gs(), _gs("BE", "005010X220A1"), _gs("HP", "005010X221A1"), None)
    ]

    assert [one.agreement.name for one in found if isinstance(one, Selected)] == [
        "claims",
        "members",
        "claims",
        "claims",
    ]


def test_usage_chooses_among_several_agreements() -> None:
    """Test and production are agreements of their own."""
    production = _agreement("clinic", CLINIC, name="production", usage=UsageIndicator.PRODUCTION)
    test = _agreement("clinic", CLINIC, name="test")
    agreements = Agreements.of([_partner("clinic", CLINIC, production, test)])

    found = [select(agreements, _principal(), _isa(isa15=usage), _gs()) for usage in "PT"]

    assert [one.agreement.name for one in found if isinstance(one, Selected)] == ["production", "test"]


@pytest.mark.parametrize(
    ("group", "expected"),
    [
        (_gs(), GroupAgreed()),
        (_gs("FA", "005010X231A1"), GroupAgreed()),
        (_gs("BE", "005010X220A1"), GroupNotAgreed("1")),
        (_gs("HC", "005010X223A2"), GroupNotAgreed("2")),
        (("GS",), GroupNotAgreed("1")),
    ],
)
def test_group_is_agreed_by_its_guide(group: tuple[str, ...], expected: GroupAgreed | GroupNotAgreed) -> None:
    """GS01 unknown is AK905 1, GS08 unknown is 2; acknowledgements of what we sent are always taken."""
    assert select_group(_agreement("clinic", CLINIC), group) == expected


def test_partners_may_not_share_an_identity() -> None:
    """Else nobody knows who sent what."""
    with pytest.raises(ValueError, match="share the identity"):
        Agreements.of([_partner("a", CLINIC), _partner("b", CLINIC)])


def test_disabled_partner_does_not_hold_its_identity() -> None:
    """A partner that moved to a new file keeps its ISA id."""
    agreements = Agreements.of([_partner("a", CLINIC, is_enabled=False), _partner("b", CLINIC)])

    assert agreements.senders == {CLINIC: "b"}


def test_size_limit_is_the_largest_of_the_agreements() -> None:
    """Which agreement applies is not known before the message is read."""
    agreements = [_agreement("clinic", CLINIC, limits=Limits(size)) for size in (10, 30, 20)]

    assert _partner("clinic", CLINIC, *agreements).size_limit_bytes == 30
    assert _partner("clinic", CLINIC).size_limit_bytes == 0
