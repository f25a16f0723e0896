"""Whatever JSON a store accepts, it gives back equal, in memory and on PostgreSQL alike. The rest is refused."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import eventstore
from eventstore import DomainEvent, InvalidEventError

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | st.just("\\u0000"),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
payloads = st.dictionaries(st.text(), values, max_size=4)


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
    return True


def test_accepted_payloads_read_back_equal(
    store: eventstore.PostgresEventStore, request: pytest.FixtureRequest
) -> None:
    memory = eventstore.InMemoryEventStore()
    examples = 2_000 if request.config.getoption("--long") else 200

    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))
    @given(payload=payloads, name=st.text(min_size=1))
    def law(payload: dict[str, Any], name: str) -> None:
        fits = acceptable(name) and len(name.encode("utf-8", "ignore")) <= 255
        if not (acceptable(payload) and fits):
            with pytest.raises(InvalidEventError):
                DomainEvent(event_type="test", aggregate_id=name, version=1, event_data=payload)
            return
        version = store.get_latest_version(name) + 1
        event = DomainEvent(event_type="test", aggregate_id=name, version=version, event_data=payload)
        for each in (store, memory):
            each.append(event)
            [stored] = each.get_by_aggregate(name, from_version=version)
            assert stored.event_data == payload
            assert repr(stored.event_timestamp) == repr(event.event_timestamp)

    law()
