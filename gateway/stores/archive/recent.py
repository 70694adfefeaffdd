"""What was read or written last, kept in memory, bounded in bytes. Must not know what it keeps."""

import threading
from collections import OrderedDict
from typing import Generic, TypeVar

Kept = TypeVar("Kept")


class Recent(Generic[Kept]):
    """By segment and offset; what was used longest ago goes first. Used by several threads."""

    def __init__(self, size_bytes: int) -> None:
        self._free = size_bytes
        self._kept: OrderedDict[tuple[int, int], tuple[Kept, int]] = OrderedDict()
        self._closed: set[int] = set()
        self._lock = threading.Lock()

    def get(self, key: tuple[int, int]) -> Kept | None:
        """What is kept of `key`."""
        with self._lock:
            found = self._kept.get(key)
            if found is None:
                return None
            self._kept.move_to_end(key)
            return found[0]

    def put(self, key: tuple[int, int], value: Kept, size_bytes: int) -> Kept:
        """Keep `value` for now; nothing of a segment that was forgotten."""
        with self._lock:
            if key[0] not in self._closed:
                self._drop(key)
                self._kept[key] = value, size_bytes
                self._free -= size_bytes
                while self._free < 0:
                    self._drop(next(iter(self._kept)))
        return value

    def forget(self, segment: int) -> None:
        """Keep nothing of `segment` from now on: whoever is reading it this moment must not put it back."""
        with self._lock:
            self._closed.add(segment)
            for key in [key for key in self._kept if key[0] == segment]:
                self._drop(key)

    def _drop(self, key: tuple[int, int]) -> None:
        found = self._kept.pop(key, None)
        if found is not None:
            self._free += found[1]
