"""Ways to follow a log that lose events, and one that loses none but stands still. Each is kept to be proved so.

An exhibit is a module with `SETUP`, the SQL that turns a fresh store of ours into one of its kind, and `Reader`, which
follows the log as programs of its kind do. The schedules next door are played to all of them.
"""
