"""Logging: one event a line on standard error, an action and ids, never a payload.

Owns how events look. Must not know who logs. What is no plain word, number or id is shown as its type, and exception
texts are dropped, so that a mistake in one call does not put a patient into a log.
"""

import logging
import sys
from collections.abc import MutableMapping
from datetime import date, datetime, timedelta
from enum import Enum
from pathlib import PurePath
from typing import Any
from uuid import UUID

import structlog

# An id, a path or a reason is shorter; what is longer is content.
VALUE_LENGTH_MAXIMUM = 300
# They speak only when something is wrong; at DEBUG some of them quote what they read.
QUIETED_LIBRARIES = ("aiohttp", "asyncio", "alembic", "sqlalchemy", "pyx12")


def configure_logs(*, json_lines: bool, level: int = logging.INFO) -> None:
    """Send structlog and the standard library's logging through the same processors."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        without_payload,
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if json_lines
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=28)
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for library in QUIETED_LIBRARIES:
        logging.getLogger(library).setLevel(max(level, logging.WARNING))


def without_payload(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Keep words, numbers, times and ids; replace all else by its type."""
    trace = event.pop("exc_info", None)
    if trace:
        error = sys.exc_info()[1] if trace is True else trace[1] if isinstance(trace, tuple) else trace
        event["error"] = type(error).__name__
    event.pop("stack_info", None)
    for name, value in event.items():
        if not name.startswith("_"):
            event[name] = _plain(value)
    return event


def _plain(value: object) -> object:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, str):
        return value if len(value) <= VALUE_LENGTH_MAXIMUM else f"{value[:40]}... ({len(value)} characters)"
    if isinstance(value, UUID | datetime | date | timedelta | PurePath):
        return str(value)
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(one) for one in list(value)[:20]]
    return f"<{type(value).__name__}>"
