"""Read models of the hands: pots per table, a leader board, unfinished hands. `python -m poker follow` keeps them.

Each is told by whole events, with sums and maxima only, so the order in which hands are completed does not matter.

Chips of different units or currencies are never added. Where a record names no currency, nobody knows whether the chips
of two collections are worth the same, so each collection (the top folder of the source file) stands alone, as in
`pot_summary`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import psycopg
from psycopg.rows import class_row

from eventstore import DomainEvent, PostgresEventStore, Projection, SchemaError
from eventstore.database import in_our_words
from poker.mapping import CREATED, HAND_COMPLETED

# Amounts are integers in the hand's unit. `numeric`, because no sum of them may be too large.
CREATE_POTS = """
CREATE TABLE pots_per_table (
    collection   text     NOT NULL,  -- the top folder of the source files, or ''
    table_name   text,
    variant      text     NOT NULL,
    currency     text,               -- NULL where unknown
    chip_unit    int      NOT NULL,  -- units in one chip
    hands        bigint   NOT NULL,
    pot_sum      numeric  NOT NULL,
    largest_pot  numeric  NOT NULL,
    last_hand    text     NOT NULL,  -- the one that was completed last, as the log has it
    last_number  bigint   NOT NULL,  -- the sequence number of its end

    CONSTRAINT pots_per_table_key
        UNIQUE NULLS NOT DISTINCT (collection, table_name, variant, currency, chip_unit)
)
"""

# The hand's first event says where it was played. It is found by the index on (aggregate_id, version).
ADD_POT = """
INSERT INTO pots_per_table AS so_far (
    collection, table_name, variant, currency, chip_unit, hands, pot_sum, largest_pot, last_hand, last_number
)
SELECT
    coalesce(substring(event_data #>> '{source,file}' FROM '^([^/]*)/'), ''),
    event_data ->> 'table',
    event_data ->> 'variant',
    event_data ->> 'currency',
    (event_data ->> 'chip_unit')::int,
    1,
    %(pot)s::numeric,
    %(pot)s::numeric,
    aggregate_id,
    %(number)s
FROM domain_events
WHERE aggregate_id = %(hand)s AND version = 1 AND event_type = 'game.created'
ON CONFLICT ON CONSTRAINT pots_per_table_key DO UPDATE
SET
    hands = so_far.hands + 1,
    pot_sum = so_far.pot_sum + excluded.pot_sum,
    largest_pot = greatest(so_far.largest_pot, excluded.largest_pot),
    last_hand = CASE
        WHEN excluded.last_number > so_far.last_number THEN excluded.last_hand
        ELSE so_far.last_hand
    END,
    last_number = greatest(so_far.last_number, excluded.last_number)
"""

CREATE_LEADERS = """
CREATE TABLE leader_board (
    player       text     NOT NULL,
    collection   text     NOT NULL,
    currency     text,
    chip_unit    int      NOT NULL,
    hands        bigint   NOT NULL,
    won          bigint   NOT NULL,  -- hands in which the player took from a pot, as far as the records tell
    settled      bigint   NOT NULL,  -- hands of which the record tells who won how much
    net          numeric  NOT NULL,  -- won less lost in these
    biggest_pot  numeric,            -- of the hands won

    CONSTRAINT leader_board_key UNIQUE NULLS NOT DISTINCT (player, collection, currency, chip_unit)
)
"""

# In the order of the names, so that two transactions which both do this lock the players in the same order.
ADD_TO_LEADERS = """
INSERT INTO leader_board AS so_far (
    player, collection, currency, chip_unit, hands, won, settled, net, biggest_pot
)
SELECT
    seat ->> 'name',
    coalesce(substring(event_data #>> '{source,file}' FROM '^([^/]*)/'), ''),
    event_data ->> 'currency',
    (event_data ->> 'chip_unit')::int,
    1,
    bool_or(%(winners)s::jsonb @> to_jsonb(place))::int,
    (jsonb_typeof(%(payoffs)s::jsonb) = 'array')::int,
    coalesce(sum((%(payoffs)s::jsonb ->> (place - 1)::int)::numeric), 0),
    CASE WHEN bool_or(%(winners)s::jsonb @> to_jsonb(place)) THEN %(pot)s::numeric END
FROM domain_events
CROSS JOIN LATERAL jsonb_array_elements(event_data -> 'seats') WITH ORDINALITY AS seats (seat, place)
WHERE aggregate_id = %(hand)s AND version = 1 AND event_type = 'game.created' AND seat ->> 'name' IS NOT NULL
GROUP BY seat ->> 'name', event_data
ORDER BY seat ->> 'name'
ON CONFLICT ON CONSTRAINT leader_board_key DO UPDATE
SET
    hands = so_far.hands + 1,
    won = so_far.won + excluded.won,
    settled = so_far.settled + excluded.settled,
    net = so_far.net + excluded.net,
    biggest_pot = greatest(so_far.biggest_pot, excluded.biggest_pot)
"""

CREATE_UNFINISHED = """
CREATE TABLE unfinished_hands (
    hand_id     text         PRIMARY KEY,  -- the aggregate id
    table_name  text,
    players     int          NOT NULL,
    since       timestamptz  NOT NULL      -- when the hand was created, by the server's clock
)
"""

BEGIN_HAND = """
INSERT INTO unfinished_hands (hand_id, table_name, players, since) VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING
"""

END_HAND = "DELETE FROM unfinished_hands WHERE hand_id = %s"

LEADERS = """
SELECT player, collection, currency, chip_unit, hands, won, settled, net::bigint, biggest_pot::bigint
FROM leader_board
ORDER BY collection, currency, chip_unit, net DESC, player
"""


class PotsPerTable(Projection):
    """For each table, game and kind of chip: how many hands, their pots together, the largest pot, the last hand."""

    name = "pots_per_table"
    tables = ("pots_per_table",)
    event_types = (HAND_COMPLETED,)

    def create(self, connection: psycopg.Connection) -> None:
        """Make the table."""
        connection.execute(CREATE_POTS)

    def apply(self, event: DomainEvent, connection: psycopg.Connection) -> None:
        """Add the pot of a completed hand."""
        values = {"hand": event.aggregate_id, "pot": event.event_data["pot"], "number": event.sequence_number}
        connection.execute(ADD_POT, values)


class LeaderBoard(Projection):
    """For each player and kind of chip: hands, hands won, the net result as far as it is known, the biggest pot won."""

    name = "leader_board"
    tables = ("leader_board",)
    event_types = (HAND_COMPLETED,)

    def create(self, connection: psycopg.Connection) -> None:
        """Make the table."""
        connection.execute(CREATE_LEADERS)

    def apply(self, event: DomainEvent, connection: psycopg.Connection) -> None:
        """Add a completed hand to each of its players who has a name."""
        data = event.event_data
        values = {
            "hand": event.aggregate_id,
            "pot": data["pot"],
            "winners": json.dumps(data["winners"]),
            "payoffs": json.dumps(data["payoffs"]),
        }
        connection.execute(ADD_TO_LEADERS, values)


class UnfinishedHands(Projection):
    """The hands that have begun and are not completed: a row comes with `game.created`, and goes with the end."""

    name = "unfinished_hands"
    tables = ("unfinished_hands",)
    event_types = (CREATED, HAND_COMPLETED)

    def create(self, connection: psycopg.Connection) -> None:
        """Make the table."""
        connection.execute(CREATE_UNFINISHED)

    def apply(self, event: DomainEvent, connection: psycopg.Connection) -> None:
        """Note that a hand has begun, or that it is over."""
        if event.event_type == HAND_COMPLETED:
            connection.execute(END_HAND, (event.aggregate_id,))
        else:
            table, players = event.event_data.get("table"), len(event.event_data["seats"])
            connection.execute(BEGIN_HAND, (event.aggregate_id, table, players, event.recorded_at))


PROJECTIONS: dict[str, Projection] = {
    projection.name: projection for projection in (PotsPerTable(), LeaderBoard(), UnfinishedHands())
}


@dataclass(frozen=True, kw_only=True)
class Leader:
    """One row of the leader board. Amounts are in the unit of the hands.

    Args:
        player: the name.
        collection: the top folder of the hands' files, "" for none.
        currency: what a chip is, None where the records do not say.
        chip_unit: units in one chip.
        hands: completed hands that the player was dealt into.
        won: those in which the player took from a pot, as far as the records tell.
        settled: those of which the record tells who won how much.
        net: what the player won in them, less what the player lost.
        biggest_pot: the biggest pot that the player has taken, or a part of; None for none.
    """

    player: str
    collection: str
    currency: str | None
    chip_unit: int
    hands: int
    won: int
    settled: int
    net: int
    biggest_pot: int | None


def leaders(store: PostgresEventStore) -> list[Leader]:
    """The leader board, as far as it is kept: each kind of chip by itself, and in it, who has won most comes first.

    Args:
        store: the store with the hands.

    Returns:
        The rows.

    Raises:
        SchemaError: there is no leader board yet.
        StoreUnavailableError: the server is away.
    """
    with (
        store.connection() as connection,
        in_our_words(connection),
        connection.cursor(row_factory=class_row(Leader)) as cursor,
    ):
        try:
            return cursor.execute(LEADERS).fetchall()
        except psycopg.errors.UndefinedTable:
            raise SchemaError("there is no leader board yet: make it with python -m poker follow") from None
