"""The guides of the package as the judge asks for them, for commands that need no server.

Owns the way from the headers of a set to its program. Must not know agreements: anybody's file is judged.
"""

from dataclasses import dataclass, replace
from functools import cache

from gateway.definitions import programs
from gateway.formats.x12.guides import GuideMissing, GuideName, SetHeader, missing_guide
from gateway.formats.x12.judge import NoGuide, SetChoice, UseProgram
from gateway.formats.x12.programs import PROGRAMS, Program

# What documents are named by where no server gave the message an instance.
NO_INSTANCE = "0"


@cache
def installed() -> frozenset[GuideName]:
    """The names of all guides of the package."""
    return frozenset(
        GuideName(entry.functional_group, entry.version, entry.transaction_set) for entry in programs.catalogue()
    )


@cache
def _use(version: str, transaction_set: str, *, mapped: bool) -> UseProgram | None:
    """Everything but the names of documents, once for all sets of a file."""
    found = programs.program(version, transaction_set, mapped=mapped)
    if found is None:
        return None
    program = PROGRAMS.get(found.tables)
    return UseProgram(
        program=program,
        rules={rule.id: rule for rule in found.rules},
        source_attributes=f'instance="{NO_INSTANCE}" definitions="{program.digest.hex()}"',
    )


@dataclass(frozen=True, slots=True)
class InstalledGuides:
    """Chooses by GS01, GS08 and ST01. `forced` is a version that stands for what GS08 says."""

    mapped: bool
    forced: str | None = None

    def choose(self, header: SetHeader) -> SetChoice:
        """The program of a set that begins."""
        version = self.forced or header.version
        name = GuideName(header.functional_group, version, header.transaction_set)
        if self.forced is None and name not in installed():
            return NoGuide(missing_guide(installed(), header))
        found = _use(version, header.transaction_set, mapped=self.mapped)
        if found is None:
            return NoGuide(GuideMissing(set_code="I6", group_code=""))
        place = f"{header.interchange_ordinal}.{header.group_ordinal}.{header.set_ordinal}"
        return replace(found, document_prefix=f"{NO_INSTANCE}.{place}.")

    def program(self, name: GuideName) -> Program | None:
        """The program of a guide by name, for the way back."""
        found = _use(name.version, name.transaction_set, mapped=self.mapped)
        return None if found is None else found.program
