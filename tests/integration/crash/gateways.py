"""Gateways that die as told, and disks that forget: what the tests of crashes share."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

DISCARDING = "discard_unsynced"


class Gateways:
    """Starts gateways that die as told; one process that forks them. `child` is the module that it runs."""

    def __init__(self, child: str, scratch: Path, environment: dict[str, str]) -> None:
        command = [sys.executable, "-m", f"tests.integration.crash.{child}", str(scratch)]
        self._server = subprocess.Popen(
            command,
            cwd=Path(__file__).resolve().parents[3],
            env=os.environ | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, folder: Path, point: str, numbers: range, told: Callable[[str], None], durable: str = "-") -> int:
        """Run one, which sends messages of these numbers; its exit code, -9 where it died as told."""
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(f"{folder} {point} {numbers.start} {numbers.stop - 1} {durable}\n")
        self._server.stdin.flush()
        for line in self._server.stdout:
            if line.startswith("exit "):
                return int(line.split()[1])
            told(line)
        pytest.fail("the process that forks gateways has ended")

    def stop(self) -> None:
        """No more gateways."""
        assert self._server.stdin is not None
        self._server.stdin.close()
        self._server.wait(timeout=10)
        if self._server.stdout is not None:
            self._server.stdout.close()


def discarding_library(folder: Path) -> Path:
    """The library that discards all that was not synced; skips where it cannot be built."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler: the library that discards unsynced writes cannot be built")
    source = Path(__file__).resolve().parents[2] / "shims" / f"{DISCARDING}.c"
    library = folder / f"{DISCARDING}.so"
    command = [compiler, "-shared", "-fPIC", "-O1", "-Wall", "-o", str(library), str(source), "-ldl"]
    subprocess.run(command, check=True, capture_output=True)
    return library


def watched(folder: Path) -> tuple[Path, Path]:
    """Where a gateway keeps its stores, and where the library keeps what was synced of them."""
    store, durable = folder / "store", folder / "durable"
    for each in (store, durable / "names", durable / "content", durable / "partial"):
        each.mkdir(parents=True)
    return store, durable


def restore(durable: Path, folder: Path) -> None:
    """What is on the disk when the power is back: names that were synced, with the bytes that were."""
    shutil.rmtree(folder)
    folder.mkdir()
    for name in (durable / "names").iterdir():
        path = folder / name.name.replace("#", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        content = durable / "content" / name.name
        path.write_bytes(content.read_bytes() if content.exists() else b"")
