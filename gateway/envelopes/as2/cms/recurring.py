"""Signatures like an earlier one: read by comparing instead of going through their elements again.

Owns what is remembered of signatures. Must not know their syntax, nor whether any of them is true.

With one key a product writes the same certificates, names and algorithms each time; only the digest, the time and the
signature differ, and their sizes do not. Each of these is the content of a primitive element. So where every other
octet equals that of an earlier signature, all elements begin and end where they did there, and reading would find
nothing else but other values. This relies on the values lying where the reader found them, not where something like
them stands: otherwise one could be shown a digest that nobody signed.
"""

from operator import attrgetter
from typing import Final, NamedTuple

from gateway.envelopes.as2.cms.signer_info import Places, SignedAttributes, SignerInfo

# Partners that exchange at the same time; 2 to 4 KB each.
MAXIMUM_REMEMBERED: Final = 512
# A signer and two authorities with RSA-4096 have 6 KB.
_MAXIMUM_BYTES: Final = 8 << 10
# The serial number of the first certificate stands in these.
_OPENING_BYTES: Final = 128


class _Remembered(NamedTuple):
    signer: SignerInfo
    time_tag: int
    places: Places
    certificates: tuple[bytes, ...]
    fixed: tuple[tuple[int, bytes], ...]  # all that is no value, and where it starts


_remembered: dict[tuple[int, bytes], _Remembered] = {}


def like_earlier(detached: bytes) -> tuple[SignerInfo, tuple[bytes, ...]] | None:
    """Signer and certificates of a signature that differs from an earlier one in its values alone, else None."""
    earlier = _remembered.get((len(detached), detached[:_OPENING_BYTES]))
    if earlier is None:
        return None
    signer, time_tag, places, certificates, fixed = earlier
    for start, octets in fixed:
        if not detached.startswith(octets, start):
            return None
    attributes, digest, time, signature = [detached[place] for place in places]
    changed = SignedAttributes(attributes, digest, time_tag, time)
    return SignerInfo(signer.reference, signer.digest, signer.signing, changed, signature, places), certificates


def remember(detached: bytes, signer: SignerInfo, certificates: tuple[bytes, ...]) -> None:
    """A signature that was read and has one signer."""
    places, attributes = signer.places, signer.attributes
    if len(detached) > _MAXIMUM_BYTES or places is None or attributes is None:
        return
    fixed, end = [], 0
    for value in sorted((places.digest, places.time, places.signature), key=attrgetter("start")):
        fixed.append((end, detached[end : value.start]))
        end = value.stop
    fixed.append((end, detached[end:]))
    if len(_remembered) >= MAXIMUM_REMEMBERED:
        forget()  # simpler than choosing one: whoever is active comes back with the next message
    key = len(detached), detached[:_OPENING_BYTES]
    _remembered[key] = _Remembered(signer, attributes.time_tag, places, certificates, tuple(fixed))


def forget() -> None:
    """All that is remembered."""
    _remembered.clear()
