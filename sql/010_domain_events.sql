-- The log: one row for each fact, in the order in which the server numbered them.

CREATE TABLE domain_events (
    sequence_number  bigint      GENERATED ALWAYS AS IDENTITY,
    id               uuid        NOT NULL,
    event_type       text        NOT NULL,
    aggregate_id     text        NOT NULL,
    version          int         NOT NULL,
    event_data       jsonb       NOT NULL,
    schema_version   int         NOT NULL DEFAULT 1,
    event_timestamp  timestamptz NOT NULL DEFAULT now(),              -- when it happened, by the writer's clock
    recorded_at      timestamptz NOT NULL DEFAULT clock_timestamp(),  -- when we wrote it, by the server's clock
    causation_id     uuid,
    correlation_id   uuid,
    user_id          text,

    CONSTRAINT domain_events_pkey                  PRIMARY KEY (id),
    CONSTRAINT domain_events_aggregate_version_key UNIQUE (aggregate_id, version),
    CONSTRAINT domain_events_sequence_number_key   UNIQUE (sequence_number),

    CONSTRAINT domain_events_event_type_length   CHECK (octet_length(event_type) BETWEEN 1 AND 255),
    CONSTRAINT domain_events_aggregate_id_length CHECK (octet_length(aggregate_id) BETWEEN 1 AND 255),
    CONSTRAINT domain_events_user_id_length      CHECK (octet_length(user_id) <= 255),
    CONSTRAINT domain_events_version_positive    CHECK (version > 0),
    CONSTRAINT domain_events_schema_version_positive CHECK (schema_version > 0),
    -- A day within what every client and time zone can show; infinity has no place in a history either.
    CONSTRAINT domain_events_event_timestamp_range
        CHECK (event_timestamp >= '0001-01-02 00:00:00+00' AND event_timestamp < '9999-12-31 00:00:00+00'),
    CONSTRAINT domain_events_event_data_object   CHECK (jsonb_typeof(event_data) = 'object')
);
