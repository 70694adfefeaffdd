"""The mapping language: one TOML table per guide, compiled for both directions.

`docs/mapping-language.md` says what a table may hold. Knows guides and TOML; must not know messages, partners or XML.
"""

from functools import cache

from gateway.definitions.guides.model import Guide
from gateway.definitions.mapping.model import Mapping
from gateway.definitions.mapping.resolve import Resolver
from gateway.definitions.mapping.sources import mappings, read_shared, read_sources, table_for
from gateway.definitions.mapping.tables import Table, mapping_table
from gateway.definitions.positions import DefinitionError, Fault, TomlDocument

__all__ = ["Table", "compile_mapping", "load_mapping", "resolve_table"]


def load_mapping(guide: Guide) -> Mapping | None:
    """The package's mapping of a guide, None where it has none; raises DefinitionError with every fault."""
    table = table_for(mappings(), guide.id)
    if table is None:
        return None
    mapping, faults = resolve_table(guide, table, _shared())
    if faults:
        raise DefinitionError(*faults)
    return mapping


def resolve_table(
    guide: Guide, table: TomlDocument, shared: tuple[TomlDocument, ...]
) -> tuple[Mapping, tuple[Fault, ...]]:
    """One table against its guide; the mapping is whole only where there are no faults."""
    sources, faults = read_sources(table, shared)
    resolver = Resolver(guide, sources)
    mapping = resolver.mapping()
    return mapping, tuple(sorted({*faults, *resolver.faults}))


def compile_mapping(guide: Guide) -> Table | None:
    """MappingTable of native/core/src/map/tables.rs; None where the guide has no mapping."""
    mapping = load_mapping(guide)
    return None if mapping is None else mapping_table(mapping)


@cache
def _shared() -> tuple[TomlDocument, ...]:
    return read_shared(mappings())
