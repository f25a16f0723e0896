"""Live tables: dealers who race for every event, and what is left when some of them go home, or die."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import reduce
from itertools import islice
from threading import Barrier, Event, Lock
from typing import Any

import pytest
from waiting import PATIENCE, wait_until

import poker
from eventstore import DomainEvent, PostgresEventStore, VersionConflictError, connect
from poker import GameState
from poker.tables import DEALERS, Dealer, live_hands

EVENING = "an evening"


class Watched:
    """A store that counts what happens at it. The first dealers wait for each other, so that they do meet."""

    def __init__(self, store: PostgresEventStore, meeting: Barrier, seen: Counter[str], lock: Lock) -> None:
        self._store, self._meeting, self._seen, self._lock = store, meeting, seen, lock
        self._met = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def append(self, event: DomainEvent) -> DomainEvent:
        if not self._met:
            self._met = True
            self._meeting.wait(PATIENCE)
        try:
            stored = self._store.append(event)
        except VersionConflictError:
            self._note("refused")
            raise
        self._note("written")
        return stored

    def _note(self, what: str) -> None:
        with self._lock:
            self._seen[what] += 1


def assert_whole(store: PostgresEventStore, script: list[DomainEvent]) -> None:
    """The stream of a hand holds what its seed decided: each event once, in order, and no chip lost."""
    events = store.get_by_aggregate(script[0].aggregate_id)
    assert [event.version for event in events] == list(range(1, len(script) + 1))
    assert [(event.event_type, event.event_data) for event in events] == [
        (event.event_type, event.event_data) for event in script
    ]
    assert [event.metadata.causation_id for event in events] == [None, *(event.id for event in events[:-1])]
    assert [event.metadata.user_id for event in events] == [event.metadata.user_id for event in script]
    assert len({event.metadata.correlation_id for event in events}) == 1
    state = reduce(poker.apply, events, GameState())
    assert state.status == "completed"
    assert sum(filter(None, state.stacks)) == sum(filter(None, state.starting_stacks))


def test_tables_play_at_the_same_time_and_every_hand_is_whole(
    schema: str, store: PostgresEventStore, request: pytest.FixtureRequest
) -> None:
    tables, hands = (4, 40) if request.config.getoption("--long") else (2, 5)
    seen, lock = Counter[str](), Lock()
    began = datetime.now(UTC)
    with ExitStack() as stores:
        dealers = []
        for table in range(1, tables + 1):
            meeting = Barrier(DEALERS)
            for _ in range(DEALERS):
                own = Watched(stores.enter_context(connect(schema=schema)), meeting, seen, lock)
                dealers.append(Dealer(own, EVENING, table, rate=0, hands=hands, stop=Event()))
        for dealer in dealers:
            dealer.start()
        for dealer in dealers:
            dealer.join(PATIENCE)
            assert not dealer.is_alive()
    assert [dealer.error for dealer in dealers] == [None] * len(dealers)

    scripts = [script for table in range(1, tables + 1) for script in islice(live_hands(EVENING, table), hands)]
    for script in scripts:
        assert_whole(store, script)
    written = sum(map(len, scripts))
    assert store.get_event_count() == sum(dealer.events for dealer in dealers) == seen["written"] == written
    assert sum(dealer.conflicts for dealer in dealers) == seen["refused"] >= tables
    assert sum(dealer.hands_finished for dealer in dealers) == tables * hands
    assert {dealer.under_way for dealer in dealers} == {None}
    for event in store.get_by_aggregate(scripts[0][0].aggregate_id):
        assert began <= event.event_timestamp <= datetime.now(UTC)
    assert poker.unfinished_hands(store) == []


def test_another_evening_has_other_hands() -> None:
    first, second, third = (next(live_hands(evening, table)) for evening, table in (("a", 1), ("a", 2), ("b", 1)))
    assert len({hand[0].aggregate_id for hand in (first, second, third)}) == 3
    assert first[0].aggregate_id == next(live_hands("a", 1))[0].aggregate_id
    assert first[0].event_data["time_source"] == "recorded"


def test_a_dealer_who_is_told_to_stop_finishes_the_hand_without_a_pause(store: PostgresEventStore) -> None:
    stop = Event()
    # The second event would be due in some hours.
    dealer = Dealer(store, EVENING, 1, rate=0.0001, hands=None, stop=stop)
    dealer.start()
    wait_until(store.get_event_count, "the first event")
    [unfinished] = poker.unfinished_hands(store)
    assert (unfinished.hand_id, unfinished.version) == (dealer.under_way, 1)
    stop.set()
    dealer.join(PATIENCE)
    assert not dealer.is_alive()
    assert (dealer.error, dealer.under_way, dealer.hands_finished) == (None, None, 1)
    assert_whole(store, next(live_hands(EVENING, 1)))
    assert store.get_event_count() == dealer.events


def test_a_new_dealer_goes_on_where_the_hand_stands(store: PostgresEventStore) -> None:
    script = next(live_hands(EVENING, 1))
    for event in script[:4]:
        store.append(event)
    dealer = Dealer(store, EVENING, 1, rate=0, hands=1, stop=Event())
    dealer.run()
    assert (dealer.error, dealer.events, dealer.conflicts) == (None, len(script) - 4, 0)
    assert_whole(store, script)


def test_a_dealer_says_what_went_wrong(schema: str) -> None:
    with connect(schema=schema) as store:
        dealer = Dealer(store, EVENING, 1, rate=0, hands=1, stop=Event())
    dealer.run()
    assert "closed" in str(dealer.error)


@contextmanager
def playing(schema: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """The command at work in a process of its own."""
    command = [sys.executable, "-m", "poker", "play", "--schema", schema, *arguments]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8", env=os.environ
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_a_table_goes_on_when_its_dealers_are_killed(schema: str, store: PostgresEventStore) -> None:
    same_table = ("--tables", "1", "--hands", "3", "--evening", EVENING)
    # Those who will be killed have begun a hand, and would go on with it in some hours.
    with (
        playing(schema, *same_table, "--rate", "0.0001") as doomed,
        playing(schema, *same_table, "--rate", "25") as standby,
    ):
        assert standby.stdout is not None
        assert standby.stdout.readline() == f"evening: {EVENING}\n"
        wait_until(store.get_event_count, "a hand under way")
        doomed.kill()
        doomed.wait()
        output, errors = standby.communicate(timeout=PATIENCE)
    assert (standby.returncode, errors) == (0, "")
    scripts = list(islice(live_hands(EVENING, 1), 3))
    for script in scripts:
        assert_whole(store, script)
    assert store.get_event_count() == sum(map(len, scripts))
    assert "0 hands unfinished" in output


def test_the_command_counts_what_it_wrote(schema: str, store: PostgresEventStore) -> None:
    with playing(schema, "--tables", "2", "--hands", "2", "--rate", "0") as process:
        output, errors = process.communicate(timeout=PATIENCE)
    assert (process.returncode, errors) == (0, "")
    assert f"4 hands, {store.get_event_count()} events (" in output
    assert "0 hands unfinished" in output
    assert len(store.get_by_type("game.hand_completed")) == 4
    frame = poker.pots(store)
    assert set(frame["time_source"]) == {"recorded"}


interrupts = pytest.mark.skipif(sys.platform == "win32", reason="one process cannot press Ctrl-C for another there")


@interrupts
def test_ctrl_c_finishes_the_hands_under_way(schema: str, store: PostgresEventStore) -> None:
    # One event at each table, and the next one in some hours.
    with playing(schema, "--tables", "2", "--rate", "0.0001") as process:
        wait_until(lambda: len(poker.unfinished_hands(store)) == 2, "a hand at each table")
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert "finishing the hands under way" in errors
    assert f"2 hands, {store.get_event_count()} events" in output
    assert poker.unfinished_hands(store) == []


@interrupts
def test_a_second_ctrl_c_ends_at_once(schema: str, store: PostgresEventStore) -> None:
    with playing(schema, "--tables", "2", "--rate", "0.0001") as process:
        wait_until(lambda: len(poker.unfinished_hands(store)) == 2, "a hand at each table")
        with store.connection() as connection, connection.transaction():
            # Nobody can write, so nobody can finish.
            connection.execute("LOCK TABLE domain_events IN SHARE MODE")
            process.send_signal(signal.SIGINT)
            assert process.stderr is not None
            assert "finishing the hands under way" in process.stderr.readline()
            process.send_signal(signal.SIGINT)
            output, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert "2 hands unfinished" in output
    assert "stopped at once" in errors
    assert "Traceback" not in errors


def test_a_server_that_is_away_is_said_without_the_password() -> None:
    command = [sys.executable, "-m", "poker", "play", "--url", "postgresql://somebody:secret-word@127.0.0.1:1/x"]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
    assert "secret-word" not in done.stderr
