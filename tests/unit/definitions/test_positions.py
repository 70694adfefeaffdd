import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.definitions.positions import MAX_TOML_BYTES, DefinitionError, Fault, Path, key_text, read_toml

TEXT = """\
# a comment
title = "x" # another
"quoted.key" = 1

[server]
ports = [
    8001, # the first
    8002,
]
point = { x = 1, "y" = { z = [ {a = 1}, {a = 2} ] } }
long = \"\"\"
[not.a.table]
key = 1
\"\"\"
raw = '''
[[nor.this]]'''
after.dotted.key = true

[[item]]
name = "one"
[item.detail]
size = 1
[[item]]
name = 'two # no comment'
[[item.part]]
id = 1
[[item.part]]
id = 2
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("title",), 2),
        (("quoted.key",), 3),
        (("server",), 5),
        (("server", "ports"), 6),
        (("server", "ports", 1), 8),
        (("server", "point", "y", "z", 1, "a"), 10),
        (("server", "after", "dotted", "key"), 17),
        (("item", 0, "name"), 20),
        (("item", 0, "detail", "size"), 22),
        (("item", 1, "name"), 24),
        (("item", 1, "part", 1, "id"), 28),
    ],
)
def test_knows_the_line_of_every_key(path: Path, line: int) -> None:
    """Keys stand where an editor shows them, in tables, arrays of tables, inline tables and after long strings."""
    document = read_toml("x.toml", TEXT)

    assert document.line(path) == line


def test_missing_key_points_to_its_table() -> None:
    """What is not there is reported where it should be."""
    fault = read_toml("x.toml", TEXT).fault(("item", 1, "part", 0, "colour"), "is missing")

    assert str(fault) == "x.toml:25: item[1].part[0].colour: is missing"


@pytest.mark.parametrize(
    ("text", "line"),
    [("a = 1\nb = \n", 2), ("a = 1\na = 2\n", 2), ('a = "', 1), (b"a = 1\nb = '\xff'\n", 2)],
)
def test_broken_text_is_a_fault_with_a_line(text: str | bytes, line: int) -> None:
    """What tomllib or the decoder refuses is reported, not raised as theirs."""
    with pytest.raises(DefinitionError) as caught:
        read_toml("x.toml", text)

    assert caught.value.faults[0].line == line


@pytest.mark.parametrize("text", ["a = " + "[" * 5000 + "]" * 5000, "#" * (MAX_TOML_BYTES + 1)])
def test_hostile_text_is_a_fault(text: str) -> None:
    """Deep nesting and huge files neither crash nor hang."""
    with pytest.raises(DefinitionError):
        read_toml("x.toml", text)


def test_fault_without_a_line_names_the_file() -> None:
    """A fault of a whole file has neither line nor key."""
    fault = Fault("x.toml", 0, "", "is missing")

    assert str(fault) == "x.toml: is missing"


_keys = st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=1, max_size=6)
_scalars = st.one_of(st.integers(0, 99), st.booleans(), st.text(st.characters(codec="ascii"), max_size=8))
_values = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_keys, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(_keys, _values, max_size=4))
def test_every_path_of_any_document_has_a_line(data: dict[str, object]) -> None:
    """Whatever tomllib reads, the scanner walks to its end: the last key is not on line 0."""
    text = "".join(f"{key} = {_toml(value)}\n" for key, value in data.items())

    document = read_toml("x.toml", text)

    assert document.data == tomllib.loads(text)
    assert [document.lines[key,] for key in data] == list(range(1, len(data) + 1))


def _toml(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case int():
            return str(value)
        case str():
            return '"' + "".join(f"\\u{ord(letter):04x}" for letter in value) + '"'
        case list():
            return "[" + ", ".join(_toml(item) for item in value) + "]"
        case dict():
            return "{" + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + "}"
    raise TypeError(value)


def test_key_text_is_what_people_write() -> None:
    """Numbers are list positions."""
    assert key_text(("a", 0, "b")) == "a[0].b"
