"""External code sets: pyx12's codes.xml, corrected and completed by `schemas/codes/<name>.toml`.

A file either corrects pyx12's set of its name (`add`, `remove`, with reason) or is a set of its own (`codes`). Must not
know which elements use a set.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from gateway.definitions.positions import Fault, TomlDocument

_KEYS = frozenset({"codes", "add", "remove", "reason", "source"})


def correct_code_sets(
    known: Mapping[str, tuple[str, ...]], documents: Iterable[tuple[str, TomlDocument]]
) -> tuple[dict[str, tuple[str, ...]], tuple[Fault, ...]]:
    """The sets after all `documents` (name and file); faulty files change nothing."""
    sets = dict(known)
    faults: list[Fault] = []
    for name, document in documents:
        found = list(_form_faults(document))
        if not found:
            codes = document.data.get("codes")
            if codes is not None and name in known:
                found.append(document.fault(("codes",), f"{name} is a set of pyx12: correct it by add and remove"))
            elif codes is not None:
                sets[name] = tuple(codes)
            else:
                found.extend(_correct(sets, name, document))
        faults.extend(found)
    return sets, tuple(faults)


def _correct(sets: dict[str, tuple[str, ...]], name: str, document: TomlDocument) -> Iterable[Fault]:
    if name not in sets:
        yield document.fault(("add",), f"pyx12 has no set {name}; a set of its own has `codes`")
        return
    before = sets[name]
    for code in document.data.get("add", []):
        if code in before:
            yield document.fault(("add",), f"{code} changes nothing: the set has it already")
    for code in document.data.get("remove", []):
        if code not in before:
            yield document.fault(("remove",), f"{code} changes nothing: the set does not have it")
    removed = set(document.data.get("remove", []))
    sets[name] = (*(code for code in before if code not in removed), *document.data.get("add", []))


def _form_faults(document: TomlDocument) -> Iterable[Fault]:
    for key in document.data:
        if key not in _KEYS:
            yield document.fault((key,), f"is none of {', '.join(sorted(_KEYS))}")
    for key in ("codes", "add", "remove"):
        if not _is_list_of_texts(document.data.get(key, [])):
            yield document.fault((key,), "is no list of different texts")
    needed = ("source",) if "codes" in document.data else ("reason", "source")
    for key in needed:
        if not isinstance(document.data.get(key), str):
            yield document.fault((key,), "is missing: who says so, and why")


def _is_list_of_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value) and len(set(value)) == len(value)
