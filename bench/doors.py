"""Rows that other benches of this folder print: acceptance by the pipeline alone and over HTTPS.

Owns reading their tables. Must not know how they measure.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from measure import ChildFailedError, Row, Skipped, run_child

HERE = Path(__file__).parent
_NUMBER = r"\s+([\d.]+)"


def rows(*, in_process: bool) -> Iterator[Row | Skipped]:
    """Durable acceptance over HTTPS; `in_process`: by the pipeline alone too."""
    try:
        yield from _front_door(run_child([sys.executable, str(HERE / "front_door.py")]).output)
    except (ChildFailedError, ValueError) as reason:
        yield Skipped("durable acceptance over HTTPS", str(reason))
    if not in_process:
        return
    try:
        yield from _acceptance(run_child([sys.executable, str(HERE / "acceptance.py")]).output)
    except (ChildFailedError, ValueError) as reason:
        yield Skipped("durable acceptance by the pipeline alone", str(reason))


def _front_door(output: str) -> Iterator[Row]:
    # messages/s, CPU us/message, p50 ms, p99 ms, syncs/message
    rate, cpu_us, half_ms, most_ms, syncs = _numbers(r"^\s*2\.0 ms" + _NUMBER * 5, output)
    bare = re.search(r"^bare HTTP library" + _NUMBER, output, re.MULTILINE)
    detail = "2 KB, 64 senders, keep-alive, 2 ms added to each sync"
    limit = f"; the HTTP library alone {bare[1]} us" if bare else ""
    what = "durable acceptance over HTTPS"
    yield Row(f"{what}: CPU", cpu_us, "us a message", 200, 130, is_least=False, detail=detail + limit)
    yield Row(f"{what}: p99", most_ms, "ms", 60, is_least=False, detail=f"p50 {half_ms} ms at {rate:.0f}/s")
    yield Row(f"{what}: syncs", syncs, "a message", 0.2, is_least=False, detail=detail)


def _acceptance(output: str) -> Iterator[Row]:
    for what in ("archive alone", "archive + ledger"):
        found = _numbers(rf"^{re.escape(what)}\s+2\.0 ms" + _NUMBER * 5, output)
        rate, cpu_us, _half_ms, most_ms, syncs = found
        detail = f"{rate:.0f}/s, p99 {most_ms} ms, {syncs} syncs a message; no HTTPS, no judging"
        yield Row(f"durable acceptance in the process, {what}", cpu_us, "us a message", is_least=False, detail=detail)


def _numbers(pattern: str, output: str) -> tuple[float, ...]:
    found = re.search(pattern, output, re.MULTILINE)
    if found is None:
        raise ValueError(f"its table is not as expected: {output[-300:]}")
    return tuple(map(float, found.groups()))
