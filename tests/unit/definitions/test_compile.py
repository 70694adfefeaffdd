from pathlib import Path

import msgpack
import pytest

from gateway.definitions import programs
from gateway.definitions.compile import compile_definitions, main
from gateway.formats.x12.programs import ProgramCache


@pytest.mark.parametrize("entry", programs.catalogue(), ids=lambda entry: f"{entry.version}-{entry.transaction_set}")
def test_native_core_takes_the_tables_of_every_guide(entry: programs.GuideEntry) -> None:
    """The core checks every index, expression and rule path; its program names the guide."""
    compiled = compile_definitions(entry.version, entry.transaction_set, mapped=entry.mapped)

    program = ProgramCache().get(compiled.tables)

    assert (program.guide, program.transaction_set) == (entry.version, entry.transaction_set)
    assert program.functional_group == entry.functional_group


def test_same_definitions_make_the_same_bytes() -> None:
    """The digest of the tables is the version that the ledger records: it may not change by chance."""
    first = compile_definitions("005010X220A1", "834", mapped=True)
    second = compile_definitions("005010X220A1", "834", mapped=True)

    assert first.tables == second.tables


def test_command_writes_the_tables(tmp_path: Path) -> None:
    """For a look from outside."""
    file = tmp_path / "834.msgpack"

    assert main(["005010X220A1", "-o", str(file)]) == 0
    assert msgpack.unpackb(file.read_bytes())["guide"]["item"]["kind"] == "member"


def test_command_names_the_fault(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No traceback for a guide that is not there."""
    assert main(["005010X999", "-o", str(tmp_path / "x")]) == 1
    assert "has no guide 005010X999" in capsys.readouterr().err
