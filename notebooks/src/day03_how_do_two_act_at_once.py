# ---
# jupyter:
#   workbook:
#     title: How do two act at once?
#     promise: After this day two programs can write to the same hand at the same moment, and no event is lost, doubled or decided on old facts.
#     needs: ["Day 1: events, versions, the version conflict", "Day 2: the table `domain_events` and its keys", "Python's `with`; transactions and threads are explained on the way"]
#     able: ["make a race happen, step by step", "check and write in one statement", "reload and decide again after a conflict", "write several events all or nothing", "send again what may have been stored"]
# ---

# %%
import threading
import time

import psycopg
from psycopg.types.json import Jsonb

from workbook.day import check, hint, open_day, show

day = open_day(3)

# %% [markdown]
# ## Do you remember?
#
# 1. A stream is at version 4. Which version does a store accept next, and why no higher one?
# 2. Which columns of `domain_events` may no two rows have in common?

# %% [markdown] tags=["answer"]
# 1. Only 5. A higher one would leave a hole: a fact that is missing, and no replay would notice.
# 2. The `id`, the `sequence_number`, and the pair of `aggregate_id` and `version`.

# %% [markdown]
# ## Look, then write
#
# On Day 1, seat 5 raised, and at the same moment seat 6 sent a check. There, both lived in one program. Now each has a connection
# of its own to the database, as two programs on two machines would have.
#
# We begin with a table that has no keys, to see what goes wrong. Four seats have called.

# %%
day.q("CREATE TABLE naive (aggregate_id text, version int, event_data jsonb)")
for seat in (1, 2, 3, 4):
    day.q("INSERT INTO naive VALUES ('hand 1', %s, %s)", [seat, Jsonb({"seat": seat, "action": "call"})])

seat_5 = day.connection()
seat_6 = day.connection()

# %% [markdown]
# `Jsonb(...)` tells psycopg, the driver between Python and PostgreSQL, to send a dict as JSON. `connection.execute(...)` runs a
# statement, and `fetchone()` gives its first row as a tuple, or `None`. `[x] = (4,)` unpacks a tuple of one.
#
# The obvious way to append is to look for the latest version, add 1, and write. Both programs look first.

# %%
LOOK = "SELECT max(version) FROM naive WHERE aggregate_id = 'hand 1'"
WRITE = "INSERT INTO naive VALUES ('hand 1', %s, %s)"
RAISE = Jsonb({"seat": 5, "action": "raise", "amount": 900})
CHECK = Jsonb({"seat": 6, "action": "check", "amount": 0})

[seen_by_5] = seat_5.execute(LOOK).fetchone()
[seen_by_6] = seat_6.execute(LOOK).fetchone()
print("seat 5 has seen version", seen_by_5)
print("seat 6 has seen version", seen_by_6)

# %% [markdown]
# Now seat 5 writes. The screen of seat 3 has shown everything up to version 4, and asks what is new.

# %%
# ->> takes one value out of the JSON, as text
NEWS = "SELECT version, event_data FROM naive WHERE version > %s ORDER BY version, event_data ->> 'seat'"

seat_5.execute(WRITE, [seen_by_5 + 1, RAISE])
day.q(NEWS, [4])

# %% [markdown]
# Seat 6 writes, too. Then the screen asks what is new since version 5.
#
# **Predict:** what will it get?

# %%
seat_6.execute(WRITE, [seen_by_6 + 1, CHECK])
day.q(NEWS, [5])

# %% [markdown]
# Nothing. Seat 6 acted, its program was told that all is well, and this screen will never hear of it. For this reader the event is
# lost. Here is why:

# %%
day.q(NEWS, [4])

# %% [markdown]
# Two events with version 5. And the second is a check after a raise, which no rule of poker allows. Between look and write, the
# world has changed. This is called a **race**: the result depends on who is faster.

# %% [markdown]
# ## Does a transaction help?
#
# A **transaction** bundles statements. It starts with `BEGIN` and ends with `COMMIT`, which makes everything count at once, or
# with `ROLLBACK`, which makes nothing count. Our connections work in *autocommit* mode: without a `BEGIN`, each statement is a
# transaction of its own.
#
# So let both look and write within a transaction. Seat 6 looks three times on the way.
#
# **Predict:** which three numbers does it see?

# %%
seat_5.execute("BEGIN")
seat_6.execute("BEGIN")
print("seat 6, at the start:              ", seat_6.execute(LOOK).fetchone()[0])

seat_5.execute(WRITE, [6, RAISE])
print("seat 6, after seat 5 has written:  ", seat_6.execute(LOOK).fetchone()[0])

seat_5.execute("COMMIT")
print("seat 6, after seat 5 has committed:", seat_6.execute(LOOK).fetchone()[0])

# %% [markdown]
# What is not committed, nobody else sees. What is committed, the next statement sees, even within a transaction that began
# before. PostgreSQL calls this READ COMMITTED, and it is how it works unless you ask for something else: **each statement sees
# what was committed when that statement began.**
#
# Seat 6 had decided after its first look, at version 5. It writes version 6.

# %%
seat_6.execute(WRITE, [6, CHECK])
seat_6.execute("COMMIT")
day.q(NEWS, [5])

# %% [markdown]
# Two events with version 6. A transaction keeps *your* statements together. It does not keep others out.

# %% [markdown]
# ## A place that only one can take
#
# The real table has a unique key on `(aggregate_id, version)`. Let the same two programs loose on it.

# %%
from eventstore import DomainEvent


def action(hand, version, decision):
    return DomainEvent(
        event_type="game.action_processed", aggregate_id=hand, version=version, event_data=decision, id=day.new_id()
    )


for hand in ("hand 1", "hand 2", "hand 3"):
    calls = [action(hand, seat, {"seat": seat, "action": "call", "amount": 100}) for seat in (1, 2, 3, 4)]
    day.store.append_many(calls)

INSERT = """
INSERT INTO domain_events (id, event_type, aggregate_id, version, event_data)
VALUES (%(id)s, 'game.action_processed', %(hand)s, %(version)s, %(data)s)
"""


def values(hand, version, data):
    return {"id": day.new_id(), "hand": hand, "version": version, "data": data}


# %% [markdown]
# `%(hand)s` is a place for a value with a name: psycopg takes it from a dict. The next cell ends in an error.

# %% tags=["raises-exception"]
seat_5.execute(INSERT, values("hand 1", 5, RAISE))
seat_6.execute(INSERT, values("hand 1", 5, CHECK))

# %% [markdown]
# Seat 6 is refused. That is what we want, though not in these words: a caller should not have to know the driver and the names of
# our keys.
#
# What if seat 5 has written, but not committed? Then nobody knows yet whether version 6 is taken.
#
# **Predict:** seat 6 writes version 6 meanwhile. Is it let in, refused, or something else?
#
# To try it we need a **thread**, a second line of work within our program: if the call of seat 6 should have to wait, the notebook
# must not wait with it. `race` lets seat 5 write, starts seat 6 in a thread, and asks PostgreSQL whether somebody blocks it
# (`pg_blocking_pids` lists them). Then it ends the transaction of seat 5.


# %%
def race(statement, version, ending):
    outcome = []

    def seat_6_writes():
        try:
            rows = seat_6.execute(statement, values("hand 1", version, CHECK)).rowcount  # so many were written
            outcome.append(f"rows written: {rows}")
        except psycopg.Error as error:
            outcome.append(type(error).__name__)

    def is_blocked():
        return day.q("SELECT cardinality(pg_blocking_pids(%s)) > 0 AS yes", [seat_6.info.backend_pid]).yes[0]

    seat_5.rollback()  # if an earlier race broke off: its transaction would take no more statements
    seat_5.execute("BEGIN")
    seat_5.execute(statement, values("hand 1", version, RAISE))
    thread = threading.Thread(target=seat_6_writes)
    thread.start()
    while thread.is_alive() and not is_blocked():
        time.sleep(0.01)
    print("seat 6 has to wait:", thread.is_alive())
    seat_5.execute(ending)
    thread.join()  # wait until it has ended
    print(f"seat 5: {ending}, then seat 6: {outcome[0]}")


race(INSERT, 6, "COMMIT")

# %% [markdown]
# Something else: seat 6 has to wait until it is certain whether the place is taken.
#
# **Predict:** and if seat 5 takes its event back?

# %%
race(INSERT, 7, "ROLLBACK")

# %% [markdown]
# Then seat 6 gets the place. Never both, and never nobody: the key cannot be tricked.
#
# **Predict:** but is it enough? Hand 2 is at version 4. A program with a wrong counter writes version 9.

# %%
seat_6.execute(INSERT, values("hand 2", 9, CHECK))
day.q("SELECT version FROM domain_events WHERE aggregate_id = 'hand 2' ORDER BY version")

# %% [markdown]
# It is let in: version 9 was free. Now there is a hole from 5 to 8. A reader cannot tell whether these four facts never
# happened or got lost, and nobody can take version 9 back, since rows are facts. A unique key refuses what is taken. It does not
# ask for what comes *next*.

# %% [markdown]
# ## Look and write in one statement
#
# So the look must come back, but in the same statement as the write. Two pieces of SQL make that possible.
#
# The first: instead of `VALUES`, an `INSERT` can take its rows from a `SELECT`. A `SELECT` without `FROM` makes one row, and with a
# `WHERE` that is not true, none.

# %%
print(len(day.q("SELECT 'a row' AS text WHERE 1 = 1")), len(day.q("SELECT 'a row' AS text WHERE 1 = 2")))

# %% [markdown]
# The second: a `SELECT` in brackets that gives one value can stand where a value can stand. And since `max` of no rows is `NULL`,
# `coalesce(max(version), 0)` makes it 0: the first of its arguments that is not `NULL`.

# %%
GUARDED = """
INSERT INTO domain_events (id, event_type, aggregate_id, version, event_data)
SELECT %(id)s, 'game.action_processed', %(hand)s, %(version)s, %(data)s
WHERE (SELECT coalesce(max(version), 0) FROM domain_events WHERE aggregate_id = %(hand)s) = %(version)s - 1
"""

# %% [markdown]
# Read it aloud: insert this row where the latest version of the hand is one below. Hand 3 is at version 4.
#
# **Predict:** how many rows do these three write?

# %%
for version in (4, 9, 5):
    print(f"version {version}, rows written:", seat_6.execute(GUARDED, values("hand 3", version, CHECK)).rowcount)

# %% [markdown]
# What is taken writes nothing. What leaves a hole writes nothing. Only the next one goes in. And the program learns it from the number
# of rows, in one trip to the server and back.
#
# **Predict:** do we still need the unique key? Remember what a statement sees, and let two of these race. Hand 1 is at version 7.

# %%
race(GUARDED, 8, "COMMIT")

# %% [markdown]
# We do. When seat 6's statement began, seat 5's row was not committed, so its look saw version 7 and passed. Then it met the key.
# The look refuses holes and nearly all who are late. The key refuses the rest. Together they let in exactly the next one.
#
# So there are two ways to be late, no row or a `UniqueViolation`, and our callers shall see one: `VersionConflictError`.

# %% [markdown]
# ### What append needs
#
# Three things: the names of the columns, an event made of a row, and the values of an event as a dict.


# %% tags=["keep"]
# Kept: between rows and events
from datetime import UTC

from psycopg.types.json import Jsonb

from eventstore import DomainEvent, EventMetadata

# The first ten columns come from the writer, the last two from the database.
WRITTEN = """
    id, event_type, aggregate_id, version, event_data, schema_version, event_timestamp,
    causation_id, correlation_id, user_id
"""
COLUMNS = f"{WRITTEN}, sequence_number, recorded_at"


def event_from(row):
    """An event from a row with the columns in the order of COLUMNS. Times are given in UTC, whatever the session's zone."""
    return DomainEvent(
        id=row[0],
        event_type=row[1],
        aggregate_id=row[2],
        version=row[3],
        event_data=row[4],
        schema_version=row[5],
        event_timestamp=row[6].astimezone(UTC),
        metadata=EventMetadata(causation_id=row[7], correlation_id=row[8], user_id=row[9]),
        sequence_number=row[10],
        recorded_at=row[11].astimezone(UTC),
    )


def values_of(event):
    """What the writer sends, by the names of the columns."""
    return {
        "id": event.id,
        "event_type": event.event_type,
        "aggregate_id": event.aggregate_id,
        "version": event.version,
        "event_data": Jsonb(event.event_data),
        "schema_version": event.schema_version,
        "event_timestamp": event.event_timestamp,
        "causation_id": event.metadata.causation_id,
        "correlation_id": event.metadata.correlation_id,
        "user_id": event.metadata.user_id,
    }


# %% [markdown]
# And the three reads of Day 1, now as `SELECT`. The class does not connect by itself. It relies on `self.connection()`, which your
# `Database` of Day 2 brings: at the end of the `with` block the connection is closed.


# %% tags=["keep"]
# Kept: the three reads
class Streams:
    """Reads streams. Whoever inherits brings `connection()`."""

    def get_by_aggregate(self, aggregate_id, from_version=1, to_version=None):
        # The highest version that the column can hold stands for "to the end".
        last = 2**31 - 1 if to_version is None else to_version
        with self.connection() as connection:
            rows = connection.execute(
                f"""
                SELECT {COLUMNS} FROM domain_events
                WHERE aggregate_id = %s AND version BETWEEN %s AND %s
                ORDER BY version
                """,
                [aggregate_id, from_version, last],
            ).fetchall()
        return [event_from(row) for row in rows]

    def latest_on(self, connection, aggregate_id):
        """The latest version as this connection sees it, 0 if there is none."""
        statement = "SELECT max(version) FROM domain_events WHERE aggregate_id = %s"
        [latest] = connection.execute(statement, [aggregate_id]).fetchone()
        return latest or 0

    def get_latest_version(self, aggregate_id):
        with self.connection() as connection:
            return self.latest_on(connection, aggregate_id)

    def exists(self, aggregate_id):
        return self.get_latest_version(aggregate_id) > 0


# %% [markdown]
# ### Exercise 3.1: append
#
# Write two methods.
#
# - `write(connection, event)` runs one guarded `INSERT` for all columns of `WRITTEN`, on the connection it is given. With
#   `RETURNING` and the `COLUMNS` at its end, an `INSERT` gives back the row that it wrote, to be fetched like that of a `SELECT`.
#   Return the stored event, or `None` if no row was written. Let the `UniqueViolation` pass: that is for `append`.
# - `append(event)` opens a connection, writes, and returns the stored event. Both ways of being late become a `VersionConflictError` with
#   the aggregate, the version that was tried, and the latest version as it is *now*.
#
# Examples, on an empty store:
#
# - `append` of version 1 gives an event with a `sequence_number` and a `recorded_at`.
# - `append` of version 3 then raises `VersionConflictError`, with `attempted_version` 3 and `latest_version` 1.
#
# To try it in a cell of your own: `store = day.with_mine(OneByOne)`, then `store.append(action("hand 9", 1, {"seat": 1}))`.


# %% tags=["keep"]
# Exercise 3.1, kept
from psycopg.errors import UniqueViolation

from eventstore import VersionConflictError


class OneByOne(Streams):
    """Appends one event at a time."""

    def write(self, connection, event):
        ### BEGIN SOLUTION
        statement = f"""
            INSERT INTO domain_events ({WRITTEN})
            SELECT %(id)s, %(event_type)s, %(aggregate_id)s, %(version)s, %(event_data)s, %(schema_version)s,
                %(event_timestamp)s, %(causation_id)s, %(correlation_id)s, %(user_id)s
            WHERE (
                SELECT coalesce(max(version), 0) FROM domain_events WHERE aggregate_id = %(aggregate_id)s
            ) = %(version)s - 1
            RETURNING {COLUMNS}
        """
        row = connection.execute(statement, values_of(event)).fetchone()
        return event_from(row) if row else None
        ### END SOLUTION

    def append(self, event):
        ### BEGIN SOLUTION
        with self.connection() as connection:
            try:
                stored = self.write(connection, event)
            except UniqueViolation:
                stored = None
            if stored is None:
                latest = self.latest_on(connection, event.aggregate_id)
                raise VersionConflictError(event.aggregate_id, event.version, latest)
            return stored
        ### END SOLUTION


# %%
check("3.1", OneByOne)

# %% [markdown] tags=["solution"]
# **Why this works.** No other program can come between the look and the write, for there is no between. What slips through, because
# two statements began at the same moment, meets the unique key. And after a refusal the latest version is asked for in a *new*
# statement, which sees what the winner has committed. So the error never says that version 5 was refused because the stream is at 4.
#
# The text of the statement is put together by `{WRITTEN}` and `{COLUMNS}`. That is safe because both are our own constants.
# What a caller sends travels as a value, never as text of the statement. Day 4 shows what happens otherwise.

# %% [markdown]
# ## A conflict asks for a new decision
#
# Seat 6 gets a conflict. What should its program do? Here is the answer of a colleague. `decide` is a function that looks at the
# events of the hand and gives back a decision.

# %%
from eventstore import VersionConflictError


def act_with_bugs(store, hand, decide):
    decision = decide(store.get_by_aggregate(hand))
    while True:
        version = store.get_latest_version(hand) + 1
        try:
            return store.append(action(hand, version, decision))
        except VersionConflictError:
            continue


# %% [markdown]
# We try it on a hand with four calls. Seat 6 folds if the last action is a raise, and checks otherwise. While it thinks, seat 5
# raises.
#
# **Predict:** which action of seat 6 will be stored? Will there be a conflict?

# %%
hand_4 = [action("hand 4", seat, {"seat": seat, "action": "call", "amount": 100}) for seat in (1, 2, 3, 4)]
day.store.append_many(hand_4)


def seat_6_decides(events):
    raised = events[-1].event_data["action"] == "raise"
    if not raised:  # seat 6 is still thinking, and seat 5 acts
        day.store.append(action("hand 4", len(events) + 1, {"seat": 5, "action": "raise", "amount": 900}))
    return {"seat": 6, "action": "fold" if raised else "check", "amount": 0}


act_with_bugs(day.store, "hand 4", seat_6_decides)
day.q("""
    SELECT version, event_data ->> 'seat' AS seat, event_data ->> 'action' AS action
    FROM domain_events WHERE aggregate_id = 'hand 4' AND version > 4 ORDER BY version
""")

# %% [markdown]
# A check after a raise, and not even a conflict.
#
# **Find the bugs:** there are three in these eight lines. One has just shown itself.

# %% [markdown] tags=["answer"]
# 1. It asks for the latest version *after* the decision, so it passes for a decision on that version. The store protects only those
#    who tell it on which version they have decided.
# 2. After a conflict it sends the same decision again.
# 3. Nothing ends the loop.

# %% [markdown]
# ### Exercise 3.2: without the bugs
#
# Write `act(store, hand, decide, attempts=5)`.
#
# - It appends a `game.action_processed` with what `decide(events)` gives, and returns the stored event.
# - After a conflict it decides again, on fresh events. After `attempts` conflicts it lets the last one reach the caller.
# - Other errors reach the caller at once.
#
# Examples:
#
# - A hand with 4 events, and nobody else acts: `decide` is called once, and version 5 is stored.
# - `act(day.store, "hand 4", seat_6_decides)`, on the hand from above: `decide` is called twice, and seat 6 folds with version 8.


# %%
# Exercise 3.2
def act(store, hand, decide, attempts=5):
    ### BEGIN SOLUTION
    for attempt in range(1, attempts + 1):
        events = store.get_by_aggregate(hand)
        event = DomainEvent(
            event_type="game.action_processed",
            aggregate_id=hand,
            version=len(events) + 1,
            event_data=decide(events),
        )
        try:
            return store.append(event)
        except VersionConflictError:
            if attempt == attempts:
                raise
    ### END SOLUTION


# %%
check("3.2", act)

# %% [markdown] tags=["solution"]
# **Why this works.** The version comes from the very events on which the decision was made, so the store can tell whether they are
# still the latest. Reading and deciding stand inside the loop: each attempt is a new decision, and therefore a new event with a new
# id. The bound matters less for two players than for a program that, by a mistake, can never succeed.

# %% [markdown]
# ## Two facts, or none
#
# Seat 3 folds, and only one player is left. Two facts are born: the fold, and the end of the hand. If the program dies between two
# appends, the hand never ends.
#
# This is what transactions are for. In psycopg one writes `with connection.transaction():`. The block starts with `BEGIN`. Its end
# is `COMMIT`. An error inside means `ROLLBACK`, and goes on to the caller. Here are two actions, and then the power fails.
#
# **Predict:** which numbers are printed? Hand 3 is at version 5.

# %%
LATEST = "SELECT max(version) FROM domain_events WHERE aggregate_id = 'hand 3'"

try:
    with seat_6.transaction():
        seat_6.execute(GUARDED, values("hand 3", 6, CHECK))
        seat_6.execute(GUARDED, values("hand 3", 7, CHECK))
        print("inside:", seat_6.execute(LATEST).fetchone()[0], " outside:", seat_5.execute(LATEST).fetchone()[0])
        raise RuntimeError("the power fails")
except RuntimeError:
    print("afterwards:", seat_6.execute(LATEST).fetchone()[0])

# %% [markdown]
# Within its own transaction a connection sees what it has written, so version 7 could follow version 6. Nobody else saw
# anything, and after the error there was nothing to see.
#
# ### Exercise 3.3: append_many
#
# Write `append_many(events)`: all of them in order, in one transaction, and a list of the stored events. If one cannot be stored, none is,
# and a `VersionConflictError` names the first that was refused.
#
# - Events may come from any iterable, and belong to several aggregates. `append_many([])` gives `[]`.
# - On an empty store, versions 1 and 3 of one hand raise `VersionConflictError` with `attempted_version` 3 and `latest_version` 1: the
#   event before, in the same batch, counts.
# - After a `UniqueViolation` the transaction has failed and takes no more statements. Ask for the latest version when the block is over.


# %% tags=["keep"]
# Exercise 3.3, kept
from psycopg.errors import UniqueViolation

from eventstore import VersionConflictError


class InBatches(OneByOne):
    """Appends several events, all or nothing."""

    def append_many(self, events):
        ### BEGIN SOLUTION
        batch = list(events)
        stored = []
        try:
            with self.connection() as connection, connection.transaction():
                for event in batch:
                    written = self.write(connection, event)
                    if written is None:
                        latest = self.latest_on(connection, event.aggregate_id)
                        raise VersionConflictError(event.aggregate_id, event.version, latest)
                    stored.append(written)
        except UniqueViolation:
            latest = self.get_latest_version(event.aggregate_id)
            raise VersionConflictError(event.aggregate_id, event.version, latest) from None
        return stored
        ### END SOLUTION


# %%
check("3.3", InBatches)

# %% [markdown] tags=["solution"]
# **Why this works.** All writes share one connection and one transaction. Day 1 had to cut its list back by hand; here every way out of
# the block but the good one is a `ROLLBACK`, even if the cable is cut. The iterable is read before the transaction begins: a
# transaction that waits for a slow source makes others wait, too. `return` stands after the block, because what has not been committed
# has not been stored.

# %% [markdown]
# ## The answer that got lost
#
# One failure is left. Seat 5 sends its raise. The server stores it, and before the answer arrives, the cable breaks. We play the
# cable:


# %%
def append_over_a_bad_cable(event):
    day.store.append(event)
    raise ConnectionError("the answer never came")


bet = action("hand 5", 1, {"seat": 5, "action": "raise", "amount": 900})
try:
    append_over_a_bad_cable(bet)
except ConnectionError as error:
    print(error)

# %% [markdown]
# From where seat 5 sits, the event may be stored or not. Not sending it again may lose the bet. And sending it again?
#
# **Predict:** one program makes a new event of the same decision, for the next free version. Another one sends the very same event, with the
# same id. How many raises of 900 are there in the end?

# %%
new = action("hand 5", day.store.get_latest_version("hand 5") + 1, bet.event_data)
print("a new event: version", day.store.append(new).version)
print("the same event again: version", day.store.append(bet).version)
day.q("SELECT version, event_data FROM domain_events WHERE aggregate_id = 'hand 5' ORDER BY version")

# %% [markdown]
# Two. The new event has doubled the bet: for the store it was a second one. The old event, sent again, has added nothing. The
# store knew its id and gave back what it had stored the first time.
#
# That is the use of the id. It is chosen *before* the first attempt, and kept for each further one of the same decision. The store decides
# by this **truth table**:
#
# | id known? | same content, same place? | version the next one? | answer |
# |---|---|---|---|
# | no | | yes | written |
# | no | | no | `VersionConflictError` |
# | yes | yes | | the stored event, as it was given the first time |
# | yes | no | | `DuplicateEventError`: two facts with one id is a mistake |
#
# Content is type, payload, metadata and schema version; place is aggregate and version. The timestamp does not count: a program that
# restarts may read its clock anew. A batch is known if all its events are stored, in this order. If only some are, or one id stands
# twice in it, it is a mistake.
#
# Note the order: ids first. A repeat always has a version that is taken, and must not be told "conflict".


# %% tags=["keep"]
# Kept: one more error
from eventstore import EventStoreError


class DuplicateEventError(EventStoreError):
    """An id that is taken, and not by the same fact."""

    def __init__(self, event_id, problem):
        super().__init__(f"event {event_id}: {problem}")
        self.event_id = event_id


# %% [markdown]
# ### Exercise 3.4 (stretch): send again
#
# Write `append_many` once more, by the truth table. `super().append_many(batch)` calls yours of 3.3: let it try first, and look for ids only
# after a conflict. Then an ordinary append pays nothing for it. Given are `append`, a batch of one, and `essence(event)`: all
# that must be equal for two events to be the same fact.
#
# - An event or batch that is stored already, sent again, gives the stored events with their first `sequence_number`.
# - A known id with other content raises `DuplicateEventError(id, "...")`, and so do the mistakes named above.
#
# `WHERE id = ANY(%s)`, with a list as the value, finds all rows whose id stands in the list.


# %% tags=["keep"]
# Exercise 3.4, kept
from collections import Counter

from eventstore import VersionConflictError


class Appending(InBatches):
    """Appends events; what is sent again is recognised by its id."""

    def append(self, event):
        return self.append_many([event])[0]

    def append_many(self, events):
        ### BEGIN SOLUTION
        batch = list(events)
        ids = Counter(event.id for event in batch)
        for event_id, times in ids.items():
            if times > 1:
                raise DuplicateEventError(event_id, "this id stands twice in one batch")
        try:
            return super().append_many(batch)
        except VersionConflictError:
            statement = f"SELECT {COLUMNS} FROM domain_events WHERE id = ANY(%s) ORDER BY sequence_number"
            with self.connection() as connection:
                known = [event_from(row) for row in connection.execute(statement, [list(ids)])]
            if not known:
                raise
        if [self.essence(event) for event in known] != [self.essence(event) for event in batch]:
            raise DuplicateEventError(known[0].id, "it is stored already, but not as it was sent now")
        return known
        ### END SOLUTION

    def essence(self, event):
        """All but the timestamp."""
        content = (event.event_type, event.event_data, event.metadata, event.schema_version)
        return (event.id, event.aggregate_id, event.version, *content)


# %%
check("3.4", Appending, DuplicateEventError)

# %% [markdown] tags=["solution"]
# **Why this works.** `known` holds what is stored, in the order of the log. If it equals the batch, then everything is there, as it was
# sent, in the order in which it was sent: one comparison for the whole table. And the look for ids comes in a statement *after* the
# conflict, so it sees whatever has caused it.

# %% [markdown]
# ## Meet the package
#
# The checks ran the promises of `workbook/contract/appending.py` and `retrying.py`, those with eight threads at once among
# them. The package keeps the same ones. Here is its statement for one event.

# %%
show("eventstore.appending.APPEND_ONE")

# %% [markdown]
# It is yours, with two differences. It names the schema, since it may also run on a caller's connection. And it returns only the two
# columns that the writer does not know yet.
#
# And this is what the package does when nothing was written:

# %%
show("eventstore.appending.Appending._why_not")

# %% [markdown]
# Ids first, then versions, and both from one look; `known_batch` is the truth table. The last line is new: if nothing is in the way
# any more, `append` tries again.
#
# What else does it add?
#
# - It keeps its connections. Yours opens one for each call: several trips to the server before the first statement.
# - A batch is one statement: one trip for 1,000 events, where yours makes 1,000.
# - Two batches that name the same hands in opposite order can block each other for ever, until PostgreSQL ends one with an
#   error: a **deadlock**. The package lets such batches queue up in one fixed order first.
# - `append(event, connection=...)` joins a transaction of the caller.
# - It tells `true` from 1 in a payload, which Python's `==` does not.
#
# Why, with figures: `docs/decisions/version-check.md` and `docs/decisions/idempotency.md`.

# %% [markdown]
# ## What this bought, what it costs
#
# | choice | bought | costs |
# |---|---|---|
# | look and write in one statement | no hole, one trip | SQL that has to be explained once |
# | the unique key behind it | two who look at the same moment cannot both win | a rival waits while a transaction is open, so keep it short |
# | a conflict instead of a lock | nobody waits while a player thinks | the late one loads and decides again; a hand that everybody writes to costs many attempts |
# | one transaction for a batch | no half truths | a refused batch has drawn sequence numbers that nobody will ever see |
# | ids that stay the same | sending again is always safe | the id must be chosen before the first attempt |

# %% [markdown]
# ## Key points
#
# - Look, then write, is two steps. Somebody else fits between them, transaction or not.
# - A statement sees what was committed when it began.
# - The guard in the `INSERT` keeps the order, the unique key settles the ties.
# - After a conflict: load, decide again, and name the version on which you have decided.
# - After a lost answer: the same event, the same id.
#
# **New words:** race, transaction, commit, rollback, autocommit, READ COMMITTED, thread, truth table, deadlock.

# %% [markdown] tags=["instructor"]
# ### What they see failing
#
# Two connections that both look, and both write version 5. A screen asks for what is new since version 5, gets nothing,
# and never hears of the second event. A transaction around it changes nothing. Then a unique key that stops the double,
# and lets version 9 in where 5 was next.
#
# ### Questions for discussion
#
# **Two people want the last ticket for a concert. Where is the look, where is the write, and what can stand in for our version?**
#
# The look is the page that shows one ticket left. The write is the purchase. The version can be the number of tickets
# sold so far, named by the buyer: "I buy as number 200." Whoever comes second is told, and looks again.
#
# **Why not lock the hand while a player thinks?**
#
# A lock held while somebody thinks lasts as long as the thinking, and for ever if the browser is closed. Everybody
# waits, nearly always for nothing. Here only the one who was late pays, by deciding again. Locks win where conflicts
# are the rule.
#
# **The unique key alone stops two events with one version. What does the guard in the `INSERT` add, and what does the key add to the guard?**
#
# The guard refuses holes, which no key sees. The key refuses the second of two statements that began at the same
# moment, of which neither saw the other's row. Drop either in thought, and play the race through.
#
# **After a conflict a colleague sends the same decision again with the next version. When would that be right?**
#
# When the decision does not depend on what came in between: "a note was added" is as true after another note. A check
# after a raise is not. If it holds for all events of a stream, ask whether they need one stream.
#
# **An answer got lost. Why is asking "is it there?" before sending again not enough?**
#
# Because the first attempt may still be on its way, and arrive after the question. The same id, decided by the store in
# the statement that writes, has no such gap.
#
# ### When time is short
#
# - The part on threads in *A place that only one can take* can be shown from the front: two terminals with `psql` say
#   the same.
# - 3.4 and *The answer that got lost* go together. Show the truth table, skip the exercise. Day 8 comes back to sending
#   again.
# - 3.3 is short once 3.1 works. Day 8 publishes what it returns, and takes it from the solution if it is missing.
# - Keep *Look, then write* through *Look and write in one statement*, and 3.1. It is the heart of the course.
# - Keep 3.2, if need be in pairs: what a conflict asks of the caller is what people get wrong at work. Day 7's library
#   needs the same loop.
