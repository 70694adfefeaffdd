"""Durable acceptance of a 2 KB message by the pipeline alone: CPU, p99, syncs a message, without HTTPS and judging.

64 senders in the same process; once on the disk as it is, once with 2 ms added to each sync (slow_sync.c). Beside it,
in the same run, the archive alone: the least that durability costs without a ledger. front_door.py adds HTTPS.
"""

import asyncio
import json
import os
import platform
import resource
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace

import uvloop

from gateway.model.exchange import Authentication, Principal
from gateway.pipeline.clock import SystemClock
from gateway.pipeline.exchange import Accepted
from gateway.pipeline.ports import Peeked
from gateway.pipeline.receive import Arrival, ReceiveLimits
from gateway.pipeline.records import Mode
from gateway.pipeline.relationships import Relationships
from gateway.pipeline.service import Pipeline, PipelineSettings
from gateway.stores.archive import KeyRing, SegmentArchive
from gateway.stores.ledger import SqlLedger
from gateway.stores.spool import FileSpools

HERE = Path(__file__).parent
SENDERS = 64
MESSAGES = 20_000
WARM_UP = 2_000
BODY_BYTES = 2_048
SYNC_DELAY_US = 2_000
ARRIVAL = Arrival("bench", Principal("bench", "bench", Authentication.LOCAL), "application/edi-x12", "127.0.0.1")


class NoJudge:
    """Everything is a batch, nothing is judged."""

    def peek(self, principal: Principal, head: bytes) -> Peeked:
        """The one thing that is asked on the way in."""
        del principal, head
        return Peeked(Mode.BATCH, None, 0.0)


def body_of(number: int) -> bytes:
    """About what a claim looks like to a compressor."""
    head = (
        f"ISA*00*          *00*          *ZZ*BENCHSENDER    *ZZ*HARBORGATE     *260102*1200*^*00501*{number:09d}*0*T*:~"
    )
    lines = "".join(
        f"LX*{line}~SV1*HC:9921{(number + line) % 10}*{(number * 37 + line * 101) % 90000 / 100}*UN*1***1~"
        for line in range(1, 60)
    )
    return (head + lines).encode()[:BODY_BYTES]


async def one_piece(data: bytes) -> AsyncIterator[bytes]:
    """A small body, as a transport gives it."""
    yield data


async def measure(folder: Path) -> None:
    """Runs in a child, so that the library that slows syncs down can be loaded first."""
    archive = await SegmentArchive.open(folder / "archive", print, keys=KeyRing.of(bytes(range(32))))
    ledger = await SqlLedger.open(folder / "ledger.sqlite", print)
    pipeline = Pipeline(
        archive=archive,
        ledger=ledger,
        spools=FileSpools(folder / "spool"),
        judge=NoJudge(),  # type: ignore[arg-type]
        clock=SystemClock(),
        relationships=SimpleNamespace(relationships=lambda: Relationships.of(())),
        poster=None,  # type: ignore[arg-type] - nothing is sent
        settings=PipelineSettings(limits=ReceiveLimits(body_bytes=1 << 20)),
    )
    latencies: list[float] = []
    bodies = [body_of(number) for number in range(512)]

    async def send(numbers: "list[int]") -> None:
        while numbers:
            data = bodies[numbers.pop() % 512]
            begun = time.perf_counter()
            outcome = await pipeline.exchange.handle(ARRIVAL, one_piece(data))
            assert isinstance(outcome, Accepted), outcome
            latencies.append(time.perf_counter() - begun)

    async def send_all(count: int) -> None:
        numbers = list(range(count))
        await asyncio.gather(*(send(numbers) for _ in range(SENDERS)))

    await send_all(WARM_UP)
    latencies.clear()
    syncs, cpu_s, begun = read_syncs(), time.process_time(), time.perf_counter()
    await send_all(MESSAGES)
    wall_s, cpu_s, syncs = time.perf_counter() - begun, time.process_time() - cpu_s, read_syncs() - syncs
    latencies.sort()
    print(
        json.dumps(
            {
                "per_second": MESSAGES / wall_s,
                "cpu_us": cpu_s / MESSAGES * 1e6,
                "syncs": syncs / MESSAGES,
                "p50_ms": latencies[len(latencies) // 2] * 1e3,
                "p99_ms": latencies[int(len(latencies) * 0.99)] * 1e3,
                "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            }
        )
    )
    await pipeline.stop()
    await ledger.close()
    await archive.close()


async def measure_archive(folder: Path) -> None:
    """The archive alone: what durability costs without a ledger."""
    archive = await SegmentArchive.open(folder / "archive", print, keys=KeyRing.of(bytes(range(32))))
    bodies = [body_of(number) for number in range(512)]
    latencies: list[float] = []

    async def send(numbers: "list[int]") -> None:
        while numbers:
            data = bodies[numbers.pop() % 512]
            begun = time.perf_counter()
            await archive.append(one_piece(data))
            latencies.append(time.perf_counter() - begun)

    numbers = list(range(MESSAGES))
    syncs, cpu_s, begun = read_syncs(), time.process_time(), time.perf_counter()
    await asyncio.gather(*(send(numbers) for _ in range(SENDERS)))
    wall_s, cpu_s, syncs = time.perf_counter() - begun, time.process_time() - cpu_s, read_syncs() - syncs
    latencies.sort()
    print(
        json.dumps(
            {
                "per_second": MESSAGES / wall_s,
                "cpu_us": cpu_s / MESSAGES * 1e6,
                "syncs": syncs / MESSAGES,
                "p50_ms": latencies[len(latencies) // 2] * 1e3,
                "p99_ms": latencies[int(len(latencies) * 0.99)] * 1e3,
                "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            }
        )
    )
    await archive.close()


def read_syncs() -> int:
    """How often the process synced so far, as the preloaded library counts."""
    return int(struct.unpack("l", Path(os.environ["SLOW_SYNC_COUNT"]).read_bytes())[0])


def built_shim(folder: Path) -> Path:
    """slow_sync.c, compiled."""
    shim = folder / "slow_sync.so"
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", str(shim), str(HERE / "slow_sync.c"), "-ldl"], check=True)
    return shim


def main() -> None:
    """Measure each in a child of its own and print a table."""
    with tempfile.TemporaryDirectory(prefix="gateway-bench-", dir=HERE.parent) as scratch:
        shim = built_shim(Path(scratch))
        print(f"durable acceptance of {BODY_BYTES} bytes, {SENDERS} senders, {MESSAGES} messages, in the process")
        machine = f"{platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}"
        print(f"{machine}, load {os.getloadavg()[0]:.1f}")
        print(
            "what               sync delay   messages/s   CPU us/message   p50 ms   p99 ms   syncs/message   memory MB"
        )
        for what in ("archive alone", "archive + ledger"):
            for delay_us in (0, SYNC_DELAY_US):
                folder = Path(scratch) / f"{what[-6:]}-{delay_us}"
                folder.mkdir()
                environment = os.environ | {
                    "LD_PRELOAD": str(shim),
                    "SLOW_SYNC_US": str(delay_us),
                    "SLOW_SYNC_COUNT": str(folder / "syncs"),
                }
                command = [sys.executable, __file__, what, str(folder)]
                run = json.loads(subprocess.run(command, env=environment, check=True, capture_output=True).stdout)
                print(
                    f"{what:17}  {delay_us / 1000:7.1f} ms   {run['per_second']:10.0f}   {run['cpu_us']:14.0f}"
                    f"   {run['p50_ms']:6.1f}   {run['p99_ms']:6.1f}   {run['syncs']:13.3f}   {run['memory_mb']:9.0f}"
                )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        uvloop.run((measure if sys.argv[1] == "archive + ledger" else measure_archive)(Path(sys.argv[2])))
    else:
        main()
