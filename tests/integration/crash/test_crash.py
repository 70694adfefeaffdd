"""Nothing acknowledged is lost and no item has two effects, wherever the process dies.

The gateway runs in a child (child.py) that kills itself around a chosen call. Afterwards the partner sends again what
it got no receipt for, as partners do, and the world must look as if nothing had happened. The same once more with a
power cut: a library discards all that was not synced.
"""

import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

MESSAGES = 3

# Between archive, ledger, acknowledgement and delivery: each call before and after which the process may die.
POINTS = [
    "archive.append:before:1",
    "archive.append:after:1",
    "ledger.accept:before:2",
    "ledger.accept:after:2",
    "ledger.claim:after:2",
    "ledger.prepare:before:1",
    "ledger.prepare:after:2",
    "archive.append:after:4",
    "archive.append:after:5",
    "ledger.conclude:before:2",
    "ledger.conclude:after:1",
    "ledger.conclude:after:3",
    "ledger.confirm_answer:before:1",
    "ledger.confirm_answer:after:2",
    "ledger.lease:after:2",
    "ledger.delivered:before:3",
    "ledger.delivered:after:3",
]
# A power cut differs from a kill only once something was promised.
PROMISES = [point for point in POINTS if ":after:" in point and "append" not in point]


@dataclass
class World:
    """What the outside learned, over all runs of the child."""

    receipts: list[int]
    answers: list[int]
    effects: list[tuple[str, str]]
    ended: bool


class Gateways:
    """Starts gateways that die as told; one process that forks them."""

    def __init__(self, scratch: Path, environment: dict[str, str]) -> None:
        command = [sys.executable, "-m", "tests.integration.crash.child", str(scratch)]
        self._server = subprocess.Popen(
            command,
            cwd=Path(__file__).resolve().parents[3],
            env=os.environ | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, folder: Path, point: str, first: int, world: World, durable: str = "-") -> int:
        """Run one; its exit code, -9 where it died as told."""
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(f"{folder} {point} {first} {MESSAGES} {durable}\n")
        self._server.stdin.flush()
        for line in self._server.stdout:
            match line.split(maxsplit=2):
                case ["receipt", number]:
                    world.receipts.append(int(number))
                case ["answer", number]:
                    world.answers.append(int(number))
                case ["effect", key, item]:
                    world.effects.append((key, item.strip()))
                case ["done"]:
                    world.ended = True
                case ["exit", code]:
                    return int(code)
        pytest.fail("the process that forks gateways has ended")

    def stop(self) -> None:
        """No more gateways."""
        assert self._server.stdin is not None
        self._server.stdin.close()
        self._server.wait(timeout=10)
        if self._server.stdout is not None:
            self._server.stdout.close()


def assert_as_if_nothing_happened(world: World) -> None:
    """Every message answered, every item with one effect."""
    assert world.ended
    assert set(world.answers) == set(range(1, MESSAGES + 1))
    wanted = [f"<document>item-{number}-{part}</document>" for number in range(1, MESSAGES + 1) for part in "ab"]
    # A consumer that keeps keys acts once per key; another key for the same item would be a second effect.
    items = Counter(item for _, item in set(world.effects))
    assert items == Counter(wanted)


@pytest.fixture(scope="module")
def gateways(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateways]:
    """Gateways on an honest disk."""
    made = Gateways(tmp_path_factory.mktemp("gateways"), {})
    yield made
    made.stop()


@pytest.mark.parametrize("point", POINTS)
def test_killed_process(point: str, tmp_path: Path, gateways: Gateways) -> None:
    """SIGKILL at the point, then a restart."""
    world = World([], [], [], ended=False)

    died = gateways.run(tmp_path, point, 1, world)
    ended = gateways.run(tmp_path, "none", max(world.receipts, default=0) + 1, world)

    assert (died, ended) == (-9, 0)
    assert_as_if_nothing_happened(world)


@pytest.fixture(scope="module")
def gateways_without_power(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateways]:
    """Gateways on a disk that forgets what was not synced."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler: the library that discards unsynced writes cannot be built")
    source = Path(__file__).resolve().parents[2] / "shims" / "discard_unsynced.c"
    library = tmp_path_factory.mktemp("shims") / "discard_unsynced.so"
    command = [compiler, "-shared", "-fPIC", "-O1", "-Wall", "-o", str(library), str(source), "-ldl"]
    subprocess.run(command, check=True, capture_output=True)
    made = Gateways(library.parent, {"LD_PRELOAD": str(library)})
    yield made
    made.stop()


def restore(durable: Path, folder: Path) -> None:
    """What is on the disk when the power is back: names that were synced, with the bytes that were."""
    shutil.rmtree(folder)
    folder.mkdir()
    for name in (durable / "names").iterdir():
        path = folder / name.name.replace("#", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        content = durable / "content" / name.name
        path.write_bytes(content.read_bytes() if content.exists() else b"")


@pytest.mark.parametrize("point", PROMISES)
def test_power_cut(point: str, tmp_path: Path, gateways_without_power: Gateways) -> None:
    """The same, and whatever was written but not synced is gone too."""
    folder, durable = tmp_path / "store", tmp_path / "durable"
    for each in (folder, durable / "names", durable / "content", durable / "partial"):
        each.mkdir(parents=True)
    world = World([], [], [], ended=False)

    died = gateways_without_power.run(folder, point, 1, world, str(durable))
    restore(durable, folder)
    ended = gateways_without_power.run(folder, "none", max(world.receipts, default=0) + 1, world)

    assert (died, ended) == (-9, 0)
    assert_as_if_nothing_happened(world)
