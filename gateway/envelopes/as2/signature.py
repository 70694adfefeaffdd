"""Signed layers of a message: multipart/signed (RFC 1847) and opaque SignedData.

Owns which bytes a signature covers and how a failure is called. Must not know certificates' rules.
"""

from collections.abc import Iterable
from functools import lru_cache

from gateway.envelopes.as2.cms import (
    CmsError,
    DigestDiffers,
    SignedMessage,
    SignedReader,
    SignerUnknown,
    UnsupportedAlgorithm,
    Verified,
    read_signed,
    verify,
)
from gateway.envelopes.as2.digests import ContentDigests, DigestOf, Tolerance, new_hash, update
from gateway.envelopes.as2.disposition import As2Fault, Modifier
from gateway.envelopes.as2.mic import digest_named
from gateway.envelopes.as2.payload import PKCS7_SIGNATURE
from gateway.envelopes.as2.pkcs7 import der_of
from gateway.envelopes.as2.profile import DigestAlgorithm
from gateway.envelopes.as2.reading import Layer, ProtectedLayer, Reading
from gateway.envelopes.mime.content_type import Parametrised, media_type
from gateway.envelopes.mime.fault import MimeError
from gateway.envelopes.mime.headers import Headers, split_head
from gateway.envelopes.mime.multipart import MultipartSplitter, Piece

_PARTS = 2


def declared_digests(content_type: Parametrised) -> frozenset[DigestAlgorithm]:
    """What micalg names. Raises As2Fault where protocol or micalg name only what is not supported."""
    protocol = content_type.get("protocol")
    if protocol is not None and protocol.strip().lower() not in PKCS7_SIGNATURE:
        raise As2Fault(Modifier.UNSUPPORTED_FORMAT, "The message is signed by a protocol that is not supported.")
    micalg = content_type.get("micalg") or ""
    known = _digests_named(micalg)
    if not known and micalg.replace(",", "").strip():
        raise As2Fault(Modifier.UNSUPPORTED_MIC_ALGORITHMS, "The micalg of the signature is not supported.")
    return known


# Hardly anybody names more than one: this is a handful of texts, each at most as long as a header.
@lru_cache(maxsize=64)
def _digests_named(micalg: str) -> frozenset[DigestAlgorithm]:
    return frozenset(digest for name in micalg.split(",") if (digest := digest_named(name)) is not None)


class DetachedLayer(ProtectedLayer):
    """multipart/signed: the content as the first part, the signature as the second."""

    def __init__(self, content_type: Parametrised, inner: Layer, reading: Reading) -> None:
        super().__init__(inner)
        declared = declared_digests(content_type)
        self._reading = reading
        self._digests = ContentDigests(_digests_for(reading, declared))
        self._signature = bytearray()
        self._has_signature = False
        reading.is_signed = True
        self._splitter = MultipartSplitter(content_type.get("boundary") or "", _PARTS)

    def feed(self, data: bytes) -> None:
        """Digest and pass on the content, keep the signature."""
        self._take(self._splitter.feed(data))

    def finish(self) -> None:
        """Verify before anything further in counts."""
        self._take(self._splitter.finish())
        if not self._has_signature:
            raise MimeError("a signed message has two parts")
        if self._splitter.has_epilogue and self._reading.is_encrypted:
            # With anything behind the end, blocks could be added to ciphertext to learn how they decrypt.
            raise MimeError("something follows the signature")
        try:
            signed = read_signed(signature_of(bytes(self._signature)))
            check(signed, self._digests.ways(), self._reading)
        except CmsError as error:
            raise _unreadable(error) from error
        self.pass_end()

    def _take(self, pieces: list[Piece]) -> None:
        for part, data, _ in pieces:
            if part == 0:
                self._digests.feed(data)
                self.pass_on(data)
                continue
            self._has_signature = True
            self._signature += data
            if len(self._signature) > self._reading.limits.signature_bytes:
                raise MimeError("the signature is larger than any that is real")


class OpaqueLayer(ProtectedLayer):
    """SignedData with the content inside, where nothing on the way could have touched it."""

    def __init__(self, inner: Layer, reading: Reading) -> None:
        super().__init__(inner)
        self._reading = reading
        self._reader = SignedReader(reading.limits.cms)
        # The reader knows by itself which digests the signature needs.
        self._mic_hash = new_hash(reading.mic_digest) if reading.mic_digest else None
        reading.is_signed = True

    def feed(self, data: bytes) -> None:
        """Digest and pass on."""
        try:
            pieces = self._reader.feed(data)
        except CmsError as error:
            raise _unreadable(error) from error
        self._take(pieces)

    def finish(self) -> None:
        """Verify before anything further in counts."""
        try:
            self._take(self._reader.finish())
            if self._reader.signed is None:
                raise MimeError("the message is signed by no one")
            check(self._reader.signed, [(Tolerance.NONE, self._digest_of)], self._reading)
        except CmsError as error:
            raise _unreadable(error) from error
        self.pass_end()

    def _take(self, pieces: list[bytes]) -> None:
        for piece in pieces:
            if self._mic_hash is not None:
                update((self._mic_hash,), piece)
            self.pass_on(piece)

    def _digest_of(self, algorithm: DigestAlgorithm) -> bytes:
        if self._mic_hash is not None and algorithm is self._reading.mic_digest:
            return self._mic_hash.digest()
        return self._reader.digest_of(algorithm)


def signature_of(part: bytes) -> bytes:
    """The DER in the second part of multipart/signed. Raises As2Fault or MimeError."""
    head, body = split_head(part)
    if not _is_head_of_signature(head):
        raise As2Fault(Modifier.UNSUPPORTED_FORMAT, "The second part of the signed message is no PKCS #7 signature.")
    return der_of(body)


# A product writes the same one each time.
@lru_cache(maxsize=64)
def _is_head_of_signature(head: bytes) -> bool:
    content_type = Headers.parse(head).get("Content-Type")
    return content_type is None or media_type(content_type) in PKCS7_SIGNATURE


def check(signed: SignedMessage, ways: Iterable[tuple[Tolerance, DigestOf]], reading: Reading) -> None:
    """Verify a signature over each tolerated way to read the content. Raises As2Fault or NeedsDigest."""
    for tolerance, digest_of in ways:
        outcome = verify(signed, digest_of, reading.trust, reading.at)
        match outcome:
            case Verified():
                reading.signer = outcome.certificate
                reading.signature_digest = outcome.digest
                reading.signing_time = outcome.signing_time
                reading.tolerance = tolerance
                _set_mic(outcome.digest, digest_of, reading)
                return
            case SignerUnknown():
                _set_mic(signed.signers[0].digest, digest_of, reading)
                raise As2Fault(Modifier.AUTHENTICATION_FAILED, outcome.reason)
            case DigestDiffers() if tolerance is Tolerance.NONE:
                # Where nothing matches, the receipt tells what was received.
                _set_mic(signed.signers[0].digest, digest_of, reading)
            case DigestDiffers():
                pass
    raise As2Fault(Modifier.INTEGRITY_CHECK_FAILED, "The signature does not match the content.")


def _set_mic(of_signature: DigestAlgorithm, digest_of: DigestOf, reading: Reading) -> None:
    algorithm = reading.mic_digest or of_signature
    reading.set_mic(digest_of(algorithm), algorithm)


def _digests_for(reading: Reading, declared: frozenset[DigestAlgorithm]) -> frozenset[DigestAlgorithm]:
    wanted = {reading.mic_digest} if reading.mic_digest else set()
    return (declared | wanted | reading.announced) or frozenset({DigestAlgorithm.SHA256})


def _unreadable(error: CmsError) -> As2Fault | MimeError:
    if isinstance(error, UnsupportedAlgorithm):
        return As2Fault(Modifier.UNSUPPORTED_MIC_ALGORITHMS, str(error))
    return MimeError(f"the signature is malformed: {error}")
