"""AS2 with other products: live peers on loopback, and a gateway that they exchange messages with.

How to read this folder:

- `peers/` is the others' side and knows nothing of the gateway: `installation.py` brings the programs (Maven, npm) to a
  folder of the user's cache, `openas2_peer.py` runs OpenAS2 in Java, `libas2_peer.py` runs libas2 in node, `matrix.py`
  has the cells: which combinations of algorithms, compression, receipt and payload are exchanged.
- `gateway_site.py` is our side: one gateway in a thread of its own, with one partner per peer and one AS2 relationship
  per cell and direction (each cell has AS2 names of its own, so that a name tells the cell).
- `test_peers.py` proves each peer alone, without the gateway. `test_openas2.py` and `test_libas2.py` do the matrix.

A module's messages are sent all at once by a fixture, since OpenAS2 looks at its outbox but once a second; each test
then waits for its own. Where java, mvn, node or npm is missing, or their registries are, the tests are skipped with
the reason; under CI=true they fail. Nothing but loopback is reached once the programs are there.
"""

import os

import pytest

from tests.interop.peers.installation import LIBAS2, OPENAS2, UnavailableError, libas2_folder, openas2_class_path


@pytest.fixture(scope="session")
def openas2_programs() -> str:
    """OpenAS2 is there; its class path."""
    try:
        return openas2_class_path()
    except UnavailableError as reason:
        return _absent(f"OpenAS2 {OPENAS2}: {reason}")


@pytest.fixture(scope="session")
def libas2_programs() -> str:
    """libas2 is there; its folder."""
    try:
        return str(libas2_folder())
    except UnavailableError as reason:
        return _absent(f"libas2 {LIBAS2}: {reason}")


def _absent(reason: str) -> str:
    if os.environ.get("CI") == "true":
        pytest.fail(f"{reason} (CI=true demands it)", pytrace=False)
    pytest.skip(reason)
