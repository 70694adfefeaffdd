"""Whoever sends message after message that proves nothing has to wait."""

from gateway.transports.https.throttle import FREE_FAILURES
from tests.integration.as2.conftest import As2Running


async def test_many_messages_that_prove_nothing(fresh_as2: As2Running) -> None:
    """The first few are answered by receipts; then all messages from there have to wait."""
    as2 = fresh_as2
    unknown = [as2.partner.pack(b"MSH|", sender="NOBODY") for _ in range(FREE_FAILURES)]
    answered = [await as2.post(message) for message in unknown]

    throttled = await as2.post(as2.partner.pack(b"MSH|", sender="NOBODY"))

    assert [str(as2.receipt(reply).disposition) for reply in answered] == [
        "processed/error: unknown-trading-relationship"
    ] * FREE_FAILURES
    assert throttled.status == 429
    assert int(throttled.headers.get("Retry-After") or 0) >= 1
    assert b"urn:gateway:problem:throttled" in throttled.body
