"""Boundaries of the MIME parts that we write."""

import secrets

# 96 bits: no payload holds it by chance.
_BYTES = 12


def new_boundary() -> str:
    """Unique; begins with what occurs in no base64 and no X12."""
    return f"=_{secrets.token_hex(_BYTES)}"
