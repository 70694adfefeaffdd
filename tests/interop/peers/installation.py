"""Where the peers' programs are kept: a folder of the user's cache, outside the repository, filled on first use.

Owns which product in which version, and how Maven and npm bring it. Must not know how a product is started.
"""

import os
import shutil
import subprocess
from pathlib import Path
from shutil import which

# The newest version that Maven Central has; later ones are released as archives on the project's own pages alone.
OPENAS2 = "2.10.1"
LIBAS2 = "0.8.2"
# A slow line and an empty cache: 13 MB of archives for OpenAS2, 5 MB of packages for libas2.
_FETCH_S = 300
_DEPENDENCY_PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1"
# Error reporting to a service, a database and a REST server: unused here, and what is absent cannot reach the network.
_LEFT_OUT = (
    "io.sentry",
    "com.h2database",
    "com.fasterxml.jackson.core",
    "com.fasterxml.jackson.module",
    "org.glassfish.jersey.containers",
    "org.glassfish.jersey.core",
    "org.glassfish.jersey.inject",
    "org.glassfish.jersey.media",
)
_LIBAS2_SOURCES = Path(__file__).parent / "libas2"


class UnavailableError(Exception):
    """A peer cannot be had here; the text says why."""


def openas2_class_path() -> str:
    """The class path of OpenAS2 and what it needs at run time. Raises UnavailableError."""
    _needed("java")
    maven = _needed("mvn")
    folder = _cache() / f"openas2-{OPENAS2}"
    kept = folder / "class-path"
    if not _is_whole(kept):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "pom.xml").write_text(_project_object_model())
        # Written beside and renamed: another run may fetch at the same moment.
        fetched = folder / f"class-path.{os.getpid()}"
        goal = [f"{_DEPENDENCY_PLUGIN}:build-classpath", f"-Dmdep.outputFile={fetched}"]
        # -C: an archive that differs from its checksum is refused.
        _run([maven, "-q", "-B", "-C", "-f", str(folder / "pom.xml"), *goal], folder, "Maven")
        fetched.rename(kept)
    return kept.read_text()


def libas2_folder() -> Path:
    """A folder with `peer.js` and the packages that its lock file names. Raises UnavailableError."""
    _needed("node")
    npm = _needed("npm")
    folder = _cache() / f"libas2-{LIBAS2}"
    lock = _LIBAS2_SOURCES / "package-lock.json"
    kept = folder / "package-lock.json"
    if not (folder / "installed").exists() or kept.read_bytes() != lock.read_bytes():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "installed").unlink(missing_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copyfile(_LIBAS2_SOURCES / name, folder / name)
        _run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], folder, "npm")
        (folder / "installed").touch()
    # Each time: it is ours, and changes with the tests.
    shutil.copyfile(_LIBAS2_SOURCES / "peer.js", folder / "peer.js")
    return folder


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "healthcare-b2b-gateway"


def _needed(program: str) -> str:
    found = which(program)
    if found is None:
        raise UnavailableError(f"{program} is not on the PATH")
    return found


def _is_whole(class_path: Path) -> bool:
    return class_path.exists() and all(Path(name).exists() for name in class_path.read_text().split(os.pathsep))


def _run(command: list[str], folder: Path, who: str) -> None:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_FETCH_S, check=False)
    except subprocess.TimeoutExpired:
        raise UnavailableError(f"{who} did not bring it within {_FETCH_S} s") from None
    if done.returncode:
        said = [line for line in (done.stdout + done.stderr).splitlines() if "ERR" in line]
        raise UnavailableError(f"{who} could not bring it: {' '.join(said[:1]) or 'no reason given'}")


def _project_object_model() -> str:
    left_out = "".join(
        f"<exclusion><groupId>{group}</groupId><artifactId>*</artifactId></exclusion>" for group in _LEFT_OUT
    )
    return f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
<modelVersion>4.0.0</modelVersion>
<groupId>interop</groupId><artifactId>openas2</artifactId><version>1</version><packaging>pom</packaging>
<dependencies><dependency>
<groupId>net.sf.openas2</groupId><artifactId>openas2-server</artifactId><version>{OPENAS2}</version>
<exclusions>{left_out}</exclusions>
</dependency></dependencies>
</project>
"""
