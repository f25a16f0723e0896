"""Promises of `get_by_aggregate`, `get_latest_version` and `exists`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from workbook.contract.promises import essence, event, expect_stream, promise
from workbook.expect import expect


@promise(day=1)
def an_empty_store_knows_nothing(names: Any, new_store: Callable[[], Any]) -> None:
    store = new_store()
    expect(store.get_latest_version("hand-1"), 0, "get_latest_version")
    expect(store.exists("hand-1"), False, "exists")
    expect(store.get_by_aggregate("hand-1"), [], "get_by_aggregate")


@promise(day=1)
def exists_is_true_from_the_first_event_on(names: Any, new_store: Callable[[], Any]) -> None:
    store = new_store()
    expect(store.exists("hand-1"), False, "exists before the first event")
    store.append(event(names))
    expect(store.exists("hand-1"), True, "exists after the first event")
    expect(store.exists("hand-2"), False, "exists of another aggregate")


@promise(day=1)
def asking_changes_nothing(names: Any, new_store: Callable[[], Any]) -> None:
    store = new_store()
    store.get_by_aggregate("hand-1")
    store.get_latest_version("hand-1")
    expect(store.exists("hand-1"), False, "exists after asking")


@promise(day=1)
def a_stream_holds_the_events_of_its_aggregate_alone(names: Any, new_store: Callable[[], Any]) -> None:
    store = new_store()
    sent = [event(names, 1), event(names, 1, "hand-2"), event(names, 2), event(names, 2, "hand-2")]
    for one in sent:
        store.append(one)
    got = [essence(one) for one in store.get_by_aggregate("hand-1")]
    expect(got, [essence(one) for one in sent if one.aggregate_id == "hand-1"], "get_by_aggregate")


@promise(day=1)
def a_stream_can_be_read_in_part(names: Any, new_store: Callable[[], Any]) -> None:
    store = new_store()
    store.append_many([event(names, version) for version in range(1, 6)])
    for wanted, versions in [
        ((2,), [2, 3, 4, 5]),
        ((2, 4), [2, 3, 4]),
        ((1, 1), [1]),
        ((0,), [1, 2, 3, 4, 5]),
        ((0, 2), [1, 2]),
        ((4, 99), [4, 5]),
        ((6,), []),
        ((4, 2), []),
    ]:
        got = [one.version for one in store.get_by_aggregate("hand-1", *wanted)]
        expect(got, versions, f"get_by_aggregate({', '.join(map(repr, ('hand-1', *wanted)))})")
    got = [one.version for one in store.get_by_aggregate("hand-1", to_version=2)]
    expect(got, [1, 2], "get_by_aggregate('hand-1', to_version=2)")


@promise(day=1)
def what_was_read_belongs_to_the_reader(names: Any, new_store: Callable[[], Any]) -> None:
    store = new_store()
    store.append(event(names, event_data={"seats": [1, 2]}))
    [read] = store.get_by_aggregate("hand-1")
    read.event_data["seats"].append(3)
    store.get_by_aggregate("hand-1").clear()
    [again] = store.get_by_aggregate("hand-1")
    expect(again.event_data, {"seats": [1, 2]}, "event_data, after a reader changed its own copy")


@promise(day=1)
def what_was_sent_belongs_to_the_sender(names: Any, new_store: Callable[[], Any]) -> None:
    store = new_store()
    seats = [1, 2]
    sent = event(names, event_data={"seats": seats})
    given_back = store.append(sent)
    seats.append(3)
    sent.event_data["seats"].append(4)
    given_back.event_data["seats"].append(5)
    [read] = store.get_by_aggregate("hand-1")
    expect(read.event_data, {"seats": [1, 2]}, "event_data, after the sender changed its own copy")


@promise(day=1)
def two_stores_share_nothing(names: Any, new_store: Callable[[], Any]) -> None:
    one, other = new_store(), new_store()
    one.append(event(names))
    expect(other.exists("hand-1"), False, "exists in another store")
    expect_stream(one, [1])


@promise(day=None)
def an_aggregate_id_is_plain_text(names: Any, new_store: Callable[[], Any]) -> None:
    store = new_store()
    for name in ("x' OR 'a' = 'a", "100%", "%s", "tisch-für-zwölf", "🂡", "a\\b", " ", "Hand-1", "hand-1"):
        expect(store.exists(name), False, f"exists({name!r}) before")
        store.append(event(names, 1, name))
        expect([one.aggregate_id for one in store.get_by_aggregate(name)], [name], "get_by_aggregate")
