"""Nothing acknowledged is lost and no item has two effects, wherever the process dies.

The gateway runs in a child (child.py) that kills itself around a chosen call. Afterwards the partner sends again what
it got no receipt for, as partners do, and the world must look as if nothing had happened. The same once more with a
power cut: a library discards all that was not synced.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration.crash.gateways import Gateways, discarding_library, restore, watched

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

    def told(self, line: str) -> None:
        """The child says what has become true."""
        match line.split(maxsplit=2):
            case ["receipt", number]:
                self.receipts.append(int(number))
            case ["answer", number]:
                self.answers.append(int(number))
            case ["effect", key, item]:
                self.effects.append((key, item.strip()))
            case ["done"]:
                self.ended = True

    @property
    def unanswered(self) -> range:
        """What the partner sends again."""
        return range(max(self.receipts, default=0) + 1, MESSAGES + 1)


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
    made = Gateways("child", tmp_path_factory.mktemp("gateways"), {})
    yield made
    made.stop()


@pytest.mark.parametrize("point", POINTS)
def test_killed_process(point: str, tmp_path: Path, gateways: Gateways) -> None:
    """SIGKILL at the point, then a restart."""
    world = World([], [], [], ended=False)

    died = gateways.run(tmp_path, point, world.unanswered, world.told)
    ended = gateways.run(tmp_path, "none", world.unanswered, world.told)

    assert (died, ended) == (-9, 0)
    assert_as_if_nothing_happened(world)


@pytest.fixture(scope="module")
def gateways_without_power(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateways]:
    """Gateways on a disk that forgets what was not synced."""
    library = discarding_library(tmp_path_factory.mktemp("shims"))
    made = Gateways("child", library.parent, {"LD_PRELOAD": str(library)})
    yield made
    made.stop()


@pytest.mark.parametrize("point", PROMISES)
def test_power_cut(point: str, tmp_path: Path, gateways_without_power: Gateways) -> None:
    """The same, and whatever was written but not synced is gone too."""
    store, durable = watched(tmp_path)
    world = World([], [], [], ended=False)

    died = gateways_without_power.run(store, point, world.unanswered, world.told, str(durable))
    restore(durable, store)
    ended = gateways_without_power.run(store, "none", world.unanswered, world.told)

    assert (died, ended) == (-9, 0)
    assert_as_if_nothing_happened(world)
