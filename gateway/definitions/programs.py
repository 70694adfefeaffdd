"""The compiled definitions by guide, from a cache on disk where nothing has changed.

Owns the cache: its key is a digest of everything the tables are made of, a damaged or foreign file is rebuilt, writers
replace files whole. The way to a cached program imports neither XML nor compiler, because `gateway check` has 0.35 s in
all. Must not import the native module: formats turn the bytes into a program.
"""

import hashlib
import json
import os
import threading
import tomllib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

_PACKAGE = Path(__file__).parent

# Begins every cache file; changes with the layout of the file.
_MAGIC = b"gateway-program-1\n"
_LENGTH_BYTES = 8
# Old versions of one guide's tables stay for those who roll back; more are removed by whoever writes.
KEPT_VERSIONS = 4


@dataclass(frozen=True, slots=True)
class GuideEntry:
    """One guide as its headers name it: GS01, GS08 (and ST03), ST01. `mapped`: it becomes canonical XML."""

    functional_group: str
    version: str
    transaction_set: str
    name: str
    mapped: bool


@dataclass(frozen=True, slots=True)
class RuleText:
    """What people are told of a rule; the native core knows only its id."""

    id: str
    message: str
    source: str


@dataclass(frozen=True, slots=True)
class Compiled:
    """Tables for the native core, with the texts that it does not carry. `item_kind` is empty where there is none."""

    tables: bytes
    item_kind: str
    rules: tuple[RuleText, ...]


@cache
def catalogue() -> tuple[GuideEntry, ...]:
    """Every guide the gateway has, aliases included."""
    data = tomllib.loads((_PACKAGE / "schemas" / "x12" / "guides.toml").read_text(encoding="utf-8"))
    return tuple(
        GuideEntry(
            functional_group=guide["functional_group"],
            version=version,
            transaction_set=guide["transaction_set"],
            name=guide["name"],
            mapped=_mapping_file(guide.get("overlay", guide["id"])).is_file(),
        )
        for guide in data["guide"]
        for version in (guide["id"], *guide.get("aliases", ()))
    )


def program(
    version: str,
    transaction_set: str,
    *,
    mapped: bool,
    partner_rules: tuple[Path, ...] = (),
    cache_folder: Path | None = None,
) -> Compiled | None:
    """The compiled definitions for GS08 and ST01, None where there is no such guide.

    Without `mapped` the tables make no canonical XML. `partner_rules` are a companion guide's rule files.
    Raises DefinitionError where the definitions are broken. Slow (0.5 s) when nothing is cached.
    """
    entry = next(
        (known for known in catalogue() if (known.version, known.transaction_set) == (version, transaction_set)), None
    )
    if entry is None:
        return None
    is_mapped = mapped and entry.mapped
    key = hashlib.sha256(sources_digest())
    key.update(f"{version} {transaction_set} {is_mapped}".encode())
    for path in partner_rules:
        key.update(hashlib.sha256(path.read_bytes()).digest())
    folder = cache_folder or default_cache_folder()
    if folder is None:
        return _compile(entry, is_mapped, partner_rules)
    file = folder / f"{version}-{transaction_set}-{'xml' if is_mapped else 'judge'}-{key.hexdigest()[:32]}.tables"
    found = _read(file)
    if found is None:
        found = _compile(entry, is_mapped, partner_rules)
        _write(file, found)
    return found


def tables(version: str, transaction_set: str, *, mapped: bool) -> bytes | None:
    """The tables alone, see `program`."""
    found = program(version, transaction_set, mapped=mapped)
    return None if found is None else found.tables


@cache
def rule_texts() -> dict[str, RuleText]:
    """Message and source of every rule that the package brings, by rule id."""
    from gateway.definitions.rules.load import package_rule_texts  # noqa: PLC0415 - not needed for a sound message

    return {text.id: RuleText(text.id, text.message, text.source) for text in package_rule_texts()}


def default_cache_folder() -> Path | None:
    """`$XDG_CACHE_HOME/healthcare-b2b-gateway`, by default under `~/.cache`; None where there is no home.

    Never a folder that others can write to: who can change the tables decides what is accepted.
    """
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if not base.is_absolute():
        try:
            base = Path.home() / ".cache"
        except RuntimeError:
            return None
    return base / "healthcare-b2b-gateway"


@cache
def sources_digest() -> bytes:
    """SHA-256 over all that tables are made of: our definitions, the compiler, and pyx12's data."""
    digest = hashlib.sha256()
    for name, path in _sources():
        content = path.read_bytes()
        digest.update(f"{name} {len(content)}\n".encode())
        digest.update(content)
    digest.update(_guide_data_version())
    return digest.digest()


def _guide_data_version() -> bytes:
    """What pyx12's 9 MB of maps are known by: hashing them would take longer than all the rest."""
    pyx12 = find_spec("pyx12")
    if pyx12 is None or pyx12.origin is None:
        return b""
    maps = sorted((Path(pyx12.origin).parent / "map").glob("*.xml"))
    known = [f"{path.name} {path.stat().st_size} {path.stat().st_mtime_ns}" for path in maps]
    return "\n".join(known).encode()


def _sources() -> Iterator[tuple[str, Path]]:
    for folder, suffixes in (
        (_PACKAGE / "schemas" / "x12", {".toml", ".xml"}),
        (_PACKAGE / "schemas" / "codes", {".toml", ".csv"}),
        (_PACKAGE / "mappings", {".toml", ".csv"}),
        (_PACKAGE / "guides", {".py"}),
        (_PACKAGE / "rules", {".py"}),
        (_PACKAGE / "mapping", {".py"}),
        (_PACKAGE, {".py"}),
    ):
        is_package = folder == _PACKAGE
        found = sorted(folder.iterdir() if is_package else folder.rglob("*"))
        for path in found:
            if path.suffix in suffixes and path.is_file():
                yield str(path.relative_to(_PACKAGE)), path


def _mapping_file(overlay: str) -> Path:
    return _PACKAGE / "mappings" / "x12" / f"{overlay}.toml"


def _compile(entry: GuideEntry, is_mapped: bool, partner_rules: tuple[Path, ...]) -> Compiled:
    from gateway.definitions.compile import compile_definitions  # noqa: PLC0415 - heavy, and seldom needed

    return compile_definitions(entry.version, entry.transaction_set, mapped=is_mapped, partner_rule_files=partner_rules)


def _read(file: Path) -> Compiled | None:
    """None where the file is missing, damaged or of another layout: it is made again."""
    try:
        content = file.read_bytes()
    except OSError:
        return None
    checked = len(_MAGIC) + hashlib.sha256().digest_size
    body = content[checked:]
    if not content.startswith(_MAGIC) or hashlib.sha256(body).digest() != content[len(_MAGIC) : checked]:
        return None
    head_size = int.from_bytes(body[:_LENGTH_BYTES], "big")
    head = json.loads(body[_LENGTH_BYTES : _LENGTH_BYTES + head_size])
    return Compiled(
        tables=body[_LENGTH_BYTES + head_size :],
        item_kind=head["item_kind"],
        rules=tuple(RuleText(**rule) for rule in head["rules"]),
    )


def _write(file: Path, compiled: Compiled) -> None:
    """Replace `file` whole, so that a reader or a second writer never sees half of it. A full disk only costs time."""
    head = json.dumps({"item_kind": compiled.item_kind, "rules": [asdict(rule) for rule in compiled.rules]}).encode()
    body = len(head).to_bytes(_LENGTH_BYTES, "big") + head + compiled.tables
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Not tempfile: importing it would take longer than reading a cached program.
        unfinished = file.with_name(f".writing-{os.getpid()}-{threading.get_ident()}")
        unfinished.write_bytes(_MAGIC + hashlib.sha256(body).digest() + body)
        unfinished.replace(file)
        _remove_old(file)
    except OSError:
        return


def _remove_old(file: Path) -> None:
    stem = file.name.rsplit("-", 1)[0]
    versions = sorted(file.parent.glob(f"{stem}-*.tables"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in versions[KEPT_VERSIONS:]:
        path.unlink(missing_ok=True)
