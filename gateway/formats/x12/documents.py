"""Splitting canonical XML into documents, each with the envelope that its `<source>` names.

Owns the reading of `<documents>`, `<document>` and `<source>`, as a stream. Must not know what a body means:
the native core reads that.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from xml.parsers import expat

NAMESPACE = "urn:gateway:canonical:1"
# Deeper than any canonical document; a deeper one is an attack on the parser's memory.
MAX_DEPTH = 64
# One document is held in memory; a claim of a thousand lines is about 2 MB.
MAX_DOCUMENT_BYTES = 64 << 20

_SEPARATOR = "\n"
_PREFIX = NAMESPACE + _SEPARATOR
_ENVELOPE_ELEMENTS = frozenset({"interchange", "group", "set"})


class DocumentError(ValueError):
    """Not canonical XML; the text names line and column, never a value."""


@dataclass(frozen=True, slots=True)
class Source:
    """The attributes of `<source>` and of its `<interchange>`, `<group>` and `<set>`; empty where absent."""

    source: Mapping[str, str]
    interchange: Mapping[str, str]
    group: Mapping[str, str]
    set: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class CanonicalDocument:
    """One `<document>` as it was written, and where it comes from."""

    xml: bytes = field(repr=False)
    source: Source


def split_documents(chunks: Iterable[bytes]) -> Iterator[CanonicalDocument]:
    """The documents of one canonical XML text, in order. Raises DocumentError."""
    splitter = _Splitter()
    for chunk in chunks:
        splitter.parse(chunk)
        yield from splitter.take()
    splitter.finish()
    yield from splitter.take()


class _Splitter:
    """Follows the parser and keeps the bytes of the document that is open."""

    def __init__(self) -> None:
        self._parser = expat.ParserCreate("UTF-8", _SEPARATOR)
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.StartDoctypeDeclHandler = self._doctype
        self._bytes = bytearray()
        self._offset = 0  # of the first byte kept, in the text
        self._depth = 0
        self._outer = 0  # depth of the open document, 0 = none
        self._begin = 0
        self._last_event = 0
        self._ending = False
        self._attributes: dict[str, dict[str, str]] = {}
        self._done: list[CanonicalDocument] = []

    def parse(self, chunk: bytes) -> None:
        self._bytes += chunk
        self._run(chunk, final=False)
        if not self._outer and not self._ending:
            # Not further: the parser may hold the beginning of a tag back until more comes.
            self._drop(self._last_event)
        if len(self._bytes) > MAX_DOCUMENT_BYTES:
            raise DocumentError(f"A document is larger than the {MAX_DOCUMENT_BYTES >> 20} MB that are read.")

    def finish(self) -> None:
        self._run(b"", final=True)

    def take(self) -> list[CanonicalDocument]:
        done, self._done = self._done, []
        return done

    def _run(self, chunk: bytes, *, final: bool) -> None:
        try:
            self._parser.Parse(chunk, final)
        except expat.ExpatError as error:
            reason = expat.ErrorString(error.code)
            message = f"Not well-formed XML at line {error.lineno}, column {error.offset + 1}: {reason}."
            raise DocumentError(message) from None
        if self._ending and final:
            self._complete(self._offset + len(self._bytes))

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if self._ending:
            self._complete(self._parser.CurrentByteIndex)
        self._last_event = self._parser.CurrentByteIndex
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise DocumentError(f"{self._where()}: elements are nested deeper than {MAX_DEPTH}.")
        local = name.removeprefix(_PREFIX)
        if self._depth == 1 and name not in {_PREFIX + "documents", _PREFIX + "document"}:
            message = f"The root is not <documents> or <document> of the namespace {NAMESPACE}."
            raise DocumentError(message)
        if local == "document" and self._depth <= 2:
            self._outer = self._depth
            self._begin = self._parser.CurrentByteIndex
            self._attributes = {}
        elif local == "source" and self._depth == self._outer + 1:
            self._attributes["source"] = attributes
        elif local in _ENVELOPE_ELEMENTS and self._depth == self._outer + 2 and "source" in self._attributes:
            self._attributes.setdefault(local, attributes)

    def _end(self, name: str) -> None:
        if self._ending:
            self._complete(self._parser.CurrentByteIndex)
        del name
        if self._depth == self._outer:
            # The end tag is complete when the next event, or the end of the text, is reached.
            self._outer, self._ending = 0, True
        self._depth -= 1

    def _complete(self, next_event: int) -> None:
        self._ending = False
        text = bytes(self._bytes[self._begin - self._offset : next_event - self._offset])
        end = text.rfind(b">") + 1
        empty: dict[str, str] = {}
        parts = (self._attributes.get(part, empty) for part in ("source", "interchange", "group", "set"))
        self._done.append(CanonicalDocument(text[:end], Source(*parts)))
        self._drop(next_event)

    def _drop(self, before: int) -> None:
        if before > self._offset:
            del self._bytes[: before - self._offset]
            self._offset = before

    def _doctype(self, *_declaration: object) -> None:
        raise DocumentError(f"{self._where()}: a document type declaration is refused.")

    def _where(self) -> str:
        return f"Line {self._parser.CurrentLineNumber}, column {self._parser.CurrentColumnNumber + 1}"
