-- A row for each seat of each completed hand. Amounts are integers in the hand's unit.
CREATE OR REPLACE VIEW hand_results AS
SELECT
    hand.hand_id,
    hand.sequence_number,
    hand.played_at,
    hand.time_source,
    seats.name                 AS player,  -- NULL where unknown
    seats.place::int           AS seat,    -- from 1
    hand.players,
    hand.blinds,
    hand.big_blind,
    hand.payoffs[place]        AS net,     -- less the rake where it is known; NULL where nobody knows, as below
    place = ANY (hand.winners) AS won,     -- took from a pot
    hand.pot,
    hand.collection,
    hand.currency,
    hand.chip_unit
FROM completed_hands AS hand
CROSS JOIN LATERAL unnest(hand.names) WITH ORDINALITY AS seats (name, place);

-- A row for each player and kind of chip. Chips of different currencies and units are never added. Where a record names
-- no currency, nobody knows whether the chips of two collections are worth the same, so each collection stands alone.
--
-- A player who sits on several seats of a hand is counted once, on the first of them; on the first that won, if one did.
CREATE OR REPLACE VIEW player_statistics AS
WITH seat AS (
    SELECT
        player, collection, currency, chip_unit, big_blind, pot,
        payoffs[place] AS net,
        place = array_position(names, player) AS is_first,
        place = ANY (winners)
            AND NOT EXISTS (
                SELECT FROM unnest(winners) AS other WHERE other < place AND names[other] = player
            ) AS is_first_to_win
    FROM completed_hands
    CROSS JOIN LATERAL unnest(names) WITH ORDINALITY AS seats (player, place)
    WHERE player IS NOT NULL
),
-- One step for each big blind, because dividing a sum once is faster than dividing each of its parts.
stake AS (
    SELECT
        player, collection, currency, chip_unit, big_blind,
        count(*) FILTER (WHERE is_first)                     AS hands,
        count(*) FILTER (WHERE is_first_to_win)              AS won,
        count(*) FILTER (WHERE is_first AND net IS NOT NULL) AS settled,
        sum(net)                                             AS net,
        max(pot) FILTER (WHERE is_first_to_win)              AS biggest_pot
    FROM seat
    GROUP BY player, collection, currency, chip_unit, big_blind
)
SELECT
    player,
    collection,
    currency,
    chip_unit,
    sum(hands)::bigint                AS hands,
    sum(won)::bigint                  AS won,      -- as far as the records tell
    sum(settled)::bigint              AS settled,  -- hands of which the record tells who won how much
    sum(net)::bigint                  AS net,      -- in these, less the rake where it is known; NULL for none
    max(biggest_pot)                  AS biggest_pot,
    sum(net / nullif(big_blind, 0))   AS net_bb
FROM stake
GROUP BY player, collection, currency, chip_unit;
