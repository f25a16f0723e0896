# ---
# jupyter:
#   workbook:
#     title: Where do events live?
#     promise: After this day a table of your own keeps facts, refuses nonsense from whichever program it comes, and refuses to be rewritten.
#     needs: ["Day 1, or an idea of event, stream and version", "`CREATE TABLE` seen once; the rest of the SQL is explained on the way"]
#     able: ["say what each column and each rule of the log is for", "read a plan and make the index that a question needs", "guard a table against `UPDATE`, `DELETE` and `TRUNCATE`", "install a schema from files, all of it or nothing"]
# ---

# %%
import psycopg

from workbook.day import check, hint, open_day, show, show_sql
from workbook.show import sql_file

day = open_day(2, install=False)

# %% [markdown]
# This time the schema is empty. The tables are your work.
#
# ## Do you remember?
#
# 1. Why does the caller name the version, and not the store?
# 2. Which payloads does an event refuse?

# %% [markdown] tags=["answer"]
# 1. So that a decision that was made on old facts is noticed. If the place is taken, somebody else was faster.
# 2. Those that would not come back equal from JSON: tuples, keys that are no text, `NaN`.

# %% [markdown]
# ## A table that believes everything
#
# The store of Day 1 ends with its program. A database keeps its rows, and lets many programs in. The quickest log is a
# table with four columns.

# %%
day.q("CREATE TABLE first_log (hand text, version int, event_type text, event_data json)")
day.q("""
    INSERT INTO first_log VALUES
        ('hand 1', 1, 'game.created', '{"blinds": [50, 100]}'),
        ('hand 1', 2, 'game.action_processed', '{"seat": 5, "amount": 900}'),
        ('hand 1', 3, 'game.action_processed', '{"seat": 6, "amount": 900}')
""")

# %% [markdown]
# Now three more statements. (`->>` takes a value out of JSON, as text.) One makes seat 5's raise smaller. One adds a second event 3. One adds an event -1 without a
# type.
#
# **Predict:** which of the three does the table refuse?

# %%
day.q("""UPDATE first_log SET event_data = '{"seat": 5, "amount": 90}' WHERE version = 2""")
day.q("""INSERT INTO first_log VALUES ('hand 1', 3, 'game.action_processed', '{"seat": 6, "amount": 0}')""")
day.q("""INSERT INTO first_log VALUES ('hand 1', -1, NULL, '"oops"')""")
day.q("SELECT version, event_type, event_data FROM first_log ORDER BY version, event_data ->> 'amount'")

# %% [markdown]
# None. Seat 5 has now *always* raised to 90. There are two third events. And something without a name (`NaN` stands for
# SQL's `NULL`: no value) happened before the hand began.
#
# Our `DomainEvent` would have refused the last one. But a rule in Python binds the programs that use this Python. A rule in
# the table binds everybody: the other program, the old script, the colleague with a console at three in the morning.

# %% [markdown]
# ## Two names that bite
#
# First the names of the columns. A fact has a time and a user, so `timestamp` and `user` come to mind. This helper runs a
# statement and prints what PostgreSQL says.


# %%
def attempt(statement, parameters=None):
    """Run a statement, and say whether PostgreSQL refused it."""
    try:
        day.q(statement, parameters)
        print("done")
    except psycopg.Error as error:
        print("refused:", error.diag.constraint_name or error.diag.message_primary)


# %% [markdown]
# **Predict:** a table with a column `timestamp`, a function that returns such a column, a table with a column `user`. Which
# of the three does PostgreSQL take?

# %%
attempt("CREATE TABLE try_1 (timestamp timestamptz)")
attempt("""
    CREATE FUNCTION times() RETURNS TABLE (timestamp timestamptz)
    LANGUAGE sql AS 'SELECT timestamp FROM try_1 ORDER BY timestamp'
""")
attempt("CREATE TABLE try_2 (user text)")

# %% [markdown]
# Only the first. `timestamp` is also the name of a type. A column may be called so, the column that a function returns may
# not.
#
# `user` is reserved. In double quotes it is legal all the same, and that is worse.
#
# **Predict:** how many rows does the last line find?

# %%
day.q('CREATE TABLE try_2 ("user" text)')
day.q("INSERT INTO try_2 VALUES ('seat 5')")
day.q("SELECT count(*) FROM try_2 WHERE user = 'seat 5'")

# %% [markdown]
# None, and no error. Without the quotes, `user` is the database user who asks, and that is not seat 5. So our columns are
# called `event_timestamp` and `user_id`, which need no quotes.

# %% [markdown]
# ## The log
#
# Here is the real table, the first file of `sql/`.

# %%
show_sql("010_domain_events")

# %% [markdown]
# | part | what it says |
# |---|---|
# | `GENERATED ALWAYS AS IDENTITY` | the server counts: each row gets the next number of the whole log |
# | `timestamptz` | a moment, the same for everybody; plain `timestamp` is a clock without a place |
# | `jsonb` | JSON, parsed and checked on the way in |
# | `DEFAULT` | the value if you say nothing |
# | `PRIMARY KEY`, `UNIQUE` | no two rows with the same value, or the same pair of values |
# | `CHECK` | a condition that each row must meet on its own |
# | `CONSTRAINT name` | the name that the error will bear, so that a program can tell refusals apart |
#
# `sql_file(...).text` is the text that you have just read. We run it, and append a first event by hand. psycopg, the driver
# between Python and PostgreSQL, puts the value called `id` in the place of `%(id)s`.

# %%
day.q(sql_file("010_domain_events").text)

APPEND = """
    INSERT INTO domain_events
        (id, event_type, aggregate_id, version, event_data, schema_version, event_timestamp, user_id)
    VALUES (%(id)s, %(event_type)s, %(aggregate_id)s, %(version)s, %(event_data)s, %(schema_version)s,
        %(event_timestamp)s, %(user_id)s)
"""
first = {
    "id": day.new_id(),
    "event_type": "game.created",
    "aggregate_id": "hand 1",
    "version": 1,
    "event_data": '{"blinds": [50, 100]}',
    "schema_version": 1,
    "event_timestamp": day.now(),
    "user_id": None,
}
attempt(APPEND, first)

# %% [markdown]
# Now we break each rule once: a good second event, with one thing wrong in each line.
#
# **Predict:** which constraint will speak, line by line?

# %%
for what, wrong in {
    "a known id": {"id": first["id"]},
    "version 1 again": {"version": 1},
    "version 0": {"version": 0},
    "no type": {"event_type": None},
    "an empty type": {"event_type": ""},
    "an aggregate of 256 letters": {"aggregate_id": "h" * 256},
    "a user of 86 spades": {"user_id": "♠" * 86},
    "schema version 0": {"schema_version": 0},
    "a time without end": {"event_timestamp": "infinity"},
    "a list as payload": {"event_data": "[900]"},
}.items():
    print(f"{what:28}", end="")
    # a | b is a dict with everything from both; where both have a key, the value of b counts
    attempt(APPEND, first | {"id": day.new_id(), "version": 2} | wrong)

# %% [markdown]
# Ten refusals. Lengths are counted in bytes: a spade takes three, so 86 of them are 258.
#
# One key is still unbroken. The number is the server's business, and whoever brings one is sent away. If you insist, you
# meet the key.

# %%
for insist in ("", "OVERRIDING SYSTEM VALUE"):
    attempt(f"""
        INSERT INTO domain_events (sequence_number, id, event_type, aggregate_id, version, event_data) {insist}
        VALUES (1, '{day.new_id()}', 'game.created', 'hand 2', 1, '{{}}')
    """)

# %% [markdown]
# What can the table *not* see? Hand 1 has one event.
#
# **Predict:** we append version 7. Does a constraint object? And which `sequence_number` does this second row get?

# %%
attempt(APPEND, first | {"id": day.new_id(), "version": 7})
day.q("SELECT sequence_number, aggregate_id, version FROM domain_events ORDER BY sequence_number")

# %% [markdown]
# Two surprises. A `CHECK` looks at one row, so nobody noticed that versions 2 to 6 are missing. That is for Day 3.
#
# And the number is 12, not 2. The ten refused rows had drawn 2 to 11, and a number is never given back: by then somebody else
# may have drawn the next one. The same goes for all that is rolled back. So numbers tell the **order**. They do not count, and
# a gap does not mean that anything is lost.

# %% [markdown]
# ## What a payload becomes
#
# There is also a type `json`, which keeps the text as you wrote it. `jsonb` keeps what the text *means*. (`::jsonb` makes a
# text into this type.)
#
# **Predict:** what is left of the two amounts? Is a pot of 1.0 equal to a pot of 1?

# %%
text = '{"amount": 900, "seat": 5, "amount": 90}'
answer = day.q("SELECT %s::json::text AS kept, %s::jsonb::text AS meant", [text, text])
print("json: ", answer["kept"][0])
print("jsonb:", answer["meant"][0])

answer = day.q("""SELECT '{"pot": 1.0}'::jsonb = '{"pot": 1}'::jsonb AS same, '{"pot": 1.0}'::jsonb::text AS pot""")
print("1.0 is 1:", answer["same"][0], "and it is shown as", answer["pot"][0])

attempt("""SELECT '{"pot": NaN}'::jsonb""")
attempt(r"""SELECT '{"name": "\u0000"}'::jsonb""")

# %% [markdown]
# `jsonb` puts the keys into an order of its own. A key stands once, and the last one wins. Numbers compare as numbers. `NaN`
# is no JSON, and the character 0 does not fit into PostgreSQL's text. None of that hurts us: two Python dicts with their keys in
# another order are equal, and none holds a key twice. What it costs: the text as it was sent is gone, and with it any
# signature that somebody made of it.

# %% [markdown]
# ## A season of hands
#
# With two rows, every way of finding them is fast. The package `poker` brings a season of 2,000 simulated hands. Its first 500
# will do. Three tables play at the same time, so we sort the events by time: those of one hand do not lie side by side.

# %%
import json
from itertools import islice

import poker

hands = [poker.hand_events(record) for record in islice(poker.read_hands(poker.season()), 500)]
events = sorted((event for hand in hands for event in hand), key=lambda event: event.event_timestamp)

day.q("TRUNCATE domain_events RESTART IDENTITY")  # away with all rows, and count from 1 again
rows = [
    vars(event) | {"event_data": json.dumps(event.event_data), "user_id": event.metadata.user_id} for event in events
]
day.connection().cursor().executemany(APPEND, rows)  # runs the statement once for each row

day.q("SELECT count(DISTINCT aggregate_id) AS hands, count(*) AS events FROM domain_events")

# %% [markdown]
# (`TRUNCATE` emptied the log. We come back to it.)
#
# Next a copy without any key: a pile. `LIKE` takes over the columns and no keys. `ANALYZE` lets the server count what is in a
# table, so that it can plan.

# %%
day.q("CREATE TABLE pile (LIKE domain_events)")
day.q("INSERT INTO pile SELECT * FROM domain_events ORDER BY sequence_number")  # all rows that the SELECT gives
day.q("ANALYZE domain_events")
day.q("ANALYZE pile")


# %% [markdown]
# Before the server answers a question it makes a **plan**, and `EXPLAIN` shows it. `work` prints the plan, and how many rows
# were looked at. You need not read its code.


# %%
def looked_at(question):
    """How many rows the server looks at to answer a question, and how many it finds."""
    plan = day.q("EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) " + question).iloc[0, 0][0]["Plan"]
    found, step = plan["Actual Rows"], plan
    while "Plans" in step:
        step = step["Plans"][0]
    return int(step["Actual Rows"] + step.get("Rows Removed by Filter", 0)), int(found)


def work(question):
    """Print the plan of a question and what it costs."""
    for line in day.q("EXPLAIN (COSTS OFF) " + question)["QUERY PLAN"]:
        print(line)
    print("=> rows looked at: {:,}, found: {:,}\n".format(*looked_at(question)))


# %% [markdown]
# **The first question: one stream.** Every decision begins with it.
#
# **Predict:** how many rows does the server look at to find the events of one hand, in the pile and in the log?

# %%
hand = hands[5][0].aggregate_id


def stream(table):
    return f"SELECT * FROM {table} WHERE aggregate_id = '{hand}' ORDER BY version"


work(stream("pile"))
work(stream("domain_events"))

# %% [markdown]
# Read a plan from the inside out. In the pile the server reads everything (`Seq Scan`), keeps what passes the `Filter`, then
# sorts. In the log it uses an **index**: a sorted list of the values of some columns, each with the place of its row. It
# finds the first entry in a few steps, and goes on along the list. The events come out in order, so nothing has to be sorted.
#
# Nobody made this index on purpose. `UNIQUE (aggregate_id, version)` brought it along, because only a sorted list tells
# quickly whether a pair is there already. One index, two services: it keeps the rule, and it reads streams.
#
# **The second: is this very event stored already?** A sender asks this when the answer got lost. **The third: what came
# after number 3,000?** A reader asks this who follows the log page by page.

# %%
lost = hands[5][3].id
for table in ("pile", "domain_events"):
    work(f"SELECT version FROM {table} WHERE id = '{lost}'")
    work(f"SELECT * FROM {table} WHERE sequence_number > 3000 ORDER BY sequence_number LIMIT 100")

# %% [markdown]
# Three keys, three indexes. **The fourth question: all events of one type**, a stream across the hands.
#
# **Predict:** can one of the three help?

# %%
finished = "SELECT * FROM domain_events WHERE event_type = 'game.hand_completed' ORDER BY sequence_number"
work(finished)

# %% [markdown]
# No: none of them is sorted by type. So we make a list that is, the first one of the second file.

# %%
show_sql("020_indexes")
day.q(sql_file("020_indexes").text)
work(finished)

# %% [markdown]
# `(event_type, sequence_number)` is sorted by type, and within one type by number: the order that was asked for. The order
# of the columns matters. A telephone book is sorted by name, then by first name, and does not help you to find everybody
# called Tom.
#
# The other four indexes of the file are for Day 4. Here is what an index buys while the log grows.

# %% tags=["figure"]
import matplotlib.pyplot as plt
import pandas as pd

rows = []
for size in (1_500, 3_000, 4_500, len(events)):
    day.q("DROP TABLE IF EXISTS part")
    day.q("CREATE TABLE part (LIKE domain_events)")
    day.q("INSERT INTO part SELECT * FROM domain_events ORDER BY sequence_number LIMIT %s", [size])
    without, _ = looked_at(stream("part"))
    day.q("CREATE UNIQUE INDEX ON part (aggregate_id, version)")
    day.q("ANALYZE part")
    rows.append([size, without, looked_at(stream("part"))[0]])

growth = pd.DataFrame(rows, columns=["events in the log", "without an index", "with an index"])
print(growth.to_string(index=False))

figure, axes = plt.subplots(figsize=(7, 3.5))
axes.plot(
    growth["events in the log"], growth["without an index"], marker="o", color="#D55E00", label="without an index"
)
axes.plot(growth["events in the log"], growth["with an index"], marker="s", color="#0072B2", label="with an index")
axes.set_title("Reading one hand from a growing log")
axes.set_xlabel("events in the log")
axes.set_ylabel("rows looked at")
axes.set_xlim(left=0)
axes.set_ylim(bottom=-100)
axes.legend(frameon=False)
plt.show()

# %% [markdown]
# Without an index the rows looked at are as many as the log is long. With an index they are as many as the hand has
# events, however long the log is.
#
# An index is not free. Each append writes a row and its entries in the lists.

# %%
day.q("""
    SELECT round(pg_table_size('domain_events') / 1e6, 1) AS table_mb,
        round(pg_indexes_size('domain_events') / 1e6, 1) AS indexes_mb
""")

# %% [markdown]
# The lists weigh nearly as much as the rows. That is why each of them has to name the question it serves.
#
# ### Exercise 2.1: a hand ends once
#
# An index can leave rows out. The one for users above lists only rows that meet its `WHERE`: it is *partial*. A partial
# index can be `UNIQUE`, too. Then the rule holds among the rows that it lists.
#
# Write `one_end()`. It returns the text of one `CREATE ... INDEX` statement for `domain_events`. The index
#
# - lets no hand have two events `game.hand_completed`, and forbids nothing else,
# - answers the question "which hands are over?" in order and by itself:
#   `SELECT aggregate_id FROM domain_events WHERE event_type = 'game.hand_completed' ORDER BY aggregate_id`.
#
# To try it: `day.q(one_end())`, then `work(...)` with the question. Before the next try: `day.q("DROP INDEX one_end")`.


# %%
# Exercise 2.1
def one_end():
    ### BEGIN SOLUTION
    return """
        CREATE UNIQUE INDEX one_end ON domain_events (aggregate_id)
        WHERE event_type = 'game.hand_completed'
    """
    ### END SOLUTION


# %%
check("2.1", one_end)

# %% [markdown] tags=["solution"]
# **Why this works.** Only the last events of hands are on the list, so `aggregate_id` alone has to be unique among them. All
# rows of the list meet the question's `WHERE`, so the server need not look at the type any more, and they stand in the order
# of `aggregate_id`. The list has one entry for each hand, and all other appends pay nothing for it. The package does without it:
# its tables know nothing of poker. A rule like this belongs to those who know the game.

# %% [markdown]
# ## Facts stay facts
#
# The table refuses nonsense now. It does not yet refuse to forget. A **trigger** calls a function when a certain
# thing is about to happen to a table. The function is written in PL/pgSQL, a small language inside PostgreSQL, and its text stands
# between two `$$`. Ours only raises an error. We try it on the pile.

# %%
day.q("""
    CREATE FUNCTION say_no() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'events are facts'; END
    $$
""")
day.q("CREATE TRIGGER pile_is_kept BEFORE UPDATE OR DELETE ON pile FOR EACH ROW EXECUTE FUNCTION say_no()")

# %% [markdown]
# `FOR EACH ROW` means: before each row that is to be changed or deleted.
#
# **Predict:** which of these three gets through?

# %%
attempt("UPDATE pile SET event_data = '{}'")
attempt("DELETE FROM pile WHERE version = 12")
attempt("TRUNCATE pile")
day.q("SELECT count(*) FROM pile")

# %% [markdown]
# A whole season, gone. `TRUNCATE` throws all rows away without looking at one, so a row trigger never hears of it. But a trigger
# `FOR EACH STATEMENT` fires once, before the statement touches anything, and it can listen to `TRUNCATE` as well.
#
# ### Exercise 2.2 (stretch): find the holes
#
# A colleague has guarded the log like this, tried to change a payload, and got the error.
#
# ```sql
# CREATE FUNCTION keep_history() RETURNS trigger LANGUAGE plpgsql AS $$
# BEGIN
#     IF OLD.event_data <> NEW.event_data THEN
#         RAISE EXCEPTION 'events are facts';
#     END IF;
#     RETURN NEW;
# END
# $$;
#
# CREATE TRIGGER keep_history BEFORE UPDATE OR DELETE ON domain_events
#     FOR EACH ROW EXECUTE FUNCTION keep_history();
# ```
#
# `OLD` is the row before the change, `NEW` the row after it; at a `DELETE` there is no `NEW`. If a row trigger that fires `BEFORE`
# returns nothing (`NULL`), the row is skipped, and nobody is told.
#
# The guard has three holes. Write `guard()`, which returns the text of a better one, function and trigger: every `UPDATE`,
# `DELETE` and `TRUNCATE` is an error, and `INSERT` works as before.


# %%
# Exercise 2.2
def guard():
    ### BEGIN SOLUTION
    return """
        CREATE FUNCTION keep_history() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'events are facts'; END
        $$;  -- and now the trigger that calls it

        CREATE TRIGGER keep_history BEFORE UPDATE OR DELETE OR TRUNCATE ON domain_events
            FOR EACH STATEMENT EXECUTE FUNCTION keep_history()
    """
    ### END SOLUTION


# %%
check("2.2", guard)

# %% [markdown] tags=["solution"]
# **Why this works.** The holes: other columns could be changed; `DELETE` compared with `NULL`, which is neither true nor false, and then skipped the row in silence, so that its sender
# believed it was gone; `TRUNCATE` went by. The better guard is shorter. It asks nothing about the row, because there is no change
# that would be right.

# %% [markdown]
# The real guard is the file that you met on Day 0.

# %%
show_sql("110_guards")
day.q(sql_file("110_guards").text)

attempt("UPDATE domain_events SET version = 5 WHERE aggregate_id = 'no such hand'")
attempt("DELETE FROM domain_events")
attempt("TRUNCATE domain_events")

# %% [markdown]
# The first one would not have touched a single row, and is refused all the same. Whoever owns the table can still switch the
# trigger off. So an application should own nothing. `sql/application_role.sql` makes a role that may read events and append
# them, but change none.

# %% [markdown]
# ## Which table do you mean?
#
# `day.q` knows where our tables are. Your own store has to find them. It needs the **URL** of a server and the name of a
# **schema**, a room inside the database with tables of its own. For this notebook they are `day.url` and `day.schema`.
#
# `with ... as connection:` runs the lines below it, and closes the connection after them, even if they fail. After
# `connection.execute(...)`, `fetchone()` gives the first row as a tuple, `fetchall()` a list of all rows.
#
# **Predict:** does this connection find our first table?

# %%
question = "SELECT count(*) FROM first_log"
with psycopg.connect(day.url, autocommit=True) as connection:
    try:
        print(connection.execute(question).fetchone())
    except psycopg.Error as error:
        print(error.diag.message_primary)

# %% [markdown]
# No. A plain name is looked up in the schemas of the **search path**, and ours is not on it. `SET search_path TO ...` puts it
# there, for this connection. But a name may hold anything, for instance a blank, and cannot be sent as a value. So
# `sql.Identifier` writes it as PostgreSQL wants it.

# %%
from psycopg import sql

for name in ("day_2", "Friday night", 'x"; DROP TABLE first_log; --'):
    print(sql.SQL("SET search_path TO {}").format(sql.Identifier(name)).as_string())

# %% [markdown]
# The third one is an attack. In quotes it is only a strange name.
#
# The last piece is `autocommit=True`. Without it psycopg opens a transaction at the first statement, and nothing is kept
# before a `commit()`. With it each statement stands for itself. Where several shall be one, you say so: `with
# connection.transaction():`.
#
# **Predict:** the second of these statements fails. Is there a table `seats` afterwards?

# %%
connection = day.connection()
try:
    with connection.transaction():
        connection.execute("CREATE TABLE seats (seat int)")
        connection.execute("CREATE TABEL players (name text)")
except psycopg.Error as error:
    print(error.diag.message_primary)
# to_regclass gives the name of a table, or NULL if there is no such table
print("the table seats:", connection.execute("SELECT to_regclass('seats')").fetchone()[0])

# %% [markdown]
# No. PostgreSQL rolls back `CREATE TABLE` like any other change: all or nothing.
#
# ### Exercise 2.3: connections of your own
#
# Write `connection()`. It returns a new connection of `psycopg`, in autocommit mode, that finds the tables of
# `self.schema` by their plain names.
#
# - `Connecting(day.url, day.schema).connection().execute("SELECT count(*) FROM first_log").fetchone()` is `(5,)`.
# - It works with a schema called `Friday night`, too.


# %% tags=["keep"]
# Exercise 2.3, kept
import psycopg
from psycopg import sql


class Connecting:
    """Where the tables are: a server, and one of its schemas."""

    def __init__(self, url, schema):
        self.url = url
        self.schema = schema

    def connection(self):
        ### BEGIN SOLUTION
        connection = psycopg.connect(self.url, autocommit=True)
        connection.execute(sql.SQL("SET search_path TO {}").format(sql.Identifier(self.schema)))
        return connection
        ### END SOLUTION


# %%
check("2.3", Connecting)

# %% [markdown] tags=["solution"]
# **Why this works.** A setting lasts as long as its connection, so it is made right after the connection was opened, each time
# anew. The caller writes `with store.connection() as connection:`, and psycopg closes it at the end.

# %% [markdown]
# ### Exercise 2.4: install from files
#
# You ran the files by hand. A store does it itself, at every start, so it must know which ones are done.
#
# Write the rest of `install(folder)`; `folder` is a `pathlib.Path`. Its beginning makes the schema, if there is none.
#
# - Apply the files `*.sql` whose names begin with a digit, in the order of their names. Leave all others alone.
# - Each is applied once. Remember the names in a small table, in the same schema. A file that is added later is applied by
#   the next `install`.
# - If one fails, nothing of this `install` stays, and the caller gets the error.
#
# `folder.glob("*.sql")` finds files, in no certain order. `path.name` is a file's name, `path.read_text(encoding="utf-8")`
# its text. `CREATE TABLE IF NOT EXISTS` makes a table unless it is there.


# %% tags=["keep"]
# Exercise 2.4, kept
class Database(Connecting):
    """Where the tables are, and how they come to be."""

    def install(self, folder):
        with self.connection() as connection:
            connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(self.schema)))
            ### BEGIN SOLUTION
            with connection.transaction():
                connection.execute("CREATE TABLE IF NOT EXISTS installed_files (name text PRIMARY KEY)")
                rows = connection.execute("SELECT name FROM installed_files ORDER BY name").fetchall()
                installed = {name for (name,) in rows}
                for path in sorted(folder.glob("[0-9]*.sql")):
                    if path.name not in installed:
                        connection.execute(path.read_text(encoding="utf-8"))
                        connection.execute("INSERT INTO installed_files VALUES (%s)", [path.name])
            ### END SOLUTION


# %%
check("2.4", Database)

# %% [markdown] tags=["solution"]
# **Why this works.** The note that a file was applied is written in the same transaction as what the file did. So the two cannot
# disagree, whenever the power fails. `[0-9]*.sql` is a pattern for names, and `sorted` puts 010 before 020: that is why the numbers have
# leading zeros.

# %% [markdown]
# ## Meet the package
#
# One check of 2.4 lets your `install` make the package's own tables, and from Day 3 on your store stands on them. Now
# `open_day(2)` clears the room, and the package installs. This is its small table.

# %%
day = open_day(2)
day.q("SELECT file FROM eventstore_schema ORDER BY file")

# %% [markdown]
# You know three of them. The others come when a day needs them.

# %%
show("eventstore.database.install")

# %% [markdown]
# Find your own steps. It adds:
#
# - A look first: if nothing is to be done, it takes no lock and needs no right to create.
# - A lock, so that programs that start at the same moment install one after the other.
# - A checksum of each file. Files below 100 make tables, once; if one was changed later, `install` refuses. From 100 on they make
#   functions, triggers and views, and those can be made again.
#
# `python3 -m eventstore check-schema` compares what is there with what should be there (`sql/describe_schema.sql`).

# %% [markdown]
# ## What this bought, what it costs
#
# | choice | bought | costs |
# |---|---|---|
# | rules in the table | they bind every program | a new rule has to fit the old rows |
# | `jsonb` | parsed, checked, searchable | the text as it was sent is gone |
# | numbers by the server | one order for the whole log | gaps |
# | eight indexes | a question reads what it asks for, not the log | as much room as the rows, work at each append |
# | a guard for each statement | nobody rewrites by accident | a real mistake needs a new event |
# | install from files, in one transaction | the same tables everywhere, or none | files once applied must not change |

# %% [markdown]
# ## Key points
#
# - A rule in Python binds one program, a rule in the table binds all.
# - A `CHECK` sees one row, a `UNIQUE` sees all rows, and neither sees a hole.
# - Sequence numbers tell the order. They have gaps, so they do not count.
# - A key is also an index: a sorted list. The order of its columns decides which questions it answers.
# - A row trigger never hears of `TRUNCATE`; a statement trigger does.
#
# **New words:** constraint, identity, plan, index, partial index, trigger, schema, search path, autocommit.

# %% [markdown] tags=["instructor"]
# ### What they see failing
#
# A table that takes everything: a raise made smaller, a second event 3, an event without a name. A function that cannot
# return a column called `timestamp`, and a column `user` that is found or not, depending on quotes. A `DELETE` that a
# colleague's guard lets pass in silence.
#
# ### Questions for discussion
#
# **Our Python refuses bad events. Why say it once more in the table?**
#
# Python binds the programs that use it. The table binds the other program, the old script, and the person at a console
# at three in the morning.
#
# **The numbers of the log have gaps. Is an event missing there?**
#
# No. A number is drawn before anybody knows whether the row will stay. Numbers tell the order, they do not count. What
# does tell of a missing event is a hole in the versions of a stream.
#
# **Who could still rewrite history, in spite of the guard?**
#
# The owner of the table, who may drop the trigger; a superuser; whoever has the disk. The guard is against slips.
# Against people it needs roles with fewer rights, and a copy elsewhere.
#
# **Eight indexes cost as much room as the rows. How would you decide whether a ninth is worth it?**
#
# By a question that is asked, how often, and its plan without and with the index. An index nobody's question uses is
# paid for at every append.
#
# ### When time is short
#
# - *Two names that bite* can be told in two minutes.
# - *What a payload becomes* can be read at home. Day 6 relies on it: a state goes through JSON as well.
# - 2.2 is a puzzle about triggers. No later day needs it, and it is the best exercise of the day for those who are
#   fast.
# - Keep 2.3 and 2.4 for those who want a store of their own: Day 3 stands on them. For the others `assemble` takes them
#   from the solution.
# - Keep *A season of hands*: the plans of Day 4 are read as they are here.
