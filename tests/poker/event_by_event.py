"""Dealers: processes that write hands event by event, and that can be stopped at any event."""

from __future__ import annotations

from collections.abc import Sequence
from multiprocessing.synchronize import Semaphore

from eventstore import DomainEvent, connect
from poker import unfinished_hands


def deal(schema: str, events: Sequence[DomainEvent], allowed: Semaphore) -> None:
    """Write the events of a hand one by one, each as soon as it is allowed."""
    with connect(schema=schema) as store:
        for event in events:
            allowed.acquire()
            store.append(event)


def carry_on(schema: str, hands: dict[str, Sequence[DomainEvent]]) -> None:
    """Bring every unfinished hand to its end. The story of each hand is known, not how far it was written."""
    with connect(schema=schema) as store:
        for hand in unfinished_hands(store):
            for event in hands[hand.hand_id][hand.version :]:
                store.append(event)
