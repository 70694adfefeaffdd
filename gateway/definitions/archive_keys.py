"""The keys that wrap the keys of the archive, from files or the environment.

Owns what such a key looks like as text. Must not know what is encrypted with it. No error text holds a key.
"""

import base64
import binascii
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from gateway.definitions.positions import Fault, TomlDocument
from gateway.definitions.positions import Path as Place
from gateway.definitions.secret_values import read_secret
from gateway.definitions.settings_form import ArchiveForm

# AES-256.
KEY_SIZE_BYTES = 32
_HEXADECIMAL = re.compile(rf"[0-9A-Fa-f]{{{2 * KEY_SIZE_BYTES}}}")


@dataclass(frozen=True, slots=True)
class ArchiveKeys:
    """`current` wraps what is written from now on; `older` are kept to read what was wrapped before."""

    current: bytes = field(repr=False)
    older: tuple[bytes, ...] = field(default=(), repr=False)


def new_archive_key() -> str:
    """A fresh key as the text of a key file."""
    return secrets.token_hex(KEY_SIZE_BYTES)


def read_archive_keys(
    document: TomlDocument, form: ArchiveForm | None, folder: Path
) -> tuple[ArchiveKeys | None, tuple[Fault, ...]]:
    """None where none is configured, or where one is faulty."""
    if form is None:
        return None, ()
    keys: list[bytes] = []
    faults: list[Fault] = []
    for place, file, environment in _sources(form):
        try:
            key = _key(read_secret(folder, None, file, environment))
        except ValueError as error:
            faults.append(document.fault(place, str(error)))
            continue
        if key in keys:
            faults.append(document.fault(place, "is the same key as one before it"))
        keys.append(key)
    return (None if faults else ArchiveKeys(keys[0], tuple(keys[1:]))), tuple(faults)


def archive_key_files(form: ArchiveForm | None, folder: Path) -> tuple[Path, ...]:
    """The files that hold them."""
    return () if form is None else tuple(folder / file for _, file, _ in _sources(form) if file is not None)


def _sources(form: ArchiveForm) -> Iterator[tuple[Place, str | None, str | None]]:
    """Place, file and environment variable of each, the current one first."""
    if form.key_file is not None:
        yield ("archive", "key_file"), form.key_file, None
    else:
        yield ("archive", "key_environment"), None, form.key_environment
    for number, file in enumerate(form.older_key_files):
        yield ("archive", "older_key_files", number), file, None
    for number, name in enumerate(form.older_key_environments):
        yield ("archive", "older_key_environments", number), None, name


def _key(text: str) -> bytes:
    """Raises ValueError."""
    if _HEXADECIMAL.fullmatch(text) is not None:
        return bytes.fromhex(text)
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_SIZE_BYTES:
        raise ValueError(f"is no key of {KEY_SIZE_BYTES} bytes in hexadecimal or base64")
    return key
