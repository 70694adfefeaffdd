"""The way back of acknowledgements: what came over AS2 is acknowledged over AS2.

Owns the message of ours that carries one. Must not know what an acknowledgement says.
"""

from dataclasses import dataclass

from gateway.pipeline.as2.dispatches import DispatchDraft, DispatchKind
from gateway.pipeline.as2.records import As2Row
from gateway.pipeline.clock import new_instance_id
from gateway.pipeline.ports import Clock
from gateway.pipeline.records import PartnerAnswer, Work


@dataclass(frozen=True, slots=True)
class AcknowledgementRoute:
    """Makes the dispatch of each acknowledgement, by the relationship over which the message came."""

    work: Work
    row: As2Row
    clock: Clock

    def __call__(self, answer: PartnerAnswer) -> DispatchDraft:
        """A message of ours that carries `answer`."""
        now = self.clock.now()
        dispatch = new_instance_id(now)
        return DispatchDraft(
            id=dispatch,
            kind=DispatchKind.ACKNOWLEDGEMENT,
            partner=self.work.received.principal.partner,
            relationship=self.row.arrival.relationship,
            instance=self.work.received.instance,
            document=answer.kind,
            content_type="application/EDI-X12",
            filename=f"{answer.kind}-{answer.control_number}.edi",
            message_id=f"{dispatch}@gateway",
            created_at=now,
            payload=answer.archived,
        )
