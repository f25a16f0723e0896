-- A hint to those who follow the log that it has grown. Optional, because it costs every append: see
-- docs/decisions/notifications.md. To get rid of it: DROP FUNCTION notify_followers CASCADE, and
-- DELETE FROM eventstore_schema WHERE file = 'notify/100_notify'.

CREATE OR REPLACE FUNCTION notify_followers() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    -- The payload is empty: the news of one transaction become one, and a long text cannot make the append fail.
    PERFORM pg_notify('domain_events_' || TG_RELID, '');
    RETURN NULL;
END
$$;

CREATE OR REPLACE TRIGGER domain_events_notify
    AFTER INSERT ON domain_events
    FOR EACH STATEMENT EXECUTE FUNCTION notify_followers();
