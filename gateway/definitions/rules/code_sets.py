"""External code sets by name: `schemas/codes/<name>.toml`, else one of pyx12's codes.xml (`states`, `pos`...)."""

from functools import cache

from gateway.definitions.guides.catalogue import dictionary, read_schema
from gateway.definitions.guides.model import CodeSet


@cache
def find_code_set(name: str) -> CodeSet:
    """Raises ValueError where there is no such set."""
    document = read_schema(f"codes/{name}.toml") if name.replace("-", "").replace("_", "").isalnum() else None
    if document is not None:
        return CodeSet(name, tuple(sorted(str(code) for code in document.data.get("codes", []))))
    found = dictionary().code_sets.get(name)
    if found is None:
        raise ValueError(f"codes {name}: no such code set")
    return CodeSet(name, tuple(sorted(found)))
