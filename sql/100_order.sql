-- Reading the log without losing events.
--
-- A number is drawn when an event is inserted, and seen when its transaction commits. So 8 may be seen while 7 is
-- still on its way, and a reader who goes on from 8 would never see 7. The cure has two halves.
--
-- Writers: before a transaction draws its first number, it publishes its floor, the last number drawn so far. All its
-- own numbers will be higher. The floor is the second key of a shared advisory lock, which ends with the transaction
-- by itself, however that ends. Shared locks wait for nobody.
-- Readers: up to the lowest floor that is still published, nothing can appear any more.
--
-- Source of the idea: the library disintegrate keeps its floors in advisory locks as well.

CREATE OR REPLACE FUNCTION publish_floor() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    numbers  regclass := format('%I.domain_events_sequence_number_seq', TG_TABLE_SCHEMA);
    floor    bigint;
    me       text := pg_current_xact_id();
    noted_in text := 'eventstore.floor_of_' || TG_RELID;
BEGIN
    -- Once in a transaction is enough: a later floor would only be higher. A savepoint that is rolled back takes both
    -- the lock and the note with it. The note holds the transaction's id, so that no setting left over can pass for it.
    IF current_setting(noted_in, true) IS DISTINCT FROM me THEN
        IF has_sequence_privilege(numbers, 'SELECT, USAGE') THEN
            floor := pg_sequence_last_value(numbers);  -- SELECT last_value might run ahead of the numbers drawn
        END IF;
        IF floor IS NULL THEN
            -- No number was drawn yet, or this role may not look at the sequence. The highest number to be seen is a
            -- floor as well, if a lower one: whatever is drawn from now on is above it.
            EXECUTE format('SELECT coalesce(max(sequence_number), 0) FROM %s', TG_RELID::regclass) INTO floor;
        END IF;
        -- A key has 32 bits, so the lock holds the lower half of the floor.
        PERFORM pg_advisory_xact_lock_shared(TG_RELID::int, floor::bit(32)::int);
        PERFORM set_config(noted_in, me, true);
    END IF;
    RETURN NULL;
END
$$;

-- BEFORE and FOR EACH STATEMENT: this comes before the first number is drawn, in INSERT and in COPY alike.
CREATE OR REPLACE TRIGGER domain_events_publish_floor
    BEFORE INSERT ON domain_events
    FOR EACH STATEMENT EXECUTE FUNCTION publish_floor();

-- The highest number up to which no event can still appear. Ask for it in a statement of its own, and read the events
-- up to it in a later one at READ COMMITTED: what was committed between the two looks that this function takes, at the
-- events and then at the locks, is seen by later statements only.
CREATE OR REPLACE FUNCTION high_water_mark() RETURNS bigint
LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH visible AS (
        SELECT coalesce(max(sequence_number), 0) AS highest FROM domain_events
    ),
    published AS (
        -- The whole floor is the number nearest to `highest` that ends in the 32 bits of the key. That holds as long
        -- as fewer than 2^31 numbers are drawn while one transaction is open.
        SELECT highest + (objid::bigint - highest)::bit(32)::int AS floor
        FROM pg_locks, visible
        WHERE locktype = 'advisory'
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
            AND classid = 'domain_events'::regclass
            AND objsubid = 2
            AND mode = 'ShareLock'
            AND granted
    )
    SELECT CASE
        -- A standby and a subscriber do not see the locks of the writers, so there nothing is ever certain.
        WHEN pg_is_in_recovery() THEN 0
        WHEN EXISTS (SELECT FROM pg_subscription_rel WHERE srrelid = 'domain_events'::regclass) THEN 0
        ELSE greatest(0, least((SELECT highest FROM visible), (SELECT min(floor) FROM published)))
    END;
END;
