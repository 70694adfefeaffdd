"""How large a message may be, beside its content.

Owns the bounds that a caller may choose. Those of the encoding itself stand in `ber.py` and `octets.py`.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CmsLimits:
    """Bounds on what is held in memory, and on what compressed content may grow to."""

    # A recipient takes about 600 bytes with RSA-4096: room for 400 of them.
    head_bytes: int = 256 << 10
    # Behind the content stand certificates, revocation lists and signatures; some authorities' lists are large.
    tail_bytes: int = 4 << 20
    # Spools and archives are made for files of a few GB.
    inflated_bytes: int = 4 << 30
    # Claims and lab results shrink 5 to 20 times, forms padded with blanks 100 times; a bomb 1,000 times.
    inflated_ratio: int = 200
    # What is this small is no bomb whatever its ratio.
    inflated_free_bytes: int = 16 << 20


DEFAULT_LIMITS = CmsLimits()
