"""One 834 set through a whole gateway over HTTPS: the memory of the server, from the first byte to the 999.

Owns the sending (curl streams the file) and the waiting. Must not know how the file was made.
"""

import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from generate import KINDS, Generator
from measure import MEGA, WORK, Row, UnfitError
from site_of_bench import CREDENTIALS, Site, Started, cpu_s, make_site, started

ANSWERED_WITHIN_S = 900.0
_POLL_S = 0.5


def rows(*, megabytes: float) -> Iterator[Row]:
    """Archive, judge, map, publish and acknowledge one set of this size."""
    WORK.mkdir(exist_ok=True)
    path = WORK / f"served-{megabytes:g}.edi"
    written = Generator(KINDS["834"]).write(path, int(megabytes * MEGA))
    with tempfile.TemporaryDirectory(prefix="site-", dir=WORK) as folder:
        site = make_site(Path(folder))
        with started(site) as server:
            before = server.peak_bytes
            begun = time.perf_counter()
            answer = _answered(site, server, path)
            wall_s = time.perf_counter() - begun
            peak_bytes, used_s = server.peak_bytes, cpu_s(server.process)
    path.unlink()
    if b"~IK5*A~" not in answer:
        raise UnfitError(f"the roster was not accepted: {answer[:300]!r}")
    detail = (
        f"{written.item_count} members; {before / MEGA:.0f} MB before; {used_s:.0f} CPU s, {wall_s:.0f} s to the 999"
        " (archived, judged, mapped, published)"
    )
    what = f"834 of {megabytes:g} MB over HTTPS, whole gateway: memory"
    yield Row(what, peak_bytes / MEGA, "MB", 200, 120, is_least=False, detail=detail)


def _answered(site: Site, server: Started, path: Path) -> bytes:
    sent = _curl(site, ["-X", "POST", "-T", str(path), "-D", "-", "-o", "/dev/null", server.url]).decode()
    links = [line.partition(":")[2].strip() for line in sent.splitlines() if line.lower().startswith("location:")]
    if not links:
        raise UnfitError(f"the roster was not taken: {sent[:300]}")
    link = server.url.removesuffix("/exchange") + links[-1]
    until = time.perf_counter() + ANSWERED_WITHIN_S
    while time.perf_counter() < until:
        answer = _curl(site, [link])
        if answer.startswith(b"ISA"):
            return answer
        time.sleep(_POLL_S)
    raise UnfitError(f"no 999 within {ANSWERED_WITHIN_S:.0f} s")


def _curl(site: Site, arguments: list[str]) -> bytes:
    command = ["curl", "-sS", "--cacert", str(site.authority), "-u", CREDENTIALS, *arguments]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        raise UnfitError(f"curl ended with {done.returncode}: {done.stderr.decode(errors='replace')[:300]}")
    return done.stdout


def main() -> None:
    """Print the row, for 100 MB."""
    for row in rows(megabytes=100):
        print(row)


if __name__ == "__main__":
    main()
