"""Splitting canonical XML into documents."""

import pytest

from gateway.formats.x12.documents import MAX_DEPTH, DocumentError, split_documents

OPEN = '<documents xmlns="urn:gateway:canonical:1">'


def document(number: int, body: str = "<claim/>") -> str:
    """One document of an invented claim."""
    return (
        f'<document xmlns="urn:gateway:canonical:1" kind="claim" id="0.1.1.1.{number}">'
        f'<source standard="X12" guide="005010X222A1"><interchange ordinal="1" sender="A&amp;B"/>'
        f'<group ordinal="1" version="005010X222A1"/><set ordinal="1" item="{number}"/></source>{body}</document>'
    )


FILE = f'<?xml version="1.0" encoding="UTF-8"?>\n{OPEN}\n{document(1)}\n{document(2)}</documents>\n'


@pytest.mark.parametrize("size", [1, 7, 64, 100_000])
def test_any_chunking(size: int) -> None:
    """The same documents, byte for byte, however the text is cut."""
    text = FILE.encode()

    found = list(split_documents(text[place : place + size] for place in range(0, len(text), size)))

    assert [one.xml.decode() for one in found] == [document(1), document(2)]
    assert found[0].source.interchange == {"ordinal": "1", "sender": "A&B"}
    assert found[1].source.set["item"] == "2"
    assert found[0].source.source["guide"] == "005010X222A1"


def test_single_document() -> None:
    """A document alone is its own root."""
    [found] = split_documents([document(1).encode() + b"\n"])

    assert found.xml.decode() == document(1)


def test_elements_of_the_same_name_in_a_body() -> None:
    """Only the document's own source counts."""
    [found] = split_documents([document(1, '<source guide="x"><set ordinal="9"/></source>').encode()])

    assert found.source.set == {"ordinal": "1", "item": "1"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<documents>", "The root is not"),
        (f"{OPEN}<document>", "Not well-formed XML at line 1, column"),
        (f"<!DOCTYPE documents [<!ENTITY a 'b'>]>{OPEN}</documents>", "a document type declaration is refused"),
        ("", "Not well-formed XML"),
        ("ISA*00*", "Not well-formed XML"),
        (f"{OPEN}{'<a>' * MAX_DEPTH}", "nested deeper"),
    ],
)
def test_refused(text: str, message: str) -> None:
    """What is no canonical XML is refused with its place."""
    with pytest.raises(DocumentError, match=message):
        list(split_documents([text.encode()]))
