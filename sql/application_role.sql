-- Rights for an application that uses the store and owns none of it. Run it with psql as the owner of the tables, once
-- for each schema and role, and again after each update of the package:
--
--   python -m eventstore psql -v role=dealer -v schema=public -f sql/application_role.sql
--
-- A role that does not exist is made, and may not log in yet: ALTER ROLE dealer LOGIN PASSWORD '...'.
-- It may read everything, append events, keep snapshots, and follow the log. It may not change or remove an event, give an event a
-- number or a time of recording, draw numbers, or create anything.

\set ON_ERROR_STOP on

SELECT :{?role} AND :{?schema} AS all_said
\gset
\if :all_said
\else
DO $$ BEGIN RAISE 'say which role and which schema: psql -v role=dealer -v schema=public -f ...'; END $$;
\endif

SELECT format('CREATE ROLE %I NOLOGIN', :'role')
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'role')
\gexec

BEGIN;

-- Away with what an older version of this script, or somebody in a hurry, has given.
REVOKE ALL ON
    :"schema".domain_events, :"schema".event_snapshots, :"schema".event_subscriptions, :"schema".event_dead_letters,
    :"schema".event_totals, :"schema".event_total_aggregates, :"schema".eventstore_schema,
    :"schema".recent_events, :"schema".event_statistics, :"schema".subscription_status,
    :"schema".domain_events_sequence_number_seq
FROM :"role";

GRANT USAGE ON SCHEMA :"schema" TO :"role";
GRANT SELECT ON
    :"schema".domain_events, :"schema".event_snapshots, :"schema".event_subscriptions, :"schema".event_dead_letters,
    :"schema".eventstore_schema, :"schema".recent_events, :"schema".event_statistics, :"schema".subscription_status
TO :"role";
-- To see which number was drawn last, which the trigger in 100_order.sql does for whoever appends; not to draw one.
GRANT SELECT ON SEQUENCE :"schema".domain_events_sequence_number_seq TO :"role";
-- Everybody may run a function, unless the owner of the database has decided otherwise.
GRANT EXECUTE ON FUNCTION
    :"schema".high_water_mark(), :"schema".get_event_stream(text, int, int),
    :"schema".create_snapshot(text, int, jsonb, int), :"schema".get_latest_snapshot(text),
    :"schema".roll_up_event_statistics(int)
TO :"role";

-- All columns but the two that the server fills in. That holds for COPY as well.
GRANT INSERT (
    id, event_type, aggregate_id, version, event_data, schema_version, event_timestamp,
    causation_id, correlation_id, user_id
) ON :"schema".domain_events TO :"role";

GRANT INSERT, UPDATE, DELETE ON
    :"schema".event_snapshots, :"schema".event_subscriptions, :"schema".event_dead_letters
TO :"role";

-- What the role has through another role, through PUBLIC, as the owner or as superuser cannot be taken away here.
SELECT
    pg_has_role(:'role', relowner, 'MEMBER')
    OR has_schema_privilege(:'role', relnamespace, 'CREATE')
    OR has_table_privilege(:'role', events.oid, 'DELETE, TRUNCATE, TRIGGER')
    OR has_any_column_privilege(:'role', events.oid, 'UPDATE')
    OR has_column_privilege(:'role', events.oid, 'sequence_number', 'INSERT')
    OR has_column_privilege(:'role', events.oid, 'recorded_at', 'INSERT')
    OR has_sequence_privilege(
        :'role', pg_get_serial_sequence(events.oid::regclass::text, 'sequence_number'), 'USAGE, UPDATE'
    )
    OR has_table_privilege(:'role', format('%I.eventstore_schema', :'schema'), 'INSERT, UPDATE, DELETE, TRUNCATE')
    AS too_much
FROM pg_class AS events
WHERE events.oid = format('%I.domain_events', :'schema')::regclass
\gset
\if :too_much
DO $$
BEGIN
    RAISE 'this role may do more than this script allows, so nothing was granted'
    USING HINT = 'It must be no superuser and no member of the role that owns the tables. If PUBLIC may create in the '
        'schema, as in a database that began before PostgreSQL 15: REVOKE CREATE ON SCHEMA ... FROM PUBLIC.';
END
$$;
\endif

COMMIT;
