-- Rights for an application that uses the store and owns none of it. Run it with psql as the owner of the tables, for
-- each schema and role; running it again does no harm:
--
--   python -m eventstore psql -v role=dealer -v schema=public -f sql/application_role.sql
--
-- The role is made if it does not exist, and may not log in yet: ALTER ROLE dealer LOGIN PASSWORD '...'.
-- It may read, append events, and keep snapshots. It may not change or remove an event, give an event a
-- number or a time of recording, or create anything.

\set ON_ERROR_STOP on

SELECT format('CREATE ROLE %I NOLOGIN', :'role')
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'role')
\gexec

BEGIN;

GRANT USAGE ON SCHEMA :"schema" TO :"role";
GRANT SELECT ON
    :"schema".domain_events, :"schema".event_snapshots, :"schema".eventstore_schema,
    :"schema".recent_events, :"schema".event_statistics
TO :"role";
-- To read which number was drawn last, not to draw one.
GRANT SELECT ON SEQUENCE :"schema".domain_events_sequence_number_seq TO :"role";

GRANT INSERT (
    id, event_type, aggregate_id, version, event_data, schema_version, event_timestamp,
    causation_id, correlation_id, user_id
) ON :"schema".domain_events TO :"role";

GRANT INSERT, UPDATE, DELETE ON :"schema".event_snapshots TO :"role";

COMMIT;
