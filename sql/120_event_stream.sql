-- One stream, or a part of it, for those who ask in SQL. The body is bound to this schema's table when the function is
-- made, so it means the same whatever the caller's search_path is.

CREATE OR REPLACE FUNCTION get_event_stream(aggregate_id text, from_version int DEFAULT 1, to_version int DEFAULT NULL)
RETURNS SETOF domain_events
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT event.*
    FROM domain_events AS event
    WHERE event.aggregate_id = get_event_stream.aggregate_id
        AND event.version >= get_event_stream.from_version
        AND event.version <= coalesce(get_event_stream.to_version, 2147483647)
    ORDER BY event.version;
END;
