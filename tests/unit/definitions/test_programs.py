from pathlib import Path

import msgpack
import pytest

from gateway.definitions import programs
from gateway.definitions.positions import DefinitionError


def _cached(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


def test_program_is_compiled_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second call reads the cache and never the maps."""
    first = programs.program("005010X220A1", "834", mapped=False, cache_folder=tmp_path)
    monkeypatch.setattr(programs, "_compile", pytest.fail)

    second = programs.program("005010X220A1", "834", mapped=False, cache_folder=tmp_path)

    assert first is not None
    assert first == second
    assert first.item_kind == "member"
    assert msgpack.unpackb(first.tables)["guide"]["id"] == "005010X220A1"


@pytest.mark.parametrize("damage", [b"", b"garbage", None], ids=["empty", "foreign", "flipped"])
def test_damaged_cache_is_made_again(tmp_path: Path, damage: bytes | None) -> None:
    """Half a write, an older layout or a flipped bit cost time, never a wrong verdict."""
    sound = programs.program("005010X220A1", "834", mapped=False, cache_folder=tmp_path)
    file = _cached(tmp_path)[0]
    content = bytearray(file.read_bytes())
    content[-100] ^= 1
    file.write_bytes(content if damage is None else damage)

    again = programs.program("005010X220A1", "834", mapped=False, cache_folder=tmp_path)

    assert again == sound
    assert _cached(tmp_path) == [file]


def test_cache_that_cannot_be_written_costs_only_time(tmp_path: Path) -> None:
    """A file stands where the folder should be."""
    (tmp_path / "file").write_bytes(b"")

    found = programs.program("005010X220A1", "834", mapped=False, cache_folder=tmp_path / "file" / "cache")

    assert found is not None


@pytest.mark.parametrize(
    ("variable", "expected"),
    [("/somewhere", "/somewhere/healthcare-b2b-gateway"), ("relative", "/home/someone/.cache/healthcare-b2b-gateway")],
)
def test_cache_is_where_the_user_keeps_caches(monkeypatch: pytest.MonkeyPatch, variable: str, expected: str) -> None:
    """A relative XDG_CACHE_HOME does not count, says its specification."""
    monkeypatch.setenv("HOME", "/home/someone")
    monkeypatch.setenv("XDG_CACHE_HOME", variable)

    assert programs.default_cache_folder() == Path(expected)


def test_unknown_guide_has_no_program(tmp_path: Path) -> None:
    """GS08 and ST01 must both fit."""
    assert programs.program("005010X220A1", "837", mapped=False, cache_folder=tmp_path) is None


def test_companion_guide_makes_another_program(tmp_path: Path) -> None:
    """A partner's rules add to those of the package, under a key of their own."""
    rules = tmp_path / "rules.toml"
    rules.write_text(
        '[[rule]]\nid = "payer-needs-number"\nkind = "requires"\nsnip = 7\nseverity = "error"\nanchor = "2000"\n'
        'then = ["REF[1L]"]\nmessage = "m"\nsource = "s"\n'
    )
    plain = programs.program("005010X220A1", "834", mapped=False, cache_folder=tmp_path / "cache")

    found = programs.program(
        "005010X220A1", "834", mapped=False, partner_rules=(rules,), cache_folder=tmp_path / "cache"
    )

    assert found is not None
    assert plain is not None
    assert {rule.id for rule in found.rules} - {rule.id for rule in plain.rules} == {"payer-needs-number"}
    assert len(_cached(tmp_path / "cache")) == 2


def test_broken_companion_guide_is_a_fault(tmp_path: Path) -> None:
    """Judging without the rules would accept what the agreement refuses."""
    rules = tmp_path / "rules.toml"
    rules.write_text("[[rule]]\nid = 1\n")

    with pytest.raises(DefinitionError, match=r"rules\.toml:1"):
        programs.program("005010X220A1", "834", mapped=False, partner_rules=(rules,), cache_folder=tmp_path)


def test_old_versions_are_removed(tmp_path: Path) -> None:
    """The cache does not grow with every change of a rule."""
    for number in range(programs.KEPT_VERSIONS + 3):
        (tmp_path / f"005010X220A1-834-judge-{number:032d}.tables").write_bytes(b"")

    programs.program("005010X220A1", "834", mapped=False, cache_folder=tmp_path)

    assert len(_cached(tmp_path)) == programs.KEPT_VERSIONS


def test_catalogue_lists_aliases() -> None:
    """What may be agreed, without reading a map."""
    versions = {(entry.functional_group, entry.version, entry.transaction_set) for entry in programs.catalogue()}

    assert {("HC", "005010X222A1", "837"), ("HC", "005010X222A2", "837"), ("BE", "005010X220A1", "834")} <= versions


def test_every_rule_has_words() -> None:
    """The core knows ids alone."""
    texts = programs.rule_texts()

    assert texts["claim-charge-is-sum-of-lines"].message.endswith(".")
    assert all(text.source for text in texts.values())
