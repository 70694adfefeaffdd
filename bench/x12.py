"""The X12 rows of the bars: 837P and 834 judged, acknowledged and mapped, beside the bare tokenizer.

Owns which files and rounds, and how a figure becomes a row. A share is of the bare tokenizer measured in the same
round, on the same file: other work on the machine slows both. Peers are in `peers`.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from generate import KINDS, Generator, Written
from measure import MEGA, WORK, Row, Skipped, UnfitError, Usage, median, run_child, slope, spread

HERE = Path(__file__).parent
ROOT = HERE.parent
TOKENIZER = ROOT / "target" / "release" / "examples" / "bare_tokenizer"
TOKENIZER_ROUNDS = 3
SMALL_MB, LARGE_MB, HUGE_MB = 10, 100, 1000
LEAST_NAMED_SHARE = 0.9
# Time is called linear where a megabyte of the largest file costs at most this much more than one of the middle file.
LINEAR_WITHIN = 1.15


@dataclass(frozen=True, slots=True)
class Bars:
    """Bar and stretch, as a share of the bare tokenizer."""

    judged: tuple[float, float]
    mapped: tuple[float, float]


# The bars speak of the 837P; the 834 is held to the same.
BARS = {"837P": Bars((12, 20), (6, 12)), "834": Bars((12, 20), (6, 12))}


@dataclass(frozen=True, slots=True)
class Sample:
    """A generated file."""

    path: Path
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Timed:
    """One task in one round: CPU seconds of the small and of the large file."""

    small_s: float
    large_s: float


@dataclass(frozen=True, slots=True)
class Round:
    """One round; `bare` is MB per CPU second."""

    bare: float
    judged: Timed
    mapped: Timed


def build_tokenizer() -> None:
    """The limit that shares are of."""
    command = ["cargo", "build", "--release", "--quiet", "-p", "gateway-core", "--example", "bare_tokenizer"]
    subprocess.run(command, cwd=ROOT, check=True)


def sample(generator: Generator, megabytes: float) -> Sample:
    """Write it anew, so that it fits the definitions of today."""
    WORK.mkdir(exist_ok=True)
    path = WORK / f"{generator.kind.name}-{megabytes:g}.edi"
    written: Written = generator.write(path, int(megabytes * MEGA))
    return Sample(path, written.size_bytes)


def bare(of: Sample) -> float:
    """MB per CPU second of a tokenizer that does nothing else."""
    output = run_child([str(TOKENIZER), str(of.path), str(TOKENIZER_ROUNDS)]).output
    size, _segments, _elements, seconds = output.split()
    return int(size) / MEGA / float(seconds)


def work(what: str, of: Sample) -> tuple[Usage, dict]:
    """One of the tasks of `x12_worker` in a child. Raises UnfitError where the file was not accepted clean."""
    usage = run_child([sys.executable, str(HERE / "x12_worker.py"), what, str(of.path)])
    report = json.loads(usage.output)
    if not report["accepted"] or report["findings"]:
        raise UnfitError(f"{of.path.name} is not accepted without a finding")
    return usage, report


def throughput(name: str, rounds: int, sizes_mb: tuple[float, float]) -> Iterator[Row]:
    """Validate + 999, and the same + canonical XML: slopes between two sizes."""
    generator = Generator(KINDS[name])
    small, large = (sample(generator, megabytes) for megabytes in sizes_mb)
    seen = [_round(small, large) for _ in range(rounds)]
    bare_speeds = [run.bare for run in seen]
    bars = BARS[name]
    named = _named(name, small)
    judged = _Shares(small.size_bytes, large.size_bytes, bare_speeds, [run.judged for run in seen])
    yield judged.row(f"{name} validate + 999", bars.judged)
    mapped = _Shares(small.size_bytes, large.size_bytes, bare_speeds, [run.mapped for run in seen])
    yield mapped.row(f"{name} the same + canonical XML", bars.mapped)
    yield named


def _round(small: Sample, large: Sample) -> Round:
    limit = bare(large)
    judged, mapped = (
        Timed(*(work(what, of)[0].cpu_s for of in (small, large))) for what in ("acknowledge", "canonical")
    )
    return Round(statistics.mean((limit, bare(large))), judged, mapped)


@dataclass(frozen=True, slots=True)
class _Shares:
    """What rounds come to as shares of the tokenizer of the same round."""

    small_bytes: int
    large_bytes: int
    bare: list[float]
    timed: list[Timed]

    def row(self, what: str, bar: tuple[float, float]) -> Row:
        """The median counts. Beside it the share of the least seconds: a busy neighbour only ever adds to them."""
        speeds = [self._speed(timed.small_s, timed.large_s) for timed in self.timed]
        shares = [speed / whole * 100 for speed, whole in zip(speeds, self.bare, strict=True)]
        least = self._speed(min(timed.small_s for timed in self.timed), min(timed.large_s for timed in self.timed))
        detail = (
            f"{median(speeds):.0f} MB per CPU s, of {median(self.bare):.0f} MB/s bare; rounds {spread(shares)} %;"
            f" least disturbed {least:.0f} of {max(self.bare):.0f} MB/s = {least / max(self.bare):.1%}"
        )
        return Row(what, median(shares), "% of bare", *bar, detail=detail)

    def _speed(self, small_s: float, large_s: float) -> float:
        return slope(small_s, self.small_bytes, large_s, self.large_bytes)


def _named(name: str, of: Sample) -> Row:
    """How much of the mapping is by name, and that nothing is lost on the way there and back."""
    _, report = work("round-trip", of)
    whole = report["named"] + report["dictated"] + report["other"]
    if not report["sets"] or report["differing_sets"]:
        raise UnfitError(
            f"{report['differing_sets']} of {report['sets']} sets of {of.path.name} do not come back equal"
        )
    detail = (
        f"{whole} values: {report['named'] / whole:.2%} by name, {report['dictated'] / whole:.2%} dictated by the"
        f" guide, {report['other'] / whole:.2%} in `other`;"
        f" all {report['sets']} sets ({report['items']} items) come back byte for byte"
    )
    share = (report["named"] + report["dictated"]) / whole * 100
    return Row(f"{name} values named or dictated", share, "%", LEAST_NAMED_SHARE * 100, detail=detail)


def huge_set() -> Iterator[Row]:
    """One 834 set of 1 GB: memory, and whether time stays linear."""
    generator = Generator(KINDS["834"])
    samples = [sample(generator, megabytes) for megabytes in (SMALL_MB, LARGE_MB, HUGE_MB)]
    for what, words in (("acknowledge", "validate + 999"), ("canonical", "the same + canonical XML")):
        # The largest once: it takes long enough to even other work out.
        runs = [_beside(what, of, samples[1], rounds=1 if of is samples[-1] else 3) for of in samples]
        peaks = [run.report["peak_bytes"] / MEGA for run in runs]
        sizes = ", ".join(f"{peak:.0f}" for peak in peaks)
        detail = f"one set of {runs[-1].report['items']} members; {sizes} MB at 10, 100, 1000 MB"
        yield Row(f"834 of 1 GB, {words}: memory", peaks[-1], "MB", 200, 120, is_least=False, detail=detail)
        middle, last = (
            slope(runs[at].rounds, samples[at].size_bytes, runs[at + 1].rounds, samples[at + 1].size_bytes)
            for at in (0, 1)
        )
        times = ", ".join(f"{run.cpu_s:.2f}" for run in runs)
        detail = (
            f"a MB of the 1 GB beside a MB of the 100 MB, in time of the tokenizer; {times} CPU s at 10, 100, 1000 MB"
        )
        yield Row(f"834 of 1 GB, {words}: time", middle / last, "x a MB", LINEAR_WITHIN, is_least=False, detail=detail)
    samples[-1].path.unlink()


@dataclass(frozen=True, slots=True)
class _Beside:
    """A task, its CPU seconds, and those in rounds of the tokenizer run before and after it."""

    cpu_s: float
    rounds: float
    report: dict


def _beside(what: str, of: Sample, limit: Sample, *, rounds: int) -> _Beside:
    """Medians. The machine itself is faster in one minute than in another: the tokenizer tells by how much."""
    seconds, in_rounds, report = [], [], {}
    for _ in range(rounds):
        before = bare(limit)
        usage, report = work(what, of)
        seconds.append(usage.cpu_s)
        in_rounds.append(usage.cpu_s * statistics.mean((before, bare(limit))) * MEGA / limit.size_bytes)
    return _Beside(median(seconds), median(in_rounds), report)


def rows(*, rounds: int, sizes_mb: tuple[float, float], large: bool) -> Iterator[Row | Skipped]:
    """All of this file."""
    build_tokenizer()
    for name in KINDS:
        yield from throughput(name, rounds, sizes_mb)
    if large:
        yield from huge_set()
    else:
        yield Skipped("834 of 1 GB", "asked for with --large")


def main() -> None:
    """Print the rows as they come."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--large", action="store_true", help="one 834 set of 1 GB too: 10 GB of disk, some minutes")
    arguments = parser.parse_args()
    print(f"{os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}")
    for row in rows(rounds=arguments.rounds, sizes_mb=(SMALL_MB, LARGE_MB), large=arguments.large):
        print(row, flush=True)


if __name__ == "__main__":
    main()
