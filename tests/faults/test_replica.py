"""A copy of the log on another server shows the events, but not the locks of those who are writing.

So nothing must be promised there: neither on a standby nor where logical replication brings the events.
"""

from __future__ import annotations

import os
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo
from waiting import wait_until

import eventstore
from eventstore.embedded import Cluster


def event(stream: str) -> eventstore.DomainEvent:
    return eventstore.DomainEvent(event_type="moved", aggregate_id=stream, version=1, event_data={})


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
    try:
        with eventstore.connect(cluster.start()) as store:
            stored = store.append(event("hand"))
            assert store.high_water_mark() == stored.sequence_number
        become_replica(cluster)
        with eventstore.connect(cluster.start()) as store:
            assert store.get_by_aggregate("hand") == [stored]
            assert store.high_water_mark() == 0
            with pytest.raises(eventstore.StoreUnavailableError, match="standby"):
                store.append(event("another hand"))
            with pytest.raises(eventstore.StoreUnavailableError, match="standby"):
                eventstore.Subscription(store, "follower", lambda event, connection: None)
    finally:
        cluster.remove()


PUBLISH = "CREATE PUBLICATION events FOR TABLE domain_events"

# The publisher and the subscriber are two databases of one server. Then the slot has to be there beforehand.
MAKE_SLOT = "SELECT pg_create_logical_replication_slot('events', 'pgoutput')"

SUBSCRIBE = """
CREATE SUBSCRIPTION events CONNECTION {} PUBLICATION events WITH (create_slot = false, copy_data = false)
"""


def test_where_logical_replication_brings_the_events_the_mark_promises_nothing(tmp_path: Path) -> None:
    """It goes past the statement triggers, and brings transactions in the order of their commits."""
    cluster = Cluster(tmp_path, durable=False)
    try:
        with psycopg.connect(cluster.start(), autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET wal_level = logical")
            connection.execute("CREATE DATABASE elsewhere")
        cluster.stop()
        url = cluster.start()
        with (
            eventstore.connect(url) as publisher,
            eventstore.connect(make_conninfo(url, dbname="elsewhere")) as subscriber,
            publisher.connection() as caller,
            subscriber.connection() as owner,
        ):
            caller.execute(PUBLISH)
            caller.execute(MAKE_SLOT)
            owner.execute(sql.SQL(SUBSCRIBE).format(url))
            with caller.transaction():
                slow = publisher.append(event("slow"), connection=caller)
                fast = publisher.append(event("fast"))
                wait_until(lambda: subscriber.get_event_count() == 1, "the event of the fast writer")
                assert subscriber.get_by_aggregate("fast") == [fast]
                assert (publisher.high_water_mark(), subscriber.high_water_mark()) == (0, 0)
                follower = eventstore.Subscription(subscriber, "follower", lambda event, connection: None)
                for call in (follower.catch_up, follower.run):
                    with pytest.raises(eventstore.EventStoreError, match="follow the server that is written to"):
                        call()
            wait_until(lambda: subscriber.get_event_count() == 2, "the event of the slow writer")
            assert subscriber.get_by_aggregate("slow") == [slow]
            assert (publisher.high_water_mark(), subscriber.high_water_mark()) == (fast.sequence_number, 0)
    finally:
        cluster.remove()
