"""Six events of two hands, to ask questions about."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid5

from workbook.contract.promises import SPACE, event
from workbook.expect import describe, expect

EVENING, CAUSE, OTHER = uuid5(SPACE, "evening"), uuid5(SPACE, "cause"), uuid5(SPACE, "another")
EIGHT_O_CLOCK = datetime(2025, 3, 1, 20, 0, tzinfo=UTC)

# Two hands at one table. The clock of whoever wrote event 4 is slow.
#   place, aggregate, version, type, minutes after eight, user, correlation, causation
TWO_HANDS = [
    (1, "hand-1", 1, "game.created", 0, "dealer", EVENING, None),
    (2, "hand-1", 2, "bet", 1, "seat-1", EVENING, CAUSE),
    (3, "hand-2", 1, "game.created", 5, "dealer", EVENING, CAUSE),
    (4, "hand-1", 3, "fold", 0, "seat-2", None, OTHER),
    (5, "hand-2", 2, "bet", 6, "seat-2", OTHER, None),
    (6, "hand-2", 3, "bet", 6, None, None, None),
]


def two_hands(names: Any, new_store: Callable[[], Any]) -> Any:
    """A store that holds `TWO_HANDS`. Each event notes its place in the log in its payload."""
    store = new_store()
    for place, aggregate_id, version, event_type, minutes, user_id, correlation_id, causation_id in TWO_HANDS:
        metadata = names.EventMetadata(user_id=user_id, correlation_id=correlation_id, causation_id=causation_id)
        happened = EIGHT_O_CLOCK + timedelta(minutes=minutes)
        store.append(
            event(
                names,
                version,
                aggregate_id,
                event_type=event_type,
                event_data={"place": place},
                metadata=metadata,
                event_timestamp=happened,
            )
        )
    return store


def places_of(found: Iterable[Any]) -> list[int]:
    """The places in the log of what was found."""
    return [one.event_data["place"] for one in found]


def expect_places(names: Any, store: Any, places: list[int], **fields: Any) -> None:
    """Expect a question to find the events of these places in the log, in this order."""
    asked = ", ".join(f"{name}={describe(value)}" for name, value in fields.items())
    found = store.query(names.EventQueryFilter(**fields))
    expect(places_of(found), places, f"query(EventQueryFilter({asked})), as places in the log")
