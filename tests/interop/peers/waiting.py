"""Waiting for another process: bounded, and failing with what was waited for.

A peer cannot be awaited, only looked at again: this is the one place that sleeps.
"""

import time
from collections.abc import Callable
from typing import TypeVar

# How often is looked. Peers answer within milliseconds, except OpenAS2's poll of a folder each second.
_LOOK_EACH_S = 0.02

Found = TypeVar("Found")


def awaited(look: Callable[[], Found | None], within_s: float, what: str, details: Callable[[], str] = str) -> Found:
    """What `look` finds, once it is not None. Raises AssertionError; `details` then says what there is instead."""
    ends = time.monotonic() + within_s
    while (found := look()) is None:
        if time.monotonic() > ends:
            raise AssertionError(f"no {what} within {within_s:g} s. {details()}")
        time.sleep(_LOOK_EACH_S)
    return found
