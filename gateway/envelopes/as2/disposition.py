"""What an MDN says became of a message, and the fault that leads to it (RFC 4130 section 7.4.3, RFC 3798).

Owns the words that we send and how those of others are read. Must not know where a fault came from.
"""

import re
from dataclasses import dataclass
from enum import StrEnum


class Modifier(StrEnum):
    """Disposition modifiers of RFC 4130 7.4.3 to 7.5.4 that this gateway sends."""

    DECRYPTION_FAILED = "decryption-failed"
    INTEGRITY_CHECK_FAILED = "integrity-check-failed"
    AUTHENTICATION_FAILED = "authentication-failed"
    DECOMPRESSION_FAILED = "decompression-failed"
    INSUFFICIENT_MESSAGE_SECURITY = "insufficient-message-security"
    UNKNOWN_TRADING_RELATIONSHIP = "unknown-trading-relationship"
    SENDER_EQUALS_RECEIVER = "sender-equals-receiver"
    UNSUPPORTED_MIC_ALGORITHMS = "unsupported MIC-algorithms"
    UNSUPPORTED_FORMAT = "unsupported format"
    DUPLICATE_DOCUMENT = "duplicate-document"
    UNEXPECTED_PROCESSING_ERROR = "unexpected-processing-error"


class Kind(StrEnum):
    """The word between `processed` or `failed` and the modifier."""

    ERROR = "error"
    WARNING = "warning"
    FAILURE = "failure"


# `failed/failure` is for what another attempt cannot mend (RFC 4130 7.5.4); everything else was `processed`.
_FAILURES = frozenset(
    {Modifier.SENDER_EQUALS_RECEIVER, Modifier.UNSUPPORTED_MIC_ALGORITHMS, Modifier.UNSUPPORTED_FORMAT}
)

# What the first word of a disposition without a kind of its own says (RFC 4130 7.4.3, RFC 8098 3.2.6).
_KINDS_OF_TYPES: dict[str, Kind | None] = {
    "processed": None,
    "displayed": None,
    "dispatched": None,
    "failed": Kind.FAILURE,
    "denied": Kind.FAILURE,
    "deleted": Kind.FAILURE,
}
# `mode; type[/kind][: text]`: case, blanks and the mode vary, and not everybody writes slash and colon.
_WRITTEN = re.compile(
    r"(?:[^;]*;)?\s*([a-z]+)(?:\s*/\s*([a-z]+)|\s+(error|warning|failure)\b)?\s*:?\s*(.*)", re.IGNORECASE | re.DOTALL
)
_MODIFIER_WORDS = frozenset(modifier.value for modifier in Modifier)
_KIND_WORDS = frozenset(kind.value for kind in Kind)
# Lower case, and a spelling that a product is known for, to our words.
_CANONICAL = {word.lower(): word for word in _MODIFIER_WORDS} | {"decompresion-failed": "decompression-failed"}
# Free text of a partner that an operator reads; a modifier has fewer than 40 characters.
MAXIMUM_TEXT_CHARACTERS = 500


@dataclass(frozen=True, slots=True)
class Disposition:
    """`processed` where `kind` is None. `text` is the modifier's words, free text where another product wrote it."""

    kind: Kind | None = None
    text: str = ""

    @classmethod
    def of(cls, modifier: Modifier) -> "Disposition":
        """What we send for `modifier`."""
        if modifier in _FAILURES:
            return cls(Kind.FAILURE, modifier.value)
        kind = Kind.WARNING if modifier is Modifier.DUPLICATE_DOCUMENT else Kind.ERROR
        return cls(kind, modifier.value)

    @classmethod
    def parse(cls, text: str) -> "Disposition":
        """A Disposition field as products really write it. Raises ValueError where it says nothing that is known.

        An unknown kind counts as an error: a message is taken for received only where that is said.
        """
        match = _WRITTEN.fullmatch(text.strip()[:MAXIMUM_TEXT_CHARACTERS])
        if match is None or match[1].lower() not in _KINDS_OF_TYPES:
            raise ValueError("the disposition is neither processed nor failed")
        kind = _KINDS_OF_TYPES[match[1].lower()]
        word = (match[2] or match[3] or "").lower()
        if kind is None and word:
            kind = Kind(word) if word in _KIND_WORDS else Kind.ERROR
        words = " ".join(match[4].split())
        return cls(kind, _CANONICAL.get(words.lower(), words))

    @property
    def modifier(self) -> Modifier | None:
        """The modifier that the text names, None for free text."""
        return Modifier(self.text) if self.text in _MODIFIER_WORDS else None

    @property
    def is_processed(self) -> bool:
        """The receiver has the message: `processed`, with a warning at most."""
        return self.kind in (None, Kind.WARNING)

    def __str__(self) -> str:
        """As it stands after the `;` of the Disposition field."""
        if self.kind is None:
            return "processed"
        return f"{'failed' if self.kind is Kind.FAILURE else 'processed'}/{self.kind.value}: {self.text}"


PROCESSED = Disposition()


class As2Fault(Exception):
    """A message that cannot be taken as it is. `detail` is a sentence of ours for the operator, without payload."""

    def __init__(self, modifier: Modifier, detail: str) -> None:
        super().__init__(f"{modifier.value}: {detail}")
        self.modifier = modifier
        self.detail = detail

    @property
    def disposition(self) -> Disposition:
        """What the MDN says."""
        return Disposition.of(self.modifier)
