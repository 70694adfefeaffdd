"""AlgorithmIdentifiers (RFC 5652 section 10.1) and their parameters, read and written.

Owns what parameters mean. Must not know keys or messages.
"""

from typing import NamedTuple

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from gateway.envelopes.as2.cms import der
from gateway.envelopes.as2.cms.ber import END, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, Cursor, context
from gateway.envelopes.as2.cms.errors import CmsError, UnsupportedAlgorithm
from gateway.envelopes.as2.cms.identifiers import (
    DIGEST_BY_IDENTIFIER,
    DIGESTS,
    MGF1,
    P_SPECIFIED,
    RSA_ENCRYPTION,
    RSA_WITH_DIGEST,
    RSAES_OAEP,
    RSASSA_PSS,
    dotted,
)
from gateway.envelopes.as2.profile import DigestAlgorithm, KeyTransport, SignatureScheme

HASHES: dict[DigestAlgorithm, hashes.HashAlgorithm] = {
    DigestAlgorithm.SHA1: hashes.SHA1(),  # noqa: S303 - read from partners who know nothing else, never written
    DigestAlgorithm.SHA256: hashes.SHA256(),
    DigestAlgorithm.SHA384: hashes.SHA384(),
    DigestAlgorithm.SHA512: hashes.SHA512(),
}
# OAEP is written with this digest for the label and the mask.
OAEP_DIGEST = DigestAlgorithm.SHA256
# RFC 8017 A.2.3: where the parameters do not say it.
_DEFAULT_SALT_BYTES = 20
# OpenSSL fills the signature with salt: 222 octets with RSA-2048, 2014 with RSA-16384.
_MAXIMUM_SALT_BYTES = 2048

_PKCS1V15 = padding.PKCS1v15()

# How these are nearly always encoded: comparing is cheaper than reading.
_RSA = der.element(SEQUENCE, der.identifier(RSA_ENCRYPTION), der.NULL)
_WRITTEN_DIGESTS = {digest: der.element(SEQUENCE, der.identifier(octets)) for digest, octets in DIGESTS.items()}
_USUAL_DIGESTS = {
    der.element(SEQUENCE, der.identifier(octets), parameters): digest
    for digest, octets in DIGESTS.items()
    for parameters in (b"", der.NULL)
}


class Algorithm(NamedTuple):
    """An identifier's octets and the encoded parameters, empty where absent."""

    identifier: bytes
    parameters: bytes


class Signing(NamedTuple):
    """How a signature is padded, and the digest that is signed."""

    scheme: SignatureScheme
    padding: padding.PKCS1v15 | padding.PSS
    digest: DigestAlgorithm


class Transport(NamedTuple):
    """How a content key is padded."""

    transport: KeyTransport
    padding: padding.AsymmetricPadding


def parse_algorithm(encoded: bytes) -> Algorithm:
    """An AlgorithmIdentifier. Raises CmsError."""
    cursor = Cursor(encoded)
    cursor.enter(SEQUENCE)
    identifier = cursor.read(OBJECT_IDENTIFIER)
    parameters = b"" if cursor.tag() == END else cursor.raw()
    cursor.leave()
    return Algorithm(identifier, parameters)


def digest_of(encoded: bytes) -> DigestAlgorithm:
    """A digest algorithm. Raises CmsError, of it UnsupportedAlgorithm.

    Its parameters are NULL or absent and of no matter (RFC 5754 section 2).
    """
    found = _USUAL_DIGESTS.get(encoded)
    if found is not None:
        return found
    identifier = parse_algorithm(encoded).identifier
    if identifier not in DIGEST_BY_IDENTIFIER:
        raise UnsupportedAlgorithm(f"The digest {dotted(identifier)} is not supported.")
    return DIGEST_BY_IDENTIFIER[identifier]


def signing_of(encoded: bytes, digest: DigestAlgorithm) -> Signing:
    """The signature algorithm of a SignerInfo with that digest. Raises CmsError, of it UnsupportedAlgorithm.

    A signature algorithm that names a digest of its own is taken at its word.
    """
    if encoded == _RSA:
        return Signing(SignatureScheme.PKCS1V15, _PKCS1V15, digest)
    identifier, parameters = parse_algorithm(encoded)
    if identifier == RSASSA_PSS:
        return _read_pss(parameters, digest)
    if identifier != RSA_ENCRYPTION and identifier not in RSA_WITH_DIGEST:
        raise UnsupportedAlgorithm(f"The signature algorithm {dotted(identifier)} is not supported.")
    return Signing(SignatureScheme.PKCS1V15, _PKCS1V15, RSA_WITH_DIGEST.get(identifier, digest))


def transport_of(encoded: bytes) -> Transport:
    """A key transport algorithm. Raises CmsError, of it UnsupportedAlgorithm."""
    if encoded == _RSA:
        return Transport(KeyTransport.PKCS1V15, _PKCS1V15)
    identifier, parameters = parse_algorithm(encoded)
    if identifier == RSAES_OAEP:
        return Transport(KeyTransport.OAEP, _read_oaep(parameters))
    if identifier != RSA_ENCRYPTION:
        raise UnsupportedAlgorithm(f"The key transport {dotted(identifier)} is not supported.")
    return Transport(KeyTransport.PKCS1V15, _PKCS1V15)


def written_digest(digest: DigestAlgorithm) -> bytes:
    """As a digest algorithm, without parameters (RFC 5754 section 2)."""
    return _WRITTEN_DIGESTS[digest]


def written_signing(scheme: SignatureScheme, digest: DigestAlgorithm) -> tuple[bytes, Signing]:
    """The signature algorithm, encoded and to sign with. The salt of PSS is as long as the digest."""
    if scheme is SignatureScheme.PKCS1V15:
        return _RSA, Signing(scheme, _PKCS1V15, digest)
    hash_algorithm = HASHES[digest]
    parameters = der.element(
        SEQUENCE, *_digest_and_mask(digest), der.element(context(2), der.integer(hash_algorithm.digest_size))
    )
    pss = padding.PSS(padding.MGF1(hash_algorithm), hash_algorithm.digest_size)
    return der.element(SEQUENCE, der.identifier(RSASSA_PSS), parameters), Signing(scheme, pss, digest)


def written_transport(transport: KeyTransport) -> tuple[bytes, Transport]:
    """The key transport algorithm, encoded and to encrypt with."""
    if transport is KeyTransport.PKCS1V15:
        return _RSA, Transport(transport, _PKCS1V15)
    parameters = der.element(SEQUENCE, *_digest_and_mask(OAEP_DIGEST))
    hash_algorithm = HASHES[OAEP_DIGEST]
    oaep = padding.OAEP(padding.MGF1(hash_algorithm), hash_algorithm, None)
    return der.element(SEQUENCE, der.identifier(RSAES_OAEP), parameters), Transport(transport, oaep)


def _digest_and_mask(digest: DigestAlgorithm) -> tuple[bytes, bytes]:
    """The first two parameters of OAEP and PSS. RFC 4055 section 2.1: here a digest has NULL for parameters."""
    encoded = der.element(SEQUENCE, der.identifier(DIGESTS[digest]), der.NULL)
    mask = der.element(SEQUENCE, der.identifier(MGF1), encoded)
    return der.element(context(0), encoded), der.element(context(1), mask)


def _read_pss(parameters: bytes, digest: DigestAlgorithm) -> Signing:
    """Where there are no parameters the digest is that of the SignerInfo, and the salt as long as it turns out."""
    if not parameters:
        return Signing(SignatureScheme.PSS, padding.PSS(padding.MGF1(HASHES[digest]), padding.PSS.AUTO), digest)
    cursor = Cursor(parameters)
    cursor.enter(SEQUENCE)
    signed_digest, mask_digest = _read_digest_and_mask(cursor)
    salt_bytes = _DEFAULT_SALT_BYTES
    if cursor.tag() == context(2):
        cursor.enter(context(2))
        salt_bytes = cursor.integer()
        cursor.leave()
    if not 0 <= salt_bytes <= _MAXIMUM_SALT_BYTES:
        raise CmsError(f"A salt of PSS has 0 to {_MAXIMUM_SALT_BYTES} octets.")
    if cursor.tag() == context(3):
        cursor.skip()  # the trailer field, of which there is only one
    cursor.leave()
    return Signing(SignatureScheme.PSS, padding.PSS(padding.MGF1(HASHES[mask_digest]), salt_bytes), signed_digest)


def _read_oaep(parameters: bytes) -> padding.OAEP:
    cursor = Cursor(parameters or der.element(SEQUENCE))
    cursor.enter(SEQUENCE)
    digest, mask_digest = _read_digest_and_mask(cursor)
    label = _read_label(cursor) if cursor.tag() == context(2) else b""
    cursor.leave()
    return padding.OAEP(padding.MGF1(HASHES[mask_digest]), HASHES[digest], label or None)


def _read_digest_and_mask(cursor: Cursor) -> tuple[DigestAlgorithm, DigestAlgorithm]:
    """[0] and [1] of OAEP's and PSS's parameters; SHA-1 is the default of both (RFC 8017 A.2.1, A.2.3)."""
    digest = mask_digest = DigestAlgorithm.SHA1
    if cursor.tag() == context(0):
        cursor.enter(context(0))
        digest = digest_of(cursor.raw())
        cursor.leave()
    if cursor.tag() == context(1):
        cursor.enter(context(1))
        mask = parse_algorithm(cursor.raw())
        cursor.leave()
        if mask.identifier != MGF1:
            raise UnsupportedAlgorithm(f"The mask generation {dotted(mask.identifier)} is not supported.")
        mask_digest = digest_of(mask.parameters)
    return digest, mask_digest


def _read_label(cursor: Cursor) -> bytes:
    cursor.enter(context(2))
    source = parse_algorithm(cursor.raw())
    cursor.leave()
    if source.identifier != P_SPECIFIED:
        raise UnsupportedAlgorithm(f"The label {dotted(source.identifier)} is not supported.")
    return Cursor(source.parameters).octets(OCTET_STRING)
