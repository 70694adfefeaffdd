"""Reads the files of mappings: one table, the fragments and the code translations that tables share.

Owns the outer form of those files and the merging of code tables; what rules mean is for `resolve`.
"""

from dataclasses import dataclass, field
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from gateway.definitions.positions import DefinitionError, Fault, Path, TomlDocument, read_toml

_TABLE_KEYS = {"guide", "set", "item", "fragment", "codes"}


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a rule stands. `shared`: it comes from a fragment, so the guide need not have its place."""

    document: TomlDocument
    path: Path
    shared: bool

    def at(self, *keys: str | int) -> "Origin":
        """A place inside."""
        return Origin(self.document, (*self.path, *keys), self.shared)

    def fault(self, message: str) -> Fault:
        """A fault at this place."""
        return self.document.fault(self.path, message)


@dataclass(frozen=True, slots=True)
class Section:
    """A TOML table and its place."""

    origin: Origin
    data: dict[str, Any]


@dataclass(slots=True)
class Codes:
    """One code table while it grows from several files."""

    words: dict[str, str] = field(default_factory=dict)
    codes: dict[str, str] = field(default_factory=dict)

    def add(self, code: str, word: str) -> str | None:
        """What is wrong with the pair, None where it fits."""
        if self.words.get(code, word) != word:
            return f'{code} already means "{self.words[code]}"'
        if self.codes.get(word, code) != code:
            return f'"{word}" already stands for {self.codes[word]}: a table must be readable both ways'
        self.words[code] = word
        self.codes[word] = code
        return None


@dataclass(frozen=True, slots=True)
class Sources:
    """Everything one table is made of."""

    table: TomlDocument
    guides: tuple[str, ...]
    fragments: dict[str, Section]
    codes: dict[str, Codes]


def mappings() -> Traversable:
    """The folder of mappings in the installed package."""
    return files("gateway.definitions").joinpath("mappings")


def read_sources(table: TomlDocument, shared: tuple[TomlDocument, ...]) -> tuple[Sources, list[Fault]]:
    """Put one table and the shared files together; the faults are those of their outer form."""
    faults: list[Fault] = []
    fragments: dict[str, Section] = {}
    codes: dict[str, Codes] = {}
    for document in (*shared, table):
        allowed = _TABLE_KEYS if document is table else {"fragment", "codes"}
        faults.extend(
            document.fault((key,), f"is unknown here; expected {', '.join(sorted(allowed))}")
            for key in document.data
            if key not in allowed
        )
        _fragments(document, fragments, faults)
        _codes(document, codes, faults)
    guides = table.data.get("guide")
    names = (guides,) if isinstance(guides, str) else tuple(guides or ())
    if not names or not all(isinstance(name, str) for name in names):
        faults.append(table.fault(("guide",), 'must name the guide, for example "005010X222A1"'))
        names = ()
    return Sources(table, names, fragments, codes), faults


def _fragments(document: TomlDocument, into: dict[str, Section], faults: list[Fault]) -> None:
    found = document.data.get("fragment", {})
    if not isinstance(found, dict):
        faults.append(document.fault(("fragment",), "must be tables: [fragment.name]"))
        return
    for name, data in found.items():
        origin = Origin(document, ("fragment", name), shared=True)
        if not isinstance(data, dict):
            faults.append(origin.fault("must be a table of rules"))
        elif name in into:
            faults.append(origin.fault(f"is already defined in {into[name].origin.document.file}"))
        else:
            into[name] = Section(origin, data)


def _codes(document: TomlDocument, into: dict[str, Codes], faults: list[Fault]) -> None:
    found = document.data.get("codes", {})
    if not isinstance(found, dict):
        faults.append(document.fault(("codes",), "must be tables: [codes.name]"))
        return
    for name, pairs in found.items():
        if not isinstance(pairs, dict):
            faults.append(document.fault(("codes", name), "must be a table of codes and words"))
            continue
        codes = into.setdefault(name, Codes())
        for code, word in pairs.items():
            path = ("codes", name, code)
            if not isinstance(word, str) or not word:
                faults.append(document.fault(path, "must be a word"))
            elif (wrong := codes.add(code, word)) is not None:
                faults.append(document.fault(path, wrong))


def read_shared(folder: Traversable) -> tuple[TomlDocument, ...]:
    """Every fragment and code file; raises DefinitionError where one is no TOML."""
    found: list[TomlDocument] = []
    faults: list[Fault] = []
    for name in ("x12/fragments", "codes"):
        place = folder.joinpath(*name.split("/"))
        if not place.is_dir():
            continue
        for file in sorted(place.iterdir(), key=lambda entry: entry.name):
            if file.name.endswith(".toml"):
                try:
                    found.append(read_toml(f"mappings/{name}/{file.name}", file.read_bytes()))
                except DefinitionError as error:
                    faults.extend(error.faults)
    if faults:
        raise DefinitionError(*faults)
    return tuple(found)


def table_for(folder: Traversable, guide: str) -> TomlDocument | None:
    """The table of a guide: the file of its name, else the one whose `guide` lists it."""
    place = folder.joinpath("x12")
    named = place.joinpath(f"{guide}.toml")
    if named.is_file():
        return read_toml(f"mappings/x12/{guide}.toml", named.read_bytes())
    for file in sorted(place.iterdir(), key=lambda entry: entry.name) if place.is_dir() else ():
        if file.name.endswith(".toml"):
            document = read_toml(f"mappings/x12/{file.name}", file.read_bytes())
            listed = document.data.get("guide")
            if isinstance(listed, list) and guide in listed:
                return document
    return None
