"""The items of a set in packed form: a set of 1 GB holds a million members.

Owns the packing, 33 bytes an item instead of 400, and the outcome of an item alone. Must not know the set's.
"""

from array import array
from collections.abc import Iterator, Sequence
from typing import overload

from gateway._native import ItemRun
from gateway.model.finding import ByteRange
from gateway.model.judgement import ItemJudged, Outcome

# By the worst finding of the item: none, info, warning, error.
_OUTCOMES_BY_WORST = (Outcome.ACCEPTED, Outcome.ACCEPTED, Outcome.ACCEPTED_WITH_ERRORS, Outcome.REJECTED)
_ABSENT = 0xFFFFFFFF
_STARTS, _LENGTHS = 2, 4


class PackedItems(Sequence[ItemJudged]):
    """Items by ordinal, from 1 without gaps, made anew each time they are asked for."""

    __slots__ = ("_lengths", "_shift", "_starts", "_worst")

    def __init__(self) -> None:
        self._worst = bytearray()
        self._starts = array("Q")  # source, document
        self._lengths = array("I")  # source; context: offset in the source and length; document
        self._shift = 0  # from a place in the stream's XML to that in the spool

    def extend(self, run: ItemRun, shift: int) -> int:
        """Take a run of items as the reader gives it; how many of them are faulty.

        `shift`: how much further a document lies in the spool than in the XML of the stream.

        Raises:
            ValueError: The shift is another than before: the spool has gaps.
        """
        if self._worst and shift != self._shift:
            raise ValueError("a spool holds the documents of a set without gaps")
        self._shift = shift
        self._worst += run.worst
        self._starts.frombytes(run.starts)
        self._lengths.frombytes(run.lengths)
        return run.faulty

    def __len__(self) -> int:
        return len(self._worst)

    @overload
    def __getitem__(self, index: int) -> ItemJudged: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[ItemJudged, ...]: ...
    def __getitem__(self, index: int | slice) -> ItemJudged | tuple[ItemJudged, ...]:
        if isinstance(index, slice):
            return tuple(self._item(number) for number in range(*index.indices(len(self))))
        number = index + len(self) if index < 0 else index
        if not 0 <= number < len(self):
            raise IndexError(index)
        return self._item(number)

    def __iter__(self) -> Iterator[ItemJudged]:
        return map(self._item, range(len(self)))

    def __eq__(self, other: object) -> bool:
        if isinstance(other, PackedItems):
            mine = (self._worst, self._starts, self._lengths, self._shift)
            return mine == (other._worst, other._starts, other._lengths, other._shift)
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash((len(self), bytes(self._worst[:64])))

    def __repr__(self) -> str:
        return f"PackedItems({len(self)} items)"

    def _item(self, number: int) -> ItemJudged:
        source, document = self._starts[number * _STARTS : (number + 1) * _STARTS]
        length, offset, context, size = self._lengths[number * _LENGTHS : (number + 1) * _LENGTHS]
        return ItemJudged(
            ordinal=number + 1,
            outcome=_OUTCOMES_BY_WORST[self._worst[number]],
            source=ByteRange(source, source + length),
            context=None if offset == _ABSENT else ByteRange(source + offset, source + offset + context),
            document=None if size == _ABSENT else ByteRange(document + self._shift, document + self._shift + size),
        )
