"""A gateway with one partner for benches: settings, certificates and files in a folder of its own.

Owns starting, stopping and looking at the process. Must not know what is sent to it.
"""

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from argon2 import PasswordHasher
from measure import ENVIRONMENT

from gateway.cli.development_certificates import make_development_certificates
from gateway.definitions.archive_keys import new_archive_key

GATEWAY = Path(sys.executable).parent / "gateway"
READY_WITHIN_S = 60.0
CREDENTIALS = "bench:bench"
# The envelope of generated files.
SENDER, RECEIVER = "BENCHSENDER", "BENCHRECEIVER"
_SETTINGS = """
[[identity]]
qualifier = "ZZ"
id = "{receiver}"
[https]
port = 0
certificate = "{certificate}"
key = "{key}"
[console]
port = 0
[archive]
key_file = "archive.key"
"""
_PARTNER = """
name = "Bench"
[[identity]]
qualifier = "ZZ"
id = "{sender}"
[[password]]
user = "bench"
password_hash = "{password_hash}"
[[agreement]]
usage = "test"
guides = ["837 005010X222A1", "834 005010X220A1"]
mode = "batch"
[agreement.limits]
size_bytes = 2000000000
"""


@dataclass(frozen=True, slots=True)
class Site:
    """What a started gateway needs, and what its partner does."""

    settings: Path
    authority: Path


@dataclass(frozen=True, slots=True)
class Started:
    """A gateway that takes messages; `ready_after_s` is wall time, `cpu_s` what it used until then."""

    process: int
    url: str
    ready_after_s: float
    cpu_s: float

    @property
    def peak_bytes(self) -> int:
        """The high-water mark of resident memory so far."""
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{self.process}/status").read_text())
        return int(found[1]) * 1024 if found else 0


def make_site(folder: Path) -> Site:
    """Write it all."""
    certificates = make_development_certificates(folder / "certificates", ())
    server = certificates.server
    (folder / "partners").mkdir()
    password_hash = PasswordHasher().hash(CREDENTIALS.partition(":")[2])
    (folder / "partners" / "bench.toml").write_text(_PARTNER.format(sender=SENDER, password_hash=password_hash))
    (folder / "archive.key").write_text(new_archive_key())
    settings = folder / "gateway.toml"
    settings.write_text(_SETTINGS.format(receiver=RECEIVER, certificate=server.certificate, key=server.key))
    return Site(settings, certificates.authority)


@contextmanager
def started(site: Site) -> Iterator[Started]:
    """`gateway serve` from its start to the line that says that it takes messages; stopped at the end."""
    begun = time.perf_counter()
    log = site.settings.parent / "log"
    command = [str(GATEWAY), "serve", "--config", str(site.settings), "--json-logs"]
    with log.open("w+") as out, subprocess.Popen(command, stderr=out, env=ENVIRONMENT) as server:
        try:
            while not (found := re.search(r'"https": ?"(https:[^"]*)"', log.read_text())):
                if server.poll() is not None or time.perf_counter() - begun > READY_WITHIN_S:
                    raise RuntimeError(f"gateway serve did not become ready: {log.read_text()[-600:]}")
                time.sleep(0.005)
            ready_after_s = time.perf_counter() - begun
            yield Started(server.pid, found[1], ready_after_s, cpu_s(server.pid))
        finally:
            server.send_signal(signal.SIGTERM)


def cpu_s(process: int) -> float:
    """User and system time of all threads (proc(5), fields 14 and 15)."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100
