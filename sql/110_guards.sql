-- Rows are facts: no UPDATE, no DELETE, no TRUNCATE.
-- The triggers fire for each statement, so that TRUNCATE, which row triggers never see, is refused as well.

CREATE OR REPLACE FUNCTION refuse_to_change_history() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on % refused: events are facts', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation',
              HINT    = 'Append a new event that corrects the old one.';
END
$$;

CREATE OR REPLACE TRIGGER domain_events_are_facts
    BEFORE UPDATE OR DELETE OR TRUNCATE ON domain_events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_change_history();
