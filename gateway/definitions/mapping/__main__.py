"""`python -m gateway.definitions.mapping [GUIDE...]`: check the package's mapping tables, faults as file:line."""

import sys

from gateway.definitions.guides.catalogue import load_guide
from gateway.definitions.mapping import resolve_table
from gateway.definitions.mapping.sources import mappings, read_shared, table_for
from gateway.definitions.positions import DefinitionError, Fault, TomlDocument


def main(names: list[str]) -> int:
    """0 where every table is right, else 1."""
    faults: list[Fault] = []
    shared: tuple[TomlDocument, ...] = ()
    try:
        shared = read_shared(mappings())
    except DefinitionError as error:
        faults.extend(error.faults)
    for name in names or [
        file.name.removesuffix(".toml") for file in mappings().joinpath("x12").iterdir() if file.name.endswith(".toml")
    ]:
        try:
            table = table_for(mappings(), name)
            if table is None:
                sys.stderr.write(f"{name}: no table\n")
                continue
            faults.extend(resolve_table(load_guide(name), table, shared)[1])
        except DefinitionError as error:
            faults.extend(error.faults)
    for fault in sorted(set(faults)):
        sys.stdout.write(f"{fault}\n")
    return 1 if faults else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
