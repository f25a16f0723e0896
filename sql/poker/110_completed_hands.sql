-- The hands that are over, straight from the log: a row for each `game.hand_completed` whose hand began before with a
-- `game.created`. Events that lack what every hand has, such as those of an exercise, are no hand. Amounts are integers
-- in the hand's unit; what the record does not tell is NULL.
--
-- The first event of each hand is looked up by the index on (aggregate_id, version). Written as a look at one row,
-- because a join would make the planner read the whole log for a tail of any length.
CREATE OR REPLACE VIEW hands_in_the_log AS
SELECT
    created.aggregate_id                                                            AS hand_id,
    created.sequence_number                                                         AS began_at,
    completed.sequence_number                                                       AS ended_at,
    coalesce(substring(created.event_data #>> '{source,file}' FROM '^([^/]*)/'), '') AS collection,
    concat_ws('#', created.event_data #>> '{source,file}', created.event_data #>> '{source,section}') AS source,
    created.event_data ->> 'variant'                                                AS variant,
    created.event_data ->> 'table'                                                  AS "table",
    created.event_timestamp                                                         AS played_at,
    created.event_data ->> 'time_source'                                            AS time_source,
    created.event_data ->> 'currency'                                               AS currency,
    (created.event_data ->> 'chip_unit')::int                                       AS chip_unit,
    (created.event_data ->> 'big_blind')::bigint                                    AS big_blind,
    jsonb_array_length(created.event_data -> 'seats')                               AS players,
    ARRAY(
        SELECT seat ->> 'name'
        FROM jsonb_array_elements(created.event_data -> 'seats') WITH ORDINALITY AS seats (seat, place)
        ORDER BY place
    )                                                                               AS names,
    ARRAY(SELECT jsonb_array_elements_text(created.event_data -> 'blinds')::bigint) AS blinds,
    -- Hands of mapping version 1 do not name the last street. They are hands of hold'em: a showdown takes place on the
    -- river, and every other hand ends with a decision, in the event before the last.
    coalesce(
        completed.event_data ->> 'street',
        CASE WHEN (completed.event_data ->> 'showdown')::boolean THEN 'river' END,
        (
            SELECT last_decision.event_data ->> 'street'
            FROM domain_events AS last_decision
            WHERE last_decision.aggregate_id = completed.aggregate_id
                AND last_decision.version = completed.version - 1
                AND last_decision.sequence_number < completed.sequence_number
        )
    )                                                                               AS street,
    (completed.event_data ->> 'showdown')::boolean                                  AS showdown,
    (completed.event_data ->> 'pot')::bigint                                        AS pot,
    (completed.event_data ->> 'uncalled')::bigint                                   AS uncalled,
    (completed.event_data ->> 'rake')::bigint                                       AS rake,
    CASE jsonb_typeof(completed.event_data -> 'winners')
        WHEN 'array' THEN ARRAY(SELECT jsonb_array_elements_text(completed.event_data -> 'winners')::int)
    END                                                                             AS winners,
    CASE jsonb_typeof(completed.event_data -> 'payoffs')
        WHEN 'array' THEN ARRAY(SELECT jsonb_array_elements_text(completed.event_data -> 'payoffs')::bigint)
    END                                                                             AS payoffs
FROM domain_events AS completed
CROSS JOIN LATERAL (
    SELECT aggregate_id, sequence_number, event_timestamp, event_data
    FROM domain_events
    WHERE aggregate_id = completed.aggregate_id
        AND version = 1
        AND event_type = 'game.created'
        AND sequence_number < completed.sequence_number
        AND event_data ?& '{seats,chip_unit,big_blind,variant}'
    LIMIT 1
) AS created
WHERE completed.event_type = 'game.hand_completed'
    AND completed.event_data ?& '{pot,uncalled,showdown}';

-- A row for each completed hand, exact at every moment: those that were rolled up, and the tail of the log behind them.
CREATE OR REPLACE VIEW completed_hands AS
SELECT
    hand_id, source, variant, "table", played_at, time_source, players, big_blind, street, showdown, pot, uncalled,
    chip_unit, currency,
    pot::numeric / chip_unit            AS pot_chips,
    pot::numeric / nullif(big_blind, 0) AS pot_bb,
    winners,
    -- and what is of use to the other views
    collection, names, blinds, payoffs, rake,
    began_at AS sequence_number         -- of the hand's first event: the order in which hands were begun
FROM (
    SELECT * FROM rolled_up_hands
    UNION ALL
    SELECT * FROM hands_in_the_log WHERE ended_at > (SELECT coalesce(max(ended_at), 0) FROM rolled_up_hands)
) AS hand;

-- Roll up the hands that are over, and say how many; 0 means that there are none for now. Call it again until then: one
-- call is as much work as one transaction should be. Whoever may call it may not change the rolled-up hands otherwise.
CREATE OR REPLACE FUNCTION roll_up_hands(most int DEFAULT 50000) RETURNS bigint
LANGUAGE sql SECURITY DEFINER
BEGIN ATOMIC
    -- One at a time. The number 2027 lies below 16384, where no table's oid is.
    SELECT pg_advisory_xact_lock(2027, 'rolled_up_hands'::regclass::oid::int);

    -- How far to go: never above the mark, where a hand might still end that nobody would roll up any more. The events
    -- are read in a later statement, see `100_order.sql` of the store. A transaction above READ COMMITTED has only one
    -- view of the log for all its statements, so there nothing is done.
    SELECT set_config('eventstore.roll_up_to', high_water_mark()::text, true)
    WHERE current_setting('transaction_isolation') IN ('read committed', 'read uncommitted');

    WITH rolled_up AS (
        INSERT INTO rolled_up_hands
        SELECT *
        FROM hands_in_the_log
        WHERE ended_at > (SELECT coalesce(max(ended_at), 0) FROM rolled_up_hands)
            AND ended_at <= (SELECT nullif(current_setting('eventstore.roll_up_to', true), '')::bigint)
        ORDER BY ended_at
        LIMIT most
        RETURNING ended_at
    )
    SELECT count(*) FROM rolled_up;
END;

-- The tail begins behind the last hand that was rolled up, so a hand that is missing before it would never be counted.
-- Whoever deletes some of them deletes all, and the view looks all of them up in the log until the next roll-up.
CREATE OR REPLACE FUNCTION wait_for_hands_roll_up() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
        RAISE 'rolled-up hands cannot be deleted in a transaction above READ COMMITTED, which may not see all of them'
        USING HINT = 'Delete them in a transaction of its own, or TRUNCATE the table.';
    END IF;
    PERFORM pg_advisory_xact_lock(2027, TG_RELID::int);
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION forget_rolled_up_hands() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    left_over boolean;
BEGIN
    EXECUTE format('SELECT EXISTS (SELECT FROM %s)', TG_RELID::regclass) INTO left_over;
    IF left_over THEN
        EXECUTE format('DELETE FROM %s', TG_RELID::regclass);  -- which brings us here again, with nothing left
    END IF;
    RETURN NULL;
END
$$;

CREATE OR REPLACE TRIGGER rolled_up_hands_wait
    BEFORE DELETE ON rolled_up_hands
    FOR EACH STATEMENT EXECUTE FUNCTION wait_for_hands_roll_up();
CREATE OR REPLACE TRIGGER rolled_up_hands_stand_together
    AFTER DELETE ON rolled_up_hands
    FOR EACH STATEMENT EXECUTE FUNCTION forget_rolled_up_hands();

-- This file is applied again when it has changed. Then what was rolled up before may be told in another way.
TRUNCATE rolled_up_hands;
