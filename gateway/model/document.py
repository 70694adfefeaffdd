"""A canonical document as it is handed to downstream applications."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Document:
    """One business item as canonical XML. `id` is instance + ordinals, so that a replay gives the same."""

    id: str
    instance: UUID
    kind: str
    partner: str
    guide: str
    interchange: int
    group: int
    set: int
    item: int
    revision: int
    xml: bytes
