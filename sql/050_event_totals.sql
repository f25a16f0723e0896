-- What `event_statistics` need not count again: the events of each type up to some number, and the aggregates that had
-- one. A cache: it is made from the log, and deleting any of it deletes all of it, see `150_event_statistics.sql`.

CREATE TABLE event_totals (
    event_type       text        NOT NULL,
    up_to            bigint      NOT NULL,  -- the highest number that was looked at when this row was written
    event_count      bigint      NOT NULL,
    aggregate_count  bigint      NOT NULL,
    first_event_at   timestamptz NOT NULL,
    last_event_at    timestamptz NOT NULL,

    CONSTRAINT event_totals_pkey PRIMARY KEY (event_type)
);

CREATE TABLE event_total_aggregates (
    event_type    text NOT NULL,
    aggregate_id  text NOT NULL,

    CONSTRAINT event_total_aggregates_pkey PRIMARY KEY (event_type, aggregate_id)
);
