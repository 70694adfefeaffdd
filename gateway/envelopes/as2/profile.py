"""What a relationship asks of a received message, and how its own messages are packaged.

Owns names of algorithms and the choices of an agreement. Must not know how any of it is done.
"""

from dataclasses import dataclass
from enum import StrEnum


class DigestAlgorithm(StrEnum):
    """Message digests; the value is hashlib's name. SHA-1 is read, never written."""

    SHA1 = "sha1"
    SHA256 = "sha256"
    SHA384 = "sha384"
    SHA512 = "sha512"


class EncryptionAlgorithm(StrEnum):
    """Content encryption. 3DES is read, never written."""

    TRIPLE_DES = "3des"
    AES128_CBC = "aes128-cbc"
    AES192_CBC = "aes192-cbc"
    AES256_CBC = "aes256-cbc"
    AES128_GCM = "aes128-gcm"
    AES192_GCM = "aes192-gcm"
    AES256_GCM = "aes256-gcm"


class SignatureScheme(StrEnum):
    """How an RSA signature is padded."""

    PKCS1V15 = "pkcs1v15"
    PSS = "pss"


class KeyTransport(StrEnum):
    """How the content key is encrypted to the recipient's RSA key. OAEP is written with SHA-256."""

    PKCS1V15 = "pkcs1v15"
    OAEP = "oaep"


class Compression(StrEnum):
    """Whether and where a message is compressed (RFC 5402)."""

    NONE = "none"
    BEFORE_SIGNING = "before_signing"
    AFTER_SIGNING = "after_signing"


class Receipt(StrEnum):
    """Which MDN a message asks for."""

    NONE = "none"
    SYNCHRONOUS = "synchronous"
    ASYNCHRONOUS = "asynchronous"


@dataclass(frozen=True, slots=True)
class SecurityPolicy:
    """What a received message must have. Without `signature_required` the transport must prove who sends."""

    signature_required: bool = True
    encryption_required: bool = True


@dataclass(frozen=True, slots=True)
class Packaging:
    """How a message of ours looks. None for `digest`: not signed; None for `encryption`: not encrypted."""

    digest: DigestAlgorithm | None = DigestAlgorithm.SHA256
    scheme: SignatureScheme = SignatureScheme.PKCS1V15
    encryption: EncryptionAlgorithm | None = EncryptionAlgorithm.AES256_CBC
    key_transport: KeyTransport = KeyTransport.PKCS1V15
    compression: Compression = Compression.NONE
    receipt: Receipt = Receipt.SYNCHRONOUS
    receipt_signed: bool = True
    receipt_digest: DigestAlgorithm = DigestAlgorithm.SHA256
    content_type: str = "application/EDI-X12"
