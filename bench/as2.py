"""The AS2 rows of the bars: a message received and answered with a signed receipt, as a share of the RSA limit.

Owns sizes, keys and how a figure becomes a row. The limit (decrypt a content key, sign a receipt: what RSA alone costs)
is measured in turns with the message, in the same process. Stores and HTTP are other rows. OpenAS2 stands beside.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import as2_openas2
from measure import MEGA, WORK, Row, Skipped, Usage, median, run_child, spread

WORKER = Path(__file__).parent / "as2_worker.py"
KEY_BITS = (2048, 3072, 4096)
SIZES = {"2 KB": 2_048, "100 KB": 100_000, "10 MB": 10 * MEGA}
LARGE_BYTES, HUGE_BYTES = 100 * MEGA, 1000 * MEGA
# The bar speaks of small messages; of a large one the bytes themselves cost more than RSA.
BARRED_SIZE = "2 KB"
BAR, STRETCH = 75, 85


def rows(*, rounds: int, quick: bool, large: bool) -> Iterator[Row | Skipped]:
    """All of this file. `quick`: RSA-2048 alone, without OpenAS2. `large`: one message of 1 GB too."""
    limits: dict[int, float] = {}
    for key_bits in KEY_BITS[:1] if quick else KEY_BITS:
        for name, size_bytes in SIZES.items():
            row, limits[key_bits] = _received(name, size_bytes, key_bits, rounds)
            yield row
    yield from _memory([LARGE_BYTES, HUGE_BYTES] if large else [LARGE_BYTES])
    if not large:
        yield Skipped("AS2 message of 1 GB", "asked for with --large")
    if quick:
        yield Skipped("OpenAS2", "left out by --quick: it warms up for longer than everything here takes")
    else:
        yield from as2_openas2.rows(SIZES, limit_us=limits[2048])


def _received(name: str, size_bytes: int, key_bits: int, rounds: int) -> tuple[Row, float]:
    """The row, and the limit in microseconds."""
    command = [sys.executable, str(WORKER), "receive", str(key_bits), str(size_bytes), str(rounds)]
    seen = json.loads(run_child(command).output)
    shares = [limit / whole * 100 for limit, whole in zip(seen["limit_us"], seen["receive_us"], strict=True)]
    receive_us, limit_us = median(seen["receive_us"]), median(seen["limit_us"])
    detail = f"{receive_us:.0f} us a message, of {limit_us:.0f} us for RSA alone; rounds {spread(shares)} %"
    if size_bytes > LARGE_BYTES // 100:
        detail += f"; {size_bytes / MEGA / receive_us * 1e6:.0f} MB per CPU s"
    bars = (BAR, STRETCH) if name == BARRED_SIZE else (None, None)
    what = f"AS2 receive + signed MDN, {name}, RSA-{key_bits}"
    return Row(what, median(shares), "% of the RSA limit", *bars, detail=detail), limit_us


def _memory(sizes_bytes: list[int]) -> Iterator[Row]:
    """What reading a streamed message takes above reading a small one. The payload goes on and is not kept."""
    WORK.mkdir(exist_ok=True)
    small = _read(2_048)
    for size_bytes in sizes_bytes:
        usage = _read(size_bytes)
        above_mb = (usage.peak_bytes - small.peak_bytes) / MEGA
        cpu_s = usage.cpu_s - small.cpu_s
        detail = f"{usage.peak_bytes / MEGA:.0f} MB in all; {cpu_s:.2f} CPU s, {size_bytes / MEGA / cpu_s:.0f} MB/s"
        what = f"AS2 message of {size_bytes // MEGA} MB, decrypted and verified: memory above a small one"
        yield Row(what, above_mb, "MB", 100, is_least=False, detail=detail)


def _read(size_bytes: int) -> Usage:
    file = WORK / f"as2-{size_bytes}.message"
    run_child([sys.executable, str(WORKER), "write", str(file), str(size_bytes)])
    usage = run_child([sys.executable, str(WORKER), "read", str(file)])
    file.unlink()
    file.with_suffix(".json").unlink()
    return usage


def main() -> None:
    """Print the rows as they come."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="RSA-2048 alone, without OpenAS2")
    parser.add_argument("--large", action="store_true", help="one message of 1 GB too: 1 GB of disk")
    arguments = parser.parse_args()
    for row in rows(rounds=arguments.rounds, quick=arguments.quick, large=arguments.large):
        print(row)


if __name__ == "__main__":
    main()
