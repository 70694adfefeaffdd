"""How a definition writes an AS2 name (RFC 4130 section 6.2): as it is, without the quotes that the wire adds.

Owns which names can be agreed on. Must not know how a header writes them.
"""

import re

# Printable ASCII, 1 to 128 characters. The standard allows blanks at the ends too, but products strip them, and names
# are compared to the letter.
_NAME = re.compile(r"[!-~](?:[ -~]{0,126}[!-~])?")


def as2_name(text: str) -> str:
    """`text`, or ValueError where it is no AS2 name."""
    if _NAME.fullmatch(text) is None:
        raise ValueError("is no AS2 name: 1 to 128 printable ASCII characters without blanks at the ends")
    return text
