"""What may be wrong with a CMS message.

Owns the exceptions of this package. Must not know what the caller makes of them. Their texts are sentences of ours
that hold nothing of the content, at most the number of an algorithm.
"""


class CmsError(Exception):
    """The message is malformed, truncated or over a limit."""


class Truncated(CmsError):
    """The bytes end before the message does. Inside of this package: more of them may come."""

    def __init__(self) -> None:
        super().__init__("The message ends too early.")


class UnsupportedAlgorithm(CmsError):
    """The message uses an algorithm that is not read, or parameters of it that are not."""


class NoRecipient(CmsError):
    """The message is encrypted, but to none of our keys."""

    def __init__(self) -> None:
        super().__init__("The message is encrypted to none of our keys.")


class DecryptionFailed(CmsError):
    """Wrong key, padding or tag. Which of them is not said: by the answers, who asks often enough could decrypt."""

    def __init__(self) -> None:
        super().__init__("The content cannot be decrypted.")


class DecompressionFailed(CmsError):
    """The compressed content is damaged, or grows beyond what is allowed."""
