"""The rules of one element as written: its own and those of the fragments that it uses, in order of priority.

Sorts them into attributes, children and the keywords' tables; knows no guide.
"""

from dataclasses import dataclass, field
from typing import Any

from gateway.definitions.mapping.sources import Origin, Section, Sources
from gateway.definitions.positions import Fault

KEYWORDS = frozenset({"element", "from", "each", "tag", "use", "const", "default", "derived"})
RESERVED_ATTRIBUTES = frozenset({"at", "xmlns"})


@dataclass(frozen=True, slots=True)
class Rule:
    """One key of a TOML table. `value` is a path, a list of paths or, for a child element, its table."""

    name: str
    value: Any
    origin: Origin


@dataclass(slots=True)
class RuleSet:
    """The rules of one element."""

    attributes: list[Rule] = field(default_factory=list)
    blocks: list[Rule] = field(default_factory=list)
    constants: list[Rule] = field(default_factory=list)
    defaults: list[Rule] = field(default_factory=list)
    derived: list[Rule] = field(default_factory=list)


def merged_rules(section: Section, sources: Sources, faults: list[Fault]) -> RuleSet:
    """Fragments first, then the section's own; an own rule replaces a fragment's rule of the same name in its place."""
    rules = RuleSet()
    _collect(section, sources, faults, (), rules)
    attributes, blocks = {rule.name for rule in rules.attributes}, {rule.name for rule in rules.blocks}
    attributes |= {rule.name for rule in rules.derived}
    for name in sorted(attributes & blocks):
        origin = next(rule.origin for rule in reversed(rules.blocks) if rule.name == name)
        fault = origin.fault("is an attribute and a child element of the same name")
        if fault not in faults:
            faults.append(fault)
    return rules


def _collect(section: Section, sources: Sources, faults: list[Fault], via: tuple[str, ...], rules: RuleSet) -> None:
    uses = section.data.get("use", [])
    for name in [uses] if isinstance(uses, str) else uses:
        fragment = sources.fragments.get(name)
        if fragment is None:
            _note(faults, section.origin.at("use").fault(f"no [fragment.{name}]"))
        elif name in via:
            _note(faults, section.origin.at("use").fault(f"uses itself: {' -> '.join((*via, name))}"))
        else:
            _collect(fragment, sources, faults, (*via, name), rules)
    for key, value in section.data.items():
        origin = section.origin.at(key)
        if key in {"const", "default", "derived"}:
            _keyword(key, value, origin, faults, rules)
        elif key in KEYWORDS:
            if via and key != "use":
                _note(faults, origin.fault("stands in a fragment, which has no unit of its own"))
        elif key in RESERVED_ATTRIBUTES:
            _note(faults, origin.fault("is an attribute of the engine's own"))
        elif isinstance(value, str) or (
            isinstance(value, list) and value and all(isinstance(one, str) for one in value)
        ):
            _replace(rules.attributes, Rule(key, value, origin))
        elif isinstance(value, dict):
            _replace(rules.blocks, Rule(key, value, origin))
        elif isinstance(value, list) and value and all(isinstance(one, dict) for one in value):
            own = [Rule(key, one, origin.at(index)) for index, one in enumerate(value)]
            at = next((index for index, rule in enumerate(rules.blocks) if rule.name == key), len(rules.blocks))
            rules.blocks[at:] = [*own, *(rule for rule in rules.blocks[at:] if rule.name != key)]
        else:
            _note(faults, origin.fault("must be a path, a list of paths or the table of a child element"))


def _replace(rules: list[Rule], rule: Rule) -> None:
    for index, other in enumerate(rules):
        if other.name == rule.name:
            rules[index] = rule
            return
    rules.append(rule)


def _keyword(key: str, value: Any, origin: Origin, faults: list[Fault], rules: RuleSet) -> None:
    into = {"const": rules.constants, "default": rules.defaults, "derived": rules.derived}[key]
    if not isinstance(value, dict):
        _note(faults, origin.fault("must be a table of names and texts"))
        return
    for name, text in value.items():
        if isinstance(text, str) or (key == "derived" and isinstance(text, list)):
            _replace(into, Rule(name, text, origin.at(name)))
        else:
            _note(faults, origin.at(name).fault("must be text"))


def _note(faults: list[Fault], fault: Fault) -> None:
    if fault not in faults:
        faults.append(fault)
