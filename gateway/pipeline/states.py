"""States and transitions of instances, steps, deliveries, acknowledgements and dispatches: one table, in this file.

Owns every state name and which event leads from where to where. Must not know who stores a state or what a
step does. What a message's acknowledgement says (accepted, rejected) is another axis: `gateway.model.judgement`.
An adapter asks `sources` and `target` for its guarded updates, so that no transition is written down twice.
Events are no text: two axes share names ("retry") that must not be taken for each other.
"""

from enum import Enum, StrEnum


class InstanceState(StrEnum):
    """Where one received message stands."""

    WAITING = "waiting"  # durable, receipt given; due now or after a backoff
    RUNNING = "running"  # a worker holds its lease
    DONE = "done"  # acknowledged and published, in one transaction
    FAILED = "failed"  # dead letter: permanent, or retried too often; an operator resubmits
    HELD = "held"  # ambiguous: may or may not have taken effect; an operator decides


class InstanceEvent(Enum):
    """What happens to an instance."""

    CLAIM = "claim"
    YIELD = "yield"
    CONCLUDE = "conclude"
    RETRY = "retry"
    FAIL = "fail"
    HOLD = "hold"
    RESUBMIT = "resubmit"


class StepState(StrEnum):
    """How one attempt at one step ended. A row is written when it ends, so there is no state before."""

    DONE = "done"
    FAILED = "failed"


class StepName(StrEnum):
    """The steps of an inbound message, in order; only what came in an envelope is unpacked."""

    RECEIVE = "receive"
    UNPACK = "unpack"
    JUDGE = "judge"
    ACKNOWLEDGE = "acknowledge"
    PUBLISH = "publish"


class DeliveryState(StrEnum):
    """One item (or one whole set) on its way to a downstream application. Rows exist only once it was handed out."""

    LEASED = "leased"
    WAITING = "waiting"  # given back, or its lease ran out: handed out again when due
    DELIVERED = "delivered"
    DEAD = "dead"  # refused for good, or handed out too often
    HELD = "held"  # the consumer cannot say whether it took effect


class DeliveryEvent(Enum):
    """What happens to a delivery."""

    LEASE = "lease"
    ACKNOWLEDGE = "acknowledge"
    RETRY = "retry"
    REFUSE = "refuse"
    HOLD = "hold"
    RESUBMIT = "resubmit"


class PartnerAnswerState(StrEnum):
    """One acknowledgement on its way to the partner."""

    RETURNED = "returned"  # real time: given in the reply
    WAITING = "waiting"  # batch: lies in the partner's outbox
    DISPATCHED = "dispatched"  # goes out by a dispatch of its own, whose state says how far it is
    CONFIRMED = "confirmed"  # the partner said that it has it


class PartnerAnswerEvent(Enum):
    """What happens to an acknowledgement."""

    CONFIRM = "confirm"
    MISS_DEADLINE = "miss_deadline"  # real time, but the reply went out without it


class DispatchState(StrEnum):
    """Where one AS2 message of ours stands: an acknowledgement, a file that was sent, an asynchronous receipt."""

    WAITING = "waiting"  # due now or after a backoff
    RUNNING = "running"  # a worker holds its lease
    SENT = "sent"  # the partner took it; its asynchronous receipt is awaited
    DELIVERED = "delivered"  # the receipt says so, or none was asked for and the partner took it
    OVERDUE = "overdue"  # the receipt did not come in time; it may still come
    FAILED = "failed"  # refused for good, or tried too often; an operator sends it again


class DispatchEvent(Enum):
    """What happens to a dispatch."""

    CLAIM = "claim"
    AWAIT = "await"  # taken, the receipt comes later
    DELIVER = "deliver"
    RETRY = "retry"
    FAIL = "fail"
    EXPIRE = "expire"
    RESUBMIT = "resubmit"


class FailureClass(StrEnum):
    """Why something failed, as far as retrying is concerned. Retries look at this, never at "failed" alone."""

    TRANSIENT = "transient"
    AMBIGUOUS = "ambiguous"
    PERMANENT = "permanent"


State = InstanceState | DeliveryState | PartnerAnswerState | DispatchState
Event = InstanceEvent | DeliveryEvent | PartnerAnswerEvent | DispatchEvent

_I, _IE = InstanceState, InstanceEvent
_D, _DE = DeliveryState, DeliveryEvent
_P, _PE = PartnerAnswerState, PartnerAnswerEvent
_S, _SE = DispatchState, DispatchEvent
# An asynchronous receipt may come before the answer to the request, between two attempts, or too late.
_RECEIPT_MAY_COME = frozenset({_S.WAITING, _S.RUNNING, _S.SENT, _S.OVERDUE})

# event: (states that it may find, the state that it leaves). A claim also finds RUNNING: the lease of a dead
# worker runs out, and the fencing token keeps the dead one from writing should it come back. A message that was
# unpacked yields where its lane has to wait for an earlier one.
TRANSITIONS: dict[Event, tuple[frozenset[State], State]] = {
    _IE.CLAIM: (frozenset({_I.WAITING, _I.RUNNING}), _I.RUNNING),
    _IE.YIELD: (frozenset({_I.RUNNING}), _I.WAITING),
    _IE.CONCLUDE: (frozenset({_I.RUNNING}), _I.DONE),
    _IE.RETRY: (frozenset({_I.RUNNING}), _I.WAITING),
    _IE.FAIL: (frozenset({_I.RUNNING}), _I.FAILED),
    _IE.HOLD: (frozenset({_I.RUNNING}), _I.HELD),
    _IE.RESUBMIT: (frozenset({_I.FAILED, _I.HELD}), _I.WAITING),
    _DE.LEASE: (frozenset({_D.WAITING, _D.LEASED}), _D.LEASED),
    _DE.ACKNOWLEDGE: (frozenset({_D.LEASED}), _D.DELIVERED),
    _DE.RETRY: (frozenset({_D.LEASED}), _D.WAITING),
    _DE.REFUSE: (frozenset({_D.LEASED}), _D.DEAD),
    _DE.HOLD: (frozenset({_D.LEASED}), _D.HELD),
    _DE.RESUBMIT: (frozenset({_D.DEAD, _D.HELD}), _D.WAITING),
    _PE.CONFIRM: (frozenset({_P.WAITING, _P.DISPATCHED}), _P.CONFIRMED),
    _PE.MISS_DEADLINE: (frozenset({_P.RETURNED}), _P.WAITING),
    _SE.CLAIM: (frozenset({_S.WAITING, _S.RUNNING}), _S.RUNNING),
    _SE.AWAIT: (frozenset({_S.RUNNING}), _S.SENT),
    # A message that was given up may have got through all the same: a receipt that proves it counts.
    _SE.DELIVER: (_RECEIPT_MAY_COME | {_S.FAILED}, _S.DELIVERED),
    _SE.RETRY: (frozenset({_S.RUNNING}), _S.WAITING),
    _SE.FAIL: (_RECEIPT_MAY_COME, _S.FAILED),
    _SE.EXPIRE: (frozenset({_S.SENT}), _S.OVERDUE),
    _SE.RESUBMIT: (frozenset({_S.FAILED, _S.OVERDUE}), _S.WAITING),
}


def sources(event: Event) -> frozenset[State]:
    """The states in which `event` may happen."""
    return TRANSITIONS[event][0]


def target(event: Event) -> State:
    """The state that `event` leads to."""
    return TRANSITIONS[event][1]


def allows(state: State, event: Event) -> bool:
    """Whether `event` may happen in `state`."""
    return state in TRANSITIONS[event][0]
