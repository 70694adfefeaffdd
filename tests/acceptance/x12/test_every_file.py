"""Every X12 file of the corpus gets an answer, and every answer is itself clean."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.formats.x12.acknowledge import AckPolicy, FunctionalAckMode
from gateway.formats.x12.acknowledge_interchange import InterchangeAckMode, carries_only_acknowledgements
from gateway.formats.x12.peek import peek
from gateway.formats.x12.verdict import rejects_interchange

Judge = Callable[..., Any]
ReadAnswer = Callable[[str], Any]


@pytest.mark.corpus("x12/*/*/*", "x12/ack-pairs/*.in.x12")
def test_every_set_is_answered(corpus_file: Path, judge: Judge, read_answer: ReadAnswer) -> None:
    """Whatever the file: a judgement, and every set of a group that is acknowledged stands in the answer."""
    content = corpus_file.read_bytes()

    answered = judge(content)

    if peek(content) is None:
        assert answered.judged.findings
        return
    wanted: list[str] = []
    for interchange in answered.judged.interchanges:
        if not rejects_interchange(interchange.findings, interchange.refusal):
            groups = [group for group in interchange.groups if group.header[1] != "FA"]
            wanted += [of_set.control_number.strip() for group in groups for of_set in group.sets]
    # Shorter control numbers get leading zeros, longer ones lose their end.
    assert [one.control for one in read_answer(answered.text).sets] == [number[:9].rjust(4, "0") for number in wanted]


@pytest.mark.corpus("x12/*/*/*", "x12/ack-pairs/*.in.x12")
@pytest.mark.parametrize("mode", [FunctionalAckMode.BY_VERSION, FunctionalAckMode.FUNCTIONAL])
def test_our_answers_are_clean(corpus_file: Path, mode: FunctionalAckMode, judge: Judge) -> None:
    """Every TA1, 999 and 997 that we write is accepted by the guide of the 999 or 997."""
    policy = AckPolicy(functional=mode, functional_version="004010", interchange=InterchangeAckMode.ALWAYS)
    answered = judge(corpus_file.read_bytes(), policy)

    for written in answered.acknowledgements:
        ours = judge(written.content)
        assert ours.error_codes == set(), written.content.decode("latin-1")
        assert ours.acknowledgements == ()
        assert all(carries_only_acknowledgements(interchange) for interchange in ours.judged.interchanges)


@pytest.mark.corpus("x12/837P/*/*", "x12/834/*/*")
@pytest.mark.parametrize("size", [1, 61])
def test_any_chunking(corpus_file: Path, size: int, judge: Judge) -> None:
    """The same judgement, however the bytes arrive."""
    from gateway.cli.guides import InstalledGuides
    from gateway.formats.x12.judge import X12Judge

    content = corpus_file.read_bytes()
    judging = X12Judge(InstalledGuides(mapped=False).choose, today="20260304")

    for place in range(0, len(content), size):
        judging.feed(content[place : place + size])

    assert judging.finish() == judge(content).judged
