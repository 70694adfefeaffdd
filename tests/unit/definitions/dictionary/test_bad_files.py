"""Whatever stands in a definition file, the answer is faults or a result, never a crash."""

import contextlib
import tomllib
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gateway.definitions.dictionary import check_definitions, load_dictionary, master_table, read_tables
from gateway.definitions.positions import DefinitionError, TomlDocument
from tests.unit.definitions.dictionary.conftest import CODES, DICTIONARY, FRAGMENTS, TABLE

ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 2),
    st.sampled_from(["", "text", "claim", "a.b", "03 period:02", "code:gender", "DTP"]),
    st.lists(st.sampled_from(["text", 1]), max_size=2),
    st.dictionaries(st.sampled_from(["type", "each", "use", "definition", "x"]), st.just("text"), max_size=2),
)


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every container and key below."""
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in entries:
        yield value, key
        yield from places(inner)


def spoiled(text: str, where: int, by: object) -> TomlDocument:
    """The file with the value at one place replaced."""
    data = deepcopy(tomllib.loads(text))
    found = list(places(data))
    container, key = found[where % len(found)]
    container[key] = by
    return TomlDocument("spoiled.toml", data, {})


@given(where=st.integers(0, 200), by=ANYTHING)
def test_a_spoiled_dictionary_gives_faults(where: int, by: object) -> None:
    """A value of any kind at any place."""
    with contextlib.suppress(DefinitionError):
        loaded = load_dictionary([spoiled(DICTIONARY, where, by)], [spoiled(CODES, 0, {"F": "female"})])
        check_definitions(loaded, ())


@given(where=st.integers(0, 200), by=ANYTHING)
def test_a_spoiled_code_table_gives_faults(where: int, by: object) -> None:
    """A value of any kind at any place."""
    whole = TomlDocument("dictionary.toml", tomllib.loads(DICTIONARY), {})
    with contextlib.suppress(DefinitionError):
        load_dictionary([whole], [spoiled(CODES, where, by)])


@given(table=st.integers(0, 200), fragment=st.integers(0, 200), by=ANYTHING)
def test_a_spoiled_mapping_table_is_read(table: int, fragment: int, by: object) -> None:
    """What the compiler will refuse must not stop the dictionary's own checks."""
    whole = TomlDocument("dictionary.toml", tomllib.loads(DICTIONARY), {})
    dictionary = load_dictionary([whole], [TomlDocument("codes.toml", tomllib.loads(CODES), {})])

    tables = read_tables([spoiled(TABLE, table, by)], [spoiled(FRAGMENTS, fragment, by)])

    assert check_definitions(dictionary, tables) is not None
    assert master_table(dictionary, tables) is not None
