"""A small dictionary and a mapping table that agree; tests spoil one line of them."""

from collections.abc import Callable

import pytest

from gateway.definitions.dictionary import Dictionary, load_dictionary
from gateway.definitions.dictionary.usage import NamedTable, read_tables
from gateway.definitions.positions import read_toml

CODES = """\
[codes.gender]
F = "female"
M = "male"
"""

DICTIONARY = """\
[group.name]
definition = "A name."
[group.name.attribute]
lastName = { type = "text", size = 60, phi = true, definition = "Family name." }

[type.document]
origin = "gateway"
definition = "A document."
[type.document.child]
header = { type = "header", definition = "The header." }
claim = { type = "claim", definition = "The claim." }

[type.header]
definition = "The set."
[type.header.attribute]
reference = { type = "text", size = 50, definition = "Its number." }

[type.claim]
definition = "A claim."
item = true
[type.claim.attribute]
patientIs = { type = "code", values = ["subscriber", "dependent"], required = true, definition = "Who." }
frequency = { type = "text", default = "1", definition = "New or again." }
number = { type = "count", derived = true, definition = "A copy." }
[type.claim.child]
patient = { type = "person", definition = "The patient." }
date = { type = "date", many = true, definition = "A date." }

[type.person]
definition = "A person."
use = "name"
[type.person.attribute]
gender = { type = "code", codes = "gender", definition = "Gender." }

[type.date]
definition = "A date."
[type.date.attribute]
value = { type = "period", definition = "The date." }
"""

TABLE = """\
guide = "005010X222A1"
[set]
reference = "BHT03"
[item]
element = "claim"
tag = "patientIs"
each = { subscriber = "2000B/2300", dependent = "2000C/2300" }
frequency = "CLM05-3"
default = { frequency = "1" }
derived = { number = "CLM01" }
[item.patient]
from = ["2010CA", "2010BA"]
use = "name"
gender = "DMG03 code:gender"
[[item.date]]
each = "DTP"
value = "03 period:02"
"""

FRAGMENTS = """\
[fragment.name]
lastName = "NM103"
"""

Spoil = tuple[str, str]


@pytest.fixture
def dictionary() -> Callable[..., Dictionary]:
    """Loads the small dictionary, with one text replaced by another."""

    def load(*spoil: Spoil) -> Dictionary:
        text = DICTIONARY
        for old, new in spoil:
            assert old in text
            text = text.replace(old, new)
        return load_dictionary([read_toml("dictionary.toml", text)], [read_toml("codes.toml", CODES)])

    return load


@pytest.fixture
def tables() -> Callable[..., tuple[NamedTable, ...]]:
    """Reads the small mapping table, with one text replaced by another."""

    def read(*spoil: Spoil) -> tuple[NamedTable, ...]:
        text = TABLE
        for old, new in spoil:
            assert old in text
            text = text.replace(old, new)
        return read_tables([read_toml("table.toml", text)], [read_toml("fragments.toml", FRAGMENTS)])

    return read
