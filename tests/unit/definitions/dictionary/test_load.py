from collections.abc import Callable

import pytest

from gateway.definitions.dictionary import Dictionary
from gateway.definitions.dictionary.model import ValueType
from gateway.definitions.positions import DefinitionError

Load = Callable[..., Dictionary]


def test_a_type_has_the_attributes_of_its_groups_first(dictionary: Load) -> None:
    """Groups come before what the type says itself, as in a document."""
    loaded = dictionary()

    person = loaded.types["person"]

    assert [entry.name for entry in loaded.attributes_of(person)] == ["lastName", "gender"]
    assert loaded.attributes_of(person)[0].is_phi


def test_an_attribute_says_type_size_and_place(dictionary: Load) -> None:
    """What the dictionary knows of an attribute, and where it stands."""
    last_name = dictionary().groups["name"].attributes[0]

    assert (last_name.value_type, last_name.size) == (ValueType.TEXT, 60)
    assert (last_name.place.file, last_name.place.line) == ("dictionary.toml", 4)


@pytest.mark.parametrize(
    ("old", "new", "place", "message"),
    [
        ('definition = "A name."', 'definition = "A name"', "dictionary.toml:1", "full stop"),
        ("size = 60, phi = true", "size = 60, phii = true", "dictionary.toml:4", "not known"),
        ("size = 60", "size = 0", "dictionary.toml:4", "greatest length"),
        ('type = "count"', 'type = "number"', "dictionary.toml:24", "must be one of"),
        ("phi = true", 'phi = "yes"', "dictionary.toml:4", "true or false"),
        ('codes = "gender"', 'codes = "sex"', "dictionary.toml:33", "no code table sex"),
        ('type = "code", codes = "gender"', 'type = "code"', "dictionary.toml:33", "`codes` or `values`"),
        ('type = "person"', 'type = "human"', "dictionary.toml:26", "no type 'human'"),
        ('use = "name"', 'use = "names"', "dictionary.toml:29", "names, which is no group"),
        ("gender = {", "lastName = {", "dictionary.toml:33", "stands twice"),
        ("[type.date]", "[kind.date]", "dictionary.toml:35", "[group.name] and [type.name] only"),
        (
            'definition = "A name."',
            'definition = "A name."\nuse = "name"',
            "dictionary.toml:1",
            "in a circle",
        ),
    ],
)
def test_a_fault_names_its_file_and_line(dictionary: Load, old: str, new: str, place: str, message: str) -> None:
    """Each kind of mistake is told where it is and what is wrong."""
    with pytest.raises(DefinitionError) as raised:
        dictionary((old, new))

    faults = [str(fault) for fault in raised.value.faults]
    assert any(fault.startswith(f"{place}: ") and message in fault for fault in faults), faults


def test_all_faults_are_told_at_once(dictionary: Load) -> None:
    """An analyst mends a file in one go."""
    with pytest.raises(DefinitionError) as raised:
        dictionary(("size = 60", "size = 0"), ('codes = "gender"', 'codes = "sex"'))

    assert len(raised.value.faults) == 2


def test_a_default_is_one_of_the_words(dictionary: Load) -> None:
    """A default that no document may have is a mistake."""
    with pytest.raises(DefinitionError, match="none of the attribute's words"):
        dictionary(('codes = "gender"', 'codes = "gender", default = "none"'))
