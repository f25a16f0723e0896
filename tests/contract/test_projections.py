"""Projections: tables that follow the log, from behind or in the append's transaction, and are built anew."""

from __future__ import annotations

import os
import pickle
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql
from psycopg.rows import dict_row
from waiting import PATIENCE, wait_until

from eventstore import (
    DomainEvent,
    EventStoreError,
    InvalidEventError,
    PostgresEventStore,
    Projection,
    SchemaError,
    StoreUnavailableError,
    VersionConflictError,
    connect,
    rebuild,
)


class Counts(Projection):
    """How many events of each type there are, what they add up to, and a copy of each of them.

    Written so that a lost event, a repeated one and one out of order all show.
    """

    name = "counts"
    tables = ("counts", "seen of counts")

    def create(self, connection: psycopg.Connection) -> None:
        connection.execute("CREATE TABLE counts (event_type text PRIMARY KEY, events bigint, chips bigint)")
        connection.execute(
            'CREATE TABLE "seen of counts" (place bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, number bigint)'
        )

    def apply(self, event: DomainEvent, connection: psycopg.Connection) -> None:
        connection.execute(
            "INSERT INTO counts AS so_far VALUES (%s, 1, %s) ON CONFLICT (event_type) DO UPDATE"
            " SET events = so_far.events + 1, chips = so_far.chips + excluded.chips",
            (event.event_type, event.event_data.get("chips", 0)),
        )
        [(number,)] = connection.execute("SELECT %s::bigint", (event.sequence_number,)).fetchall()
        connection.execute('INSERT INTO "seen of counts" (number) VALUES (%s)', (number,))


Board = dict[str, tuple[int, int]]


def board(store: PostgresEventStore) -> Board:
    with store.connection() as connection:
        return {row[0]: (row[1], row[2]) for row in connection.execute("SELECT * FROM counts")}


def recount(store: PostgresEventStore) -> Board:
    with store.connection() as connection:
        rows = connection.execute(
            "SELECT event_type, count(*), sum(coalesce((event_data -> 'chips')::int, 0)) FROM domain_events GROUP BY 1"
        )
        return {row[0]: (row[1], int(row[2])) for row in rows}


def numbers(store: PostgresEventStore) -> list[int]:
    """The numbers of the events that were applied, in the order in which they were."""
    with store.connection() as connection:
        return [number for (number,) in connection.execute('SELECT number FROM "seen of counts" ORDER BY place')]


def log(store: PostgresEventStore) -> list[int]:
    with store.connection() as connection:
        return [number for (number,) in connection.execute("SELECT sequence_number FROM domain_events ORDER BY 1")]


def assert_exact(store: PostgresEventStore) -> None:
    assert numbers(store) == log(store)
    assert board(store) == recount(store)


def bet(stream: str, version: int, chips: int = 1, event_type: str = "bet") -> DomainEvent:
    return DomainEvent(event_type=event_type, aggregate_id=stream, version=version, event_data={"chips": chips})


def bets(stream: str, count: int) -> list[DomainEvent]:
    return [
        bet(stream, version, chips=version % 7, event_type=f"type {version % 3}") for version in range(1, count + 1)
    ]


def objects(store: PostgresEventStore) -> tuple[int, list[str]]:
    """What a rebuild may leave behind: scratch schemas that hold a table named like ours, and checkpoints."""
    with store.connection() as connection:
        [(schemas,)] = connection.execute(
            "SELECT count(*) FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace"
            " WHERE relname = 'counts' AND nspname <> current_schema()"
            " AND nspname = ANY (SELECT nspname FROM pg_namespace WHERE nspname LIKE 'eventstore_rebuild_%%')"
        ).fetchall()
        rows = connection.execute("SELECT name FROM event_subscriptions ORDER BY name").fetchall()
    return schemas, [name for (name,) in rows]


# From behind


def test_a_subscription_makes_the_tables_and_keeps_them(store: PostgresEventStore) -> None:
    store.append_many(bets("a", 20))
    subscription = Counts().subscription(store, attempts=2)
    subscription.catch_up()
    assert_exact(store)
    store.append_many(bets("b", 20))
    Counts().subscription(store).catch_up()
    assert_exact(store)
    assert subscription.status().position == store.high_water_mark()


def test_it_cannot_be_sent_back_alone(store: PostgresEventStore) -> None:
    """Its tables would hold what they hold twice."""
    store.append_many(bets("a", 20))
    subscription = Counts().subscription(store)
    subscription.catch_up()
    with pytest.raises(EventStoreError, match="rebuild"):
        subscription.reset()
    subscription.catch_up()
    assert_exact(store)


def test_four_processes_make_them_at_once(store: PostgresEventStore, schema: str) -> None:
    store.append_many(bets("a", 300))
    meeting = threading.Barrier(4)

    def follow() -> None:
        with connect(schema=schema) as own:
            meeting.wait(PATIENCE)
            Counts().subscription(own).catch_up()

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(follow) for _ in range(4)]:
            done.result(PATIENCE)
    assert_exact(store)


class OfOneType(Counts):
    event_types = ("type 1",)


def test_only_the_types_that_it_names(store: PostgresEventStore) -> None:
    store.append_many(bets("a", 30))
    OfOneType().subscription(store).catch_up()
    assert list(board(store)) == ["type 1"]
    rebuild(store, OfOneType())
    assert list(board(store)) == ["type 1"]
    assert board(store)["type 1"] == recount(store)["type 1"]


def test_tables_that_somebody_dropped_are_filled_from_the_start(store: PostgresEventStore) -> None:
    store.append_many(bets("a", 5))
    Counts().subscription(store).catch_up()
    with store.connection() as connection:
        connection.execute('DROP TABLE counts, "seen of counts"')
    Counts().subscription(store).catch_up()
    assert_exact(store)


def test_half_of_the_tables_and_tables_without_a_checkpoint_are_refused(store: PostgresEventStore) -> None:
    store.append_many(bets("a", 5))
    Counts().subscription(store).catch_up()
    with store.connection() as connection:
        connection.execute("DROP TABLE counts")
    with pytest.raises(SchemaError, match="lacks counts: rebuild"):
        Counts().subscription(store)
    rebuild(store, Counts())
    assert_exact(store)
    with store.connection() as connection:
        connection.execute("DELETE FROM event_subscriptions")
    with pytest.raises(SchemaError, match=r"lost its checkpoint.*drop counts"):
        Counts().subscription(store)


class Nameless(Counts):
    name = ""


class Long(Counts):
    name = "x" * 250


class Tableless(Counts):
    tables = ()


class OneText(Counts):
    tables = "counts"


class TooMany(Counts):
    tables = ("counts", "seen of counts", "never made")


class Leftover(Counts):
    def create(self, connection: psycopg.Connection) -> None:
        super().create(connection)
        connection.execute("CREATE TABLE one_more ()")


@pytest.mark.parametrize(
    ("projection", "words"),
    [
        (Nameless(), "name is empty"),
        (Long(), "name is too long: use up to 245 bytes"),
        (Tableless(), "tables names no tables"),
        (OneText(), "tables names no tables"),
        (TooMany(), "tables names never made, which create has not made"),
        (Counts, "projection is ABCMeta"),
        (None, "projection is NoneType"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,  # the address of an object differs between processes
)
def test_a_mistake_is_named_before_anything_is_made(store: PostgresEventStore, projection: object, words: str) -> None:
    if isinstance(projection, Projection):
        with pytest.raises(InvalidEventError, match=words):
            projection.subscription(store)
    with pytest.raises(InvalidEventError, match=words):
        rebuild(store, projection)  # type: ignore[arg-type]
    assert objects(store) == (0, [])
    with store.connection() as connection:
        assert connection.execute("SELECT to_regclass('counts')").fetchone() == (None,)


@pytest.fixture
def guest(store: PostgresEventStore, schema: str) -> Iterator[str]:
    """The URL of a role that may use the store, and owns none of it."""
    name = f"guest_{uuid4().hex}"
    role, where = sql.Identifier(name), sql.Identifier(schema)
    with store.connection() as connection:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'guest'").format(role))
        connection.execute(sql.SQL("GRANT USAGE ON SCHEMA {} TO {}").format(where, role))
        connection.execute(sql.SQL("GRANT ALL ON ALL TABLES IN SCHEMA {} TO {}").format(where, role))
    yield psycopg.conninfo.make_conninfo(os.environ["EVENTSTORE_URL"], user=name, password="guest")
    with psycopg.connect(os.environ["EVENTSTORE_URL"], autocommit=True) as connection:
        connection.execute(sql.SQL("DROP OWNED BY {}").format(role))
        connection.execute(sql.SQL("DROP ROLE {}").format(role))


def test_a_role_that_may_only_follow_is_told_what_it_lacks(store: PostgresEventStore, schema: str, guest: str) -> None:
    store.append_many(bets("a", 5))
    with connect(guest, schema=schema) as follower:
        with pytest.raises(SchemaError, match=r"may not make the tables .* as the owner .*GRANT SELECT, INSERT"):
            Counts().subscription(follower)
        with pytest.raises(SchemaError, match=r"may not make the tables"):
            rebuild(follower, Counts())
        Counts().subscription(store)
        with pytest.raises(SchemaError, match="may not be changed by this role: as the owner, GRANT"):
            Counts().subscription(follower)
        role = psycopg.conninfo.conninfo_to_dict(guest)["user"]
        with store.connection() as connection:
            for table in Counts.tables:
                statement = sql.SQL("GRANT SELECT, INSERT, UPDATE, DELETE ON {} TO {}")
                connection.execute(statement.format(sql.Identifier(table), sql.Identifier(str(role))))
        Counts().subscription(follower).catch_up()
        assert_exact(store)
        rebuild(store, Counts())
        store.append_many(bets("b", 5))
        Counts().subscription(follower).catch_up()  # the rights have passed to the new tables
        assert_exact(follower)


# Built anew


class Doubled(Counts):
    """The same tables, with one column more, and another way to count."""

    def create(self, connection: psycopg.Connection) -> None:
        super().create(connection)
        connection.execute("ALTER TABLE counts ADD doubled bool NOT NULL DEFAULT true")

    def apply(self, event: DomainEvent, connection: psycopg.Connection) -> None:
        super().apply(event, connection)
        connection.execute("UPDATE counts SET chips = chips + %s", (event.event_data["chips"],))


def test_a_rebuild_takes_the_new_way_and_leaves_nothing_behind(store: PostgresEventStore) -> None:
    store.append_many([bet("a", version) for version in range(1, 1201)])
    assert rebuild(store, Counts()) == 1200  # there was nothing before
    assert_exact(store)
    with store.connection() as connection:
        connection.execute("UPDATE counts SET chips = -1")  # as a mistake of old would
    rebuild(store, Doubled())
    with store.connection() as connection:
        assert connection.execute("SELECT * FROM counts").fetchall() == [("bet", 1200, 2400, True)]
    assert objects(store) == (0, ["counts"])
    store.append(bet("b", 1))
    Doubled().subscription(store).catch_up()
    assert board(store) == {"bet": (1201, 2402)}


def test_rights_and_owner_pass_to_the_new_tables(store: PostgresEventStore, schema: str, guest: str) -> None:
    Counts().subscription(store)
    role = sql.Identifier(str(psycopg.conninfo.conninfo_to_dict(guest)["user"]))
    rights = (
        "SELECT relname, relowner, array(SELECT unnest(relacl)::text ORDER BY 1),"
        " array(SELECT attname || attacl::text FROM pg_attribute WHERE attrelid = pg_class.oid AND attacl IS NOT NULL)"
        " FROM pg_class WHERE relnamespace = quote_ident(current_schema())::regnamespace AND relname = ANY (%s)"
        " ORDER BY 1"
    )
    with store.connection() as connection:
        connection.execute("GRANT SELECT ON counts TO PUBLIC")
        connection.execute(sql.SQL("GRANT INSERT, DELETE ON counts TO {} WITH GRANT OPTION").format(role))
        connection.execute(sql.SQL("GRANT UPDATE (chips), SELECT (events) ON counts TO {}").format(role))
        connection.execute(sql.SQL("GRANT CREATE ON SCHEMA {} TO {}").format(sql.Identifier(schema), role))
        connection.execute(sql.SQL('ALTER TABLE "seen of counts" OWNER TO {}').format(role))
        before = connection.execute(rights, (list(Counts.tables),)).fetchall()
        rebuild(store, Counts())
        assert connection.execute(rights, (list(Counts.tables),)).fetchall() == before


def test_what_depends_on_the_tables_stops_the_switch_and_the_old_ones_stay(store: PostgresEventStore) -> None:
    store.append_many(bets("a", 5))
    Counts().subscription(store).catch_up()
    with store.connection() as connection:
        connection.execute("CREATE VIEW sums AS SELECT sum(chips) FROM counts")
        with pytest.raises(SchemaError, match=r"not switched.*view sums depends on table .*counts.*drop that first"):
            rebuild(store, Counts())
        assert_exact(store)
        connection.execute("DROP VIEW sums")
    with pytest.raises(SchemaError, match=r"not switched.*one_more.*have create make tables only"):
        rebuild(store, Leftover())
    assert objects(store) == (0, ["counts"])
    rebuild(store, Counts())
    assert_exact(store)


class Failing(Counts):
    def apply(self, event: DomainEvent, connection: psycopg.Connection) -> None:
        super().apply(event, connection)
        if event.version == 700:
            raise ValueError("never seen a bet like that")


def test_a_projection_that_fails_leaves_the_old_tables(store: PostgresEventStore) -> None:
    store.append_many([bet("a", version) for version in range(1, 801)])
    Counts().subscription(store).catch_up()
    with pytest.raises(ValueError, match="never seen"):
        rebuild(store, Failing())
    assert_exact(store)
    assert objects(store) == (0, ["counts"])


def test_what_was_put_aside_is_in_the_new_tables(store: PostgresEventStore) -> None:
    store.append_many([bet("a", version) for version in range(1, 801)])
    subscription = Failing().subscription(store, attempts=2, backoff=0)
    subscription.catch_up()
    assert (subscription.status().dead_letters, len(numbers(store))) == (1, 799)
    rebuild(store, Counts())
    assert_exact(store)
    status = subscription.status()
    assert (status.dead_letters, status.attempts, status.position) == (0, 0, 800)


class Waiting(Counts):
    """Stops at one event until it is told to go on."""

    def __init__(self) -> None:
        self.reached, self.go_on = threading.Event(), threading.Event()

    def apply(self, event: DomainEvent, connection: psycopg.Connection) -> None:
        super().apply(event, connection)
        if event.version == 700:
            self.reached.set()
            assert self.go_on.wait(PATIENCE)


@contextmanager
def under_way(store: PostgresEventStore, projection: Waiting) -> Iterator[None]:
    """A rebuild that has done one batch, and goes on at the end."""
    with ThreadPoolExecutor(1) as pool:
        rebuilt = pool.submit(rebuild, store, projection)
        try:
            assert projection.reached.wait(PATIENCE)
            yield
        finally:
            projection.go_on.set()
        rebuilt.result(PATIENCE)


def test_the_old_tables_serve_and_grow_while_the_new_ones_are_built(store: PostgresEventStore) -> None:
    store.append_many([bet("a", version) for version in range(1, 801)])
    follower = Counts().subscription(store)
    follower.catch_up()
    with under_way(store, Waiting()):
        store.append_many(bets("b", 100))
        follower.catch_up()
        assert_exact(store)
        with store.connection() as connection:
            found = connection.execute("SELECT name, position, state FROM subscription_status ORDER BY name").fetchall()
        assert found == [("counts", 900, "stopped"), ("counts (rebuild)", 500, "behind")]
        with pytest.raises(EventStoreError, match="being rebuilt already"):
            rebuild(store, Counts())
    assert_exact(store)
    store.append_many(bets("c", 100))
    follower.catch_up()
    assert_exact(store)
    assert objects(store) == (0, ["counts"])


def test_a_consumer_that_runs_goes_on_with_the_new_tables(store: PostgresEventStore) -> None:
    """Its prepared statements, too: it has used them long before the switch, and uses them after it."""
    follower = Counts().subscription(store, backoff=0.01)
    running = threading.Thread(target=follower.run)
    running.start()
    try:
        for round_ in range(5):
            store.append_many(bets(f"stream {round_}", 40))
            wait_until(lambda: follower.status().position == store.high_water_mark(), "the follower")
            rebuild(store, Counts())
    finally:
        follower.stop()
        running.join(PATIENCE)
    status = follower.status()
    assert (status.dead_letters, status.attempts) == (0, 0)
    follower = Counts().subscription(store)
    follower.catch_up()
    assert_exact(store)


def test_a_long_reader_delays_the_switch_and_is_not_disturbed(
    store: PostgresEventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eventstore.projection.SWITCH_ATTEMPTS", 2)
    monkeypatch.setattr("eventstore.projection.PAUSE_BETWEEN", 0.0)
    store.append_many(bets("a", 20))
    follower = Counts().subscription(store)
    follower.catch_up()
    with store.connection() as reader, reader.transaction():
        before = reader.execute("SELECT * FROM counts ORDER BY 1").fetchall()
        store.append_many(bets("b", 20))
        with pytest.raises(StoreUnavailableError, match="kept the tables of projection 'counts' for too long"):
            rebuild(store, Counts())
        assert reader.execute("SELECT * FROM counts ORDER BY 1").fetchall() == before
    follower.catch_up()
    assert_exact(store)
    rebuild(store, Counts())
    assert_exact(store)


class Growing(Counts):
    """While the last event is applied, the next one is appended, so there is always one left for the switch."""

    def __init__(self, store: PostgresEventStore) -> None:
        self._store = store

    def apply(self, event: DomainEvent, connection: psycopg.Connection) -> None:
        super().apply(event, connection)
        if event.version < 100 and self._store.get_latest_version("a") == event.version:
            self._store.append(bet("a", event.version + 1))


def test_a_switch_that_failed_is_done_again_as_a_whole(
    store: PostgresEventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eventstore.projection.PAUSE_BETWEEN", 0.0)
    store.append(bet("a", 1))
    Counts().subscription(store).catch_up()
    with ThreadPoolExecutor(1) as pool:
        with store.connection() as reader, reader.transaction():
            reader.execute("SELECT * FROM counts")
            rebuilt = pool.submit(rebuild, store, Growing(store))
            # The first look at the log appends event 2, the first attempt to switch 3, and the second look 4.
            wait_until(lambda: store.get_latest_version("a") >= 4, "a switch that fails")
        rebuilt.result(PATIENCE)
    Counts().subscription(store).catch_up()
    assert_exact(store)


def test_an_old_snapshot_does_not_see_the_rows_of_the_new_tables(store: PostgresEventStore) -> None:
    """The limit. Whoever has looked at the tables before makes the switch wait, and sees them whole."""
    store.append_many(bets("a", 20))
    Counts().subscription(store).catch_up()
    with store.connection() as reader:
        reader.execute("SET default_transaction_isolation TO 'repeatable read'")
        with reader.transaction():
            reader.execute("SELECT count(*) FROM domain_events")
            rebuild(store, Counts())
            assert reader.execute("SELECT * FROM counts").fetchall() == []
        assert len(reader.execute("SELECT * FROM counts").fetchall()) == 3


def test_no_reader_sees_an_empty_or_a_half_table(store: PostgresEventStore, request: pytest.FixtureRequest) -> None:
    """Each transaction moves chips from one to the other, so whatever the moment, they add up to nothing."""
    rebuilds = 40 if request.config.getoption("--long") else 3
    store.append_many([bet("a", version, chips=(-1) ** version) for version in range(1, 601)])
    Pairs().subscription(store).catch_up()
    done, writing = threading.Event(), threading.Event()
    seen: Counter[str] = Counter()

    def read(prepare: bool) -> None:
        with store.connection() as connection:
            while not done.is_set():
                statement = "SELECT count(*), coalesce(sum(chips), 0), coalesce(sum(events), 0) FROM pairs"
                [(rows, chips, events)] = connection.execute(statement, prepare=prepare).fetchall()
                seen["reads"] += 1
                if rows != 1 or chips != 0 or events < 600 or events % 2:
                    seen[f"wrong: {rows} rows, {chips} chips, {events} events"] += 1

    def write() -> None:
        for number in range(10_000_000):
            if done.is_set():
                return
            store.append_many([bet(f"pair {number}", 1, chips=5), bet(f"pair {number}", 2, chips=-5)])
            writing.set()
            done.wait(0.005)  # else the log would outgrow the rebuilds

    # Two events belong together. A consumer that stops between them would show the reader one of the two.
    follower = Pairs().subscription(store)
    with ThreadPoolExecutor(4) as pool:
        work = [
            pool.submit(write),
            pool.submit(follower.run),
            *(pool.submit(read, prepare) for prepare in (True, False)),
        ]
        try:
            assert writing.wait(PATIENCE)
            for _ in range(rebuilds):
                rebuild(store, Pairs())
        finally:
            done.set()
            follower.stop()
        for one in work:
            one.result(PATIENCE)
    assert seen.pop("reads") > rebuilds
    assert not seen
    Pairs().subscription(store).catch_up()
    with store.connection() as connection:
        [(events, chips)] = connection.execute("SELECT events, chips FROM pairs").fetchall()
    assert (events, chips) == (store.get_event_count(), 0)


class Pairs(Projection):
    """Shows two events together, or none of the two."""

    name = "pairs"
    tables = ("pairs",)

    def create(self, connection: psycopg.Connection) -> None:
        connection.execute("CREATE TABLE pairs (id int PRIMARY KEY, events bigint NOT NULL, chips bigint NOT NULL)")

    def apply(self, event: DomainEvent, connection: psycopg.Connection) -> None:
        if event.version % 2 == 0:
            connection.execute(
                "INSERT INTO pairs AS so_far SELECT 1, 2, sum((event_data -> 'chips')::int)"
                " FROM domain_events WHERE aggregate_id = %s AND version BETWEEN %s AND %s"
                " ON CONFLICT (id) DO UPDATE SET events = so_far.events + 2, chips = so_far.chips + excluded.chips",
                (event.aggregate_id, event.version - 1, event.version),
            )


# In the append's transaction


@pytest.fixture
def inline(schema: str, store: PostgresEventStore) -> Iterator[PostgresEventStore]:
    """A store that keeps the counts inline."""
    with connect(schema=schema, inline=[Counts()]) as inline:
        yield inline


def test_whoever_has_appended_finds_it_at_once(inline: PostgresEventStore) -> None:
    inline.append(bet("a", 1, chips=3))
    assert board(inline) == {"bet": (1, 3)}
    inline.append_many([bet("a", 2, chips=4), bet("b", 1, chips=5)])
    assert board(inline) == {"bet": (3, 12)}
    assert inline.append_many([]) == []
    assert_exact(inline)


def test_events_from_before_are_counted_when_the_tables_are_made(store: PostgresEventStore, schema: str) -> None:
    store.append_many(bets("a", 700))
    with connect(schema=schema, inline=[Counts()]) as inline:
        inline.append(bet("b", 1))
        assert_exact(inline)
    with connect(schema=schema, inline=[Counts()]) as again:
        again.append(bet("b", 2))
        assert_exact(again)


def test_a_repeat_is_not_applied_again(inline: PostgresEventStore) -> None:
    events = [bet("a", 1), bet("a", 2)]
    first = inline.append_many(events)
    assert inline.append_many(events) == first
    alone = inline.append(bet("a", 3))
    assert inline.append(alone) == alone
    with inline.connection() as connection, connection.transaction():
        inline.append_many(events, connection=connection)
    assert_exact(inline)


def test_an_append_that_is_refused_changes_nothing(inline: PostgresEventStore) -> None:
    inline.append(bet("a", 1))
    with pytest.raises(VersionConflictError):
        inline.append_many([bet("b", 1), bet("a", 1)])
    assert_exact(inline)


def test_a_projection_that_fails_undoes_the_append(schema: str, store: PostgresEventStore) -> None:
    with connect(schema=schema, inline=[Counts(), Failing_()]) as inline:
        inline.append(bet("a", 1))
        with pytest.raises(ValueError, match="no such bet"):
            inline.append_many([bet("a", 2), bet("a", 3, chips=-1)])
        with inline.connection() as connection, connection.transaction():
            with pytest.raises(ValueError, match="no such bet"):
                inline.append(bet("a", 2, chips=-1), connection=connection)
            inline.append(bet("b", 1), connection=connection)  # the caller's transaction is as it was
        assert inline.get_event_count() == 2
        assert_exact(inline)


class Failing_(Projection):
    name = "failing"
    tables = ("failing",)

    def create(self, connection: psycopg.Connection) -> None:
        connection.execute("CREATE TABLE failing (number bigint)")

    def apply(self, event: DomainEvent, connection: psycopg.Connection) -> None:
        connection.execute("INSERT INTO failing VALUES (%s)", (event.sequence_number,))
        if event.event_data["chips"] < 0:
            raise ValueError("no such bet")


class HidesItsError(Counts):
    def apply(self, event: DomainEvent, connection: psycopg.Connection) -> None:
        with suppress(psycopg.Error):
            connection.execute("SELECT 1/0")


class RollsBack(Counts):
    def apply(self, event: DomainEvent, connection: psycopg.Connection) -> None:
        raise psycopg.Rollback


@pytest.mark.parametrize("projection", [HidesItsError(), RollsBack()], ids=lambda one: type(one).__name__)
def test_a_projection_that_spoils_the_transaction_never_passes_for_an_append(
    schema: str, store: PostgresEventStore, projection: Projection
) -> None:
    with connect(schema=schema, inline=[projection]) as inline:
        with pytest.raises(RuntimeError, match="handler has"):
            inline.append(bet("a", 1))
        assert inline.get_event_count() == 0


def test_a_rollback_of_the_caller_undoes_both(inline: PostgresEventStore) -> None:
    inline.append(bet("a", 1))
    with inline.connection() as connection:
        with connection.transaction(force_rollback=True):
            inline.append_many([bet("a", 2), bet("b", 1)], connection=connection)
            assert connection.execute("SELECT events FROM counts").fetchall() == [(3,)]
        assert_exact(inline)
        with connection.transaction():
            inline.append(bet("a", 2), connection=connection)
            with pytest.raises(VersionConflictError):
                inline.append(bet("a", 2), connection=connection)
    assert_exact(inline)


def test_a_callers_connection_may_look_elsewhere_and_have_rows_of_its_own(inline: PostgresEventStore) -> None:
    url = os.environ["EVENTSTORE_URL"]
    with psycopg.connect(url, row_factory=dict_row) as connection:
        connection.execute("SET search_path TO pg_catalog")
        connection.execute("CREATE TEMPORARY TABLE counts (event_type text)")
        inline.append(bet("a", 1), connection=connection)
        assert connection.execute("SHOW search_path").fetchall() == [{"search_path": "pg_catalog"}]
        with pytest.raises(VersionConflictError):
            inline.append(bet("a", 1), connection=connection)
        assert connection.execute("SHOW search_path").fetchall() == [{"search_path": "pg_catalog"}]
        connection.commit()
        assert connection.execute("SHOW search_path").fetchall() == [{"search_path": "pg_catalog"}]
    assert_exact(inline)


def test_a_copy_in_another_process_keeps_them_too(inline: PostgresEventStore) -> None:
    with pickle.loads(pickle.dumps(inline)) as copy:
        copy.append(bet("a", 1))
    assert_exact(inline)


@pytest.mark.parametrize("joined", [False, True], ids=["own", "joined"])
def test_eight_threads(store: PostgresEventStore, schema: str, joined: bool, request: pytest.FixtureRequest) -> None:
    """They all change the same rows, in different orders, and race for one stream as well."""
    # Deadlocks are many, and the server looks for them when somebody has waited for a second.
    url = psycopg.conninfo.make_conninfo(os.environ["EVENTSTORE_URL"], options="-c deadlock_timeout=10ms")
    rounds = 50 if request.config.getoption("--long") else 5
    with connect(url, schema=schema, inline=[Counts()]) as inline:
        _append_from_eight_threads(inline, joined, rounds)
        assert board(store) == recount(store)
        assert sorted(numbers(store)) == log(store)
        assert store.get_event_count("shared") + 8 * rounds * 3 == store.get_event_count()
        assert store.exists("shared")


def _append_from_eight_threads(inline: PostgresEventStore, joined: bool, rounds: int) -> None:
    def append(batch: list[DomainEvent]) -> None:
        while True:
            try:
                if joined:
                    with inline.connection() as connection, connection.transaction():
                        inline.append_many(batch, connection=connection)
                else:
                    inline.append_many(batch)
                return
            except StoreUnavailableError:  # a deadlock, in which a caller's transaction has to be run again as a whole
                assert joined

    def write(thread: int) -> None:
        for turn in range(rounds):
            events = [
                bet(f"{thread}, {turn}", version, event_type=f"type {(thread * version + turn) % 4}")
                for version in (1, 2, 3)
            ]
            append(events)
            append(events)  # a repeat
            with suppress(VersionConflictError):
                append([bet("shared", inline.get_latest_version("shared") + 1)])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))


def test_inline_tables_are_built_anew_while_others_append(
    inline: PostgresEventStore, request: pytest.FixtureRequest
) -> None:
    rebuilds = 20 if request.config.getoption("--long") else 4
    done = threading.Event()

    def write(thread: int) -> None:
        for version in range(1, 10_000_000):
            if done.is_set():
                return
            inline.append(bet(f"stream {thread}", version))
            with inline.connection() as connection, connection.transaction():
                inline.append(bet(f"joined {thread}", version), connection=connection)

    with ThreadPoolExecutor(3) as pool:
        writers = [pool.submit(write, thread) for thread in range(3)]
        try:
            for _ in range(rebuilds):
                rebuild(inline, Counts())
        finally:
            done.set()
        for writer in writers:
            writer.result(PATIENCE)
    assert board(inline) == recount(inline)
    assert sorted(numbers(inline)) == log(inline)
    assert objects(inline) == (0, [])


def test_a_writer_whose_floor_outlives_its_lock_is_not_missed(inline: PostgresEventStore) -> None:
    """PostgreSQL ends a writer's lock on the table first, and a moment later the lock that publishes its floor."""
    inline.append(bet("a", 1))
    with inline.connection() as writer:
        writer.execute("SELECT pg_advisory_lock_shared('domain_events'::regclass::oid::int, 1)")
        inline.append(bet("a", 2))
        assert inline.high_water_mark() == 1
        assert rebuild(inline, Counts()) == 2
    assert_exact(inline)


def test_four_stores_begin_inline_at_once(
    store: PostgresEventStore, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eventstore.projection.PAUSE_BETWEEN", 0.01)
    store.append_many(bets("a", 600))
    meeting = threading.Barrier(4)

    def begin(thread: int) -> None:
        meeting.wait(PATIENCE)
        with connect(schema=schema, inline=[Counts()]) as inline:
            inline.append(bet(f"stream {thread}", 1))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(begin, range(4)))
    assert board(store) == recount(store)


def test_one_way_to_keep_it_and_not_both(inline: PostgresEventStore, schema: str) -> None:
    with pytest.raises(SchemaError, match="kept inline"):
        Counts().subscription(inline)
    with inline.connection() as connection:
        connection.execute('DROP TABLE counts, "seen of counts"')
    Counts().subscription(inline)
    with pytest.raises(SchemaError, match="a subscription keeps projection"):
        connect(schema=schema, inline=[Counts()])


def test_what_is_no_projection_is_refused(schema: str) -> None:
    for wrong in (Counts(), "counts", [Counts], [None], 5):
        with pytest.raises(InvalidEventError, match="inline"):
            connect(schema=schema, inline=wrong)  # type: ignore[arg-type]


def test_others_who_do_not_know_of_it_are_not_seen(inline: PostgresEventStore, store: PostgresEventStore) -> None:
    """The limit, and the cure."""
    inline.append(bet("a", 1))
    store.append(bet("a", 2))
    assert board(inline) == {"bet": (1, 1)}
    rebuild(inline, Counts())
    assert_exact(inline)


def test_each_handler_gets_a_copy_of_its_own(schema: str, store: PostgresEventStore) -> None:
    with connect(schema=schema, inline=[Scribbling(), Counts()]) as inline:
        stored = inline.append(bet("a", 1, chips=3))
        assert stored.event_data == {"chips": 3}
        assert board(inline) == {"bet": (1, 3)}
        assert replace(stored) == stored


class Scribbling(Projection):
    name = "scribbling"
    tables = ("scribbling",)

    def create(self, connection: psycopg.Connection) -> None:
        connection.execute("CREATE TABLE scribbling ()")

    def apply(self, event: DomainEvent, connection: psycopg.Connection) -> None:
        event.event_data["chips"] = 1_000
