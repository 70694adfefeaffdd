"""What the layers of one received message share: what they need, what they found, and how they stand on each other.

Owns no layer. Must not know MIME or CMS syntax.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from cryptography import x509

from gateway.envelopes.as2.cms import DEFAULT_LIMITS as DEFAULT_CMS_LIMITS
from gateway.envelopes.as2.cms import CmsLimits
from gateway.envelopes.as2.credentials import OwnKey, Trust
from gateway.envelopes.as2.digests import Tolerance
from gateway.envelopes.as2.disposition import As2Fault
from gateway.envelopes.as2.mic import Mic
from gateway.envelopes.as2.profile import DigestAlgorithm, EncryptionAlgorithm
from gateway.envelopes.mime.fault import MimeError


@dataclass(frozen=True, slots=True)
class MessageLimits:
    """How much of a message is taken.

    `attachments`: those of EDIINT are a handful. `nesting`: multiparts within multiparts. `signature_bytes`: a
    signature with ten certificates of 4,096 bits has 25 KB.
    """

    attachments: int = 100
    nesting: int = 3
    signature_bytes: int = 1 << 20
    cms: CmsLimits = DEFAULT_CMS_LIMITS


DEFAULT_LIMITS = MessageLimits()


@dataclass(frozen=True, slots=True)
class Attachment:
    """One payload of a message: its bytes are `start` to `end` of what the reader gave.

    `content_type` is the field as received; `filename` the last part of what the sender calls it.
    """

    content_type: str
    filename: str | None
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Opened:
    """What a message was, once all of it is proven. `mic` is what the receipt answers.

    `signer` is the certificate that verified it, None where nobody signed.
    """

    attachments: tuple[Attachment, ...]
    is_encrypted: bool
    is_signed: bool
    is_compressed: bool
    encryption: EncryptionAlgorithm | None
    signer: x509.Certificate | None
    signature_digest: DigestAlgorithm | None
    signing_time: datetime | None
    tolerance: Tolerance
    mic: Mic


class Layer(Protocol):
    """Takes the bytes of one layer in pieces of any size. Both methods raise As2Fault, MimeError or NeedsDigest."""

    def feed(self, data: bytes) -> None:
        """The next bytes."""

    def finish(self) -> None:
        """No more bytes will come."""


@dataclass(slots=True)
class Reading:
    """The state of reading one message. Layers fill in what they find; nothing counts before all have finished."""

    keys: Sequence[OwnKey]
    trust: Trust
    at: datetime
    limits: MessageLimits
    mic_digest: DigestAlgorithm | None  # in which the sender wants the MIC
    mic_name: str
    is_signature_required: bool
    announced: frozenset[DigestAlgorithm]  # what the caller knows of the signature
    pieces: list[bytes] = field(default_factory=list)
    size_bytes: int = 0
    attachments: list[Attachment] = field(default_factory=list)
    is_encrypted: bool = False
    is_signed: bool = False
    is_compressed: bool = False
    encryption: EncryptionAlgorithm | None = None
    signer: x509.Certificate | None = None
    signature_digest: DigestAlgorithm | None = None
    signing_time: datetime | None = None
    tolerance: Tolerance = Tolerance.NONE
    mic: Mic | None = None

    def give(self, data: bytes) -> None:
        """Hand payload to the caller."""
        if data:
            self.pieces.append(data)
            self.size_bytes += len(data)

    def take_pieces(self) -> list[bytes]:
        """What was given since the last call."""
        pieces, self.pieces = self.pieces, []
        return pieces

    def set_mic(self, digest: bytes, algorithm: DigestAlgorithm) -> None:
        """Spelled as the sender does where it is the one that it wants."""
        self.mic = Mic(digest, algorithm, self.mic_name if algorithm is self.mic_digest else "")

    def opened(self) -> Opened:
        """What was found in a message that was read without a fault."""
        if self.mic is None:
            raise RuntimeError("neither a signature nor the content has given the MIC")
        return Opened(
            tuple(self.attachments),
            self.is_encrypted,
            self.is_signed,
            self.is_compressed,
            self.encryption,
            self.signer,
            self.signature_digest,
            self.signing_time,
            self.tolerance,
            self.mic,
        )


class ProtectedLayer:
    """The part of a layer that passes on what it unwraps.

    What goes wrong further in counts only once this layer is known to be sound: whoever decrypts with the wrong key
    must not be told that the garbage has no header.
    """

    def __init__(self, inner: Layer) -> None:
        self._inner = inner
        self.fault: As2Fault | MimeError | None = None

    def pass_on(self, data: bytes) -> None:
        """Unwrapped bytes."""
        if data and self.fault is None:
            try:
                self._inner.feed(data)
            except (As2Fault, MimeError) as fault:
                self.fault = fault

    def pass_all(self, pieces: Iterable[bytes]) -> None:
        """Unwrapped bytes."""
        for piece in pieces:
            self.pass_on(piece)

    def pass_end(self) -> None:
        """This layer is sound and at its end."""
        if self.fault is not None:
            raise self.fault
        self._inner.finish()
