"""Writing DER (X.690), and making DER of BER where a signature is over the former.

Owns lengths and the order in a SET. Must not know what an element means.
"""

from datetime import UTC, datetime

from gateway.envelopes.as2.cms.ber import (
    CONSTRUCTED,
    END,
    GENERALIZED_TIME,
    INTEGER,
    OBJECT_IDENTIFIER,
    OCTET_STRING,
    SET,
    UTC_TIME,
    Cursor,
)

NULL = b"\x05\x00"
END_OF_CONTENTS = b"\0\0"
# RFC 5652 11.3: until then a time is written with two digits of the year.
_UTC_TIME_ENDS = 2050


def header(tag: int, length: int) -> bytes:
    """Tag and definite length of an element."""
    if length < 0x80:
        return bytes((tag, length))
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(octets))) + octets


def indefinite(tag: int) -> bytes:
    """Tag and indefinite length of an element."""
    return bytes((tag, 0x80))


def element(tag: int, *parts: bytes) -> bytes:
    """An element of these parts."""
    content = b"".join(parts)
    return header(tag, len(content)) + content


def integer(value: int) -> bytes:
    """An INTEGER that is not negative."""
    return element(INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def octet_string(value: bytes) -> bytes:
    """An OCTET STRING."""
    return element(OCTET_STRING, value)


def set_of(*members: bytes) -> bytes:
    """A SET OF, in the order that DER demands (X.690 11.6)."""
    return element(SET, *sorted(members))


def identifier_octets(dotted: str) -> bytes:
    """The content of an OBJECT IDENTIFIER."""
    first, second, *rest = map(int, dotted.split("."))
    return b"".join(_base_128(number) for number in (40 * first + second, *rest))


def identifier(octets: bytes) -> bytes:
    """An OBJECT IDENTIFIER of its content."""
    return element(OBJECT_IDENTIFIER, octets)


def time(at: datetime) -> bytes:
    """A Time (RFC 5652 11.3), in whole seconds."""
    moment = at.astimezone(UTC)
    year = moment.year
    # A third of what `strftime` takes.
    rest = (moment.month, moment.day, moment.hour, moment.minute, moment.second)
    if year < _UTC_TIME_ENDS:
        return b"%c\x0d%02d%02d%02d%02d%02d%02dZ" % (UTC_TIME, year % 100, *rest)
    return b"%c\x0f%04d%02d%02d%02d%02d%02dZ" % (GENERALIZED_TIME, year, *rest)


def canonical(encoded: bytes) -> bytes:
    """The DER of one BER element. A SET is taken for a SET OF, as all are in CMS. Raises CmsError."""
    return _canonical(Cursor(encoded))


def _canonical(cursor: Cursor) -> bytes:
    tag = cursor.tag()
    if tag in (OCTET_STRING, OCTET_STRING | CONSTRUCTED):
        return octet_string(cursor.octets())
    if not tag & CONSTRUCTED:
        return element(tag, cursor.read(tag))
    cursor.enter(tag)
    members = []
    while cursor.tag() != END:
        members.append(_canonical(cursor))
    cursor.leave()
    return set_of(*members) if tag == SET else element(tag, *members)


def _base_128(number: int) -> bytes:
    octets = [number & 0x7F]
    while number := number >> 7:
        octets.append(0x80 | number & 0x7F)
    return bytes(reversed(octets))
