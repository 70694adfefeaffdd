"""The check of one segment: every record's checksum, number, link, and with keys its plaintext.

Owns what has to hold within a segment, and how to go on behind a fault. Must not know files. Pure.
"""

from collections.abc import MutableMapping
from dataclasses import dataclass

from gateway.stores.archive.chain import BLOCK_RECORDS, ZERO, Chain, ChainHead, link_of
from gateway.stores.archive.cipher import RecordSecret, commitment_of, secret_of
from gateway.stores.archive.encoding import decode
from gateway.stores.archive.ends import frame_digest
from gateway.stores.archive.files import segment_name
from gateway.stores.archive.record import Flag, Frame, RecordDamaged, footer_of, opening_of, read_frame, size_at
from gateway.stores.archive.recovery import next_record
from gateway.stores.archive.sidecar import SegmentKeys, WholeKey


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that is not as it was written. `record` and `offset` are None where it is the whole segment."""

    segment: str
    record: int | None
    offset: int | None
    what: str

    def __str__(self) -> str:
        place = f", record {self.record} at byte {self.offset}" if self.record is not None else ""
        return f"segment {self.segment}{place}: {self.what}"


class SegmentCheck:
    """One segment, record by record. `previous` is the head of the segment before, None where that is not known.

    `noted` heads are taken out when they are met.
    """

    def __init__(
        self,
        number: int,
        previous: ChainHead | None,
        keys: SegmentKeys | None,
        noted: MutableMapping[tuple[int, int], ChainHead],
    ) -> None:
        self._number = number
        self._previous = previous
        self._keys = keys
        self._noted = noted
        self._chain = Chain(number, previous.value if previous is not None else b"")
        self._has_previous = previous is not None
        # False behind a damaged record, until the next one gives a link to go on from.
        self._link_is_known = True
        # False behind a damaged record, until the footer says what the chain came to.
        self._chain_is_known = True
        self._synced_to = 0
        self._tail: str | None = None
        self.is_sealed = False
        self.faults: list[Fault] = []
        self.records = self.decrypted = self.size_bytes = self.unfinished_bytes = 0

    def run(self, view: memoryview) -> None:
        """Walk over all of it."""
        offset = 0
        while offset < len(view):
            try:
                frame = read_frame(view, offset)
            except RecordDamaged as error:
                found = _next(view, offset)
                if found is None:
                    self._tail = str(error)
                    break
                self._fault(offset, str(error))
                self._chain.records += 1
                self._link_is_known = self._chain_is_known = False
                offset = found
                continue
            self._record(offset, frame)
            offset += frame.size_bytes
        self.size_bytes = offset

    def end(self, size_bytes: int, *, is_last: bool, is_written: bool) -> None:
        """Judge how it ends: of the last segment, the gateway may be writing the tail at this moment."""
        offset = self.size_bytes
        if self._tail is None:
            if not self.is_sealed and not is_last:
                self._fault(offset, "the segment is cut off here: its footer is missing")
                self._chain_is_known = False
            return
        may_be_torn = is_last and not self.is_sealed and self._synced_to <= offset
        if may_be_torn and is_written:
            self.unfinished_bytes = size_bytes - offset
            return
        hint = ". If the gateway was killed while it wrote this, its next start cuts it off" if may_be_torn else ""
        self._fault(offset, self._tail + hint)
        self._chain_is_known = may_be_torn and self._chain_is_known

    def head(self) -> ChainHead | None:
        """What the chain comes to, None where damage hides it."""
        if not self._chain.records:
            return self._previous
        return self._chain.head() if self._chain_is_known and self._has_previous else None

    def _record(self, offset: int, frame: Frame) -> None:
        self._number_of(offset, frame)
        if self.is_sealed:
            self._fault(offset, "a record stands behind the footer")
        if offset == 0:
            self._opening(frame)
        elif Flag.OPENING in frame.flags:
            self._fault(offset, "a segment begins within another")
        if Flag.FOOTER in frame.flags:
            self._footer(offset, frame)
        self._link(offset, frame)
        self._data(offset, frame)
        self.records += 1
        self._synced_to = max(self._synced_to, frame.synced_to)
        self._meet_noted(offset)

    def _number_of(self, offset: int, frame: Frame) -> None:
        if frame.stamp.number == self._chain.records:
            return
        if self._link_is_known:
            self._fault(offset, f"it says that it is record {frame.stamp.number}: records are missing or were moved")
            self._link_is_known = self._chain_is_known = False
        self._chain.records = frame.stamp.number

    def _opening(self, frame: Frame) -> None:
        try:
            opening = opening_of(frame)
        except RecordDamaged as error:
            self._fault(0, str(error))
            return
        if opening.segment != self._number:
            self._fault(0, f"it is the beginning of segment {segment_name(opening.segment)}")
        if self._has_previous and opening.previous != self._chain.previous:
            self._fault(0, "it does not go on from the segment before: one of the two was altered or replaced")
        self._chain.previous, self._has_previous = opening.previous, True

    def _footer(self, offset: int, frame: Frame) -> None:
        self.is_sealed = True
        try:
            footer = footer_of(frame)
        except RecordDamaged as error:
            self._fault(offset, str(error))
            return
        chain = Chain(self._number, self._chain.previous, footer.records, footer.blocks, footer.link)
        if self._chain_is_known and chain != self._chain:
            self._fault(offset, "the footer does not fit the records before it")
        self._chain, self._link_is_known, self._chain_is_known = chain, True, True

    def _link(self, offset: int, frame: Frame) -> None:
        digest = frame_digest(self._number, offset, frame)
        begins_block = self._chain.records % BLOCK_RECORDS == 0
        before = ZERO if begins_block else self._chain.link
        if (self._link_is_known or begins_block) and link_of(before, digest) != frame.link:
            self._fault(offset, "its link does not fit: it was altered, or the record before it")
        self._chain.follow(frame.link)
        self._link_is_known = True

    def _data(self, offset: int, frame: Frame) -> None:
        secret = self._secret(offset, frame)
        if secret is None:
            return
        try:
            data = decode(frame, secret)
        except RecordDamaged as error:
            self._fault(offset, str(error), before=1)
            return
        self.decrypted += 1
        if commitment_of(secret.blind, data) != frame.commitment:
            self._fault(offset, "its plaintext is not what the chain stands for", before=1)

    def _secret(self, offset: int, frame: Frame) -> RecordSecret | None:
        if self._keys is None:
            return None
        if isinstance(self._keys, WholeKey):
            return secret_of(self._keys.data_key, offset, frame.stamp.salt)
        found = self._keys.secrets.get(offset)
        return RecordSecret(found) if found is not None else None

    def _meet_noted(self, offset: int) -> None:
        noted = self._noted.pop((self._number, self._chain.records), None)
        if noted is None:
            return
        if not self._chain_is_known or not self._has_previous:
            self._fault(offset, f"the noted head {noted} cannot be compared behind damage", before=1)
        elif self._chain.head() != noted:
            self._fault(
                offset, f"the chain differs from the noted head {noted}: records before it were altered", before=1
            )

    def _fault(self, offset: int, what: str, *, before: int = 0) -> None:
        """`before`: the chain has gone on already by so many records."""
        self.faults.append(Fault(segment_name(self._number), self._chain.records - before, offset, what))


def _next(view: memoryview, offset: int) -> int | None:
    """Where it goes on behind a damaged record: where that says it ends, else wherever a whole record begins."""
    try:
        end = offset + size_at(view, offset)
        read_frame(view, end)
    except RecordDamaged:
        return next_record(view, offset + 1)
    return end
