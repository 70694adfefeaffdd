"""Judging and answering files with the package's own definitions, and reading acknowledgements for comparison."""

import io
import logging
import tomllib
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.cli.guides import InstalledGuides
from gateway.formats.x12.acknowledge import Acknowledgement, AckPolicy, ControlNumbers, acknowledge
from gateway.formats.x12.judge import X12Judge
from gateway.model.finding import ByteRange, Finding, Severity
from gateway.model.judgement import FileJudged

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


@dataclass(frozen=True)
class Answered:
    """What we say of one file, and what we send back."""

    judged: FileJudged
    acknowledgements: tuple[Acknowledgement, ...]

    @property
    def findings(self) -> Iterator[Finding]:
        """Every finding of the file."""
        yield from self.judged.findings
        for interchange in self.judged.interchanges:
            yield from interchange.findings
            for group in interchange.groups:
                yield from group.findings
                for of_set in group.sets:
                    yield from of_set.findings

    @property
    def error_codes(self) -> set[str]:
        """`IK403:7` of every error; the rule where no code carries it."""
        return {
            finding.carried or finding.rule or finding.message
            for finding in self.findings
            if finding.severity is Severity.ERROR
        }

    @property
    def text(self) -> str:
        """All acknowledgements together."""
        return "".join(written.content.decode("latin-1") for written in self.acknowledgements)


@dataclass
class SetAnswer:
    """One set in an acknowledgement; 997 and 999 are written alike: `3 CLM*22**8`, `4 5:3*1331*7`, no copies."""

    control: str
    verdict: str = ""
    notes: list[str] = field(default_factory=list)


@dataclass
class Answer:
    """What acknowledgements say: sets, groups (AK9) and TA104*TA105."""

    sets: list[SetAnswer] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    interchanges: list[str] = field(default_factory=list)


@pytest.fixture(scope="session")
def judge() -> Callable[[bytes], Answered]:
    """Judge bytes and answer them as the gateway does by default."""
    guides = InstalledGuides(mapped=False)

    def run(content: bytes, policy: AckPolicy | None = None) -> Answered:
        judging = X12Judge(guides.choose, today="20260304")
        judging.feed(content)
        judged = judging.finish()

        def read(wanted: ByteRange) -> bytes:
            return content[wanted.start : wanted.end]

        written: list[Acknowledgement] = []
        numbers = ControlNumbers(1)
        for interchange in judged.interchanges:
            written += acknowledge(interchange, policy or AckPolicy(), numbers.after(written), NOW, read)
        return Answered(judged, tuple(written))

    return run


@pytest.fixture(scope="session")
def read_answer() -> Callable[[str], Answer]:
    """Acknowledgements, ours or another's, for comparison."""
    return _read_answer


def _read_answer(text: str) -> Answer:
    """Segments are split by what ISA declares; every interchange in the text is read."""
    answer = Answer()
    separator, terminator = text[3:4] or "*", text[105:106] or "~"
    component = text[104:105]
    for segment in text.split(terminator):
        elements = [
            element.replace(component, ":") if component else element for element in segment.strip().split(separator)
        ]
        match elements[0]:
            case "AK2":
                answer.sets.append(SetAnswer(control=elements[2]))
            case "IK3" | "AK3":
                answer.sets[-1].notes.append("3 " + "*".join(elements[1:]))
            case "IK4" | "AK4":
                # Copies of bad data differ in what they leave out.
                answer.sets[-1].notes.append("4 " + "*".join(elements[1:4]))
            case "IK5" | "AK5":
                answer.sets[-1].verdict = "*".join(elements[1:])
            case "AK9":
                answer.groups.append("*".join(elements[1:]))
            case "TA1":
                answer.interchanges.append("*".join(elements[4:6]))
    return answer


@dataclass(frozen=True)
class OracleAnswer:
    """What pyx12 says; `crash` is the kind of exception where it says nothing."""

    crash: str
    answer: Answer


@pytest.fixture(scope="session")
def oracle() -> Callable[[bytes], OracleAnswer]:
    """Validation by pyx12, the peer whose maps we load."""
    import pyx12.params
    import pyx12.x12n_document

    parameters = pyx12.params.params()

    def run(content: bytes) -> OracleAnswer:
        written = io.StringIO()
        logging.disable(logging.CRITICAL)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                source = io.StringIO(content.decode("latin-1"))
                pyx12.x12n_document.x12n_document(parameters, source, written, None)
        except Exception as error:  # noqa: BLE001 - whatever a peer dies of is its answer
            return OracleAnswer(type(error).__name__, Answer())
        finally:
            logging.disable(logging.NOTSET)
        return OracleAnswer("", _read_answer(written.getvalue()))

    return run


@pytest.fixture(scope="session")
def table() -> Callable[[str], dict[str, Any]]:
    """A table of this folder."""

    def load(name: str) -> dict[str, Any]:
        return tomllib.loads((Path(__file__).parent / name).read_text(encoding="utf-8"))

    return load
