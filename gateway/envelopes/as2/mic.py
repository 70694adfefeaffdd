"""Message integrity checks (MIC): digests with the names that AS2 gives them, ours and those of a receipt.

Owns names and comparison. Must not know which bytes a MIC covers.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache

from gateway.envelopes.as2.profile import DigestAlgorithm

# RFC 8551 3.4.3.2; SHA-1 as RFC 4130 spells it.
MICALG_NAMES = {
    DigestAlgorithm.SHA1: "sha1",
    DigestAlgorithm.SHA256: "sha-256",
    DigestAlgorithm.SHA384: "sha-384",
    DigestAlgorithm.SHA512: "sha-512",
}
# `rsa-sha1` is how old S/MIME products name a digest (RFC 8551 3.4.3.2, historical note).
_NAME = re.compile(r"(?:rsa[-_]?)?sha[-_]?(1|256|384|512)", re.IGNORECASE)
# A digest of 512 bits has 88 characters of base64; beyond this it is something else.
_MAXIMUM_MIC_CHARACTERS = 256


# Whoever writes to us spells it in one way or two; a name is at most as long as a header.
@lru_cache(maxsize=64)
def digest_named(name: str) -> DigestAlgorithm | None:
    """`sha-256`, `SHA256`, `rsa-sha256` and the like; None for what we do not compute."""
    match = _NAME.fullmatch(name.strip(' \t"'))
    return DigestAlgorithm(f"sha{match[1]}") if match else None


@dataclass(frozen=True, slots=True)
class Mic:
    """A MIC of ours. `name` is how the partner spelled the algorithm: some compare the text, not the meaning."""

    digest: bytes
    algorithm: DigestAlgorithm
    name: str = field(default="", compare=False)

    def __str__(self) -> str:
        """As it stands in Received-Content-MIC."""
        return f"{base64.b64encode(self.digest).decode()}, {self.name or MICALG_NAMES[self.algorithm]}"


@dataclass(frozen=True, slots=True)
class ClaimedMic:
    """What a receipt says of a message of ours. `name` is any text."""

    digest: bytes
    name: str

    @classmethod
    def parse(cls, text: str) -> "ClaimedMic | None":
        """A Received-Content-MIC field, blanks anywhere; None where it is none."""
        digest, _, name = text.partition(",")
        if not digest.strip() or len(text) > _MAXIMUM_MIC_CHARACTERS:
            return None
        try:
            return cls(base64.b64decode("".join(digest.split()), validate=True), name.strip(' \t"'))
        except (binascii.Error, ValueError):
            return None

    @property
    def algorithm(self) -> DigestAlgorithm | None:
        """None for a name that we do not know."""
        return digest_named(self.name)


class MicComparison(StrEnum):
    """How the MIC of a receipt stands to the message. Only `EQUAL` proves that the partner has what we sent."""

    EQUAL = "equal"
    DIFFERS = "differs"
    ABSENT = "absent"
    UNKNOWN_ALGORITHM = "unknown algorithm"  # the receipt names one in which we have no digest of the message


def compare(claimed: ClaimedMic | None, sent: Mapping[DigestAlgorithm, bytes]) -> MicComparison:
    """By the algorithm that the receipt names: products answer in the one they like."""
    if claimed is None:
        return MicComparison.ABSENT
    digest = sent.get(claimed.algorithm) if claimed.algorithm else None
    if digest is None:
        return MicComparison.UNKNOWN_ALGORITHM
    return MicComparison.EQUAL if digest == claimed.digest else MicComparison.DIFFERS
