"""The guides the gateway has: `schemas/x12/guides.toml` names each map of pyx12, overlays correct them.

Reads files and puts the parts together. Must not know rules, mappings, partners or the native tables.
"""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

from gateway.definitions.guides.build import GuideFacts, build_guide
from gateway.definitions.guides.draft import (
    DataDictionary,
    DraftLoop,
    DraftSegment,
    map_files,
    read_dictionary,
    read_guide,
    segment_ids,
)
from gateway.definitions.guides.model import Guide
from gateway.definitions.guides.overlay import apply_overlay
from gateway.definitions.positions import DefinitionError, Fault, TomlDocument, read_toml

# The native core owns the envelope; its segments are known in every set all the same.
_ENVELOPE_SEGMENTS = frozenset({"ISA", "IEA", "GS", "GE", "ST", "SE", "TA1"})


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """One guide. `overlays` is the id whose overlay and rules apply: an alias shares those of its original."""

    id: str
    original: str
    name: str
    file: str
    transaction_set: str
    functional_group: str


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Every guide by id, aliases included, and segment ids that the standard has beyond pyx12's maps."""

    entries: dict[str, CatalogueEntry]
    more_segments: frozenset[str]

    def entry(self, guide_id: str) -> CatalogueEntry:
        """Raises DefinitionError where there is no such guide."""
        found = self.entries.get(guide_id)
        if found is None:
            raise DefinitionError(Fault("schemas/x12/guides.toml", 0, "", f"has no guide {guide_id}"))
        return found


def schemas() -> Traversable:
    """The folder of schemas in the package."""
    return files("gateway.definitions") / "schemas"


def read_schema(path: str) -> TomlDocument | None:
    """`schemas/<path>`, None where there is no such file."""
    source = schemas().joinpath(path)
    return read_toml(f"schemas/{path}", source.read_bytes()) if source.is_file() else None


@cache
def catalogue() -> Catalogue:
    """Read `schemas/x12/guides.toml`; raises DefinitionError."""
    document = read_schema("x12/guides.toml")
    if document is None:
        raise DefinitionError(Fault("schemas/x12/guides.toml", 0, "", "is missing"))
    entries: dict[str, CatalogueEntry] = {}
    for number, entry in enumerate(document.data.get("guide", [])):
        path = ("guide", number)
        wanted = {"id", "name", "file", "transaction_set", "functional_group"}
        if set(entry) - {"aliases"} != wanted:
            wrong = ", ".join(sorted(set(entry) - {"aliases"} ^ wanted))
            raise DefinitionError(document.fault(path, f"lacks or misspells {wrong}"))
        for guide_id in (entry["id"], *entry.get("aliases", [])):
            if guide_id in entries:
                raise DefinitionError(document.fault(path, f"{guide_id} is there twice"))
            entries[guide_id] = CatalogueEntry(
                id=guide_id,
                original=entry["id"],
                name=entry["name"],
                file=entry["file"],
                transaction_set=entry["transaction_set"],
                functional_group=entry["functional_group"],
            )
    more = document.data.get("standard", {}).get("segments", [])
    return Catalogue(entries, frozenset(more))


@cache
def known_segments() -> tuple[str, ...]:
    """Every segment id of the standard that we know of: those of all of pyx12's maps and the listed rest."""
    known = set(_ENVELOPE_SEGMENTS | catalogue().more_segments)
    for file in map_files():
        known |= segment_ids(file)
    return tuple(sorted(known))


@cache
def _dictionary() -> DataDictionary:
    return read_dictionary()


def load_guide(guide_id: str) -> Guide:
    """The guide with its overlay; raises DefinitionError with every fault of the overlay."""
    guide, faults = load_guide_with_faults(guide_id)
    if guide is None or faults:
        raise DefinitionError(*faults)
    return guide


def load_guide_with_faults(guide_id: str) -> tuple[Guide | None, tuple[Fault, ...]]:
    """As `load_guide`, for lint: what could be built, and what is wrong with the overlay."""
    entry = catalogue().entry(guide_id)
    root = read_guide(entry.file, _dictionary())
    overlay_path = f"x12/{entry.original}.toml"
    document = read_schema(overlay_path)
    item, faults = (None, ()) if document is None else apply_overlay(document, root)
    if entry.id != entry.original:
        _rename(root, entry)
    facts = GuideFacts(entry.id, entry.name, entry.transaction_set, entry.functional_group, known_segments())
    try:
        return build_guide(facts, root, _dictionary(), item), faults
    except ValueError as error:
        return None, (*faults, Fault(f"schemas/{overlay_path}", 0, "item", str(error)))


def _rename(root: DraftLoop, entry: CatalogueEntry) -> None:
    """An alias is the same guide under its own ST03."""
    for child in root.children:
        if isinstance(child, DraftSegment) and child.id == "ST" and len(child.elements) > 2:
            codes = child.elements[2].codes
            child.elements[2].codes = [entry.id if code == entry.original else code for code in codes]
