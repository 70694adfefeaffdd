"""The dictionary of the canonical XML: what every element and attribute means, and the XSD made from it.

`mappings/dictionary/*.toml` says it once for each shared canonical type; the mapping tables say where each
attribute lives in each format. Must not know how a mapping table is run.
"""

from gateway.definitions.dictionary.check import check_definitions
from gateway.definitions.dictionary.load import load_dictionary
from gateway.definitions.dictionary.model import Attribute, CanonicalType, Child, Dictionary
from gateway.definitions.dictionary.package import check_package, package_master_table
from gateway.definitions.dictionary.schema import canonical_schema
from gateway.definitions.dictionary.usage import Usage, master_table, read_tables

__all__ = [
    "Attribute",
    "CanonicalType",
    "Child",
    "Dictionary",
    "Usage",
    "canonical_schema",
    "check_definitions",
    "check_package",
    "load_dictionary",
    "master_table",
    "package_master_table",
    "read_tables",
]
