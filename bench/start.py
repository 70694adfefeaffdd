"""How long starting takes: `gateway serve` until it is ready, `gateway check` of a small file, tables cached.

Owns a site with one partner, in a folder of its own. Wall time: trust it only on a machine that does nothing else.
"""

import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from measure import ENVIRONMENT, Row, median, run_child, spread

from gateway.cli.development_certificates import make_development_certificates

GATEWAY = Path(sys.executable).parent / "gateway"
SMALL_FILE = Path(__file__).parent.parent / "tests" / "fixtures" / "005010X222A1" / "accept" / "office_visit.edi"
READY_WITHIN_S = 60.0
_SETTINGS = """
[[identity]]
qualifier = "ZZ"
id = "HARBORGATE"
[https]
port = 0
certificate = "{certificate}"
key = "{key}"
[console]
port = 0
"""
_PARTNER = """
name = "Bench"
[[identity]]
qualifier = "ZZ"
id = "BENCHSENDER"
[[agreement]]
usage = "test"
guides = ["837 005010X222A1", "834 005010X220A1"]
mode = "batch"
"""


def rows(*, rounds: int) -> Iterator[Row]:
    """Both rows; the first run of each only fills caches."""
    with tempfile.TemporaryDirectory(prefix="gateway-bench-") as folder:
        settings = _site(Path(folder))
        starts = [_ready_after_s(settings) for _ in range(rounds + 1)][1:]
    detail = f"rounds {spread(starts)} s"
    yield Row("gateway serve, start to ready", median(starts), "s", 0.7, 0.4, is_least=False, detail=detail)
    checks = [run_child([str(GATEWAY), "check", str(SMALL_FILE)]) for _ in range(rounds + 1)][1:]
    walls = [check.wall_s for check in checks]
    cpu_s = median([check.cpu_s for check in checks])
    detail = f"rounds {spread(walls)} s; {cpu_s:.2f} CPU s"
    yield Row("gateway check, a small file", median(walls), "s", 0.35, 0.25, is_least=False, detail=detail)


def _site(folder: Path) -> Path:
    certificates = make_development_certificates(folder / "certificates", ())
    server = certificates.server
    (folder / "partners").mkdir()
    (folder / "partners" / "bench.toml").write_text(_PARTNER)
    settings = folder / "gateway.toml"
    settings.write_text(_SETTINGS.format(certificate=server.certificate, key=server.key))
    return settings


def _ready_after_s(settings: Path) -> float:
    """From the start of the process to the line that says that it takes messages; then it is stopped."""
    begun = time.perf_counter()
    command = [str(GATEWAY), "serve", "--config", str(settings), "--json-logs"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT) as server:
        try:
            assert server.stderr is not None
            said = []
            for line in server.stderr:
                said.append(line)
                if "serve.ready" in line:
                    return time.perf_counter() - begun
                if time.perf_counter() - begun > READY_WITHIN_S:
                    break
        finally:
            server.send_signal(signal.SIGTERM)
    raise RuntimeError(f"gateway serve did not become ready: {''.join(said)[-600:]}")


def main() -> None:
    """Print the rows as they come."""
    for row in rows(rounds=5):
        print(row)


if __name__ == "__main__":
    main()
