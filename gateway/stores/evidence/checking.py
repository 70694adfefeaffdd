"""Checking a bundle offline: with the bundle alone, and with what the reader brings (a noted head, certificates).

Owns what has to hold and how it is said. Must not know the archive, the ledger or any key of ours.

1. Every file is the one that the manifest names.
2. The head of the archive's chain stands for every body; a head that the reader noted is that one.
3. The message is signed by its sender, and the payload is what was signed.
4. Our receipt is signed by us, for that Message-ID, with the MIC of what was signed.
5. Each acknowledgement that we sent has the partner's signed receipt, with the MIC that we sent.
"""

import hashlib
import json
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import IO

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from gateway.envelopes.as2.addressing import Addressing, NotAs2, bare_message_id, read_addressing
from gateway.envelopes.as2.credentials import CertificateUse, PartnerCertificate, Trust
from gateway.envelopes.as2.digests import NeedsDigest
from gateway.envelopes.as2.disposition import As2Fault
from gateway.envelopes.as2.mic import ClaimedMic, MicComparison, compare
from gateway.envelopes.as2.profile import DigestAlgorithm, SecurityPolicy
from gateway.envelopes.as2.reader import MessageReader
from gateway.envelopes.as2.reading import Opened
from gateway.envelopes.as2.receipt_reader import MAXIMUM_RECEIPT_BYTES, ReadReceipt, ReceiptError, read_receipt
from gateway.envelopes.mime.fault import MimeError
from gateway.envelopes.mime.headers import MAXIMUM_HEAD_BYTES, Headers, HeadReader
from gateway.pipeline.as2.payload import payload_ranges
from gateway.stores.archive.proof import NotProven, check
from gateway.stores.archive.proof_json import ProofMalformed, proof_from_json
from gateway.stores.evidence.form import (
    MANIFEST,
    MAXIMUM_MANIFEST_BYTES,
    SIGNED,
    BundleMalformed,
    Manifest,
    Part,
    Role,
    certificate_file,
)

_CHUNK_BYTES = 1 << 20
# A proof lists the digests of some blocks of records.
_MAXIMUM_PROOF_BYTES = 64 << 20
_MAXIMUM_CERTIFICATE_BYTES = 64 << 10
_ANY_USE = frozenset(CertificateUse)
_SIGNED_ONLY = SecurityPolicy(signature_required=True, encryption_required=False)


class CheckOutcome(StrEnum):
    """How one check ended."""

    HOLDS = "holds"
    FAILS = "fails"
    OPEN = "open"  # cannot be said from the bundle and what the reader brought


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at, and what came of it, in a sentence."""

    outcome: CheckOutcome
    about: str
    finding: str


@dataclass(frozen=True, slots=True)
class _Message:
    """What the signed entity turned out to be."""

    opened: Opened
    message_id: str
    payload_sha256: str


class _Failed(Exception):
    """A check fails; the text says how."""


def check_bundle(
    file: Path, heads: tuple[str, ...] = (), certificates: tuple[x509.Certificate, ...] = ()
) -> tuple[Manifest, tuple[Check, ...]]:
    """All checks. `heads` were noted from the archive earlier, `certificates` came from the parties themselves.

    Raises BundleMalformed, OSError.
    """
    try:
        with zipfile.ZipFile(file) as bundle:
            manifest = Manifest.decode(_bounded(bundle, MANIFEST, MAXIMUM_MANIFEST_BYTES))
            return manifest, tuple(_Checking(bundle, manifest, heads, certificates).run())
    except (zipfile.BadZipFile, KeyError, NotImplementedError, EOFError) as error:
        raise BundleMalformed("The file is no whole bundle.") from error


class _Checking:
    """One run over one bundle."""

    def __init__(
        self,
        bundle: zipfile.ZipFile,
        manifest: Manifest,
        heads: tuple[str, ...],
        certificates: tuple[x509.Certificate, ...],
    ) -> None:
        self._bundle = bundle
        self._manifest = manifest
        self._heads = heads
        self._known = {each.fingerprint(SHA256()).hex() for each in certificates}
        self._trust = _trust(_certificates(bundle, manifest))
        self._parts = {role: [part for part in manifest.parts if part.role is role] for role in Role}

    def run(self) -> Iterator[Check]:
        """Every check, in order."""
        for part in self._manifest.parts:
            yield self._guarded(f"{part.file}", self._archived, part)
        yield self._head()
        if not self._parts[Role.MESSAGE]:
            yield Check(CheckOutcome.OPEN, "sender", "The message did not come over AS2: it has no signature.")
            return
        message = self._message()
        yield from self._sender(message)
        for part in self._parts[Role.RECEIPT]:
            yield self._guarded("our receipt", self._our_receipt, part, message)
        for part in self._parts[Role.DISPATCH_RECEIPT]:
            yield self._guarded(f"receipt for {part.about.get('document', '')}", self._their_receipt, part)

    def _guarded(self, about: str, step: Callable[..., str], *arguments: object) -> Check:
        try:
            return Check(CheckOutcome.HOLDS, about, step(*arguments))
        except _Failed as failed:
            return Check(CheckOutcome.FAILS, about, str(failed))

    def _archived(self, part: Part) -> str:
        """1 and 2: the file is the one named, and the chain's head stands for it. One pass."""
        proof_text = _bounded(self._bundle, part.proof_file, _MAXIMUM_PROOF_BYTES)
        digest = hashlib.sha256()

        def pieces() -> Iterator[bytes]:
            for chunk in self._chunks(part.file):
                digest.update(chunk)
                yield chunk

        try:
            proof = proof_from_json(json.loads(proof_text))
        except (ProofMalformed, ValueError):
            raise _Failed("Its proof is malformed.") from None
        outcome = check(proof, pieces())
        if isinstance(outcome, NotProven):
            raise _Failed(outcome.reason)
        if digest.hexdigest() != part.sha256:
            raise _Failed("It is not the file that the manifest names.")
        if str(outcome.head) != self._manifest.head:
            raise _Failed("Its proof leads to another head of the archive than the manifest names.")
        return f"archived by {outcome.written_at:%Y-%m-%d %H:%M:%S} UTC, unaltered since"

    def _head(self) -> Check:
        head = self._manifest.head
        if not self._heads:
            finding = f"Compare it with one that was noted from the archive: {head}"
            return Check(CheckOutcome.OPEN, "head of the archive", finding)
        if head in self._heads:
            return Check(CheckOutcome.HOLDS, "head of the archive", "It is one that was noted.")
        return Check(CheckOutcome.FAILS, "head of the archive", "It is none of those that were noted.")

    def _message(self) -> _Message | str:
        """The signed entity, read as a message of its own; or why it cannot be."""
        wire = self._parts[Role.MESSAGE][0]
        with tempfile.TemporaryFile() as spool:
            try:
                addressing = read_addressing(self._headers_of(wire))
                opened = self._read(addressing, spool)
            except (As2Fault, MimeError, NotAs2, _Failed) as error:
                return str(error)
            return _Message(opened, addressing.message_id, _payload_sha256(spool, opened))

    def _read(self, addressing: Addressing, spool: IO[bytes]) -> Opened:
        try:
            return self._opened(addressing, spool, frozenset())
        except NeedsDigest as needed:
            spool.truncate(0)
            return self._opened(addressing, spool, frozenset({needed.algorithm}))

    def _opened(self, addressing: Addressing, spool: IO[bytes], announced: frozenset[DigestAlgorithm]) -> Opened:
        digest = hashlib.sha256()
        chunks = self._chunks(SIGNED)
        head = HeadReader()
        spool.seek(0)
        rest: bytes | None = None
        for chunk in chunks:
            digest.update(chunk)
            rest = head.feed(chunk)
            if rest is not None:
                break
        reader = MessageReader(
            head.headers, addressing, (), self._trust, _SIGNED_ONLY, at=self._received_at(), announced=announced
        )
        spool.writelines(reader.feed(rest or b""))
        for chunk in chunks:
            digest.update(chunk)
            spool.writelines(reader.feed(chunk))
        pieces, opened = reader.finish()
        spool.writelines(pieces)
        if digest.hexdigest() != self._manifest.signed_sha256:
            raise _Failed("The signed entity is not the one that the manifest names.")
        return opened

    def _sender(self, message: _Message | str) -> Iterator[Check]:
        """3: who signed, and that the payload is what was signed."""
        if isinstance(message, str):
            yield Check(CheckOutcome.FAILS, "sender's signature", message)
            return
        signer = message.opened.signer
        if signer is None:
            yield Check(CheckOutcome.FAILS, "sender's signature", "Nobody signed the message.")
            return
        yield self._certificate("sender's signature", signer)
        for part in self._parts[Role.PAYLOAD]:
            if part.sha256 == message.payload_sha256:
                yield Check(CheckOutcome.HOLDS, "payload", "It is what the sender signed.")
            else:
                yield Check(CheckOutcome.FAILS, "payload", "It is not what the sender signed.")

    def _certificate(self, about: str, certificate: x509.Certificate) -> Check:
        """A signature that verifies says as much as whoever vouches for its certificate."""
        fingerprint = certificate.fingerprint(SHA256()).hex()
        name = certificate.subject.rfc4514_string()
        if fingerprint in self._known:
            return Check(CheckOutcome.HOLDS, about, f"by {name}, with a certificate that you gave")
        if self._known:
            finding = f"by {name}, with a certificate that you did not give: sha256 {fingerprint}"
            return Check(CheckOutcome.OPEN, about, finding)
        return Check(CheckOutcome.HOLDS, about, f"by {name}; compare its certificate: sha256 {fingerprint}")

    def _our_receipt(self, part: Part, message: _Message | str) -> str:
        """4: our receipt is for this message."""
        receipt = self._receipt(part)
        if isinstance(message, str):
            raise _Failed("There is no signed message that it could be compared with.")
        if bare_message_id(receipt.original_message_id) != bare_message_id(message.message_id):
            raise _Failed("It is for another Message-ID.")
        sent = {message.opened.mic.algorithm: message.opened.mic.digest}
        if receipt.disposition.is_processed and compare(receipt.mic, sent) is not MicComparison.EQUAL:
            raise _Failed("Its MIC is not that of what was signed.")
        signed = "signed" if receipt.is_signed else "not signed, as the sender asked"
        return f"{receipt.disposition}, {signed}, with the MIC of the message"

    def _their_receipt(self, part: Part) -> str:
        """5: the partner's receipt is for what we sent."""
        receipt = self._receipt(part)
        if bare_message_id(receipt.original_message_id) != part.about.get("message_id"):
            raise _Failed("It is for another Message-ID.")
        parsed = (ClaimedMic.parse(text) for text in part.about.get("mics", "").split("\n"))
        sent = {mic.algorithm: mic.digest for mic in parsed if mic is not None and mic.algorithm is not None}
        if receipt.disposition.is_processed and compare(receipt.mic, sent) is not MicComparison.EQUAL:
            raise _Failed("Its MIC is not that of what we sent.")
        return f"{receipt.disposition}, {'signed' if receipt.is_signed else 'not signed'}, with the MIC that we sent"

    def _receipt(self, part: Part) -> ReadReceipt:
        whole = _bounded(self._bundle, part.file, MAXIMUM_RECEIPT_BYTES + MAXIMUM_HEAD_BYTES)
        try:
            headers = Headers.parse(whole[: part.head_size])
            return read_receipt(headers, whole[part.head_size :], self._trust, self._received_at())
        except (ReceiptError, MimeError) as error:
            raise _Failed(f"It cannot be read or is not signed by a certificate of the bundle: {error}.") from None

    def _headers_of(self, part: Part) -> Headers:
        if part.head_size > MAXIMUM_HEAD_BYTES:
            raise _Failed("The head of the message is too large.")
        with self._bundle.open(part.file) as entry:
            return Headers.parse(entry.read(part.head_size))

    def _received_at(self) -> datetime:
        """Certificates are looked at as they were then."""
        try:
            return datetime.fromisoformat(self._manifest.subject["received_at"])
        except (KeyError, ValueError):
            raise BundleMalformed("The manifest does not say when the message came.") from None

    def _chunks(self, name: str) -> Iterator[bytes]:
        with self._bundle.open(name) as entry:
            while chunk := entry.read(_CHUNK_BYTES):
                yield chunk


def _payload_sha256(spool: IO[bytes], opened: Opened) -> str:
    digest = hashlib.sha256()
    for start, end in payload_ranges(opened.attachments):
        spool.seek(start)
        left = end - start
        while left and (chunk := spool.read(min(left, _CHUNK_BYTES))):
            digest.update(chunk)
            left -= len(chunk)
    return digest.hexdigest()


def _certificates(bundle: zipfile.ZipFile, manifest: Manifest) -> tuple[x509.Certificate, ...]:
    found = []
    for sha256 in manifest.certificates:
        try:
            pem = _bounded(bundle, certificate_file(sha256), _MAXIMUM_CERTIFICATE_BYTES)
            certificate = x509.load_pem_x509_certificate(pem)
        except ValueError:
            raise BundleMalformed("A certificate of the bundle is malformed.") from None
        found.append(certificate)
    return tuple(found)


def _trust(certificates: tuple[x509.Certificate, ...]) -> Trust:
    """Whether the parties really had these certificates is for the reader to say."""
    return Trust(
        tuple(
            PartnerCertificate(each, _ANY_USE, each.not_valid_before_utc, each.not_valid_after_utc)
            for each in certificates
        )
    )


def _bounded(bundle: zipfile.ZipFile, name: str, limit_bytes: int) -> bytes:
    with bundle.open(name) as entry:
        data = entry.read(limit_bytes + 1)
    if len(data) > limit_bytes:
        raise BundleMalformed(f"{name} is too large.")
    return data
