"""Whether a signature is one of a partner (RFC 5652 sections 5.4 and 5.6).

Owns the decision. Must not know how the content came to its digest: a caller that finds the digest to differ may try
another form of the content.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from gateway.envelopes.as2.cms import der
from gateway.envelopes.as2.cms.algorithms import HASHES
from gateway.envelopes.as2.cms.ber import SET
from gateway.envelopes.as2.cms.chain import CertificatePath, is_in_validity
from gateway.envelopes.as2.cms.errors import CmsError
from gateway.envelopes.as2.cms.references import means, means_known
from gateway.envelopes.as2.cms.signed import SignedMessage
from gateway.envelopes.as2.cms.signer_info import SignedAttributes, SignerInfo
from gateway.envelopes.as2.credentials import CertificateUse, Trust
from gateway.envelopes.as2.profile import DigestAlgorithm

DigestOf = Callable[[DigestAlgorithm], bytes]


@dataclass(frozen=True, slots=True)
class Verified:
    """A trusted signer signed this content. `signing_time` is what the signer says."""

    certificate: x509.Certificate
    digest: DigestAlgorithm
    signing_time: datetime | None


@dataclass(frozen=True, slots=True)
class DigestDiffers:
    """The content is not the one that was signed. `reason` is a sentence for the operator."""

    reason: str


@dataclass(frozen=True, slots=True)
class SignerUnknown:
    """No one whom the relationship trusts signed. `reason` is a sentence for the operator."""

    reason: str


VerifyOutcome = Verified | DigestDiffers | SignerUnknown


def verify(signed: SignedMessage, digest_of: DigestOf, trust: Trust, at: datetime) -> VerifyOutcome:
    """One trusted signer is enough. Of failures a digest that differs goes first: it can be asked again.

    Raises what `digest_of` raises.
    """
    failures: list[DigestDiffers | SignerUnknown] = []
    for signer in signed.signers:
        outcome = _verify_signer(signer, signed, digest_of, trust, at)
        if isinstance(outcome, Verified):
            return outcome
        failures.append(outcome)
    return next((each for each in failures if isinstance(each, DigestDiffers)), failures[0])


def _verify_signer(
    signer: SignerInfo,
    signed: SignedMessage,
    digest_of: DigestOf,
    trust: Trust,
    at: datetime,
) -> VerifyOutcome:
    """1. The attributes hold the digest of the content. 2. A trusted certificate is named. 3. Its key signed."""
    # 1.
    if signer.attributes and signer.attributes.message_digest != digest_of(signer.digest):
        return DigestDiffers("The digest of the content differs from the one that was signed.")
    # 2.
    failure: DigestDiffers | SignerUnknown | None = None
    for certificate, refusal in _named(signer, signed, trust, at):
        if refusal is not None:
            failure = SignerUnknown(refusal)
        # 3.
        elif _has_signed(certificate, signer, digest_of):
            return Verified(certificate, signer.digest, signer.signing_time)
        elif signer.attributes:
            failure = SignerUnknown("The signature was not made with the key of the certificate that it names.")
        else:
            failure = DigestDiffers("The content or the key differs from what was signed.")
    return failure or SignerUnknown("No trusted certificate is the one that the signature names.")


def _named(
    signer: SignerInfo, signed: SignedMessage, trust: Trust, at: datetime
) -> Iterator[tuple[x509.Certificate, str | None]]:
    """Certificates that the signature names, and why one is not believed: first the pinned, then those of authorities.

    A certificate in the message is never believed for standing there: a pinned one is taken from the agreement.
    """
    for pinned in trust.certificates:
        if CertificateUse.SIGN in pinned.uses and means_known(signer.reference, pinned.certificate):
            is_valid = pinned.is_valid(at) and is_in_validity(pinned.certificate, at)
            yield pinned.certificate, None if is_valid else "The signer's certificate has expired or is not valid yet."
    if not trust.authorities:
        return
    embedded = signed.certificates
    for certificate in embedded:
        if means(signer.reference, certificate):
            for trusted in trust.authorities:
                if certificate.subject.rfc4514_string() != trusted.subject:
                    yield certificate, "The signer's certificate has another subject than the trusted one."
                else:
                    yield certificate, CertificatePath(trusted.authority, embedded, at).refusal(certificate)


def _has_signed(certificate: x509.Certificate, signer: SignerInfo, digest_of: DigestOf) -> bool:
    hash_algorithm = HASHES[signer.signing.digest]
    try:
        public_key = certificate.public_key()
    except (UnsupportedAlgorithm, ValueError):
        return False
    if not isinstance(public_key, RSAPublicKey):
        return False
    if signer.attributes is None:
        return _verifies(public_key, signer, digest_of(signer.signing.digest), Prehashed(hash_algorithm))
    for message in _signed_forms(signer.attributes):  # noqa: SIM110 - a generator in a generator takes longer
        if _verifies(public_key, signer, message, hash_algorithm):
            return True
    return False


def _signed_forms(attributes: SignedAttributes) -> Iterator[bytes]:
    """What is signed is the DER of a SET (RFC 5652 5.4). Some products sign what they send, in whatever order."""
    as_sent = bytes((SET,)) + attributes.encoded[1:]
    yield as_sent
    # What a value holds was not looked into so far: where that is malformed there is no other form.
    with suppress(CmsError):
        in_der = der.canonical(as_sent)
        if in_der != as_sent:
            yield in_der


def _verifies(
    public_key: RSAPublicKey, signer: SignerInfo, message: bytes, algorithm: hashes.HashAlgorithm | Prehashed
) -> bool:
    try:
        public_key.verify(signer.signature, message, signer.signing.padding, algorithm)
    except (InvalidSignature, ValueError):
        return False
    return True
