"""Bodies of application/pkcs7-mime: DER or base64 of it, and what kind of CMS content they hold (RFC 8551 section 3.2).

Owns decryption and decompression as layers, and how products label them. Must not know signatures.
"""

from collections.abc import Callable
from enum import Enum, auto
from functools import lru_cache

from gateway.envelopes.as2.cms import CmsError, CompressedReader, DecryptionFailed, EnvelopedReader
from gateway.envelopes.as2.disposition import As2Fault, Modifier
from gateway.envelopes.as2.profile import EncryptionAlgorithm
from gateway.envelopes.as2.reading import Layer, ProtectedLayer, Reading
from gateway.envelopes.mime.content_type import Parametrised
from gateway.envelopes.mime.fault import MimeError
from gateway.envelopes.mime.transfer import Base64, Identity, TransferDecoder, base64_decoded

_BLANKS = b" \t\r\n"
_SEQUENCE = 0x30
# DER of a message is longer than 127 bytes: its second byte has the high bit, which no character of base64 has.
_LONG_LENGTH = 0x80
_DECIDING_BYTES = 2

AUTHENTICATED = frozenset(
    {EncryptionAlgorithm.AES128_GCM, EncryptionAlgorithm.AES192_GCM, EncryptionAlgorithm.AES256_GCM}
)


class ContentKind(Enum):
    """What a CMS structure holds."""

    ENVELOPED = auto()
    COMPRESSED = auto()
    SIGNED = auto()


# RFC 8551 3.2.2 in lower case without hyphens, and as products spell it.
_SMIME_TYPES = {
    "envelopeddata": ContentKind.ENVELOPED,
    "authenvelopeddata": ContentKind.ENVELOPED,
    "authenticatedenvelopeddata": ContentKind.ENVELOPED,
    "compresseddata": ContentKind.COMPRESSED,
    "signeddata": ContentKind.SIGNED,
}
# The object identifiers that open a ContentInfo, in DER.
_IDENTIFIERS = {
    bytes.fromhex("06092a864886f70d010703"): ContentKind.ENVELOPED,
    bytes.fromhex("060b2a864886f70d0109100117"): ContentKind.ENVELOPED,
    bytes.fromhex("060b2a864886f70d0109100109"): ContentKind.COMPRESSED,
    bytes.fromhex("06092a864886f70d010702"): ContentKind.SIGNED,
}
# Tag, length of up to nine bytes, identifier.
_IDENTIFIED_BYTES = 1 + 9 + 13


# Products write the same few texts each time, each at most as long as a header.
@lru_cache(maxsize=64)
def kind_named(content_type: str) -> ContentKind | None:
    """What the smime-type of a Content-Type field says. Raises As2Fault as `kind_of` does."""
    return kind_of(Parametrised.parse(content_type).get("smime-type"))


def kind_of(smime_type: str | None) -> ContentKind | None:
    """What an smime-type says, None where there is none. Raises As2Fault for any other: it may be ciphertext."""
    if not smime_type:
        return None
    kind = _SMIME_TYPES.get(smime_type.lower().replace("-", ""))
    if kind is None:
        raise As2Fault(Modifier.UNSUPPORTED_FORMAT, "The smime-type is unknown.")
    return kind


class DerDecoder:
    """DER or base64 of it; labels lie, so that the first two bytes tell."""

    def __init__(self) -> None:
        self._held = b""
        self._decoder: TransferDecoder | None = None

    def feed(self, data: bytes) -> bytes:
        """What can be decoded so far. Raises MimeError."""
        if self._decoder is not None:
            return self._decoder.feed(data)
        self._held = (self._held + data).lstrip(_BLANKS)
        if len(self._held) < _DECIDING_BYTES:
            return b""
        self._decoder = Identity() if _is_der(self._held) else Base64()
        return self._decoder.feed(self._held)

    def finish(self) -> bytes:
        """The rest. Raises MimeError."""
        return self._held if self._decoder is None else self._decoder.finish()


def der_of(body: bytes) -> bytes:
    """The DER of a whole body. Raises MimeError."""
    begin = body.lstrip(_BLANKS)
    return begin if len(begin) < _DECIDING_BYTES or _is_der(begin) else base64_decoded(begin.rstrip(_BLANKS))


def _is_der(begin: bytes) -> bool:
    return begin[0] == _SEQUENCE and begin[1] >= _LONG_LENGTH


class DerLayer(ProtectedLayer):
    """The body of a pkcs7-mime entity: decodes it and passes it on."""

    def __init__(self, inner: Layer) -> None:
        super().__init__(inner)
        self._decoder = DerDecoder()

    def feed(self, data: bytes) -> None:
        """Decode and pass on."""
        self.pass_on(self._decoder.feed(data))

    def finish(self) -> None:
        """The last bytes."""
        self.pass_on(self._decoder.finish())
        self.pass_end()


class UnlabelledLayer:
    """CMS content without an smime-type: its object identifier says what it is."""

    def __init__(self, open_kind: Callable[[ContentKind], Layer]) -> None:
        self._open_kind = open_kind
        self._held = b""
        self._layer: Layer | None = None

    def feed(self, data: bytes) -> None:
        """Pass on, once the kind is known."""
        if self._layer is not None:
            self._layer.feed(data)
            return
        self._held += data
        if len(self._held) >= _IDENTIFIED_BYTES:
            self._identify()

    def finish(self) -> None:
        """Nothing is held back."""
        layer = self._layer or self._identify()
        layer.finish()

    def _identify(self) -> Layer:
        head = self._held[:_IDENTIFIED_BYTES]
        for identifier, kind in _IDENTIFIERS.items():
            if identifier in head:
                self._layer = layer = self._open_kind(kind)
                held, self._held = self._held, b""
                layer.feed(held)
                return layer
        raise As2Fault(Modifier.UNSUPPORTED_FORMAT, "There is no smime-type, and the content is of no known kind.")


class EncryptedLayer(ProtectedLayer):
    """EnvelopedData or AuthEnvelopedData around an entity.

    In CBC mode anyone may change ciphertext and send it again. Whoever is told a wrong padding from a plaintext without
    sense can decrypt by asking often enough. So both are answered alike, and a fault that was found before the padding
    is answered whether or not the padding fits.
    """

    def __init__(self, inner: Layer, reading: Reading) -> None:
        super().__init__(inner)
        self._reading = reading
        self._reader = EnvelopedReader(reading.keys, reading.limits.cms)
        reading.is_encrypted = True

    def feed(self, data: bytes) -> None:
        """Decrypt and pass on."""
        try:
            pieces = self._reader.feed(data)
        except CmsError as error:
            raise As2Fault(Modifier.DECRYPTION_FAILED, str(error)) from error
        self.pass_all(pieces)

    def finish(self) -> None:
        """Padding or tag must fit before anything further in counts."""
        is_authenticated = self._reader.algorithm in AUTHENTICATED
        try:
            pieces = self._reader.finish()
        except CmsError as error:
            if isinstance(error, DecryptionFailed) and isinstance(self.fault, As2Fault) and not is_authenticated:
                raise self._told_alike(self.fault) from error
            raise As2Fault(Modifier.DECRYPTION_FAILED, str(error)) from error
        self._reading.encryption = self._reader.algorithm
        self.pass_all(pieces)
        if is_authenticated:
            self.pass_end()
            return
        try:
            self.pass_end()
        except MimeError as error:
            raise _senseless(f"{error}.") from error
        except As2Fault as fault:
            raise self._told_alike(fault) from fault

    def _told_alike(self, fault: As2Fault) -> As2Fault:
        """Compressed content that no signature covers has no structure by which an altered end would show."""
        if fault.modifier is Modifier.DECOMPRESSION_FAILED and self._reading.signer is None:
            return _senseless(fault.detail)
        return fault


class CompressedLayer(ProtectedLayer):
    """CompressedData (RFC 3274) around an entity."""

    def __init__(self, inner: Layer, reading: Reading) -> None:
        super().__init__(inner)
        self._reader = CompressedReader(reading.limits.cms)
        reading.is_compressed = True

    def feed(self, data: bytes) -> None:
        """Decompress and pass on."""
        try:
            pieces = self._reader.feed(data)
        except CmsError as error:
            raise As2Fault(Modifier.DECOMPRESSION_FAILED, str(error)) from error
        self.pass_all(pieces)

    def finish(self) -> None:
        """The stream must be whole before anything further in counts."""
        try:
            pieces = self._reader.finish()
        except CmsError as error:
            raise As2Fault(Modifier.DECOMPRESSION_FAILED, str(error)) from error
        self.pass_all(pieces)
        self.pass_end()


def _senseless(detail: str) -> As2Fault:
    return As2Fault(Modifier.DECRYPTION_FAILED, f"What the message decrypts to makes no sense: {detail}")
