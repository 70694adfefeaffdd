"""The table of states: complete, and the same for both axes that share words."""

import pytest

from gateway.pipeline.states import (
    TRANSITIONS,
    DeliveryEvent,
    DeliveryState,
    DispatchEvent,
    DispatchState,
    InstanceEvent,
    InstanceState,
    PartnerAnswerEvent,
    PartnerAnswerState,
    State,
    allows,
    sources,
    target,
)

AXES = [
    (InstanceState, InstanceEvent),
    (DeliveryState, DeliveryEvent),
    (PartnerAnswerState, PartnerAnswerEvent),
    (DispatchState, DispatchEvent),
]


@pytest.mark.parametrize(("states", "events"), AXES)
def test_each_event_has_one_transition_on_its_own_axis(states: type, events: type) -> None:
    """No event is forgotten, and none leads to another axis although names are shared."""
    for event in events:
        assert event in TRANSITIONS
        assert isinstance(target(event), states)
        assert all(isinstance(state, states) for state in sources(event))


@pytest.mark.parametrize(
    "state", [InstanceState.DONE, DeliveryState.DELIVERED, PartnerAnswerState.CONFIRMED, DispatchState.DELIVERED]
)
def test_nothing_leads_out_of_an_end(state: State) -> None:
    """What is done stays done."""
    assert not any(allows(state, event) for event in TRANSITIONS)


@pytest.mark.parametrize("state", [InstanceState.FAILED, InstanceState.HELD])
def test_only_an_operator_leads_out_of_a_dead_end(state: InstanceState) -> None:
    """A dead message moves only when it is resubmitted."""
    assert [event for event in InstanceEvent if allows(state, event)] == [InstanceEvent.RESUBMIT]
