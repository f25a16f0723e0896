"""What an analyst may read, who owns nothing: the rights are those that docs/schema.md writes down."""

from __future__ import annotations

import re
from pathlib import Path

from psycopg import sql
from roles import Guest

import eventstore
import poker
from poker import frames

GRANTS = re.compile(r"^    (GRANT .* TO analyst;)$", re.MULTILINE)


def granted(guest: Guest, store: eventstore.PostgresEventStore, schema: str) -> None:
    """Give the guest what the page gives to `analyst`, in the schema of the test."""
    page = (Path(__file__).parents[2] / "docs" / "schema.md").read_text(encoding="utf-8")
    found = GRANTS.findall(page)
    assert found
    with store.connection() as connection:
        connection.execute(sql.SQL("SET search_path TO {}").format(sql.Identifier(schema)))
        for grant in found:
            text = grant.replace("TO analyst;", "TO {role}").replace("SCHEMA public", "SCHEMA {schema}")
            names = {"role": sql.Identifier(guest.name), "schema": sql.Identifier(schema)}
            connection.execute(sql.SQL(text).format(**names))  # type: ignore[arg-type]


def test_an_analyst_reads_what_the_page_grants(store: eventstore.PostgresEventStore, schema: str, guest: Guest) -> None:
    poker.install(store)
    granted(guest, store, schema)
    with eventstore.connect(guest.url, schema=schema) as as_analyst:
        assert frames.pots(as_analyst).empty
        assert frames.players(as_analyst).empty
        assert frames.results(as_analyst).empty
        assert frames.pot_statistics(as_analyst).empty
