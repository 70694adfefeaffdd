"""Programs are compiled once."""

from pathlib import Path

import pytest

from gateway.definitions import programs
from gateway.formats.x12.programs import ProgramCache, TableError


@pytest.fixture
def tables(tmp_path: Path) -> bytes:
    """The tables of the guide of the 999."""
    return tables_of("005010X231A1", "999", tmp_path)


def tables_of(version: str, transaction_set: str, folder: Path) -> bytes:
    """The tables of a guide, compiled into this folder."""
    found = programs.program(version, transaction_set, mapped=False, cache_folder=folder)
    assert found is not None
    return found.tables


def test_same_tables_same_program(tables: bytes) -> None:
    """By the bytes object, and by what is in it."""
    cache = ProgramCache()

    first = cache.get(tables)

    assert cache.get(tables) is first
    assert cache.get(bytes(bytearray(tables))) is first
    assert first.guide == "005010X231A1"


def test_oldest_is_dropped(tables: bytes, tmp_path: Path) -> None:
    """A cache for one program holds the last one."""
    cache = ProgramCache(capacity=1)

    first = cache.get(tables)
    cache.get(tables_of("004010", "997", tmp_path))

    assert cache.get(bytes(bytearray(tables))) is not first


def test_tables_of_another_make() -> None:
    """What is no table is refused."""
    with pytest.raises(TableError):
        ProgramCache().get(b"\x80")
