"""Freezes a draft into a Guide: indices, keys, value formats, code sets and the item.

Must not know files: it is given the draft after overlays.
"""

from dataclasses import dataclass, field, replace

from gateway.definitions.guides.draft import DataDictionary, DraftElement, DraftLoop, DraftSegment
from gateway.definitions.guides.keys import find_keys
from gateway.definitions.guides.model import (
    Child,
    CodeSet,
    Element,
    Guide,
    Item,
    Key,
    Loop,
    LoopChild,
    Segment,
    SegmentChild,
    SyntaxNote,
)

# Data element 1250 (Date Time Period Format Qualifier) gives the format of 1251 (Date Time Period).
FORMAT_QUALIFIER, FORMATTED_PERIOD = "1250", "1251"


@dataclass(frozen=True, slots=True)
class GuideFacts:
    """What the catalogue says of a guide beyond its map."""

    id: str
    name: str
    transaction_set: str
    functional_group: str
    known_segments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ItemFacts:
    """The item as an overlay names it: loop paths, and the segment (with its key code) that holds CTX01-2."""

    kind: str
    loops: tuple[str, ...]
    context_name: str
    context_segment: str
    context_code: str | None
    context_element: int


def build_guide(facts: GuideFacts, root: DraftLoop, dictionary: DataDictionary, item: ItemFacts | None) -> Guide:
    """The frozen guide; raises ValueError where an item or a code set is named that is not there."""
    root.sort()
    builder = _Builder(dictionary, find_keys(root))
    builder.add_loop(root, None)
    guide = Guide(
        id=facts.id,
        name=facts.name,
        transaction_set=facts.transaction_set,
        functional_group=facts.functional_group,
        loops=tuple(loop for loop in builder.loops if loop is not None),
        segments=tuple(builder.segments),
        item=None,
        known_segments=facts.known_segments,
    )
    if item is None:
        return guide
    return replace(guide, item=_item(guide, item))


@dataclass(slots=True)
class _Builder:
    dictionary: DataDictionary
    keys: dict[int, tuple[int, int]]
    loops: list[Loop | None] = field(default_factory=list)
    segments: list[Segment] = field(default_factory=list)
    code_sets: dict[tuple[str, ...], CodeSet] = field(default_factory=dict)

    def add_loop(self, draft: DraftLoop, parent: int | None) -> int:
        index = len(self.loops)
        self.loops.append(None)
        children: list[Child] = []
        for child in draft.children:
            if isinstance(child, DraftLoop):
                children.append(LoopChild(self.add_loop(child, index)))
            else:
                children.append(SegmentChild(self.add_segment(child, index, draft.id)))
        self.loops[index] = Loop(
            index=index,
            id=draft.id,
            name=draft.name,
            parent=parent,
            usage=draft.usage,
            repeat=draft.repeat,
            position=draft.position,
            children=tuple(children),
            wrapper=draft.wrapper,
        )
        return index

    def add_segment(self, draft: DraftSegment, parent: int, loop_id: str) -> int:
        index = len(self.segments)
        place = f"{loop_id}/{draft.id}"
        self.segments.append(
            Segment(
                index=index,
                id=draft.id,
                name=draft.name,
                parent=parent,
                usage=draft.usage,
                max_use=draft.max_use,
                position=draft.position,
                key=self.key(draft, place),
                elements=self.elements(draft.elements, place),
                syntax=tuple(SyntaxNote(kind, elements) for kind, elements in draft.syntax),
            )
        )
        return index

    def key(self, draft: DraftSegment, place: str) -> Key | None:
        position = self.keys.get(id(draft))
        if position is None:
            return None
        element = draft.elements[position[0] - 1]
        part = element.components[position[1] - 1] if element.components else element
        codes = self.codes(part, f"{place}{position[0]:02d}")
        return None if codes is None else Key(position[0], position[1], codes)

    def elements(self, drafts: list[DraftElement], place: str) -> tuple[Element, ...]:
        built: list[Element] = []
        for number, draft in enumerate(drafts, 1):
            here = f"{place}{number:02d}"
            built.append(
                Element(
                    data_element=draft.data_element,
                    name=draft.name,
                    usage=draft.usage,
                    data_type=draft.data_type,
                    min_length=draft.min_length,
                    max_length=draft.max_length,
                    codes=self.codes(draft, here),
                    pattern=draft.pattern,
                    repeat=draft.repeat,
                    format_by=_format_by(drafts, number),
                    components=self.elements(draft.components, f"{here}-") if draft.components else (),
                )
            )
        return tuple(built)

    def codes(self, draft: DraftElement, place: str) -> CodeSet | None:
        external = self.dictionary.code_sets.get(draft.external, ()) if draft.external else ()
        if draft.external and not external:
            raise ValueError(f"{place}: there is no code set {draft.external}")
        codes = tuple(dict.fromkeys((*draft.codes, *external)))
        if not codes:
            return None
        name = draft.external if draft.external and not draft.codes else place
        return self.code_sets.setdefault(tuple(sorted(codes)), CodeSet(name, tuple(sorted(codes))))


def _format_by(drafts: list[DraftElement], number: int) -> int:
    """The nearest qualifier before element `number`."""
    if drafts[number - 1].data_element != FORMATTED_PERIOD:
        return 0
    before = (at for at in range(number - 1, 0, -1) if drafts[at - 1].data_element == FORMAT_QUALIFIER)
    return next(before, 0)


def _item(guide: Guide, facts: ItemFacts) -> Item:
    loops: list[int] = []
    segments: list[int] = []
    for path in facts.loops:
        found = guide.loops_at(path)
        if len(found) != 1:
            raise ValueError(f"the item loop {path} is in the guide {len(found)} times, not once")
        loops.append(found[0].index)
        segments.append(_context_segment(guide, found[0], facts))
    return Item(facts.kind, tuple(loops), facts.context_name, tuple(segments), facts.context_element)


def _context_segment(guide: Guide, loop: Loop, facts: ItemFacts) -> int:
    for segment in guide.child_segments(loop.index):
        has_code = facts.context_code is None or (
            segment.key is not None and facts.context_code in segment.key.codes.codes
        )
        if segment.id == facts.context_segment and has_code:
            return segment.index
    raise ValueError(f"the item's context segment {facts.context_segment} is not in loop {loop.id}")
