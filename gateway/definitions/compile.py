"""Compiles definitions to the native core's tables: one guide, its rules and its mapping as MessagePack.

Puts the parts together; what they say is theirs. `python -m gateway.definitions.compile GUIDE -o FILE` writes the
bytes for a look from outside. Must not import the native module: formats turn the bytes into a program.
"""

import argparse
import sys
from pathlib import Path

import msgpack

from gateway.definitions.guides.catalogue import catalogue, load_guide
from gateway.definitions.guides.model import Guide
from gateway.definitions.guides.tables import CodeSetNumbers, guide_table
from gateway.definitions.mapping import compile_mapping
from gateway.definitions.positions import DefinitionError, Fault, TomlDocument
from gateway.definitions.programs import Compiled, RuleText
from gateway.definitions.rules.load import package_rules, partner_rules
from gateway.definitions.rules.model import RuleFile
from gateway.definitions.rules.tables import Table, rule_tables

FORMAT = 1
"""native/core/src/tables.rs, FORMAT."""


def compile_definitions(
    version: str, transaction_set: str | None, *, mapped: bool, partner_rule_files: tuple[Path, ...] = ()
) -> Compiled:
    """Everything the core needs for one guide; raises DefinitionError with every fault found."""
    entry = catalogue().entry(version, transaction_set)
    guide = load_guide(version, transaction_set)
    code_sets = CodeSetNumbers()
    table = guide_table(guide, code_sets)
    rules, texts, faults = _rules(entry.overlay, guide, partner_rule_files, code_sets)
    if faults:
        raise DefinitionError(*faults)
    mapping = compile_mapping(guide) if mapped else None
    packed: bytes = msgpack.packb(
        {"format": FORMAT, "guide": table, "code_sets": code_sets.tables, "rules": rules, "mapping": mapping}
    )
    return Compiled(packed, "" if guide.item is None else guide.item.kind, texts)


def _rules(
    overlay: str, guide: Guide, partner_files: tuple[Path, ...], code_sets: CodeSetNumbers
) -> tuple[list[Table], tuple[RuleText, ...], tuple[Fault, ...]]:
    loaded = [package_rules(overlay), *(partner_rules(path) for path in partner_files)]
    files: list[tuple[TomlDocument, RuleFile]] = []
    faults: list[Fault] = []
    for found in loaded:
        if found is not None:
            document, file, form_faults = found
            files.append((document, file))
            faults.extend(form_faults)
    tables, path_faults = rule_tables(guide, tuple(files), code_sets)
    texts = tuple(RuleText(rule.id, rule.message, rule.source) for _, file in files for rule in file.rules)
    return tables, texts, (*faults, *path_faults)


def main(arguments: list[str] | None = None) -> int:
    """Write one guide's tables; 1 and the faults on stderr where the definitions are broken."""
    parser = argparse.ArgumentParser(prog="gateway.definitions.compile", description=main.__doc__)
    parser.add_argument("guide", help="GS08, for example 005010X222A1")
    parser.add_argument("--set", help="ST01, where several sets share the GS08")
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args(arguments)
    try:
        compiled = compile_definitions(options.guide, options.set, mapped=True)
    except DefinitionError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    options.output.write_bytes(compiled.tables)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
