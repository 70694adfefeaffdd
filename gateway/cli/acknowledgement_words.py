"""What a TA1, 999 or 997 says, in words for a newcomer.

Owns the wording of codes, shortened from X12 data elements I17, I18, 715, 717, 720 and 723. Must not know how an
acknowledgement is made. Segments that it does not know are left out.
"""

from collections.abc import Callable

_INTERCHANGE = {
    "A": "the envelope is fine",
    "E": "the envelope has errors, but the content was processed",
    "R": "the whole interchange is refused, nothing in it was processed",
}
_INTERCHANGE_NOTES = {
    "001": "control numbers of ISA13 and IEA02 differ",
    "005": "unknown sender qualifier",
    "006": "the sender is not known, or not the one who signed in",
    "007": "unknown receiver qualifier",
    "008": "no receiver",
    "009": "the receiver is not us",
    "020": "test and production are kept apart, and this is the other one",
    "021": "the number of groups in IEA01 is wrong",
    "023": "the file ends before IEA",
    "024": "the content is not agreed",
    "025": "this control number came before with other content",
}
_SET = {
    "A": "accepted",
    "E": "accepted, with errors that were noted",
    "M": "rejected",
    "P": "partly accepted",
    "R": "rejected",
    "W": "rejected",
    "X": "rejected",
}
_SEGMENT = {
    "1": "the segment is not known",
    "2": "the segment does not belong here",
    "3": "a required segment is missing",
    "4": "the loop occurs too often",
    "5": "the segment occurs too often",
    "6": "the segment is not in this transaction set",
    "7": "segments are in the wrong order",
    "8": "the segment has faulty elements",
}
_ELEMENT = {
    "1": "is required and missing",
    "2": "is required here and missing",
    "3": "is one too many",
    "4": "is too short",
    "5": "is too long",
    "6": "holds characters that are not allowed",
    "7": "has a code that is not allowed",
    "8": "is not a date",
    "9": "is not a time",
    "10": "must not stand beside another",
    "12": "repeats too often",
    "13": "has too many components",
}


def explained(text: bytes) -> list[str]:
    """One sentence for each statement of the acknowledgement interchanges in `text`, in order."""
    sentences: list[str] = []
    for interchange in _interchanges(text.decode("latin-1")):
        separator, terminator = interchange[3], interchange[105]
        for raw in interchange.split(terminator):
            elements = raw.strip().split(separator)
            explain = _EXPLAINED.get(elements[0])
            if explain is not None:
                sentences.append(explain([*elements, *[""] * 8]))
    return sentences


def _interchanges(text: str) -> list[str]:
    found: list[str] = []
    rest = text.lstrip()
    while rest.startswith("ISA") and len(rest) > 106:
        separator, terminator = rest[3], rest[105]
        trailer = rest.find(f"{terminator}IEA{separator}")
        if trailer < 0:
            trailer = rest.find(f"\nIEA{separator}")
        end = rest.find(terminator, trailer + 1) + 1 if trailer >= 0 else 0
        found.append(rest[:end] if end else rest)
        rest = rest[end:].lstrip() if end else ""
    return found


def _ta1(elements: list[str]) -> str:
    verdict = _INTERCHANGE.get(elements[4], elements[4])
    note = _INTERCHANGE_NOTES.get(elements[5])
    return f"TA1: interchange {elements[1]}: {verdict}" + (f" ({note})" if note else "")


def _ak2(elements: list[str]) -> str:
    return f"Transaction set {elements[1]} number {elements[2]}:"


def _ik3(elements: list[str]) -> str:
    reason = _SEGMENT.get(elements[4], "the guide does not allow it so")
    loop = f" in loop {elements[3]}" if elements[3] else ""
    return f"  segment {elements[1]}, number {elements[2]} of the set{loop}: {reason}"


def _ik4(elements: list[str]) -> str:
    reason = _ELEMENT.get(elements[3], "is not as the guide demands")
    return f"    element {elements[1].replace(':', '-')} {reason}"


def _ik5(elements: list[str]) -> str:
    return f"  -> {_SET.get(elements[1], elements[1])}"


def _ak9(elements: list[str]) -> str:
    return f"Functional group: {_SET.get(elements[1], elements[1])} ({elements[4]} of {elements[2]} sets accepted)"


_EXPLAINED: dict[str, Callable[[list[str]], str]] = {
    "TA1": _ta1,
    "AK2": _ak2,
    "IK3": _ik3,
    "AK3": _ik3,
    "IK4": _ik4,
    "AK4": _ik4,
    "IK5": _ik5,
    "AK5": _ik5,
    "AK9": _ak9,
}
