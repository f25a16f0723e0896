"""The read models of poker against a recount of the log, to the chip."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, replace
from functools import reduce
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from waiting import PATIENCE, wait_until
from written_hands import EXAMPLES, example

import poker
from eventstore import DomainEvent, PostgresEventStore, connect, rebuild
from poker import GameState, HandRecord, hand_events
from poker.mapping import HAND_COMPLETED
from poker.projections import PROJECTIONS, LeaderBoard, leaders
from poker.tables import DEALERS, Dealer

Rows = dict[tuple[Any, ...], tuple[Any, ...]]


def catch_up(store: PostgresEventStore) -> None:
    for projection in PROJECTIONS.values():
        projection.subscription(store).catch_up()


def table(store: PostgresEventStore, statement: str, keys: int) -> Rows:
    with store.connection() as connection:
        return {tuple(row[:keys]): tuple(row[keys:]) for row in connection.execute(statement)}


def kept_pots(store: PostgresEventStore) -> Rows:
    return table(
        store,
        "SELECT collection, table_name, variant, currency, chip_unit, hands, pot_sum::bigint, largest_pot::bigint,"
        " last_hand FROM pots_per_table",
        5,
    )


def kept_leaders(store: PostgresEventStore) -> Rows:
    return {tuple(asdict(row).values())[:4]: tuple(asdict(row).values())[4:] for row in leaders(store)}


def kept_unfinished(store: PostgresEventStore) -> Rows:
    return table(store, "SELECT hand_id, table_name, players, since FROM unfinished_hands", 1)


def recount(store: PostgresEventStore) -> tuple[Rows, Rows, Rows]:
    """All three, from the events alone: each hand is folded into its state, and the states are added up in Python."""
    with store.connection() as connection:
        found = connection.execute("SELECT DISTINCT aggregate_id FROM domain_events").fetchall()
    hands = [store.get_by_aggregate(hand) for (hand,) in found]
    hands.sort(key=lambda events: events[-1].sequence_number or 0)
    pots: dict[tuple[Any, ...], list[Any]] = defaultdict(lambda: [0, 0, 0, ""])
    board: dict[tuple[Any, ...], list[Any]] = defaultdict(lambda: [0, 0, 0, 0, None])
    unfinished: Rows = {}
    for events in hands:
        created, state = events[0], reduce(poker.apply, events, GameState())
        data = created.event_data
        if state.result is None:
            unfinished[(created.aggregate_id,)] = (data["table"], len(data["seats"]), created.recorded_at)
            continue
        folder = data["source"]["file"].split("/")[0] if "/" in data["source"]["file"] else ""
        chips = (data["currency"], data["chip_unit"])
        pot = pots[(folder, data["table"], data["variant"], *chips)]
        pot[:] = [pot[0] + 1, pot[1] + state.result.pot, max(pot[2], state.result.pot), created.aggregate_id]
        for name in {seat.name for seat in state.seats if seat.name}:
            seats = [seat.number for seat in state.seats if seat.name == name]
            row = board[(name, folder, *chips)]
            row[0] += 1
            if set(seats) & set(state.result.winners or ()):
                row[1] += 1
                row[4] = max(row[4] or 0, state.result.pot)
            if state.result.payoffs is not None:
                row[2] += 1
                row[3] += sum(state.result.payoffs[seat - 1] for seat in seats)
    return (
        {key: tuple(row) for key, row in pots.items()},
        {key: tuple(row) for key, row in board.items()},
        unfinished,
    )


def assert_exact(store: PostgresEventStore) -> None:
    pots, board, unfinished = recount(store)
    assert kept_pots(store) == pots
    assert kept_leaders(store) == board
    assert kept_unfinished(store) == unfinished
    assert {hand for (hand,) in unfinished} == {hand.hand_id for hand in poker.unfinished_hands(store)}
    assert {row[2] for row in unfinished.values()} == {hand.created_at for hand in poker.unfinished_hands(store)}
    frame = poker.pots(store)
    summary = poker.pot_summary(frame)
    sums = {
        (row.collection, row.currency, row.chip_unit): (row.hands, row.sum, row.largest) for row in summary.itertuples()
    }
    added: dict[tuple[Any, ...], tuple[int, float, float]] = defaultdict(lambda: (0, 0, 0))
    for (folder, _, _, currency, unit), (hands, pot_sum, largest, _) in kept_pots(store).items():
        key = (folder, currency or "", unit)
        before = added[key]
        added[key] = (before[0] + hands, before[1] + pot_sum, max(before[2], largest))
    assert {
        key: (hands, round(total * key[2]), round(largest * key[2])) for key, (hands, total, largest) in sums.items()
    } == added


def test_the_season(store: PostgresEventStore, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """The first hands of the season; with --long all of it."""
    hands = 2_000 if request.config.getoption("--long") else 150
    (tmp_path / "season.phhs").write_text(first_hands(hands), encoding="utf-8")
    poker.import_hands(store, tmp_path)
    catch_up(store)
    assert len(kept_pots(store)) >= 3
    assert sum(row[0] for row in kept_pots(store).values()) == hands
    assert_exact(store)
    # What is won is lost, as far as the records tell.
    assert sum(leader.net for leader in leaders(store)) == 0
    for name in PROJECTIONS:
        rebuild(store, PROJECTIONS[name])
    assert_exact(store)


def first_hands(count: int) -> str:
    lines = poker.season().read_text(encoding="utf-8").splitlines(keepends=True)
    sections = [number for number, line in enumerate(lines) if line.startswith("[")]
    return "".join(lines[: [*sections, len(lines)][count]])


def test_real_hands(store: PostgresEventStore, real_hands: Path, request: pytest.FixtureRequest) -> None:
    folders = ["pluribus", "wsop"] if request.config.getoption("--long") else ["wsop"]
    for folder in folders:
        poker.import_hands(store, real_hands / folder)
    catch_up(store)
    assert sum(row[0] for row in kept_pots(store).values()) > 50
    assert_exact(store)


def test_chips_of_different_kinds_are_never_added(store: PostgresEventStore) -> None:
    raw = example("NT")
    names = [f"player {seat}" for seat in range(len(raw["starting_stacks"]))]
    kinds = [
        ("s.phhs", None),
        ("folder/s.phhs", None),
        ("folder/deeper/t.phhs", None),
        ("folder/s.phhs", "USD"),
        ("folder/s.phhs", "EUR"),
    ]
    for section, (file, currency) in enumerate(kinds):
        fields = raw | {"players": names, "table": "the same"} | ({"currency": currency} if currency else {})
        store.append_many(hand_events(HandRecord(file, str(section), fields, 0)))
    catch_up(store)
    assert {key[:1] + key[3:]: row[0] for key, row in kept_pots(store).items()} == {
        ("", None, 1): 1,
        ("folder", None, 1): 2,
        ("folder", "USD", 1): 1,
        ("folder", "EUR", 1): 1,
    }
    assert len(leaders(store)) == 4 * len(names)
    assert_exact(store)


def test_hands_of_every_kind(store: PostgresEventStore) -> None:
    """All games, players without a name, one name on two seats, hands that are not finished, unknown winners."""
    for variant in EXAMPLES:
        raw, name = example(variant), variant.replace("/", " or ")
        count = len(raw["starting_stacks"])
        for section, names in (("none", None), ("two", ["a"] * count), ("some", ["b", *[""] * (count - 1)])):
            fields = raw if names is None else raw | {"players": names}
            events = hand_events(HandRecord("s.phhs", f"{name} {section}", fields, 0))
            store.append_many(events if section != "some" else events[:-1])
            if section == "none":
                [untold] = [event for event in events if event.event_type == HAND_COMPLETED]
                data = untold.event_data | {"winners": None, "payoffs": None}
                fields = raw | {"players": ["c"] * count}
                events = hand_events(HandRecord("s.phhs", f"{name} untold", fields, 0))
                store.append_many([*events[:-1], replace(events[-1], event_data=data)])
    catch_up(store)
    assert len(kept_unfinished(store)) == len(EXAMPLES)
    untold = [leader for leader in leaders(store) if leader.player == "c"]
    assert {(row.won, row.settled, row.net, row.biggest_pot) for row in untold} == {(0, 0, 0, None)}
    assert_exact(store)


@contextmanager
def dealers(schema: str, hands: int | None, *, inline: bool = False, tables: int = 2) -> Iterator[list[Dealer]]:
    """Tables where two dealers each race for every event, each with a store of its own, until the end."""
    stop = Event()
    with ExitStack() as stores:
        work = []
        for number in range(1, tables + 1):
            for _ in range(DEALERS):
                own = stores.enter_context(connect(schema=schema, inline=PROJECTIONS.values() if inline else ()))
                work.append(Dealer(own, "an evening", number, rate=60, hands=hands, stop=stop))
        for dealer in work:
            dealer.start()
        try:
            yield work
        finally:
            if hands is None:
                stop.set()
            for dealer in work:
                dealer.join(PATIENCE)
            stop.set()
        assert not any(dealer.is_alive() for dealer in work)
        assert [dealer.error for dealer in work] == [None] * len(work)


@contextmanager
def following(store: PostgresEventStore) -> Iterator[None]:
    """All three kept up to date, in threads."""
    subscriptions = [projection.subscription(store) for projection in PROJECTIONS.values()]
    threads = [threading.Thread(target=subscription.run) for subscription in subscriptions]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for subscription in subscriptions:
            subscription.stop()
        for thread in threads:
            thread.join(PATIENCE)
    for subscription in subscriptions:
        assert subscription.status().dead_letters == 0


def test_rebuilt_while_hands_are_played_and_followed_and_read(
    store: PostgresEventStore, schema: str, request: pytest.FixtureRequest
) -> None:
    rounds = 20 if request.config.getoption("--long") else 3
    store.append_many(whole_hand())
    catch_up(store)
    done = threading.Event()
    seen: dict[str, int] = defaultdict(int)

    def read() -> None:
        """What is won is lost: at each moment the nets of the board add up to nothing. And it never shrinks."""
        most = 0
        with store.connection() as connection:
            while not done.is_set():
                [(net, hands)] = connection.execute("SELECT sum(net), sum(hands) FROM leader_board").fetchall()
                seen["reads"] += 1
                if net != 0:
                    seen[f"wrong: {net}"] += 1
                if hands is None or hands < most:
                    seen[f"fewer: {hands} after {most}"] += 1
                most = max(most, hands or 0)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        with following(store), dealers(schema, None):
            for _ in range(rounds):
                for projection in PROJECTIONS.values():
                    rebuild(store, projection)
    finally:
        done.set()
        reader.join(PATIENCE)
    assert seen.pop("reads") > rounds
    assert not seen
    catch_up(store)
    assert_exact(store)


def whole_hand() -> list[DomainEvent]:
    raw = example("NT")
    names = [f"player {seat}" for seat in range(len(raw["starting_stacks"]))]
    return hand_events(HandRecord("s.phhs", "0", raw | {"players": names}, 0))


def test_kept_inline_by_all_dealers(schema: str, store: PostgresEventStore) -> None:
    with dealers(schema, 4, inline=True):
        pass
    assert len(store.get_by_type(HAND_COMPLETED)) == 8
    assert_exact(store)
    with connect(schema=schema, inline=PROJECTIONS.values()) as inline:
        inline.append(whole_hand()[0])
        assert len(kept_unfinished(store)) == 1
        for projection in PROJECTIONS.values():
            rebuild(inline, projection)
        inline.append_many(whole_hand()[1:])
    assert_exact(store)


def command(*arguments: str, schema: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "poker", *arguments, "--schema", schema],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        env=os.environ,
    )


REBUILDS = """
import sys
from eventstore import connect, rebuild
from poker.projections import PROJECTIONS

with connect(schema=sys.argv[1]) as store:
    while True:
        for projection in PROJECTIONS.values():
            print("begin", flush=True)
            rebuild(store, projection)
"""


def test_a_rebuild_that_is_killed_does_no_harm_and_the_next_one_succeeds(
    store: PostgresEventStore, schema: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Killed at random moments, with writers and consumers at work: the old tables serve, or the new ones."""
    kills = 60 if request.config.getoption("--long") else 4
    (tmp_path / "season.phhs").write_text(first_hands(60), encoding="utf-8")
    poker.import_hands(store, tmp_path)
    chance = random.Random(kills)
    with following(store), dealers(schema, None, tables=1):
        for _ in range(kills):
            rebuilding = subprocess.Popen(
                [sys.executable, "-c", REBUILDS, schema], stdout=subprocess.PIPE, encoding="utf-8", env=os.environ
            )
            assert rebuilding.stdout is not None
            assert rebuilding.stdout.readline() == "begin\n"
            time.sleep(chance.uniform(0, 0.5))
            rebuilding.kill()
            rebuilding.communicate()
    catch_up(store)
    assert_exact(store)
    wait_until(lambda: not claimed(store), "the server to notice that the last one is gone")
    for projection in PROJECTIONS.values():
        rebuild(store, projection)
    assert_exact(store)
    with store.connection() as connection:
        assert connection.execute("SELECT name FROM event_subscriptions ORDER BY 1").fetchall() == [
            (name,) for name in sorted(PROJECTIONS)
        ]


def claimed(store: PostgresEventStore) -> int:
    with store.connection() as connection:
        [(count,)] = connection.execute(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ExclusiveLock'"
            " AND classid = 'event_subscriptions'::regclass"
        ).fetchall()
        return int(count)


# Commands


@pytest.mark.skipif(sys.platform == "win32", reason="one process cannot press Ctrl-C for another there")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_follow_until_told_to_stop(store: PostgresEventStore, schema: str, how: signal.Signals) -> None:
    store.append_many(whole_hand())
    process = command("follow", schema=schema)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "following: pots_per_table, leader_board, unfinished_hands\n"
        wait_until(lambda: leaders(store), "the first hand on the board")
        with dealers(schema, 2):
            pass
        mark = store.high_water_mark()
        wait_until(lambda: positions(store) == [mark] * 3, "the followers")
        process.send_signal(how)
        output, errors = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 0, errors
    assert f"leader_board at {mark} (0 behind)" in output.splitlines()[-1]
    assert "Traceback" not in errors
    assert_exact(store)


def positions(store: PostgresEventStore) -> list[int]:
    with store.connection() as connection:
        return [position for (position,) in connection.execute("SELECT position FROM event_subscriptions")]


def run(*arguments: str, schema: str) -> subprocess.CompletedProcess[str]:
    with command(*arguments, schema=schema) as process:
        output, errors = process.communicate(timeout=PATIENCE)
    return subprocess.CompletedProcess(process.args, process.returncode, output, errors)


def test_leaders_are_printed(store: PostgresEventStore, schema: str) -> None:
    early = run("leaders", schema=schema)
    assert (early.returncode, early.stdout) == (2, "")
    assert "python -m poker follow" in early.stderr
    catch_up(store)
    store.append_many(whole_hand())
    empty = run("leaders", schema=schema)
    assert "Nobody has completed a hand yet" in empty.stdout
    assert f"{len(whole_hand())} events behind: python -m poker follow" in empty.stderr
    catch_up(store)
    plain = run("leaders", schema=schema)
    assert (plain.returncode, plain.stderr) == (0, "")
    board = leaders(store)
    for leader in board:
        assert leader.player in plain.stdout
    as_json = run("leaders", "--json", "--limit", "2", schema=schema)
    assert [json.loads(line) for line in as_json.stdout.splitlines()] == [asdict(leader) for leader in board[:2]]
    assert [leader.net for leader in board] == sorted((leader.net for leader in board), reverse=True)


def test_rebuild_by_name(store: PostgresEventStore, schema: str) -> None:
    store.append_many(whole_hand())
    done = run("rebuild", LeaderBoard.name, schema=schema)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"leader_board is built anew, up to event {store.high_water_mark()}\n"
    assert len(leaders(store)) == len(whole_hand()[0].event_data["seats"])
    wrong = run("rebuild", "leader board", schema=schema)
    assert wrong.returncode == 2
    assert "use one of pots_per_table" in " ".join(wrong.stderr.replace("│", " ").split())
