"""Live tables: simulated hands appended while they are played, each table served by two dealers.

The second dealer is a hot standby. Both know the hand from its seed, both load its stream and append the next event,
and the store lets one of them through. The other is told so, loads the stream again and goes on from there. When one of
them dies, the table does not even pause.

What the players do is not decided twice: as in every simulation, the seed has decided it. What is real here is the
race to write it down.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from threading import TIMEOUT_MAX, Event, Lock, Thread
from time import monotonic

from eventstore import DomainEvent, EventStore, VersionConflictError
from eventstore.events import new_event_id, utc_now
from poker.dice import Dice
from poker.mapping import hand_events
from poker.phh import HandRecord
from poker.simulation import FEWEST_PLAYERS, MOST_PLAYERS, play_table, pool

DEALERS = 2  # of each table

# A hand is judged with Python's warnings turned into errors, for the whole process: one thread at a time.
_simulating = Lock()


def live_hands(evening: str, table: int) -> Iterator[list[DomainEvent]]:
    """The hands that a table will play, without an end.

    Args:
        evening: the name of the evening. Another name gives other hands.
        table: the number of the table.

    Yields:
        The events of each hand, the same for every dealer. When they are played, they get ids and times of their own.
    """
    dice = Dice(f"{evening}, table {table}")
    players = FEWEST_PLAYERS + dice.below(MOST_PLAYERS - FEWEST_PLAYERS + 1)
    for number, hand in enumerate(play_table(dice.shuffled(pool())[:players], dice), start=1):
        fields = hand | {"venue": evening, "table": f"table {table}", "hand": number}
        section = f"table {table}, hand {number}"
        created, *rest = hand_events(HandRecord(f"live/{evening}.phhs", section, fields, 0))
        # The record has no time, because the hand is still to be played. Its events will have the clock's.
        yield [replace(created, event_data=created.event_data | {"time_source": "recorded"}), *rest]


class Dealer(Thread):
    """A dealer at work, beside others at the same table.

    Args:
        store: where the events go; a store of the dealer's own, so that dealers meet in the database only.
        evening: the name of the evening; dealers of one table give the same.
        table: the number of the table.
        rate: events per second at this table, 0 for as fast as possible.
        hands: how many hands to play, None for no end.
        stop: when it is set, the dealer finishes the hand under way without a pause, and goes home.

    Attributes:
        events: the events that this dealer wrote.
        hands_finished: the hands of which this dealer wrote the last event.
        conflicts: how often another dealer was faster.
        under_way: the aggregate id of a hand that has begun and is not finished, else None.
        error: what ended the work early, None if nothing did.
    """

    def __init__(
        self, store: EventStore, evening: str, table: int, *, rate: float, hands: int | None, stop: Event
    ) -> None:
        # As a daemon, so that a program which is told to end at once need not wait for its dealers.
        super().__init__(name=f"dealer of table {table}", daemon=True)
        self.table = table
        self.events = self.hands_finished = self.conflicts = 0
        self.under_way: str | None = None
        self.error: Exception | None = None
        self._store, self._stop_asked = store, stop
        self._hands = islice(live_hands(evening, table), hands)
        self._pause = 1 / rate if rate else 0.0
        self._due = 0.0

    def run(self) -> None:
        """Play the hands. Called by `start()`."""
        self._due = monotonic()
        try:
            while not self._stop_asked.is_set() and (hand := self._next_hand()):
                self._play(hand)
        except Exception as error:
            self.error = error

    def _next_hand(self) -> list[DomainEvent] | None:
        with _simulating:
            return next(self._hands, None)

    def _play(self, hand: list[DomainEvent]) -> None:
        stream = hand[0].aggregate_id
        written = self._store.get_by_aggregate(stream)
        while len(written) < len(hand):
            known = len(written)
            self._stop_asked.wait(min(max(0.0, self._due - monotonic()), TIMEOUT_MAX))
            if self._stop_asked.is_set() and not written:
                return  # whoever has begun it will finish it
            self.under_way = stream
            try:
                written.append(self._store.append(_now(hand[known], written)))
                self.events += 1
                self.hands_finished += len(written) == len(hand)
            except VersionConflictError:
                self.conflicts += 1
                written = self._store.get_by_aggregate(stream)
            self._due += self._pause * (len(written) - known)
        self.under_way = None


def _now(event: DomainEvent, written: list[DomainEvent]) -> DomainEvent:
    """The event as it happens. A new id makes it this dealer's own: the same id twice would be a retry, no conflict."""
    metadata = replace(event.metadata, causation_id=written[-1].id if written else None)
    return replace(event, id=new_event_id(), event_timestamp=utc_now(), metadata=metadata)
