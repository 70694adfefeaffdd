"""The sentence for every kind of finding, as a partner's EDI person reads it.

Owns the wording, one table. Names elements as the guide does and never shows a value from a message.
"""

from collections.abc import Mapping
from typing import Protocol


class Described(Protocol):
    """What a sentence is made of: a finding of the native core, or of the judge itself."""

    @property
    def kind(self) -> str:
        """What happened; a key of `SENTENCES`."""

    @property
    def detail(self) -> str:
        """A limit or a name from the definitions, possibly empty; never from the message."""

    @property
    def segment(self) -> str | None:
        """Segment id; of the missing one where one is missing."""

    @property
    def loop(self) -> str | None:
        """Loop id of the guide."""

    @property
    def element(self) -> int | None:
        """From 1."""

    @property
    def component(self) -> int | None:
        """From 1."""

    @property
    def repetition(self) -> int | None:
        """From 1, where the element repeats."""

    @property
    def name(self) -> str | None:
        """Of the element, else of the segment."""

    @property
    def rule(self) -> str | None:
        """The rule that found it."""


# Two sentences each: with a detail from the definitions, and without one.
# {what} = `CLM05-3 Claim Frequency Code`, {segment} = `REF Payer Claim Control Number`, {where} = ` in loop 2300`.
SENTENCES: Mapping[str, str | tuple[str, str]] = {
    # The stream and the interchange.
    "not-an-interchange": "This is not an X12 interchange: it does not begin with an ISA segment.",
    "leading-bytes": "There are bytes before the ISA segment (a byte order mark or blanks); they were skipped.",
    "interchange-truncated": "The interchange ends before its IEA segment: the file was cut off.",
    "interchange-header-width": (
        "The ISA segment is not as wide as the standard says ({detail}); it must be 106 characters with the"
        " terminator.",
        "The ISA segment is not as wide as the standard says: it must be 106 characters with the terminator.",
    ),
    "interchange-header-unreadable": "The ISA segment cannot be read: its 16 elements cannot be told apart.",
    "element-separator-invalid": "The element separator (ISA, character 4) cannot be a letter, digit or blank,"
    " nor equal another delimiter.",
    "component-separator-invalid": "The component separator (ISA16) cannot be a letter, digit or blank, nor"
    " equal another delimiter.",
    "repetition-separator-invalid": "The repetition separator (ISA11) cannot be a letter, digit or blank, nor"
    " equal another delimiter.",
    "repetition-separator-absent": "ISA11 holds no repetition separator; repeated elements cannot be read.",
    "segment-terminator-invalid": "The segment terminator (after ISA16) cannot be a letter, digit or blank, nor"
    " equal another delimiter.",
    "authorization-qualifier-invalid": "ISA01, the authorization information qualifier, is not a valid code.",
    "security-qualifier-invalid": "ISA03, the security information qualifier, is not a valid code.",
    "sender-qualifier-invalid": "ISA05, the qualifier of the sender, is not a valid code.",
    "sender-missing": "ISA06, the interchange sender, is empty.",
    "receiver-qualifier-invalid": "ISA07, the qualifier of the receiver, is not a valid code.",
    "receiver-missing": "ISA08, the interchange receiver, is empty.",
    "interchange-date-invalid": "ISA09, the interchange date, is not a date in the form YYMMDD.",
    "interchange-time-invalid": "ISA10, the interchange time, is not a time in the form HHMM.",
    "interchange-standard-invalid": "ISA11 holds neither a repetition separator nor the standards identifier U.",
    "interchange-version-invalid": "ISA12 names no version of the interchange control segments that we read.",
    "interchange-control-invalid": "ISA13, the interchange control number, is not nine digits.",
    "acknowledgment-request-invalid": "ISA14, acknowledgment requested, is neither 0 nor 1.",
    "usage-indicator-invalid": "ISA15, the usage indicator, is none of P, T and I.",
    "interchange-control-mismatch": "IEA02 does not repeat the interchange control number of ISA13.",
    "group-count-wrong": (
        "IEA01 does not give the number of functional groups in the interchange ({detail}).",
        "IEA01 does not give the number of functional groups in the interchange.",
    ),
    "segment-outside-group": "A {segment} segment stands outside of any functional group.",
    "segment-outside-set": "A {segment} segment stands outside of any transaction set.",
    "empty-segment": "An empty segment (two terminators in a row) was skipped.",
    # The functional group.
    "group-trailer-missing": "The functional group has no GE segment.",
    "group-control-mismatch": "GE02 does not repeat the group control number of GS06.",
    "set-count-wrong": (
        "GE01 does not give the number of transaction sets in the group ({detail}).",
        "GE01 does not give the number of transaction sets in the group.",
    ),
    "group-control-invalid": "GS06, the group control number, is not a number of one to nine digits.",
    "group-control-duplicate": "GS06, the group control number, was used before in this interchange.",
    "group-header-invalid": (
        "The GS segment is not valid ({detail}).",
        "The GS segment is not valid: an element is missing or has the wrong form.",
    ),
    "group-not-supported": "No guide is installed for functional groups of this kind (GS01).",
    "version-not-supported": "No guide is installed for this version (GS08) of the functional group.",
    # The transaction set.
    "set-trailer-missing": "The transaction set has no SE segment.",
    "set-control-mismatch": "SE02 does not repeat the transaction set control number of ST02.",
    "segment-count-wrong": (
        "SE01 does not give the number of segments from ST to SE ({detail}).",
        "SE01 does not give the number of segments from ST to SE.",
    ),
    "set-identifier-invalid": "ST01 is missing or is not a transaction set identifier of three digits.",
    "set-control-invalid": "ST02, the transaction set control number, is not four to nine characters.",
    "set-not-in-group": "This transaction set does not belong into a functional group of this kind (GS01).",
    "set-control-duplicate": "ST02, the transaction set control number, was used before in this group.",
    "implementation-mismatch": "ST03 does not name the guide that GS08 names.",
    "set-not-supported": "No guide is installed for this transaction set (ST01).",
    "convention-not-supported": "No guide is installed for this version of the transaction set (GS08, ST03).",
    # Segments.
    "segment-unrecognised": "{segment} is not a segment of the standard.",
    "segment-unexpected": "{segment} is not expected here{where}.",
    "required-segment-missing": "The required segment {segment} is missing{where}.",
    "required-loop-missing": "The required loop {loop} is missing; it begins with {segment}.",
    "loop-over-maximum": (
        "Loop {loop} occurs more often than the {detail} times that the guide allows.",
        "Loop {loop} occurs more often than the guide allows.",
    ),
    "segment-over-maximum": (
        "{segment} occurs more often than the {detail} times that the guide allows{where}.",
        "{segment} occurs more often than the guide allows{where}.",
    ),
    "segment-not-in-set": "{segment} does not belong to this transaction set.",
    "segment-out-of-sequence": "{segment} does not stand in its place in the guide's order{where}.",
    "segment-not-used": "{segment} is present{where}, but the guide does not use it.",
    "segment-too-long": (
        "{segment} is longer than the {detail} bytes that we read as one segment.",
        "{segment} is longer than we read as one segment.",
    ),
    "item-too-large": (
        "The item around {segment} is larger than the {detail} bytes that we read as one claim or member.",
        "The item around {segment} is larger than we read as one claim or member.",
    ),
    "binary-length-wrong": "The length given in {segment} does not agree with its binary data.",
    "trailing-separators": "{segment} ends with separators that have no element after them.",
    # Elements.
    "required-element-missing": "{what} is required{where}, but is missing.",
    "conditional-element-missing": (
        "{what} is required here because of the other elements of the segment (condition {detail}).",
        "{what} is required here because of the other elements of the segment.",
    ),
    "too-many-elements": "{segment} has more elements than the guide allows.",
    "too-short": (
        "{what} is shorter than the minimum of {detail} characters.",
        "{what} is shorter than its minimum.",
    ),
    "too-long": (
        "{what} is longer than the maximum of {detail} characters.",
        "{what} is longer than its maximum.",
    ),
    "invalid-character": "{what} holds a character that its type does not allow.",
    "invalid-code": "{what} is not one of the codes that the guide allows{where}.",
    "invalid-date": "{what} is not a valid date in the form that its qualifier asks for.",
    "invalid-time": "{what} is not a valid time.",
    "exclusion-violated": (
        "{what} may not be given together with the other elements of the segment (condition {detail}).",
        "{what} may not be given together with the other elements of the segment.",
    ),
    "too-many-repetitions": (
        "{what} is repeated more often than the {detail} times that the guide allows.",
        "{what} is repeated more often than the guide allows.",
    ),
    "too-many-components": "{what} has more components than the guide allows.",
    "element-not-used": "{what} is present{where}, but the guide does not use it.",
    "pattern-mismatch": "{what} does not have the form that the guide asks for.",
    "trailing-blanks": "{what} ends with blanks, which should be left out.",
    # Hierarchical levels.
    "hierarchical-number-wrong": "HL01 does not number the hierarchical levels from 1 upwards by 1.",
    "hierarchical-parent-wrong": "HL02 does not name the hierarchical level that this one belongs to.",
    "hierarchical-child-wrong": "HL04 does not say truly whether hierarchical levels follow below this one.",
    # Rules.
    "rule": ("{what} breaks rule {rule}: {detail}.", "{what} breaks rule {rule}."),
}


def sentence(finding: Described) -> str:
    """What was found, in words. A kind that the table lacks is named as it is, so nothing is lost."""
    entry = SENTENCES.get(finding.kind)
    if entry is None:
        entry = "{what}: " + finding.kind.replace("-", " ") + "."
    if isinstance(entry, tuple):
        entry = entry[0] if finding.detail else entry[1]
    text = entry.format(
        what=_element_in_words(finding),
        segment=_segment_in_words(finding),
        loop=finding.loop or "?",
        where=f" in loop {finding.loop}" if finding.loop else "",
        detail=finding.detail,
        rule=finding.rule or "",
    )
    return text[0].upper() + text[1:]


def _element_in_words(finding: Described) -> str:
    if finding.element is None:
        return _segment_in_words(finding)
    reference = f"{finding.segment or '?'}{finding.element:02d}"
    if finding.component:
        reference += f"-{finding.component}"
    if finding.repetition and finding.repetition > 1:
        reference += f" (repetition {finding.repetition})"
    return f"{reference} {finding.name}" if finding.name else reference


def _segment_in_words(finding: Described) -> str:
    identifier = finding.segment or "the segment"
    # With an element the name is the element's, not the segment's.
    return f"{identifier} {finding.name}" if finding.name and finding.element is None else identifier
