"""A learner's part of a store is tried together with the package, and cannot hide behind it."""

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest

import eventstore
from eventstore.database import open_connection, server_url
from workbook.check import examine
from workbook.contract import appending, reading
from workbook.contract.promises import event
from workbook.day import open_day
from workbook.exercise import Case, Exercise, keeps
from workbook.expect import NotKept
from workbook.mine import mixin, store_of
from workbook.workspace import Workspace, one_case, schema_name


class Reads:
    """Reads as a learner would: a new connection for each call."""

    def get_latest_version(self, aggregate_id: str) -> int:
        statement = "SELECT coalesce(max(version), 0) FROM domain_events WHERE aggregate_id = %s"
        with self.connection() as connection:  # type: ignore[attr-defined]
            [latest] = connection.execute(statement, [aggregate_id]).fetchone()
        return int(latest)


class Lies(Reads):
    def get_latest_version(self, aggregate_id: str) -> int:
        return 7


@pytest.fixture(autouse=True)
def case() -> Iterator[None]:
    with one_case():
        yield


def checked(part: Any, *cases: Case) -> str:
    return examine(Exercise(number="9.9", minutes=1, hints=("A", "B", "C"), cases=cases, wrong=()), part)


def schemas(prefix: str) -> list[str]:
    with open_connection(server_url(), "public") as connection:
        found = connection.execute("SELECT nspname FROM pg_namespace WHERE starts_with(nspname, %s)", [prefix])
        return [name for (name,) in found]


def test_the_learner_s_methods_come_first_and_the_package_has_the_rest() -> None:
    on = mixin("get_latest_version")
    assert checked(Reads, keeps(appending.append_counts_on_from_one, hint=1, on=on)) == "9.9 done (1 check)"
    assert checked(Lies, keeps(appending.append_counts_on_from_one, hint=2, on=on)) == (
        "9.9 not yet: append counts on from one: got 7 from get_latest_version after 1 appends, expected 1. Hint: B"
    )


def test_each_store_is_empty_and_shares_nothing_with_another() -> None:
    new_store = store_of(Reads)
    reading.two_stores_share_nothing(eventstore, new_store)
    assert new_store().get_event_count() == 0


def test_after_a_check_nothing_is_left() -> None:
    promise = keeps(reading.two_stores_share_nothing, hint=1, on=mixin())
    assert checked(Reads, promise, promise) == "9.9 done (2 checks)"

    def leaves_a_transaction_open(part: Any) -> None:
        connection = store_of(part)().connection()
        connection.autocommit = False
        connection.execute("LOCK domain_events")

    assert checked(Reads, Case("open", 1, leaves_a_transaction_open)) == "9.9 done (1 check)"
    assert schemas(schema_name("check_9.9")) == []


@pytest.mark.parametrize(
    ("part", "problem"),
    [
        (Reads(), "got <test_mine.Reads object>, expected a class"),
        (len, "got <built-in function len>, expected a class"),
        (
            type("Mine", (eventstore.InMemoryEventStore,), {}),
            "got Mine, which builds on InMemoryEventStore of the package, expected your own",
        ),
        (type("Mine", (), {}), "got Mine without get_latest_version, expected a method get_latest_version"),
    ],
)
def test_what_is_no_part_of_one_s_own_is_refused(part: Any, problem: str) -> None:
    with pytest.raises(NotKept) as refusal:
        store_of(part, own=("get_latest_version",))
    assert str(refusal.value) == problem


def test_a_method_that_is_misspelt_does_not_become_the_package_s() -> None:
    part = type("Mine", (), {"get_latest_versoin": Reads.get_latest_version})
    promise = keeps(appending.append_counts_on_from_one, hint=3, on=mixin("get_latest_version"))
    assert "got Mine without get_latest_version" in checked(part, promise)


def test_a_part_may_build_on_the_append_of_the_package() -> None:
    class Counts:
        bus = None
        count = 0

        def append(self, event: Any) -> Any:
            return self.append_many([event])[0]

        def append_many(self, events: Any) -> Any:
            self.count += len(events)
            return super().append_many(events)  # type: ignore[misc]

    new_store = store_of(Counts, own=("append", "append_many"))
    store = new_store(bus="a bus")
    store.append_many([event(eventstore, 1), event(eventstore, 2)])
    assert store.append(event(eventstore, 3)).version == 3
    assert (store.count, store.get_event_count(), store.bus, new_store().bus) == (3, 3, "a bus", None)


def test_names_of_the_package_s_own_cannot_be_hit() -> None:
    """A learner may call a helper what the package calls one."""

    class Mine(Reads):
        def _select(self) -> str:
            return "mine"

        def _connections(self) -> str:
            return "mine"

    store = store_of(Mine)()
    store.append(event(eventstore))
    assert [one.version for one in store.get_by_aggregate("hand-1")] == [1]
    assert (store._select(), store._connections()) == ("mine", "mine")
    with pytest.raises(AttributeError, match="'Mine' object has no attribute 'nonsense'"):
        store.nonsense()
    with pytest.raises(AttributeError):
        store._appending  # noqa: B018


def test_a_part_with_an_init_gets_server_and_schema() -> None:
    class Database:
        def __init__(self, url: str, schema: str) -> None:
            self.url, self.schema = url, schema

        def connection(self) -> psycopg.Connection:
            return psycopg.connect(self.url, options=f"-c search_path={self.schema}", autocommit=True)

    store = store_of(Reads, Database, own=("connection",))()
    store.append(event(eventstore))
    assert store.get_latest_version("hand-1") == 1
    with store.connection() as connection:
        assert connection.execute("SELECT current_schema()").fetchone() == (store.schema,)


@pytest.fixture
def connect() -> Callable[[], psycopg.Connection]:
    connect: Callable[[], psycopg.Connection] = store_of(Reads)().connection
    return connect


def backend(connection: psycopg.Connection) -> int:
    return connection.info.backend_pid


def test_a_connection_is_a_new_one_to_its_user_and_closed_at_the_end(connect: Callable[[], psycopg.Connection]) -> None:
    with connect() as first:
        assert first.autocommit
        assert first.execute("SHOW timezone").fetchone() == ("UTC",)
        assert first.execute("SHOW lock_timeout").fetchone() == ("5s",)
        cursor = first.execute("SELECT 1 UNION SELECT 2 ORDER BY 1")
        first.execute("SET search_path TO public")
        first.execute("CREATE TEMP TABLE mine ()")
        first.execute("SELECT pg_advisory_lock(1)")
        first.row_factory = psycopg.rows.dict_row  # type: ignore[assignment]
        first.prepare_threshold = 0
        first.execute("SELECT 3")
        pid = backend(first)
    assert first.closed
    assert cursor.fetchall() == [(1,), (2,)]
    for use in (
        lambda: first.execute("SELECT 1"),
        lambda: cursor.execute("SELECT 1"),
        first.commit,
        first.transaction().__enter__,
    ):
        with pytest.raises(psycopg.OperationalError, match="closed"):
            use()
    first.close()
    with connect() as second:
        assert backend(second) == pid, "what runs underneath is kept"
        assert second.execute("SELECT to_regclass('mine'), count(*) FROM domain_events").fetchone() == (None, 0)
        locks = "SELECT FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
        assert second.execute(locks).rowcount == 0
        for _ in range(10):
            second.execute("SELECT 4")


def test_a_connection_that_was_left_in_a_transaction_is_not_used_again(
    connect: Callable[[], psycopg.Connection],
) -> None:
    with connect() as first:
        pid = backend(first)
        with pytest.raises(ZeroDivisionError), first.transaction():
            raise ZeroDivisionError
    second = connect()
    assert backend(second) == pid, "rolled back, so as good as new"
    second.autocommit = False
    second.execute("SELECT 1")
    second.close()
    with connect() as third:
        assert backend(third) != pid


def test_a_notebook_has_such_a_store_in_the_schema_of_its_day(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    day = open_day(94)
    store = day.with_mine(Reads)
    store.append(event(eventstore))
    assert day.store.get_latest_version("hand-1") == store.get_latest_version("hand-1") == 1
    with store.connection() as connection:
        assert connection.autocommit
    assert connection.closed
    bare = open_day(94, install=False).with_mine(Reads)
    with pytest.raises(AttributeError, match="'Reads' object has no attribute 'append'"):
        bare.append(event(SimpleNamespace(DomainEvent=eventstore.DomainEvent)))
    open_day(94).remove()


def test_a_schema_goes_although_somebody_still_sits_in_it() -> None:
    workspace = Workspace("check_still_busy", lock_timeout="1s")
    forgotten = psycopg.connect(workspace.url, options="-c search_path=check_still_busy")
    forgotten.execute("LOCK domain_events")
    workspace.remove()
    assert schemas(workspace.schema) == []
    with pytest.raises(psycopg.OperationalError):
        forgotten.execute("SELECT 1")
