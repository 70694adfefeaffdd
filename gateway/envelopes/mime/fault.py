"""What is wrong with the syntax of a MIME entity.

Owns the one exception of this package. Must not know what the caller makes of it.
"""


class MimeError(ValueError):
    """Bytes that are no MIME entity, or one over a limit. The text says what is wrong, never what the bytes hold."""
