"""What went wrong in a step, and whether trying again can help.

Owns the classes of failures and texts without payload. Must not know which step failed, nor count attempts.
"""

import traceback
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.pipeline.ports import NotInArchive, StoreBusy, StoreFull
from gateway.pipeline.states import FailureClass, StepName


class OriginalUnfinished(Exception):
    """This message repeats one that is still being processed: its acknowledgements are not there yet."""


class MessageIdReused(Exception):
    """An AS2 Message-ID came again with another payload: only the partner knows which one counts."""


class StepFailed(Exception):
    """A step ended with an error; `__cause__` is it."""

    def __init__(self, name: StepName, started_at: datetime, cause: Exception) -> None:
        super().__init__(f"{name} failed")
        self.name = name
        self.started_at = started_at
        self.cause = cause


@dataclass(frozen=True, slots=True)
class Backoff:
    """When to try again: `first_s` doubled each time, at most `longest_s`, `attempts` in all."""

    first_s: float = 1.0
    longest_s: float = 300.0
    attempts: int = 10

    def next_at(self, now: datetime, attempt: int, failure: FailureClass) -> datetime | None:
        """None where trying again cannot help, or has not helped often enough."""
        if failure is not FailureClass.TRANSIENT or attempt >= self.attempts:
            return None
        return now + timedelta(seconds=min(self.longest_s, self.first_s * 2 ** max(0, attempt - 1)))


def classify(error: Exception) -> FailureClass:
    """Only what the surroundings caused may pass by itself; a fault of ours fails the same way again."""
    if isinstance(error, StoreBusy | StoreFull | OriginalUnfinished | OSError | TimeoutError):
        return FailureClass.TRANSIENT
    if isinstance(error, MessageIdReused):
        return FailureClass.AMBIGUOUS
    return FailureClass.PERMANENT


def describe(error: Exception) -> str:
    """For the operator. The text of an error that is not ours may hold payload: only its type and place are told."""
    if isinstance(error, StoreBusy | StoreFull | OriginalUnfinished | NotInArchive | MessageIdReused):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return f"{type(error).__name__}: {error.strerror}"
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {frames[-1].name}, line {frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{place}"
