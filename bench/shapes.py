"""Shapes: what generated files are made of, and how their values vary.

A shape is an accepted file cut into its head (ST to the first loop that repeats), billing provider and units (a
subscriber with claims, a subscriber with dependants of an 834). Owns the cutting, and the variation of names, ids,
amounts and dates that keeps a unit acceptable. Must not know envelopes or file sizes.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random

HERE = Path(__file__).parent
FIXTURES = HERE.parent / "tests" / "fixtures"
CORPUS = HERE.parent.parent / "shared" / "corpus" / "x12"

Segment = list[str]
# Of templates: numbers that only the file knows.
PARENT, OWN, RUNNING = "%(parent)d", "%({})d", "%(running)09d"

_FAMILY_NAMES = (
    "ADEYEMI", "BAIRD", "CASTELLANO", "DUVAL", "ESPINOZA", "FENWICK", "GUNNARSSON", "HALVORSEN", "IBARRA", "JOVANOVIC",
    "KAPOOR", "LINDQVIST", "MARLOWE", "NAKAMURA", "OYELARAN", "PARK", "QUIST", "ROMERO", "SZABO", "TRAN", "UCHE", "VO",
    "WEXLER", "XU", "YILDIZ", "ZIELINSKI", "O'BRIEN-WHITTAKER", "DE LA CRUZ",
)  # fmt: skip
_GIVEN_NAMES = (
    "ANSEL", "BRIGID", "CHIDI", "DANA", "ELENA", "FAROUK", "GRETA", "HUGO", "IDA", "JOAN", "KAI", "LUZ", "MARCUS",
    "NOOR", "OTIS", "PER", "QUINN", "RAUL", "SOL", "TESSA", "UMA", "VIKTOR", "WREN", "XIMENA", "YUSUF", "ZOE",
)  # fmt: skip
_STREETS = ("CANAL STREET", "QUARRY ROAD", "SAGUARO LANE", "FOOTHILL COURT", "DEPOT STREET", "LAKE AVENUE", "MILL WAY")
_CITIES = (("TEMPE", "AZ", "85281"), ("BOISE", "ID", "83702"), ("DULUTH", "MN", "55802"), ("GOLDEN", "CO", "80401"))
_VARIED_REFERENCES = frozenset({"D9", "EA", "F8", "G1", "6R", "0F", "1L", "17"})
_AMOUNTS = {"CLM": (2,), "SV1": (2,), "AMT": (2,), "SVD": (2,), "HCP": (2, 3), "CAS": (3, 6, 9, 12, 15, 18)}
_DATES = {"DTP": (2, 3), "DMG": (1, 2), "PAT": (5, 6)}
_MAX_FACTOR = 40
_MAX_DAYS_BACK = 400


@dataclass(frozen=True, slots=True)
class Unit:
    """Segments that repeat together. Of an 837P without the first, which is the HL of a subscriber."""

    segments: tuple[tuple[str, ...], ...]
    item_count: int


@dataclass(frozen=True, slots=True)
class Shape:
    """An accepted file, cut. Delimiters inside values are `:` and `^`; `provider` is empty for an 834."""

    name: str
    guide: str
    head: tuple[tuple[str, ...], ...]
    provider: tuple[tuple[str, ...], ...]
    units: tuple[Unit, ...]


def shapes(guide: str, corpus_folder: str | None) -> Iterator[Shape]:
    """The shapes of the committed fixtures, and of a folder of the corpus where it is present."""
    paths = sorted((FIXTURES / guide / "accept").glob("*.edi"))
    if corpus_folder is not None:
        paths += sorted((CORPUS / corpus_folder / "valid").glob("*"))
    for path in paths:
        segments = _segments(path.read_text("latin-1"))
        if segments and (cut := _cut(path.stem, guide, segments)):
            yield cut


def _segments(text: str) -> list[Segment]:
    """Segments of the first set with `*`, `:` and `^`; nothing where that would change a value, or there is none."""
    if len(text) < 106 or not text.startswith("ISA"):
        return []
    element, repetition, component, terminator = text[3], text[82], text[104], text[105]
    found = [segment.strip("\r\n") for segment in text.split(terminator)]
    begin = next((number for number, segment in enumerate(found) if segment.startswith("ST" + element)), None)
    end = next((number for number, segment in enumerate(found) if segment.startswith("SE" + element)), None)
    if begin is None or end is None or found[1].split(element)[-1][:10] not in {"005010X222", "005010X220"}:
        return []
    body = "\n".join(found[begin:end])
    for old, new in ((element, "*"), (component, ":"), (repetition, "^")):
        if old != new and not old.isalnum():
            if new in body:
                return []
            body = body.replace(old, new)
    return [segment.split("*") for segment in body.split("\n")]


def _cut(name: str, guide: str, segments: list[Segment]) -> Shape | None:
    is_claim = segments[0][1] == "837"
    starts = [number for number, segment in enumerate(segments) if _begins_unit(segment, is_claim=is_claim)]
    if not starts:
        return None
    first = next(number for number, segment in enumerate(segments) if segment[0] in {"HL", "INS"})
    counted = "CLM" if is_claim else "INS"
    units = []
    for begin, end in zip(starts, [*starts[1:], len(segments)], strict=True):
        # A second billing provider ends the unit before it; a file has one provider here.
        stop = next((at for at in range(begin, end) if segments[at][0] == "HL" and segments[at][3] == "20"), end)
        body = segments[begin:stop]
        count = sum(segment[0] == counted for segment in body)
        if count:
            units.append(Unit(tuple(map(tuple, body)), count))
        if stop < end:
            break
    # Totals of a roster (QTY) would have to be known before the first member.
    head = [segment for segment in segments[:first] if segment[0] != "QTY"]
    return Shape(name, guide, tuple(map(tuple, head)), tuple(map(tuple, segments[first : starts[0]])), tuple(units))


def _begins_unit(segment: Segment, *, is_claim: bool) -> bool:
    if is_claim:
        return segment[0] == "HL" and segment[3] == "22"
    return segment[0] == "INS" and segment[1] == "Y"


@dataclass(frozen=True, slots=True)
class Template:
    """Text of a unit with places for what only the file knows: `%` formatting by name.

    Names: `parent` (HL of the provider), `h0`... (HLs of the unit, in order), `running` (a number of the unit).
    """

    text: str
    segment_count: int
    item_count: int
    level_count: int


def template_of(unit: Unit, random: Random) -> Template:
    """One variation of a unit."""
    variation = _Variation(random)
    levels: dict[str, str] = {}
    written = []
    claim_count = 0
    for original in unit.segments:
        segment = [element.replace("%", "%%") for element in variation.varied(list(original))]
        if segment[0] == "HL":
            own = OWN.format(f"h{len(levels)}")
            segment[1], segment[2] = own, levels.get(original[2], PARENT)
            levels[original[1]] = own
        elif segment[0] == "CLM":
            claim_count += 1
            segment[1] = f"C{RUNNING}-{claim_count}"
        elif segment[0] == "REF" and segment[1] == "0F":
            segment[2] = f"M{RUNNING}"
        written.append("*".join(segment) + "~\n")
    return Template("".join(written), len(written), unit.item_count, len(levels))


def varied_text(segments: tuple[tuple[str, ...], ...], random: Random) -> list[Segment]:
    """A provider or a head with other names and ids."""
    variation = _Variation(random)
    return [variation.varied(list(segment)) for segment in segments]


class _Variation:
    """Changes that hold together: equal values stay equal, amounts keep one factor, dates one distance."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._factor = random.randint(1, _MAX_FACTOR)
        self._back = timedelta(days=random.randint(0, _MAX_DAYS_BACK))
        self._replaced: dict[tuple[str, str], str] = {}

    def varied(self, segment: Segment) -> Segment:
        identifier = segment[0]
        for at in _AMOUNTS.get(identifier, ()):
            if at < len(segment) and segment[at]:
                segment[at] = self._amount(segment[at])
        if identifier in _DATES:
            qualifier, at = _DATES[identifier]
            if at < len(segment) and segment[qualifier] in {"D8", "RD8"}:
                segment[at] = "-".join(map(self._date, segment[at].split("-")))
        if identifier == "NM1":
            self._name(segment)
        elif identifier == "N3":
            segment[1] = f"{self._random.randint(1, 9999)} {self._random.choice(_STREETS)}"
        elif identifier == "N4" and len(segment) == 4 and segment[3].isdigit():
            city, state, code = self._random.choice(_CITIES)
            segment[1:4] = [city, state, code + ("0001" if len(segment[3]) == 9 else "")]
        elif identifier == "REF" and segment[1] in _VARIED_REFERENCES:
            segment[2] = self._same("id", segment[2], self._digits)
        return segment

    def _name(self, segment: Segment) -> None:
        if segment[2] == "1":
            for at, names in ((3, _FAMILY_NAMES), (4, _GIVEN_NAMES)):
                if at < len(segment) and segment[at]:
                    segment[at] = self._random.choice(names)
        if len(segment) > 9 and segment[8] == "XX":
            segment[9] = self._same("npi", segment[9], lambda _: self._provider_identifier())
        elif len(segment) > 9 and segment[8] in {"MI", "34"}:
            segment[9] = self._same("id", segment[9], self._digits)

    def _amount(self, value: str) -> str:
        whole = f"{Decimal(value) * self._factor:f}"
        return whole.rstrip("0").rstrip(".").removeprefix("0") or "0" if "." in whole else whole

    def _date(self, value: str) -> str:
        return (date(int(value[:4]), int(value[4:6]), int(value[6:8])) - self._back).strftime("%Y%m%d") + value[8:]

    def _digits(self, value: str) -> str:
        # 1 to 5: no form of a number that a rule looks at (social security, Medicare) forbids these.
        return re.sub(r"\d", lambda _: str(self._random.randint(1, 5)), value)

    def _provider_identifier(self) -> str:
        """NPI: Luhn with the prefix 80840, 45 CFR 162.406."""
        body = f"1{self._random.randrange(10**8):08d}"
        digits = [int(digit) for digit in reversed("80840" + body)]
        total = sum(sum(divmod(digit * 2, 10)) if at % 2 == 0 else digit for at, digit in enumerate(digits))
        return f"{body}{-total % 10}"

    def _same(self, kind: str, value: str, change: Callable[[str], str]) -> str:
        key = (kind, value)
        if key not in self._replaced:
            self._replaced[key] = change(value)
        return self._replaced[key]
