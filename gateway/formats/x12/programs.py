"""Compiled programs by their tables.

Owns that the same tables are compiled once per process. Must not know where tables come from.
"""

from collections import OrderedDict
from hashlib import sha256
from threading import Lock

from gateway import _native
from gateway._native import Program

__all__ = ["PROGRAMS", "Program", "ProgramCache"]

# More guides than one gateway serves at a time, with those of a reload beside them.
MAX_PROGRAMS = 256


class ProgramCache:
    """Programs by the digest of their tables, the least recently used dropped first. Safe for threads."""

    def __init__(self, capacity: int = MAX_PROGRAMS) -> None:
        self._capacity = capacity
        self._programs: OrderedDict[bytes, Program] = OrderedDict()
        self._lock = Lock()

    def get(self, tables: bytes) -> Program:
        """The program of these MessagePack tables.

        Raises:
            TableError: The tables are not what the native core reads.
        """
        digest = sha256(tables).digest()
        with self._lock:
            program = self._programs.get(digest)
            if program is None:
                program = _native.compile_program(tables)
                self._programs[digest] = program
                if len(self._programs) > self._capacity:
                    self._programs.popitem(last=False)
            self._programs.move_to_end(digest)
            return program


PROGRAMS = ProgramCache()
