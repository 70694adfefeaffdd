"""AS2 messages survive the death of the process: one receipt, one effect, one acknowledgement, whatever happens.

As in test_crash.py the gateway kills itself around a chosen call. The partner then sends everything again, as a partner
does that cannot tell what got through. The same once more with a power cut.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.integration.crash.gateways import Gateways, discarding_library, restore, watched

# Two with a receipt in the reply, one with an asynchronous one between them, and one under the first's Message-ID.
ALL = range(1, 5)
PROCESSED = range(1, 4)

POINTS = [
    "archive.append:before:1",
    "archive.append:after:1",
    "ledger.accept_as2:before:1",
    "ledger.accept_as2:after:1",
    "archive.append:after:2",  # receipt and payload
    "archive.append:after:3",
    "ledger.opened:before:1",
    "ledger.opened:after:1",
    "ledger.accept_as2:after:2",  # the asynchronous one
    "ledger.opened:before:2",
    "ledger.opened:after:2",
    "archive.append:after:6",  # acknowledgements, documents, messages of ours, in whatever order
    "archive.append:before:9",
    "archive.append:after:11",
    "ledger.prepare:after:1",
    "ledger.conclude:before:1",
    "ledger.conclude:after:1",
    "ledger.conclude:after:3",
    "ledger.claim_dispatches:after:3",
    "ledger.packaged:before:1",
    "ledger.packaged:after:1",
    "partner.post:before:1",
    "partner.post:after:1",
    "partner.post:after:2",
    "partner.post:after:4",
    "ledger.attempted:before:1",
    "ledger.attempted:after:1",
    "ledger.attempted:after:4",
    "ledger.opened:before:5",  # the conflicting one: first told as such, then recorded
    "ledger.opened:after:4",
    "ledger.opened:after:5",
]
# A power cut differs from a kill only once something was promised.
PROMISES = [
    "ledger.accept_as2:after:2",
    "ledger.opened:after:1",
    "ledger.opened:after:2",
    "ledger.conclude:after:1",
    "ledger.packaged:after:1",
    "partner.post:after:2",
    "ledger.attempted:after:1",
    "ledger.opened:after:5",
]


@dataclass
class World:
    """What the outside learned, over all runs of the child."""

    receipts: dict[int, set[str]] = field(default_factory=lambda: defaultdict(set))
    acknowledgements: dict[int, set[tuple[str, str]]] = field(default_factory=lambda: defaultdict(set))
    effects: set[tuple[str, str]] = field(default_factory=set)
    ended: bool = False

    def told(self, line: str) -> None:
        """The child says what has become true."""
        match line.split():
            case ["receipt", number, digest]:
                self.receipts[int(number)].add(digest)
            case ["acknowledgement", number, message_id, digest]:
                self.acknowledgements[int(number)].add((message_id, digest))
            case ["effect", key, item]:
                self.effects.add((key, item))
            case ["done"]:
                self.ended = True


def assert_as_if_nothing_happened(world: World) -> None:
    """Each message has one receipt and one acknowledgement, byte by byte, and each item one effect."""
    assert world.ended
    assert {number: len(digests) for number, digests in world.receipts.items()} == dict.fromkeys(ALL, 1)
    assert {number: len(sent) for number, sent in world.acknowledgements.items()} == dict.fromkeys(PROCESSED, 1)
    wanted = [f"<document>item-{number}-{part}</document>" for number in PROCESSED for part in "ab"]
    # A consumer that keeps keys acts once per key; another key for the same item would be a second effect.
    assert Counter(item for _, item in world.effects) == Counter(wanted)


@pytest.fixture(scope="module")
def gateways(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateways]:
    """Gateways on an honest disk."""
    made = Gateways("as2_child", tmp_path_factory.mktemp("gateways"), {})
    yield made
    made.stop()


@pytest.mark.parametrize("point", POINTS)
def test_killed_process(point: str, tmp_path: Path, gateways: Gateways) -> None:
    """SIGKILL at the point, then a restart."""
    world = World()

    died = gateways.run(tmp_path, point, ALL, world.told)
    ended = gateways.run(tmp_path, "none", ALL, world.told)

    assert (died, ended) == (-9, 0)
    assert_as_if_nothing_happened(world)


@pytest.fixture(scope="module")
def gateways_without_power(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateways]:
    """Gateways on a disk that forgets what was not synced."""
    library = discarding_library(tmp_path_factory.mktemp("shims"))
    made = Gateways("as2_child", library.parent, {"LD_PRELOAD": str(library)})
    yield made
    made.stop()


@pytest.mark.parametrize("point", PROMISES)
def test_power_cut(point: str, tmp_path: Path, gateways_without_power: Gateways) -> None:
    """The same, and whatever was written but not synced is gone too."""
    store, durable = watched(tmp_path)
    world = World()

    died = gateways_without_power.run(store, point, ALL, world.told, str(durable))
    restore(durable, store)
    ended = gateways_without_power.run(store, "none", ALL, world.told)

    assert (died, ended) == (-9, 0)
    assert_as_if_nothing_happened(world)
