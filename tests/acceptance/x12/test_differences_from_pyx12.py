"""The same files and seeded faults before pyx12, whose maps we load: every kind of difference is explained.

docs/differences-from-pyx12.md is the table for people; this test holds it true.
"""

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

Judge = Callable[..., Any]
Oracle = Callable[[bytes], Any]
ReadAnswer = Callable[[str], Any]
Table = Callable[[str], dict[str, Any]]

# pyx12 needs a quarter of a second for each.
FAULT_COUNT = 60
SEED = 837834
BASES = (
    "837P/valid/stupidedi__commercial-health-insurance.edi",
    "837P/valid/stupidedi__ambulance.edi",
    "837P/valid/stupidedi__medicare-secondary-payer-COB.edi",
    "837P/valid/stupidedi__COB-claim-from-billing-provider-to-payer-a.edi",
    "834/valid/stupidedi__add-subscriber-coverage.edi",
    "834/valid/stupidedi__enroll-employee-in-managed-care-product.edi",
    "834/valid/pyx12__834_ls_le_ls.x12",
)


@dataclass(frozen=True)
class Note:
    """`3 CLM*22**8` or `4 5:3*1331*7` with the segment that it stands under."""

    level: str
    segment: str
    position: int
    element: str
    code: str


@dataclass(frozen=True)
class Compared:
    """The notes on one set that differ; `ruled`: segments of which a rule or the numbering of HL speaks.

    `spoiled`: elements with an invalid character, by both.
    """

    theirs: frozenset[Note]
    ours: frozenset[Note]
    ruled: frozenset[tuple[str, int]]
    spoiled: frozenset[tuple[tuple[str, int], str]]


# --- the kinds of difference -----------------------------------------------------------------------------------


def _recognised(both: Compared) -> tuple[set[Note], set[Note]]:
    """A segment of the standard that is not expected or out of order: 1 there, 2 or 7 here."""
    ours = {(note.position, note.segment): note for note in both.ours if note.level == "3" and note.code in {"2", "7"}}
    theirs = {note for note in both.theirs if note.level == "3" and note.code == "1" and _at(note) in ours}
    return theirs, {ours[_at(note)] for note in theirs}


def _qualifier(both: Compared) -> tuple[set[Note], set[Note]]:
    """A segment whose qualifier is wrong: unrecognised there, an element error here, its place known."""
    ours = {note for note in both.ours if _marks_first_elements(note)}
    places = {_at(note) for note in ours}
    theirs = {note for note in both.theirs if note.level == "3" and note.code == "1" and _at(note) in places}
    held = {_at(note) for note in theirs}
    found = {note for note in both.ours if _at(note) in held and (note.level == "4" or note.code == "8")}
    return theirs, found


def _consequence(both: Compared) -> tuple[set[Note], set[Note]]:
    """What one side only says because it lost, or kept, the place of an earlier segment."""
    lost = {note.position for note in both.theirs | both.ours if note.level == "3" and note.code in {"1", "2", "7"}}
    if not lost:
        return set(), set()
    first = min(lost)
    theirs = {note for note in both.theirs if note.position >= first and note.level == "3"}
    ours = {note for note in both.ours if note.position >= first and (note.level == "3" or _at(note) in both.ruled)}
    return theirs, ours


def _not_used(both: Compared) -> tuple[set[Note], set[Note]]:
    """An element that the guide does not use: 10 (exclusion) there, I10 here; ours also names other faults of it."""
    ours = {(_at(note), note.element): note for note in both.ours if note.level == "4" and note.code == "I10"}
    theirs = {note for note in both.theirs if note.code in {"10", "6"} and (_at(note), note.element) in ours}
    held = {(_at(note), note.element) for note in theirs}
    return theirs, {note for note in both.ours if (_at(note), note.element) in held}


def _components(both: Compared) -> tuple[set[Note], set[Note]]:
    """A component separator in a simple element: invalid character there, too many components here."""
    ours = {(_at(note), note.element): note for note in both.ours if note.level == "4" and note.code == "13"}
    theirs = {note for note in both.theirs if note.code == "6" and (_at(note), note.element) in ours}
    return theirs, set(ours.values())


def _length_of_dates(both: Compared) -> tuple[set[Note], set[Note]]:
    """A date of the wrong length: too short or long as well there, not a date here."""
    ours = {(_at(note), note.element): note for note in both.ours if note.level == "4" and note.code in {"8", "9"}}
    theirs = {note for note in both.theirs if note.code in {"4", "5", "6"} and note.level == "4"}
    dates = {note for note in both.theirs | both.ours if note.code in {"8", "9"}}
    places = {(_at(note), note.element) for note in dates}
    return {note for note in theirs if (_at(note), note.element) in places}, set(ours.values())


def _only_we_check(both: Compared) -> tuple[set[Note], set[Note]]:
    """Checked here alone: too many elements, syntax notes over missing ones, blanks, patterns, controls and rules."""
    checked = {"2", "3", "6", "8", "I9", "I10", "I12"}
    ours = {note for note in both.ours if note.level == "4" and (note.code in checked or _at(note) in both.ruled)}
    places = {_at(note) for note in ours}
    ours |= {
        note
        for note in both.ours
        if note.level == "3" and (note.code == "" or (note.code == "8" and _at(note) in places))
    }
    return set(), ours


def _hierarchy(both: Compared) -> tuple[set[Note], set[Note]]:
    """HL and LX that are doubled or misnumbered, and the loops that they leave empty: not looked at there."""
    ours = {note for note in both.ours if note.level == "3" and note.code == "3"}
    return set(), ours


def _one_of_two_uses(both: Compared) -> tuple[set[Note], set[Note]]:
    """Two uses of a segment that only a later qualifier tells apart: pyx12 takes the first."""
    theirs = {note for note in both.theirs if note.segment == "PWK" or (note.level == "4" and note.element == "2*756")}
    return theirs, set()


def _reveals(both: Compared) -> tuple[set[Note], set[Note]]:
    """What is missing at the end of a set: placed at the last segment there, at the one that revealed it here."""
    theirs = {note for note in both.theirs if note.level == "3" and note.code == "3"}
    ours = {note for note in both.ours if note.level == "3" and note.code == "3"}
    return theirs, ours


def _trailing_blanks(both: Compared) -> tuple[set[Note], set[Note]]:
    """A value that ends with blanks: an invalid character there, a warning here."""
    return {note for note in both.theirs if note.level == "4" and note.code == "6"}, set()


def _trailing_separators(both: Compared) -> tuple[set[Note], set[Note]]:
    """Separators with nothing after them at the end of a segment: an error of the segment there, a warning here."""
    in_elements = {_at(note) for note in both.theirs if note.level == "4"}
    theirs = {note for note in both.theirs if note.level == "3" and note.code == "8" and _at(note) not in in_elements}
    return theirs, set()


def _spoiled_code(both: Compared) -> tuple[set[Note], set[Note]]:
    """A code with an invalid character: that alone there, too long and not in the list as well here."""
    return set(), {note for note in both.ours if note.code in {"5", "7"} and (_at(note), note.element) in both.spoiled}


KINDS: dict[str, Callable[[Compared], tuple[set[Note], set[Note]]]] = {
    "place-of-a-known-segment": _recognised,
    "wrong-qualifier": _qualifier,
    "element-not-used": _not_used,
    "component-in-a-simple-element": _components,
    "length-of-dates": _length_of_dates,
    "one-of-two-uses": _one_of_two_uses,
    "what-follows-a-lost-segment": _consequence,
    "checked-by-us-alone": _only_we_check,
    "loops-left-empty": _hierarchy,
    "where-the-missing-is-shown": _reveals,
    "trailing-blanks": _trailing_blanks,
    "trailing-separators": _trailing_separators,
    "code-with-an-invalid-character": _spoiled_code,
}


def _at(note: Note) -> tuple[str, int]:
    return note.segment, note.position


def _marks_first_elements(note: Note) -> bool:
    """An error in a qualifier: in the first three elements, where the guide's keys lie."""
    return note.level == "4" and note.element.split("*")[0].split(":")[0] in {"1", "2", "3"}


def explain(both: Compared) -> tuple[set[str], set[str]]:
    """The kinds that explain a difference, and what is left unexplained."""
    theirs, ours = set(both.theirs), set(both.ours)
    used: set[str] = set()
    for name, kind in KINDS.items():
        left = replace(both, theirs=frozenset(theirs), ours=frozenset(ours))
        gone_theirs, gone_ours = kind(left)
        if gone_theirs & theirs or gone_ours & ours:
            used.add(name)
        theirs -= gone_theirs
        ours -= gone_ours
    return used, {f"pyx12 {note}" for note in theirs} | {f"ours {note}" for note in ours}


# --- the comparison --------------------------------------------------------------------------------------------


def notes(of_set: Any) -> frozenset[Note]:
    """The notes of one set; those on elements know their segment."""
    found: set[Note] = set()
    segment, position = "", 0
    for line in of_set.notes:
        level, _, rest = line.partition(" ")
        elements = rest.split("*")
        if level == "3":
            segment, position = elements[0], int(elements[1])
            found.add(Note("3", segment, position, "", elements[3] if len(elements) > 3 else ""))
        else:
            found.add(Note("4", segment, position, "*".join(elements[:2]), elements[2]))
    return frozenset(found)


def compared(theirs: Any, ours: Any, answered: Any) -> Compared:
    """Only what differs."""
    left, right = notes(theirs), notes(ours)
    ruled = {
        (finding.place.segment, finding.place.position)
        for finding in answered.findings
        if finding.rule or finding.place.segment == "HL"
    }
    spoiled = {(_at(note), note.element) for note in left & right if note.code == "6"}
    return Compared(left - right, right - left, frozenset(ruled), frozenset(spoiled))


def as_pyx12_reads(content: bytes) -> bytes:
    """The guides' later errata under the number that pyx12 has a map for; a repetition separator is data to it."""
    return content.replace(b"005010X222A2", b"005010X222A1")


def with_a_fault(content: bytes, choice: random.Random) -> tuple[str, bytes]:
    """One fault in one segment, with right counts; its name says what was done."""
    text = content.decode("latin-1").removeprefix("\xef\xbb\xbf")
    separator, component, terminator = text[3], text[104], text[105]
    segments = [segment.strip("\r\n") for segment in text.split(terminator)]
    segments = [segment for segment in segments if segment]
    first = next(index for index, segment in enumerate(segments) if segment.startswith("ST" + separator))
    last = next(index for index, segment in enumerate(segments) if segment.startswith("SE" + separator))
    place = choice.randrange(first + 1, last)
    elements = segments[place].split(separator)
    element = choice.randrange(1, len(elements))
    value = elements[element]
    faults: dict[str, str | None] = {
        "dropped": None,
        "doubled": None,
        "swapped": None,
        "unknown": None,
        "emptied": "",
        "alien": "QQ",
        "long": value + "X" * 90,
        "code": "ZZ",
        "control": value + "\x07",
        "date": "20251399",
        "components": f"{value}{component}A{component}B",
        "short": value[:1],
        "blank": f" {value}",
        "extra": f"{value}{separator}A" if element == len(elements) - 1 else value,
    }
    fault = choice.choice(sorted(faults))
    original = segments[place]
    match fault:
        case "dropped":
            del segments[place]
        case "doubled":
            segments.insert(place, original)
        case "swapped":
            segments[place], segments[place - 1 if place > first + 1 else place] = (
                segments[place - 1 if place > first + 1 else place],
                original,
            )
        case "unknown":
            segments.insert(place, f"ZZZ{separator}1")
        case _:
            elements[element] = str(faults[fault])
            segments[place] = separator.join(elements)
    last = next(index for index, segment in enumerate(segments) if segment.startswith("SE" + separator))
    trailer = segments[last].split(separator)
    trailer[1] = str(last - first + 1)
    segments[last] = separator.join(trailer)
    return f"{fault} {original}", (f"{terminator}\n".join(segments) + f"{terminator}\n").encode("latin-1")


def check(content: bytes, judge: Judge, oracle: Oracle, read_answer: ReadAnswer) -> set[str]:
    """The kinds of difference over all sets; fails where something is left unexplained."""
    theirs = oracle(as_pyx12_reads(content))
    answered = judge(content)
    ours = read_answer(answered.text)
    if theirs.crash:
        return {"no-answer-from-pyx12"}
    if not ours.sets:
        return {"interchange-rejected"}
    used: set[str] = set()
    if len(theirs.answer.sets) != len(ours.sets):
        return {"no-answer-from-pyx12"}
    for their_set, our_set in zip(theirs.answer.sets, ours.sets, strict=True):
        both = compared(their_set, our_set, answered)
        if both.theirs or both.ours or their_set.verdict[:1] != our_set.verdict[:1]:
            kinds, left = explain(both)
            assert not left, f"{sorted(left)} in set {our_set.control}"
            assert kinds, f"pyx12 {their_set.verdict}, ours {our_set.verdict}, without a note"
            used |= kinds
    return used


@pytest.mark.corpus("x12/837P/*/*", "x12/834/*/*")
def test_files(corpus_file: Path, judge: Judge, oracle: Oracle, read_answer: ReadAnswer, table: Table) -> None:
    """Whole files: the same notes, or differences of kinds that the table explains."""
    kinds = check(corpus_file.read_bytes(), judge, oracle, read_answer)

    assert kinds <= set(table("differences-from-pyx12.toml"))


@pytest.mark.parametrize("number", range(FAULT_COUNT))
def test_faults(
    *, number: int, corpus: Path, judge: Judge, oracle: Oracle, read_answer: ReadAnswer, table: Table
) -> None:
    """Seeded faults: the same."""
    choice = random.Random(SEED + number)  # noqa: S311 - the same faults in every run
    base = BASES[number % len(BASES)]
    fault, content = with_a_fault((corpus / "x12" / base).read_bytes(), choice)

    kinds = check(content, judge, oracle, read_answer)

    assert kinds <= set(table("differences-from-pyx12.toml")), fault


def test_document_is_the_table(repository: Path, table: Table) -> None:
    """The page for people says what the table says, kind by kind."""
    page = (repository / "docs/differences-from-pyx12.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([a-z0-9-]+)` \| (.+?) \| (.+?) \| (.+?) \|$", page, re.MULTILINE)

    listed = {
        name: (entry["pyx12"], entry["ours"], entry["reason"])
        for name, entry in table("differences-from-pyx12.toml").items()
    }
    assert {name: tuple(rest) for name, *rest in rows} == listed
    assert set(KINDS) | {"no-answer-from-pyx12", "interchange-rejected"} == set(listed)
