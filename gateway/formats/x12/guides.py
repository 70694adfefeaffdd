"""Which guide a transaction set asks for, and the answer where there is none.

Owns the names of guides and the codes that report a missing one. Must not know where definitions come from.
"""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GuideName:
    """GS01, GS08 (equal to ST03) and ST01, for example `HC`, `005010X222A1`, `837`."""

    functional_group: str
    version: str
    transaction_set: str


@dataclass(frozen=True, slots=True)
class SetHeader:
    """What is known when a set begins. Element tuples have the segment id at index 0."""

    interchange_ordinal: int
    group_ordinal: int
    set_ordinal: int
    interchange: tuple[str, ...]
    group: tuple[str, ...]
    set: tuple[str, ...]

    @property
    def functional_group(self) -> str:
        """GS01."""
        return _element(self.group, 1)

    @property
    def version(self) -> str:
        """GS08."""
        return _element(self.group, 8)

    @property
    def transaction_set(self) -> str:
        """ST01."""
        return _element(self.set, 1)

    @property
    def implementation(self) -> str:
        """ST03, empty where absent."""
        return _element(self.set, 3)

    @property
    def guide(self) -> GuideName:
        """The guide that GS01, GS08 and ST01 name."""
        return GuideName(self.functional_group, self.version, self.transaction_set)


@dataclass(frozen=True, slots=True)
class GuideMissing:
    """Codes for a set that cannot be judged: IK502, and AK905 where the whole group shares the reason."""

    set_code: str
    group_code: str


def missing_guide(known: AbstractSet[GuideName], header: SetHeader) -> GuideMissing:
    """The codes for a set whose guide is not in `known`. Source: X12 data elements 618 and 716.

    | GS01 | GS08 under it | ST01 under both | AK905 | IK502 |
    |---|---|---|---|---|
    | unknown | | | 1 group not supported | 1 set not supported |
    | known | unknown | of that GS01 | 2 version not supported | I6 convention not supported |
    | known | unknown | not of that GS01 | 2 version not supported | 1 set not supported |
    | known | known | no | none | 18 set not in this functional group |
    """
    same_group = {name for name in known if name.functional_group == header.functional_group}
    if not same_group:
        return GuideMissing(set_code="1", group_code="1")
    if not any(name.version == header.version for name in same_group):
        same_set = any(name.transaction_set == header.transaction_set for name in same_group)
        return GuideMissing(set_code="I6" if same_set else "1", group_code="2")
    return GuideMissing(set_code="18", group_code="")


def _element(elements: tuple[str, ...], position: int) -> str:
    return elements[position].rstrip() if len(elements) > position else ""
