"""`gateway check --format json`: every line is what scripts are promised, for every file of the corpus."""

import json
from collections.abc import Callable
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import typer

from gateway.cli.check import OutputFormat, check

# Fixed: others script against it. Equal in content to the project's schema of findings.
FINDING: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["snip", "severity", "code", "message"],
    "properties": {
        "snip": {"type": ["integer", "null"], "minimum": 1, "maximum": 7},
        "severity": {"enum": ["error", "warning", "info"]},
        "code": {"type": "string", "pattern": "^$|^(TA105|AK905|IK304|IK403|IK502|ERR):[A-Za-z0-9]+$"},
        "interchange": {"type": ["integer", "null"], "minimum": 1},
        "set": {"type": ["string", "null"]},
        "segment": {"type": ["string", "null"]},
        "position": {"type": ["integer", "null"], "minimum": 1},
        "loop": {"type": ["string", "null"]},
        "element": {"type": ["string", "null"], "pattern": "^[A-Z][A-Z0-9]{1,2}[0-9]{2}(-[0-9]+)?$"},
        "rule": {"type": ["string", "null"]},
        "source": {"type": ["string", "null"]},
        "message": {"type": "string", "minLength": 1},
        "value": {"type": ["string", "null"]},
    },
}
LINE: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "additionalProperties": False,
    "required": ["file", "kind", "verdict", "findings"],
    "properties": {
        "file": {"type": "string"},
        "kind": {"type": "string", "minLength": 1},
        "verdict": {"enum": ["accepted", "partial", "rejected", "unreadable"]},
        "findings": {"type": "array", "items": FINDING},
    },
}
EXIT_CODES = {"accepted": 0, "partial": 1, "rejected": 1, "unreadable": 2}


@pytest.fixture(scope="module")
def run() -> Callable[[Path], tuple[int, dict[str, Any]]]:
    """The command in this process: its exit code and its one line."""

    def of(file: Path) -> tuple[int, dict[str, Any]]:
        with redirect_stdout(StringIO()) as written, pytest.raises(typer.Exit) as ended:
            check([str(file)], OutputFormat.JSON)
        [line] = written.getvalue().splitlines()
        return ended.value.exit_code, json.loads(line)

    return of


@pytest.mark.corpus("x12/*/*/*")
def test_line(corpus_file: Path, run: Callable[[Path], tuple[int, dict[str, Any]]]) -> None:
    """One object a line, verdict and exit code agree, values are masked, a sentence for each finding."""
    code, line = run(corpus_file)

    jsonschema.validate(line, LINE)
    assert code == EXIT_CODES[line["verdict"]]
    assert line["file"] == str(corpus_file)
    for finding in line["findings"]:
        assert finding["message"].endswith(".")
        value = finding["value"] or ""
        assert not any(mark.isalnum() and mark not in "X9" for mark in value)


@pytest.mark.corpus("x12/837P/*/*")
def test_kind_of_claims(corpus_file: Path, run: Callable[[Path], tuple[int, dict[str, Any]]]) -> None:
    """People say 837P, not 837."""
    _, line = run(corpus_file)

    assert line["kind"] == "837P"
