"""Content-Type and Content-Disposition: a value and its parameters (RFC 2045 section 5.1, RFC 2183).

Owns quoting. Must not know what a type means.
"""

import re
from typing import NamedTuple

# An unclosed quote takes the rest of the text, so that each character is looked at once.
_PARAMETER = re.compile(r';\s*([^\s=;"]+)\s*=\s*(?:"([^"\\]*+(?:\\.[^"\\]*+)*+)(?:"|\\?\Z)|([^\s;]*))', re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_TO_ESCAPE = re.compile(r'(["\\])')


class Parametrised(NamedTuple):
    """A value in lower case and its parameters, names in lower case.

    Extended parameters (`name*=`, `name*0=`, RFC 2231) keep their star, so that none is taken for the plain one.
    """

    value: str
    parameters: tuple[tuple[str, str], ...]

    @classmethod
    def parse(cls, text: str) -> "Parametrised":
        """Any text gives a value: what is no parameter is passed over."""
        end = text.find(";")
        if end < 0:
            return cls(text.strip().lower(), ())
        found = _PARAMETER.findall(text, end)
        if "\\" in text:
            found = [(name, _ESCAPED.sub(r"\1", inside), bare) for name, inside, bare in found]
        return cls(text[:end].strip().lower(), tuple([(name.lower(), inside or bare) for name, inside, bare in found]))

    def get(self, name: str) -> str | None:
        """The first parameter of that name (in lower case)."""
        for each, value in self.parameters:
            if each == name:
                return value
        return None


def media_type(text: str | None) -> str:
    """The value alone, in lower case; empty where there is no field."""
    return text.partition(";")[0].strip().lower() if text else ""


def in_quotes(text: str) -> str:
    """As a quoted string: quotes and backslashes escaped."""
    return '"' + _TO_ESCAPE.sub(r"\\\1", text) + '"'
