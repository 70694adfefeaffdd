from collections.abc import Callable

import pytest

from gateway.definitions.dictionary import (
    Dictionary,
    check_definitions,
    check_package,
    master_table,
    package_master_table,
)
from gateway.definitions.dictionary.usage import NamedTable

Load = Callable[..., Dictionary]
Read = Callable[..., tuple[NamedTable, ...]]


def test_what_agrees_has_no_fault(dictionary: Load, tables: Read) -> None:
    """The small dictionary explains all of the small table, and nothing more."""
    faults = check_definitions(dictionary(), tables())

    assert faults == ()


@pytest.mark.parametrize(
    ("old", "new", "place", "message"),
    [
        ('frequency = "CLM05-3"', 'frequenzy = "CLM05-3"', "table.toml:8", "has no such attribute"),
        ("[item.patient]", "[item.patients]", "table.toml:11", "has no such child"),
        ("[[item.date]]\neach", "[item.date]\nfrom", "table.toml:15", "many = true"),
        ("subscriber = ", "insured = ", "table.toml:6", "values lack insured"),
        ("code:gender", "code:sex", "table.toml:14", "code table sex"),
        ('"DMG03 code:gender"', '"DMG03"', "table.toml:14", "needs a codec"),
        ("03 period:02", "03 date", "table.toml:17", "gives type date"),
        ('{ frequency = "1" }', '{ frequency = "7" }', "table.toml:4", "default is 1"),
        ('derived = { number = "CLM01" }', 'number = "CLM01"', "table.toml:10", "is derived"),
        ('element = "claim"', 'element = "bill"', "table.toml:4", "no type of this name"),
    ],
)
def test_a_disagreement_points_into_the_table(
    dictionary: Load, tables: Read, *, old: str, new: str, place: str, message: str
) -> None:
    """What a table names otherwise than the dictionary is a fault of the table."""
    faults = [str(fault) for fault in check_definitions(dictionary(), tables((old, new)))]

    assert any(fault.startswith(f"{place}: ") and message in fault for fault in faults), faults


def test_children_keep_the_order_of_the_dictionary(dictionary: Load, tables: Read) -> None:
    """The XSD is a sequence: a table that writes another order would make invalid documents."""
    swapped = dictionary(
        ('patient = { type = "person", definition = "The patient." }\n', ""),
        (
            'date = { type = "date", many = true, definition = "A date." }\n',
            'date = { type = "date", many = true, definition = "A date." }\n'
            'patient = { type = "person", definition = "The patient." }\n',
        ),
    )

    faults = check_definitions(swapped, tables())

    assert [fault.key for fault in faults] == ["date"]
    assert "keep its order" in faults[0].message


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("size = 50,", "size = 50,", ""),
        (
            'gender = { type = "code"',
            'eyes = { type = "text", definition = "Colour." }\ngender = { type = "code"',
            "eyes",
        ),
        ("lastName = {", 'nick = { type = "text", definition = "Nickname." }\nlastName = {', "nick"),
        ("[type.date]", '[type.unused]\ndefinition = "Nothing."\n[type.date]', "unused"),
    ],
)
def test_what_no_table_names_is_a_fault_of_the_dictionary(
    dictionary: Load, tables: Read, old: str, new: str, key: str
) -> None:
    """An entry that nothing fills is a promise that nothing keeps."""
    faults = check_definitions(dictionary((old, new)), tables())

    assert [fault.key for fault in faults] == ([key] if key else [])


def test_the_master_table_says_where_an_attribute_lives(dictionary: Load, tables: Read) -> None:
    """One row for each attribute of each element in each guide, with its path as a person writes it."""
    rows = {(row.element, row.attribute): row.paths for row in master_table(dictionary(), tables())}

    assert rows["header", "reference"] == ("BHT03",)
    assert rows["claim", "frequency"] == ("CLM05-3",)
    assert rows["claim/patient", "lastName"] == ("2010CA/NM103", "2010BA/NM103")
    assert rows["claim/date", "value"] == ("DTP/03",)


def test_the_master_table_of_the_package_has_what_its_guides_have() -> None:
    """A fragment is shared by all guides; the rows are those that a document of the guide can have."""
    rows = {(row.guides[0], row.element, row.attribute): row.paths for row in package_master_table()}

    assert rows["005010X222A1", "claim/payer", "payerIdentifier"] == ("2010BB/NM1[08=PI]09",)
    assert rows["005010X220A1", "member/coverage", "insuranceLine"] == ("2300/HD03",)
    assert rows["005010X222A1", "claim", "patientIs"] == ()
    assert ("005010X222A1", "claim/payer", "socialSecurityNumber") not in rows


def test_the_package_holds_together() -> None:
    """Dictionary, tables and committed XSD agree; `python -m gateway.definitions.dictionary --write` mends the XSD."""
    faults = [str(fault) for fault in check_package()]

    assert faults == []
