"""Whether keys and certificates of AS2 relationships follow each other without a gap.

Owns what time does to them: what counts today, and between which days nothing will. Must not know files, nor print.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.definitions.certificates import Window
from gateway.definitions.partners.load import PartnerFile
from gateway.definitions.positions import Fault
from gateway.envelopes.as2.credentials import CertificateUse
from gateway.envelopes.as2.profile import Receipt
from gateway.pipeline.relationships import Relationship

# X.509 times are whole seconds and inclusive (RFC 5280 section 4.1.2.5): windows that meet are a second apart.
_MEETING = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class _Gap:
    """From `begins` until `ends`, None where nothing follows."""

    begins: datetime
    ends: datetime | None


def interruptions(file: PartnerFile, now: datetime) -> tuple[tuple[Fault, ...], tuple[Fault, ...]]:
    """Faults: what cannot be done today. Warnings: what will not be possible for a while, or any more, later on."""
    faults: list[Fault] = []
    warnings: list[Fault] = []
    for number, relationship in enumerate(file.relationships):
        for what, windows in _needed(relationship):
            for gap in _gaps(windows, now):
                found = faults if gap.begins <= now else warnings
                found.append(file.document.fault(("as2", number), f"{what} {_span(gap, now)}"))
    return tuple(faults), tuple(warnings)


def _needed(relationship: Relationship) -> Iterator[tuple[str, tuple[Window, ...]]]:
    """What the relationship cannot do without, and when each means to it counts."""
    sends, packaging, trust = relationship.dispatch.url is not None, relationship.packaging, relationship.trust
    verifies = sends and packaging.receipt is not Receipt.NONE and packaging.receipt_signed
    if relationship.policy.signature_required or verifies:
        authorities = (
            Window(one.authority.not_valid_before_utc, one.authority.not_valid_after_utc) for one in trust.authorities
        )
        pinned = _windows(relationship, CertificateUse.SIGN)
        yield "no certificate to verify the partner's signatures with counts", (*pinned, *authorities)
    if sends and packaging.encryption is not None:
        yield "no certificate to encrypt to counts", _windows(relationship, CertificateUse.ENCRYPT)
    if relationship.own_keys:  # needed to decrypt alone, they count for ever; receipts are signed with one of them too
        keys = tuple(Window(key.valid_from, key.valid_until) for key in relationship.own_keys)
        yield "no key of ours to sign messages and receipts with counts", keys


def _windows(relationship: Relationship, use: CertificateUse) -> tuple[Window, ...]:
    return tuple(Window(one.valid_from, one.valid_until) for one in relationship.trust.certificates if use in one.uses)


def _gaps(windows: Iterable[Window], now: datetime) -> Iterator[_Gap]:
    """Times from `now` to the last end in which none counts; all time where every one is over."""
    covered_until = now
    for window in sorted(windows, key=lambda one: one.begins):
        if window.begins > covered_until + _MEETING:
            yield _Gap(covered_until, window.begins)
        covered_until = max(covered_until, window.ends)
    if covered_until == now:
        yield _Gap(now, None)


def _span(gap: _Gap, now: datetime) -> str:
    if gap.ends is None:
        return "any more"
    if gap.begins <= now:
        return f"until {gap.ends:%Y-%m-%d}"
    return f"from {gap.begins:%Y-%m-%d} until {gap.ends:%Y-%m-%d}"
