-- How many events there are of each type, of how many aggregates, between when and when, by the writers' clocks.
-- Exact, and counted anew at each question: it reads the whole log.

CREATE OR REPLACE VIEW event_statistics AS
SELECT
    event_type,
    count(*) AS event_count,
    count(DISTINCT aggregate_id) AS aggregate_count,
    min(event_timestamp) AS first_event_at,
    max(event_timestamp) AS last_event_at,
    -- A type that is younger than a day counts as a day old: three events in a minute are no rate of 4,320 a day.
    count(*) / greatest(extract(epoch FROM max(event_timestamp) - min(event_timestamp)) / 86400, 1)::float8
        AS events_per_day
FROM domain_events
GROUP BY event_type;
