import pytest

from gateway.definitions.guides.build import GuideFacts, build_guide
from gateway.definitions.guides.draft import DataDictionary, DraftElement, DraftLoop, DraftSegment
from gateway.definitions.guides.model import DataType, Usage
from gateway.definitions.guides.overlay import apply_overlay
from gateway.definitions.positions import read_toml

WHY = 'reason = "r"\nsource = "s"\n'


def _root() -> DraftLoop:
    codes = DraftElement("128", "Qualifier", Usage.REQUIRED, DataType.IDENTIFIER, 2, 3, codes=["F8", "G1"])
    value = DraftElement("127", "Number", Usage.SITUATIONAL, DataType.TEXT, 1, 50)
    composite = DraftElement(
        "C022", "Code", Usage.REQUIRED, components=[DraftElement("1270", "List", Usage.REQUIRED, codes=["BK"])]
    )
    reference = DraftSegment("REF", "Reference", Usage.SITUATIONAL, 1, 20, [codes, value])
    information = DraftSegment("HI", "Information", Usage.REQUIRED, 1, 30, [composite, composite])
    claim = DraftLoop("2300", "Claim", Usage.SITUATIONAL, 100, 10, False, [reference, information])
    detail = DraftLoop("DETAIL", "Detail", Usage.SITUATIONAL, 0, 20, True, [claim])
    start = DraftSegment("ST", "Header", Usage.REQUIRED, 1, 10, [value])
    return DraftLoop("ST_LOOP", "Set", Usage.REQUIRED, 0, 0, False, [start, detail])


def _faults(text: str, root: DraftLoop | None = None) -> list[str]:
    _, faults = apply_overlay(read_toml("o.toml", text), root or _root())
    return [str(fault) for fault in faults]


@pytest.mark.parametrize(
    ("correction", "message"),
    [
        ('at = "2300/REF[F8]"\nmax_use = 5\n', None),
        ('at = "2300/REF[01=G1]02"\npattern = "[0-9]+"\n', None),
        ('at = "2300/HI01..02-1"\nadd_codes = ["ABK"]\n', None),
        ('at = "DETAIL"\nusage = "R"\n', None),
        ('at = "ST01"\nusage = "R"\n', None),
        ('at = "2300/REF[ZZ]"\nmax_use = 5\n', "o.toml:2: correct[0].at: 2300/REF[ZZ] is not in the guide"),
        ('at = "2400"\nrepeat = 5\n', "o.toml:2: correct[0].at: 2400 is not in the guide"),
        ('at = "2300/REF09"\nusage = "R"\n', "o.toml:2: correct[0].at: 2300/REF09 is not in the guide"),
        (
            'at = "2300"\nrepeat = 100\n',
            "o.toml:3: correct[0].repeat: changes nothing at 2300: the map says so already",
        ),
        ('at = "2300"\nmax_use = 9\n', "o.toml:3: correct[0].max_use: cannot be corrected to 9 at 2300"),
        ('at = "2300/REF"\nusage = "X"\n', "o.toml:3: correct[0].usage: cannot be corrected to 'X' at 2300/REF"),
        (
            'at = "2300/REF02"\npattern = "["\n',
            "o.toml:3: correct[0].pattern: cannot be corrected to '[' at 2300/REF02",
        ),
        ('at = "2300/REF"\nmax_use = -1\n', "o.toml:3: correct[0].max_use: cannot be corrected to -1 at 2300/REF"),
    ],
)
def test_correction_applies_or_is_a_fault(correction: str, message: str | None) -> None:
    """A correction that points nowhere, changes nothing or makes no sense is found, with its line."""
    faults = _faults(f"[[correct]]\n{correction}{WHY}")

    assert faults == ([] if message is None else [message])


def test_correction_must_say_why() -> None:
    """Without reason and source nobody can judge it later."""
    faults = _faults('[[correct]]\nat = "2300"\nrepeat = 5\n')

    assert [fault.split(": ", 2)[1] for fault in faults] == ["correct[0].reason", "correct[0].source"]


def test_nested_loop_leaves_its_empty_wrapper() -> None:
    """A hierarchical level listed as a table of its own moves under its parent."""
    root = _root()
    level = DraftLoop(
        "2000C", "Level", Usage.SITUATIONAL, 0, 10, False, [DraftSegment("HL", "HL", Usage.REQUIRED, 1, 1)]
    )
    root.children.append(DraftLoop("TABLE", "Table", Usage.REQUIRED, 0, 30, True, [level]))

    faults = _faults(f'[[nest]]\nloop = "2000C"\nunder = "2300"\n{WHY}', root)

    assert faults == []
    assert [loop.id for loop in root.loops()] == ["ST_LOOP", "DETAIL", "2300", "2000C"]


def test_unknown_parts_are_faults() -> None:
    """A misspelt table is not silently without effect."""
    assert _faults("[[corrects]]\nat = 1\n") == [
        "o.toml:1: corrects: is not a part of an overlay (item, nest, correct)"
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("correct = 1\n", "o.toml:1: correct: is written as [[correct]]"),
        ("nest = [1]\n", "o.toml:1: nest: is written as [[nest]]"),
        ("item = 1\n", "o.toml:1: item: is written as [item]"),
    ],
)
def test_parts_of_the_wrong_shape_are_faults(text: str, message: str) -> None:
    """A slip of brackets is named, not raised."""
    assert _faults(text) == [message]


def test_unknown_code_set_is_refused() -> None:
    """It shows when the guide is built, since the sets are not the overlay's."""
    root = _root()
    assert _faults(f'[[correct]]\nat = "2300/REF02"\nexternal = "colours"\n{WHY}', root) == []

    with pytest.raises(ValueError, match="there is no code set colours"):
        build_guide(GuideFacts("G", "n", "837", "HC", ()), root, DataDictionary({}, {}), None)
