"""A gateway that takes and sends AS2 messages, and dies at a chosen moment.

Forked and told as child.py says; it sends messages FIRST to LAST of `message`. Prints, only once it is true:

    receipt NUMBER DIGEST                        the partner has the receipt: in the reply, or at its URL
    promised NUMBER                              the partner was told that we have the message
    acknowledgement NUMBER MESSAGE-ID DIGEST     the partner has taken an acknowledgement (it may come again)
    effect KEY ITEM                              the consumer acted on an item (it may do so again for the same key)
    done
"""

import asyncio
import hashlib
import sys
from collections.abc import AsyncIterable
from functools import partial
from pathlib import Path
from typing import Any

from gateway.envelopes.as2.addressing import read_addressing
from gateway.envelopes.as2.credentials import CertificateUse, PartnerCertificate, Trust
from gateway.envelopes.as2.profile import Packaging, Receipt, SecurityPolicy
from gateway.envelopes.as2.receipt_writer import Packaged
from gateway.envelopes.mime.headers import Headers
from gateway.pipeline.as2.arrive import Answered, As2Request, Promised
from gateway.pipeline.as2.courier import CourierSettings
from gateway.pipeline.as2.dispatches import DispatchFilter
from gateway.pipeline.as2.ports import Posted
from gateway.pipeline.clock import SystemClock
from gateway.pipeline.engine import EngineSettings
from gateway.pipeline.receive import ReceiveLimits
from gateway.pipeline.records import InstanceFilter
from gateway.pipeline.relationships import Dispatch, ReceiptTarget, Relationship, Relationships
from gateway.pipeline.service import Pipeline, PipelineSettings
from gateway.pipeline.states import DispatchState, InstanceState
from gateway.stores.archive import KeyRing, SegmentArchive
from gateway.stores.ledger import SqlLedger
from gateway.stores.spool import FileSpools
from tests.integration.as2.partner import OUR_NAME, ScriptedPartner
from tests.integration.crash.child import LEASE_S, Dying, consume, leased_out, serve, tell
from tests.unit.envelopes.conftest import VALID_FROM, VALID_UNTIL, Certify
from tests.unit.pipeline.fakes import FixedRelationships, LineJudge, body

RECEIPT_URL = "https://clinic.test/receipts"
# Its receipt is to go to a URL.
ASYNCHRONOUS = 2
# Comes under the Message-ID of the first: it must never have an effect.
CONFLICTING = 4
_MOVING = {InstanceState.WAITING, InstanceState.RUNNING}
_UNSENT = {DispatchState.WAITING, DispatchState.RUNNING}


class Partner:
    """The other side: what it sends, and what it makes of what comes."""

    def __init__(self) -> None:
        certify = Certify()
        self.ours, theirs = certify("CN=us"), certify("CN=partner")
        self.scripted = ScriptedPartner("BROOK CLINIC", theirs, self.ours.certificate)
        self.messages = {number: self._message(number) for number in range(1, CONFLICTING + 1)}

    def _message(self, number: int) -> Packaged:
        is_asynchronous = number == ASYNCHRONOUS
        return self.scripted.pack(
            f"{number:09d}|item-{number}-a,item-{number}-b".encode(),
            Packaging(receipt=Receipt.ASYNCHRONOUS if is_asynchronous else Receipt.SYNCHRONOUS),
            message_id=f"<{1 if number == CONFLICTING else number}@partner.test>",
            receipt_url=RECEIPT_URL if is_asynchronous else None,
        )

    def relationship(self) -> Relationship:
        """What we have agreed with it."""
        uses = frozenset({CertificateUse.SIGN, CertificateUse.ENCRYPT})
        certificate = PartnerCertificate(self.scripted.key.certificate, uses, VALID_FROM, VALID_UNTIL)
        return Relationship(
            partner="clinic",
            name="default",
            partner_name=self.scripted.name,
            our_name=OUR_NAME,
            policy=SecurityPolicy(),
            packaging=Packaging(),
            trust=Trust((certificate,)),
            own_keys=(self.ours,),
            dispatch=Dispatch("https://clinic.test/as2", timeout_s=5.0, attempts=5, receipt_deadline_s=60.0),
            receipt_targets=frozenset({ReceiptTarget("clinic.test", 443)}),
            size_limit_bytes=1_000_000,
            is_ordered=False,
        )

    async def post(
        self, url: str, terms: Dispatch, headers: Headers, content: AsyncIterable[bytes], size: int
    ) -> Posted:
        """Takes what is posted. Adapter of `gateway.pipeline.as2.ports.Poster`."""
        del terms, size
        whole = b"".join([piece async for piece in content])
        if url == RECEIPT_URL:
            self.scripted.read_receipt(headers, whole)
            tell("receipt", ASYNCHRONOUS, digest_of(headers, whole))
            return Posted(200, Headers(), b"")
        taken = self.scripted.open(headers, whole)
        number = int(taken.payload.split()[2].split(b"|")[0])
        tell("acknowledgement", number, taken.addressing.message_id, digest_of(headers, whole))
        receipt = self.scripted.receipt_for(taken)
        return Posted(200, receipt.headers, receipt.body)


def digest_of(headers: Headers, content: bytes) -> str:
    """Of all that went over the line."""
    return hashlib.sha256(headers.encode() + content).hexdigest()


async def send(pipeline: Pipeline, partner: Partner, number: int) -> None:
    """One message, again and again until there is an answer."""
    message = partner.messages[number]
    request = As2Request(message.headers, read_addressing(message.headers), "192.0.2.1", None)
    while True:
        outcome = await pipeline.as2.handle(request, body(message.body))
        match outcome:
            case Promised():
                tell("promised", number)
                return
            case Answered(receipt=Packaged(headers, content)):
                tell("receipt", number, digest_of(headers, content))
                return
        await asyncio.sleep(0.05)


async def main(partner: Partner, folder: Path, point: str, first: int, last: int) -> None:
    """Send, deliver, take acknowledgements; until nothing is left to do."""
    archive = await SegmentArchive.open(
        folder / "archive", lambda error: sys.exit(str(error)), keys=KeyRing.of(bytes(range(32))), segment_bytes=20_000
    )
    ledger = await SqlLedger.open(folder / "ledger.sqlite", lambda error: sys.exit(str(error)))
    dying: Any = Dying(ledger, "ledger", point)
    pipeline = Pipeline(
        archive=Dying(archive, "archive", point),
        ledger=dying,
        spools=FileSpools(folder / "spool"),
        judge=LineJudge(),
        clock=SystemClock(),
        relationships=FixedRelationships(Relationships.of([partner.relationship()])),
        poster=Dying(partner, "partner", point),
        settings=PipelineSettings(
            limits=ReceiveLimits(body_bytes=100_000),
            engine=EngineSettings(lease_s=LEASE_S, poll_s=0.05, workers=2),
            courier=CourierSettings(lease_s=LEASE_S, poll_s=0.05, workers=2),
        ),
    )
    pipeline.start()
    for number in range(first, last + 1):
        await send(pipeline, partner, number)
    idle = 0
    while idle < 3:
        is_busy = await consume(pipeline) or await leased_out(ledger) or await is_moving(ledger)
        idle = 0 if is_busy else idle + 1
        await asyncio.sleep(0.05)
    tell("done")
    await pipeline.stop()
    await ledger.close()
    await archive.close()


async def is_moving(ledger: SqlLedger) -> bool:
    """Whether a message is still to be processed, or one of ours to be sent."""
    page = await ledger.messages(InstanceFilter(), None, 100)
    dispatches = await ledger.dispatches(DispatchFilter(), None, 100)
    return any(row.state in _MOVING for row in page.rows) or any(row.state in _UNSENT for row in dispatches)


if __name__ == "__main__":
    serve(Path(sys.argv[1]), partial(main, Partner()))
