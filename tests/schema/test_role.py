"""What a role may do, and may not do, after `sql/application_role.sql`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess
from uuid import UUID, uuid4

import psycopg
import pytest
from client_programs import psql
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

import eventstore

SCRIPT = Path(__file__).parents[2] / "sql" / "application_role.sql"


def grant(**variables: str) -> CompletedProcess[str]:
    return psql(*(f"--set={name}={value}" for name, value in variables.items()), f"--file={SCRIPT}")


def event(version: int, aggregate_id: str = "hand") -> eventstore.DomainEvent:
    return eventstore.DomainEvent(event_type="bet", aggregate_id=aggregate_id, version=version, event_data={"to": 40})


@pytest.fixture
def role() -> Iterator[str]:
    """The name of a role that does not exist yet; dropped afterwards."""
    name = f"dealer's {uuid4().hex}"
    yield name
    with psycopg.connect(os.environ["EVENTSTORE_URL"], autocommit=True) as connection:
        if connection.execute("SELECT FROM pg_roles WHERE rolname = %s", (name,)).fetchone() is not None:
            connection.execute(sql.SQL("DROP OWNED BY {0}; DROP ROLE {0}").format(sql.Identifier(name)))


@pytest.fixture
def dealer(store: eventstore.PostgresEventStore, schema: str, role: str) -> Iterator[eventstore.PostgresEventStore]:
    """The store as the role sees it. There are three events in it."""
    store.append_many([event(1), event(2), event(1, "other")])
    done = grant(role=role, schema=schema)
    assert done.returncode == 0, done.stderr
    password = uuid4().hex
    with store.connection() as connection:
        let_in = "ALTER ROLE {} LOGIN PASSWORD {}"
        connection.execute(sql.SQL(let_in).format(sql.Identifier(role), sql.Literal(password)))
    url = make_conninfo(os.environ["EVENTSTORE_URL"], user=role, password=password)
    with eventstore.connect(url, schema=schema) as as_dealer:
        yield as_dealer


def test_the_role_uses_the_whole_store(dealer: eventstore.PostgresEventStore) -> None:
    third = dealer.append(event(3))
    assert dealer.append(third) == third
    dealer.append_many([event(4), event(2, "other")])
    with pytest.raises(eventstore.VersionConflictError):
        dealer.append(event(4))
    with dealer.connection() as connection:
        with connection.transaction():
            dealer.append(event(5), connection=connection)
        with connection.transaction(force_rollback=True):
            dealer.append_many([event(6)], connection=connection)

    assert [found.version for found in dealer.get_by_aggregate("hand")] == [1, 2, 3, 4, 5]
    assert [found.version for found in dealer.get_stream("hand", 4)] == [4, 5]
    assert len(dealer.get_by_type("bet")) == 7
    assert len(dealer.query(eventstore.EventQueryFilter(data_contains={"to": 40}))) == 7
    assert (dealer.get_latest_version("hand"), dealer.exists("nobody"), dealer.get_event_count()) == (5, False, 7)
    assert dealer.high_water_mark() == 7

    for state in ({"pot": 80}, {"pot": 81}):
        snapshot = eventstore.EventSnapshot(aggregate_id="hand", version=5, state=state)
        dealer.save_snapshot(snapshot)
        assert dealer.get_latest_snapshot("hand") == snapshot
    with pytest.raises(eventstore.InvalidEventError):
        dealer.save_snapshot(eventstore.EventSnapshot(aggregate_id="hand", version=6, state={}))

    with dealer.connection() as connection:
        assert connection.execute("SELECT event_count FROM event_statistics").fetchone() == (7,)
        assert len(connection.execute("SELECT * FROM recent_events").fetchall()) == 7
        assert len(connection.execute("SELECT * FROM get_event_stream('hand', 2)").fetchall()) == 4
        assert len(connection.execute("SELECT * FROM get_latest_snapshot('hand')").fetchall()) == 1
        assert connection.execute("DELETE FROM event_snapshots").rowcount == 1


def test_the_role_imports_by_copy(dealer: eventstore.PostgresEventStore) -> None:
    statement = "COPY domain_events (id, event_type, aggregate_id, version, event_data) FROM STDIN"
    with dealer.connection() as connection, connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write_row((UUID(int=1), "bet", "hand", 3, "{}"))
    assert dealer.high_water_mark() == 4


INSERT = """
    INSERT INTO domain_events (id, event_type, aggregate_id, version, event_data, {}) {}
    VALUES (gen_random_uuid(), 'bet', 'hand', 3, jsonb_build_object(), {})
"""


FORBIDDEN = [
    "UPDATE domain_events SET user_id = 'me'",
    "DELETE FROM domain_events",
    "TRUNCATE domain_events",
    "TRUNCATE event_snapshots",
    "BEGIN; LOCK TABLE domain_events IN SHARE MODE",
    INSERT.format("sequence_number", "OVERRIDING SYSTEM VALUE", "9"),
    INSERT.format("sequence_number", "OVERRIDING USER VALUE", "9"),
    INSERT.format("recorded_at", "", "now()"),
    "COPY domain_events (sequence_number, id, event_type, aggregate_id, version, event_data) FROM STDIN",
    "COPY domain_events (recorded_at, id, event_type, aggregate_id, version, event_data) FROM STDIN",
    "COPY domain_events FROM STDIN",
    "SELECT nextval('domain_events_sequence_number_seq')",
    "SELECT setval('domain_events_sequence_number_seq', 1)",
    "ALTER SEQUENCE domain_events_sequence_number_seq CACHE 20",
    "ALTER TABLE domain_events DISABLE TRIGGER domain_events_are_facts",
    "ALTER TABLE domain_events DISABLE TRIGGER ALL",
    "ALTER TABLE event_snapshots DISABLE TRIGGER event_snapshots_have_events",
    "SET session_replication_role = 'replica'",
    "ALTER TABLE domain_events ADD COLUMN note text",
    "ALTER TABLE domain_events DROP CONSTRAINT domain_events_pkey",
    "DROP TABLE event_snapshots",
    "DROP INDEX domain_events_type_idx",
    "DROP TRIGGER domain_events_publish_floor ON domain_events",
    "DROP FUNCTION high_water_mark",
    "DROP VIEW recent_events",
    "CREATE TRIGGER mine BEFORE INSERT ON domain_events EXECUTE FUNCTION refuse_to_change_history()",
    "CREATE OR REPLACE FUNCTION refuse_to_change_history() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN END'",
    "CREATE TABLE mine (id int)",
    "CREATE VIEW mine AS SELECT 1",
    "CREATE FUNCTION mine() RETURNS int LANGUAGE sql RETURN 1",
    "CREATE INDEX ON domain_events (causation_id)",
    "INSERT INTO eventstore_schema VALUES ('160_mine', '')",
    "UPDATE eventstore_schema SET checksum = ''",
    "DELETE FROM eventstore_schema",
]


def is_refused(store: eventstore.PostgresEventStore, statement: str) -> bool:
    with store.connection() as connection:
        try:
            connection.execute(statement)
        except psycopg.errors.InsufficientPrivilege:
            return True
    return False


def test_the_role_may_not(dealer: eventstore.PostgresEventStore, store: eventstore.PostgresEventStore) -> None:
    before = store.query(eventstore.EventQueryFilter())
    assert [statement for statement in FORBIDDEN if not is_refused(dealer, statement)] == []
    assert store.query(eventstore.EventQueryFilter()) == before


def test_the_second_run_takes_away_what_was_given_in_between(
    dealer: eventstore.PostgresEventStore, store: eventstore.PostgresEventStore, schema: str, role: str
) -> None:
    with store.connection() as connection:
        give = "GRANT ALL ON ALL TABLES IN SCHEMA {0} TO {1}; GRANT UPDATE (user_id) ON {0}.domain_events TO {1}"
        connection.execute(sql.SQL(give).format(sql.Identifier(schema), sql.Identifier(role)))
    done = grant(role=role, schema=schema)
    assert done.returncode == 0, done.stderr
    assert is_refused(dealer, "DELETE FROM domain_events")
    assert is_refused(dealer, "UPDATE domain_events SET user_id = 'me'")
    assert dealer.append(event(3)).version == 3


@pytest.mark.parametrize("given", [[], ["role"], ["schema"]])
def test_a_name_that_is_missing_is_asked_for(given: list[str]) -> None:
    done = grant(**dict.fromkeys(given, "nobody"))
    assert done.returncode != 0
    assert "say which role and which schema" in done.stderr


def test_a_schema_without_a_store_is_told(schema: str, role: str) -> None:
    done = grant(role=role, schema=schema)
    assert done.returncode != 0
    assert f'schema "{schema}" does not exist' in done.stderr


TOO_MUCH = [
    "GRANT CREATE ON SCHEMA {schema} TO PUBLIC",
    "GRANT DELETE ON {schema}.domain_events TO PUBLIC",
    "GRANT UPDATE (user_id) ON {schema}.domain_events TO PUBLIC",
    "GRANT INSERT ON {schema}.domain_events TO PUBLIC",
    "GRANT INSERT (recorded_at) ON {schema}.domain_events TO PUBLIC",
    "GRANT USAGE ON SEQUENCE {schema}.domain_events_sequence_number_seq TO PUBLIC",
    "GRANT UPDATE ON {schema}.eventstore_schema TO PUBLIC",
]


@pytest.mark.parametrize("statement", TOO_MUCH)
def test_rights_that_come_from_elsewhere_are_refused(
    store: eventstore.PostgresEventStore, schema: str, role: str, statement: str
) -> None:
    with store.connection() as connection:
        connection.execute(sql.SQL(statement).format(schema=sql.Identifier(schema)))
        done = grant(role=role, schema=schema)
        may_read = "SELECT has_table_privilege(%s, 'domain_events', 'SELECT')"
        assert connection.execute(may_read, (role,)).fetchone() == (False,)
    assert done.returncode != 0
    assert "may do more than this script allows" in done.stderr


def test_the_owner_is_no_application(store: eventstore.PostgresEventStore, schema: str) -> None:
    owner = str(conninfo_to_dict(os.environ["EVENTSTORE_URL"])["user"])
    done = grant(role=owner, schema=schema)
    assert done.returncode != 0
    assert "no superuser" in done.stderr
    assert store.append(event(1)).sequence_number == 1


def test_the_role_follows_the_log(dealer: eventstore.PostgresEventStore) -> None:
    numbers = []

    def fail_once(event: eventstore.DomainEvent, connection: psycopg.Connection) -> None:
        numbers.append(event.sequence_number)
        if numbers == [1, 2]:
            raise ValueError("no more chips")

    subscription = eventstore.Subscription(dealer, "leaders", fail_once, attempts=1)
    subscription.catch_up()
    assert numbers == [1, 2, 1, 3]
    assert (subscription.status().position, subscription.status().dead_letters) == (3, 1)
    subscription.reset()
    subscription.pause()
    subscription.resume()
    subscription.catch_up()
    assert numbers[4:] == [1, 2, 3]


def test_the_role_cannot_add_the_trigger_but_may_be_woken_by_it(
    dealer: eventstore.PostgresEventStore, store: eventstore.PostgresEventStore
) -> None:
    def follow(store: eventstore.PostgresEventStore) -> None:
        eventstore.Subscription(store, "leaders", lambda event, connection: None, listen=True).catch_up()

    with pytest.raises(eventstore.SchemaError, match="what sql/notify adds to the event store is not installed"):
        follow(dealer)
    follow(store)
    follow(dealer)
    assert dealer.append(event(3)).sequence_number == 4
