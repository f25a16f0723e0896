"""From facts to a state."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from eventstore.events import DomainEvent

State = TypeVar("State")


def replay(events: Iterable[DomainEvent], apply: Callable[[State, DomainEvent], State], initial: State) -> State:
    """Work out a state by letting one event after the other change it: a fold over the events.

    Args:
        events: the facts, in the order in which they count; for one aggregate, as `get_by_aggregate` gives them.
        apply: takes a state and an event and returns the next state. It must not change the state that it was given:
            the caller may still hold `initial`.
        initial: the state before the first event.

    Returns:
        The state after the last event; `initial` where there is none.
    """
    state = initial
    for event in events:
        state = apply(state, event)
    return state
