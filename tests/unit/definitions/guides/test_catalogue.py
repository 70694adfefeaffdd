import pytest

from gateway.definitions.guides.catalogue import catalogue, load_guide, load_guide_with_faults, read_catalogue
from gateway.definitions.guides.model import Guide, Segment, Usage
from gateway.definitions.positions import DefinitionError, read_toml


@pytest.fixture(scope="module")
def claims() -> Guide:
    """837P."""
    return load_guide("005010X222A1")


@pytest.fixture(scope="module")
def members() -> Guide:
    """834."""
    return load_guide("005010X220A1")


def _segments(guide: Guide, path: str, segment_id: str) -> list[Segment]:
    loop = guide.loops_at(path)[0]
    return [segment for segment in guide.child_segments(loop.index) if segment.id == segment_id]


@pytest.mark.parametrize(
    "entry", catalogue().entries.values(), ids=lambda entry: f"{entry.version}-{entry.transaction_set}"
)
def test_every_guide_loads_without_faults(entry: object) -> None:
    """Each map of the catalogue is in the installed pyx12, and each correction still corrects something."""
    guide, faults = load_guide_with_faults(entry)

    assert faults == ()
    assert guide is not None
    assert guide.segments[0].id == "ST"
    assert guide.loops[0].parent is None


def test_unknown_guide_is_a_fault() -> None:
    """The fault names what was asked for."""
    with pytest.raises(DefinitionError, match="no guide 005010X999"):
        load_guide("005010X999")


def test_gs08_alone_may_not_name_a_guide() -> None:
    """4010's 270 and 271 share their GS08."""
    with pytest.raises(DefinitionError, match="2 guides"):
        load_guide("004010X092A1")

    assert load_guide("004010X092A1", "271").transaction_set == "271"


def test_claims_are_the_items_of_837p(claims: Guide) -> None:
    """A claim stands under the subscriber or under a dependent."""
    item = claims.item

    assert item is not None
    assert item.kind == "claim"
    assert [claims.loop_path(loop) for loop in item.loops] == ["2000A/2000B/2300", "2000A/2000B/2000C/2300"]
    assert [claims.segments[segment].id for segment in item.context_segments] == ["CLM", "CLM"]


def test_subscriber_number_names_a_member(members: Guide) -> None:
    """CTX01 of a 999 for an 834 is REF02 of the member's REF*0F."""
    item = members.item

    assert item is not None
    segment = members.segments[item.context_segments[0]]
    assert segment.key is not None
    assert segment.key.codes.codes == ("0F",)


@pytest.mark.parametrize(
    ("path", "segment_id", "keys"),
    [
        ("2000A", "HL", [(3, 1)]),
        ("2000B/2300", "DTP", [(1, 1)] * 16),
        ("2000B/2300", "HI", [(1, 1)] * 3),
        # PWK01 is CT in both uses; PWK02 tells them apart.
        ("2000B/2300/2400", "PWK", [(2, 1)] * 2),
        # One use only: a wrong code in it is a wrong code, not a segment out of place.
        ("2000B", "SBR", [None]),
    ],
)
def test_key_tells_competing_uses_apart(
    claims: Guide, path: str, segment_id: str, keys: list[tuple[int, int] | None]
) -> None:
    """A key is the qualifier whose codes no competing use shares; without competitors there is none."""
    found = [
        None if segment.key is None else (segment.key.element, segment.key.component)
        for segment in _segments(claims, path, segment_id)
    ]

    assert found == keys


def test_date_format_is_given_by_the_qualifier_before_it(claims: Guide) -> None:
    """Data element 1250 before 1251, in a segment and in a composite."""
    date = _segments(claims, "2000B/2300", "DTP")[0]
    condition = _segments(claims, "2000B/2300", "HI")[0]

    assert date.elements[2].format_by == 2
    assert condition.elements[0].components[3].format_by == 3


def test_alias_has_its_own_version_in_st03() -> None:
    """X222A2 is the same map, but its sets say X222A2."""
    alias = load_guide("005010X222A2")

    version = alias.segments[0].elements[2]
    assert version.usage is Usage.REQUIRED
    assert version.codes is not None
    assert version.codes.codes == ("005010X222A2",)


def test_hierarchical_levels_are_nested() -> None:
    """pyx12 lists the levels of 277 X212 beside each other."""
    guide = load_guide("005010X212")

    assert [guide.loop_path(loop.index) for loop in guide.loops_at("2000E")] == ["2000A/2000B/2000C/2000D/2000E"]


def test_standard_segments_are_known_beyond_pyx12(claims: Guide) -> None:
    """A segment of another set is out of place, not unrecognised."""
    assert {"ISA", "EB", "BDS", "TED"} <= set(claims.known_segments)
    assert "ZZZ" not in claims.known_segments


def test_children_stand_in_order_of_position(claims: Guide) -> None:
    """The core walks children by position; the trigger of a loop comes first."""
    for loop in claims.loops:
        positions = [
            (claims.loops if type(child).__name__ == "LoopChild" else claims.segments)[child.index].position
            for child in loop.children
        ]
        assert positions == sorted(positions)


GUIDE = '[[guide]]\nid = "A"\nname = "n"\nfile = "f"\ntransaction_set = "837"\nfunctional_group = "HC"\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GUIDE + GUIDE, "g.toml:7: guide[1]: A is there twice"),
        (GUIDE.replace("name", "title"), "g.toml:1: guide[0]: lacks or misspells name, title"),
        (GUIDE.replace('"837"', "837"), "g.toml:1: guide[0]: holds what is no text"),
        ("guide = 1\n", "g.toml:1: guide: is written as [[guide]]"),
        ("standard = 1\n", "g.toml:1: standard: is written as [standard] with a list of segments"),
    ],
)
def test_faulty_catalogue_has_a_line(text: str, message: str) -> None:
    """Without its catalogue the gateway judges nothing, so the first fault is enough."""
    with pytest.raises(DefinitionError) as caught:
        read_catalogue(read_toml("g.toml", text))

    assert [str(fault) for fault in caught.value.faults] == [message]
