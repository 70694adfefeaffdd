"""`python -m gateway.definitions.dictionary [--write]`: check the dictionary, or write the XSD anew.

Prints one fault a line as `file:line: key: message`; exit 1 where there is one.
"""

import argparse
import sys
from pathlib import Path

from gateway.definitions.dictionary.package import check_package, load_package, schema_file
from gateway.definitions.dictionary.schema import canonical_schema
from gateway.definitions.positions import DefinitionError


def main() -> int:
    """The command; returns the exit code."""
    parser = argparse.ArgumentParser(description="Check the dictionary of the canonical XML.")
    parser.add_argument("--write", action="store_true", help="write the XSD anew, then check")
    arguments = parser.parse_args()
    if arguments.write:
        try:
            text = canonical_schema(load_package().dictionary)
        except DefinitionError as fault:
            sys.stdout.write(f"{fault}\n")
            return 1
        place = Path(str(schema_file()))
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
    faults = check_package()
    sys.stdout.writelines(f"{fault}\n" for fault in faults)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
