"""Tables against a guide: what they become, and every fault with its line."""

from collections.abc import Callable
from functools import cache

import pytest

from gateway.definitions.guides.catalogue import load_guide
from gateway.definitions.guides.model import Guide
from gateway.definitions.mapping import load_mapping, model, resolve_table
from gateway.definitions.mapping.sources import read_sources
from gateway.definitions.positions import TomlDocument, read_toml

HEAD = 'guide = "005010X222A1"\n'
ITEM = (
    HEAD
    + '[item]\nelement = "claim"\ntag = "patientIs"\neach = { subscriber = "2000B/2300", dependent = "2000C/2300" }\n'
)


@cache
def guide() -> Guide:
    """The guide that all tables here are resolved against."""
    return load_guide("005010X222A1")


def table(text: str) -> TomlDocument:
    """A table as a file."""
    return read_toml("table.toml", text)


def faults(text: str, shared: str = "") -> list[str]:
    """What is wrong with a table, as people read it."""
    documents = (read_toml("shared.toml", shared),) if shared else ()
    return [str(fault) for fault in resolve_table(guide(), table(text), documents)[1]]


def item_body(text: str, shared: str = "") -> tuple[model.Body, model.Body]:
    """The claim's rules below the subscriber and below the dependent."""
    documents = (read_toml("shared.toml", shared),) if shared else ()
    mapping, found = resolve_table(guide(), table(ITEM + text), documents)
    assert not found
    assert mapping.item is not None
    subscriber, dependent = mapping.item.branches
    return subscriber.body, dependent.body


def segment_ids(route: model.Route | None) -> set[str]:
    """The ids of the segments that a route may end at."""
    assert route is not None
    return {guide().segments[index].id for index in route.segments}


def loop_id(index: int) -> str:
    """The guide's name of a loop."""
    return guide().loops[index].id


def test_the_packages_tables_have_no_faults() -> None:
    """Every committed table resolves."""
    for name in ("005010X222A1", "005010X220A1"):
        assert load_mapping(load_guide(name)) is not None


def test_wrapper_loops_do_not_show_in_paths() -> None:
    """BHT stands in a wrapper of the map; the set's rules name it directly."""
    mapping, found = resolve_table(guide(), table(HEAD + '[set]\nreference = "BHT03"\n'), ())

    assert not found
    assert segment_ids(mapping.set.attributes[0].slot.route) == {"BHT"}


def test_a_condition_on_the_qualifier_picks_the_use_of_the_segment() -> None:
    """REF[F8] is one of the many REF of a claim."""
    subscriber, _ = item_body('original = "REF[F8]02"\n[[item.reference]]\neach = "REF"\nvalue = "02"\n')

    route = subscriber.attributes[0].slot.route
    each = subscriber.blocks[0].branches[0].unit.route
    assert route is not None
    assert each is not None
    assert len(route.segments) == 1
    assert len(each.segments) > 5
    assert set(route.segments) < set(each.segments)


def test_alternatives_are_decided_for_each_branch() -> None:
    """The patient of a dependent's claim is 2010CA; else the subscriber is, and is not written twice."""
    patient = '[item.patient]\nfrom = ["2010CA", "2010BA"]\nlast = "NM103"\n'
    rules = patient + '[item.subscriber]\nfrom = ["2010BA"]\nlast = "NM103"\n'
    subscriber, dependent = item_body(rules)

    def targets(body: model.Body) -> dict[str, str]:
        routes = {block.element: block.branches[0].unit.route for block in body.blocks}
        return {name: loop_id(route.target) for name, route in routes.items() if route is not None}

    assert targets(subscriber) == {"patient": "2010BA"}
    assert targets(dependent) == {"patient": "2010CA", "subscriber": "2010BA"}


def test_a_fragments_rule_is_left_out_where_the_guide_has_no_place() -> None:
    """The payer's loop has no PER and no NM104: the party's other rules stay."""
    shared = '[fragment.party]\nname = "NM103"\nfirst = "NM104"\nphone = "PER04"\n'
    subscriber, _ = item_body('[item.payer]\nfrom = "2010BB"\nuse = "party"\n', shared)

    assert [attribute.name for attribute in subscriber.blocks[0].branches[0].body.attributes] == ["name"]


def test_a_range_is_cut_to_what_the_segment_has() -> None:
    """The patient's PER ends with element 06: two groups of the three that the rule names."""
    contact = '[[fragment.contact.contact]]\neach = "PER"\n'
    shared = contact + '[[fragment.contact.contact.point]]\neach = "03..08+2"\nvalue = "+1"\n'
    _, dependent = item_body('[item.patient]\nfrom = ["2010CA", "2010BA"]\nuse = "contact"\n', shared)

    written = dependent.blocks[0].branches[0].body.blocks[0]
    assert written.branches[0].body.blocks[0].branches[0].unit.part == model.Groups(3, 6, 2)


def test_an_own_rule_replaces_a_fragments_rule_in_its_place() -> None:
    """The order of a fragment's rules stays."""
    shared = '[fragment.name]\nlast = "NM103"\nfirst = "NM104"\n'
    subscriber, _ = item_body('[item.subscriber]\nfrom = "2010BA"\nuse = "name"\nlast = "NM105"\n', shared)

    attributes = subscriber.blocks[0].branches[0].body.attributes
    places = [(attribute.name, attribute.slot.place) for attribute in attributes]
    assert places == [("last", model.ElementPlace(5, 1)), ("first", model.ElementPlace(4, 1))]


def test_a_condition_may_go_before_the_general_rule_but_not_behind_it() -> None:
    """Order is priority: behind NM109 a rule for one kind of NM109 would never win."""
    rule = '[item.provider]\nfrom = "2310B"\n'

    assert faults(ITEM + rule + 'npi = "NM1[08=XX]09"\nid = "NM109"\n') == []
    assert faults(ITEM + rule + 'id = "NM109"\nnpi = "NM1[08=XX]09"\n') == [
        "table.toml:9: item.provider.npi: names a value that claim/provider/@id already takes"
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (HEAD + "[sets]\n", "table.toml:2: sets: is unknown here; expected codes, fragment, guide, item, set"),
        ("[set]\n", 'table.toml: guide: must name the guide, for example "005010X222A1"'),
        (HEAD + '[set]\nx = "BHT99"\n', 'table.toml:3: set.x: "BHT99": BHT has no such element here'),
        (HEAD + '[set]\nx = "ZZZ01"\n', "table.toml:3: set.x: the set has no segment ZZZ"),
        (HEAD + '[set]\nat = "BHT03"\n', "table.toml:3: set.at: is an attribute of the engine's own"),
        (HEAD + '[set]\nx = "BHT03 code:no"\n', "table.toml:3: set.x: no [codes.no]"),
        (
            HEAD + "[set]\nx = 1\n",
            "table.toml:3: set.x: must be a path, a list of paths or the table of a child element",
        ),
        (HEAD + '[set]\nuse = "no"\n', "table.toml:3: set.use: no [fragment.no]"),
        (
            HEAD + '[set]\nx = "BHT03"\ny = "BHT03"\n',
            "table.toml:4: set.y: names a value that header/@x already takes",
        ),
        (
            ITEM + 'original = "REF[QQ]02"\n',
            "table.toml:6: item.original: 2000A/2000B/2300 has no REF with 01=QQ",
        ),
        (
            ITEM + 'charge = "2400/SV102"\n',
            'table.toml:6: item.charge: "2400/SV102": 2000A/2000B/2300/2400 repeats; only the last step ',
        ),
        (
            ITEM + '[item.line]\nfrom = "2400"\n',
            'table.toml:7: item.line.from: "2400": 2000A/2000B/2300/2400 repeats; only the last step ',
        ),
        (
            ITEM + '[item.submitter]\nfrom = "1000A"\n',
            'table.toml:7: item.submitter.from: "1000A": belongs to the set level; name it in [set]',
        ),
        (
            ITEM + 'payer = "2010BB/NM103"\n',
            'table.toml:6: item.payer: "2010BB/NM103": 2000A/2000B/2010BB is not inside 2000A/2000B/2300; '
            "name it in a block directly under [item] (or in [set])",
        ),
        (
            ITEM + '[item.payer]\nfrom = "2010BB"\ntaxonomy = "2000A/PRV03"\n',
            'table.toml:8: item.payer.taxonomy: "2000A/PRV03": 2000A is not inside 2000A/2000B; '
            "name it in a block directly under [item] (or in [set])",
        ),
        (ITEM + '[item.other]\nfrom = "CR1"\n', "table.toml:6: item.other: is an element of the engine's own: "),
        (ITEM + '[item.x]\nfrom = "CR1"\neach = "CR2"\n', "table.toml:6: item.x: has both from and each"),
        (ITEM + '[item.x]\neach = { a = "CR1" }\n', "table.toml:6: item.x: tag and words in each go together"),
        (ITEM + 'default = { no = "1" }\n', "table.toml:6: item.default.no: has no attribute of that name beside it"),
    ],
)
def test_a_fault_names_its_line_and_what_is_expected(text: str, expected: str) -> None:
    """Each mistake that a table can hold, one at a time."""
    assert any(fault.startswith(expected) for fault in faults(text)), faults(text)


def test_one_name_cannot_be_an_attribute_and_a_child() -> None:
    """TOML cannot hold both in one table, but a fragment can bring the other."""
    shared = '[fragment.f]\nname = "BHT03"\n'

    assert faults(HEAD + '[set]\nuse = "f"\n[set.name]\nfrom = "1000A"\n', shared) == [
        "table.toml:4: set.name: is an attribute and a child element of the same name"
    ]


def test_a_fragment_that_uses_itself_is_refused() -> None:
    """The way round is named."""
    shared = '[fragment.a]\nuse = "b"\n[fragment.b]\nuse = "a"\n'

    assert faults(HEAD + '[set]\nuse = "a"\n', shared) == ["shared.toml:4: fragment.b.use: uses itself: a -> b -> a"]


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        (
            'M = "male"\nF = "male"\n',
            'table.toml:4: codes.g.F: "male" already stands for M: a table must be readable both ways',
        ),
        ('M = ""\n', "table.toml:3: codes.g.M: must be a word"),
    ],
)
def test_code_tables_are_bijective(pairs: str, expected: str) -> None:
    """Two codes of one word could not be written back."""
    _, found = read_sources(table(HEAD + "[codes.g]\n" + pairs), ())

    assert [str(fault) for fault in found] == [expected]


def test_a_tables_own_codes_add_to_the_shared_ones() -> None:
    """Another word for the same code is a fault."""
    shared = read_toml("shared.toml", '[codes.g]\nM = "male"\n')
    added: Callable[[str], list[str]] = lambda line: [  # noqa: E731 - two lines of one table
        str(fault) for fault in read_sources(table(HEAD + "[codes.g]\n" + line), (shared,))[1]
    ]

    assert added('F = "female"\n') == []
    assert added('M = "man"\n') == ['table.toml:3: codes.g.M: M already means "male"']
