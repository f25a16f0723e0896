-- Five indexes for questions, beside the three keys that 010 brings. Each serves one kind of question, named in front
-- of it; the number at the end of four of them gives the answer in the order of the log without sorting.

-- The events of one type.
CREATE INDEX domain_events_type_idx ON domain_events (event_type, sequence_number);

-- The events of a span of time, by the clock of those who wrote them.
CREATE INDEX domain_events_time_idx ON domain_events (event_timestamp, sequence_number);

-- What one user did. Most events may have no user, and then they cost this index nothing.
CREATE INDEX domain_events_user_idx ON domain_events (user_id, sequence_number) WHERE user_id IS NOT NULL;

-- Everything that belongs to one piece of work.
CREATE INDEX domain_events_correlation_idx ON domain_events (correlation_id, sequence_number)
    WHERE correlation_id IS NOT NULL;

-- Events whose payload contains something: event_data @> '{"seat": 3}'. The few that are found have to be sorted.
CREATE INDEX domain_events_data_idx ON domain_events USING gin (event_data jsonb_path_ops);
