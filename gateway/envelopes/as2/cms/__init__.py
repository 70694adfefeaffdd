"""The Cryptographic Message Syntax (RFC 5652, 5083, 3274, 8551) on the primitives of `cryptography`, without I/O.

Owns encoding, encryption, signatures and compression as bytes. Must not know MIME, AS2 or the payload. Readers take a
message in pieces of any size (`feed`, `finish`), BER or DER, in bounded memory; what they give is not to be believed
before `finish` has returned and a signature has been verified. Writers know what is asked of them beforehand.
"""

from gateway.envelopes.as2.cms.compressed_reader import CompressedReader
from gateway.envelopes.as2.cms.compressed_writer import CompressedWriter
from gateway.envelopes.as2.cms.enveloped_reader import EnvelopedReader
from gateway.envelopes.as2.cms.enveloped_writer import EnvelopedWriter
from gateway.envelopes.as2.cms.errors import (
    CmsError,
    DecompressionFailed,
    DecryptionFailed,
    NoRecipient,
    UnsupportedAlgorithm,
)
from gateway.envelopes.as2.cms.limits import DEFAULT_LIMITS, CmsLimits
from gateway.envelopes.as2.cms.signed import SignedMessage, read_signed
from gateway.envelopes.as2.cms.signed_reader import SignedReader
from gateway.envelopes.as2.cms.signer_info import SignerInfo
from gateway.envelopes.as2.cms.signing import sign
from gateway.envelopes.as2.cms.verification import DigestDiffers, SignerUnknown, Verified, VerifyOutcome, verify

__all__ = [
    "DEFAULT_LIMITS",
    "CmsError",
    "CmsLimits",
    "CompressedReader",
    "CompressedWriter",
    "DecompressionFailed",
    "DecryptionFailed",
    "DigestDiffers",
    "EnvelopedReader",
    "EnvelopedWriter",
    "NoRecipient",
    "SignedMessage",
    "SignedReader",
    "SignerInfo",
    "SignerUnknown",
    "UnsupportedAlgorithm",
    "Verified",
    "VerifyOutcome",
    "read_signed",
    "sign",
    "verify",
]
