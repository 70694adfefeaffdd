"""Items in packed form."""

from dataclasses import dataclass

import pytest

from gateway.formats.x12.items import PackedItems
from gateway.model.finding import ByteRange
from gateway.model.judgement import ItemJudged, Outcome


@dataclass
class Item:
    """An item as the reader gives it."""

    worst: str
    source: tuple[int, int]
    context: tuple[int, int] | None
    xml: tuple[int, int] | None


FAR = 1 << 40


def packed() -> PackedItems:
    """Two items, the second far into a large file and without context and document."""
    items = PackedItems()
    items.extend([Item("", (100, 200), (104, 110), (0, 50))], 1000)  # type: ignore[list-item]
    faulty = items.extend([Item("error", (FAR, FAR + 9), None, None)], 1000)  # type: ignore[list-item]
    assert faulty == 1
    return items


def test_items_come_back() -> None:
    """Each as it went in, by index, slice and iteration."""
    first = ItemJudged(1, Outcome.ACCEPTED, ByteRange(100, 200), ByteRange(104, 110), ByteRange(1000, 1050))
    second = ItemJudged(2, Outcome.REJECTED, ByteRange(FAR, FAR + 9), None, None)

    items = packed()

    assert list(items) == [first, second]
    assert (items[0], items[-1], items[:1]) == (first, second, (first,))
    assert items == packed()
    assert items == [first, second]
    assert hash(items) == hash(packed())


def test_no_such_item() -> None:
    """There is none beyond the last."""
    with pytest.raises(IndexError):
        packed()[2]


def test_repr_shows_no_item() -> None:
    """Only how many there are."""
    assert repr(packed()) == "PackedItems(2 items)"


def test_documents_that_are_not_kept() -> None:
    """Without a spool no item has a document; a warning rejects nothing."""
    items = PackedItems()

    faulty = items.extend([Item("warning", (0, 9), None, (0, 50))], None)  # type: ignore[list-item]

    assert (faulty, items[0].outcome, items[0].document) == (0, Outcome.ACCEPTED_WITH_ERRORS, None)
