"""Inputs with the acknowledgement that their source expects; each difference is pinned, with its reason."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Judge = Callable[..., Any]
ReadAnswer = Callable[[str], Any]
Table = Callable[[str], dict[str, Any]]


@pytest.mark.corpus("x12/ack-pairs/*.in.x12")
def test_answered_as_expected(corpus_file: Path, judge: Judge, read_answer: ReadAnswer, table: Table) -> None:
    """TA1, set and group verdicts and every note, as in the source's own answer or in the table of differences."""
    case = corpus_file.name.removesuffix(".in.x12")
    difference = table("ack-pairs.toml").get(case, {})
    expected_file = next(iter(corpus_file.parent.glob(f"{case}.expected.*")), None)
    expected = read_answer(expected_file.read_text(encoding="latin-1")) if expected_file else None

    ours = read_answer(judge(corpus_file.read_bytes()).text)

    lines = answer_lines(ours)
    if difference:
        assert difference["reason"]
        assert lines == difference["answer"]
        assert expected is None or lines != answer_lines(expected), "no difference any more: take it off the table"
    else:
        assert expected is not None, "a case without an expected answer belongs into the table"
        assert lines == answer_lines(expected)


def answer_lines(answer: Any) -> list[str]:
    """All of an answer as short lines."""
    return [
        *(f"TA1 {one}" for one in answer.interchanges),
        *(line for one in answer.sets for line in (*one.notes, f"5 {one.control} {one.verdict}")),
        *(f"9 {one}" for one in answer.groups),
    ]
