"""Valid 837P and 834 are accepted, invalid ones rejected with the right codes; exceptions are listed with a reason."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.model.judgement import Outcome

Judge = Callable[..., Any]
Oracle = Callable[[bytes], Any]
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


def test_exceptions_are_few(corpus: Path, table: Table) -> None:
    """Those that the guide would accept and we do not."""
    valid = [*corpus.glob("x12/837P/valid/*"), *corpus.glob("x12/834/valid/*")]

    ours = [name for name, entry in table("corpus.toml")["mislabelled"].items() if entry["ours"]]
    assert len(ours) <= MAX_EXCEPTIONS * len(valid)


def test_pyx12_does_not_accept_them_either(corpus: Path, oracle: Oracle, table: Table) -> None:
    """What we call mislabelled is rejected by the other validator, or it has no map for it."""
    for name, entry in table("corpus.toml")["mislabelled"].items():
        kind, _, file = name.partition("/")
        content = (corpus / "x12" / kind / "valid" / file).read_bytes()

        # The later errata under the number that pyx12 has a map for.
        theirs = oracle(content.replace(b"005010X222A2", b"005010X222A1"))

        assert entry["reason"]
        rejected = any(one.verdict.startswith("R") for one in theirs.answer.sets)
        assert rejected or theirs.crash or not theirs.answer.sets, name


@pytest.mark.corpus("x12/837P/invalid/*", "x12/834/invalid/*")
def test_invalid_is_rejected(corpus_file: Path, judge: Judge, table: Table) -> None:
    """Rejected with the codes that the table lists."""
    name = f"{corpus_file.parts[-3]}/{corpus_file.name}"

    answered = judge(corpus_file.read_bytes())

    assert sorted(answered.error_codes) == sorted(table("corpus.toml")["invalid"][name])
    assert {interchange.outcome for interchange in answered.judged.interchanges} == {Outcome.REJECTED}
