"""Reads rule files: `schemas/x12/rules/<guide>.toml`, and the same form under a partner (a companion guide).

Checks the form of each rule, every fault with file and line; a faulty rule is left out, the rest stands. Whether its
paths exist is for `tables` to say, since that needs the guide.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path as FilePath
from typing import Any, TypeVar

from gateway.definitions.guides.catalogue import catalogue, read_schema
from gateway.definitions.positions import Fault, Path, TomlDocument, read_toml
from gateway.definitions.rules.model import Condition, Rule, RuleFile, RuleKind, RuleSeverity, Sample, Term

_Converted = TypeVar("_Converted")

# native/core/src/tables.rs, CheckTable.
CHECKS = frozenset({"npi", "dates_in_order", "pointer_exists", "unique", "sequence", "not_in_future"})

_COMMON = frozenset(
    {"id", "kind", "snip", "severity", "carrier", "anchor", "at", "message", "source", "accept", "reject"}
)
_REQUIRED = frozenset({"id", "kind", "snip", "severity", "anchor", "message", "source"})
_OWN: dict[RuleKind, frozenset[str]] = {
    RuleKind.BALANCE: frozenset({"left", "right", "when"}),
    RuleKind.REQUIRES: frozenset({"when", "when_any", "then"}),
    RuleKind.FORBIDS: frozenset({"when", "when_any", "then"}),
    RuleKind.CODES: frozenset({"values", "codes"}),
    RuleKind.CHECK: frozenset({"check", "values"}),
}
_NEEDED: dict[RuleKind, frozenset[str]] = {
    RuleKind.BALANCE: frozenset({"left", "right"}),
    RuleKind.REQUIRES: frozenset({"then"}),
    RuleKind.FORBIDS: frozenset({"then"}),
    RuleKind.CODES: frozenset({"values", "codes"}),
    RuleKind.CHECK: frozenset({"check", "values"}),
}
_ID = re.compile(r"[a-z0-9][a-z0-9-]{2,63}")
_CARRIER = re.compile(r"(?:IK304|IK403):[I]?\d{1,2}")
_CONDITION = re.compile(r"(?P<not>not\s+)?(?P<path>\S+)(?:\s*=\s*(?P<codes>\S+))?")


def read_rules(document: TomlDocument) -> tuple[RuleFile, tuple[Fault, ...]]:
    """The rules of one file that are well formed, and what is wrong with the others."""
    rules: list[Rule] = []
    entries, shape_faults = document.tables("rule")
    faults = [
        *shape_faults,
        *(
            document.fault((key,), "is not a part of a rule file (rule, severity, sample)")
            for key in document.data
            if key not in {"rule", "severity", "sample"}
        ),
    ]
    seen: set[str] = set()
    for path, entry in entries:
        try:
            rule = _Entry(document, path, entry).rule()
        except _FormFaultError as error:
            faults.append(document.fault((*path, *error.keys), str(error)))
            continue
        if rule.id in seen:
            faults.append(document.fault((*path, "id"), f"{rule.id} is there twice"))
            continue
        seen.add(rule.id)
        rules.append(rule)
    severities, severity_faults = _severities(document)
    sample = document.data.get("sample", "")
    if not isinstance(sample, str) or not sample.isascii():
        faults.append(document.fault(("sample",), "is no ASCII text"))
        sample = ""
    return RuleFile(document.file, tuple(rules), severities, sample), (*faults, *severity_faults)


def _severities(document: TomlDocument) -> tuple[tuple[tuple[str, RuleSeverity], ...], tuple[Fault, ...]]:
    found = document.data.get("severity", {})
    if not isinstance(found, dict):
        return (), (document.fault(("severity",), "is written as [severity]"),)
    known = {str(severity): severity for severity in RuleSeverity}
    faults = tuple(
        document.fault(("severity", rule_id), f"is none of {', '.join(known)}")
        for rule_id, severity in found.items()
        if str(severity) not in known
    )
    return tuple((rule_id, known[str(word)]) for rule_id, word in found.items() if str(word) in known), faults


def package_rules(overlay: str) -> tuple[TomlDocument, RuleFile, tuple[Fault, ...]] | None:
    """The package's rules for one guide, None where it has none. Raises DefinitionError where the file is no TOML."""
    document = read_schema(f"x12/rules/{overlay}.toml")
    if document is None:
        return None
    file, faults = read_rules(document)
    return document, file, faults


def package_rule_texts() -> Iterator[Rule]:
    """Every rule that the package brings, of all guides."""
    for overlay in sorted({entry.overlay for entry in catalogue().entries.values()}):
        found = package_rules(overlay)
        if found is not None:
            yield from found[1].rules


def partner_rules(path: FilePath) -> tuple[TomlDocument, RuleFile, tuple[Fault, ...]]:
    """A companion guide's rules. Raises DefinitionError where the file is no TOML, OSError where it is missing."""
    document = read_toml(str(path), path.read_bytes())
    file, faults = read_rules(document)
    return document, file, faults


class _FormFaultError(ValueError):
    """What is wrong with one rule; `keys` is the place inside it."""

    def __init__(self, message: str, *keys: str | int) -> None:
        super().__init__(message)
        self.keys = keys


class _Entry:
    """One `[[rule]]` table."""

    def __init__(self, document: TomlDocument, path: Path, entry: dict[str, Any]) -> None:
        self.document = document
        self.path = path
        self.entry = entry

    def rule(self) -> Rule:
        kind = self._kind()
        self._check_keys(kind)
        severity = self._one_of("severity", RuleSeverity)
        carrier = self._text("carrier", "")
        if carrier and _CARRIER.fullmatch(carrier) is None:
            raise _FormFaultError("is no code of IK304 or IK403, such as IK403:7", "carrier")
        if _ID.fullmatch(self._text("id")) is None:
            raise _FormFaultError("is not of small letters, digits and dashes", "id")
        snip = self.entry["snip"]
        if not isinstance(snip, int) or snip not in range(1, 8):
            raise _FormFaultError("is no SNIP type from 1 to 7", "snip")
        check = self._optional_text("check")
        if check is not None and check not in CHECKS:
            raise _FormFaultError(f"is none of {', '.join(sorted(CHECKS))}", "check")
        return Rule(
            id=self._text("id"),
            kind=kind,
            snip=snip,
            severity=severity,
            carrier=carrier,
            anchors=self._texts("anchor"),
            at=self._optional_text("at"),
            message=self._text("message"),
            source=self._text("source"),
            when=self._list("when", _condition),
            when_any=self._list("when_any", _condition),
            then=self._list("then", _condition),
            left=self._list("left", _term),
            right=self._list("right", _term),
            values=self._texts("values"),
            code_set=self._optional_text("codes"),
            check=check,
            accept=self._list("accept", _sample),
            reject=self._list("reject", _sample),
            place=self.path,
        )

    def _kind(self) -> RuleKind:
        missing = sorted(_REQUIRED - set(self.entry))
        if missing:
            raise _FormFaultError(f"lacks {', '.join(missing)}")
        return self._one_of("kind", RuleKind)

    def _check_keys(self, kind: RuleKind) -> None:
        for key in self.entry:
            if key not in _COMMON | _OWN[kind]:
                raise _FormFaultError(f"is not a key of a {kind} rule", key)
        missing = sorted(_NEEDED[kind] - set(self.entry))
        if missing:
            raise _FormFaultError(f"lacks {', '.join(missing)}, which a {kind} rule needs")

    def _one_of(self, key: str, kinds: Callable[[Any], _Converted]) -> _Converted:
        try:
            return kinds(self.entry[key])
        except ValueError as error:
            raise _FormFaultError(str(error), key) from None

    def _text(self, key: str, default: str | None = None) -> str:
        value = self.entry.get(key, default)
        if not isinstance(value, str):
            raise _FormFaultError("is no text", key)
        return value

    def _optional_text(self, key: str) -> str | None:
        return self._text(key) if key in self.entry else None

    def _texts(self, key: str) -> tuple[str, ...]:
        value = self.entry.get(key, [])
        if isinstance(value, str):
            return (value,)
        return self._list(key, _as_text)

    def _list(self, key: str, convert: Callable[[Any], _Converted]) -> tuple[_Converted, ...]:
        value = self.entry.get(key, [])
        if not isinstance(value, list):
            raise _FormFaultError("is no list", key)
        converted: list[_Converted] = []
        for number, item in enumerate(value):
            try:
                converted.append(convert(item))
            except (TypeError, ValueError) as error:
                raise _FormFaultError(str(error), key, number) from None
        return tuple(converted)


def _as_text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("is no text")
    return value


def _condition(value: Any) -> Condition:
    match = _CONDITION.fullmatch(_as_text(value).strip())
    if match is None:
        raise ValueError("is no condition, such as `CLM05-3 = 7|8` or `not REF[F8]`")
    codes = tuple(match["codes"].split("|")) if match["codes"] else ()
    return Condition(match["path"], codes, match["not"] is not None)


def _term(value: Any) -> Term:
    text = _as_text(value).strip()
    return Term(-1, text[1:].strip()) if text.startswith("-") else Term(1, text)


def _sample(value: Any) -> Sample:
    """A list of [old, new]; a text of two letters would unpack too."""
    if not isinstance(value, list) or not all(isinstance(edit, list) and len(edit) == 2 for edit in value):
        raise ValueError("is no list of [old, new]")
    return Sample(tuple((_as_text(old), _as_text(new)) for old, new in value))
