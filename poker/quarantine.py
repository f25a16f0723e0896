"""Hands that were refused: kept in a table with the reason, until an import takes them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

import psycopg

from eventstore import PostgresEventStore
from eventstore.database import in_our_words
from poker.mapping import MAPPING_VERSION
from poker.phh import HandText

# A reason may quote the hand, and a section may have any name. Nobody reads on for longer than this.
LONGEST_TEXT = 1_000

# The same hand may come again: in a later import, or twice in one file.
KEEP = """
INSERT INTO poker_quarantine (digest, file, section, reason, hand, mapping_version)
SELECT * FROM unnest(%b::bytea[], %b::text[], %b::text[], %b::text[], %b::bytea[], %b::int[])
ON CONFLICT (digest) DO UPDATE SET
    reason          = excluded.reason,
    mapping_version = excluded.mapping_version,
    last_seen_at    = excluded.last_seen_at
"""

RELEASE = "DELETE FROM poker_quarantine WHERE digest = ANY (%b::bytea[])"

IS_INSTALLED = "SELECT to_regclass('poker_quarantine') IS NOT NULL"

# Sections are mostly numbers: the shorter one is the lower one.
LIST = """
SELECT file, section, reason, mapping_version, first_seen_at, last_seen_at
FROM poker_quarantine
ORDER BY file COLLATE "C", length(section), section COLLATE "C", first_seen_at
LIMIT %s
"""


@dataclass(frozen=True)
class QuarantinedHand:
    """A hand that was refused. Its bytes are in the column `hand` of the table `poker_quarantine`.

    Args:
        file: the path of its file, relative to the folder that was imported.
        section: its table's name in a `.phhs` file, None in a `.phh` file.
        reason: what is wrong with it.
        mapping_version: the version of the mapping under which it was refused the last time.
        first_seen_at: when it was refused for the first time.
        last_seen_at: when it was refused the last time.
    """

    file: str
    section: str | None
    reason: str
    mapping_version: int
    first_seen_at: datetime
    last_seen_at: datetime


def quarantined_hands(store: PostgresEventStore, limit: int | None = None) -> list[QuarantinedHand]:
    """The hands that imports have refused and none has taken since, by file and section.

    A hand that was mended in its file is another text. The old one stays, and is not seen any more.

    Args:
        store: where the imports went.
        limit: at most so many hands; None for all.

    Raises:
        StoreUnavailableError: the server is away.
    """
    with store.connection() as connection, in_our_words(connection):
        if connection.execute(IS_INSTALLED).fetchone() == (False,):
            return []  # nothing was ever imported here
        rows = connection.execute(LIST, (limit,)).fetchall()
    return [QuarantinedHand(*row[:4], *(moment.astimezone(UTC) for moment in row[4:])) for row in rows]


def keep(connection: psycopg.Connection, refused: Iterable[tuple[HandText, str]]) -> None:
    """Put hands into quarantine, as part of the transaction that is open on a connection.

    Args:
        connection: a connection on which `install` was called.
        refused: the hands, each with the reason.
    """
    rows = {
        _digest(hand): (
            printable(hand.file),
            None if hand.section is None else printable(hand.section),
            printable(reason),
            hand.text,
            MAPPING_VERSION,
        )
        for hand, reason in refused
    }
    if rows:
        connection.execute(KEEP, [list(rows), *map(list, zip(*rows.values(), strict=True))])


def release(connection: psycopg.Connection, hands: Iterable[HandText]) -> None:
    """Let hands out that are in the store now. For most hands there is nothing to do."""
    connection.execute(RELEASE, ([_digest(hand) for hand in hands],))


def printable(text: str) -> str:
    """Text from a file as any table can hold it and any terminal show it: one line, of some length, without codes."""
    shown = "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text[:LONGEST_TEXT]
    )
    return shown if len(text) <= LONGEST_TEXT else f"{shown}…"


def _digest(hand: HandText) -> bytes:
    place = f"{hand.file}\0{hand.section!r}\0"
    return hashlib.sha256(place.encode(errors="surrogatepass") + hand.text).digest()
