"""Where in a TOML file each key stands, and the fault that points there.

tomllib gives values without positions, so a second, small scanner walks text that tomllib has already accepted and
notes the line of every key and array item. Shared by all readers of definitions. Must not know what the keys mean.
"""

import re
import tomllib
from dataclasses import dataclass, field
from typing import Any

Path = tuple[str | int, ...]

# Definition files are written by people; beyond this a file is a mistake, and reading it a waste of memory.
MAX_TOML_BYTES = 4 << 20

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_BASIC = re.compile(r'"(?:[^"\\\n]|\\.)*"')
_LITERAL = re.compile(r"'[^'\n]*'")
_MULTI_BASIC = re.compile(r'"""(?:[^\\]|\\.)*?"""(?:"{0,2})', re.DOTALL)
_MULTI_LITERAL = re.compile(r"'''.*?'''(?:'{0,2})", re.DOTALL)
_SCALAR = re.compile(r"[^,\]}\n#]*")
_BLANK = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_ERROR_LINE = re.compile(r"\(at line (\d+), column \d+\)")


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """What is wrong in one definition file. `line` is from 1, 0 where the file as a whole is meant."""

    file: str
    line: int
    key: str
    message: str

    def __str__(self) -> str:
        """`file:line: key: message`, the form that editors jump to."""
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.key}: {self.message}" if self.key else f"{place}: {self.message}"


class DefinitionError(ValueError):
    """A definition file cannot be used; `faults` says why, each with file and line."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = faults


@dataclass(frozen=True, slots=True)
class TomlDocument:
    """One parsed TOML file with the line of every key."""

    file: str
    data: dict[str, Any]
    lines: dict[Path, int] = field(repr=False)

    def line(self, path: Path) -> int:
        """The line of `path`, or of the nearest key that encloses it; 0 where none does."""
        for length in range(len(path), 0, -1):
            found = self.lines.get(path[:length])
            if found is not None:
                return found
        return 0

    def tables(self, key: str) -> tuple[list[tuple[Path, dict[str, Any]]], tuple[Fault, ...]]:
        """The `[[key]]` tables with their paths; a fault where `key` is something else."""
        found = self.data.get(key, [])
        if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
            return [], (self.fault((key,), f"is written as [[{key}]]"),)
        return [((key, number), entry) for number, entry in enumerate(found)], ()

    def fault(self, path: Path, message: str) -> Fault:
        """A fault at the line of `path`."""
        return Fault(self.file, self.line(path), key_text(path), message)


def key_text(path: Path) -> str:
    """`identities[0].id` for `("identities", 0, "id")`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}" if text else part
    return text


def read_toml(file: str, text: str | bytes) -> TomlDocument:
    """Parse one file; raises DefinitionError with the line where the text is no TOML or no UTF-8."""
    if len(text) > MAX_TOML_BYTES:
        raise DefinitionError(Fault(file, 0, "", f"is larger than {MAX_TOML_BYTES} bytes"))
    decoded = (text if isinstance(text, str) else _decode(file, text)).replace("\r\n", "\n")
    try:
        return TomlDocument(file, tomllib.loads(decoded), _Scanner(decoded).scan())
    except tomllib.TOMLDecodeError as error:
        at = _ERROR_LINE.search(str(error))
        line = int(at[1]) if at else decoded.count("\n") + 1
        raise DefinitionError(Fault(file, line, "", f"is not TOML: {error}")) from None
    except RecursionError:
        raise DefinitionError(Fault(file, 0, "", "is nested too deeply")) from None


def _decode(file: str, text: bytes) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        line = text[: error.start].count(b"\n") + 1
        raise DefinitionError(Fault(file, line, "", "is not UTF-8 text")) from None


class _Scanner:
    """Walks valid TOML. Every method leaves `at` behind what it read."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.line_at = 0
        self.line = 1
        self.lines: dict[Path, int] = {}
        self.array_sizes: dict[Path, int] = {}

    def scan(self) -> dict[Path, int]:
        base: Path = ()
        self._skip(_BLANK)
        while self.at < len(self.text):
            if self.text[self.at] == "[":
                base = self._header()
            else:
                self._pair(base)
            self._skip(_BLANK)
        return self.lines

    def _skip(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self.text, self.at)
        if match is None:  # tomllib accepted the text, so this is a gap in the scanner: end, lines stay approximate
            self.at = len(self.text)
            return ""
        self.at = match.end()
        return match[0]

    def _note(self, path: Path) -> None:
        self.line += self.text.count("\n", self.line_at, self.at)
        self.line_at = max(self.line_at, self.at)
        self.lines.setdefault(path, self.line)

    def _header(self) -> Path:
        is_array = self.text.startswith("[[", self.at)
        start, self.at = self.at, self.at + (2 if is_array else 1)
        keys = self._keys()
        self._skip(_SPACE)
        end, self.at = self.at + (2 if is_array else 1), start
        path: Path = ()
        for number, key in enumerate(keys, 1):
            path = (*path, key)
            self._note(path)
            is_last = number == len(keys)
            if is_last and is_array:
                self.array_sizes[path] = self.array_sizes.get(path, 0) + 1
            if path in self.array_sizes:
                path = (*path, self.array_sizes[path] - 1)
                self._note(path)
        self.at = end
        return path

    def _keys(self) -> list[str]:
        keys: list[str] = []
        while True:
            self._skip(_SPACE)
            keys.append(self._key())
            self._skip(_SPACE)
            if self.text[self.at : self.at + 1] != ".":
                return keys
            self.at += 1

    def _key(self) -> str:
        first = self.text[self.at : self.at + 1]
        if first == "'":
            return self._skip(_LITERAL)[1:-1]
        if first == '"':
            raw = self._skip(_BASIC)
            return str(tomllib.loads(f"key = {raw}")["key"])
        return self._skip(_BARE_KEY)

    def _pair(self, base: Path) -> None:
        start = self.at
        keys = self._keys()
        end, self.at = self.at, start
        path = base
        for key in keys:
            path = (*path, key)
            self._note(path)
        self.at = end + 1  # the equals sign
        self._skip(_SPACE)
        self._value(path)

    def _value(self, path: Path) -> None:
        first = self.text[self.at : self.at + 1]
        if first == "[":
            self._array(path)
        elif first == "{":
            self._inline_table(path)
        elif self.text.startswith('"""', self.at):
            self._skip(_MULTI_BASIC)
        elif self.text.startswith("'''", self.at):
            self._skip(_MULTI_LITERAL)
        elif first in {'"', "'"}:
            self._skip(_BASIC if first == '"' else _LITERAL)
        else:
            self._skip(_SCALAR)

    def _array(self, path: Path) -> None:
        self.at += 1
        index = 0
        self._skip(_BLANK)
        while self.text[self.at : self.at + 1] not in {"]", ""}:
            self._note((*path, index))
            self._value((*path, index))
            self._skip(_BLANK)
            if self.text[self.at : self.at + 1] == ",":
                self.at += 1
                self._skip(_BLANK)
            index += 1
        self.at += 1

    def _inline_table(self, path: Path) -> None:
        self.at += 1
        self._skip(_BLANK)
        while self.text[self.at : self.at + 1] not in {"}", ""}:
            self._pair(path)
            self._skip(_BLANK)
            if self.text[self.at : self.at + 1] == ",":
                self.at += 1
                self._skip(_BLANK)
        self.at += 1
