"""Judging a stream of X12 interchanges: bytes in, documents to a spool, a `FileJudged` at the end.

Owns the conversation with the native reader. Sans-I/O: it calls back for the choice of a guide and for
documents, and must not know agreements, files or clocks.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from gateway import _native
from gateway._native import Batch, Header, Program
from gateway.formats.x12.assembly import MAX_SET_FINDINGS, Assembly
from gateway.formats.x12.findings import RuleWords
from gateway.formats.x12.guides import GuideMissing, SetHeader
from gateway.formats.x12.verdict import RejectionUnit
from gateway.model.judgement import FileJudged

CharacterSet = Literal["basic", "extended", "open"]

# XML that the reader collects before it is spooled: what a processor's second cache holds beside all else.
XML_BATCH_BYTES = 1 << 18


@dataclass(frozen=True, slots=True)
class UseProgram:
    """Judge the set by this program.

    `rules`: what to say of each rule, by id. `source_attributes`: escaped XML attributes for `<source>`;
    documents are named `document_prefix` and the item's ordinal. `characters`: X12.6 section 3.3; "open" allows
    bytes above ASCII. `unit` is that of the interchange's agreement, None = that of the whole judge.
    """

    program: Program
    rules: Mapping[str, RuleWords] = field(default_factory=dict)
    source_attributes: str = ""
    document_prefix: str = ""
    characters: CharacterSet = "extended"
    unit: RejectionUnit | None = None


@dataclass(frozen=True, slots=True)
class NoGuide:
    """Count the set and answer that it cannot be judged."""

    missing: GuideMissing


@dataclass(frozen=True, slots=True)
class Refuse:
    """Refuse the whole interchange for a reason that is not in its bytes: a TA105 code."""

    ta105: str


SetChoice = UseProgram | NoGuide | Refuse


class DocumentSpool(Protocol):
    """Takes documents as they come; they count only when the verdict is known."""

    def write(self, data: bytes, /) -> int:
        """Append; returns where `data` begins. Documents without an item (kind set, remainder) lie in it too."""
        ...


class Reader(Protocol):
    """What the judge needs of `gateway._native.X12Reader`."""

    def feed(self, chunk: bytes) -> Batch:
        """The next bytes."""

    def resume(
        self,
        program: Program | None = None,
        *,
        source: str = "",
        document_prefix: str = "",
        characters: CharacterSet = "extended",
        documents: bool = True,
    ) -> Batch:
        """Go on after a choice, or after output."""

    def finish(self) -> Batch:
        """No more bytes."""


class X12Judge:
    """Judges one stream. Memory is bounded by findings and sets, not by the bytes of a set."""

    def __init__(
        self,
        choose: Callable[[SetHeader], SetChoice],
        spool: DocumentSpool | None = None,
        *,
        unit: RejectionUnit = RejectionUnit.SET,
        today: str = "",
        reader: Reader | None = None,
    ) -> None:
        """`today` is CCYYMMDD, for rules about the future. Without a spool documents are dropped."""
        self._choose = choose
        self._spool = spool
        self._spool_shift = 0
        self._assembly = Assembly(unit)
        self._reader: Reader = reader or _native.X12Reader(
            today=today, finding_cap=MAX_SET_FINDINGS, xml_cap=XML_BATCH_BYTES
        )

    def feed(self, chunk: bytes) -> None:
        """The next bytes, in chunks of any size.

        Raises:
            NativeFault: The reader failed; the text names a place in its source, never data.
        """
        self._drain(self._reader.feed(chunk))

    def finish(self) -> FileJudged:
        """The end of the stream, and what came of it."""
        self._drain(self._reader.finish())
        return self._assembly.result()

    def _drain(self, batch: Batch) -> None:
        while True:
            self._take(batch)
            if batch.need == "program":
                batch = self._answer(batch.header)
            elif batch.need == "output":
                batch = self._reader.resume()
            else:
                return

    def _take(self, batch: Batch) -> None:
        # Findings and items first: a unit that ends in this batch needs those that came with it.
        for raw in batch.findings:
            self._assembly.find(raw)
        if self._spool is not None and batch.xml:
            self._spool_shift = self._spool.write(batch.xml) - batch.xml_start
        for run in batch.items:
            self._assembly.add_items(run, self._spool_shift)
        for unit in batch.units:
            self._assembly.end(unit)

    def _answer(self, header: Header | None) -> Batch:
        """Ask for the guide of the set that begins, unless its interchange is refused already."""
        if header is None:
            raise _native.NativeFault("the reader asked for a program without a header")
        interchange = self._assembly.interchange(header.interchange_ordinal)
        if interchange.refusal is not None:
            return self._reader.resume(None)
        begun = SetHeader(
            header.interchange_ordinal,
            header.group_ordinal,
            header.set_ordinal,
            tuple(header.interchange),
            tuple(header.group),
            tuple(header.set),
        )
        state = self._assembly.set(begun.interchange_ordinal, begun.group_ordinal, begun.set_ordinal)
        choice = self._choose(begun)
        match choice:
            case UseProgram():
                state.program, state.rules = choice.program, choice.rules
                interchange.unit = choice.unit or interchange.unit
                return self._reader.resume(
                    choice.program,
                    source=choice.source_attributes,
                    document_prefix=choice.document_prefix,
                    characters=choice.characters,
                    documents=self._spool is not None,
                )
            case NoGuide(missing):
                state.missing = missing
            case Refuse(ta105):
                interchange.refusal = ta105
        return self._reader.resume(None)
