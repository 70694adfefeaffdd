"""Which combinations of algorithms, compression, receipt and payload are exchanged with a peer.

Owns the cells. Must not know who can do which: that is said beside each product's tests.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import product

from gateway.envelopes.as2.profile import Compression, DigestAlgorithm, EncryptionAlgorithm, Receipt


class Payload(StrEnum):
    """What is sent: an interchange that the gateway judges, or HL7 v2 with its bare carriage returns."""

    CLAIMS = "claims"
    HL7V2 = "hl7v2"

    @property
    def content_type(self) -> str:
        """The payload's own media type."""
        return "application/EDI-X12" if self is Payload.CLAIMS else "application/hl7-v2"


@dataclass(frozen=True, slots=True)
class Cell:
    """One way to exchange a message. None: not signed, not encrypted."""

    digest: DigestAlgorithm | None
    encryption: EncryptionAlgorithm | None
    compression: Compression = Compression.NONE
    receipt: Receipt = Receipt.SYNCHRONOUS
    payload: Payload = Payload.CLAIMS

    @property
    def name(self) -> str:
        """All of it in words that may stand in an AS2 name and in a file name."""
        signed = "unsigned" if self.digest is None else self.digest.value
        encrypted = "plain" if self.encryption is None else self.encryption.value
        return "-".join((signed, encrypted, self.compression.value, self.receipt.value, self.payload.value))


_COMPRESSIONS = tuple(Compression)
_RECEIPTS = (Receipt.SYNCHRONOUS, Receipt.ASYNCHRONOUS, Receipt.NONE)
_PAYLOADS = tuple(Payload)


def covering_cells(
    digests: tuple[DigestAlgorithm | None, ...],
    encryptions: tuple[EncryptionAlgorithm | None, ...],
    *,
    compresses: bool,
) -> tuple[Cell, ...]:
    """Every digest with every encryption; compression, receipt and payload take turns and meet each of them.

    `compresses`: False for a product that cannot.
    """
    return tuple(dict.fromkeys(_turns(digests, encryptions, compresses=compresses)))


def _turns(
    digests: tuple[DigestAlgorithm | None, ...],
    encryptions: tuple[EncryptionAlgorithm | None, ...],
    *,
    compresses: bool,
) -> Iterator[Cell]:
    for (row, digest), (column, encryption) in product(enumerate(digests), enumerate(encryptions)):
        compression = _COMPRESSIONS[(row + column) % 3] if compresses else Compression.NONE
        if digest is None and compression is Compression.AFTER_SIGNING:
            compression = Compression.BEFORE_SIGNING
        receipt = _RECEIPTS[(row + 2 * column) % 3]
        yield Cell(digest, encryption, compression, receipt, _PAYLOADS[(row // 3 + row + column) % 2])
