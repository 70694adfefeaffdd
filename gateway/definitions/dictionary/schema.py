"""Writes the XSD of the canonical XML from the dictionary. Pure: a dictionary in, text out, always the same."""

from collections.abc import Iterable, Iterator
from xml.sax.saxutils import escape, quoteattr

from gateway.definitions.dictionary.model import Attribute, CanonicalType, Child, Dictionary, Group, ValueType

NAMESPACE = "urn:gateway:canonical:1"

_HEAD = f"""<?xml version="1.0" encoding="UTF-8"?>
<!-- Made from mappings/dictionary by gateway.definitions.dictionary. Do not edit. -->
<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns="{NAMESPACE}"
    targetNamespace="{NAMESPACE}" elementFormDefault="qualified" version="1">
  <xs:annotation><xs:documentation>Canonical XML of the gateway. A word that a code type
lists has the meaning of the standard's code; other codes pass unchanged: every code type is
open.</xs:documentation></xs:annotation>
  <xs:element name="documents" type="documents"/>
  <xs:element name="document" type="document"/>
"""

_VALUE_TYPES = """  <xs:simpleType name="dateValue"><xs:restriction base="xs:date">
    <xs:pattern value="\\d{4}-\\d{2}-\\d{2}"/></xs:restriction></xs:simpleType>
  <xs:simpleType name="timeValue"><xs:restriction base="xs:string">
    <xs:pattern value="\\d{2}:\\d{2}(:\\d{2}(\\.\\d+)?)?"/></xs:restriction></xs:simpleType>
  <xs:simpleType name="periodValue"><xs:restriction base="xs:string">
    <xs:pattern value="\\d{4}-\\d{2}-\\d{2}(T\\d{2}:\\d{2}(:\\d{2})?)?"/>
    <xs:pattern value="\\d{4}-\\d{2}-\\d{2}/\\d{4}-\\d{2}-\\d{2}"/>
    <xs:pattern value="T\\d{2}:\\d{2}(:\\d{2})?"/></xs:restriction></xs:simpleType>
  <xs:simpleType name="decimalValue"><xs:restriction base="xs:decimal"/></xs:simpleType>
  <xs:simpleType name="countValue"><xs:restriction base="xs:nonNegativeInteger"/></xs:simpleType>
"""

# Every element that a mapping table names may end with what no attribute names, and may be a deletion.
_CARRIED = """  <xs:group name="carried"><xs:choice>
    <xs:element name="other" type="other"/>
    <xs:element name="order" type="order"/></xs:choice></xs:group>
  <xs:attributeGroup name="deletion"><xs:attribute name="nullified"><xs:annotation><xs:documentation
    >The sender asks to delete what the element stands for (HL7 v2 ""). Absence asks for nothing.</xs:documentation
    ></xs:annotation><xs:simpleType><xs:restriction base="xs:string"><xs:enumeration value="true"/></xs:restriction
    ></xs:simpleType></xs:attribute></xs:attributeGroup>
"""


def canonical_schema(dictionary: Dictionary) -> str:
    """The XSD, with every definition as its documentation."""
    parts = [_HEAD, _VALUE_TYPES, _CARRIED]
    parts.extend(_text_types(dictionary))
    parts.extend(_code_types(dictionary))
    for group in dictionary.groups.values():
        parts.extend(_attribute_group(group))
    for type_of in dictionary.types.values():
        parts.extend(_complex_type(dictionary, type_of))
    parts.append("</xs:schema>\n")
    return "".join(parts)


def _all_attributes(dictionary: Dictionary) -> Iterator[Attribute]:
    for group in (*dictionary.groups.values(), *dictionary.types.values()):
        yield from group.attributes


def _text_types(dictionary: Dictionary) -> Iterator[str]:
    """One type for each size: `text35`."""
    for size in sorted({entry.size for entry in _all_attributes(dictionary) if entry.size is not None}):
        yield (
            f'  <xs:simpleType name="text{size}"><xs:restriction base="xs:string">'
            f'<xs:maxLength value="{size}"/></xs:restriction></xs:simpleType>\n'
        )


def _code_types(dictionary: Dictionary) -> Iterator[str]:
    """For each code table that an attribute uses, its words; the attribute's type adds any other code."""
    used = {name for entry in _all_attributes(dictionary) for name in entry.codes}
    for name, table in dictionary.code_tables.items():
        if name not in used:
            continue
        yield f'  <xs:simpleType name="{name}Word"><xs:restriction base="xs:string">\n'
        for code, word in table.words.items():
            yield (
                f"    <xs:enumeration value={quoteattr(word)}><xs:annotation><xs:documentation>"
                f"{escape(code)}</xs:documentation></xs:annotation></xs:enumeration>\n"
            )
        yield "  </xs:restriction></xs:simpleType>\n"


def _attribute_group(group: Group) -> Iterator[str]:
    yield f'  <xs:attributeGroup name="{group.name}">\n{_documentation(group.definition, 4)}'
    yield from _attributes(group)
    yield "  </xs:attributeGroup>\n"


def _complex_type(dictionary: Dictionary, type_of: CanonicalType) -> Iterator[str]:
    yield f'  <xs:complexType name="{type_of.name}">\n{_documentation(type_of.definition, 4)}'
    if type_of.is_text:
        yield '    <xs:simpleContent><xs:extension base="xs:string">\n'
        yield from _attributes(type_of)
        yield "    </xs:extension></xs:simpleContent>\n  </xs:complexType>\n"
        return
    carries = not type_of.is_gateway or type_of.name == "remainder"
    children = dictionary.children_of(type_of)
    if children or carries:
        yield "    <xs:sequence>\n"
        for child in children:
            yield _element(child)
        if carries:
            yield '      <xs:group ref="carried" minOccurs="0" maxOccurs="unbounded"/>\n'
        yield "    </xs:sequence>\n"
    yield from _attributes(type_of)
    if type_of.is_item:
        yield '    <xs:attribute name="at" type="xs:string">\n'
        yield _documentation("Its place in the set; absent in a document that no set gave.", 6)
        yield "    </xs:attribute>\n"
    if not type_of.is_gateway:
        yield '    <xs:attributeGroup ref="deletion"/>\n'
    yield "  </xs:complexType>\n"


def _element(child: Child) -> str:
    fewest = "" if child.is_required else ' minOccurs="0"'
    most = ' maxOccurs="unbounded"' if child.is_many else ""
    return (
        f'      <xs:element name="{child.name}" type="{child.type_name}"{fewest}{most}>\n'
        f"{_documentation(child.definition, 8)}      </xs:element>\n"
    )


def _attributes(group: Group) -> Iterator[str]:
    for name in group.uses:
        yield f'    <xs:attributeGroup ref="{name}"/>\n'
    for entry in group.attributes:
        required = ' use="required"' if entry.is_required else ""
        simple = _simple_type(entry)
        yield f'    <xs:attribute name="{entry.name}"{required}'
        if not isinstance(simple, str):
            yield f">\n{_documentation(_remarks(entry), 6)}      <xs:simpleType>{''.join(simple)}</xs:simpleType>\n"
        else:
            yield f' type="{simple}">\n{_documentation(_remarks(entry), 6)}'
        yield "    </xs:attribute>\n"


def _simple_type(entry: Attribute) -> str | list[str]:
    """The name of a simple type, or the content of one that is written in place."""
    if entry.value_type is ValueType.TEXT:
        return "xs:string" if entry.size is None else f"text{entry.size}"
    if entry.value_type is not ValueType.CODE:
        return f"{entry.value_type}Value"
    words = (
        '<xs:restriction base="xs:string">',
        *(f"<xs:enumeration value={quoteattr(word)}/>" for word in entry.values),
        "</xs:restriction>",
    )
    if not entry.codes:
        return list(words)
    members = " ".join((*(f"{name}Word" for name in entry.codes), "xs:string"))
    inner = ("<xs:simpleType>", *words, "</xs:simpleType>") if entry.values else ()
    return [f'<xs:union memberTypes="{members}">', *inner, "</xs:union>"]


def _remarks(entry: Attribute) -> str:
    """The definition, and what else the dictionary says."""
    remarks: Iterable[str] = (
        entry.definition,
        f"Default for documents born downstream: {entry.default}." if entry.default is not None else "",
        "A copy for convenience: ignored on the way back." if entry.is_derived else "",
        "Protected health information." if entry.is_phi else "",
    )
    return " ".join(remark for remark in remarks if remark)


def _documentation(text: str, indent: int) -> str:
    blank = " " * indent
    return f"{blank}<xs:annotation><xs:documentation>{escape(text)}</xs:documentation></xs:annotation>\n"
