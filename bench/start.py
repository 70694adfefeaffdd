"""How long starting takes: `gateway serve` until it is ready, `gateway check` of a small file, tables cached.

Owns the two rows. Wall time: trust it only on a machine that does nothing else.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from measure import Row, median, run_child, spread
from site_of_bench import GATEWAY, Started, make_site, started

SMALL_FILE = Path(__file__).parent.parent / "tests" / "fixtures" / "005010X222A1" / "accept" / "office_visit.edi"


def rows(*, rounds: int) -> Iterator[Row]:
    """Both rows; the first run of each only fills caches."""
    with tempfile.TemporaryDirectory(prefix="gateway-bench-") as folder:
        site = make_site(Path(folder))
        starts: list[Started] = []
        for _ in range(rounds + 1):
            with started(site) as seen:
                starts.append(seen)
    walls = [seen.ready_after_s for seen in starts[1:]]
    detail = f"rounds {spread(walls)} s; {median([seen.cpu_s for seen in starts[1:]]):.2f} CPU s"
    yield Row("gateway serve, start to ready", median(walls), "s", 0.7, 0.4, is_least=False, detail=detail)
    checks = [run_child([str(GATEWAY), "check", str(SMALL_FILE)]) for _ in range(rounds + 1)][1:]
    walls = [check.wall_s for check in checks]
    detail = f"rounds {spread(walls)} s; {median([check.cpu_s for check in checks]):.2f} CPU s"
    yield Row("gateway check, a small file", median(walls), "s", 0.35, 0.25, is_least=False, detail=detail)


def main() -> None:
    """Print the rows as they come."""
    for row in rows(rounds=5):
        print(row)


if __name__ == "__main__":
    main()
