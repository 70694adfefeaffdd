"""Taking encryption and outer compression off a message, down to what its sender signed.

Owns a stream of the signed entity, for evidence: whoever is shown it needs no key of ours. Must not verify anything.
"""

from collections.abc import Iterator, Sequence

from gateway.envelopes.as2.cms import CompressedReader, EnvelopedReader
from gateway.envelopes.as2.credentials import OwnKey
from gateway.envelopes.as2.payload import PKCS7_MIME
from gateway.envelopes.as2.pkcs7 import ContentKind, DerDecoder, kind_of
from gateway.envelopes.mime.content_type import Parametrised
from gateway.envelopes.mime.headers import Headers, HeadReader

# Encrypted, compressed, encrypted again: nobody sends more, and each layer is work.
MAXIMUM_LAYERS = 4


def peeled(headers: Headers, body: Iterator[bytes], keys: Sequence[OwnKey]) -> tuple[Headers, Iterator[bytes]]:
    """Head and body of the innermost entity that is neither encrypted nor compressed.

    Raises As2Fault, CmsError, MimeError, the stream too.
    """
    for _ in range(MAXIMUM_LAYERS):
        content_type = Parametrised.parse(headers.get("Content-Type") or "")
        if content_type.value not in PKCS7_MIME:
            break
        kind = kind_of(content_type.get("smime-type"))
        if kind is ContentKind.SIGNED:
            break
        reader = CompressedReader() if kind is ContentKind.COMPRESSED else EnvelopedReader(keys)
        headers, body = _split(_opened(body, reader))
    return headers, body


def _opened(body: Iterator[bytes], reader: CompressedReader | EnvelopedReader) -> Iterator[bytes]:
    decoder = DerDecoder()
    for piece in body:
        yield from reader.feed(decoder.feed(piece))
    yield from reader.feed(decoder.finish())
    yield from reader.finish()


def _split(entity: Iterator[bytes]) -> tuple[Headers, Iterator[bytes]]:
    head = HeadReader()
    for piece in entity:
        rest = head.feed(piece)
        if rest is not None:
            return head.headers, _joined(rest, entity)
    return head.headers, iter((head.finish(),))


def _joined(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest
