-- Recorded hands that an import has refused, until one takes them.

CREATE TABLE poker_quarantine (
    digest          bytea       PRIMARY KEY,  -- SHA-256 of file, section and hand, which are too long for an index
    file            text        NOT NULL,
    section         text,                     -- NULL where the file holds a single hand
    reason          text        NOT NULL,
    hand            bytea       NOT NULL,     -- as in the file, up to 1,000,000 bytes; it may not even be text
    mapping_version int         NOT NULL,     -- of the events that could not be made
    first_seen_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_seen_at    timestamptz NOT NULL DEFAULT clock_timestamp()
);
