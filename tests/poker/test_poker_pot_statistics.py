"""Statistics of pots and players: a recount at any point of any history, and the figures of real hands to the chip."""

from __future__ import annotations

import random
import shutil
import statistics
import tomllib
import uuid
from collections import Counter, defaultdict
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql
from typer.testing import CliRunner
from waiting import wait_until
from written_hands import example

import poker
from eventstore import DomainEvent, PostgresEventStore
from poker import HandRecord, hand_events
from poker.cli import app
from poker.frames import GROUPINGS, players, pot_statistics, pots, results
from poker.rolling_up import roll_up

ROLL_UP = "SELECT roll_up_hands()"

EMPTY = """
BEGIN;
ALTER TABLE domain_events DISABLE TRIGGER domain_events_are_facts;
TRUNCATE domain_events, event_snapshots, rolled_up_hands;
ALTER TABLE domain_events ENABLE TRIGGER domain_events_are_facts;
COMMIT;
"""

FORGET = [
    "DELETE FROM rolled_up_hands",
    "DELETE FROM rolled_up_hands WHERE ended_at = (SELECT min(ended_at) FROM rolled_up_hands)",
    "DELETE FROM rolled_up_hands WHERE ended_at = (SELECT max(ended_at) FROM rolled_up_hands)",
    "DELETE FROM rolled_up_hands WHERE pot % 2 = 0",
    "TRUNCATE rolled_up_hands",
]

HANDS = """
SELECT hand_id, sequence_number, source, variant, "table", played_at, players, big_blind, street, showdown, pot,
       uncalled, chip_unit, currency, winners, collection, names, blinds, payoffs, rake
FROM completed_hands
"""

EVENTS = """
SELECT aggregate_id, version, sequence_number, event_type, event_data, event_timestamp
FROM domain_events
ORDER BY sequence_number
"""

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
STREETS = ("preflop", "flop", "turn", "river")


def recount(connection: psycopg.Connection) -> list[dict[str, Any]]:
    """The completed hands, told by the events alone."""
    events = connection.execute(EVENTS).fetchall()
    begun = {hand: row for hand, version, *row in events if version == 1 and row[1] == "game.created" and row[2]}
    decided = {(hand, version): row[2].get("street") for hand, version, *row in events}
    found = []
    for hand, version, number, kind, end, _ in events:
        if kind != "game.hand_completed" or hand not in begun or "pot" not in end:
            continue
        began, _, start, played_at = begun[hand]
        file = start["source"]["file"]
        street = end.get("street") or ("river" if end["showdown"] else decided.get((hand, version - 1)))
        found.append(
            {
                "hand_id": hand,
                "sequence_number": began,
                "source": "#".join(part for part in (file, start["source"]["section"]) if part is not None),
                "variant": start["variant"],
                "table": start["table"],
                "played_at": played_at,
                "players": len(start["seats"]),
                "big_blind": start["big_blind"],
                "street": street,
                "showdown": end["showdown"],
                "pot": end["pot"],
                "uncalled": end["uncalled"],
                "chip_unit": start["chip_unit"],
                "currency": start["currency"],
                "winners": end["winners"],
                "collection": file.split("/")[0] if "/" in file else "",
                "names": [seat["name"] for seat in start["seats"]],
                "blinds": start["blinds"],
                "payoffs": end["payoffs"],
                "rake": end.get("rake"),
            }
        )
        assert began < number
    return found


def kind_of_chips(hand: dict[str, Any]) -> tuple[Any, ...]:
    return hand["collection"], hand["currency"], hand["chip_unit"]


def quantile(values: list[Any], share: Fraction) -> Fraction:
    """Between two values it is interpolated. Exact, and written without a look at how others do it."""
    ordered = sorted(map(Fraction, values))
    whole, part = divmod(share * (len(ordered) - 1), 1)
    following = ordered[min(int(whole) + 1, len(ordered) - 1)]
    return ordered[int(whole)] + part * (following - ordered[int(whole)])


def expected_statistics(hands: list[dict[str, Any]]) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    groups = defaultdict(list)
    for hand in hands:
        chips = kind_of_chips(hand)
        groups["all", chips, None].append(hand)
        groups["stakes", chips, Fraction(hand["big_blind"], hand["chip_unit"])].append(hand)
        groups["day", chips, hand["played_at"].date()].append(hand)
        for name in ("variant", "table", "street", "showdown"):
            groups[name, chips, hand[name]].append(hand)
    expected = {}
    for (grouping, chips, value), members in groups.items():
        unit = chips[2]
        sizes = [hand["pot"] for hand in members]
        rakes = [hand["rake"] for hand in members if hand["rake"] is not None]
        expected[grouping, chips, value] = (
            len(members),
            Fraction(sum(sizes), unit),
            Fraction(sum(sizes), unit * len(sizes)),
            *(quantile(sizes, Fraction(share, 100)) / unit for share in (50, 90, 99)),
            Fraction(max(sizes), unit),
            quantile([Fraction(hand["pot"], hand["big_blind"]) for hand in members], Fraction(1, 2)),
            len(rakes),
            Fraction(sum(rakes), unit) if rakes else None,
        )
    return expected


def check_statistics(connection: psycopg.Connection, hands: list[dict[str, Any]]) -> None:
    expected = expected_statistics(hands)
    rows = connection.execute("SELECT * FROM pot_statistics").fetchall()
    assert len(rows) == len(expected)
    for grouping, *row in rows:
        chips, values, figures = tuple(row[:3]), row[3:9], row[9:]
        value = next((value for value in values if value is not None), None)
        assert sum(value is not None for value in values) <= 1
        wanted = expected[grouping, chips, Fraction(value) if grouping == "stakes" else value]
        assert len(figures) == len(wanted)
        for figure, right in zip(figures, wanted, strict=True):
            assert (figure is None) == (right is None)
            assert figure is None or abs(Fraction(figure) - right) < Fraction(1, 1_000), (grouping, value)


def check_players(connection: psycopg.Connection, hands: list[dict[str, Any]]) -> None:
    expected: dict[tuple[Any, ...], list[Any]] = defaultdict(lambda: [0, 0, 0, None, None, None])
    for hand in hands:
        for name in {name for name in hand["names"] if name}:
            row = expected[name, *kind_of_chips(hand)]
            seats = [seat for seat, other in enumerate(hand["names"], start=1) if other == name]
            row[0] += 1
            if set(seats) & set(hand["winners"] or ()):
                row[1] += 1
                row[4] = max(row[4] or 0, hand["pot"])
            if hand["payoffs"] is not None:
                net = sum(hand["payoffs"][seat - 1] for seat in seats)
                row[2] += 1
                row[3] = (row[3] or 0) + net
                row[5] = (row[5] or 0) + Fraction(net, hand["big_blind"])
    found = {tuple(row[:4]): row[4:] for row in connection.execute("SELECT * FROM player_statistics").fetchall()}
    assert set(found) == set(expected)
    for key, (*figures, net_bb) in found.items():
        *wanted, wanted_bb = expected[key]
        assert figures == wanted, key
        assert (net_bb is None) == (wanted_bb is None)
        assert net_bb is None or abs(Fraction(net_bb) - wanted_bb) < Fraction(1, 10**6)


def check(connection: psycopg.Connection, *, hands_only: bool = False) -> list[dict[str, Any]]:
    """All questions see one state of the database."""
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        cursor = connection.execute(HANDS)
        names = [column.name for column in cursor.description or ()]
        found = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        hands = recount(connection)
        assert sorted(found, key=lambda hand: (hand["hand_id"], hand["pot"])) == sorted(
            hands, key=lambda hand: (hand["hand_id"], hand["pot"])
        )
        if not hands_only:
            check_statistics(connection, hands)
            check_players(connection, hands)
    return hands


# What a hand may be like: its kind of chips, what was known of it, and what its events left out.
kinds_of_hand = st.fixed_dictionaries(
    {
        "file": st.sampled_from(["one/s.phhs", "two/s.phhs", "s.phhs"]),
        "currency": st.sampled_from([None, "USD"]),
        "unit": st.sampled_from([1, 100]),
        "big_blind": st.sampled_from([2, 7]),
        "table": st.sampled_from([None, "table"]),
        "hours": st.integers(-40, 40),
        "names": st.lists(st.sampled_from(["a", "b", None]), min_size=2, max_size=3),
        "pot": st.integers(0, 50),
        "street": st.sampled_from([None, *STREETS]),
        "showdown": st.booleans(),
        "winners": st.sampled_from([None, [1], [1, 2], [2]]),
        "payoffs": st.booleans(),
        "rake": st.sampled_from(["left out", None, 0, 3]),
    }
)

# What may happen. Many a hand is written step by step, so that the end of a roll-up cuts it.
steps = st.one_of(
    st.tuples(st.just("play"), kinds_of_hand),
    st.tuples(st.just("play"), kinds_of_hand),
    st.tuples(st.just("begin"), kinds_of_hand),
    st.tuples(st.just("act"), st.sampled_from(STREETS)),
    st.tuples(st.just("end"), st.integers(0, 3)),
    st.tuples(st.just("end"), st.just(0)),
    st.tuples(st.just("junk"), st.tuples(st.sampled_from(["no beginning", "no pot", "no seats"]), kinds_of_hand)),
    st.tuples(st.just("roll up"), st.integers(1, 3)),
    st.tuples(st.just("roll up"), st.just(50_000)),
    st.tuples(st.just("forget"), st.sampled_from(FORGET)),
    st.tuples(st.just("fail"), st.integers(1, 3)),  # numbers that are drawn and never seen
)


def created(kind: dict[str, Any]) -> dict[str, Any]:
    return {
        "source": {"file": kind["file"], "section": None, "hand": None},
        "variant": "NT",
        "seats": [{"seat": seat, "name": name, "stack": 9} for seat, name in enumerate(kind["names"], start=1)],
        "chip_unit": kind["unit"],
        "blinds": [1, 2, 0][: len(kind["names"])],
        "big_blind": kind["big_blind"],
        "table": kind["table"],
        "currency": kind["currency"],
        "time_source": "recorded",
    }


def completed(kind: dict[str, Any]) -> dict[str, Any]:
    data = {"pot": kind["pot"], "uncalled": 1, "showdown": kind["showdown"], "winners": kind["winners"]}
    data["payoffs"] = [seat - 1 for seat in range(len(kind["names"]))] if kind["payoffs"] else None
    if kind["street"]:
        data["street"] = kind["street"]
    return data if kind["rake"] == "left out" else data | {"rake": kind["rake"]}


class Tables:
    """Hands that are played at once, one event at a time."""

    def __init__(self, store: PostgresEventStore) -> None:
        self.store = store
        self.hands = 0
        self.open: list[tuple[str, dict[str, Any]]] = []

    def write(self, hand: str, kind: str, data: dict[str, Any], at: datetime = NOON) -> None:
        version = self.store.get_latest_version(hand) + 1
        self.store.append(
            DomainEvent(event_type=kind, aggregate_id=hand, version=version, event_data=data, event_timestamp=at)
        )

    def take(self, step: str, what: Any) -> None:
        self.hands += 1
        if step in ("begin", "play"):
            hand = f"hand {self.hands}"
            self.open.append((hand, what))
            self.write(hand, "game.created", created(what), NOON + timedelta(hours=what["hours"]))
            if step == "play":
                self.take("act", "flop")
                self.take("end", -1)
        elif step == "act" and self.open:
            self.write(self.open[-1][0], "game.action_processed", {"street": what})
        elif step == "end" and self.open:
            hand, kind = self.open.pop(what % len(self.open))
            self.write(hand, "game.hand_completed", completed(kind))
        elif step == "junk":
            # Events as an exercise has them: each of these lacks something without which it is no hand.
            why, kind = what
            if why != "no beginning":
                self.write(f"junk {self.hands}", "game.created", {} if why == "no seats" else created(kind))
            self.write(f"junk {self.hands}", "game.hand_completed", {"x": 5} if why == "no pot" else completed(kind))


def test_the_views_are_a_recount_after_every_step(store: PostgresEventStore, request: pytest.FixtureRequest) -> None:
    examples = 300 if request.config.getoption("--long") else 30
    poker.install(store)
    with store.connection() as connection:

        @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))
        @given(st.lists(steps, min_size=3, max_size=14))
        def law(history: list[tuple[str, Any]]) -> None:
            connection.execute(EMPTY)
            tables = Tables(store)
            for step, what in history:
                if step == "roll up":
                    connection.execute("SELECT roll_up_hands(%s)", (what,))
                elif step == "forget":
                    connection.execute(what)
                elif step == "fail":
                    with connection.transaction(force_rollback=True):
                        for number in range(what):
                            event = DomainEvent(
                                event_type="game.hand_completed",
                                aggregate_id=f"gone {number}",
                                version=1,
                                event_data={},
                            )
                            store.append(event, connection=connection)
                else:
                    tables.take(step, what)
                check(connection, hands_only=True)
            check(connection)

        law()


def some_hand(number: int, **fields: Any) -> list[DomainEvent]:
    return hand_events(HandRecord("s.phhs", str(number), example("NT", hand=number, **fields), 0))


def test_what_is_rolled_up_is_not_looked_up_again(store: PostgresEventStore) -> None:
    """The rolled-up hands are used, and do not only look right because the view looks all of them up in the log."""
    poker.install(store)
    for number in range(3):
        store.append_many(some_hand(number))
    with store.connection() as connection:
        assert connection.execute("SELECT roll_up_hands(2)").fetchone() == (2,)
        assert connection.execute(ROLL_UP).fetchone() == (1,)
        assert connection.execute(ROLL_UP).fetchone() == (0,)
        connection.execute("UPDATE rolled_up_hands SET pot = 1000")
        assert connection.execute("SELECT sum(pot) FROM completed_hands").fetchone() == (3_000,)


@pytest.mark.parametrize("forget", FORGET)
def test_whoever_deletes_some_of_them_deletes_all(store: PostgresEventStore, forget: str) -> None:
    poker.install(store)
    for number in range(3):
        store.append_many(some_hand(number))
    with store.connection() as connection:
        connection.execute(ROLL_UP)
        connection.execute(forget)
        assert connection.execute("SELECT count(*) FROM rolled_up_hands").fetchone() == (0,)
        assert len(check(connection)) == 3


def test_a_roll_up_goes_on_until_nothing_is_left(store: PostgresEventStore, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        store.append_many(some_hand(number))
    monkeypatch.setattr("poker.rolling_up.CHUNK", 2)
    parts: list[int] = []
    assert roll_up(store, parts.append) == 5
    assert parts == [2, 2, 1]


def test_a_hand_that_the_mark_cuts_is_counted_once(store: PostgresEventStore) -> None:
    poker.install(store)
    begun, whole = some_hand(1), some_hand(2)
    with store.connection() as connection:
        store.append_many(begun[:4])
        store.append_many(whole)
        assert connection.execute(ROLL_UP).fetchone() == (1,)
        assert [hand["hand_id"] for hand in check(connection)] == [whole[0].aggregate_id]
        store.append_many(begun[4:])
        assert len(check(connection)) == 2
        assert connection.execute(ROLL_UP).fetchone() == (1,)
        assert len(check(connection)) == 2
        # In the order in which they were begun, not that in which they ended.
        assert list(pots(store)["hand_id"]) == [begun[0].aggregate_id, whole[0].aggregate_id]


def test_a_hand_above_the_mark_stays_in_the_tail(store: PostgresEventStore) -> None:
    poker.install(store)
    slow, fast = some_hand(1), some_hand(2)
    with store.connection() as writer, store.connection() as connection:
        with writer.transaction():
            store.append_many(slow, connection=writer)
            store.append_many(fast)
            assert connection.execute(ROLL_UP).fetchone() == (0,)
            assert len(check(connection)) == 1
        assert len(check(connection)) == 2
        assert connection.execute(ROLL_UP).fetchone() == (2,)
        assert len(check(connection)) == 2


@pytest.mark.parametrize("isolation", ["REPEATABLE READ", "SERIALIZABLE"])
def test_an_old_view_of_the_log_is_not_rolled_up(store: PostgresEventStore, isolation: str) -> None:
    poker.install(store)
    slow, fast = some_hand(1), some_hand(2)
    with store.connection() as writer, store.connection() as roller:
        with writer.transaction():
            store.append_many(slow, connection=writer)
            store.append_many(fast)
            roller.execute("BEGIN")
            roller.execute(sql.SQL("SET TRANSACTION ISOLATION LEVEL {}").format(sql.SQL(isolation)))
            roller.execute("SELECT count(*) FROM domain_events")
        assert roller.execute(ROLL_UP).fetchone() == (0,)
        roller.execute("COMMIT")
        assert len(check(roller)) == 2


def test_an_old_view_of_the_rolled_up_hands_cannot_delete_them(store: PostgresEventStore) -> None:
    """It would leave those that were rolled up meanwhile, and nobody would look for the others any more."""
    poker.install(store)
    store.append_many(some_hand(1))
    with store.connection() as deleter, store.connection() as roller:
        roller.execute(ROLL_UP)
        deleter.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        deleter.execute("SELECT count(*) FROM rolled_up_hands")
        store.append_many(some_hand(2))
        roller.execute(ROLL_UP)
        with pytest.raises(psycopg.errors.RaiseException, match="above READ COMMITTED"):
            deleter.execute("DELETE FROM rolled_up_hands")
        deleter.execute("ROLLBACK")
        assert len(check(deleter)) == 2


def test_rolled_up_hands_are_deleted_while_a_roll_up_is_at_work(store: PostgresEventStore) -> None:
    """The roll-up has read where it must go on from, and has not written yet: it is held at a row that it wants."""
    poker.install(store)
    store.append_many(some_hand(1))
    with (
        store.connection() as roller,
        store.connection() as deleter,
        store.connection() as obstacle,
        ThreadPoolExecutor() as pool,
    ):

        def waits_or_ended(connection: psycopg.Connection, work: Future[Any]) -> bool:
            pid = connection.info.backend_pid
            with store.connection() as watcher:
                blocked = watcher.execute("SELECT cardinality(pg_blocking_pids(%s))", (pid,)).fetchone()
            return work.done() or blocked != (0,)

        roller.execute(ROLL_UP)
        *_, end = store.append_many(some_hand(2))
        with obstacle.transaction(force_rollback=True):
            obstacle.execute(
                "INSERT INTO rolled_up_hands (hand_id, began_at, ended_at, collection, source, variant, played_at)"
                " VALUES ('', 0, %s, '', '', '', now())",
                (end.sequence_number,),
            )
            rolling = pool.submit(roller.execute, ROLL_UP)
            wait_until(lambda: waits_or_ended(roller, rolling), "the roll-up to meet the obstacle")
            assert not rolling.done()
            deleting = pool.submit(deleter.execute, "DELETE FROM rolled_up_hands")
            wait_until(lambda: waits_or_ended(deleter, deleting), "the DELETE to wait or to end")
        rolling.result()
        deleting.result()
        assert len(check(deleter)) == 2
        assert deleter.execute(ROLL_UP).fetchone() == (2,)


def test_exact_while_tables_roll_ups_and_somebody_who_forgets_are_at_work(
    store: PostgresEventStore, request: pytest.FixtureRequest
) -> None:
    hands = 120 if request.config.getoption("--long") else 20
    writers = 3
    poker.install(store)
    played = [[some_hand(number * writers + writer) for number in range(hands)] for writer in range(writers)]
    done: list[int] = []

    def write(writer: int) -> None:
        try:
            for events in played[writer]:
                cut = len(events) // 2
                store.append_many(events[:cut])
                store.append_many(events[cut:])
        finally:
            done.append(writer)

    def repeat(statement: str) -> None:
        with store.connection() as connection:
            while len(done) < writers:
                with suppress(psycopg.errors.DeadlockDetected):  # a TRUNCATE and a roll-up may meet in one
                    connection.execute(statement)

    dice = random.Random(0)
    with ThreadPoolExecutor(max_workers=8) as pool, ExitStack() as connections:
        reader = connections.enter_context(store.connection())
        work = [pool.submit(write, writer) for writer in range(writers)]
        work += [pool.submit(repeat, "SELECT roll_up_hands(2)") for _ in range(2)]
        work.append(pool.submit(repeat, f"SELECT pg_sleep(0.05); {dice.choice(FORGET)}"))
        while len(done) < writers:
            check(reader, hands_only=True)
        for each in work:
            each.result()
        assert len(check(reader)) == writers * hands


def test_a_role_without_rights_to_the_table_may_roll_up(store: PostgresEventStore, schema: str) -> None:
    poker.install(store)
    store.append_many(some_hand(1))
    role = f"analyst {uuid.uuid4().hex[:12]}"
    grants = sql.SQL("""
        CREATE ROLE {role};
        GRANT USAGE ON SCHEMA {schema} TO {role};
        GRANT SELECT ON completed_hands, hand_results, pot_statistics, player_statistics TO {role};
        SET ROLE {role}
    """)
    with store.connection() as connection:
        connection.execute(grants.format(role=sql.Identifier(role), schema=sql.Identifier(schema)))
        try:
            assert connection.execute(ROLL_UP).fetchone() == (1,)
            for statement in ("DELETE FROM rolled_up_hands", "TRUNCATE rolled_up_hands", "TABLE rolled_up_hands"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(statement)
            assert connection.execute("SELECT hands FROM pot_statistics WHERE grouped_by = 'all'").fetchone() == (1,)
            assert connection.execute("SELECT count(*) FROM player_statistics").fetchone() == (3,)
        finally:
            connection.execute("RESET ROLE")
            connection.execute(sql.SQL("DROP OWNED BY {0}; DROP ROLE {0}").format(sql.Identifier(role)))


def test_a_changed_file_forgets_what_was_rolled_up(store: PostgresEventStore) -> None:
    """Another version of the package may tell the same hands in another way."""
    poker.install(store)
    store.append_many(some_hand(1))
    assert roll_up(store) == 1
    with store.connection() as connection:
        connection.execute("UPDATE eventstore_schema SET checksum = '' WHERE file = 'poker/110_completed_hands'")
        assert poker.install(store) == ["poker/110_completed_hands"]
        assert connection.execute("SELECT count(*) FROM rolled_up_hands").fetchone() == (0,)
        assert len(check(connection)) == 1


def test_the_commands(store: PostgresEventStore, schema: str) -> None:
    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, [*arguments, "--schema", schema])

    def lines(answer: Result) -> list[list[str]]:
        assert answer.exit_code == 0, answer.output
        return [line.split() for line in answer.stdout.splitlines()]

    assert "python -m poker import FOLDER" in run("statistics").stdout
    *raked, end = some_hand(2, currency="EUR")
    store.append_many([*some_hand(1), *raked, replace(end, event_data=end.event_data | {"rake": 3})])
    assert run("roll-up").stdout == "2 hands rolled up\n"
    assert run("roll-up").stdout == "0 hands rolled up\n"
    assert lines(run("statistics", "--by", "street")) == [
        ["EUR"],
        ["street", "hands", "mean", "median", "p90", "p99", "largest", "median", "bb", "rake", "known", "of"],
        ["river", "1", "62", "62", "62", "62", "62", "31.0", "3", "1", "hands"],
        ["chips"],
        ["street", "hands", "mean", "median", "p90", "p99", "largest", "median", "bb"],
        ["river", "1", "62", "62", "62", "62", "62", "31.0"],
    ]
    assert ["all", "1", "62", "62", "62", "62", "62", "31.0"] in lines(run("statistics"))
    assert ["NT", "1", "62", "62", "62", "62", "62", "31.0"] in lines(run("statistics", "--by", "variant"))
    wrong = run("statistics", "--by", "player")
    assert wrong.exit_code == 2
    assert "'street'" in wrong.stderr


def test_a_day_is_one_in_utc_wherever_somebody_asks(store: PostgresEventStore) -> None:
    poker.install(store)
    *hand, end = some_hand(1)
    store.append_many([replace(event, event_timestamp=datetime(2030, 1, 1, 23, tzinfo=UTC)) for event in hand] + [end])
    with store.connection() as connection, connection.transaction():
        connection.execute("SET LOCAL timezone = 'Asia/Tokyo'")
        found = connection.execute("SELECT day FROM pot_statistics WHERE grouped_by = 'day'").fetchall()
    assert found == [(date(2030, 1, 1),)]
    assert list(pot_statistics(store, "day")["day"]) == [datetime(2030, 1, 1, tzinfo=UTC)]


def test_a_grouping_that_does_not_exist_is_refused(store: PostgresEventStore) -> None:
    with pytest.raises(ValueError, match="'player' is no grouping of pot_statistics: use one of all, variant, stakes"):
        pot_statistics(store, "player")  # type: ignore[arg-type]


def copied(real_hands: Path, folder: Path, long: bool) -> Path:
    """Hands whose finishing stacks are known: of Pluribus and of the World Series, all of them if it may take long."""
    shutil.copytree(real_hands / "wsop", folder / "wsop")
    (folder / "pluribus").mkdir()
    for path in sorted((real_hands / "pluribus").glob("*.phhs"))[: None if long else 1]:
        shutil.copy(path, folder / "pluribus")
    return folder


def recorded(folder: Path) -> dict[str, dict[str, Any]]:
    """Each hand by its source, as it stands in its file."""
    found = {}
    for path in sorted(folder.rglob("*.phh*")):
        parsed = tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
        name = path.relative_to(folder).as_posix()
        found.update({name: parsed} if path.suffix == ".phh" else {f"{name}#{key}": parsed[key] for key in parsed})
    return found


def counted_pot(hand: dict[str, Any]) -> tuple[int, str, bool]:
    """Pot, last street and showdown of a hand of no-limit hold'em, from its actions: all bets but the uncalled one."""
    stacks = hand["starting_stacks"]
    blinds = hand["blinds_or_straddles"][::-1] if len(stacks) == 2 else hand["blinds_or_straddles"]
    put_in, bets, live, board, uncalled = list(hand["antes"]), list(blinds), set(range(len(stacks))), 0, 0

    def close_street() -> None:
        nonlocal uncalled
        second, first = sorted(bets)[-2:]
        uncalled += first - second
        put_in[:] = [chips + bet for chips, bet in zip(put_in, bets, strict=True)]
        bets[:] = [0] * len(bets)

    for action in hand["actions"]:
        who, what, *rest = action.split()
        if (who, what) == ("d", "db"):
            close_street()
            board += len(rest[0]) // 2
        elif what == "f":
            live.remove(int(who[1:]) - 1)
        elif what in ("cc", "cbr"):
            seat = int(who[1:]) - 1
            to = max(bets) if what == "cc" else int(rest[0])
            bets[seat] = min(to, stacks[seat] - put_in[seat])
    close_street()
    return sum(put_in) - uncalled, {0: "preflop", 3: "flop", 4: "turn", 5: "river"}[board], len(live) > 1


def test_real_hands_to_the_chip(
    store: PostgresEventStore, real_hands: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Pots counted from the actions, and results taken from the stacks at the end: neither goes through our code."""
    long = request.config.getoption("--long")
    truth = recorded(copied(real_hands, tmp_path, long))
    poker.import_hands(store, tmp_path)
    roll_up(store)
    frame = pots(store).set_index("source")
    assert set(frame.index) == set(truth)

    pluribus = {source: counted_pot(hand) for source, hand in truth.items() if source.startswith("pluribus")}
    assert len(pluribus) > 50
    for source, (pot, street, showdown) in pluribus.items():
        row = frame.loc[source]
        assert (row["pot"], row["street"], row["showdown"]) == (pot, street, showdown)
    sizes = [pot for pot, _, _ in pluribus.values()]
    if long:
        assert (len(sizes), sum(sizes), statistics.median(sizes), max(sizes)) == (10_000, 13_307_972, 500, 30_200)
        streets = Counter(street for _, street, _ in pluribus.values())
        assert streets == {"preflop": 4_662, "flop": 1_484, "turn": 1_106, "river": 2_748}
        assert sum(showdown for _, _, showdown in pluribus.values()) == 1_673

    figures = pot_statistics(store).set_index(["grouped_by", "collection"])
    every = figures.loc["all", "pluribus"].squeeze()
    percent = statistics.quantiles(sizes, n=100, method="inclusive")
    names = ["hands", "pot_sum", "pot_mean", "pot_median", "pot_p90", "pot_p99", "pot_largest", "pot_median_bb"]
    assert list(every[names]) == pytest.approx(
        [
            *(len(sizes), sum(sizes), statistics.mean(sizes)),
            *(percent[at - 1] for at in (50, 90, 99)),
            *(max(sizes), statistics.median(sizes) / 100),
        ]
    )
    streets = figures.loc["street", "pluribus"].set_index("street")["hands"].to_dict()
    assert streets == Counter(street for _, street, _ in pluribus.values())
    showdowns = figures.loc["showdown", "pluribus"].set_index("showdown")["hands"].to_dict()
    assert showdowns == Counter(showdown for _, _, showdown in pluribus.values())
    assert tuple(figures.loc["all", "wsop"].squeeze()[["hands", "pot_sum"]]) == (83, 173_035_000)
    # No chip is missing at the end of any hand: nobody takes a rake there, and the record says so.
    assert (figures["raked_hands"] == figures["hands"]).all()
    assert (figures["rake"] == 0).all()
    for name in GROUPINGS:
        assert pot_statistics(store, name)["hands"].sum() == len(truth)

    won: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    halves: Counter[tuple[str, str]] = Counter()
    net = results(store).merge(frame.reset_index()[["hand_id", "source"]]).set_index(["source", "seat"])["net"]
    for source, hand in truth.items():
        ends = zip(hand["players"], hand["starting_stacks"], hand["finishing_stacks"], strict=True)
        for seat, (player, before, after) in enumerate(ends, start=1):
            key = source.split("/")[0], player
            won[key] += after - before
            # Where the record splits a chip in two, this project gives the whole chip to one of the two.
            halves[key] += (after - before) % 1 != 0
            assert abs(net[source, seat] - (after - before)) <= Decimal("0.5") * ((after - before) % 1 != 0)
    by_player = players(store)
    assert {(row.collection, row.player) for row in by_player.itertuples()} == set(won)
    for row in by_player.itertuples():
        key = row.collection, row.player
        assert abs(row.net - won[key]) <= Decimal("0.5") * halves[key]
    # What is won is lost.
    assert by_player["net"].sum() == 0
    if long:
        assert sum(halves.values()) == 16
