import pytest

from gateway.definitions.guides.catalogue import catalogue, load_guide
from gateway.definitions.guides.tables import CodeSetNumbers
from gateway.definitions.positions import TomlDocument, read_toml
from gateway.definitions.rules.load import package_rules, read_rules
from gateway.definitions.rules.model import Condition, RuleSeverity, Term
from gateway.definitions.rules.tables import rule_tables

RULE = """
[[rule]]
id = "lines-add-up"
kind = "balance"
snip = 3
severity = "error"
anchor = "2300"
left = ["CLM02"]
right = ["2400/SV102", "- AMT[F5]02"]
when = ["not CLM05-3 = 7|8"]
message = "m"
source = "s"
"""


def _document(text: str) -> TomlDocument:
    return read_toml("r.toml", text)


def test_rule_is_read_as_written() -> None:
    """Conditions and terms have their own small syntax."""
    file, faults = read_rules(_document(RULE))

    assert faults == ()
    rule = file.rules[0]
    assert rule.right == (Term(1, "2400/SV102"), Term(-1, "AMT[F5]02"))
    assert rule.when == (Condition("CLM05-3", ("7", "8"), negated=True),)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('id = "lines-add-up"', 'id = "Lines add up"', "r.toml:3: rule[0].id: is not of small letters"),
        ('kind = "balance"', 'kind = "balances"', "r.toml:4: rule[0].kind: 'balances' is not a valid RuleKind"),
        ("snip = 3", "snip = 9", "r.toml:5: rule[0].snip: is no SNIP type"),
        ('severity = "error"', 'severity = "bad"', "r.toml:6: rule[0].severity: 'bad' is not a valid RuleSeverity"),
        ('source = "s"\n', "", "r.toml:2: rule[0]: lacks source"),
        ('left = ["CLM02"]\n', "", "r.toml:2: rule[0]: lacks left, which a balance rule needs"),
        (
            'left = ["CLM02"]',
            'left = ["CLM02"]\nvalues = []',
            "r.toml:9: rule[0].values: is not a key of a balance rule",
        ),
        ('left = ["CLM02"]', "left = [2]", "r.toml:8: rule[0].left[0]: is no text"),
        ('source = "s"', 'source = "s"\ncarrier = "TA105:1"', "r.toml:13: rule[0].carrier: is no code of IK304"),
    ],
)
def test_faulty_rule_is_left_out_with_its_line(old: str, new: str, message: str) -> None:
    """One bad rule does not take the file with it."""
    good = RULE.replace("lines-add-up", "another")

    file, faults = read_rules(_document(RULE.replace(old, new) + good))

    assert [rule.id for rule in file.rules] == ["another"]
    assert [str(fault)[: len(message)] for fault in faults] == [message]


def test_rule_is_written_for_each_place_of_its_anchor() -> None:
    """A claim stands under subscriber and dependent: one rule, two tables."""
    document = _document(RULE)

    tables, faults = rule_tables(load_guide("005010X222A1"), ((document, read_rules(document)[0]),), CodeSetNumbers())

    assert faults == ()
    assert [table["id"] for table in tables] == ["lines-add-up", "lines-add-up"]
    assert tables[0]["anchor"] != tables[1]["anchor"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            'anchor = "2300"',
            'anchor = "2345"',
            "r.toml:2: rule[0]: lines-add-up: anchor 2345: no such loop in the guide",
        ),
        ("2400/SV102", "2400/SV2", "r.toml:2: rule[0]: lines-add-up: 2400/SV2: no such segment"),
    ],
)
def test_rule_into_nowhere_is_a_fault(old: str, new: str, message: str) -> None:
    """Paths are checked against the guide when it is compiled."""
    document = _document(RULE.replace(old, new))

    tables, faults = rule_tables(load_guide("005010X222A1"), ((document, read_rules(document)[0]),), CodeSetNumbers())

    assert tables == []
    assert [str(fault)[: len(message)] for fault in faults] == [message]


def test_partner_sets_the_weight_of_a_rule() -> None:
    """A later file raises, lowers or drops a rule of an earlier one; one that does not exist is a fault."""
    package = _document(RULE)
    partner = _document('[severity]\nlines-add-up = "off"\nno-such-rule = "error"\n')
    files = ((package, read_rules(package)[0]), (partner, read_rules(partner)[0]))

    tables, faults = rule_tables(load_guide("005010X222A1"), files, CodeSetNumbers())

    assert tables == []
    assert [str(fault) for fault in faults] == ["r.toml:3: severity.no-such-rule: there is no such rule for this guide"]


@pytest.mark.parametrize("overlay", sorted({entry.overlay for entry in catalogue().entries.values()}))
def test_package_rules_are_sound_and_tested(overlay: str) -> None:
    """Every rule of the package resolves against its guide and has a sample that it rejects."""
    found = package_rules(overlay)
    if found is None:
        return
    document, file, faults = found
    version, transaction_set = next(key for key, entry in catalogue().entries.items() if entry.overlay == overlay)

    _, path_faults = rule_tables(load_guide(version, transaction_set), ((document, file),), CodeSetNumbers())

    assert (*faults, *path_faults) == ()
    assert [rule.id for rule in file.rules if not rule.reject and rule.severity is not RuleSeverity.OFF] == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rule = 1\n", "r.toml:1: rule: is written as [[rule]]"),
        ("severity = 1\n", "r.toml:1: severity: is written as [severity]"),
        ('[severity]\na = "loud"\n', "r.toml:2: severity.a: is none of error, warning, info, off"),
        ("sample = 1\n", "r.toml:1: sample: is no ASCII text"),
        (RULE + 'accept = ["ab"]\n', "r.toml:13: rule[0].accept[0]: is no list of [old, new]"),
        (RULE + "at = 1\n", "r.toml:13: rule[0].at: is no text"),
    ],
)
def test_parts_of_the_wrong_shape_are_faults(text: str, message: str) -> None:
    """A partner's file never stops the gateway, whatever its types."""
    _, faults = read_rules(_document(text))

    assert [str(fault) for fault in faults] == [message]
