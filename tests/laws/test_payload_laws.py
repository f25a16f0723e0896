"""Whatever JSON a store accepts, it gives back equal, in memory and on PostgreSQL alike. The rest is refused.

What equal means, and what it means that one value contains another, is for the server to say: it is asked.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from side_by_side import BothStores, comparable

import eventstore
from eventstore import DomainEvent, DuplicateEventError, EventQueryFilter, EventSnapshot, InvalidEventError, payload

Tries = Callable[[int], settings]


def nested(leaves: st.SearchStrategy[Any], keys: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
        max_leaves=12,
    )


# Anything, with much that PostgreSQL cannot keep.
any_text = st.text(st.characters()) | st.sampled_from(["\0", "\\u0000", "\\\\u0000", "\\\0", "\ud800", "\udfff\ud800"])
any_leaf = st.none() | st.booleans() | st.integers() | st.floats() | any_text | st.integers(10**3990, 10**4010)
values = nested(any_leaf, any_text)
payloads = st.dictionaries(any_text, values, max_size=4)

# What is accepted, from few values, so that two of them are often equal or nearly so.
numbers = st.sampled_from([0, -0.0, 1, 1.0, -1, 10, 1e1, 0.1, 0.1 + 0.2, 0.3, 5e-324, 2**53 - 1, 2.0**53 - 1, 10**30])
texts = st.sampled_from(["", "a", "A", "ä", "a\u0308", "1", "true", "null", "\\u0000", "\u2028", "\U0001f0a1", "'"])
near_values = nested(st.none() | st.booleans() | numbers | texts, texts)
near_objects = st.dictionaries(texts, near_values, max_size=4)


def acceptable(value: Any) -> bool:
    """The rule in words of its own, to compare the package with."""
    if isinstance(value, float):
        return math.isfinite(value) and abs(value) < 2**53
    if isinstance(value, str):
        return "\0" not in value and value.encode("utf-8", "ignore").decode() == value
    if isinstance(value, list):
        return all(map(acceptable, value))
    if isinstance(value, dict):
        return all(acceptable(key) and acceptable(inner) for key, inner in value.items())
    if isinstance(value, int):
        return abs(value) < 10**4_000
    return True


@st.composite
def parts(draw: st.DrawFn, whole: Any) -> Any:
    """What is contained in a value, or nearly: some of its keys, some of its items, the same number in another form."""
    if draw(st.integers(0, 9)) == 0:
        return draw(near_values)
    if isinstance(whole, dict):
        kept = [key for key in whole if draw(st.booleans())]
        return {key: draw(parts(whole[key])) for key in kept}
    if isinstance(whole, list) and whole:
        return [draw(parts(each)) for each in draw(st.lists(st.sampled_from(whole), max_size=3))]
    if isinstance(whole, int | float) and abs(whole) < 2**53:
        return draw(st.sampled_from([whole, whole, float(whole), bool(whole)]))
    return whole


@st.composite
def twins(draw: st.DrawFn, value: Any) -> Any:
    """An equal value, or nearly: other keys first, numbers in another form, now and then something else."""
    if isinstance(value, dict):
        return {key: draw(twins(value[key])) for key in draw(st.permutations(list(value)))}
    if isinstance(value, list):
        return [draw(twins(each)) for each in value]
    if isinstance(value, int | float) and abs(value) < 2**53:
        return draw(st.sampled_from([value, value, value, float(value), float(value), bool(value)]))
    return draw(near_values) if draw(st.integers(0, 9)) == 0 else value


def test_accepted_payloads_read_back_equal(store: eventstore.PostgresEventStore, tries: Tries) -> None:
    both = BothStores(store)

    @tries(200)
    @given(value=payloads, name=any_text, other=values)
    def law(value: dict[str, Any], name: str, other: Any) -> None:
        fits = acceptable(name) and 1 <= len(name.encode("utf-8", "ignore")) <= 255
        if not (acceptable(value) and fits):
            with pytest.raises(InvalidEventError) as caught:
                DomainEvent(event_type="test", aggregate_id=name, version=1, event_data=value)
            assert caught.value.field.startswith("event_data" if fits else "aggregate_id")
            assert caught.value.fix
            return
        version = store.get_latest_version(name) + 1
        event = DomainEvent(event_type="test", aggregate_id=name, version=version, event_data=value)
        both.ask(lambda store: store.append(event))
        [stored] = both.ask(lambda store: store.get_by_aggregate(name, version))
        assert comparable(stored.event_data) == comparable(value)
        assert stored.event_timestamp == event.event_timestamp
        if not acceptable(other):
            with pytest.raises(InvalidEventError, match="state"):
                EventSnapshot(aggregate_id=name, version=version, state=other)
            return
        snapshot = EventSnapshot(aggregate_id=name, version=version, state=other)
        both.ask(lambda store: store.save_snapshot(snapshot))
        found = both.ask(lambda store: store.get_latest_snapshot(name))
        assert comparable(found.state) == comparable(other)

    law()


def test_one_value_contains_another_as_the_server_says(store: eventstore.PostgresEventStore, tries: Tries) -> None:
    answers = set[Any]()

    @tries(500)
    @given(data=st.data(), whole=near_values)
    def law(data: st.DataObject, whole: Any) -> None:
        # Within an object, as payloads are: at the very top, jsonb lets a list contain a plain value as well.
        one, other = {"in": whole}, {"in": data.draw(parts(whole))}
        pair = payload.encode("one", one), payload.encode("other", other)
        found = connection.execute("SELECT %s::jsonb @> %s::jsonb", pair).fetchone()
        assert found == (payload.contains(one, other),)
        answers.add(found)

    with store.connection() as connection:
        law()
    assert answers == {(True,), (False,)}, "both cases were met"


def test_two_values_are_the_same_as_the_server_says(store: eventstore.PostgresEventStore, tries: Tries) -> None:
    answers = set[Any]()

    @tries(500)
    @given(data=st.data(), one=near_values)
    def law(data: st.DataObject, one: Any) -> None:
        other = data.draw(twins(one))
        pair = payload.encode("one", one), payload.encode("other", other)
        found = connection.execute("SELECT %s::jsonb = %s::jsonb", pair).fetchone()
        assert found == (payload.same(one, other),)
        answers.add(found)

    with store.connection() as connection:
        law()
    assert answers == {(True,), (False,)}, "both cases were met"


def test_an_event_is_found_by_what_its_payload_contains(store: eventstore.PostgresEventStore, tries: Tries) -> None:
    both, aggregates = BothStores(store), itertools.count(1)

    def find(name: str, part: dict[str, Any]) -> list[UUID]:
        question = EventQueryFilter(aggregate_id=name, data_contains=part)
        return [event.id for event in both.ask(lambda store: store.query(question))]

    @tries(200)
    @given(data=st.data(), value=near_objects)
    def law(data: st.DataObject, value: dict[str, Any]) -> None:
        name = f"aggregate {next(aggregates)}"
        event = DomainEvent(event_type="test", aggregate_id=name, version=1, event_data=value)
        both.ask(lambda store: store.append(event))
        part = data.draw(parts(value).filter(lambda part: isinstance(part, dict)))
        assert find(name, value) == find(name, {}) == [event.id]
        assert find(name, part) == [event.id] * payload.contains(value, part)

    law()


def test_a_retry_is_a_retry_if_the_server_says_that_the_payloads_are_equal(
    store: eventstore.PostgresEventStore, tries: Tries
) -> None:
    both, aggregates = BothStores(store), itertools.count(1)

    @tries(200)
    @given(data=st.data(), one=near_objects)
    def law(data: st.DataObject, one: dict[str, Any]) -> None:
        other = data.draw(twins(one))
        event = DomainEvent(event_type="test", aggregate_id=f"aggregate {next(aggregates)}", version=1, event_data=one)
        stored = both.ask(lambda store: store.append(event))
        again = replace(event, event_data=other)
        answer = both.ask(lambda store: store.append(again))
        pair = event.payload_json, again.payload_json
        if connection.execute("SELECT %s::jsonb = %s::jsonb", pair).fetchone() == (True,):
            assert answer == stored
        else:
            assert isinstance(answer, DuplicateEventError)

    with store.connection() as connection:
        law()
