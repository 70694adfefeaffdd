"""The codes of TA1, 997 and 999: what each version of the 997 has instead of the codes of the 999.

Owns the code lists and the translation between them, all as tables. Must not know a finding or a verdict.
Sources: X12 data elements 618/718 (set), 620/720 (segment), 621/723 (element), 716 (group); 005010X231A1.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

# At most five codes fit into IK502 to IK506 and AK905 to AK909.
MAX_VERDICT_CODES = 5


class FunctionalKind(StrEnum):
    """The two functional acknowledgements."""

    IMPLEMENTATION = "999"
    FUNCTIONAL = "997"


@dataclass(frozen=True, slots=True)
class CodeTables:
    """How the codes of findings (those of the 999) are written; a code that is not a key stays as it is."""

    segment: Mapping[str, str]
    element: Mapping[str, str]
    set: Mapping[str, str]
    group: Mapping[str, str]


_UNCHANGED: Mapping[str, str] = {}

# The 997 has no codes for implementation conventions: the nearest of the standard stands for each.
_SEGMENT_997 = {
    "I4": "2",  # "not used" segment present -> unexpected segment
    "I6": "3",  # dependent segment missing -> required segment missing
    "I7": "3",  # loop below minimum
    "I8": "3",  # segment below minimum
    "I9": "2",  # dependent "not used" segment present
}
_ELEMENT_997_005010 = {
    "I6": "7",  # code value not used in implementation -> invalid code value
    "I9": "2",  # dependent element missing -> conditional required missing
    "I10": "3",  # "not used" element present -> too many elements
    "I11": "1",  # too few repetitions -> required element missing
    "I12": "7",  # pattern match failure -> invalid code value
    "I13": "10",  # dependent "not used" element present -> exclusion condition violated
}
_ELEMENT_997_004010 = {
    **_ELEMENT_997_005010,
    "12": "3",  # version 004010 knows no repetition: too many elements
    "13": "3",  # too many components -> too many elements
}
_SET_997_005010 = {"I5": "5", "I6": "1"}
_SET_997_004010 = {**_SET_997_005010, "18": "1", "19": "1"}
_GROUP_997_004010 = {"19": "6"}  # number not unique -> number in error

TABLES_999 = CodeTables(_UNCHANGED, _UNCHANGED, _UNCHANGED, _UNCHANGED)
TABLES_997_005010 = CodeTables(_SEGMENT_997, _ELEMENT_997_005010, _SET_997_005010, _UNCHANGED)
TABLES_997_004010 = CodeTables(_SEGMENT_997, _ELEMENT_997_004010, _SET_997_004010, _GROUP_997_004010)

# CTX01-1 by transaction set: the business unit that a 999 names (005010X231A1, CTX Business Unit Identifier).
BUSINESS_UNITS: Mapping[str, str] = {
    "270": "TRN02",
    "271": "TRN02",
    "276": "TRN02",
    "277": "TRN02",
    "278": "TRN02",
    "820": "ENT01",
    "834": "SUBSCRIBER NUMBER REF02",
    "835": "TRN02",
    "837": "CLM01",
}


def code_order(code: str) -> tuple[bool, int, str]:
    """The order of codes in IK5 and AK9: the standard's by number, then those of implementations."""
    return code.startswith("I"), int(code.lstrip("I")) if code.lstrip("I").isdigit() else 0, code


def verdict_codes(codes: set[str], table: Mapping[str, str]) -> tuple[str, ...]:
    """At most five codes, translated, each once."""
    translated = {table.get(code, code) for code in codes}
    return tuple(sorted(translated, key=code_order)[:MAX_VERDICT_CODES])
