"""The first steps with a store: read these first. Each runs on the store in memory and on PostgreSQL."""

import pytest

from eventstore import DomainEvent, EventQueryFilter, EventStore, InMemoryEventStore, VersionConflictError


@pytest.fixture(params=["in memory", "on PostgreSQL"])
def store(request: pytest.FixtureRequest, store: EventStore) -> EventStore:
    """An empty store of either kind."""
    return InMemoryEventStore() if request.param == "in memory" else store


def test_append_an_event(store: EventStore) -> None:
    event = DomainEvent(event_type="game.created", aggregate_id="hand-1", version=1, event_data={"players": 2})
    stored = store.append(event)
    assert stored.event_data == {"players": 2}
    assert stored.sequence_number is not None


def test_append_a_second_event(store: EventStore) -> None:
    created = DomainEvent(event_type="game.created", aggregate_id="hand-1", version=1, event_data={})
    dealt = DomainEvent(event_type="cards.dealt", aggregate_id="hand-1", version=2, event_data={"cards": ["As", "Kd"]})
    first = store.append(created)
    second = store.append(dealt)
    assert store.get_by_aggregate("hand-1") == [first, second]


def test_read_the_events_of_one_aggregate(store: EventStore) -> None:
    ours = DomainEvent(event_type="game.created", aggregate_id="hand-1", version=1, event_data={})
    others = DomainEvent(event_type="game.created", aggregate_id="hand-2", version=1, event_data={})
    store.append(ours)
    store.append(others)
    assert [event.id for event in store.get_by_aggregate("hand-1")] == [ours.id]


def test_read_a_stream_from_a_version_on(store: EventStore) -> None:
    for version in [1, 2, 3, 4]:
        bet = DomainEvent(event_type="bet", aggregate_id="hand-1", version=version, event_data={"chips": 10 * version})
        store.append(bet)
    assert [event.event_data["chips"] for event in store.get_stream("hand-1", 3)] == [30, 40]


def test_read_the_events_of_one_type(store: EventStore) -> None:
    store.append(DomainEvent(event_type="game.created", aggregate_id="hand-1", version=1, event_data={}))
    store.append(DomainEvent(event_type="bet", aggregate_id="hand-1", version=2, event_data={"chips": 10}))
    store.append(DomainEvent(event_type="game.created", aggregate_id="hand-2", version=1, event_data={}))
    assert [event.aggregate_id for event in store.get_by_type("game.created")] == ["hand-1", "hand-2"]


def test_ask_for_the_latest_version(store: EventStore) -> None:
    assert store.get_latest_version("hand-1") == 0
    store.append(DomainEvent(event_type="game.created", aggregate_id="hand-1", version=1, event_data={}))
    assert store.get_latest_version("hand-1") == 1


def test_ask_whether_an_aggregate_exists(store: EventStore) -> None:
    assert not store.exists("hand-1")
    store.append(DomainEvent(event_type="game.created", aggregate_id="hand-1", version=1, event_data={}))
    assert store.exists("hand-1")


def test_count_the_events(store: EventStore) -> None:
    store.append(DomainEvent(event_type="game.created", aggregate_id="hand-1", version=1, event_data={}))
    store.append(DomainEvent(event_type="game.created", aggregate_id="hand-2", version=1, event_data={}))
    assert store.get_event_count() == 2
    assert store.get_event_count("hand-1") == 1


def test_filter_the_log(store: EventStore) -> None:
    store.append(DomainEvent(event_type="bet", aggregate_id="hand-1", version=1, event_data={"seat": 1, "chips": 10}))
    store.append(DomainEvent(event_type="bet", aggregate_id="hand-1", version=2, event_data={"seat": 2, "chips": 40}))
    store.append(DomainEvent(event_type="bet", aggregate_id="hand-2", version=1, event_data={"seat": 2, "chips": 20}))
    found = store.query(EventQueryFilter(aggregate_id="hand-1", data_contains={"seat": 2}))
    assert [event.event_data["chips"] for event in found] == [40]


def test_a_version_that_is_taken_is_a_conflict(store: EventStore) -> None:
    store.append(DomainEvent(event_type="game.created", aggregate_id="hand-1", version=1, event_data={}))
    too_late = DomainEvent(event_type="bet", aggregate_id="hand-1", version=1, event_data={"chips": 10})
    with pytest.raises(VersionConflictError) as conflict:
        store.append(too_late)
    assert (conflict.value.attempted_version, conflict.value.latest_version) == (1, 1)
    assert store.get_event_count() == 1
