"""Findings of the native core as the gateway's `Finding`, and those that the judge itself adds.

Owns the translation: place, sentence, source of the rule. Must not decide what a finding means for a verdict.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from gateway._native import RawFinding
from gateway.formats.x12.guides import GuideMissing
from gateway.formats.x12.sentences import sentence
from gateway.model.finding import ByteRange, Carrier, Finding, Place, Severity, Trigger

# Which document says so, where no rule of the guide names its own source.
_SOURCES = {
    Carrier.TA105: "X12.5 interchange control structures",
    Carrier.AK905: "X12.6 functional group control",
    Carrier.IK502: "X12.6 transaction set control",
}
_INTERCHANGE_SOURCE = _SOURCES[Carrier.TA105]


@dataclass(frozen=True, slots=True)
class _Described:
    """A finding of the judge itself, for the table of sentences."""

    kind: str
    detail: str = ""
    segment: str | None = None
    loop: str | None = None
    element: int | None = None
    component: int | None = None
    repetition: int | None = None
    name: str | None = None
    rule: str | None = None


class RuleWords(Protocol):
    """What people are told of a rule, from the definitions."""

    @property
    def message(self) -> str:
        """A sentence without values."""

    @property
    def source(self) -> str:
        """Standard and section."""


_NO_RULES: Mapping[str, RuleWords] = {}


def to_finding(
    raw: RawFinding,
    set_control: str | None = None,
    guide: str | None = None,
    rules: Mapping[str, RuleWords] = _NO_RULES,
) -> Finding:
    """One finding of the core, worded. `guide` is the implementation guide of its set, `rules` are by id."""
    carrier = Carrier(raw.carrier)
    rule = rules.get(raw.rule) if raw.rule else None
    return Finding(
        severity=Severity(raw.severity),
        carrier=carrier,
        code=raw.code,
        snip=raw.snip,
        place=Place(
            interchange=raw.interchange or None,
            group=raw.group,
            set=raw.set,
            set_control=set_control,
            item=raw.item,
            segment=raw.segment,
            position=raw.position,
            loop=raw.loop,
            element=raw.element,
            component=raw.component,
            repetition=raw.repetition,
        ),
        message=rule.message if rule is not None else sentence(raw),
        rule=raw.rule,
        source=(rule.source if rule is not None else None) or _SOURCES.get(carrier) or guide or _INTERCHANGE_SOURCE,
        data_element=raw.data_element,
        value=ByteRange(*raw.value) if raw.value else None,
        trigger=Trigger(*raw.trigger) if raw.trigger else None,
    )


_MISSING_SET = {"1": "set-not-supported", "18": "set-not-in-group", "I6": "convention-not-supported"}
_MISSING_GROUP = {"1": "group-not-supported", "2": "version-not-supported"}


def set_without_guide(missing: GuideMissing, place: Place) -> Finding:
    """IK502: the set was counted, but nothing inside was judged."""
    return _own(Carrier.IK502, missing.set_code, _MISSING_SET[missing.set_code], place)


def group_without_guide(missing: GuideMissing, place: Place) -> Finding:
    """AK905: no set of this group can be judged."""
    return _own(Carrier.AK905, missing.group_code, _MISSING_GROUP[missing.group_code], place)


def _own(carrier: Carrier, code: str, kind: str, place: Place) -> Finding:
    return Finding(
        severity=Severity.ERROR,
        carrier=carrier,
        code=code,
        snip=1,
        place=place,
        message=sentence(_Described(kind=kind, segment=place.segment)),
        source=_SOURCES[carrier],
    )
