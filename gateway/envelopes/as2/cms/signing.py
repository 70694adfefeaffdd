"""Signing a digest: SignedData (RFC 5652 section 5) that stands beside its content.

Owns the order of its elements. Must not know the content.
"""

from datetime import datetime
from functools import lru_cache
from typing import Final, NamedTuple

from cryptography import x509

from gateway.envelopes.as2.cms import der
from gateway.envelopes.as2.cms.algorithms import HASHES, written_digest, written_signing
from gateway.envelopes.as2.cms.ber import OCTET_STRING, SEQUENCE, SET, context
from gateway.envelopes.as2.cms.identifiers import CONTENT_TYPE, DATA, MESSAGE_DIGEST, SIGNED_DATA, SIGNING_TIME
from gateway.envelopes.as2.cms.references import written_certificate, written_reference
from gateway.envelopes.as2.credentials import OwnKey
from gateway.envelopes.as2.profile import DigestAlgorithm, SignatureScheme

# Our keys are few: one, or one for each agreement.
_FRAMES: Final = 256
_DATA = der.identifier(DATA)
_VERSION = der.integer(1)  # RFC 5652 5.1 and 5.3: only X.509 certificates, signer by issuer and serial number


class _Frame(NamedTuple):
    """What stands around the three values in which signatures with one key differ: time, digest and signature."""

    before_attributes: bytes
    before_time: bytes
    before_digest: bytes
    before_signature: bytes


def sign(digest: bytes, algorithm: DigestAlgorithm, scheme: SignatureScheme, key: OwnKey, at: datetime) -> bytes:
    """Sign a content of that digest at that moment; with the certificate of `key` and its chain, in DER.

    Raises ValueError for SHA-1, which is read and never written.
    """
    if algorithm is DigestAlgorithm.SHA1:
        raise ValueError("SHA-1 is read, never written.")
    time = der.time(at)
    frame = _frame((key.certificate, *key.chain), algorithm, scheme, len(time), (key.key.key_size + 7) // 8)
    attributes = b"".join((frame.before_time, time, frame.before_digest, digest))
    _, signing = written_signing(scheme, algorithm)
    # What is signed is a SET, what is sent has the tag [0] instead (RFC 5652 5.4).
    signature = key.key.sign(b"%c%b" % (SET, attributes[1:]), signing.padding, HASHES[algorithm])
    return b"".join((frame.before_attributes, attributes, frame.before_signature, signature))


@lru_cache(maxsize=_FRAMES)
def _frame(
    certificates: tuple[x509.Certificate, ...],
    algorithm: DigestAlgorithm,
    scheme: SignatureScheme,
    time_bytes: int,
    signature_bytes: int,
) -> _Frame:
    """Sizes are the same in each signature, so that everything but the values is; `certificates` begin with ours."""
    digest_bytes = HASHES[algorithm].digest_size
    # In the order that DER demands of a SET OF: here that of their sizes.
    of_digest = _attribute(MESSAGE_DIGEST, der.octet_string(bytes(digest_bytes)))
    attributes = der.element(
        context(0), _attribute(CONTENT_TYPE, _DATA), _attribute(SIGNING_TIME, bytes(time_bytes)), of_digest
    )
    digest_algorithm = written_digest(algorithm)
    signature_algorithm, _ = written_signing(scheme, algorithm)
    before_signature = signature_algorithm + der.header(OCTET_STRING, signature_bytes)
    signer = der.element(
        SEQUENCE,
        _VERSION,
        written_reference(certificates[0]),
        digest_algorithm,
        attributes,
        before_signature,
        bytes(signature_bytes),
    )
    signed = der.element(
        SEQUENCE,
        _VERSION,
        der.element(SET, digest_algorithm),
        der.element(SEQUENCE, _DATA),
        der.element(context(0), *map(written_certificate, certificates)),
        der.element(SET, signer),
    )
    whole = der.element(SEQUENCE, der.identifier(SIGNED_DATA), der.element(context(0), signed))
    return _Frame(
        whole[: -len(attributes) - len(before_signature) - signature_bytes],
        attributes[: -len(of_digest) - time_bytes],
        of_digest[:-digest_bytes],
        before_signature,
    )


def _attribute(kind: bytes, value: bytes) -> bytes:
    return der.element(SEQUENCE, der.identifier(kind), der.element(SET, value))
