"""Rows of steps, as both the end of a message and its failure write them."""

from typing import Any

from gateway.pipeline.records import (
    StepEnded,
)
from gateway.stores.ledger.values import to_us


def step_columns(step: StepEnded) -> dict[str, Any]:
    """One row, but for the instance."""
    return {
        "name": step.name.value,
        "state": step.state.value,
        "attempt": step.attempt,
        "started_us": to_us(step.started_at),
        "ended_us": to_us(step.ended_at),
        "failure": None if step.failure is None else step.failure.value,
        "error": step.error,
        "definitions": " ".join(step.definitions),
    }
