"""The native core as Python sees it: headers, findings, counts, byte ranges and finished XML.

Never a segment at a time. Every call that works on more than a header releases the GIL. A panic in the core
becomes `NativeFault`; its text names a place in the source, never data. Imported by `gateway.formats` alone.
"""

from typing import Literal, final

class NativeFault(Exception): ...

class TableError(ValueError):
    """The compiled definitions are not what this core reads; the text names the table and the index."""

class GenerateError(ValueError):
    """A canonical document cannot become a transaction set; the text names element paths, never values."""

@final
class Program:
    """The compiled definitions of one guide, frozen, shared by threads."""

    @property
    def digest(self) -> bytes:
        """SHA-256 of the tables: the version that the ledger records."""

    @property
    def guide(self) -> str: ...
    @property
    def transaction_set(self) -> str: ...
    @property
    def functional_group(self) -> str: ...

def compile_program(tables: bytes) -> Program:
    """MessagePack tables (native/core/src/tables.rs) to a program; raises TableError."""

@final
class Header:
    """What is known when a transaction set begins: element values with index 0 = segment id, decoded Latin-1."""

    interchange_ordinal: int
    group_ordinal: int
    set_ordinal: int
    interchange: list[str]
    group: list[str]
    set: list[str]

@final
class RawFinding:
    """One finding, without text and without the value: `value` is a byte range of the stream."""

    carrier: str  # "TA105" | "AK905" | "IK304" | "IK403" | "IK502" | ""
    code: str
    severity: Literal["error", "warning", "info"]
    snip: int
    kind: str  # what happened, for example "required-element-missing"; formats/x12/sentences.py words it
    detail: str  # limits and names from the definitions ("35", "1..2"), never payload
    interchange: int
    group: int | None
    set: int | None
    item: int | None  # ordinal of the item in its set
    segment: str | None
    position: int | None
    loop: str | None
    element: int | None
    component: int | None
    repetition: int | None  # from 1, where the element repeats
    data_element: str | None
    name: str | None  # of the element, else of the segment, as the guide names it
    rule: str | None
    value: tuple[int, int] | None
    trigger: tuple[str, int, int, int] | None  # segment id, position, element, component (0 = whole)

@final
class ItemRun:
    """Business items (claims, members) of one set that closed in one batch, in order, as columns of native integers.

    Ordinals go on from the run before, from 1 in each set. A document of its own without an item inside (kinds
    "set" and "remainder") is an item too.
    """

    interchange: int
    group: int
    set: int
    count: int
    faulty: int  # how many have an error
    source_start: int  # of the first item, in the stream
    document_start: int  # of the first document, in all XML so far; documents lie one behind the other
    worst: bytes  # one byte an item: 0 none, 1 info, 2 warning, 3 error
    sizes: bytes  # two u32 an item: bytes in the stream; bytes of its document (2**32-1 = none)
    contexts: bytes  # two u16 an item: offset (2**16-1 = none) and length of the value that names it (CTX01-2)
    gaps: bytes  # two u32 where bytes lie before an item: its index in the run, bytes between

@final
class Unit:
    """A set, group or interchange that has ended, in the order of ending. Counts are exact, findings are capped."""

    kind: Literal["interchange", "group", "set"]
    interchange: int
    group: int | None
    set: int | None
    header: list[str]
    trailer: list[str] | None  # None where the trailer is missing
    count: int  # set: segments from ST to SE; group: sets; interchange: groups
    range: tuple[int, int]
    beginning: list[str]  # set: the segment after ST (BHT, BGN), empty where there is none
    items: int  # set: items begun, remainder documents included
    errors: int
    warnings: int
    suppressed: int  # findings beyond the cap, counted in errors/warnings, not listed
    acknowledgements: list[list[str]]  # interchange: the TA1 segments it carried
    guide: str | None  # set: the guide it was judged by
    named_values: int  # set: values in attributes of the canonical XML
    dictated_values: int  # set: values the guide or numbering gives
    other_values: int  # set: values in `other`

@final
class Batch:
    need: Literal["input", "program", "output", "end"]
    header: Header | None  # with need == "program"
    xml: bytes
    xml_start: int  # where `xml` begins in all XML of the stream
    items: list[ItemRun]
    units: list[Unit]
    findings: list[RawFinding]

@final
class X12Reader:
    """One stream of interchanges, one thread at a time.

    `feed` and `finish` go on until input is used up, a set begins (need "program"), or the XML cap is reached
    (need "output": call `resume` with the same arguments as before or none). Bytes fed are kept by the reader
    until used, so `resume` needs no input again.
    """

    def __init__(self, *, today: str = "", finding_cap: int = 1000, xml_cap: int = 1 << 20) -> None:
        """`today` is CCYYMMDD for rules about the future; caps are per set and per batch."""

    def feed(self, chunk: bytes) -> Batch: ...
    def resume(
        self,
        program: Program | None = None,
        *,
        source: str = "",
        document_prefix: str = "",
        characters: Literal["basic", "extended", "open"] = "extended",
        documents: bool = True,
    ) -> Batch:
        """Answer to need "program"; after need "output" the arguments are ignored.

        `program`: None = count the set but judge nothing inside.
        `source`: escaped XML attributes for <source> (partner, instance, definitions).
        `document_prefix`: document ids are this + the item's ordinal in its set.
        `characters`: X12.6 section 3.3; "open" allows bytes above ASCII.
        `documents`: False = judge only.
        """

    def finish(self) -> Batch:
        """The end of the stream: reports what is unfinished."""

@final
class GeneratedSet:
    text: bytes  # from ST to SE, terminators included
    segment_count: int
    context: list[str]  # element paths that could not be written and why; empty when all was

def generate_set(
    program: Program,
    documents: bytes,
    *,
    control_number: str,
    element_separator: str = "*",
    component_separator: str = ":",
    repetition_separator: str = "^",
    segment_terminator: str = "~",
    line_end: str = "",
) -> GeneratedSet:
    """Canonical documents of one set, in order, back to one transaction set. Raises GenerateError.

    `documents` is one XML text whose root is a <document> or a <documents> holding several.
    """
