"""Envelopes around sets that are written back, over documents of the committed claims and members."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.definitions import programs
from gateway.formats.x12.documents import NAMESPACE, DocumentError
from gateway.formats.x12.generate import Generation, OutboundEnvelope, generate
from gateway.formats.x12.guides import GuideName, SetHeader
from gateway.formats.x12.judge import SetChoice, UseProgram, X12Judge
from gateway.formats.x12.programs import PROGRAMS, Program
from gateway.formats.x12.segments import Delimiters

OUTBOUND = OutboundEnvelope(
    sender_qualifier="ZZ",
    sender="US",
    receiver_qualifier="30",
    receiver="123456789",
    group_sender="USAPP",
    group_receiver="THEMAPP",
    usage="T",
    interchange_control=41,
    group_control=7,
    now=datetime(2026, 3, 4, 5, 6, tzinfo=UTC),
)


class Spool:
    """Keeps the documents."""

    def __init__(self) -> None:
        self.content = b""

    def write(self, data: bytes, /) -> int:
        """Append."""
        begin = len(self.content)
        self.content += data
        return begin


def program(name: GuideName) -> Program | None:
    """The package's."""
    tables = programs.tables(name.version, name.transaction_set, mapped=True)
    return None if tables is None else PROGRAMS.get(tables)


def choose(header: SetHeader) -> SetChoice:
    """Every set is mapped."""
    found = program(header.guide)
    assert found is not None
    return UseProgram(found)


Documents = Callable[..., bytes]


@pytest.fixture
def documents(fixtures: Path) -> Documents:
    """The canonical XML of X12 text; without text that of a committed claim."""

    def of(*texts: str) -> bytes:
        spool = Spool()
        judge = X12Judge(choose, spool)
        for text in texts or (claim(fixtures),):
            judge.feed(text.encode())
        judge.finish()
        return f'<documents xmlns="{NAMESPACE}">'.encode() + spool.content + b"</documents>"

    return of


def claim(fixtures: Path) -> str:
    """The first committed claim, a segment a line."""
    text = min(fixtures.glob("005010X222A1/accept/*.edi")).read_text(encoding="ascii")
    return text.replace("\n", "").replace("~", "~\n")


def written(text: bytes, **options: object) -> str:
    """What comes of it."""
    return b"".join(generate([text], program, Generation(), line_end="\n", **options)).decode()  # type: ignore[arg-type]


def test_envelope_of_the_source(documents: Documents, fixtures: Path) -> None:
    """Without other orders the interchange is as it came."""
    assert written(documents()) == claim(fixtures)


def test_envelope_by_agreement(documents: Documents, fixtures: Path) -> None:
    """Parties, date and control numbers are ours; ISA is 106 wide."""
    lines = written(documents(), envelope=OUTBOUND).splitlines()

    assert lines[0] == (
        "ISA*00*          *00*          *ZZ*US             *30*123456789      *260304*0506*^*00501*000000041*0*T*:~"
    )
    assert lines[1] == "GS*HC*USAPP*THEMAPP*20260304*0506*7*X*005010X222A1~"
    assert lines[-2:] == ["GE*1*7~", "IEA*1*000000041~"]
    assert lines[2:-2] == claim(fixtures).splitlines()[2:-2]


def test_delimiters(documents: Documents) -> None:
    """Others where they are asked for."""
    text = b"".join(generate([documents()], program, Generation(), delimiters=Delimiters("|", ">", "!", "'"))).decode()

    assert text.startswith("ISA|00|")
    assert (text[82], text[104], text[105]) == ("!", ">", "'")
    assert "*" not in text


def test_interchanges_groups_and_sets(documents: Documents, fixtures: Path) -> None:
    """Documents of several sets, groups and interchanges find their own again, with right counts."""
    text = claim(fixtures)
    lines = text.splitlines(keepends=True)
    body = lines[2:-2]
    group = [lines[1], *body, *[line.replace("*0001", "*0002") for line in body], lines[-2].replace("GE*1", "GE*2")]
    several = "".join([lines[0], *group, *lines[1:-1], lines[-1].replace("IEA*1", "IEA*2")])

    again = written(documents(several, text))

    assert again == several + text


def test_set_whose_documents_are_apart(documents: Documents, fixtures: Path) -> None:
    """A set cannot be opened twice."""
    xml = documents(claim(fixtures), claim(fixtures)).decode()
    begin, end = xml.index("<document "), xml.index("</document>") + len("</document>")
    first = xml[begin:end]

    with pytest.raises(DocumentError, match="do not stand together"):
        written(xml.replace("</documents>", first + "</documents>").encode())


@pytest.mark.parametrize(
    ("xml", "message"),
    [
        (f'<documents xmlns="{NAMESPACE}"/>', "no document"),
        (f'<document xmlns="{NAMESPACE}"><source guide="005010X999"/></document>', "No guide is installed"),
        (f'<document xmlns="{NAMESPACE}"/>', "No guide is installed"),
    ],
)
def test_refused(xml: str, message: str) -> None:
    """Nothing is written of what cannot be."""
    with pytest.raises(DocumentError, match=message):
        written(xml.encode())


def test_document_that_cannot_become_a_set(documents: Documents) -> None:
    """The core's refusal comes through as ours, without a value."""
    xml = documents().replace(b"<claim ", b"<nonsense ").replace(b"</claim>", b"</nonsense>")

    with pytest.raises(DocumentError):
        written(xml)
