"""A replica shows the events, but not the locks of those who are writing: nothing must be promised there."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

import eventstore
from eventstore.embedded import Cluster


def become_replica(cluster: Cluster) -> None:
    """A server that finds this file never leaves recovery: it waits for more from a primary."""
    cluster.stop()
    data = Path(cluster.status().data)
    signal = data / "standby.signal"
    signal.touch()
    if hasattr(os, "chown"):  # for root, the server runs as somebody else
        os.chown(signal, data.stat().st_uid, data.stat().st_gid)


def test_on_a_replica_the_mark_promises_nothing(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path, durable=False)
    event = eventstore.DomainEvent(event_type="moved", aggregate_id="hand", version=1, event_data={})
    try:
        with eventstore.connect(cluster.start()) as store:
            stored = store.append(event)
            assert store.high_water_mark() == stored.sequence_number
        become_replica(cluster)
        with eventstore.connect(cluster.start()) as store:
            assert store.get_by_aggregate("hand") == [stored]
            assert store.high_water_mark() == 0
            with pytest.raises(eventstore.EventStoreError, match="read-only"):
                store.append(replace(event, aggregate_id="another hand", id=uuid4()))
    finally:
        cluster.remove()
