-- How large the pots are, before rake and without the uncalled bet, grouped by one dimension; 'all' is none of them.
--
-- Called with a constant, as below, the planner takes the function apart and drops what the group does not need, so it
-- sorts the hands by that dimension only. All groups in one statement, by GROUPING SETS, would take as long for each of
-- them as for all.
CREATE OR REPLACE FUNCTION pot_statistics_by(dimension text) RETURNS TABLE (
    collection text, currency text, chip_unit int,
    variant text, big_blind numeric, "table" text, day date, street text, showdown boolean,
    hands bigint, pot_sum numeric, pot_mean numeric, pot_median numeric, pot_p90 numeric, pot_p99 numeric,
    pot_largest numeric, pot_median_bb numeric, raked_hands bigint, rake numeric
)
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT
        hand.collection,
        hand.currency,
        hand.chip_unit,
        hand.variant,
        hand.big_blind::numeric / hand.chip_unit,
        hand."table",
        hand.day,
        hand.street,
        hand.showdown,
        count(*),
        sum(pot) / chip_unit,
        sum(pot) / chip_unit / count(*),
        -- Between two hands a quantile is interpolated in floating point, which is exact to a fraction of a unit.
        round((percentile_cont(ARRAY[0.5, 0.9, 0.99]) WITHIN GROUP (ORDER BY pot))[1]::numeric, 4) / chip_unit,
        round((percentile_cont(ARRAY[0.5, 0.9, 0.99]) WITHIN GROUP (ORDER BY pot))[2]::numeric, 4) / chip_unit,
        round((percentile_cont(ARRAY[0.5, 0.9, 0.99]) WITHIN GROUP (ORDER BY pot))[3]::numeric, 4) / chip_unit,
        max(pot)::numeric / chip_unit,
        round((percentile_cont(0.5) WITHIN GROUP (ORDER BY pot_bb))::numeric, 4),
        count(rake),
        sum(rake) / chip_unit
    FROM (
        SELECT
            collection,
            currency,
            chip_unit,
            CASE dimension WHEN 'variant'  THEN variant END                              AS variant,
            CASE dimension WHEN 'stakes'   THEN big_blind END                            AS big_blind,
            CASE dimension WHEN 'table'    THEN "table" END                              AS "table",
            CASE dimension WHEN 'day'      THEN (played_at AT TIME ZONE 'UTC')::date END AS day,
            CASE dimension WHEN 'street'   THEN street END                               AS street,
            CASE dimension WHEN 'showdown' THEN showdown END                             AS showdown,
            pot,
            pot::float8 / nullif(big_blind, 0)                                           AS pot_bb,
            rake
        FROM completed_hands
    ) AS hand
    GROUP BY
        hand.collection, hand.currency, hand.chip_unit,
        hand.variant, hand.big_blind, hand."table", hand.day, hand.street, hand.showdown;
END;

-- All of them, one below the other. `grouped_by` tells by what a row was grouped; the other dimensions are NULL in it, as
-- is a dimension that the record does not tell. Ask for one with WHERE grouped_by = '...', and only that one is counted.
--
-- Chips of different currencies and units are never added. Where a record names no currency, nobody knows whether the
-- chips of two collections are worth the same, so each collection stands alone. Amounts are in chips, `pot_median_bb` is
-- in big blinds. `rake` is the sum of the `raked_hands`, of which the record tells it, and NULL where there are none.
CREATE OR REPLACE VIEW pot_statistics AS
SELECT 'all' AS grouped_by, * FROM pot_statistics_by('all')
UNION ALL SELECT 'variant',  * FROM pot_statistics_by('variant')
UNION ALL SELECT 'stakes',   * FROM pot_statistics_by('stakes')
UNION ALL SELECT 'table',    * FROM pot_statistics_by('table')
UNION ALL SELECT 'day',      * FROM pot_statistics_by('day')
UNION ALL SELECT 'street',   * FROM pot_statistics_by('street')
UNION ALL SELECT 'showdown', * FROM pot_statistics_by('showdown');
