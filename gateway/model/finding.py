"""What was found in a message: the code that carries it, the place, the rule, and a sentence a person understands.

Never the value itself: a value may be PHI, and reprs and logs must be safe. A finding points to the bytes.
"""

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How much a finding weighs: only an error rejects."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class Carrier(StrEnum):
    """The acknowledgement element that reports a finding; 999 names stand for those of the 997 too."""

    TA105 = "TA105"
    AK905 = "AK905"
    IK304 = "IK304"
    IK403 = "IK403"
    IK502 = "IK502"
    ERR = "ERR"
    NONE = ""


@dataclass(frozen=True, slots=True)
class ByteRange:
    """Bytes `start` to `end` (exclusive) of the message as received."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the message; ordinals from 1, None where it does not apply.

    `position` counts segments in the set, ST = 1; where a segment is missing it is the one that revealed it.
    """

    interchange: int | None = None
    group: int | None = None
    set: int | None = None
    set_control: str | None = None
    item: int | None = None
    segment: str | None = None
    position: int | None = None
    loop: str | None = None
    element: int | None = None
    component: int | None = None
    repetition: int | None = None

    @property
    def element_reference(self) -> str | None:
        """`CLM05-3`, or None where the whole segment is meant."""
        if self.segment is None or self.element is None:
            return None
        component = f"-{self.component}" if self.component else ""
        return f"{self.segment}{self.element:02d}{component}"


@dataclass(frozen=True, slots=True)
class Trigger:
    """The value that made a situational rule apply; CTX of a 999 names it."""

    segment: str
    position: int
    element: int
    component: int


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding. `code` is a code of `carrier`; both are empty where only a rule speaks."""

    severity: Severity
    carrier: Carrier
    code: str
    snip: int | None
    place: Place
    message: str
    rule: str | None = None
    source: str | None = None
    data_element: str | None = None
    value: ByteRange | None = None
    trigger: Trigger | None = None

    @property
    def carried(self) -> str:
        """`IK403:7`, or an empty string."""
        return f"{self.carrier}:{self.code}" if self.carrier else ""
