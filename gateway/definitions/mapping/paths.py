"""The grammar of paths: `2000B/2300`, `REF[F8]02 code:reference`, `HI[01-1=ABK|BK]/01..12`, `-2`.

Owns the text form alone: what a path means in a guide is for `units`. `docs/mapping-language.md` is for users.
"""

import re
from dataclasses import dataclass


class PathError(ValueError):
    """A text that is no path; says which part and what was expected."""


@dataclass(frozen=True, slots=True)
class Condition:
    """`[08=XX]`: element and component from 1; element 0 is the current composite (`[-2=RET]`)."""

    element: int
    component: int
    any_of: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ElementStep:
    """`02`, `05-3`: component 0 where none is written."""

    element: int
    component: int


@dataclass(frozen=True, slots=True)
class OffsetStep:
    """`+1`, `+1-2`: counted from the first element of a group, from 0."""

    offset: int
    component: int


@dataclass(frozen=True, slots=True)
class ComponentStep:
    """`-2`: of the current composite."""

    component: int


@dataclass(frozen=True, slots=True)
class RangeStep:
    """`01..12` (step 0), `02..19+3`."""

    first: int
    last: int
    step: int


@dataclass(frozen=True, slots=True)
class RepetitionStep:
    """`05*`."""

    element: int


Place = ElementStep | OffsetStep | ComponentStep | RangeStep | RepetitionStep


@dataclass(frozen=True, slots=True)
class Codec:
    """`date`, `time`, `period:02`, `code:table`; an empty kind is the text as it is."""

    kind: str = ""
    argument: str = ""


@dataclass(frozen=True, slots=True)
class Path:
    """Loops, then a segment with conditions, then a place in it; each part may be missing."""

    text: str
    loops: tuple[str, ...]
    segment: str
    conditions: tuple[Condition, ...]
    place: Place | None
    codec: Codec


_LOOP = re.compile(r"[0-9][0-9A-Z]{3,}|[A-Z][A-Z_]{3,}")
_SEGMENT = re.compile(r"(?P<id>[A-Z][A-Z0-9]{1,2})(?P<conditions>\[[^\]]*\])?(?P<place>[0-9]{2}.*)?")
_INSIDE = re.compile(r"(?P<conditions>\[[^\]]*\])?(?P<place>[-+0-9].*)")
_STEP = re.compile(r"(?:\[[^\]]*\]|[^/\[])+")
_CONDITION = re.compile(r"(?:(?:(?P<element>\d\d)(?:-(?P<component>\d+))?|-(?P<own>\d+))=)?(?P<values>[^=\s]+)")
_PLACES = (
    re.compile(r"(?P<element>\d\d)(?:-(?P<component>[1-9]\d*))?"),
    re.compile(r"\+(?P<offset>\d+)(?:-(?P<component>[1-9]\d*))?"),
    re.compile(r"-(?P<component>[1-9]\d*)"),
    re.compile(r"(?P<first>\d\d)\.\.(?P<last>\d\d)(?:\+(?P<step>[1-9]\d*))?"),
    re.compile(r"(?P<element>\d\d)\*"),
)
_CODECS = {"date": False, "time": False, "period": True, "code": True}


def parse_path(text: str) -> Path:
    """Raises PathError."""
    route, *codecs = text.split() or [""]
    if not route:
        raise PathError("is empty")
    if len(codecs) > 1:
        raise PathError(f'"{text}": more than one codec')
    codec = _codec(codecs[0]) if codecs else Codec()
    loops: list[str] = []
    segment, place = "", None
    conditions: tuple[Condition, ...] = ()
    steps = _STEP.findall(route)
    if "/".join(steps) != route:
        raise PathError(f'"{text}": an empty step')
    for step in steps:
        if place is not None:
            raise PathError(f'"{text}": nothing may follow "{place_text(place)}"')
        if not segment and _LOOP.fullmatch(step):
            loops.append(step)
        elif (match := _INSIDE.fullmatch(step)) is not None:
            if match["conditions"] and segment:
                raise PathError(f'"{text}": conditions stand behind the segment id')
            conditions = _conditions(text, match["conditions"]) or conditions
            place = _place(text, match["place"])
        elif not segment and (match := _SEGMENT.fullmatch(step)) is not None:
            segment = match["id"]
            conditions = _conditions(text, match["conditions"])
            place = _place(text, match["place"]) if match["place"] else None
        else:
            raise PathError(f'"{text}": "{step}" is no loop, segment or position here')
    if loops and not segment and place is not None:
        raise PathError(f'"{text}": a position needs a segment')
    return Path(text, tuple(loops), segment, conditions, place, codec)


def _codec(text: str) -> Codec:
    kind, colon, argument = text.partition(":")
    if _CODECS.get(kind) is not (colon == ":") or (colon and not argument):
        raise PathError(f'"{text}" is no codec: date, time, period:NN, code:TABLE')
    if kind == "period" and not re.fullmatch(r"\d\d", argument):
        raise PathError(f'"{text}": period needs the element of its qualifier, for example period:02')
    return Codec(kind, argument)


def _conditions(text: str, brackets: str | None) -> tuple[Condition, ...]:
    if not brackets:
        return ()
    found: list[Condition] = []
    for part in brackets[1:-1].split(","):
        match = _CONDITION.fullmatch(part.strip())
        if match is None:
            raise PathError(f'"{text}": "{part}" is no condition like F8, 08=XX or 01-1=ABK|BK')
        if match["own"]:
            element, component = 0, int(match["own"])
        else:
            element, component = int(match["element"] or 1), int(match["component"] or 1)
        found.append(Condition(element, component, tuple(match["values"].split("|"))))
    return tuple(found)


def _place(text: str, written: str) -> Place:
    for pattern in _PLACES:
        match = pattern.fullmatch(written)
        if match is None:
            continue
        number = {name: int(value) if value else 0 for name, value in match.groupdict().items()}
        place = _made(number, is_repetition=written.endswith("*"))
        if isinstance(place, ElementStep | RepetitionStep) and place.element == 0:
            break
        if isinstance(place, RangeStep) and not 0 < place.first < place.last:
            break
        return place
    raise PathError(f'"{text}": "{written}" is no position like 02, 05-3, 05*, 01..12, 02..19+3, +1 or -2')


def _made(number: dict[str, int], *, is_repetition: bool) -> Place:
    if is_repetition:
        return RepetitionStep(number["element"])
    if "first" in number:
        return RangeStep(number["first"], number["last"], number["step"])
    if "offset" in number:
        return OffsetStep(number["offset"], number["component"] or 1)
    if "element" in number:
        return ElementStep(number["element"], number["component"])
    return ComponentStep(number["component"])


def place_text(place: Place) -> str:
    """The place as people write it."""
    match place:
        case ElementStep(element, component):
            return f"{element:02d}-{component}" if component else f"{element:02d}"
        case OffsetStep(offset, component):
            return f"+{offset}-{component}" if component > 1 else f"+{offset}"
        case ComponentStep(component):
            return f"-{component}"
        case RangeStep(first, last, step):
            return f"{first:02d}..{last:02d}+{step}" if step else f"{first:02d}..{last:02d}"
        case RepetitionStep(element):
            return f"{element:02d}*"
