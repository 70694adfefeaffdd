"""Durable acceptance of a 2 KB message over HTTPS: CPU of the server, p99, syncs a message.

Keep-alive, 64 senders, HTTP Basic, with 2 ms added to each sync as on a disk without a write cache. Three processes:
this one, the server (whose CPU counts, all its threads), the client (whose CPU does not). The server only accepts:
archive and ledger row durable, then 202; judging is another row of the table. The same client also drives the bare
HTTP library over the same TLS: the limit of this machine at this moment.
"""

import asyncio
import json
import logging
import os
import platform
import signal
import struct
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import uvloop
from aiohttp import web
from argon2 import PasswordHasher

from gateway.bootstrap.gateway import Gateway
from gateway.cli.development_certificates import make_development_certificates
from gateway.cli.logs import configure_logs
from gateway.definitions.archive_keys import new_archive_key
from gateway.definitions.settings import load_settings
from gateway.transports.https.limits import Limits
from gateway.transports.https.server import HttpsListener, TlsSettings, tls_context

HERE = Path(__file__).parent
SENDERS = 64
WARM_UP_S = 2.0
MEASURED_S = 8.0
SYNC_DELAY_US = 2000
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
CREDENTIALS = "bench:bench"


@dataclass(frozen=True, slots=True)
class Measured:
    """One run. CPU is user + system of the server, in microseconds a message."""

    delay_us: int
    count: int
    refused: int
    cpu_us: float
    per_second: float
    p50_ms: float
    p99_ms: float
    syncs: float


def main() -> None:
    """Measure with and without the added delay and print a table."""
    with tempfile.TemporaryDirectory(prefix="gateway-bench-") as folder:
        shim = _built_shim(Path(folder))
        print(f"durable acceptance, 2 KB over HTTPS, {SENDERS} senders; {platform.machine()}, {os.cpu_count()} CPUs")
        print("sync delay   messages/s   CPU us/message   p50 ms   p99 ms   syncs/message   refused")
        print(f"bare HTTP library                 {_bare_cpu_us(Path(folder) / 'bare'):14.0f}")
        for delay_us in (0, SYNC_DELAY_US):
            run = _measured(Path(folder) / f"delay-{delay_us}", shim, delay_us)
            print(
                f"{run.delay_us / 1000:7.1f} ms   {run.per_second:10.0f}   {run.cpu_us:14.0f}   {run.p50_ms:6.1f}"
                f"   {run.p99_ms:6.1f}   {run.syncs:13.3f}   {run.refused:7d}"
            )


def _bare_cpu_us(folder: Path) -> float:
    """CPU of the HTTP library alone: the same requests, answered 202 with nothing kept."""
    authority = _site(folder)
    command = [sys.executable, __file__, "--bare", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            port = int(server.stdout.readline())
            _sent(port, authority, WARM_UP_S, first=1)
            cpu_s = _cpu_s(server.pid)
            seen = _sent(port, authority, MEASURED_S, first=1)
            return (_cpu_s(server.pid) - cpu_s) / seen["count"] * 1e6
        finally:
            server.kill()


def _measured(folder: Path, shim: Path, delay_us: int) -> Measured:
    authority = _site(folder)
    counter = folder / "syncs"
    environment = {
        **os.environ,
        "LD_PRELOAD": str(shim),
        "SLOW_SYNC_US": str(delay_us),
        "SLOW_SYNC_COUNT": str(counter),
    }
    command = [sys.executable, __file__, "--serve", str(folder / "gateway.toml")]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            port = int(server.stdout.readline())
            _sent(port, authority, WARM_UP_S, first=1)
            cpu_s, syncs = _cpu_s(server.pid), _syncs(counter)
            seen = _sent(port, authority, MEASURED_S, first=1_000_000)
            cpu_s, syncs = _cpu_s(server.pid) - cpu_s, _syncs(counter) - syncs
        finally:
            server.send_signal(signal.SIGTERM)
    count = seen["count"]
    return Measured(
        delay_us=delay_us,
        count=count,
        refused=seen["refused"],
        cpu_us=cpu_s / count * 1e6,
        per_second=count / seen["seconds"],
        p50_ms=seen["p50_ms"],
        p99_ms=seen["p99_ms"],
        syncs=syncs / count,
    )


def _site(folder: Path) -> Path:
    certificates = make_development_certificates(folder / "certificates", ())
    (folder / "partners").mkdir()
    (folder / "gateway.toml").write_text(
        f"""
[[identity]]
qualifier = "ZZ"
id = "HARBORGATE"
[https]
port = 0
certificate = "{certificates.server.certificate}"
key = "{certificates.server.key}"
[console]
port = 0
[archive]
key_file = "archive.key"
"""
    )
    (folder / "archive.key").write_text(new_archive_key())
    (folder / "partners" / "bench.toml").write_text(
        f"""
name = "Bench"
[[identity]]
qualifier = "ZZ"
id = "BENCHSENDER"
[[password]]
user = "bench"
password_hash = "{PasswordHasher().hash("bench")}"
[[agreement]]
usage = "test"
guides = ["837 005010X222A1"]
mode = "batch"
"""
    )
    return certificates.authority


def _sent(port: int, authority: Path, seconds: float, *, first: int) -> dict:
    command = [
        sys.executable, str(HERE / "front_door_client.py"), "--port", str(port), "--authority", str(authority),
        "--credentials", CREDENTIALS, "--senders", str(SENDERS), "--seconds", str(seconds), "--first", str(first),
    ]  # fmt: skip
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _cpu_s(process: int) -> float:
    """User and system time of all threads (proc(5), fields 14 and 15)."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def _syncs(counter: Path) -> int:
    return struct.unpack("l", counter.read_bytes())[0]


def _built_shim(folder: Path) -> Path:
    shim = folder / "slow_sync.so"
    source = HERE / "slow_sync.c"
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", str(shim), str(source), "-ldl"], check=True)
    return shim


async def _serve(settings: Path) -> None:
    configure_logs(json_lines=True, level=logging.WARNING)
    gateway = await Gateway.open(load_settings(settings))
    # Acceptance alone: what was accepted is not judged in this run.
    await gateway._pipeline.engine.stop(0)  # noqa: SLF001 - a white-box measurement
    print(gateway.https_port, flush=True)
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    await ended.wait()
    await gateway.stop()


async def _serve_bare(folder: Path) -> None:
    async def answer(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(status=202, body=b"{}")

    application = web.Application()
    application.router.add_post("/exchange", answer)
    listener = HttpsListener(application, "127.0.0.1", 0, Limits())
    certificates = folder / "certificates"
    await listener.start(
        tls_context(TlsSettings(str(certificates / "server.pem"), str(certificates / "server-key.pem")))
    )
    print(listener.port, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        uvloop.run(_serve(Path(sys.argv[2])))
    elif sys.argv[1:2] == ["--bare"]:
        uvloop.run(_serve_bare(Path(sys.argv[2])))
    else:
        main()
