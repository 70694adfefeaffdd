"""generate(map(x)) equals x up to the documented normalisation, over every valid file that has a mapping."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.cli.guides import InstalledGuides
from gateway.formats.x12.documents import NAMESPACE
from gateway.formats.x12.generate import Generation, generate
from gateway.formats.x12.judge import X12Judge
from gateway.formats.x12.segments import delimiters_of
from gateway.model.judgement import Outcome

Judge = Callable[..., Any]


class Spool:
    """Keeps the documents."""

    def __init__(self) -> None:
        self.content = bytearray()

    def write(self, data: bytes, /) -> int:
        """Append."""
        begin = len(self.content)
        self.content += data
        return begin


def normalised(content: bytes) -> list[str]:
    """Segments with the usual delimiters; without line ends, trailing blanks of ISA and empty elements at the end."""
    text = content.decode("latin-1").removeprefix("\xef\xbb\xbf").lstrip()
    found = delimiters_of(text[:200].encode("latin-1"))
    assert found is not None
    segments: list[str] = []
    for raw in text.split(found.segment):
        segment = raw.strip("\r\n ")
        if not segment:
            continue
        elements = segment.split(found.element)
        if elements[0] == "ISA":
            elements = [element.strip() for element in elements]
            elements[11], elements[16] = "^", ":"
        else:
            elements = [
                ":".join(element.rstrip(found.component).split(found.component)).replace(found.repetition or "^", "^")
                for element in elements
            ]
        while not elements[-1]:
            elements.pop()
        segments.append("*".join(elements))
    return segments


@pytest.mark.corpus("x12/837P/valid/*", "x12/834/valid/*")
def test_there_and_back(corpus_file: Path) -> None:
    """The documents of an accepted file make the same interchange again."""
    content = corpus_file.read_bytes()
    guides = InstalledGuides(mapped=True)
    spool = Spool()
    judging = X12Judge(guides.choose, spool, today="20260304")
    judging.feed(content)
    judged = judging.finish()
    if {interchange.outcome for interchange in judged.interchanges} != {Outcome.ACCEPTED} or not spool.content:
        pytest.skip("not accepted, or the guide has no mapping")
    generation = Generation()

    text = f'<documents xmlns="{NAMESPACE}">'.encode() + bytes(spool.content) + b"</documents>"
    again = b"".join(generate([text], guides.program, generation))

    assert generation.unwritten == []
    assert normalised(again) == normalised(content)
