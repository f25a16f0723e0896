-- The last hundred events, newest first: one scan of the end of an index, however long the log is.

CREATE OR REPLACE VIEW recent_events AS
SELECT
    sequence_number, id, event_type, aggregate_id, version, event_data, schema_version,
    event_timestamp, recorded_at, causation_id, correlation_id, user_id
FROM domain_events
ORDER BY sequence_number DESC
LIMIT 100;
