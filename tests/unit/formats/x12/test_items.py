"""Items in packed form."""

from typing import Any

import pytest

from gateway.formats.x12.items import PackedItems
from gateway.model.finding import ByteRange
from gateway.model.judgement import ItemJudged, Outcome

FAR = 1 << 40


def packed(script: Any) -> PackedItems:
    """Two items, the second far into a large file and without context and document."""
    items = PackedItems()
    first = script.Item(1, "", xml=(0, 50), source=(100, 200), context=(104, 110))
    items.extend(script.ItemRun([first], xml_start=400), 600)
    second = script.Item(2, "error", source=(FAR, FAR + 9), context=None)
    faulty = items.extend(script.ItemRun([second], xml_start=450), 600)
    assert faulty == 1
    return items


def test_items_come_back(script: Any) -> None:
    """Each as it went in, by index, slice and iteration."""
    first = ItemJudged(1, Outcome.ACCEPTED, ByteRange(100, 200), ByteRange(104, 110), ByteRange(1000, 1050))
    second = ItemJudged(2, Outcome.REJECTED, ByteRange(FAR, FAR + 9), None, None)

    items = packed(script)

    assert list(items) == [first, second]
    assert (items[0], items[-1], items[:1]) == (first, second, (first,))
    assert items == packed(script)
    assert items == [first, second]
    assert hash(items) == hash(packed(script))


def test_no_such_item(script: Any) -> None:
    """There is none beyond the last."""
    with pytest.raises(IndexError):
        packed(script)[2]


def test_repr_shows_no_item(script: Any) -> None:
    """Only how many there are."""
    assert repr(packed(script)) == "PackedItems(2 items)"


def test_a_warning_rejects_nothing(script: Any) -> None:
    """The item is accepted with errors noted; without documents it has none."""
    items = PackedItems()

    faulty = items.extend(script.ItemRun([script.Item(1, "warning")], xml_start=0), 0)

    assert (faulty, items[0].outcome, items[0].document) == (0, Outcome.ACCEPTED_WITH_ERRORS, None)


def test_places_are_those_of_the_stream(script: Any) -> None:
    """Items with and without bytes between them, with and without documents, over several runs."""
    ranges = [(200, 300), (300, 350), (400, 450), (450, 500), (600, 640)]
    documents = [(0, 10), None, (10, 25), (25, 40), None]
    made = [
        script.Item(number, xml=xml, source=source, context=(source[0] + 4, source[0] + 9))
        for number, (source, xml) in enumerate(zip(ranges, documents, strict=True), 1)
    ]
    items = PackedItems()
    items.extend(script.ItemRun(made[:2], xml_start=0), 7)
    items.extend(script.ItemRun(made[2:], xml_start=0), 7)

    found = list(items)

    assert [(item.source.start, item.source.end) for item in found] == ranges
    assert [item.document and (item.document.start - 7, item.document.end - 7) for item in found] == documents
    assert [items[number] for number in range(5)] == found
