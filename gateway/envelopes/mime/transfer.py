"""Content-Transfer-Encoding (RFC 2045 section 6), decoded piece by piece.

Owns what is tolerated of slips in it. Must not know what the bytes mean.
"""

import binascii
import re
import struct
from typing import Protocol

from gateway.envelopes.mime.fault import MimeError

_BASE64_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_NOT_BASE64 = bytes(set(range(256)) - set(_BASE64_ALPHABET + b"="))
_JUNK = bytes(set(_NOT_BASE64) - set(b" \t\r\n\0"))
_BASE64_LINE_BYTES = 76
# RFC 2045 6.8 has other characters ignored. A line of them is a slip; more means that the label is wrong.
_MAXIMUM_JUNK_BYTES = _BASE64_LINE_BYTES

# The look behind lets a run of blanks be tried once, not once from each of its blanks.
_ESCAPE = re.compile(rb"=(?:([0-9A-Fa-f]{2})|[ \t]*\r?\n)|(?<![ \t])[ \t]+(?=\r?\n)")
# Lines of quoted-printable have 76 characters; products that break none still break records.
_MAXIMUM_QUOTED_LINE_BYTES = 1 << 20


class TransferDecoder(Protocol):
    """Decodes a body that comes in pieces of any size. Both methods raise MimeError."""

    def feed(self, data: bytes) -> bytes:
        """What can be decoded so far."""

    def finish(self) -> bytes:
        """The rest."""


class Identity:
    """7bit, 8bit and binary: the bytes are what they are."""

    def feed(self, data: bytes) -> bytes:
        """The same bytes."""
        return data

    def finish(self) -> bytes:
        """Nothing is held back."""
        return b""


class Base64:
    """Line ends, blanks and a little junk are passed over; the padding may be missing."""

    def __init__(self) -> None:
        self._held = b""
        self._junk_bytes = 0
        self._is_padded = False

    def feed(self, data: bytes) -> bytes:
        """Whole groups of four characters."""
        clean = data.translate(None, _NOT_BASE64)
        self._junk_bytes += len(data) - len(data.translate(None, _JUNK))
        if self._junk_bytes > _MAXIMUM_JUNK_BYTES:
            raise MimeError("the body is no base64")
        characters = self._held + clean.rstrip(b"=")
        if b"=" in characters or (self._is_padded and characters != self._held):
            raise MimeError("base64 goes on after its padding")
        self._is_padded = self._is_padded or clean.endswith(b"=")
        whole = len(characters) & ~3
        self._held = characters[whole:]
        return binascii.a2b_base64(characters[:whole])

    def finish(self) -> bytes:
        """The last one or two bytes."""
        if len(self._held) == 1:
            raise MimeError("base64 is cut off")
        return binascii.a2b_base64(self._held + b"=" * (-len(self._held) % 4))


def base64_decoded(text: bytes) -> bytes:
    """A whole text, tolerant like the decoder above, and in one step where it is as it should be. Raises MimeError."""
    try:
        return binascii.a2b_base64(text.translate(None, b"\r\n"), strict_mode=True)
    except binascii.Error:
        decoder = Base64()
        return decoder.feed(text) + decoder.finish()


class QuotedPrintable:
    """Blanks at the end of a line are dropped, an `=` that begins no escape stays (RFC 2045 6.7)."""

    def __init__(self) -> None:
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        """Whole lines."""
        end = data.rfind(b"\n") + 1
        if end == 0:
            self._hold(self._held + data)
            return b""
        lines = self._held + data[:end]
        self._hold(data[end:])
        return self._decode(lines)

    def finish(self) -> bytes:
        """The last line, where it has no end."""
        return self._decode(self._held)

    def _hold(self, line: bytes) -> None:
        if len(line) > _MAXIMUM_QUOTED_LINE_BYTES:
            raise MimeError(f"a line of quoted-printable has more than {_MAXIMUM_QUOTED_LINE_BYTES} bytes")
        self._held = line

    @staticmethod
    def _decode(lines: bytes) -> bytes:
        return _ESCAPE.sub(lambda match: bytes.fromhex(match[1].decode()) if match[1] else b"", lines)


def transfer_decoder(encoding: str | None) -> TransferDecoder:
    """The decoder for the value of a Content-Transfer-Encoding field. Raises MimeError for an unknown one."""
    match (encoding or "binary").strip().lower():
        case "" | "binary" | "7bit" | "8bit":
            return Identity()
        case "base64":
            return Base64()
        case "quoted-printable":
            return QuotedPrintable()
        case _:
            raise MimeError("the Content-Transfer-Encoding is unknown")


def base64_lines(data: bytes) -> bytes:
    """Base64 in lines of 76 characters that end in CRLF, the last one too."""
    text = binascii.b2a_base64(data, newline=False)
    whole, rest = divmod(len(text), _BASE64_LINE_BYTES)
    # Half the time of slicing each line.
    lines = struct.unpack(f"{_BASE64_LINE_BYTES}s" * whole + f"{rest}s", text)
    return b"\r\n".join((*lines, b"") if rest else lines)
