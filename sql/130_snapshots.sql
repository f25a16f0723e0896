-- Save a snapshot and find the newest one. Newest means of the highest version, never the one that was saved last: a
-- slow worker may save an old state late.

CREATE OR REPLACE FUNCTION create_snapshot(aggregate_id text, version int, state jsonb, schema_version int DEFAULT 1)
RETURNS void
LANGUAGE sql
BEGIN ATOMIC
    INSERT INTO event_snapshots AS saved (aggregate_id, version, state, schema_version)
    VALUES (
        create_snapshot.aggregate_id, create_snapshot.version, create_snapshot.state, create_snapshot.schema_version
    )
    -- The same version again: most likely in a new shape, for a program that has learned to need one.
    ON CONFLICT ON CONSTRAINT event_snapshots_pkey DO UPDATE
    SET state = excluded.state, schema_version = excluded.schema_version, saved_at = clock_timestamp();
END;

CREATE OR REPLACE FUNCTION get_latest_snapshot(aggregate_id text)
RETURNS SETOF event_snapshots
LANGUAGE sql STABLE ROWS 1
BEGIN ATOMIC
    SELECT saved.*
    FROM event_snapshots AS saved
    WHERE saved.aggregate_id = get_latest_snapshot.aggregate_id
    ORDER BY saved.version DESC
    LIMIT 1;
END;
