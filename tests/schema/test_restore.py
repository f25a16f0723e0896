"""A log that was dumped and restored into another database goes on as if nothing had happened."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import client_programs
import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

import eventstore
from eventstore.database import check_schema, install, open_connection


def event(version: int, aggregate_id: str = "hand") -> eventstore.DomainEvent:
    return eventstore.DomainEvent(event_type="bet", aggregate_id=aggregate_id, version=version, event_data={"é": 1})


@pytest.fixture
def other_database() -> Iterator[str]:
    """The URL of an empty database."""
    url, name = os.environ["EVENTSTORE_URL"], f"restored_{uuid4().hex}"
    with psycopg.connect(url, autocommit=True) as connection:
        # Without what somebody may have added to the template that is usually copied.
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
        yield make_conninfo(url, dbname=name)
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def restore(schema: str, into: str, folder: Path) -> None:
    dump = folder / "dump.sql"
    dumped = client_programs.run("pg_dump", f'--schema="{schema}"', f"--file={dump}")
    assert dumped.returncode == 0, dumped.stderr
    restored = client_programs.psql("--set=ON_ERROR_STOP=1", f"--file={dump}", url=into)
    assert restored.returncode == 0, restored.stderr


def test_a_restored_log_goes_on(
    store: eventstore.PostgresEventStore, schema: str, other_database: str, tmp_path: Path
) -> None:
    stored = [*store.append_many([event(1), event(2)]), store.append(event(1, "other"))]
    store.save_snapshot(eventstore.EventSnapshot(aggregate_id="hand", version=2, state={"pot": 3}))
    with store.connection() as connection, connection.transaction(force_rollback=True):
        # Numbers that were drawn and never committed: the next one must come after them.
        store.append_many([event(3), event(4)], connection=connection)

    restore(schema, other_database, tmp_path)

    with open_connection(other_database, schema) as connection:
        assert install(connection, schema) == []
        assert check_schema(connection, schema) == []
    with eventstore.connect(other_database, schema=schema) as restored:
        assert restored.query(eventstore.EventQueryFilter()) == stored
        snapshot = restored.get_latest_snapshot("hand")
        assert snapshot is not None
        assert snapshot.state == {"pot": 3}
        assert restored.append(event(3)).sequence_number == 6
        with restored.connection() as connection:
            assert len(connection.execute("SELECT * FROM get_event_stream('hand')").fetchall()) == 3
            assert connection.execute("SELECT event_count FROM event_statistics").fetchone() == (4,)
            with pytest.raises(psycopg.errors.RestrictViolation):
                connection.execute("DELETE FROM domain_events")
            with connection.transaction():
                # The floor is published: a later event that is seen first does not raise the mark.
                restored.append(event(2, "other"), connection=connection)
                restored.append(event(4))
                assert restored.high_water_mark() == 6
        assert restored.high_water_mark() == 8
