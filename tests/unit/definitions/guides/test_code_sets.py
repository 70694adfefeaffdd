import pytest

from gateway.definitions.guides.catalogue import dictionary
from gateway.definitions.guides.code_sets import correct_code_sets
from gateway.definitions.positions import read_toml

KNOWN = {"states": ("OH", "PQ")}
WHY = 'reason = "r"\nsource = "s"\n'


def test_pyx12_sets_are_completed() -> None:
    """Quebec has its present abbreviation, and Mexico its present currency."""
    sets = dictionary().code_sets

    assert "QC" in sets["states"]
    assert "MXN" in sets["currency"]


def test_set_is_corrected_or_added() -> None:
    """Codes come and go; a new name is a set of its own."""
    correction = read_toml("states.toml", f'add = ["QC"]\nremove = ["PQ"]\n{WHY}')
    own = read_toml("colours.toml", 'codes = ["R", "G"]\nsource = "s"\n')

    sets, faults = correct_code_sets(KNOWN, [("states", correction), ("colours", own)])

    assert faults == ()
    assert sets == {"states": ("OH", "QC"), "colours": ("R", "G")}


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("states", f'add = ["OH"]\n{WHY}', "f.toml:1: add: OH changes nothing: the set has it already"),
        ("states", f'remove = ["QC"]\n{WHY}', "f.toml:1: remove: QC changes nothing: the set does not have it"),
        ("states", f'codes = ["QC"]\n{WHY}', "f.toml:1: codes: states is a set of pyx12: correct it by add and remove"),
        ("stats", f'add = ["QC"]\n{WHY}', "f.toml:1: add: pyx12 has no set stats; a set of its own has `codes`"),
        ("states", 'add = ["QC"]\nsource = "s"\n', "f.toml: reason: is missing: who says so, and why"),
        ("states", f'add = ["QC", "QC"]\n{WHY}', "f.toml:1: add: is no list of different texts"),
        ("states", f"{WHY}adds = []\n", "f.toml:3: adds: is none of add, codes, reason, remove, source"),
    ],
)
def test_faulty_correction_changes_nothing(name: str, text: str, message: str) -> None:
    """Every fault has its line; pyx12's set stays."""
    sets, faults = correct_code_sets(KNOWN, [(name, read_toml("f.toml", text))])

    assert [str(fault) for fault in faults] == [message]
    assert sets["states"][0] == "OH"
