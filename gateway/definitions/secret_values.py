"""Reads one secret from where a definition says that it is: a file or the environment.

Owns the texts of what goes wrong: they name the place, never the value. Must not know what a secret is for.
"""

import os
from pathlib import Path


def read_secret(folder: Path, value: str | None, file: str | None, environment: str | None) -> str:
    """A value given directly, in a file (relative to `folder`) or in the environment; ValueError where it is not there.

    The text of the error names the place, never the value.
    """
    if value is not None:
        return value.strip()
    if file is not None:
        try:
            return (folder / file).read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError):
            raise ValueError(f"the file {file} cannot be read as ASCII text") from None
    found = os.environ.get(environment or "")
    if found is None:
        raise ValueError(f"the environment has no {environment}")
    return found.strip()
