"""Messages as other products make them, with what ours never has: old algorithms, several recipients."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from cryptography import x509
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.padding import PKCS7
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.envelopes.as2.cms import EnvelopedReader, der
from gateway.envelopes.as2.cms.algorithms import HASHES
from gateway.envelopes.as2.cms.ciphers import KINDS
from gateway.envelopes.as2.cms.identifiers import (
    AUTH_ENVELOPED_DATA,
    COMPRESSED_DATA,
    CONTENT_TYPE,
    DATA,
    DIGESTS,
    ENCRYPTIONS,
    ENVELOPED_DATA,
    MESSAGE_DIGEST,
    MGF1,
    RSA_ENCRYPTION,
    RSAES_OAEP,
    RSASSA_PSS,
    SIGNED_DATA,
    ZLIB,
)
from gateway.envelopes.as2.cms.references import written_reference
from gateway.envelopes.as2.credentials import OwnKey
from gateway.envelopes.as2.profile import DigestAlgorithm, EncryptionAlgorithm

RSA = der.element(0x30, der.identifier(RSA_ENCRYPTION), der.NULL)
ID_DATA = der.identifier(DATA)


def sequence(*parts: bytes) -> bytes:
    """A SEQUENCE."""
    return der.element(0x30, *parts)


def explicit(number: int, *parts: bytes) -> bytes:
    """A constructed element with the tag [number]."""
    return der.element(0xA0 | number, *parts)


def content_info(content_type: bytes, content: bytes) -> bytes:
    """A ContentInfo."""
    return sequence(der.identifier(content_type), explicit(0, content))


def digest_algorithm(digest: DigestAlgorithm) -> bytes:
    """A digest with NULL for parameters, as older products write it."""
    return sequence(der.identifier(DIGESTS[digest]), der.NULL)


def mask_algorithm(digest: DigestAlgorithm) -> bytes:
    """MGF1 with a digest."""
    return sequence(der.identifier(MGF1), digest_algorithm(digest))


def key_identifier(certificate: x509.Certificate) -> bytes:
    """A reference by subject key identifier."""
    return der.element(0x80, x509.SubjectKeyIdentifier.from_public_key(certificate.public_key()).digest)


def wrapped(key: OwnKey, content_key: bytes, wrapping: padding.AsymmetricPadding | None = None) -> bytes:
    """A content key encrypted to someone."""
    public_key = key.key.public_key()
    return public_key.encrypt(content_key, wrapping or padding.PKCS1v15())


def recipient(key: OwnKey, encrypted_key: bytes, *, algorithm: bytes = RSA, reference: bytes | None = None) -> bytes:
    """A KeyTransRecipientInfo."""
    return sequence(
        der.integer(0),
        written_reference(key.certificate) if reference is None else reference,
        algorithm,
        der.octet_string(encrypted_key),
    )


def oaep(digest: DigestAlgorithm, mask: DigestAlgorithm, label: bytes = b"") -> tuple[bytes, padding.OAEP]:
    """OAEP with its parameters in full, encoded and to encrypt with."""
    parts = [explicit(0, digest_algorithm(digest)), explicit(1, mask_algorithm(mask))]
    if label:
        source = sequence(der.identifier(der.identifier_octets("1.2.840.113549.1.1.9")), der.octet_string(label))
        parts.append(explicit(2, source))
    wrapping = padding.OAEP(padding.MGF1(HASHES[mask]), HASHES[digest], label or None)
    return sequence(der.identifier(RSAES_OAEP), sequence(*parts)), wrapping


def enveloped(
    recipients: Iterable[bytes],
    encryption: bytes,
    content: bytes,
    *,
    content_type: bytes = ENVELOPED_DATA,
    version: int = 0,
    before: bytes = b"",
    after: bytes = b"",
) -> bytes:
    """EnvelopedData or AuthEnvelopedData; `content` is the element with the ciphertext, or nothing."""
    return content_info(
        content_type,
        sequence(der.integer(version), before, der.set_of(*recipients), sequence(ID_DATA, encryption, content), after),
    )


def cbc(algorithm: EncryptionAlgorithm, key: bytes, plain: bytes) -> tuple[bytes, bytes]:
    """The algorithm and the element with the ciphertext."""
    block_bytes = KINDS[algorithm].block_bytes
    initial = bytes(range(block_bytes))
    cipher = TripleDES(key) if algorithm is EncryptionAlgorithm.TRIPLE_DES else AES(key)
    padder = PKCS7(block_bytes * 8).padder()
    encryptor = Cipher(cipher, modes.CBC(initial)).encryptor()
    encrypted = encryptor.update(padder.update(plain) + padder.finalize()) + encryptor.finalize()
    encryption = sequence(der.identifier(ENCRYPTIONS[algorithm]), der.octet_string(initial))
    return encryption, der.element(0x80, encrypted)


def encrypted_to(key: OwnKey, plain: bytes, algorithm: EncryptionAlgorithm = EncryptionAlgorithm.AES128_CBC) -> bytes:
    """A message in CBC mode to one recipient, with a content key that is always the same."""
    content_key = bytes(range(KINDS[algorithm].key_bytes))
    return enveloped([recipient(key, wrapped(key, content_key))], *cbc(algorithm, content_key, plain))


def authenticated_to(key: OwnKey, plain: bytes, *, attributes: bytes = b"", tag_bytes: int = 16) -> bytes:
    """AES-128-GCM to one recipient; `attributes` are a DER SET that is authenticated, or nothing."""
    content_key, nonce = bytes(range(16)), bytes(range(12))
    sealed = AESGCM(content_key).encrypt(nonce, plain, attributes or None)
    tag = der.octet_string(sealed[-16:][:tag_bytes])
    # 12 is the default, which DER leaves out.
    size = der.integer(tag_bytes) if tag_bytes != 12 else b""
    encryption = sequence(
        der.identifier(ENCRYPTIONS[EncryptionAlgorithm.AES128_GCM]), sequence(der.octet_string(nonce), size)
    )
    return enveloped(
        [recipient(key, wrapped(key, content_key))],
        encryption,
        der.element(0x80, sealed[:-16]),
        content_type=AUTH_ENVELOPED_DATA,
        after=(b"\xa1" + attributes[1:] if attributes else b"") + tag,
    )


def attribute(kind: bytes, value: bytes) -> bytes:
    """An Attribute with one value."""
    return sequence(der.identifier(kind), der.set_of(value))


def usual_attributes(digest: bytes) -> list[bytes]:
    """The type and the digest of the content."""
    return [attribute(CONTENT_TYPE, ID_DATA), attribute(MESSAGE_DIGEST, der.octet_string(digest))]


@dataclass(frozen=True, slots=True)
class Signature:
    """How one SignerInfo is made. Without `attributes` the usual ones, in the order of DER; empty: none."""

    key: OwnKey = field(repr=False)
    digest: DigestAlgorithm = DigestAlgorithm.SHA256
    attributes: Sequence[bytes] | None = None
    reference: bytes | None = None
    algorithm: bytes = RSA
    wrapping: padding.PKCS1v15 | padding.PSS = field(default_factory=padding.PKCS1v15)

    def over(self, content: bytes) -> bytes:
        """The SignerInfo."""
        digest = hashlib.new(self.digest.value, content).digest()
        attributes = sorted(usual_attributes(digest)) if self.attributes is None else self.attributes
        hash_algorithm = HASHES[self.digest]
        if attributes:
            signed = der.element(0x31, *attributes)
            signature = self.key.key.sign(signed, self.wrapping, hash_algorithm)
        else:
            signature = self.key.key.sign(digest, self.wrapping, Prehashed(hash_algorithm))
        return sequence(
            der.integer(1),
            written_reference(self.key.certificate) if self.reference is None else self.reference,
            digest_algorithm(self.digest),
            explicit(0, *attributes) if attributes else b"",
            self.algorithm,
            der.octet_string(signature),
        )


def pss(digest: DigestAlgorithm, mask: DigestAlgorithm, salt_bytes: int) -> tuple[bytes, padding.PSS]:
    """PSS with its parameters in full, encoded and to sign with."""
    parameters = sequence(
        explicit(0, digest_algorithm(digest)),
        explicit(1, mask_algorithm(mask)),
        explicit(2, der.integer(salt_bytes)),
        explicit(3, der.integer(1)),
    )
    return sequence(der.identifier(RSASSA_PSS), parameters), padding.PSS(padding.MGF1(HASHES[mask]), salt_bytes)


def signed(
    content: bytes,
    *signatures: Signature,
    certificates: Sequence[x509.Certificate] = (),
    is_opaque: bool = False,
    lists: bytes = b"",
    digests: Sequence[DigestAlgorithm] | None = None,
) -> bytes:
    """SignedData, with the content inside or beside it. `lists` are encoded revocation lists."""
    announced = [each.digest for each in signatures] if digests is None else digests
    return content_info(
        SIGNED_DATA,
        sequence(
            der.integer(1),
            der.set_of(*(digest_algorithm(each) for each in announced)),
            sequence(ID_DATA, explicit(0, der.octet_string(content)) if is_opaque else b""),
            explicit(0, *(each.public_bytes(Encoding.DER) for each in certificates)) if certificates else b"",
            explicit(1, lists) if lists else b"",
            der.set_of(*(each.over(content) for each in signatures)),
        ),
    )


def compressed(deflated: bytes, algorithm: bytes = ZLIB) -> bytes:
    """CompressedData with definite lengths."""
    inner = sequence(ID_DATA, explicit(0, der.octet_string(deflated)))
    return content_info(COMPRESSED_DATA, sequence(der.integer(0), sequence(der.identifier(algorithm)), inner))


class Reader(Protocol):
    """What every reader has in common."""

    def feed(self, data: bytes | memoryview) -> list[bytes]:
        """Content so far."""

    def finish(self) -> list[bytes]:
        """The rest."""


def read(reader: Reader, message: bytes, step_bytes: int | None = None) -> bytes:
    """All of the content, fed whole or in steps."""
    step = step_bytes or max(1, len(message))
    pieces = [piece for start in range(0, len(message), step) for piece in reader.feed(message[start : start + step])]
    return b"".join((*pieces, *reader.finish()))


def decrypt(message: bytes, *keys: OwnKey) -> bytes:
    """All of the plaintext."""
    return read(EnvelopedReader(keys), message)
