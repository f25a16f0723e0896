-- What `completed_hands` need not look up in the log again: every hand that was over up to some number. A cache: it is
-- made from the log, and deleting any of it deletes all of it, see `110_completed_hands.sql`.

CREATE TABLE rolled_up_hands (
    hand_id      text        NOT NULL,  -- the aggregate id
    began_at     bigint      NOT NULL,  -- the sequence number of its first event
    ended_at     bigint      NOT NULL,  -- and that of its `game.hand_completed`
    collection   text        NOT NULL,  -- the top folder of the source file, or ''
    source       text        NOT NULL,
    variant      text        NOT NULL,
    "table"      text,
    played_at    timestamptz NOT NULL,
    time_source  text,
    currency     text,
    chip_unit    int,
    big_blind    bigint,
    players      int,
    names        text[],
    blinds       bigint[],
    street       text,
    showdown     boolean,
    pot          bigint,
    uncalled     bigint,
    rake         bigint,
    winners      int[],
    payoffs      bigint[],

    CONSTRAINT rolled_up_hands_pkey PRIMARY KEY (ended_at)
);
