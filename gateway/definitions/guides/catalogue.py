"""The guides the gateway has: `schemas/x12/guides.toml` names each map of pyx12, overlays correct them.

Reads files and puts the parts together. Must not know rules, mappings, partners or the native tables.
"""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

from gateway.definitions.guides.build import GuideFacts, build_guide
from gateway.definitions.guides.code_sets import correct_code_sets
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

CATALOGUE_FILE = "schemas/x12/guides.toml"
_REQUIRED = frozenset({"id", "name", "file", "transaction_set", "functional_group"})
_OPTIONAL = frozenset({"aliases", "overlay"})

# The native core owns the envelope; its segments are known in every set all the same.
_ENVELOPE_SEGMENTS = frozenset({"ISA", "IEA", "GS", "GE", "ST", "SE", "TA1"})


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """One guide. `overlay` names the files of corrections and rules: an alias shares those of its original."""

    version: str
    original: str
    name: str
    file: str
    transaction_set: str
    functional_group: str
    overlay: str


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Every guide by (GS08, ST01), aliases included, and segment ids of the standard beyond pyx12's maps.

    GS08 alone is not enough: 4010's 270 and 271 share theirs.
    """

    entries: dict[tuple[str, str], CatalogueEntry]
    more_segments: frozenset[str]

    def entry(self, version: str, transaction_set: str | None = None) -> CatalogueEntry:
        """Raises DefinitionError where there is no such guide, or several and no ST01 to choose by."""
        found = [
            entry
            for (known_version, known_set), entry in self.entries.items()
            if known_version == version and transaction_set in {None, known_set}
        ]
        if len(found) != 1:
            number = "no guide" if not found else f"{len(found)} guides"
            raise DefinitionError(Fault(CATALOGUE_FILE, 0, "", f"has {number} {version} {transaction_set or ''}"))
        return found[0]


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
        raise DefinitionError(Fault(CATALOGUE_FILE, 0, "", "is missing"))
    return read_catalogue(document)


def read_catalogue(document: TomlDocument) -> Catalogue:
    """The guides of one file; raises DefinitionError at the first that is not well formed."""
    entries: dict[tuple[str, str], CatalogueEntry] = {}
    guides, shape_faults = document.tables("guide")
    if shape_faults:
        raise DefinitionError(*shape_faults)
    for path, guide in guides:
        if set(guide) - _OPTIONAL != _REQUIRED:
            wrong = ", ".join(sorted(set(guide) - _OPTIONAL ^ _REQUIRED))
            raise DefinitionError(document.fault(path, f"lacks or misspells {wrong}"))
        aliases = guide.get("aliases", [])
        texts = [guide[key] for key in _REQUIRED] + (aliases if isinstance(aliases, list) else [aliases])
        if not all(isinstance(text, str) for text in texts):
            raise DefinitionError(document.fault(path, "holds what is no text"))
        for version in (guide["id"], *aliases):
            if (version, guide["transaction_set"]) in entries:
                raise DefinitionError(document.fault(path, f"{version} is there twice"))
            entries[version, guide["transaction_set"]] = CatalogueEntry(
                version=version,
                original=guide["id"],
                name=guide["name"],
                file=guide["file"],
                transaction_set=guide["transaction_set"],
                functional_group=guide["functional_group"],
                overlay=str(guide.get("overlay", guide["id"])),
            )
    more = document.data.get("standard", {"segments": []})
    if not isinstance(more, dict) or not isinstance(more.get("segments"), list):
        raise DefinitionError(document.fault(("standard",), "is written as [standard] with a list of segments"))
    return Catalogue(entries, frozenset(str(segment) for segment in more["segments"]))


@cache
def known_segments() -> tuple[str, ...]:
    """Every segment id of the standard that we know of: those of all of pyx12's maps and the listed rest."""
    known = set(_ENVELOPE_SEGMENTS | catalogue().more_segments)
    for file in map_files():
        known |= segment_ids(file)
    return tuple(sorted(known))


@cache
def dictionary() -> DataDictionary:
    """pyx12's data elements and code sets, the sets corrected by ours; read once. Raises DefinitionError."""
    sets, faults = code_sets()
    if faults:
        raise DefinitionError(*faults)
    return DataDictionary(read_dictionary().elements, sets)


def code_sets() -> tuple[dict[str, tuple[str, ...]], tuple[Fault, ...]]:
    """Every external code set by name, and what is wrong with our corrections."""
    documents: list[tuple[str, TomlDocument]] = []
    faults: list[Fault] = []
    folder = schemas().joinpath("codes")
    for file in sorted(folder.iterdir(), key=lambda one: one.name) if folder.is_dir() else ():
        try:
            document = read_schema(f"codes/{file.name}") if file.name.endswith(".toml") else None
        except DefinitionError as error:
            faults.extend(error.faults)
            continue
        if document is not None:
            documents.append((file.name.removesuffix(".toml"), document))
    sets, found = correct_code_sets(read_dictionary().code_sets, documents)
    return sets, (*faults, *found)


def load_guide(version: str, transaction_set: str | None = None) -> Guide:
    """The guide with its overlay; raises DefinitionError with every fault of the overlay."""
    guide, faults = load_guide_with_faults(catalogue().entry(version, transaction_set))
    if guide is None or faults:
        raise DefinitionError(*faults)
    return guide


def load_guide_with_faults(entry: CatalogueEntry) -> tuple[Guide | None, tuple[Fault, ...]]:
    """As `load_guide`, for lint: what could be built, and what is wrong with the overlay."""
    root = read_guide(entry.file, dictionary())
    overlay_path = f"x12/{entry.overlay}.toml"
    document = read_schema(overlay_path)
    item, faults = (None, ()) if document is None else apply_overlay(document, root)
    if entry.version != entry.original:
        _rename(root, entry)
    facts = GuideFacts(entry.version, entry.name, entry.transaction_set, entry.functional_group, known_segments())
    try:
        return build_guide(facts, root, dictionary(), item), faults
    except ValueError as error:
        return None, (*faults, Fault(f"schemas/{overlay_path}", 0, "", str(error)))


def _rename(root: DraftLoop, entry: CatalogueEntry) -> None:
    """An alias is the same guide under its own ST03."""
    for child in root.children:
        if isinstance(child, DraftSegment) and child.id == "ST" and len(child.elements) > 2:
            codes = child.elements[2].codes
            child.elements[2].codes = [entry.version if code == entry.original else code for code in codes]
