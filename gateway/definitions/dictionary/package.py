"""The dictionary that comes with the package: its files, the committed XSD, and whether all of it holds together."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable

from gateway.definitions.dictionary.check import check_definitions
from gateway.definitions.dictionary.load import load_dictionary
from gateway.definitions.dictionary.model import Dictionary
from gateway.definitions.dictionary.schema import canonical_schema
from gateway.definitions.dictionary.usage import NamedTable, Usage, master_table, read_tables
from gateway.definitions.guides.catalogue import load_guide
from gateway.definitions.mapping import load_mapping
from gateway.definitions.mapping.model import Body
from gateway.definitions.positions import DefinitionError, Fault, TomlDocument, read_toml

_PACKAGE = "gateway.definitions"
_SCHEMA = "schemas/canonical/canonical.xsd"
_STALE = "does not say what the dictionary says: run `python -m gateway.definitions.dictionary --write`"


@dataclass(frozen=True, slots=True)
class PackageDictionary:
    """The dictionary of the package and the mapping tables it explains."""

    dictionary: Dictionary
    tables: tuple[NamedTable, ...]


def load_package() -> PackageDictionary:
    """Read the package's files. Raises DefinitionError with every fault of the dictionary."""
    dictionary = load_dictionary(_read("mappings/dictionary"), _read("mappings/codes"))
    return PackageDictionary(dictionary, read_tables(_read("mappings/x12"), _read("mappings/x12/fragments")))


def check_package() -> tuple[Fault, ...]:
    """Every fault of the dictionary, of the tables against it, and of the committed XSD."""
    try:
        package = load_package()
    except DefinitionError as fault:
        return fault.faults
    faults = check_definitions(package.dictionary, package.tables)
    if committed_schema() != canonical_schema(package.dictionary):
        return (*faults, Fault(_SCHEMA, 0, "", _STALE))
    return faults


def package_master_table() -> tuple[Usage, ...]:
    """Attribute x guide x path of the package, without what a shared fragment has and the guide has not.

    Reads the guides too, which takes a second: for pages and reports, not for messages.
    """
    package = load_package()
    possible = {table.guides: _possible(table) for table in package.tables}
    rows = master_table(package.dictionary, package.tables)
    return tuple(row for row in rows if (row.element, row.attribute) in possible[row.guides])


def _possible(table: NamedTable) -> set[tuple[str, str]]:
    """Element and attribute of all that the compiled table can write."""
    mapping = load_mapping(load_guide(table.guides[0]))
    if mapping is None or mapping.item is None:
        return set()
    found = set(_written(mapping.set, "header"))
    for branch in mapping.item.branches:
        found.update(_written(branch.body, mapping.item.element))
    return found | {(mapping.item.element, mapping.item.tag or "")}


def _written(body: Body, element: str) -> Iterator[tuple[str, str]]:
    for attribute in body.attributes:
        yield element, attribute.name
    for block in body.blocks:
        path = f"{element}/{block.element}"
        yield path, block.tag or ""
        for branch in block.branches:
            yield from _written(branch.body, path)


def committed_schema() -> str:
    """The XSD as it stands in the package; empty where there is none."""
    place = schema_file()
    return place.read_text(encoding="utf-8") if place.is_file() else ""


def schema_file() -> Traversable:
    """Where the XSD stands in the package."""
    return files(_PACKAGE).joinpath(_SCHEMA)


def _read(folder: str) -> Iterable[TomlDocument]:
    """Every TOML file of a folder of the package, by name."""
    entries = sorted(files(_PACKAGE).joinpath(folder).iterdir(), key=lambda entry: entry.name)
    return [
        read_toml(f"{folder}/{entry.name}", entry.read_bytes()) for entry in entries if entry.name.endswith(".toml")
    ]
