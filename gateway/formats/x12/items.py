"""The items of a set in packed form: a set of 1 GB holds a million members.

Owns the packing, 33 bytes an item instead of 400. Must not know what an outcome means.
"""

from array import array
from collections.abc import Iterator, Sequence
from typing import overload

from gateway.model.finding import ByteRange
from gateway.model.judgement import ItemJudged, Outcome

_OUTCOMES = tuple(Outcome)
_NUMBERS = {outcome: number for number, outcome in enumerate(_OUTCOMES)}
_ABSENT = 0xFFFFFFFF
_STARTS, _LENGTHS = 2, 4


class PackedItems(Sequence[ItemJudged]):
    """Items by ordinal, from 1 without gaps, made anew each time they are asked for."""

    __slots__ = ("_lengths", "_outcomes", "_starts")

    def __init__(self) -> None:
        self._outcomes = bytearray()
        self._starts = array("Q")  # source, document
        self._lengths = array("I")  # source; context: offset in the source and length; document

    def append(
        self,
        outcome: Outcome,
        source: tuple[int, int],
        context: tuple[int, int] | None,
        document: tuple[int, int] | None,
    ) -> None:
        """One more item; ranges are (start, end). The context lies inside the source."""
        self._outcomes.append(_NUMBERS[outcome])
        start = source[0]
        begin, end = document or (0, 0)
        self._starts.extend((start, begin))
        self._lengths.extend(
            (
                source[1] - start,
                _ABSENT if context is None else context[0] - start,
                0 if context is None else context[1] - context[0],
                _ABSENT if document is None else end - begin,
            )
        )

    def __len__(self) -> int:
        return len(self._outcomes)

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
            mine = (self._outcomes, self._starts, self._lengths)
            return mine == (other._outcomes, other._starts, other._lengths)
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash((len(self), bytes(self._outcomes[:64])))

    def __repr__(self) -> str:
        return f"PackedItems({len(self)} items)"

    def _item(self, number: int) -> ItemJudged:
        source, document = self._starts[number * _STARTS : (number + 1) * _STARTS]
        length, offset, context, size = self._lengths[number * _LENGTHS : (number + 1) * _LENGTHS]
        return ItemJudged(
            ordinal=number + 1,
            outcome=_OUTCOMES[self._outcomes[number]],
            source=ByteRange(source, source + length),
            context=None if offset == _ABSENT else ByteRange(source + offset, source + offset + context),
            document=None if size == _ABSENT else ByteRange(document, document + size),
        )
