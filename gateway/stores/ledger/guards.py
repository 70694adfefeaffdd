"""Conditions that keep an update lawful: the table of states, and the fence.

Owns how `gateway.pipeline.states` becomes SQL. Must not know any one unit of work.
"""

import sqlalchemy as sa

from gateway.pipeline.records import Work
from gateway.pipeline.states import DeliveryEvent, DispatchEvent, Event, InstanceEvent, PartnerAnswerEvent, sources
from gateway.stores.ledger.tables import acknowledgement, delivery, dispatch, instance


def instance_may(event: InstanceEvent) -> sa.ColumnElement[bool]:
    """The instance is in a state in which `event` may happen."""
    return may(instance.c.state, event)


def delivery_may(event: DeliveryEvent) -> sa.ColumnElement[bool]:
    """The delivery is in a state in which `event` may happen."""
    return may(delivery.c.state, event)


def answer_may(event: PartnerAnswerEvent) -> sa.ColumnElement[bool]:
    """The acknowledgement is in a state in which `event` may happen."""
    return may(acknowledgement.c.state, event)


def dispatch_may(event: DispatchEvent) -> sa.ColumnElement[bool]:
    """The dispatch is in a state in which `event` may happen."""
    return may(dispatch.c.state, event)


HELD_BY = sa.and_(
    instance.c.id == sa.bindparam("held_id"),
    instance.c.revision == sa.bindparam("held_revision"),
    instance.c.fence == sa.bindparam("held_fence"),
)


def holder(work: Work) -> dict[str, object]:
    """The parameters of HELD_BY, in statements that are built once."""
    return {"held_id": work.received.instance, "held_revision": work.revision, "held_fence": work.fence}


def held_by(work: Work) -> sa.ColumnElement[bool]:
    """The lease that `work` stands for was not given to another: the fence."""
    return sa.and_(
        instance.c.id == work.received.instance,
        instance.c.revision == work.revision,
        instance.c.fence == work.fence,
    )


def may(column: sa.Column[str], event: Event) -> sa.ColumnElement[bool]:
    """States stand in the text of the statement: only then does a database see that a partial index fits."""
    states = sorted(state.value for state in sources(event))
    if len(states) == 1:
        return column == sa.bindparam(None, states[0], literal_execute=True)
    return column.in_(sa.bindparam(None, states, expanding=True, literal_execute=True))
