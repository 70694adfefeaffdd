from collections.abc import Callable
from pathlib import Path

import pytest
from lxml import etree

from gateway.definitions.dictionary import Dictionary, canonical_schema
from gateway.definitions.dictionary.package import committed_schema

Load = Callable[..., Dictionary]

HEAD = '<document xmlns="urn:gateway:canonical:1"><header reference="1"/>'
FIXTURES = Path(__file__).resolve().parents[3] / "fixtures"


def is_valid(schema: str, document: str | bytes) -> bool:
    """Whether the XSD allows the document."""
    parsed = etree.XMLSchema(etree.fromstring(schema.encode()))
    text = document if isinstance(document, bytes) else document.encode()
    return bool(parsed.validate(etree.fromstring(text)))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('<claim patientIs="subscriber"/>', True),
        ('<claim at="2300:1" patientIs="dependent"><patient gender="female"/></claim>', True),
        ('<claim patientIs="subscriber"><patient gender="X"/></claim>', True),
        ('<claim patientIs="subscriber"><date value="2025-01-31/2025-02-01"/><date value="T11:51"/></claim>', True),
        ('<claim patientIs="subscriber"><patient nullified="true"/></claim>', True),
        ("<claim/>", False),
        ('<claim patientIs="nobody"/>', False),
        ('<claim patientIs="subscriber"><patient/><patient/></claim>', False),
        ('<claim patientIs="subscriber"><date value="20250131"/></claim>', False),
        ('<claim patientIs="subscriber"><date value="2025-01-31"/><patient/></claim>', False),
        (f'<claim patientIs="subscriber"><patient lastName="{"x" * 61}"/></claim>', False),
        ('<claim patientIs="subscriber" colour="red"/>', False),
    ],
)
def test_the_schema_says_what_the_dictionary_says(dictionary: Load, body: str, expected: bool) -> None:
    """Open codes pass, closed ones do not; at most one, order, size and the form of dates are kept."""
    schema = canonical_schema(
        dictionary(
            (
                "[type.header]",
                '[type.other]\norigin = "gateway"\ndefinition = "Other."\n'
                '[type.order]\norigin = "gateway"\ndefinition = "Order."\ntext = true\n'
                '[type.documents]\norigin = "gateway"\ndefinition = "All."\n[type.header]',
            )
        )
    )

    assert is_valid(schema, f"{HEAD}{body}</document>") is expected


@pytest.mark.parametrize(
    "golden", sorted(FIXTURES.glob("*/accept/*.canonical.xml")), ids=lambda path: f"{path.parts[-3]}-{path.name}"
)
def test_the_committed_schema_accepts_the_golden_documents(golden: Path) -> None:
    """Documents written by hand are what the schema allows."""
    schema = committed_schema()

    assert is_valid(schema, golden.read_bytes())


def test_what_no_attribute_names_may_end_an_element() -> None:
    """`other` and `order` stand behind the children of any element that a table names."""
    golden = (FIXTURES / "005010X222A1/accept/office_visit.canonical.xml").read_text(encoding="utf-8")
    carried = (
        '<other at="REF[G1]:2" whole="true"><value slot="01">G1</value></other>'
        '<order at="2310B:1">NM1[82]:1</order><order start="true"/></claim>'
    )

    schema = committed_schema()

    assert is_valid(schema, golden.replace("</claim>", carried).encode())
    assert not is_valid(schema, golden.replace("<diagnosis", '<other at="X:1"/><diagnosis', 1).encode())
