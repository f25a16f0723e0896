"""What several laws need: either store, and how often hypothesis tries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

import eventstore


@pytest.fixture(params=["memory", "postgres"])
def any_store(request: pytest.FixtureRequest) -> eventstore.EventStore:
    """An empty store of each kind."""
    if request.param == "memory":
        return eventstore.InMemoryEventStore()
    store: eventstore.PostgresEventStore = request.getfixturevalue("store")
    return store


@pytest.fixture
def tries(request: pytest.FixtureRequest) -> Callable[..., settings]:
    """Settings of hypothesis: `tries(200)` means 200 examples, and five times as many under `--long`."""

    def tries(examples: int, **more: Any) -> settings:
        times = 5 if request.config.getoption("--long") else 1
        return settings(max_examples=examples * times, deadline=None, suppress_health_check=list(HealthCheck), **more)

    return tries
