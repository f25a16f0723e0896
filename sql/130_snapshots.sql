-- Nobody saves the state of a version that has not been written. A foreign key would say the same, but it would lock the
-- event for each snapshot, and TRUNCATE would complain of it instead of saying that events are facts.

CREATE OR REPLACE FUNCTION refuse_unreached_version() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    reached boolean;
BEGIN
    EXECUTE format(
        'SELECT EXISTS (SELECT FROM %I.domain_events WHERE aggregate_id = $1 AND version = $2)', TG_TABLE_SCHEMA
    ) INTO reached USING NEW.aggregate_id, NEW.version;
    IF NOT reached THEN
        RAISE EXCEPTION '% has not reached version %', NEW.aggregate_id, NEW.version
            USING ERRCODE = 'foreign_key_violation',
                  HINT    = 'Save the state at a version that is stored.';
    END IF;
    RETURN NEW;
END
$$;

CREATE OR REPLACE TRIGGER event_snapshots_have_events
    BEFORE INSERT OR UPDATE OF aggregate_id, version ON event_snapshots
    FOR EACH ROW EXECUTE FUNCTION refuse_unreached_version();

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
