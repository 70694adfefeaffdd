"""What this gateway says of itself in the head of every message and receipt.

Owns versions, features and dates. Must not know what a message is about.
"""

from datetime import UTC, datetime

# RFC 6017: from 1.2 on a product says in EDIINT-Features what it can do.
AS2_VERSION = "1.2"
PRODUCT = "Healthcare B2B Gateway"
# Retries keep Message-ID and bytes, and a duplicate gets the earlier receipt: that is AS2-Reliability.
FEATURES = "multiple-attachments, AS2-Reliability"

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def date_text(at: datetime) -> str:
    """As a Date field has it (RFC 5322 3.3), in English whatever the locale."""
    utc = at.astimezone(UTC)
    date = f"{_DAYS[utc.weekday()]}, {utc.day:02} {_MONTHS[utc.month - 1]} {utc.year:04}"
    return f"{date} {utc.hour:02}:{utc.minute:02}:{utc.second:02} +0000"


def head_fields(sender: str, receiver: str, message_id: str, at: datetime) -> list[tuple[str, str]]:
    """The fields that open each of our heads. The names are quoted already where they have to be."""
    return [
        ("AS2-Version", AS2_VERSION),
        ("AS2-Product", PRODUCT),
        ("AS2-From", sender),
        ("AS2-To", receiver),
        ("Message-ID", message_id),
        ("Date", date_text(at)),
        ("MIME-Version", "1.0"),
        ("EDIINT-Features", FEATURES),
    ]
