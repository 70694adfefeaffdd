"""Canonical documents back to X12 interchanges.

Owns the grouping of documents into sets, groups and interchanges, and the envelope around them. Must not know
files, agreements, or how a body becomes segments: the native core writes those.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby

from gateway import _native
from gateway._native import Program
from gateway.formats.x12.documents import NAMESPACE, CanonicalDocument, DocumentError, Source, split_documents
from gateway.formats.x12.guides import GuideName
from gateway.formats.x12.segments import Delimiters, SegmentWriter

ChooseProgram = Callable[[GuideName], Program | None]

_OPEN = f'<documents xmlns="{NAMESPACE}">'.encode()
_CLOSE = b"</documents>"


@dataclass(frozen=True, slots=True)
class OutboundEnvelope:
    """Who sends to whom, for documents that were born downstream, in place of what their source says.

    `interchange_control` and `group_control` number the first interchange and group; the rest count on.
    """

    sender_qualifier: str
    sender: str
    receiver_qualifier: str
    receiver: str
    group_sender: str
    group_receiver: str
    usage: str
    interchange_control: int
    group_control: int
    now: datetime


@dataclass(slots=True)
class Generation:
    """What came of it besides the bytes: `unwritten` names element paths and the reason for each."""

    set_count: int = 0
    interchange_count: int = 0
    unwritten: list[str] = field(default_factory=list)


def generate(
    chunks: Iterable[bytes],
    choose: ChooseProgram,
    generation: Generation,
    *,
    envelope: OutboundEnvelope | None = None,
    delimiters: Delimiters | None = None,
    line_end: str = "",
) -> Iterator[bytes]:
    """The interchanges of one canonical XML text, a set at a time; `generation` is filled on the way.

    Raises:
        DocumentError: The text is not canonical XML, names no guide that is installed, or cannot become a
            transaction set; the text names element paths, never values.
    """
    writer = _Interchanges(choose, generation, envelope, delimiters or Delimiters(), line_end)
    for key, documents in groupby(split_documents(chunks), key=lambda document: _key(document.source)):
        yield from writer.write_set(key, list(documents))
    yield from writer.close_interchange()
    if not generation.set_count:
        raise DocumentError("There is no document in this text.")


@dataclass(frozen=True, slots=True)
class _Key:
    interchange: str
    group: str
    set: str


def _key(source: Source) -> _Key:
    return _Key(*(part.get("ordinal", "1") for part in (source.interchange, source.group, source.set)))


class _Interchanges:
    """Opens and closes interchanges and groups as the documents change theirs."""

    def __init__(
        self,
        choose: ChooseProgram,
        generation: Generation,
        envelope: OutboundEnvelope | None,
        delimiters: Delimiters,
        line_end: str,
    ) -> None:
        self._choose = choose
        self._generation = generation
        self._envelope = envelope
        self._delimiters = delimiters
        self._line_end = line_end
        self._open: _Key | None = None
        self._seen: set[_Key] = set()
        self._interchange_control = ""
        self._group_control = ""
        self._group_count = 0
        self._all_groups = 0
        self._set_count = 0

    def write_set(self, key: _Key, documents: list[CanonicalDocument]) -> Iterator[bytes]:
        if key in self._seen:
            where = f"{key.interchange}.{key.group}.{key.set}"
            raise DocumentError(f"The documents of set {where} (interchange.group.set) do not stand together.")
        self._seen.add(key)
        source = documents[0].source
        # First, so that nothing is written of an interchange whose first set cannot be.
        text = self._set(source, documents)
        if self._open is None or self._open.interchange != key.interchange:
            yield from self.close_interchange()
            yield self._open_interchange(source.interchange)
        if self._open is None or (self._open.interchange, self._open.group) != (key.interchange, key.group):
            yield from self._close_group()
            yield self._open_group(source)
        self._open = key
        self._set_count += 1
        yield text

    def close_interchange(self) -> Iterator[bytes]:
        if self._open is None:
            return
        yield from self._close_group()
        yield self._segment("IEA", str(self._group_count), self._interchange_control)
        self._open, self._group_count = None, 0

    def _set(self, source: Source, documents: list[CanonicalDocument]) -> bytes:
        name = GuideName(
            source.group.get("functionalIdentifier", ""),
            source.source.get("guide", "") or source.group.get("version", ""),
            source.set.get("identifier", ""),
        )
        program = self._choose(name)
        if program is None:
            message = f"No guide is installed for set {name.transaction_set} of version {name.version}."
            raise DocumentError(message)
        self._generation.set_count += 1
        try:
            generated = _native.generate_set(
                program,
                b"".join((_OPEN, *(document.xml for document in documents), _CLOSE)),
                control_number=source.set.get("controlNumber", f"{self._generation.set_count:04d}"),
                element_separator=self._delimiters.element,
                component_separator=self._delimiters.component,
                repetition_separator=self._delimiters.repetition,
                segment_terminator=self._delimiters.segment,
                line_end=self._line_end,
            )
        except _native.GenerateError as error:
            raise DocumentError(str(error)) from None
        self._generation.unwritten.extend(generated.context)
        return generated.text

    def _open_interchange(self, source: Mapping[str, str]) -> bytes:
        outbound = self._envelope
        self._generation.interchange_count += 1
        version = source.get("version", "00501")
        if outbound is None:
            number = source.get("controlNumber", "000000001")
            sender = (source.get("senderQualifier", "ZZ"), source.get("sender", ""))
            receiver = (source.get("receiverQualifier", "ZZ"), source.get("receiver", ""))
            date, time = source.get("date", ""), source.get("time", "")
            usage = source.get("usage", "P")
        else:
            number = str(outbound.interchange_control + self._generation.interchange_count - 1)
            sender = (outbound.sender_qualifier, outbound.sender)
            receiver = (outbound.receiver_qualifier, outbound.receiver)
            date, time = outbound.now.strftime("%Y-%m-%d"), outbound.now.strftime("%H:%M")
            usage = outbound.usage
        self._interchange_control = number.rjust(9, "0")
        writer = SegmentWriter(self._delimiters, self._line_end)
        writer.write_isa(
            (
                source.get("authorizationQualifier", "00"),
                source.get("authorization", ""),
                source.get("securityQualifier", "00"),
                source.get("security", ""),
                *sender,
                *receiver,
                date.replace("-", "")[-6:],
                time.replace(":", "")[:4],
                self._delimiters.repetition if version >= "00402" else "U",
                version,
                self._interchange_control,
                source.get("acknowledgmentRequested", "0"),
                usage,
            )
        )
        return writer.to_bytes()

    def _open_group(self, source: Source) -> bytes:
        group, outbound = source.group, self._envelope
        self._group_count += 1
        self._all_groups += 1
        if outbound is None:
            self._group_control = group.get("controlNumber", "1")
            parties = (group.get("sender", ""), group.get("receiver", ""))
            date, time = group.get("date", ""), group.get("time", "")
        else:
            self._group_control = str(outbound.group_control + self._all_groups - 1)
            parties = (outbound.group_sender, outbound.group_receiver)
            date, time = outbound.now.strftime("%Y%m%d"), outbound.now.strftime("%H%M")
        return self._segment(
            "GS",
            group.get("functionalIdentifier", ""),
            *parties,
            date.replace("-", ""),
            time.replace(":", ""),
            self._group_control,
            group.get("agency", "X"),
            group.get("version", "") or source.source.get("guide", ""),
        )

    def _close_group(self) -> Iterator[bytes]:
        if self._set_count:
            yield self._segment("GE", str(self._set_count), self._group_control)
        self._set_count = 0

    def _segment(self, identifier: str, *elements: str) -> bytes:
        writer = SegmentWriter(self._delimiters, self._line_end)
        writer.write(identifier, *elements)
        return writer.to_bytes()
