"""A spool in memory: documents of small messages, and of tests."""


class MemorySpool:
    """One growing buffer."""

    def __init__(self) -> None:
        self._data = bytearray()

    def write(self, data: bytes, /) -> int:
        """Append; returns where `data` begins."""
        begin = len(self._data)
        self._data += data
        return begin

    def read(self, start: int, end: int) -> bytes:
        """Bytes `start` to `end`."""
        return bytes(self._data[start:end])

    def close(self) -> None:
        """Forget it all."""
        self._data.clear()
