"""Promises of `get_stream`: the events of `get_by_aggregate`, one after the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from workbook.contract.promises import event, promise
from workbook.expect import expect


@promise(day=4)
def a_stream_comes_one_event_after_the_other(names: Any, new_store: Callable[[], Any]) -> None:
    store = new_store()
    store.append_many([event(names, version) for version in (1, 2, 3)])
    stream = store.get_stream("hand-1")
    expect(next(stream).version, 1, "next(get_stream('hand-1'))")
    expect([one.version for one in stream], [2, 3], "the rest of the stream")
    expect(list(stream), [], "the stream after its end")


@promise(day=4)
def a_stream_holds_what_a_plain_read_gives(names: Any, new_store: Callable[[], Any]) -> None:
    store = new_store()
    store.append_many([event(names, version) for version in range(1, 101)] + [event(names, 1, "hand-2")])
    for part in [(), (0,), (2,), (50, 70), (100,), (101,), (1, 1), (4, 2), (99, 200)]:
        streamed = [(one.id, one.sequence_number) for one in store.get_stream("hand-1", *part)]
        read = [(one.id, one.sequence_number) for one in store.get_by_aggregate("hand-1", *part)]
        asked = ", ".join(map(repr, ("hand-1", *part)))
        expect(len(streamed), len(read), f"the number of events of get_stream({asked})")
        expect(streamed == read, True, f"get_stream({asked}) gives what get_by_aggregate gives")
    expect([one.version for one in store.get_stream("hand-1", to_version=2)], [1, 2], "get_stream up to version 2")


@promise(day=4)
def the_stream_of_an_unknown_aggregate_is_empty(names: Any, new_store: Callable[[], Any]) -> None:
    expect(list(new_store().get_stream("hand-1")), [], "list(get_stream('hand-1'))")


@promise(day=4)
def two_streams_can_be_read_at_once(names: Any, new_store: Callable[[], Any]) -> None:
    store = new_store()
    for hand in ("hand-1", "hand-2"):
        store.append_many([event(names, version, hand) for version in (1, 2)])
    both = zip(store.get_stream("hand-1"), store.get_stream("hand-2"), strict=True)
    got = [(one.aggregate_id, other.aggregate_id, one.version, other.version) for one, other in both]
    expect(got, [("hand-1", "hand-2", 1, 1), ("hand-1", "hand-2", 2, 2)], "two streams side by side")


@promise(day=None)
def a_stream_of_several_pages_is_whole(names: Any, new_store: Callable[[], Any]) -> None:
    store = new_store()
    store.append_many([event(names, version) for version in range(1, 1_101)])
    for last in (31, 32, 33, 64, 1_031, 1_032, 1_033, 1_100):  # around the ends of the pages
        got = [one.version for one in store.get_stream("hand-1", to_version=last)]
        expect(got == list(range(1, last + 1)), True, f"get_stream gives each event up to {last} once")


@promise(day=None)
def a_stream_of_large_events_is_whole(names: Any, new_store: Callable[[], Any]) -> None:
    store = new_store()
    for version in range(1, 37):
        store.append(event(names, version, event_data={"version": version, "note": "x" * 150_000}))
    got = [one.event_data["version"] for one in store.get_stream("hand-1")]
    expect(got, list(range(1, 37)), "get_stream of large events")


@promise(day=None)
def a_stream_on_its_way_is_in_nobody_s_way(names: Any, new_store: Callable[[], Any]) -> None:
    store = new_store()
    store.append_many([event(names, version) for version in range(1, 51)])
    on_their_way = [store.get_stream("hand-1") for _ in range(20)]
    for stream in on_their_way:
        expect(next(stream).version, 1, "the first event of a stream")
    store.append(event(names, 51))
    for stream in on_their_way:
        rest = [one.version for one in stream]
        # What is appended meanwhile may be part of it or not.
        expect(rest in (list(range(2, 51)), list(range(2, 52))), True, "the rest of the stream, without a hole")
