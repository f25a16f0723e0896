-- How each subscription is doing. Whoever follows the log holds a shared advisory lock on the name for as long as the
-- session lasts, which blocks nobody, and tells us here that somebody is there.

CREATE OR REPLACE VIEW subscription_status AS
WITH log AS (
    SELECT coalesce(max(sequence_number), 0) AS head FROM domain_events
),
followed AS (
    SELECT DISTINCT objid::bigint::bit(32)::int AS key
    FROM pg_locks
    WHERE locktype = 'advisory'
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND classid = 'event_subscriptions'::regclass
        AND objsubid = 2
        AND granted
)
SELECT
    name,
    position,
    greatest(head - position, 0) AS lag,  -- in numbers: what lies between may be of other types, or never have come to be
    CASE
        WHEN paused THEN 'paused'
        WHEN hashtext(name) NOT IN (SELECT key FROM followed) THEN 'stopped'
        WHEN attempts > 0 THEN 'retrying'
        WHEN position < head THEN 'behind'
        ELSE 'live'
    END AS state,
    attempts,
    error,
    (SELECT count(*) FROM event_dead_letters WHERE subscription = name) AS dead_letters,
    moved_at
FROM event_subscriptions, log;
