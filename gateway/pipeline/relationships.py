"""AS2 relationships: under which names we and a partner exchange messages, with which keys, and how.

Owns finding one by the names of a message. Must not know the files that they come from.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from gateway.envelopes.as2.credentials import OwnKey, Trust
from gateway.envelopes.as2.profile import Packaging, SecurityPolicy


@dataclass(frozen=True, slots=True)
class ReceiptTarget:
    """Where asynchronous receipts may be sent: the sender names the URL, so that it must not reach just anything."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Dispatch:
    """How what we send travels. `url` is None where nothing is sent.

    `authority` is a PEM file that the partner's TLS certificate must lead to, None for those of the system;
    `client_certificate` and `client_key` are PEM files for mutual TLS; `user` and `password` are of HTTP Basic.
    `receipt_deadline_s`: how long an asynchronous receipt may take before the message is overdue.
    """

    url: str | None
    timeout_s: float
    attempts: int
    receipt_deadline_s: float
    authority: str | None = None
    client_certificate: str | None = None
    client_key: str | None = None
    user: str | None = None
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Relationship:
    """One pair of AS2 names with one partner. `name` is unique among the partner's relationships."""

    partner: str
    name: str
    partner_name: str  # AS2-From of what comes in
    our_name: str  # AS2-To of what comes in
    policy: SecurityPolicy
    packaging: Packaging
    trust: Trust
    own_keys: tuple[OwnKey, ...]
    dispatch: Dispatch
    receipt_targets: frozenset[ReceiptTarget]
    size_limit_bytes: int
    is_ordered: bool

    def decryption_keys(self) -> tuple[OwnKey, ...]:
        """Every key of ours: a message that was encrypted to an expired certificate is still ours to read."""
        return self.own_keys

    def signing_key(self, at: datetime) -> OwnKey | None:
        """The key to sign with: of the usable ones the one that began last."""
        usable = [key for key in self.own_keys if key.is_valid(at)]
        return max(usable, key=lambda key: key.valid_from, default=None)


@dataclass(frozen=True, slots=True)
class Relationships:
    """All relationships of enabled partners, and the names under which we are known. Swapped whole by a reload.

    `receipt_url` is where partners send asynchronous receipts, None where none are asked for.
    """

    by_names: dict[tuple[str, str], Relationship]
    receipt_url: str | None = None

    @classmethod
    def of(cls, relationships: Iterable[Relationship], receipt_url: str | None = None) -> "Relationships":
        """Raises ValueError where two have the same pair of names."""
        by_names: dict[tuple[str, str], Relationship] = {}
        for each in relationships:
            if by_names.setdefault((each.our_name, each.partner_name), each) is not each:
                raise ValueError(
                    f"{each.partner} has the AS2 names of {by_names[each.our_name, each.partner_name].partner}"
                )
        return cls(by_names, receipt_url)

    def find(self, our_name: str, partner_name: str) -> Relationship | None:
        """The relationship of a message from `partner_name` to `our_name`; names are compared to the letter."""
        return self.by_names.get((our_name, partner_name))

    def of_partner(self, partner: str) -> tuple[Relationship, ...]:
        """Every relationship with a partner, in the order of its file."""
        return tuple(each for each in self.by_names.values() if each.partner == partner)

    def named(self, partner: str, name: str) -> Relationship | None:
        """One relationship by its name in the partner's file."""
        return next((each for each in self.of_partner(partner) if each.name == name), None)
