"""Retention and legal holds over a real archive: what is past its term cannot be read any more, what is held can."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from gateway.pipeline.ports import NotInArchive
from gateway.pipeline.records import DeliveryUnit, LeaseRequest
from gateway.pipeline.retention import Retention, RetentionTerms
from gateway.stores.archive import SegmentArchive
from gateway.stores.archive.shredder import ArchiveShredder
from gateway.stores.archive.verifying import verify
from tests.integration.as2.conftest import As2Running
from tests.integration.as2.test_evidence import sent_and_done

_EVERYTHING = LeaseRequest("office", DeliveryUnit.ITEM, 100, 60.0)


class Later:
    """Time as it will be."""

    def __init__(self, days: int) -> None:
        self._days = days

    def now(self) -> datetime:
        """UTC."""
        return datetime.now(UTC) + timedelta(days=self._days)


def retention(as2: As2Running, terms: RetentionTerms, *, after_days: int) -> Retention:
    """As it runs in so many days."""
    pipeline = as2.gateway._pipeline
    return Retention(pipeline.ledger, ArchiveShredder(archive_of(as2)), Later(after_days), lambda: terms)


def archive_of(as2: As2Running) -> SegmentArchive:
    """The gateway's."""
    archive = as2.gateway._pipeline.exchange._archive
    assert isinstance(archive, SegmentArchive)
    return archive


async def payload(as2: As2Running, instance: UUID) -> bytes:
    """Read from the archive."""
    detail = await as2.gateway._pipeline.ledger.show(instance)
    assert detail is not None
    return b"".join(archive_of(as2).read(detail.row.archived))


async def deliver_all(as2: As2Running) -> None:
    """Nothing past its term goes while an application still has to fetch it."""
    lease = await as2.gateway._pipeline.deliveries.lease(_EVERYTHING)
    for each in lease:
        await as2.gateway._pipeline.deliveries.acknowledge(each.id, each.token)


async def test_past_its_term_a_message_is_gone_and_the_chain_still_holds(fresh_as2: As2Running, number: int) -> None:
    """The keys are destroyed, a held message and a partner's longer term are kept, verification still passes."""
    first, held = [await sent_and_done(fresh_as2, number * 100 + each) for each in range(2)]
    await deliver_all(fresh_as2)
    running = retention(fresh_as2, RetentionTerms(30), after_days=31)
    assert await running.hold(held, None, "a dispute", "auditor") is not None

    shredded = await running.run("test")

    assert [each.kept_count > 0 for each in shredded] == [True]
    with pytest.raises(NotInArchive, match="Retention destroyed"):
        await payload(fresh_as2, first)
    assert b"ISA*" in await payload(fresh_as2, held)
    report = verify(Path(fresh_as2.site.folder) / "data" / "archive", None)
    assert report.faults == ()


async def test_nothing_goes_before_its_term_or_undelivered(fresh_as2: As2Running, number: int) -> None:
    """A term that has not passed, a partner without a readable file, a document that nobody fetched."""
    message = await sent_and_done(fresh_as2, number * 100)

    early = await retention(fresh_as2, RetentionTerms(30), after_days=29).run("test")
    unknown = retention(fresh_as2, RetentionTerms(30, {}, frozenset({"as2clinic"})), after_days=31)
    await unknown.run("test")
    undelivered = retention(fresh_as2, RetentionTerms(30), after_days=31)
    await undelivered.run("test")

    assert early == ()
    assert b"ISA*" in await payload(fresh_as2, message)


async def test_a_released_hold_keeps_nothing_any_more(fresh_as2: As2Running, number: int) -> None:
    """And a hold on a message that never was is refused."""
    message = await sent_and_done(fresh_as2, number * 100)
    await deliver_all(fresh_as2)
    running = retention(fresh_as2, RetentionTerms(30), after_days=31)
    hold = await running.hold(None, "as2clinic", "a dispute", "auditor")
    assert hold is not None
    await running.run("test")
    kept = await payload(fresh_as2, message)

    released = [await running.release(hold, "auditor") for _ in range(2)]
    await running.run("test")

    assert b"ISA*" in kept
    assert released == [True, False]
    assert await running.hold(UUID(int=1), None, "no such", "auditor") is None
    with pytest.raises(NotInArchive):
        await payload(fresh_as2, message)
