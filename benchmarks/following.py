"""How fast a follower of the log catches up, beside the library eventsourcing: python -m benchmarks.following [EVENTS]

Both have the same number of events with the same payloads, on one PostgreSQL with fsync on, and handlers that do
nothing. They take turns, so that whatever disturbs the machine disturbs both. Ours commits its checkpoint with each
batch. The library's subscription by itself commits none; its projection commits one with each event.

Needs `pip install -r benchmarks/requirements.txt`.
"""

from __future__ import annotations

import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from itertools import count, islice

import psycopg
from eventsourcing.persistence import Tracking
from eventsourcing.postgres import PostgresTrackingRecorder
from eventsourcing.projection import ApplicationSubscription, Projection, ProjectionRunner

import eventstore
from benchmarks.decisions import event, fresh_server
from benchmarks.peers.eventsourcing_library import Hand, Hands, environment
from eventstore import PostgresEventStore, Subscription

EVENTS = 50_000
STREAM = 100
ROUNDS = 5


class Nothing(Projection[PostgresTrackingRecorder]):
    """A projection that only notes how far it has come."""

    def process_event(self, domain_event: object, tracking: Tracking) -> None:
        self.view.insert_tracking(tracking)


def fill(store: PostgresEventStore, hands: Hands, events: int) -> None:
    for number in range(events // STREAM):
        store.append_many([event(f"hand {number}", version) for version in range(1, STREAM + 1)])
        hand = Hand()
        for _ in range(STREAM - 1):  # its creation is an event too
            hand.process(**event("hand", 1).event_data)
        hands.save(hand)


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def compare(url: str, events: int) -> None:
    settings = environment(url, "postgres")
    with eventstore.connect(url) as store:
        hands = Hands(settings)
        fill(store, hands, events)
        with store.connection() as connection:
            connection.execute("VACUUM ANALYZE")
        names = count(1)

        def ours() -> None:
            Subscription(store, f"follower {next(names)}", lambda event, connection: None).catch_up()

        def its_subscription() -> None:
            with ApplicationSubscription(hands) as subscription:
                assert sum(1 for _ in islice(subscription, events)) == events

        def its_projection() -> None:
            own = settings | {"TRACKING_TABLE_NAME": f"tracking_{next(names)}"}
            with ProjectionRunner(
                application_class=Hands, projection_class=Nothing, view_class=PostgresTrackingRecorder, env=own
            ) as runner:
                runner.wait(events, timeout=600)

        ways = {"eventstore: Subscription": ours, "eventsourcing: subscription": its_subscription}
        times: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(ROUNDS):
            for name, way in ways.items():
                times[name].append(seconds(way))
        times["eventsourcing: projection, once"] = [seconds(its_projection)]
        hands.close()
    first = statistics.median(times["eventstore: Subscription"])
    for name, each in times.items():
        took = statistics.median(each)
        print(f"  {name:<36} {events / took:>10,.0f} events/s {took / first:>8.2f} x the time")


def main() -> None:
    events = int(sys.argv[1]) if len(sys.argv) > 1 else EVENTS
    with fresh_server() as url:
        with psycopg.connect(url) as connection:
            version = connection.info.parameter_status("server_version")
        print(f"PostgreSQL {version}, fsync on, Python {platform.python_version()}, {os.cpu_count()} cores")
        print(f"\n{events:,} events to catch up with (medians of {ROUNDS} rounds)")
        compare(url, events)


if __name__ == "__main__":
    main()
