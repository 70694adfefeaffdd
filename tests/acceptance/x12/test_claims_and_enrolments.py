"""Valid 837P and 834 are accepted, invalid ones rejected with the right codes; exceptions are listed with a reason."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.model.judgement import Outcome

Judge = Callable[..., Any]
Table = Callable[[str], dict[str, Any]]

# Share of the files called valid that we may reject although the guide does not.
MAX_EXCEPTIONS = 0.03


@pytest.mark.corpus("x12/837P/valid/*", "x12/834/valid/*")
def test_valid_is_accepted(corpus_file: Path, judge: Judge, table: Table) -> None:
    """Accepted, unless the table says by which rule of the guide it is not valid; then exactly those codes."""
    mislabelled = table("corpus.toml")["mislabelled"]
    name = f"{corpus_file.parts[-3]}/{corpus_file.name}"

    answered = judge(corpus_file.read_bytes())

    expected = mislabelled.get(name)
    assert answered.error_codes == (set(expected["codes"]) if expected else set())
    outcomes = {interchange.outcome for interchange in answered.judged.interchanges}
    assert (outcomes == {Outcome.ACCEPTED}) is (expected is None)


def test_exceptions_are_few(table: Table) -> None:
    """Those that the guide would accept and we do not."""
    listed = table("corpus.toml")["mislabelled"]

    ours = [name for name, entry in listed.items() if entry["ours"]]
    assert all(entry["reason"] for entry in listed.values())
    assert len(ours) <= MAX_EXCEPTIONS * len(listed) + 1


@pytest.mark.corpus("x12/837P/invalid/*", "x12/834/invalid/*")
def test_invalid_is_rejected(corpus_file: Path, judge: Judge, table: Table) -> None:
    """Rejected with the codes that the table lists."""
    name = f"{corpus_file.parts[-3]}/{corpus_file.name}"

    answered = judge(corpus_file.read_bytes())

    assert sorted(answered.error_codes) == sorted(table("corpus.toml")["invalid"][name])
    assert {interchange.outcome for interchange in answered.judged.interchanges} == {Outcome.REJECTED}
