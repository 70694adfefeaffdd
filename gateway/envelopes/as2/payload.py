"""The innermost layers of a message: payload, attachments, and the MIC of what nobody signed.

Owns transfer encodings and the order of attachments. Must not know protection.
"""

import re
from collections.abc import Callable

from gateway.envelopes.as2.digests import new_hash, update
from gateway.envelopes.as2.disposition import As2Fault, Modifier
from gateway.envelopes.as2.profile import DigestAlgorithm
from gateway.envelopes.as2.reading import Attachment, Layer, Reading
from gateway.envelopes.mime.content_type import Parametrised, media_type
from gateway.envelopes.mime.fault import MimeError
from gateway.envelopes.mime.headers import Headers, HeadReader
from gateway.envelopes.mime.multipart import MultipartSplitter, Piece
from gateway.envelopes.mime.transfer import transfer_decoder

PKCS7_MIME = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime"})
PKCS7_SIGNATURE = frozenset({"application/pkcs7-signature", "application/x-pkcs7-signature"})
_NO_PAYLOAD = PKCS7_MIME | PKCS7_SIGNATURE
# Of what the sender wrote: no directories, nothing that ends a line.
_MAXIMUM_FILENAME_CHARACTERS = 255
_FILENAME = re.compile(r"[^/\\\x00-\x1f\x7f]+\Z")
_UNKNOWN_TYPE = "application/octet-stream"


class EntityLayer:
    """A MIME entity: its head says what the body is. `open_body` takes the fields and the head as it came."""

    def __init__(self, open_body: Callable[[Headers, bytes], Layer]) -> None:
        self._open_body = open_body
        self._head = HeadReader()
        self._body: Layer | None = None

    def feed(self, data: bytes) -> None:
        """Head, then body."""
        if self._body is not None:
            self._body.feed(data)
            return
        rest = self._head.feed(data)
        if rest is not None:
            self._open(rest)

    def finish(self) -> None:
        """An entity may end within its head."""
        body = self._body or self._open(self._head.finish())
        body.finish()

    def _open(self, rest: bytes) -> Layer:
        body = self._open_body(self._head.headers, self._head.block)
        self._body = body
        if rest:
            body.feed(rest)
        return body


class PayloadLayer:
    """One payload, decoded from its transfer encoding."""

    def __init__(self, headers: Headers, reading: Reading) -> None:
        self._headers = headers
        self._reading = reading
        self._decoder = transfer_decoder(headers.get("Content-Transfer-Encoding"))
        self._start = reading.size_bytes

    def feed(self, data: bytes) -> None:
        """Give it on."""
        self._reading.give(self._decoder.feed(data))

    def finish(self) -> None:
        """The attachment is whole."""
        reading = self._reading
        reading.give(self._decoder.finish())
        content_type = self._headers.get("Content-Type") or _UNKNOWN_TYPE
        reading.attachments.append(Attachment(content_type, _filename(self._headers), self._start, reading.size_bytes))


class AttachmentsLayer:
    """Several payloads one after another (multipart/mixed or related; EDIINT-Features multiple-attachments)."""

    def __init__(self, boundary: str, open_part: Callable[[], Layer], maximum_parts: int) -> None:
        self._splitter = MultipartSplitter(boundary, maximum_parts)
        self._open_part = open_part
        self._part: Layer | None = None
        self._has_parts = False

    def feed(self, data: bytes) -> None:
        """Each part into a layer of its own."""
        self._take(self._splitter.feed(data))

    def finish(self) -> None:
        """The closing delimiter must have come."""
        self._take(self._splitter.finish())
        if not self._has_parts:
            raise MimeError("a multipart body has no part")

    def _take(self, pieces: list[Piece]) -> None:
        for _, data, is_last in pieces:
            if self._part is None:
                self._part = self._open_part()
                self._has_parts = True
            self._part.feed(data)
            if is_last:
                self._part.finish()
                self._part = None


class MicLayer:
    """Computes the MIC of content that is not signed (RFC 4130 7.3.1, RFC 5402 section 4).

    `head` belongs to it where the content was encrypted or compressed, and is empty where relays may have touched it.
    """

    def __init__(self, head: bytes, inner: Layer, reading: Reading) -> None:
        self._inner = inner
        self._reading = reading
        self._algorithm = reading.mic_digest or DigestAlgorithm.SHA256
        self._hash = new_hash(self._algorithm)
        self._hash.update(head)

    def feed(self, data: bytes) -> None:
        """Hash and pass on."""
        update((self._hash,), data)
        self._inner.feed(data)

    def finish(self) -> None:
        """The MIC is known even if the payload turns out to be faulty."""
        self._reading.set_mic(self._hash.digest(), self._algorithm)
        self._inner.finish()


def open_payload(headers: Headers, reading: Reading, nesting: int = 0) -> Layer:
    """The layer of a body that is not protected. Raises As2Fault for what must not pass as payload."""
    content_type = headers.get("Content-Type") or ""
    kind = media_type(content_type)
    if kind in ("multipart/mixed", "multipart/related"):
        if nesting >= reading.limits.nesting:
            raise As2Fault(Modifier.UNSUPPORTED_FORMAT, "Attachments are nested too deep.")
        return AttachmentsLayer(
            Parametrised.parse(content_type).get("boundary") or "",
            lambda: EntityLayer(lambda part, _: open_payload(part, reading, nesting + 1)),
            reading.limits.attachments,
        )
    if kind.startswith("multipart/") or kind in _NO_PAYLOAD:
        raise As2Fault(Modifier.UNSUPPORTED_FORMAT, "The content is of a type that cannot stand where it does.")
    return PayloadLayer(headers, reading)


def _filename(headers: Headers) -> str | None:
    """What the sender calls a payload, without directories."""
    for field, parameter in (("Content-Disposition", "filename"), ("Content-Type", "name")):
        value = headers.get(field)
        text = Parametrised.parse(value).get(parameter) if value else None
        match = _FILENAME.search(text[-_MAXIMUM_FILENAME_CHARACTERS:]) if text else None
        if match:
            return match[0]
    return None
