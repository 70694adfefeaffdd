"""Logs carry an action and ids; content and exception texts never get there."""

import json
import logging
from collections.abc import Iterator
from uuid import UUID

import pytest
import structlog

from gateway.cli.logs import configure_logs


@pytest.fixture(autouse=True)
def logs_as_they_were() -> Iterator[None]:
    """Logging is global: what a test configures ends with it."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def logged(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    """The events that went to standard error."""
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_an_event_has_its_ids(capsys: pytest.CaptureFixture[str]) -> None:
    """Words, numbers and ids pass."""
    configure_logs(json_lines=True)

    structlog.get_logger("x").info("exchange.accepted", instance=UUID(int=7), size_bytes=12)

    [event] = logged(capsys)
    assert event["event"] == "exchange.accepted"
    assert event["instance"] == "00000000-0000-0000-0000-000000000007"
    assert event["size_bytes"] == 12


def test_content_becomes_its_type(capsys: pytest.CaptureFixture[str]) -> None:
    """A mistaken call shows no bytes, no object and no long text."""
    configure_logs(json_lines=True)

    structlog.get_logger("x").info("mistake", body=b"SECRET", thing={"name": "SECRET"}, text="x" * 400 + "SECRET")

    [event] = logged(capsys)
    assert "SECRET" not in json.dumps(event)
    assert event["body"] == "<bytes>"


@pytest.mark.parametrize("name", ["structlog", "library"])
def test_an_exception_is_named_not_quoted(capsys: pytest.CaptureFixture[str], name: str) -> None:
    """Neither ours nor a library's traceback reaches the log."""
    configure_logs(json_lines=True)
    try:
        raise ValueError("SECRET")
    except ValueError:
        if name == "structlog":
            structlog.get_logger("x").exception("fault")
        else:
            logging.getLogger("library").exception("fault")

    [event] = logged(capsys)
    assert event["error"] == "ValueError"
    assert "SECRET" not in json.dumps(event)
    assert "Traceback" not in json.dumps(event)
