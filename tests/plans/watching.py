"""The plans of the statements that the store really sends, as the server itself tells them.

PostgreSQL's module `auto_explain` logs the plan of every statement, of those within functions and triggers too. The
setting `client_min_messages` sends that log to the session as well, where a connection of psycopg hands it on.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.errors import Diagnostic

from eventstore.connections import Connections

SETTINGS = {
    "session_preload_libraries": "auto_explain",
    "auto_explain.log_min_duration": "0",
    "auto_explain.log_nested_statements": "on",
    "auto_explain.log_format": "json",
    "client_min_messages": "log",
    # PostgreSQL's default, whatever this server has: what the store sets for its own sessions has to win.
    "random_page_cost": "4",
}


@dataclass(frozen=True)
class Plan:
    """What the server did for one statement.

    Args:
        text: the statement.
        root: the top node of its plan; the others hang below it.
    """

    text: str
    root: dict[str, Any] = field(repr=False)

    def indexes(self) -> set[str]:
        """The indexes that it used."""
        return {node["Index Name"] for node in _nodes(self.root) if "Index Name" in node}

    def scans_of(self, table: str) -> list[str]:
        """How it read a table, without those reads that go by an index."""
        return [
            node["Node Type"]
            for node in _nodes(self.root)
            if node.get("Relation Name") == table and node["Node Type"] in ("Seq Scan", "Sample Scan", "Tid Scan")
        ]

    def sorts_of(self, table: str) -> list[list[str]]:
        """By what it sorted the rows of a table."""
        return [
            node["Sort Key"]
            for node in _nodes(self.root)
            if node["Node Type"] in ("Sort", "Incremental Sort")
            and any(below.get("Relation Name") == table for below in _nodes(node, within_this_query=True))
        ]


def _nodes(node: dict[str, Any], within_this_query: bool = False) -> Iterator[dict[str, Any]]:
    """A node and all below it, with or without those of queries within the query."""
    yield node
    for below in node.get("Plans", []):
        if not (within_this_query and below["Parent Relationship"] in ("InitPlan", "SubPlan")):
            yield from _nodes(below, within_this_query)


class Watched(Connections):
    """The connections of a store, which note the plan of each statement.

    Args:
        url: a server whose user is superuser, as a module can be loaded by no other.
        schema: the schema that the tables are in.
        settings: more settings of the sessions.
    """

    def __init__(self, url: str, schema: str, **settings: str) -> None:
        options = " ".join(f"-c {name}={value}" for name, value in (SETTINGS | settings).items())
        self.url = make_conninfo(url, options=options)
        super().__init__(self.url, schema)
        self.plans: list[Plan] = []

    def open(self) -> psycopg.Connection:
        connection = super().open()
        connection.add_notice_handler(self._note)
        return connection

    def callers_connection(self) -> psycopg.Connection:
        """A connection as a program makes it that knows nothing of the store. Its plans are noted as well."""
        connection = psycopg.connect(self.url)
        connection.add_notice_handler(self._note)
        return connection

    def _note(self, notice: Diagnostic) -> None:
        _, found, text = (notice.message_primary or "").partition("plan:\n")
        if found:
            told = json.loads(text)
            self.plans.append(Plan(told["Query Text"], told["Plan"]))
