"""The form of `limits`, the same for an agreement and an AS2 relationship."""

from pydantic import Field

from gateway.definitions.forms import Form


class LimitsForm(Form):
    """What one message may be."""

    size_bytes: int = Field(default=1 << 30, ge=1024)
