"""Writes keys and certificates as PEM files; what is secret so that nobody else can read it.

Owns the names of the files. Must not know where keys come from, or who uses them.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from gateway.definitions.certificates import KeyPair, fingerprint, pem

# Enough of a SHA-256 to tell a partner's certificates apart by the names of their files.
_NAME_DIGITS = 12


@dataclass(frozen=True, slots=True)
class KeyFiles:
    """Where one key of ours stands. `certificate` is a request where an authority has yet to issue it."""

    certificate: Path
    key: Path
    chain: Path | None = None


def write_key_pair(folder: Path, name: str, pair: KeyPair) -> KeyFiles:
    """Certificate, key and chain; FileExistsError where one is there, and then none is written."""
    chain = folder / f"{name}-chain.pem" if pair.chain else None
    files = KeyFiles(folder / f"{name}.pem", folder / f"{name}-key.pem", chain)
    _write_key(files, pair.key, pem([pair.certificate]))
    if chain is not None:
        chain.write_bytes(pem(pair.chain))
    return files


def write_key_and_request(
    folder: Path, name: str, key: RSAPrivateKey, request: x509.CertificateSigningRequest
) -> KeyFiles:
    """A key and what to send to the authority; FileExistsError where one is there, and then none is written."""
    files = KeyFiles(folder / f"{name}.csr", folder / f"{name}-key.pem")
    _write_key(files, key, request.public_bytes(Encoding.PEM))
    return files


@contextmanager
def partner_certificate(folder: Path, partner: str, certificate: x509.Certificate) -> Iterator[Path]:
    """Written beside the partner's file under a name of its own; taken away again where the block does not succeed."""
    path = folder / f"{partner}-{fingerprint(certificate)[:_NAME_DIGITS]}.pem"
    is_new = not path.exists()
    folder.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pem([certificate]))
    try:
        yield path
    except BaseException:
        if is_new:
            path.unlink()
        raise


def write_secret(path: Path, data: bytes) -> None:
    """A new file with mode 0600, so that it is at no moment readable by others; FileExistsError where one is there."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)


def private_pem(key: RSAPrivateKey) -> bytes:
    """The key as PKCS#8 in PEM, not encrypted."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _write_key(files: KeyFiles, key: RSAPrivateKey, certificate: bytes) -> None:
    for path in (files.certificate, files.key, files.chain):
        if path is not None and path.exists():
            raise FileExistsError(errno.EEXIST, "is there already", str(path))
    files.key.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_secret(files.key, private_pem(key))
    files.certificate.write_bytes(certificate)
