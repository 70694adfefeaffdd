"""What a child process costs, and a row of the results.

Owns CPU seconds, peak memory, slopes and how a row says whether its bar is met. Must not know what is measured.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

MEGA = 1_000_000
# Where generated files and scratch stand: not /tmp, which may be memory.
WORK = Path(__file__).parent / ".work"
RUNNER = Path(__file__).parent / "child_runner.py"


# An installed product finds its bytecode, whatever the shell of a developer says about writing it.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"} | {
    "PYTHONPYCACHEPREFIX": str(WORK / "bytecode")
}


class ChildFailedError(Exception):
    """A child ended badly; the text is the end of its standard error."""


class UnfitError(Exception):
    """What was measured is not what the row claims, so that there is no figure."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Of one child and all that it waited for. CPU is user + system."""

    cpu_s: float
    wall_s: float
    peak_bytes: int
    output: str


def run_child(command: Sequence[str]) -> Usage:
    """Run to the end, with the environment of an installed product. Raises ChildFailedError."""
    with tempfile.TemporaryDirectory(prefix="gateway-bench-") as folder:
        report = Path(folder) / "report"
        through = [sys.executable, "-I", "-S", str(RUNNER), str(report), *command]
        done = subprocess.run(through, capture_output=True, env=ENVIRONMENT, check=False)
        output, complaints = (text.decode(errors="replace") for text in (done.stdout, done.stderr))
        if done.returncode:
            last = complaints[-600:] or output[-600:]
            raise ChildFailedError(f"{' '.join(command[:3])} ended with {done.returncode}: {last}")
        cost = json.loads(report.read_text())
    return Usage(cost["cpu_s"], cost["wall_s"], cost["peak_bytes"], output)


def slope(small_s: float, small_bytes: int, large_s: float, large_bytes: int) -> float:
    """MB per CPU second between two sizes: what starting costs falls out."""
    return (large_bytes - small_bytes) / MEGA / max(large_s - small_s, 1e-9)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the results. `value`, `bar` and `stretch` are in `unit`; the bar is None for a peer.

    `is_least`: the bar is a least value (a share), not a most (seconds, bytes). `detail` stands behind.
    """

    what: str
    value: float
    unit: str
    bar: float | None = None
    stretch: float | None = None
    is_least: bool = True
    detail: str = ""

    @property
    def verdict(self) -> str:
        """Met, met with its stretch, or by how much it is missed, of the bar."""
        if self.bar is None:
            return ""
        if self._reaches(self.bar):
            return "met, stretch too" if self.stretch is not None and self._reaches(self.stretch) else "met"
        return f"missed by {abs(self.value - self.bar) / self.bar:.0%}"

    @property
    def measured(self) -> str:
        """Value and unit."""
        return f"{_number(self.value)} {self.unit}"

    @property
    def aim(self) -> str:
        """Bar and stretch."""
        if self.bar is None:
            return ""
        stretch = "" if self.stretch is None else f" ({_number(self.stretch)})"
        return f"{'>=' if self.is_least else '<='} {_number(self.bar)}{stretch} {self.unit}"

    def _reaches(self, aim: float) -> bool:
        return self.value >= aim if self.is_least else self.value <= aim


@dataclass(frozen=True, slots=True)
class Skipped:
    """A row that could not be measured, and why."""

    what: str
    reason: str


def median(values: Sequence[float]) -> float:
    """Of rounds: other work on the machine makes outliers."""
    return statistics.median(values)


def spread(values: Sequence[float]) -> str:
    """Least and most of the rounds."""
    return f"{_number(min(values))}..{_number(max(values))}"


def _number(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
