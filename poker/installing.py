"""The tables and views of poker, on top of those of the store."""

from __future__ import annotations

from eventstore import PostgresEventStore
from eventstore.database import in_our_words
from eventstore.database import install as install_files

# To connect is not enough: that makes the store alone.
REMEDY = "run poker.install(store) or `python -m poker roll-up` once"


def install(store: PostgresEventStore) -> list[str]:
    """Make what the files in `sql/poker` describe, or bring it up to date. Where there is nothing to do, only look.

    Args:
        store: where to.

    Returns:
        The names of the files that were applied, e.g. `["poker/010_quarantine"]`.

    Raises:
        SchemaError: this role may not create what is missing, or a table was made by another version of the package.
        StoreUnavailableError: the server is away.
    """
    with store.connection() as connection, in_our_words(connection):
        return install_files(connection, store.schema, "poker", remedy=REMEDY)
