"""Roles that own nothing, for the tests of rights."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg
from psycopg import sql


@dataclass(frozen=True)
class Guest:
    """A role that may log in, and what else it is granted.

    Args:
        name: of the role.
        url: of the database, with the role's password.
    """

    name: str
    url: str

    def is_granted(self, rights: str, connection: psycopg.Connection, schema: str) -> None:
        """Run GRANT statements as the owner: `{0}` stands for the schema and `{1}` for the role."""
        connection.execute(sql.SQL(rights).format(sql.Identifier(schema), sql.Identifier(self.name)))
