"""Makes RSA keys for AS2, their certificates, and requests for certificates.

Owns what such a certificate says. Must not know files, settings or partners.
"""

from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa

# FIPS 186-5 section A.1.1 asks for an odd exponent above 2^16; this one is what every product reads.
_PUBLIC_EXPONENT = 65537

# Signs messages and receipts; content keys are encrypted to it (RFC 5280 section 4.2.1.3). Nothing else.
_USAGE = x509.KeyUsage(
    digital_signature=True,
    content_commitment=False,
    key_encipherment=True,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=False,
    crl_sign=False,
    encipher_only=False,
    decipher_only=False,
)


def new_rsa_key(size_bits: int) -> rsa.RSAPrivateKey:
    """A fresh key; takes a second for 4096 bits."""
    return rsa.generate_private_key(_PUBLIC_EXPONENT, size_bits)


def self_signed(key: rsa.RSAPrivateKey, subject: x509.Name, begins: datetime, ends: datetime) -> x509.Certificate:
    """A certificate for partners to pin: it signs and is encrypted to, and issues nothing."""
    public_key = key.public_key()
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_USAGE, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .sign(key, hashes.SHA256())
    )


def certificate_request(key: rsa.RSAPrivateKey, subject: x509.Name) -> x509.CertificateSigningRequest:
    """What an authority needs to issue the certificate (PKCS#10)."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    return builder.add_extension(_USAGE, critical=True).sign(key, hashes.SHA256())
