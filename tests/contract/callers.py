"""What the tests of joined appends have in common: what the caller does, and what everybody else can see of it."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql
from waiting import wait_until

from eventstore import DomainEvent, PostgresEventStore


def event(version: int, aggregate_id: str = "hand", **fields: Any) -> DomainEvent:
    return DomainEvent(
        **{"event_type": "bet", "event_data": {"chips": 10 * version}} | fields,
        aggregate_id=aggregate_id,
        version=version,
    )


def versions(store: PostgresEventStore, aggregate_id: str = "hand") -> list[int]:
    """What everybody else can see."""
    return [stored.version for stored in store.get_by_aggregate(aggregate_id)]


def pay(caller: psycopg.Connection, schema: str, player: str) -> None:
    """The program's own work."""
    caller.execute(sql.SQL("INSERT INTO {}.accounts VALUES (%s, 100)").format(sql.Identifier(schema)), (player,))


def players(store: PostgresEventStore) -> list[str]:
    with store.connection() as connection:
        return [player for (player,) in connection.execute("SELECT player FROM accounts ORDER BY player")]


def wait_until_blocked(store: PostgresEventStore, blocked: psycopg.Connection) -> None:
    with store.connection() as watcher:
        query = "SELECT pg_blocking_pids(%s) <> '{}'"
        wait_until(
            lambda: watcher.execute(query, (blocked.info.backend_pid,)).fetchone() == (True,), "somebody who waits"
        )
