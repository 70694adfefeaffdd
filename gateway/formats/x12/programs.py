"""Compiled programs by their tables.

Owns that the same tables are compiled once per process. Must not know where tables come from.
"""

from collections import OrderedDict
from hashlib import sha256
from threading import Lock

from gateway import _native
from gateway._native import Program, TableError

__all__ = ["PROGRAMS", "Program", "ProgramCache", "TableError"]

# More guides than one gateway serves at a time, with those of a reload beside them.
MAX_PROGRAMS = 256
# Table bytes kept to know them again, about 0.7 MB each: the guides that are in use at one time.
MAX_KNOWN_TABLES = 32


class ProgramCache:
    """Programs by the digest of their tables, the least recently used dropped first. Safe for threads."""

    def __init__(self, capacity: int = MAX_PROGRAMS) -> None:
        self._capacity = capacity
        self._programs: OrderedDict[bytes, Program] = OrderedDict()
        # The same bytes object again is not digested again (half a megabyte). It is kept, so its id is not reused.
        self._seen: OrderedDict[int, tuple[bytes, Program]] = OrderedDict()
        self._lock = Lock()

    def get(self, tables: bytes) -> Program:
        """The program of these MessagePack tables.

        Raises:
            TableError: The tables are not what the native core reads.
        """
        with self._lock:
            seen = self._seen.get(id(tables))
            if seen is not None:
                self._seen.move_to_end(id(tables))
                return seen[1]
            program = self._by_digest(tables)
            self._seen[id(tables)] = (tables, program)
            if len(self._seen) > MAX_KNOWN_TABLES:
                self._seen.popitem(last=False)
            return program

    def _by_digest(self, tables: bytes) -> Program:
        digest = sha256(tables).digest()
        program = self._programs.get(digest)
        if program is None:
            program = _native.compile_program(tables)
            self._programs[digest] = program
            if len(self._programs) > self._capacity:
                self._programs.popitem(last=False)
        self._programs.move_to_end(digest)
        return program


PROGRAMS = ProgramCache()
