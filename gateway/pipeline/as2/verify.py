"""Reading a kept message until all of it is proven.

Owns what is read with which keys, and what a connection has to prove where nobody signed. Must not know what becomes of
the message. Blocks.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from gateway.envelopes.as2.addressing import Addressing
from gateway.envelopes.as2.digests import NeedsDigest
from gateway.envelopes.as2.disposition import As2Fault, Modifier
from gateway.envelopes.as2.mic import Mic
from gateway.envelopes.as2.profile import DigestAlgorithm
from gateway.envelopes.as2.reader import MessageReader
from gateway.envelopes.as2.reading import Opened
from gateway.envelopes.mime.headers import Headers
from gateway.pipeline.as2.records import As2Row
from gateway.pipeline.ports import Archive, Spool
from gateway.pipeline.records import Work
from gateway.pipeline.relationships import Relationship


@dataclass(frozen=True, slots=True)
class Message:
    """What is being opened, and with what."""

    work: Work
    row: As2Row
    headers: Headers
    addressing: Addressing
    relationship: Relationship | None
    started_at: datetime


@dataclass(frozen=True, slots=True)
class Verified:
    """The outcome of reading: `opened` is None where a fault ended it. `mic` is known for some faults too."""

    opened: Opened | None
    fault: As2Fault | None
    mic: Mic | None


class Verifier:
    """Reads messages out of the archive."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    def verify(self, message: Message, spool: Spool) -> Verified:
        """Read it all; what is no fault of the message goes through. Blocks."""
        if message.relationship is None:
            fault = As2Fault(Modifier.UNKNOWN_TRADING_RELATIONSHIP, "the relationship is not in force any more")
            return Verified(None, fault, None)
        announced: frozenset[DigestAlgorithm] = frozenset()
        while True:
            try:
                return self._read(message, message.relationship, spool, announced)
            except NeedsDigest as needed:
                # A signature names another digest than its own header said: the bytes are read once more for it, at
                # most once for each. What an earlier reading left in the spool is never referred to.
                announced |= {needed.algorithm}

    def _read(
        self, message: Message, relationship: Relationship, spool: Spool, announced: frozenset[DigestAlgorithm]
    ) -> Verified:
        reader = MessageReader(
            message.headers,
            message.addressing,
            keys=relationship.decryption_keys(),
            trust=relationship.trust,
            policy=relationship.policy,
            at=message.row.received.received_at,
            announced=announced,
        )
        begin: int | None = None
        try:
            for chunk in self._archive.read(message.row.wire.archived, message.row.wire.head_size):
                begin = _spooled(spool, reader.feed(chunk), begin)
            pieces, opened = reader.finish()
            begin = _spooled(spool, pieces, begin)
            _proven(opened, message, relationship)
        except As2Fault as fault:
            return Verified(None, fault, reader.mic)
        return Verified(_shifted(opened, begin or 0), None, opened.mic)


def _proven(opened: Opened, message: Message, relationship: Relationship) -> None:
    """Without a signature the connection must have proved who sends. Raises As2Fault."""
    if not opened.is_signed and message.row.arrival.vouched_by != relationship.partner:
        raise As2Fault(
            Modifier.AUTHENTICATION_FAILED, "the message is not signed, and its connection did not prove who sends it"
        )


def _spooled(spool: Spool, pieces: list[bytes], begin: int | None) -> int | None:
    """Pieces to the spool; where this reading's first piece lies in it."""
    for piece in pieces:
        at = spool.write(piece)
        begin = at if begin is None else begin
    return begin


def _shifted(opened: Opened, begin: int) -> Opened:
    """Ranges of attachments as they lie in the spool."""
    if not begin:
        return opened
    moved = (replace(each, start=each.start + begin, end=each.end + begin) for each in opened.attachments)
    return replace(opened, attachments=tuple(moved))


def security_of(opened: Opened) -> str:
    """For the operator: what protected the message."""
    parts = []
    if opened.is_signed:
        parts.append(f"signed {opened.signature_digest}" if opened.signature_digest else "signed")
    if opened.encryption is not None:
        parts.append(f"encrypted {opened.encryption}")
    if opened.is_compressed:
        parts.append("compressed")
    return ", ".join(parts)
