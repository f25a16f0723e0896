-- Who follows the log, and how far each one has come.

CREATE TABLE event_subscriptions (
    name      text        NOT NULL,
    position  bigint      NOT NULL DEFAULT 0,      -- every event up to this number is done
    paused    boolean     NOT NULL DEFAULT false,
    failing   bigint,                              -- the number of the event that the handler fails at
    attempts  int         NOT NULL DEFAULT 0,      -- how often it has failed at it
    error     text,                                -- what it said the last time
    retry_at  timestamptz,                         -- not before
    moved_at  timestamptz NOT NULL DEFAULT now(),  -- when the position changed

    CONSTRAINT event_subscriptions_pkey             PRIMARY KEY (name),
    CONSTRAINT event_subscriptions_name_length      CHECK (octet_length(name) BETWEEN 1 AND 255),
    CONSTRAINT event_subscriptions_position_natural CHECK (position >= 0),
    CONSTRAINT event_subscriptions_failing_ahead    CHECK (failing > position)
);

-- Events that a handler has failed at again and again. They were put aside, so that those behind them are not kept waiting.
CREATE TABLE event_dead_letters (
    subscription     text        NOT NULL,
    sequence_number  bigint      NOT NULL,
    attempts         int         NOT NULL,
    error            text        NOT NULL,
    put_aside_at     timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT event_dead_letters_pkey PRIMARY KEY (subscription, sequence_number),
    CONSTRAINT event_dead_letters_subscription_fkey
        FOREIGN KEY (subscription) REFERENCES event_subscriptions (name) ON DELETE CASCADE
);
