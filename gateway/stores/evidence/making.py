"""Making a bundle: bodies out of the archive, their proofs, and the message without its encryption.

Owns the order of writing. Must not know where bodies and keys come from.
"""

import hashlib
import json
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.envelopes.as2.credentials import OwnKey
from gateway.envelopes.as2.peeling import peeled
from gateway.envelopes.mime.headers import Headers
from gateway.model.exchange import ArchiveReference
from gateway.stores.archive.proof import ChainProof
from gateway.stores.archive.proof_json import proof_to_json
from gateway.stores.evidence.form import MANIFEST, SIGNED, Manifest, Part, Role, certificate_file


class Source(Protocol):
    """The archive as far as a bundle needs it: everything up to one head."""

    @property
    def head(self) -> str:
        """The head that all proofs lead to."""
        ...

    def read(self, reference: ArchiveReference, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Raises NotInArchive."""
        ...

    def prove(self, reference: ArchiveReference) -> ChainProof:
        """Raises NotInArchive."""
        ...


@dataclass(frozen=True, slots=True)
class Subject:
    """What a bundle is about: facts of the ledger, and which body has which role."""

    facts: Mapping[str, str]
    parts: tuple[tuple[Part, ArchiveReference], ...]


def make_bundle(
    file: Path,
    subject: Subject,
    source: Source,
    keys: tuple[OwnKey, ...],
    certificates: tuple[x509.Certificate, ...],
) -> Manifest:
    """Write a new file. Raises NotInArchive, As2Fault, CmsError, MimeError, OSError; then no file is left."""
    try:
        with zipfile.ZipFile(file, "x", zipfile.ZIP_DEFLATED) as bundle:
            return _write(bundle, subject, source, keys, certificates)
    except FileExistsError:
        raise
    except BaseException:
        file.unlink(missing_ok=True)
        raise


def _write(
    bundle: zipfile.ZipFile,
    subject: Subject,
    source: Source,
    keys: tuple[OwnKey, ...],
    certificates: tuple[x509.Certificate, ...],
) -> Manifest:
    parts = []
    signed_sha256 = ""
    for part, reference in subject.parts:
        parts.append(replace(part, sha256=_copied(bundle, part.file, source.read(reference))))
        bundle.writestr(part.proof_file, json.dumps(proof_to_json(source.prove(reference))))
        if part.role is Role.MESSAGE:
            signed_sha256 = _copied(bundle, SIGNED, _signed(source, part, reference, keys))
    names = []
    for certificate in certificates:
        names.append(certificate.fingerprint(SHA256()).hex())
        bundle.writestr(certificate_file(names[-1]), certificate.public_bytes(Encoding.PEM))
    manifest = Manifest(
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        subject=subject.facts,
        head=source.head,
        parts=tuple(parts),
        signed_sha256=signed_sha256,
        certificates=tuple(names),
    )
    bundle.writestr(MANIFEST, manifest.encode())
    return manifest


def _signed(source: Source, part: Part, reference: ArchiveReference, keys: tuple[OwnKey, ...]) -> Iterator[bytes]:
    """The message, decrypted and outside of its signature decompressed: a head of its own, then the body."""
    head = b"".join(source.read(reference, 0, part.head_size))
    headers, body = peeled(Headers.parse(head), source.read(reference, part.head_size), keys)
    yield _content_fields(headers).encode()
    yield from body


def _content_fields(headers: Headers) -> Headers:
    """What says how the body is to be read; a message that was not encrypted has other fields beside them."""
    return Headers(tuple(each for each in headers.fields if each[0].lower().startswith("content-")))


def _copied(bundle: zipfile.ZipFile, name: str, chunks: Iterator[bytes]) -> str:
    digest = hashlib.sha256()
    with bundle.open(name, "w", force_zip64=True) as entry:
        for chunk in chunks:
            digest.update(chunk)
            entry.write(chunk)
    return digest.hexdigest()
