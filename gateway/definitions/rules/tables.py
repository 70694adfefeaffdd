"""Rules against a guide: paths resolved, written as the native core's RuleTable (native/core/src/tables.rs)."""

from collections.abc import Iterator
from typing import Any

from gateway.definitions.guides.catalogue import dictionary
from gateway.definitions.guides.model import CodeSet, Guide, Loop
from gateway.definitions.guides.tables import CodeSetNumbers
from gateway.definitions.positions import Fault, TomlDocument
from gateway.definitions.rules.model import Condition, Rule, RuleFile, RuleKind, RuleSeverity, Term
from gateway.definitions.rules.paths import SlotPath, resolve

Table = dict[str, Any]
POINTER_EXISTS = "pointer_exists"


def rule_tables(
    guide: Guide,
    files: tuple[tuple[TomlDocument, RuleFile], ...],
    code_sets: CodeSetNumbers,
) -> tuple[list[Table], tuple[Fault, ...]]:
    """RuleTable of every rule of `files`; later files may set the severity of earlier rules.

    A rule whose path, anchor or code set points nowhere is left out and is a fault.
    """
    severities = {rule_id: severity for _, file in files for rule_id, severity in file.severities}
    known = {rule.id for _, file in files for rule in file.rules}
    tables: list[Table] = []
    faults: list[Fault] = [
        document.fault(("severity", rule_id), "there is no such rule for this guide")
        for document, file in files
        for rule_id, _ in file.severities
        if rule_id not in known
    ]
    for document, file in files:
        for rule in file.rules:
            severity = severities.get(rule.id, rule.severity)
            if severity is RuleSeverity.OFF:
                continue
            try:
                tables.extend(_Writer(guide, rule, severity, code_sets).tables())
            except ValueError as error:
                faults.append(document.fault(rule.place, f"{rule.id}: {error}"))
    return tables, tuple(faults)


class _Writer:
    """One rule; an anchor that is in the guide twice, or alternatives, make several tables of one id."""

    def __init__(self, guide: Guide, rule: Rule, severity: RuleSeverity, code_sets: CodeSetNumbers) -> None:
        self.guide = guide
        self.rule = rule
        self.severity = severity
        self.code_sets = code_sets

    def tables(self) -> Iterator[Table]:
        for name in self.rule.anchors:
            anchors = self.guide.loops_at(name)
            if not anchors:
                raise ValueError(f"anchor {name}: no such loop in the guide")
            for anchor in anchors:
                for kind in self._kinds(anchor):
                    yield self._table(anchor, kind)

    def _table(self, anchor: Loop, kind: Table) -> Table:
        return {
            "id": self.rule.id,
            "snip": self.rule.snip,
            "severity": self.severity.value,
            "carrier": self.rule.carrier,
            "anchor": anchor.index,
            "at": None if self.rule.at is None else self._path(anchor, self.rule.at),
            "kind": {self.rule.kind.value: kind},
        }

    def _kinds(self, anchor: Loop) -> Iterator[Table]:
        rule = self.rule
        match rule.kind:
            case RuleKind.BALANCE:
                yield {
                    "when": self._conditions(anchor, rule.when),
                    "left": self._terms(anchor, rule.left),
                    "right": self._terms(anchor, rule.right),
                }
            case RuleKind.REQUIRES | RuleKind.FORBIDS:
                alternatives = [(*rule.when, one) for one in rule.when_any] or [rule.when]
                for when in alternatives:
                    yield {"when": self._conditions(anchor, when), "then": self._conditions(anchor, rule.then)}
            case RuleKind.CODES:
                number = self._code_set()
                for path in rule.values:
                    yield {"value": self._path(anchor, path), "code_set": number}
            case RuleKind.CHECK:
                for values in self._checked(rule):
                    yield {"check": rule.check, "values": [self._path(anchor, path) for path in values]}

    def _checked(self, rule: Rule) -> list[tuple[str, ...]]:
        """Pointers: each path against the last, which holds what they point to."""
        if rule.check != POINTER_EXISTS:
            return [rule.values]
        return [(pointer, rule.values[-1]) for pointer in rule.values[:-1]]

    def _code_set(self) -> int | None:
        name = self.rule.code_set or ""
        codes = dictionary().code_sets.get(name)
        if codes is None:
            raise ValueError(f"codes {name}: no such code set")
        return self.code_sets.number(CodeSet(name, tuple(sorted(codes))))

    def _conditions(self, anchor: Loop, conditions: tuple[Condition, ...]) -> list[Table]:
        return [
            {
                "value": self._path(anchor, condition.path),
                "any_of": list(condition.any_of),
                "negated": condition.negated,
            }
            for condition in conditions
        ]

    def _terms(self, anchor: Loop, terms: tuple[Term, ...]) -> list[Table]:
        return [{"sign": term.sign, "value": self._path(anchor, term.path)} for term in terms]

    def _path(self, anchor: Loop, text: str) -> Table:
        return _path_table(resolve(self.guide, anchor, text))


def _path_table(path: SlotPath) -> Table:
    return {
        "base": path.base,
        "loops": list(path.loops),
        "segments": list(path.segments),
        "conditions": [
            {"element": condition.element, "component": condition.component, "any_of": list(condition.any_of)}
            for condition in path.conditions
        ],
        "elements": list(path.elements),
        "component": path.component,
    }
