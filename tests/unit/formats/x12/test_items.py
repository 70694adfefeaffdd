"""Items in packed form."""

import pytest

from gateway.formats.x12.items import PackedItems
from gateway.model.finding import ByteRange
from gateway.model.judgement import ItemJudged, Outcome


def packed() -> PackedItems:
    """Two items, the second far into a large file and without context and document."""
    items = PackedItems()
    items.append(Outcome.ACCEPTED, (100, 200), (104, 110), (0, 50))
    items.append(Outcome.REJECTED, (1 << 40, (1 << 40) + 9), None, None)
    return items


def test_items_come_back() -> None:
    """Each as it went in, by index, slice and iteration."""
    first = ItemJudged(1, Outcome.ACCEPTED, ByteRange(100, 200), ByteRange(104, 110), ByteRange(0, 50))
    second = ItemJudged(2, Outcome.REJECTED, ByteRange(1 << 40, (1 << 40) + 9), None, None)

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
