"""Every committed message against what a person wrote down for it, through the command line.

`tests/fixtures/<guide>/accept/name.edi` is accepted, gives `name.canonical.xml`, and that gives `name.edi` back;
`reject/name.edi` is rejected with the acknowledgement `name.999`. Whitespace between elements, the order of
attributes and line ends mean nothing.
"""

import json
from pathlib import Path

import pytest
from lxml import etree
from typer.testing import CliRunner, Result

from gateway.cli.main import app
from gateway.definitions.dictionary.package import committed_schema

# Say how a document was made, not what was in the message: they change with the definitions and the way in.
MADE_BY = ("partner", "instance", "definitions")
FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"
ACCEPTED = sorted(FIXTURES.glob("*/accept/*.edi"))
REJECTED = sorted(FIXTURES.glob("*/reject/*.edi"))


def name(path: Path) -> str:
    """What pytest calls the case."""
    return f"{path.parts[-3]}-{path.stem}"


def gateway(*arguments: str | Path) -> Result:
    """Run one command as a user would."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def canonical_lines(document: bytes) -> list[str]:
    """The document, an element a line, attributes by name, without how it was made."""
    root = etree.fromstring(document, etree.XMLParser(remove_blank_text=True))
    for element in root.iter():
        is_source = etree.QName(element).localname == "source"
        attributes = sorted((key, value) for key, value in element.attrib.items() if not (is_source and key in MADE_BY))
        element.attrib.clear()
        element.attrib.update(attributes)
    return etree.tostring(root, pretty_print=True, encoding="unicode").splitlines()


def segments(interchange: bytes) -> list[str]:
    """The segments, without what stands between them."""
    return [segment.strip() for segment in interchange.decode().split("~") if segment.strip()]


def sets_only(interchange: bytes) -> list[str]:
    """The segments from each ST to its SE: what does not change with the clock and the control numbers."""
    return [text for text in segments(interchange) if text.split("*")[0] not in {"ISA", "GS", "GE", "IEA", "TA1"}]


@pytest.mark.parametrize("message", ACCEPTED, ids=name)
def test_an_accepted_message_has_no_finding(message: Path) -> None:
    """The gateway takes it without a word."""
    result = gateway("check", message, "--format", "json")

    told = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.exit_code == 0, result.output
    assert [finding for line in told for finding in line.get("findings", ())] == []


@pytest.mark.parametrize("message", ACCEPTED, ids=name)
def test_an_accepted_message_becomes_its_golden_documents(message: Path) -> None:
    """What comes out of the gateway is what a person wrote by hand, and what the schema allows."""
    golden = message.with_name(f"{message.stem}.canonical.xml").read_bytes()

    result = gateway("convert", message, "--to", "canonical")

    assert result.exit_code == 0, result.output
    assert canonical_lines(result.stdout_bytes) == canonical_lines(golden)
    schema = etree.XMLSchema(etree.fromstring(committed_schema().encode()))
    assert schema.validate(etree.fromstring(result.stdout_bytes)), schema.error_log


@pytest.mark.parametrize("message", ACCEPTED, ids=name)
def test_golden_documents_become_the_message_again(message: Path) -> None:
    """The way back: the hand-written documents give the segments that they were read from."""
    golden = message.with_name(f"{message.stem}.canonical.xml")

    result = gateway("convert", golden, "--to", "x12")

    assert result.exit_code == 0, result.output
    assert segments(result.stdout_bytes) == segments(message.read_bytes())


@pytest.mark.parametrize("message", REJECTED, ids=name)
def test_a_rejected_message_gets_its_golden_acknowledgement(message: Path) -> None:
    """The 999 says of each defect what a person wrote by hand."""
    golden = message.with_suffix(".999").read_bytes()

    result = gateway("ack", message, "--type", "999")

    assert sets_only(result.stdout_bytes) == sets_only(golden)


@pytest.mark.parametrize("message", REJECTED, ids=name)
def test_a_rejected_message_is_rejected(message: Path) -> None:
    """`gateway check` ends with 1."""
    result = gateway("check", message)

    assert result.exit_code == 1, result.output
