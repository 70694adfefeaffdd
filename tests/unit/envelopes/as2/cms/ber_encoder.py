"""Encodes DER anew as BER, in the forms that other products write: indefinite lengths, strings cut into pieces."""

from collections.abc import Collection

from gateway.envelopes.as2.cms import der

CONTENT = 0x80  # the tag of encrypted content
_STRINGS = (0x04, CONTENT)


def recode(
    encoded: bytes, *, piece_bytes: int | None = None, is_indefinite: bool = True, kept: Collection[bytes] = ()
) -> bytes:
    """Every constructed element of a DER message anew, but those in `kept`, byte for byte.

    With `piece_bytes` every OCTET STRING becomes a constructed one of pieces of that size.
    """
    if encoded in kept:
        return encoded
    tag, content = split(encoded)
    if tag in _STRINGS and piece_bytes:
        pieces = [
            der.octet_string(content[start : start + piece_bytes]) for start in range(0, len(content), piece_bytes)
        ]
        return _constructed(tag | 0x20, b"".join(pieces), is_indefinite=is_indefinite)
    if not tag & 0x20:
        return encoded
    inner = [
        recode(each, piece_bytes=piece_bytes, is_indefinite=is_indefinite, kept=kept) for each in children(encoded)
    ]
    return _constructed(tag, b"".join(inner), is_indefinite=is_indefinite)


def split(encoded: bytes) -> tuple[int, bytes]:
    """Tag and content of one DER element that is all there is."""
    start, end = _content(encoded, 0)
    assert end == len(encoded)
    return encoded[0], encoded[start:end]


def children(encoded: bytes) -> list[bytes]:
    """The elements in a constructed DER element, each as encoded."""
    start, end = _content(encoded, 0)
    found = []
    while start < end:
        _, after = _content(encoded, start)
        found.append(encoded[start:after])
        start = after
    return found


def _constructed(tag: int, content: bytes, *, is_indefinite: bool) -> bytes:
    return der.indefinite(tag) + content + b"\0\0" if is_indefinite else der.element(tag, content)


def _content(encoded: bytes, at: int) -> tuple[int, int]:
    length = encoded[at + 1]
    start = at + 2
    if length >= 0x80:
        start += length & 0x7F
        length = int.from_bytes(encoded[at + 2 : start], "big")
    return start, start + length
