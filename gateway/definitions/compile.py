"""Compiles definitions to the native core's tables: one guide, its rules and its mapping as MessagePack.

Puts the parts together; what they say is theirs. `python -m gateway.definitions.compile GUIDE -o FILE` writes the
bytes for a look from outside. Must not import the native module: formats turn the bytes into a program.
"""

import argparse
import sys
from pathlib import Path

import msgpack

from gateway.definitions.guides.catalogue import load_guide
from gateway.definitions.guides.tables import CodeSetNumbers, guide_table
from gateway.definitions.positions import DefinitionError

FORMAT = 1
"""native/core/src/tables.rs, FORMAT."""


def compile_tables(guide_id: str) -> bytes:
    """MessagePack of `Tables`; raises DefinitionError."""
    guide = load_guide(guide_id)
    code_sets = CodeSetNumbers()
    table = guide_table(guide, code_sets)
    packed: bytes = msgpack.packb(
        {"format": FORMAT, "guide": table, "code_sets": code_sets.tables, "rules": [], "mapping": None}
    )
    return packed


def main(arguments: list[str] | None = None) -> int:
    """The command; 1 and the faults on stderr where the definitions are broken."""
    parser = argparse.ArgumentParser(prog="gateway.definitions.compile", description=main.__doc__)
    parser.add_argument("guide", help="for example 005010X222A1")
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args(arguments)
    try:
        tables = compile_tables(options.guide)
    except DefinitionError as fault:
        sys.stderr.write(f"{fault}\n")
        return 1
    options.output.write_bytes(tables)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
