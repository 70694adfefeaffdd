"""Signing a digest: SignedData (RFC 5652 section 5) that stands beside its content.

Owns the order of its elements. Must not know the content.
"""

from datetime import datetime

from gateway.envelopes.as2.cms import der
from gateway.envelopes.as2.cms.algorithms import HASHES, written_digest, written_signing
from gateway.envelopes.as2.cms.ber import SEQUENCE, SET, context
from gateway.envelopes.as2.cms.identifiers import CONTENT_TYPE, DATA, MESSAGE_DIGEST, SIGNED_DATA, SIGNING_TIME
from gateway.envelopes.as2.cms.references import written_certificate, written_reference
from gateway.envelopes.as2.credentials import OwnKey
from gateway.envelopes.as2.profile import DigestAlgorithm, SignatureScheme

_DATA = der.identifier(DATA)
_VERSION = der.integer(1)  # RFC 5652 5.1 and 5.3: only X.509 certificates, signer by issuer and serial number


def _attribute(kind: bytes, value: bytes) -> bytes:
    return der.element(SEQUENCE, der.identifier(kind), der.element(SET, value))


_CONTENT_TYPE_ATTRIBUTE = _attribute(CONTENT_TYPE, _DATA)


def sign(digest: bytes, algorithm: DigestAlgorithm, scheme: SignatureScheme, key: OwnKey, at: datetime) -> bytes:
    """Sign a content of that digest at that moment; with the certificate of `key` and its chain, in DER.

    Raises ValueError for SHA-1, which is read and never written.
    """
    if algorithm is DigestAlgorithm.SHA1:
        raise ValueError("SHA-1 is read, never written.")
    attributes = b"".join(
        sorted(
            (
                _CONTENT_TYPE_ATTRIBUTE,
                _attribute(SIGNING_TIME, der.time(at)),
                _attribute(MESSAGE_DIGEST, der.octet_string(digest)),
            )
        )
    )
    digest_algorithm = written_digest(algorithm)
    signature_algorithm, signing = written_signing(scheme, algorithm)
    signature = key.key.sign(der.element(SET, attributes), signing.padding, HASHES[algorithm])
    signer = der.element(
        SEQUENCE,
        _VERSION,
        written_reference(key.certificate),
        digest_algorithm,
        der.element(context(0), attributes),
        signature_algorithm,
        der.octet_string(signature),
    )
    signed = der.element(
        SEQUENCE,
        _VERSION,
        der.element(SET, digest_algorithm),
        der.element(SEQUENCE, _DATA),
        der.element(context(0), *map(written_certificate, (key.certificate, *key.chain))),
        der.element(SET, signer),
    )
    return der.element(SEQUENCE, der.identifier(SIGNED_DATA), der.element(context(0), signed))
