-- How many events there are of each type, of how many aggregates, and between when and when by the writers' clocks.
-- Exact at every moment: the totals up to the number where the last roll-up stopped, and the tail of the log behind it.

CREATE OR REPLACE VIEW event_statistics AS
WITH tail AS MATERIALIZED (
    SELECT
        event_type,
        aggregate_id,
        count(*)             AS event_count,
        min(event_timestamp) AS first_event_at,
        max(event_timestamp) AS last_event_at
    FROM domain_events
    WHERE sequence_number > (SELECT coalesce(max(up_to), 0) FROM event_totals)
    GROUP BY event_type, aggregate_id
),
part AS (
    SELECT event_type, event_count, aggregate_count, first_event_at, last_event_at
    FROM event_totals
    UNION ALL
    SELECT
        event_type,
        sum(event_count),
        -- An aggregate of the tail counts if no event of this type is among the totals already. Written as a look at
        -- one row, because a join would make the planner read the whole table for a tail of any length.
        count(*) FILTER (WHERE (
            SELECT true
            FROM event_total_aggregates AS counted
            WHERE counted.event_type = tail.event_type AND counted.aggregate_id = tail.aggregate_id
            LIMIT 1
        ) IS NULL),
        min(first_event_at),
        max(last_event_at)
    FROM tail
    GROUP BY event_type
)
SELECT
    event_type,
    sum(event_count)::bigint     AS event_count,
    sum(aggregate_count)::bigint AS aggregate_count,
    min(first_event_at)          AS first_event_at,
    max(last_event_at)           AS last_event_at,
    -- A type that is younger than a day counts as a day old: three events in a minute are no rate of 4,320 a day.
    sum(event_count)::bigint / greatest(extract(epoch FROM max(last_event_at) - min(first_event_at)) / 86400, 1)::float8
        AS events_per_day
FROM part
GROUP BY event_type;

-- Move events from the tail to the totals, and say how many; 0 means that there are none for now. Call it again until
-- then: one call is as much work as one transaction should be. Whoever may call it may not change the totals otherwise.
CREATE OR REPLACE FUNCTION roll_up_event_statistics(most int DEFAULT 500000) RETURNS bigint
LANGUAGE sql SECURITY DEFINER
BEGIN ATOMIC
    -- One at a time. The number 2027 lies below 16384, where no table's oid is.
    SELECT pg_advisory_xact_lock(2027, 'event_totals'::regclass::oid::int);

    -- How far to go: never above the mark, where an event might still appear that nobody would count any more. The
    -- events are read in a later statement, see `100_order.sql`. A transaction above READ COMMITTED has only one view
    -- of the log for all its statements, so there nothing is done.
    SELECT set_config('eventstore.roll_up_to', coalesce(max(sequence_number), 0)::text, true)
    FROM (
        SELECT sequence_number
        FROM domain_events
        WHERE sequence_number > (SELECT coalesce(max(up_to), 0) FROM event_totals)
            AND sequence_number <= (SELECT high_water_mark())
        ORDER BY sequence_number
        LIMIT most
    ) AS next
    WHERE current_setting('transaction_isolation') IN ('read committed', 'read uncommitted');

    WITH goal AS MATERIALIZED (
        SELECT nullif(current_setting('eventstore.roll_up_to', true), '')::bigint AS up_to
    ),
    chunk AS MATERIALIZED (
        SELECT
            event_type,
            aggregate_id,
            count(*)             AS event_count,
            min(event_timestamp) AS first_event_at,
            max(event_timestamp) AS last_event_at
        FROM domain_events
        WHERE sequence_number > (SELECT coalesce(max(up_to), 0) FROM event_totals)
            AND sequence_number <= (SELECT up_to FROM goal)
        GROUP BY event_type, aggregate_id
    ),
    newcomer AS (
        INSERT INTO event_total_aggregates (event_type, aggregate_id)
        SELECT event_type, aggregate_id FROM chunk
        ON CONFLICT DO NOTHING
        RETURNING event_type
    ),
    newcomers AS (
        SELECT event_type, count(*) AS aggregate_count FROM newcomer GROUP BY event_type
    ),
    added AS (
        INSERT INTO event_totals AS total (
            event_type, up_to, event_count, aggregate_count, first_event_at, last_event_at
        )
        SELECT
            event_type, (SELECT up_to FROM goal), sum(event_count), coalesce(max(aggregate_count), 0),
            min(first_event_at), max(last_event_at)
        FROM chunk LEFT JOIN newcomers USING (event_type)
        GROUP BY event_type
        ON CONFLICT (event_type) DO UPDATE SET
            up_to           = excluded.up_to,
            event_count     = total.event_count + excluded.event_count,
            aggregate_count = total.aggregate_count + excluded.aggregate_count,
            first_event_at  = least(total.first_event_at, excluded.first_event_at),
            last_event_at   = greatest(total.last_event_at, excluded.last_event_at)
    )
    SELECT coalesce(sum(event_count), 0)::bigint FROM chunk;
END;

-- The two tables only tell the truth together. So whoever deletes something of them deletes all of it, and the view
-- counts the whole log again until the next roll-up. TRUNCATE is answered by TRUNCATE: both take effect at once even
-- for a reader with an older view of the database, and neither does. DELETE takes only what its transaction can see.
CREATE OR REPLACE FUNCTION wait_for_roll_up() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
        RAISE 'totals cannot be deleted in a transaction above READ COMMITTED, which may not see all of them'
        USING HINT = 'Delete them in a transaction of its own, or TRUNCATE the table.';
    END IF;
    PERFORM pg_advisory_xact_lock(2027, format('%I.event_totals', TG_TABLE_SCHEMA)::regclass::oid::int);
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION forget_event_totals() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    command text := CASE TG_OP WHEN 'TRUNCATE' THEN 'TRUNCATE' ELSE 'DELETE FROM' END;
    cache   regclass;
    left_over boolean;
BEGIN
    FOREACH cache IN ARRAY ARRAY[
        format('%I.event_totals', TG_TABLE_SCHEMA), format('%I.event_total_aggregates', TG_TABLE_SCHEMA)
    ]::regclass[] LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM %s)', cache) INTO left_over;
        IF left_over THEN
            EXECUTE format('%s %s', command, cache);  -- which brings us here again, until nothing is left
        END IF;
    END LOOP;
    RETURN NULL;
END
$$;

CREATE OR REPLACE TRIGGER event_totals_wait
    BEFORE DELETE OR TRUNCATE ON event_totals
    FOR EACH STATEMENT EXECUTE FUNCTION wait_for_roll_up();
CREATE OR REPLACE TRIGGER event_totals_stand_together
    AFTER DELETE OR TRUNCATE ON event_totals
    FOR EACH STATEMENT EXECUTE FUNCTION forget_event_totals();
CREATE OR REPLACE TRIGGER event_total_aggregates_wait
    BEFORE DELETE OR TRUNCATE ON event_total_aggregates
    FOR EACH STATEMENT EXECUTE FUNCTION wait_for_roll_up();
CREATE OR REPLACE TRIGGER event_total_aggregates_stand_together
    AFTER DELETE OR TRUNCATE ON event_total_aggregates
    FOR EACH STATEMENT EXECUTE FUNCTION forget_event_totals();
