"""One SignerInfo (RFC 5652 section 5.3): whose signature it is, over what, and by which algorithms.

Owns its elements and its signed attributes. Must not know whether any of it is true, nor the message around it.
"""

from datetime import datetime
from typing import Final, NamedTuple

from gateway.envelopes.as2.cms.algorithms import Signing, digest_of, signing_of
from gateway.envelopes.as2.cms.ber import (
    END,
    GENERALIZED_TIME,
    OBJECT_IDENTIFIER,
    OCTET_STRING,
    SEQUENCE,
    SET,
    UTC_TIME,
    Cursor,
    context,
)
from gateway.envelopes.as2.cms.errors import CmsError
from gateway.envelopes.as2.cms.identifiers import CONTENT_TYPE, MESSAGE_DIGEST, SIGNING_TIME
from gateway.envelopes.as2.profile import DigestAlgorithm

_NO_TIME: Final[tuple[int, bytes, slice | None]] = (END, b"", None)


class Places(NamedTuple):
    """Where in what was read attributes and values lie, each value as the content of one primitive element."""

    attributes: slice
    digest: slice
    time: slice
    signature: slice


class SignedAttributes(NamedTuple):
    """What is signed beside the content, as it stands in the message: with the tag [0], in BER."""

    encoded: bytes
    message_digest: bytes
    time_tag: int  # END where there is no time
    time: bytes


class SignerInfo(NamedTuple):
    """One signature. Without attributes it is over the content itself.

    `places` are None where a value is absent or came in pieces.
    """

    reference: bytes  # of the signer's certificate, encoded
    digest: DigestAlgorithm
    signing: Signing
    attributes: SignedAttributes | None
    signature: bytes
    places: Places | None

    @property
    def signing_time(self) -> datetime | None:
        """When the signer says it signed; None where it does not, or in a form that RFC 5652 does not have."""
        return _moment(self.attributes.time_tag, self.attributes.time) if self.attributes else None


def read_signer_info(cursor: Cursor, content_type: bytes) -> SignerInfo:
    """Raises CmsError.

    UnsupportedAlgorithm only when the whole element was read, so that the next one may be looked at.
    """
    cursor.enter(SEQUENCE)
    cursor.integer()  # the version
    reference = cursor.raw()
    digest = cursor.raw()
    attributes, places = None, None
    if cursor.tag() == context(0):
        attributes, places = _read_attributes(cursor, content_type)
    signature_algorithm = cursor.raw()
    signature, place = _read_octets(cursor)
    if cursor.tag() == context(1):
        cursor.skip()  # attributes that are not signed
    cursor.leave()
    digest_algorithm = digest_of(digest)
    signing = signing_of(signature_algorithm, digest_algorithm)
    known = Places(*places, place) if places and place else None
    return SignerInfo(reference, digest_algorithm, signing, attributes, signature, known)


def _read_attributes(cursor: Cursor, content_type: bytes) -> tuple[SignedAttributes, tuple[slice, slice, slice] | None]:
    """The digest of the content must be there, once (RFC 5652 11.2). Another type of content may not be named."""
    start = cursor.position
    digests: list[tuple[bytes, slice | None]] = []
    time_tag, time, time_place = _NO_TIME
    cursor.enter(context(0))
    while cursor.tag() != END:
        cursor.enter(SEQUENCE)
        kind = cursor.read(OBJECT_IDENTIFIER)
        cursor.enter(SET)
        if kind == MESSAGE_DIGEST:
            digests.append(_read_octets(cursor))
        elif kind == CONTENT_TYPE:
            if cursor.read(OBJECT_IDENTIFIER) != content_type:
                raise CmsError("The signed attributes name another type of content.")
        elif kind == SIGNING_TIME:
            time_tag, time, time_place = _read_time(cursor)
        else:
            while cursor.tag() != END:
                cursor.skip()
        cursor.leave()
        cursor.leave()
    cursor.leave()
    if len(digests) != 1:
        raise CmsError("The signed attributes must hold one digest of the content.")
    digest, digest_place = digests[0]
    attributes = SignedAttributes(cursor.since(start), digest, time_tag, time)
    if digest_place is None or time_place is None:
        return attributes, None
    return attributes, (slice(start, cursor.position), digest_place, time_place)


def _read_time(cursor: Cursor) -> tuple[int, bytes, slice | None]:
    """The tag, the content and where it lies."""
    tag = cursor.tag()
    if tag not in (UTC_TIME, GENERALIZED_TIME):
        cursor.skip()
        return _NO_TIME
    octets = cursor.read(tag)
    return tag, octets, _behind(cursor, octets)


def _read_octets(cursor: Cursor) -> tuple[bytes, slice | None]:
    """An OCTET STRING, and where its octets lie unless they are in pieces."""
    is_whole = cursor.tag() == OCTET_STRING
    octets = cursor.octets()
    return octets, _behind(cursor, octets) if is_whole else None


def _behind(cursor: Cursor, content: bytes) -> slice:
    """Where the content of the primitive element lies that was read last."""
    return slice(cursor.position - len(content), cursor.position)


def _moment(tag: int, octets: bytes) -> datetime | None:
    """RFC 5652 11.3: seconds, no fractions, Z. Other forms of BER are no time that anyone relies on."""
    if tag == UTC_TIME:
        octets = (b"20" if octets[:2] < b"50" else b"19") + octets
    if len(octets) != 15 or octets[14:] != b"Z" or not octets[:14].isdigit():
        return None
    try:
        return datetime.fromisoformat(f"{octets[:8].decode()}T{octets[8:].decode()}")
    except ValueError:
        return None
