"""Reads keys and certificates that others hand out, and asks for the password of a file that needs one.

Owns where a password comes from. Must not know where what was read is kept.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import typer
from cryptography import x509

from gateway.definitions.certificates import (
    CredentialError,
    KeyPair,
    PasswordNeeded,
    is_der,
    is_pem,
    read_certificates,
    read_key_pair,
    read_pkcs12,
)

_Read = TypeVar("_Read")


@dataclass(frozen=True, slots=True)
class PasswordSource:
    """Where the password of a file comes from; asked for where neither is given and one is needed."""

    file: Path | None
    environment: str | None

    def use(self, read: Callable[[bytes | None], _Read], file: Path) -> _Read:
        """What `read` makes of `file` with the password. Raises CredentialError, OSError."""
        try:
            return read(self._given())
        except PasswordNeeded:
            asked = typer.prompt(f"Password of {file.name}", hide_input=True, default="", show_default=False)
            return read(str(asked).encode())

    def _given(self) -> bytes | None:
        if self.file is not None:
            return self.file.read_bytes().rstrip(b"\r\n")
        if self.environment is None:
            return None
        found = os.environ.get(self.environment)
        if found is None:
            raise CredentialError(f"needs a password, and the environment has no {self.environment}")
        return found.encode()


def read_own(file: Path, key_file: Path | None, password: PasswordSource) -> KeyPair:
    """Certificate and key from one file, PKCS#12 or PEM, or from two. Raises CredentialError, OSError."""
    data = file.read_bytes()
    if key_file is not None:
        key = key_file.read_bytes()
        return password.use(lambda given: read_key_pair(data, key, given), key_file)
    if is_pem(data):
        return password.use(lambda given: read_key_pair(data, data, given), file)
    return password.use(lambda given: read_pkcs12(data, given), file)


def read_for_show(file: Path, password: PasswordSource) -> tuple[x509.Certificate, ...]:
    """Every certificate of a file, PKCS#12 included. Raises CredentialError, OSError."""
    data = file.read_bytes()
    try:
        return read_certificates(data)
    except CredentialError:
        if not is_der(data):
            raise
    pair = password.use(lambda given: read_pkcs12(data, given), file)
    return (pair.certificate, *pair.chain)
