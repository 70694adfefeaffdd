"""The items of a set in packed form: a set of 1 GB holds millions of members.

Owns the packing, 13 bytes an item instead of 400, and the outcome of an item alone. Must not know the set's.
"""

from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import NamedTuple, overload

from gateway._native import ItemRun
from gateway.model.finding import ByteRange
from gateway.model.judgement import ItemJudged, Outcome

# By the worst finding of the item: none, info, warning, error.
_OUTCOMES_BY_WORST = (Outcome.ACCEPTED, Outcome.ACCEPTED, Outcome.ACCEPTED_WITH_ERRORS, Outcome.REJECTED)
_NO_DOCUMENT = 0xFFFFFFFF
_NO_CONTEXT = 0xFFFF


class _Start(NamedTuple):
    """Where a run begins: index of its first item and of its first gap, and both places in bytes."""

    item: int
    gap: int
    source: int
    document: int


class PackedItems(Sequence[ItemJudged]):
    """Items by ordinal, from 1 without gaps, made anew each time they are asked for.

    Places are sums of sizes from the start of a run (some thousand items): iterating is cheap, an index costs a run.
    """

    __slots__ = ("_contexts", "_gaps", "_sizes", "_starts", "_worst")

    def __init__(self) -> None:
        self._worst = bytearray()
        self._sizes = array("I")  # source, document
        self._contexts = array("H")  # offset in the source, length
        self._gaps = array("I")  # index in the run, bytes
        self._starts: list[_Start] = []

    def extend(self, run: ItemRun, shift: int) -> int:
        """Take a run of items as the reader gives it; how many of them are faulty.

        `shift`: how much further a document lies in the spool than in the XML of the stream.
        """
        start = _Start(len(self._worst), len(self._gaps) // 2, run.source_start, run.document_start + shift)
        self._starts.append(start)
        self._worst += run.worst
        self._sizes.frombytes(run.sizes)
        self._contexts.frombytes(run.contexts)
        self._gaps.frombytes(run.gaps)
        return run.faulty

    def __len__(self) -> int:
        return len(self._worst)

    @overload
    def __getitem__(self, index: int) -> ItemJudged: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[ItemJudged, ...]: ...
    def __getitem__(self, index: int | slice) -> ItemJudged | tuple[ItemJudged, ...]:
        if isinstance(index, slice):
            return tuple(self[number] for number in range(*index.indices(len(self))))
        number = index + len(self) if index < 0 else index
        if not 0 <= number < len(self):
            raise IndexError(index)
        run = bisect_right(self._starts, number, key=lambda start: start.item) - 1
        start = self._starts[run]
        sizes, gaps = self._sizes, self._gaps
        source = start.source + sum(sizes[start.item * 2 : number * 2 : 2])
        for gap in range(start.gap, self._gap_end(run)):
            if gaps[gap * 2] > number - start.item:
                break
            source += gaps[gap * 2 + 1]
        documents = sizes[start.item * 2 + 1 : number * 2 : 2]
        document = start.document + sum(size for size in documents if size != _NO_DOCUMENT)
        return self._item(number, source, document)

    def __iter__(self) -> Iterator[ItemJudged]:
        gaps = self._gaps
        for run, start in enumerate(self._starts):
            source, document, gap, gap_end = start.source, start.document, start.gap, self._gap_end(run)
            end = self._starts[run + 1].item if run + 1 < len(self._starts) else len(self)
            for number in range(start.item, end):
                if gap < gap_end and gaps[gap * 2] == number - start.item:
                    source += gaps[gap * 2 + 1]
                    gap += 1
                yield self._item(number, source, document)
                source += self._sizes[number * 2]
                size = self._sizes[number * 2 + 1]
                document += 0 if size == _NO_DOCUMENT else size

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Sequence):
            return len(self) == len(other) and all(one == two for one, two in zip(self, other, strict=True))
        return NotImplemented

    def __hash__(self) -> int:
        return hash((len(self), bytes(self._worst[:64])))

    def __repr__(self) -> str:
        return f"PackedItems({len(self)} items)"

    def _gap_end(self, run: int) -> int:
        return self._starts[run + 1].gap if run + 1 < len(self._starts) else len(self._gaps) // 2

    def _item(self, number: int, source: int, document: int) -> ItemJudged:
        length, size = self._sizes[number * 2], self._sizes[number * 2 + 1]
        offset, context = self._contexts[number * 2], self._contexts[number * 2 + 1]
        return ItemJudged(
            ordinal=number + 1,
            outcome=_OUTCOMES_BY_WORST[self._worst[number]],
            source=ByteRange(source, source + length),
            context=None if offset == _NO_CONTEXT else ByteRange(source + offset, source + offset + context),
            document=None if size == _NO_DOCUMENT else ByteRange(document, document + size),
        )
