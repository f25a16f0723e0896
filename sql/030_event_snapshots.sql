-- Snapshots: what an aggregate had become at one of its versions. A cache: all of it may be deleted at any time.

CREATE TABLE event_snapshots (
    aggregate_id    text        NOT NULL,
    version         int         NOT NULL,
    schema_version  int         NOT NULL DEFAULT 1,  -- the version of the shape of the state
    state           jsonb       NOT NULL,
    saved_at        timestamptz NOT NULL DEFAULT clock_timestamp(),

    CONSTRAINT event_snapshots_pkey PRIMARY KEY (aggregate_id, version),
    CONSTRAINT event_snapshots_schema_version_positive CHECK (schema_version > 0)
);
