"""Two stores that are asked the same and have to answer the same: the one in memory is the model of the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC
from typing import Any

import eventstore
from eventstore import DomainEvent, EventSnapshot, EventStore, EventStoreError

Question = Callable[[EventStore], Any]

# The guard goes away for one statement and comes back with it: all in one transaction, and no test sees it gone.
EMPTY = """
BEGIN;
ALTER TABLE domain_events DISABLE TRIGGER domain_events_are_facts;
TRUNCATE domain_events, event_snapshots;
ALTER TABLE domain_events ENABLE TRIGGER domain_events_are_facts;
COMMIT;
"""


class BothStores:
    """Asks a store in memory and one on PostgreSQL, and compares answers and errors.

    All fields of an event are compared but two. `recorded_at` is another moment in each store. PostgreSQL leaves gaps
    in the sequence numbers, so only their order can be the same: `numbers[n]` is the number that PostgreSQL gave to the
    event that has the number n in memory.

    Args:
        postgres: a store that nobody else uses. It is emptied.
    """

    def __init__(self, postgres: eventstore.PostgresEventStore) -> None:
        with postgres.connection() as connection:
            connection.execute(EMPTY)
        self.memory, self.postgres = eventstore.InMemoryEventStore(), postgres
        self.numbers = [0]

    def ask(self, question: Question) -> Any:
        """Ask both stores, and give back the answer, or the error, of the one in memory.

        An error that is not of the package's own, like a `TypeError` from deep inside, is let through: no call may
        raise one.
        """
        expected, got = _answer(question, self.memory), _answer(question, self.postgres)
        for one, other in zip(_events(expected), _events(got), strict=True):
            self._check_number(one, other)
        assert comparable(got) == comparable(expected), f"PostgreSQL: {got!r:.300}\nin memory: {expected!r:.300}"
        return expected

    def number_in(self, store: EventStore, number: int) -> int:
        """The sequence number that means in this store what `number` means in memory; it may lie beyond the log."""
        if store is self.memory:
            return number
        beyond = max(0, number - len(self.numbers) + 1)
        return self.numbers[number - beyond] + beyond

    def check_everything(self) -> None:
        """Compare the two logs from end to end, and the marks up to which they can be read."""
        self.ask(lambda store: store.query(eventstore.EventQueryFilter()))
        assert self.postgres.high_water_mark() == self.numbers[self.memory.high_water_mark()]

    def _check_number(self, one: DomainEvent, other: DomainEvent) -> None:
        assert one.sequence_number is not None
        assert other.sequence_number is not None
        if one.sequence_number == len(self.numbers):  # new
            assert other.sequence_number > self.numbers[-1]
            self.numbers.append(other.sequence_number)
        assert other.sequence_number == self.numbers[one.sequence_number]


def _answer(question: Question, store: EventStore) -> Any:
    try:
        answer = question(store)
        return list(answer) if isinstance(answer, Iterator) else answer
    except EventStoreError as error:
        return error


def _events(answer: object) -> list[DomainEvent]:
    answers = answer if isinstance(answer, list) else [answer]
    return [each for each in answers if isinstance(each, DomainEvent)]


def comparable(answer: Any) -> Any:
    """What has to be the same in both stores, in a form in which == tells apart all that differs."""
    if isinstance(answer, EventStoreError):
        return type(answer), answer.args, str(answer)
    if isinstance(answer, DomainEvent):
        assert answer.recorded_at is not None
        assert answer.recorded_at.tzinfo is UTC
        fields = vars(answer) | {"sequence_number": None, "recorded_at": None, "_json": None}
        return {name: repr(value) if name == "event_timestamp" else comparable(value) for name, value in fields.items()}
    if isinstance(answer, EventSnapshot):
        return answer.aggregate_id, answer.version, comparable(answer.state), answer.schema_version
    if isinstance(answer, list | tuple):
        return [comparable(each) for each in answer]
    if isinstance(answer, dict):
        return {key: comparable(value) for key, value in answer.items()}
    # Python says that 1 == True, jsonb does not.
    return ("the boolean", answer) if isinstance(answer, bool) else answer
