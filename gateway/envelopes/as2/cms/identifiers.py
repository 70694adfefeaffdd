"""Object identifiers of CMS, as the octets of their content.

Owns numbers and the standard that gives each. Must not know how an algorithm is done.
"""

from gateway.envelopes.as2.cms.der import identifier_octets
from gateway.envelopes.as2.profile import DigestAlgorithm, EncryptionAlgorithm

# Content types: RFC 5652 sections 4 to 6, RFC 5083, RFC 3274.
DATA = identifier_octets("1.2.840.113549.1.7.1")
SIGNED_DATA = identifier_octets("1.2.840.113549.1.7.2")
ENVELOPED_DATA = identifier_octets("1.2.840.113549.1.7.3")
AUTH_ENVELOPED_DATA = identifier_octets("1.2.840.113549.1.9.16.1.23")
COMPRESSED_DATA = identifier_octets("1.2.840.113549.1.9.16.1.9")

# Attributes: RFC 5652 section 11.
CONTENT_TYPE = identifier_octets("1.2.840.113549.1.9.3")
MESSAGE_DIGEST = identifier_octets("1.2.840.113549.1.9.4")
SIGNING_TIME = identifier_octets("1.2.840.113549.1.9.5")

# RFC 3274 section 2.
ZLIB = identifier_octets("1.2.840.113549.1.9.16.3.8")

# RSA: RFC 8017 appendix C.
RSA_ENCRYPTION = identifier_octets("1.2.840.113549.1.1.1")
RSAES_OAEP = identifier_octets("1.2.840.113549.1.1.7")
MGF1 = identifier_octets("1.2.840.113549.1.1.8")
P_SPECIFIED = identifier_octets("1.2.840.113549.1.1.9")
RSASSA_PSS = identifier_octets("1.2.840.113549.1.1.10")

# RSA signatures that name their digest: RFC 8017 appendix C, the last one from the time before (OIW).
RSA_WITH_DIGEST = {
    identifier_octets("1.2.840.113549.1.1.5"): DigestAlgorithm.SHA1,
    identifier_octets("1.2.840.113549.1.1.11"): DigestAlgorithm.SHA256,
    identifier_octets("1.2.840.113549.1.1.12"): DigestAlgorithm.SHA384,
    identifier_octets("1.2.840.113549.1.1.13"): DigestAlgorithm.SHA512,
    identifier_octets("1.3.14.3.2.29"): DigestAlgorithm.SHA1,
}

# RFC 3370 section 2, RFC 5754 section 2.
DIGESTS = {
    DigestAlgorithm.SHA1: identifier_octets("1.3.14.3.2.26"),
    DigestAlgorithm.SHA256: identifier_octets("2.16.840.1.101.3.4.2.1"),
    DigestAlgorithm.SHA384: identifier_octets("2.16.840.1.101.3.4.2.2"),
    DigestAlgorithm.SHA512: identifier_octets("2.16.840.1.101.3.4.2.3"),
}
DIGEST_BY_IDENTIFIER = {octets: digest for digest, octets in DIGESTS.items()}

# RFC 3370 section 5.1, RFC 3565 section 4.1, RFC 5084 section 3.2.
ENCRYPTIONS = {
    EncryptionAlgorithm.TRIPLE_DES: identifier_octets("1.2.840.113549.3.7"),
    EncryptionAlgorithm.AES128_CBC: identifier_octets("2.16.840.1.101.3.4.1.2"),
    EncryptionAlgorithm.AES192_CBC: identifier_octets("2.16.840.1.101.3.4.1.22"),
    EncryptionAlgorithm.AES256_CBC: identifier_octets("2.16.840.1.101.3.4.1.42"),
    EncryptionAlgorithm.AES128_GCM: identifier_octets("2.16.840.1.101.3.4.1.6"),
    EncryptionAlgorithm.AES192_GCM: identifier_octets("2.16.840.1.101.3.4.1.26"),
    EncryptionAlgorithm.AES256_GCM: identifier_octets("2.16.840.1.101.3.4.1.46"),
}
ENCRYPTION_BY_IDENTIFIER = {octets: encryption for encryption, octets in ENCRYPTIONS.items()}


def dotted(octets: bytes) -> str:
    """An identifier for a person; "?" where it is none or longer than those of algorithms are."""
    if not octets or len(octets) > 20 or octets[-1] & 0x80:
        return "?"
    numbers, number = [], 0
    for octet in octets:
        number = number << 7 | octet & 0x7F
        if not octet & 0x80:
            numbers.append(number)
            number = 0
    first = min(numbers[0] // 40, 2)
    return ".".join(map(str, (first, numbers[0] - 40 * first, *numbers[1:])))
