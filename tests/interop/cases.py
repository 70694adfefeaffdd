"""A case: a cell of the matrix under an AS2 name of its own, with what is chosen beside the cell."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import pytest

from gateway.envelopes.as2.profile import KeyTransport, SignatureScheme
from tests.interop.peers.matrix import Cell


@dataclass(frozen=True, slots=True)
class Case:
    """`name` is the peer's AS2 name. Scheme, key transport and TLS are of what the gateway sends."""

    name: str
    cell: Cell
    least_bytes: int = 0
    transfer_encoding: str = "binary"
    scheme: SignatureScheme = SignatureScheme.PKCS1V15
    key_transport: KeyTransport = KeyTransport.PKCS1V15
    over_tls: bool = False

    @property
    def link(self) -> str:
        """The name of the relationship in the partner's file."""
        return "".join(letter if letter.isalnum() else "-" for letter in self.name.lower())


@dataclass(frozen=True, slots=True)
class Sent:
    """A message on its way. `message_id` is of what a peer sends, `dispatch` of what the gateway sends."""

    payload: bytes = field(repr=False)
    message_id: str = ""
    dispatch: UUID | None = None


def cases_of(prefix: str, cells: Iterable[Cell]) -> tuple[Case, ...]:
    """One per cell."""
    return tuple(Case(f"{prefix}-{cell.name}", cell) for cell in cells)


def each(cases: Sequence[Case]) -> pytest.MarkDecorator:
    """Run a test for each, under its name."""
    return pytest.mark.parametrize("case", cases, ids=[case.name for case in cases])
