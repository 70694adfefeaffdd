"""Other X12 libraries beside ours, on files of the same generator.

Owns which peers, how each is installed (pinned, in a throw-away environment under .peers) and its own two sizes: they
are slow or hold everything in memory. Must not know our figures.
"""

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from shutil import which

from generate import KINDS, Generator
from measure import MEGA, WORK, ChildFailedError, Row, Skipped, median, run_child, slope

HERE = Path(__file__).parent
INSTALLED = HERE / ".peers"
WORKERS = HERE / "peer_workers"


class UnavailableError(Exception):
    """A peer cannot be installed here; the text says why."""


@dataclass(frozen=True, slots=True)
class Peer:
    """One library at one task. `command` installs what is missing and gives the command without the file."""

    name: str
    does: str
    kind: str
    sizes_mb: tuple[float, float]
    command: Callable[[], list[str]]


def rows(*, rounds: int) -> Iterator[Row | Skipped]:
    """Each peer: MB per CPU second between its two sizes."""
    # Without the corpus: it holds valid codes that some peers refuse, and then they end early.
    generators = {kind: Generator(KINDS[kind], corpus=False) for kind in dict.fromkeys(peer.kind for peer in PEERS)}
    for peer in PEERS:
        what = f"{peer.name}: {peer.kind} {peer.does}"
        try:
            yield _measured(peer, what, generators[peer.kind], rounds)
        except (UnavailableError, ChildFailedError) as reason:
            yield Skipped(what, str(reason))
    yield from NOT_MEASURED


def _measured(peer: Peer, what: str, generator: Generator, rounds: int) -> Row:
    command = peer.command()
    WORK.mkdir(exist_ok=True)
    written = []
    for megabytes in peer.sizes_mb:
        path = WORK / f"peer-{peer.kind}-{megabytes:g}.edi"
        written.append((path, generator.write(path, int(megabytes * MEGA)).size_bytes))
    (small, small_bytes), (large, large_bytes) = written
    speeds, peak_bytes = [], 0
    # The first run of a fresh environment compiles.
    run_child([*command, str(small)])
    for _ in range(rounds):
        fast, slow = run_child([*command, str(small)]), run_child([*command, str(large)])
        speeds.append(slope(fast.cpu_s, small_bytes, slow.cpu_s, large_bytes))
        peak_bytes = max(peak_bytes, slow.peak_bytes)
    sizes = f"{peer.sizes_mb[0]:g} to {peer.sizes_mb[1]:g} MB"
    detail = f"{sizes}, at most {peak_bytes / MEGA:.0f} MB of memory at the larger"
    return Row(what, median(speeds), "MB per CPU s", detail=detail)


def _ours(worker: str, *arguments: str) -> Callable[[], list[str]]:
    """A peer that the development environment holds anyway."""
    return lambda: [sys.executable, str(WORKERS / worker), *arguments]


def _from_pypi(requirement: str, worker: str) -> Callable[[], list[str]]:
    def command() -> list[str]:
        place = INSTALLED / requirement.replace("==", "-")
        python = place / "bin" / "python"
        if not python.exists():
            uv = Path(sys.executable).parent / "uv"
            _install([str(uv), "venv", "--quiet", "--python", sys.executable, str(place)])
            _install([str(uv), "pip", "install", "--quiet", "--python", str(python), requirement])
        return [str(python), str(WORKERS / worker)]

    return command


def _from_npm(requirement: str, worker: str) -> Callable[[], list[str]]:
    def command() -> list[str]:
        node, npm = which("node"), which("npm")
        if node is None or npm is None:
            raise UnavailableError("node and npm are not on the PATH")
        place = INSTALLED / requirement.replace("@", "-")
        if not (place / "node_modules").exists():
            place.mkdir(parents=True, exist_ok=True)
            (place / "package.json").write_text('{"private": true}')
            _install(
                [npm, "install", "--prefix", str(place), "--no-audit", "--no-fund", "--ignore-scripts", requirement]
            )
        return [node, "--max-old-space-size=4096", str(WORKERS / worker), str(place)]

    return command


def _install(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no reason given"]
        raise UnavailableError(f"cannot be installed: {lines[-1][:200]}")


PEERS = (
    Peer("pyx12 4.0", "validate + 999", "837P", (0.1, 0.4), _ours("pyx12_worker.py", "validate")),
    Peer("pyx12 4.0", "to XML", "837P", (0.1, 0.4), _ours("pyx12_worker.py", "xml")),
    Peer("pyx12 4.0", "validate + 999", "834", (0.1, 0.4), _ours("pyx12_worker.py", "validate")),
    Peer("pyx12 4.0", "to XML", "834", (0.1, 0.4), _ours("pyx12_worker.py", "xml")),
    Peer("x12sdk 2.2.0", "models, no 999", "837P", (0.1, 0.4), _from_pypi("x12sdk==2.2.0", "x12sdk_worker.py")),
    Peer("ansi-x12 0.2.0", "split, envelopes", "837P", (1, 5), _from_pypi("ansi-x12==0.2.0", "ansi_x12_worker.py")),
    Peer("node-x12 1.7.1", "split, envelopes", "837P", (2, 10), _from_npm("node-x12@1.7.1", "node_x12_worker.js")),
)
NOT_MEASURED = (
    Skipped("edifabric-x12 1.1.1: validate + 999 (native)", "needs a serial key of a registered account at run time"),
    Skipped("oxedi 0.6.0 (Rust)", "reads the 835 alone"),
    Skipped("imsweb x12-parser 1.16 (Java)", "partial checks, no 999; gigabytes of heap for a few megabytes"),
)


def main() -> None:
    """Print the rows as they come."""
    for row in rows(rounds=1):
        print(row, flush=True)


if __name__ == "__main__":
    main()
