# ---
# jupyter:
#   workbook:
#     title: How does a reader miss nothing?
#     promise: After this day a program can follow the log, be killed at any moment, and still every event has its effect exactly once.
#     needs: ["Day 3: transactions, and what a statement sees", "Day 4: reading on behind a sequence number", "Day 6: `ON CONFLICT`"]
#     able: ["make a reader lose an event, step by step", "read up to the high-water mark, and say why in two statements", "keep effect and checkpoint together", "run several consumers of one name, of which one works", "say what is exactly once, and what is only at least once", "build a table from the log that keeps itself up to date"]
# ---

# %%
import logging
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import nullcontext

import eventstore
from workbook.day import check, hint, open_day, show, show_sql

day = open_day(9)

# %% [markdown]
# ## Do you remember?
#
# 1. Within a transaction, at READ COMMITTED: what does a statement see?
# 2. Day 8: a program commits an event and dies before it publishes it. What is lost, and what is not?

# %% [markdown] tags=["answer"]
# 1. What was committed when that statement began, and what its own transaction has written.
# 2. The message is lost: nobody will publish it. The event is not: it is in the log. Whoever follows the log will find it. That is
#    today.

# %% [markdown]
# ## The screen in the hall
#
# Two tables play, each with a program of its own. A screen in the hall shows the bets of all tables. It follows the log: it
# remembers the last number that it has seen, and asks for higher ones, as the pages of Day 4 did. We begin with six bets.


# %%
def bet(hand, version):
    return eventstore.DomainEvent(
        event_type="game.action_processed",
        aggregate_id=hand,
        version=version,
        event_data={"action": "bet", "amount": 100 * version},
        event_timestamp=day.now(),
        id=day.new_id(),
    )


table_a, table_b, reader = day.connection(), day.connection(), day.connection()
day.store.append_many([bet("hand A", 1), bet("hand A", 2), bet("hand A", 3)])
day.store.append_many([bet("hand B", 1), bet("hand B", 2), bet("hand B", 3)])

NEWS = "SELECT sequence_number FROM domain_events WHERE sequence_number > %s ORDER BY sequence_number"


def look(position):
    numbers = [number for (number,) in reader.execute(NEWS, [position])]
    print("the screen, behind", position, "sees", numbers)
    return max([position, *numbers])


position = look(0)
position = look(position)

# %% [markdown]
# Now both bet at the same time. Each appends within a transaction of its own: `append(..., connection=...)` joins the
# transaction that is open there. Table A gets number 7 and is slow with its `COMMIT`. Table B gets number 8 and commits.
#
# **Predict:** what does the screen see now? And when table A has committed as well?

# %%
table_a.execute("BEGIN")
day.store.append(bet("hand A", 4), connection=table_a)
table_b.execute("BEGIN")
day.store.append(bet("hand B", 4), connection=table_b)
table_b.execute("COMMIT")
position = look(position)

table_a.execute("COMMIT")
position = look(position)
position = look(position)

# %%
print("in the log:", [number for (number,) in reader.execute(NEWS, [0])])

# %% [markdown]
# Number 7 is in the log, and this screen will never show it. No error, nothing in any file. A number is drawn at the `INSERT`, and
# seen at the `COMMIT`. In between, others may overtake.
#
# In a test that does one thing after the other, this cannot happen. It happens on a busy evening.

# %% [markdown]
# ## Wait at the gap?
#
# The screen could have noticed that 7 was missing, and waited for it.
#
# **Predict:** table A appends number 9, and something goes wrong. Table B appends number 10. How long does a screen wait for 9?

# %%
table_a.execute("BEGIN")
day.store.append(bet("hand A", 5), connection=table_a)
table_a.execute("ROLLBACK")
day.store.append(bet("hand B", 5))
print("in the log:", [number for (number,) in reader.execute(NEWS, [0])])

# %% [markdown]
# For ever. A number that was rolled back is not given out again. From outside, a gap that will be filled looks like one that will not. So
# the wait must end at some time, say after ten seconds, and loses the transaction that took eleven.

# %% [markdown]
# ## Ask those who write
#
# Who knows whether something can still appear? Those who write. So each transaction says, *before* it draws its first number:
# "mine will be above this one". That is its **floor**: the last number drawn so far.
#
# Where can it say so? Not in a table, since a row is seen only at `COMMIT`. But locks are seen at once, in the view `pg_locks`. An
# **advisory lock** is a lock on a number of your choice. PostgreSQL attaches no meaning to it; we do. A *shared* one may be held by many at
# once, so nobody waits. It vanishes with its transaction, even if the cable is cut.
#
# Here is the file. First the trigger, which publishes the floor, then a function that looks for the lowest one. Most of
# the lines are about savepoints, roles with few rights, and standbys. Look for `pg_advisory_xact_lock_shared` and for the last `least`.

# %%
show_sql("100_order")

# %% [markdown]
# `high_water_mark()` is the lowest floor that is published, or the highest number to be seen if that is lower. Up to this
# **high-water mark** nothing can appear any more. The two tables bet again, and we watch.
#
# (In `pg_locks`, `classid` is the first key of an advisory lock: here the number of our table, which `'domain_events'::regclass` gives. The
# second is the floor, in `objid`.)
#
# **Predict:** the mark at each of the five moments. The numbers will be 11 and 12.

# %%
FLOORS = """
SELECT objid FROM pg_locks
WHERE locktype = 'advisory' AND classid = 'domain_events'::regclass AND mode = 'ShareLock'
ORDER BY objid
"""


def moment(what):
    floors = [floor for (floor,) in reader.execute(FLOORS)]
    [mark] = reader.execute("SELECT high_water_mark()").fetchone()
    print(f"{what:20} floors: {floors!s:10} mark: {mark}")


moment("nobody writes")
table_a.execute("BEGIN")
day.store.append(bet("hand A", 5), connection=table_a)
moment("A has 11")
table_b.execute("BEGIN")
day.store.append(bet("hand B", 6), connection=table_b)
moment("A has 11, B has 12")
table_b.execute("COMMIT")
moment("B has committed")
table_a.execute("COMMIT")
moment("A has committed")

# %% [markdown]
# While A is open the mark stays at 10: a reader waits, and loses nothing. And nobody who *writes* waits. The gap at 9 stops nobody, either:
# its floor went with its transaction.
#
# ### First the mark, then the events
#
# Two questions, so there is an order again. A colleague reads the events first, and then asks how many of them are safe. Table A has
# 13 and is slow, B has committed 14.
#
# **Predict:** table A commits between the two questions. Which events does this reader hand out?

# %%
table_a.execute("BEGIN")
day.store.append(bet("hand A", 6), connection=table_a)
day.store.append(bet("hand B", 7))

seen = [number for (number,) in reader.execute(NEWS, [12])]
table_a.execute("COMMIT")
[mark] = reader.execute("SELECT high_water_mark()").fetchone()
print("seen:", seen, " mark:", mark, " handed out:", [number for number in seen if number <= mark])

# %% [markdown]
# 14 without 13. The mark was right, but the view of the events was older than the mark. One statement that asks for both is no better: it
# sees what was committed when it *began*. So: **first the mark, and in a later statement the events up to it.** Whoever has
# given up a floor by then has committed before, and the later statement sees it.
#
# `COLUMNS` and `event_from` are yours, from Day 3. The kept cell brings the mark to your store, and two statements for later.


# %%
from datetime import UTC

from eventstore import DomainEvent, EventMetadata

COLUMNS = """
    id, event_type, aggregate_id, version, event_data, schema_version, event_timestamp,
    causation_id, correlation_id, user_id, sequence_number, recorded_at
"""


def event_from(row):
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


# %% tags=["keep"]
# Kept: the mark
class Following:
    """Says how far a reader can go. Whoever inherits brings `connection()`."""

    def high_water_mark(self):
        with self.connection() as connection:
            return connection.execute("SELECT high_water_mark()").fetchone()[0]


# A new name begins at the start of the log; one that is there stays where it is.
REGISTER = "INSERT INTO event_subscriptions (name) VALUES (%s) ON CONFLICT DO NOTHING"

# Everything up to this position is done, so no event is failing any more.
MOVE = """
UPDATE event_subscriptions
SET position = %s, failing = NULL, attempts = 0, error = NULL, moved_at = clock_timestamp()
WHERE name = %s
"""

# %% [markdown]
# ### Exercise 9.1: the next events
#
# Write `next_events(connection, position, event_types=None, limit=100)`. It returns two things, `events, further`: the events behind
# `position` and up to the mark, in the order of the log, `limit` of them at most; and the position to go on from.
#
# - If `limit` events were found, there may be more: go on from the last one. If fewer, everything up to the mark is done, numbers that
#   do not exist and other types included.
# - The new position is never below the old one, even if the mark is.
# - `event_types` is a list, or `None` for all. The condition `(%(types)s::text[] IS NULL OR event_type = ANY(%(types)s))` says just that.
#
# With the log from above, where 9 is a gap:
#
# - `next_events(reader, 7, limit=2)` gives the events 8 and 10, and `10`.
# - `next_events(reader, 7, ["game.created"])` gives `[]` and `14`.


# %% tags=["keep"]
# Exercise 9.1, kept
def next_events(connection, position, event_types=None, limit=100):
    """The next events that are safe to handle, and the position behind them."""
    ### BEGIN SOLUTION
    [mark] = connection.execute("SELECT high_water_mark()").fetchone()
    statement = f"""
        SELECT {COLUMNS} FROM domain_events
        WHERE sequence_number > %(position)s AND sequence_number <= %(mark)s
            AND (%(types)s::text[] IS NULL OR event_type = ANY(%(types)s))
        ORDER BY sequence_number LIMIT %(limit)s
    """
    values = {"position": position, "mark": mark, "types": event_types, "limit": limit}
    events = [event_from(row) for row in connection.execute(statement, values)]
    if len(events) == limit:
        return events, events[-1].sequence_number
    return events, max(position, mark)
    ### END SOLUTION


# %%
check("9.1", next_events)

# %% [markdown] tags=["solution"]
# **Why this works.** Nothing can appear at or below the mark, so what was found is all there is, and the position may jump to the mark: over
# gaps, and over a million events of other types, which the next call need not look at again. A full page proves nothing about what lies behind it.
# The mark may fall back by a little, if a writer is slow to publish a floor that it has just read. What was
# handed out stays handed out, hence `max`.

# %% [markdown]
# ## Where was I?
#
# A screen that is switched off has forgotten its position. It belongs into a table: the **checkpoint**. Only `name` and
# `position` matter for now.

# %%
show_sql("040_subscriptions")

# %% [markdown]
# A reader does two things for each event: it *handles* it, here by a row in the table `seen`, and it *notes* the new
# position. We try three ways: note first, handle first, both in one transaction. At event 4 the power fails between the two, and
# then the program starts again. As a second effect, each handler sends a mail. (Nobody else writes now, so we do without the mark.)
#
# **Predict:** for each way, how often does event 4 stand in the table? How many mails were sent about it?

# %%
day.q("CREATE TABLE seen (way text, number bigint)")
mails = Counter()

BEHIND = """
SELECT sequence_number FROM domain_events
WHERE sequence_number > (SELECT position FROM event_subscriptions WHERE name = %s)
ORDER BY sequence_number
"""
HANDLE = "INSERT INTO seen VALUES (%s, %s)"


def follow(way, power_fails_at=None):
    for (number,) in reader.execute(BEHIND, [way]).fetchall():
        steps = [(HANDLE, [way, number]), (MOVE, [number, way])]
        if way == "note first":
            steps.reverse()
        with reader.transaction() if way == "together" else nullcontext():  # a `with` that does nothing
            for statement, values in steps:
                if statement == HANDLE:
                    mails[way, number] += 1
                reader.execute(statement, values)
                if number == power_fails_at:
                    raise RuntimeError("the power fails")


for way in ("note first", "handle first", "together"):
    reader.execute(REGISTER, [way])
    try:
        follow(way, power_fails_at=4)
    except RuntimeError:
        follow(way)
    [rows] = reader.execute("SELECT count(*) FROM seen WHERE way = %s AND number = 4", [way]).fetchone()
    print(f"{way:13} rows of event 4: {rows}   mails about event 4: {mails[way, 4]}")

# %% [markdown]
# Note first: never. Handle first: twice. Together: the rollback takes the half-done row away, and the second attempt writes the only
# one. The handler ran twice, its *effect* is there once. This is **exactly once, in effect**, and it holds for whatever is written
# in the transaction of the checkpoint.
#
# It does not hold for the mail. A mail has left the house, and no rollback calls it back. For the world outside you have two choices:
# **at most once** (note first) or **at least once**. Nearly always one takes the second, and sends the
# event's `id` along, so that the receiver can tell a repeat. Day 3 did the same with `append`.

# %% [markdown]
# ## Two of one name
#
# A reader with a name and a checkpoint is a **subscription**, and a program that runs it is a **consumer**. If the consumer dies at
# night, somebody should take over. So we start two, with the same name. Both must not work at the same time, or each event is
# handled twice.
#
# `SELECT ... FOR UPDATE` locks the rows that it finds, until the transaction ends. Who comes second would have to wait. With
# `SKIP LOCKED` it gets the rows that are free, and leaves out the others.
#
# **Predict:** two consumers ask for the row of "together". Then the first one dies. What do they get?

# %%
TAKE = "SELECT position FROM event_subscriptions WHERE name = 'together' FOR UPDATE SKIP LOCKED"

first, second = day.connection(), day.connection()
first.execute("BEGIN")
second.execute("BEGIN")
print("first: ", first.execute(TAKE).fetchone())
print("second:", second.execute(TAKE).fetchone())
first.close()
while (row := second.execute(TAKE).fetchone()) is None:
    time.sleep(0.01)  # the server clears up behind the first
print("second, later:", row)
second.close()

# %% [markdown]
# The second got nothing and did not wait: it may look again later. The lock went with the one who held it. And the position comes with
# the lock. Had it been read before, it could be old.
#
# ### Exercise 9.2: the consumer
#
# Write `one_batch(self)`. In one transaction it takes the checkpoint, reads `next_events(connection, position, self.event_types)`, gives each to
# `self.hand_over(event, connection)`, and notes the new position with `MOVE` (first the position, then the name). It returns whether the
# position has moved.
#
# - If another consumer has the checkpoint, it returns `False` at once, and calls nobody.
# - If the handler fails, nothing of this batch stays, and the error goes to the caller.
# - Events of other types move the position as well.
#
# Examples, with 250 events and a handler that takes all: three calls give `True`, and the fourth `False`. With an empty log the first gives
# `False`.
#
# To try it: `Consumer(day.store, "mine", lambda event, connection: print(event.version)).catch_up()`.


# %% tags=["keep"]
# Exercise 9.2, kept
import threading


class Consumer:
    """Follows the log under a name. The handler gets (event, connection), within the transaction of the checkpoint."""

    def __init__(self, store, name, handler, event_types=None):
        self.store = store
        self.name = name
        self.handler = handler
        self.event_types = None if event_types is None else list(event_types)
        self.stopping = threading.Event()
        with store.connection() as connection:
            connection.execute(REGISTER, [name])

    def one_batch(self):
        ### BEGIN SOLUTION
        with self.store.connection() as connection, connection.transaction():
            take = "SELECT position FROM event_subscriptions WHERE name = %s FOR UPDATE SKIP LOCKED"
            row = connection.execute(take, [self.name]).fetchone()
            if row is None:
                return False
            position = row[0]
            events, further = next_events(connection, position, self.event_types)
            for event in events:
                self.hand_over(event, connection)
            if further > position:
                connection.execute(MOVE, [further, self.name])
        return further > position
        ### END SOLUTION

    def hand_over(self, event, connection):
        self.handler(event, connection)

    def catch_up(self):
        """Handle what is in the log now."""
        while self.one_batch():
            pass

    def run(self):
        """Handle what is there and whatever comes, until `stop()`."""
        while not self.stopping.is_set():
            if not self.one_batch():
                self.stopping.wait(0.05)

    def stop(self):
        self.stopping.set()


# %%
check("9.2", Consumer)

# %% [markdown] tags=["solution"]
# **Why this works.** The lock, the events, the effects and the new position share one transaction, so there is no moment in which half of it counts.
# Leaving the block commits; an error that leaves it rolls back, and so must not be caught. A hundred events share one commit; if
# the last one fails, the others are done again, and nobody can tell. And who has nothing to do writes nothing: `run` asks twenty
# times a second.

# %% [markdown]
# ## One event stops everything
#
# Your consumer has a weakness. The printer jams at event 4, each time. The batch is rolled back, tried again, rolled back, and
# everything behind event 4 waits for ever.
#
# The package calls the handler again after a pause, which gets longer each time. After so many `attempts` it puts the event
# aside, into the table of **dead letters**, for somebody to look at. (It also logs each failure; the first line keeps
# that out of the notebook.)
#
# **Predict:** with `attempts=3`, how often is the handler called with event 4, how many rows does it leave, and does event 5 get its turn?

# %%
logging.getLogger("eventstore").addHandler(logging.NullHandler())
calls = Counter()


def print_it(event, connection):
    calls[event.sequence_number] += 1
    connection.execute("INSERT INTO seen VALUES ('printed', %s)", [event.sequence_number])
    if event.sequence_number == 4:
        raise RuntimeError("paper jam")


printer = eventstore.Subscription(day.store, "printer", print_it, attempts=3, backoff=0)
printer.catch_up()
print("calls with event 4:", calls[4])
print("rows:", day.q("SELECT number FROM seen WHERE way = 'printed' ORDER BY number").number.tolist())
day.q("SELECT subscription, sequence_number, attempts, error FROM event_dead_letters ORDER BY sequence_number")

# %% [markdown]
# Three calls, no row, and the others went on. It costs the order: where event 5 makes no sense without event 4, allow very many `attempts`.
#
# Somebody has to look. The view of `sql/160_subscription_status.sql` tells how each subscription is doing; `lag` is how far
# it is behind the newest number.

# %%
day.q("SELECT name, position, lag, dead_letters FROM subscription_status ORDER BY name")

# %% [markdown]
# ### Exercise 9.3 (stretch): put it aside
#
# Give your consumer the same. `one_batch` is given: after a failure it calls `note_failure`, and returns `True`, so `catch_up` tries
# again. (Without the pause between two attempts.) Write the other two.
#
# - `note_failure(number, error)` counts in the row of the checkpoint: `failing` is the number of the event, `attempts` how often it has failed,
#   `error` a text. At the attempt number `self.attempts` it also inserts a dead letter with these values. Other consumers of this name
#   share the count.
# - `hand_over(event, connection)` remembers the event in `self.at_work` and hands it over, unless it is a dead letter of this name.
#
# Examples, with `attempts = 5`:
#
# - Event 2 of 3 fails always: the handler is called with it 5 times, and with event 3 at last.
# - Event 2 fails 4 times and then not any more: no dead letter.


# %% tags=["keep"]
# Exercise 9.3, kept
class Subscription(Consumer):
    """A consumer that a single event cannot stop."""

    attempts = 5

    def one_batch(self):
        self.at_work = None
        try:
            return super().one_batch()
        except Exception as error:
            if self.at_work is None:
                raise
            self.note_failure(self.at_work.sequence_number, str(error))
            return True

    def note_failure(self, number, error):
        ### BEGIN SOLUTION
        with self.store.connection() as connection, connection.transaction():
            look = "SELECT failing, attempts FROM event_subscriptions WHERE name = %s FOR UPDATE"
            failing, attempts = connection.execute(look, [self.name]).fetchone()
            attempts = attempts + 1 if failing == number else 1
            count = "UPDATE event_subscriptions SET failing = %s, attempts = %s, error = %s WHERE name = %s"
            connection.execute(count, [number, attempts, error, self.name])
            if attempts >= self.attempts:
                aside = """
                    INSERT INTO event_dead_letters (subscription, sequence_number, attempts, error)
                    VALUES (%s, %s, %s, %s)
                """
                connection.execute(aside, [self.name, number, attempts, error])
        ### END SOLUTION

    def hand_over(self, event, connection):
        ### BEGIN SOLUTION
        self.at_work = event
        look = "SELECT count(*) FROM event_dead_letters WHERE subscription = %s AND sequence_number = %s"
        [aside] = connection.execute(look, [self.name, event.sequence_number]).fetchone()
        if not aside:
            super().hand_over(event, connection)
        ### END SOLUTION


# %%
check("9.3", Subscription)

# %% [markdown] tags=["solution"]
# **Why this works.** The failed transaction is gone, and with it whatever was written in it. So the failure is noted in a second one, after
# the rollback. The count stands in the table, because the next attempt may be made by another process. And `FOR UPDATE` lets two
# who count at the same moment do it one after the other.

# %% [markdown]
# ## A hint, not the news
#
# `run` asks again and again. PostgreSQL can also call: `LISTEN` subscribes to a channel, `NOTIFY` sends to it, when its transaction commits.
# The whole database hears a channel, so yours is named after your schema.
#
# **Predict:** a first notification is sent before anybody listens, then a transaction sends two. How many arrive?

# %%
channel = day.schema
listener = day.connection()
table_a.execute(f"NOTIFY {channel}")
listener.execute(f"LISTEN {channel}")
with table_a.transaction():
    table_a.execute(f"NOTIFY {channel}")
    table_a.execute(f"NOTIFY {channel}")
print("arrived:", len(list(listener.notifies(timeout=3))))

# %% [markdown]
# One. Who was not there gets nothing, and equal ones of a transaction become one. And when it arrives, the mark may still stand below the
# event, because of somebody slower. So a notification is only a **hint**: wake up and ask. It must never be the data, and
# never the only way to learn of it.
#
# It is not free. All commits that notify queue up behind one lock of the whole server: eight writers took
# 1.4 times as long (`docs/decisions/notifications.md`). In the package, you ask for it with `listen=True`.

# %% [markdown]
# ## A board that fills itself
#
# The hall wants a leader board: for each player, the hands played and the chips won or lost. It is a table that is
# worked out from events and kept up to date by a subscription, a **projection**. Here is its handler. The names stand in the first event of
# the hand, which is below the mark if the last one is.

# %%
day.q("CREATE TABLE leaders (player text PRIMARY KEY, hands int, net bigint)")

FIRST = "SELECT event_data FROM domain_events WHERE aggregate_id = %s ORDER BY version LIMIT 1"
ADD = """
INSERT INTO leaders VALUES (%s, 1, %s)
ON CONFLICT (player) DO UPDATE SET hands = leaders.hands + 1, net = leaders.net + excluded.net
"""


def count_in(event, connection):
    [created] = connection.execute(FIRST, [event.aggregate_id]).fetchone()
    for seat, won in zip(created["seats"], event.event_data["payoffs"], strict=True):
        connection.execute(ADD, [seat["name"], won])


# %% [markdown]
# `python -m poker play` lets tables play, in a process of its own: two tables, ten hands each, and for each table *two* dealers who race for
# every event. The board runs in a thread. We look at it while they play.
#
# **Predict:** counting `hands + 1` looks dangerous: one event too many, and it is wrong for ever. What do you expect of the sum of all
# `net`, at a moment in the middle of the game?

# %%
board = eventstore.Subscription(day.store, "leaders", count_in, ["game.hand_completed"])
follower = threading.Thread(target=board.run)
follower.start()

command = [sys.executable, "-m", "poker", "play", "--tables", "2", "--hands", "10", "--rate", "0"]
command += ["--evening", "day 9", "--schema", day.schema]
surroundings = {**os.environ, "EVENTSTORE_URL": day.url}
LOOK = "SELECT max(hands), sum(net) FROM leaders"

looks = [reader.execute(LOOK).fetchone()]
players = subprocess.Popen(command, env=surroundings, stdout=subprocess.DEVNULL)
while players.poll() is None or board.status().position < day.store.high_water_mark():
    time.sleep(0.1)
    looks.append(reader.execute(LOOK).fetchone())
board.stop()
follower.join()

hands = [most or 0 for most, _ in looks]  # on an empty table, max and sum give nothing
print("most hands of a player, at the first look:", hands[0], " at the last:", hands[-1])
print("it never went back:", hands == sorted(hands))
print("sums of all net that were seen:", {int(total or 0) for _, total in looks})

# %% [markdown]
# Always 0: a hand is counted in as a whole, or not yet. Does the board agree with the log? We count once more, from nothing but the
# events.

# %% tags=["figure"]
import matplotlib.pyplot as plt

leaders = day.q("SELECT player, hands, net FROM leaders ORDER BY net DESC, player")
print(leaders.to_string(index=False))

recount = Counter()
for end in day.store.get_by_type("game.hand_completed"):
    created = day.store.get_by_aggregate(end.aggregate_id)[0]
    for seat, won in zip(created.event_data["seats"], end.event_data["payoffs"], strict=True):
        recount[seat["name"]] += won
print("equal to the recount:", dict(zip(leaders.player, leaders.net, strict=True)) == dict(recount))

figure, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
colours = ["#0072B2" if net >= 0 else "#D55E00" for net in leaders.net]
bars = axes.barh(leaders.player, leaders.net, color=colours)
axes.bar_label(bars, fmt="{:+,.0f}", padding=3)
axes.invert_yaxis()
axes.axvline(0, color="black", linewidth=0.8)
axes.margins(x=0.12)
axes.set_title("The leader board after 20 hands at two tables")
axes.set_xlabel("chips won or lost")
axes.set_ylabel("player")
plt.show()

# %% [markdown]
# One bar for each of 13 players: rock 5 has won 735 chips, rock 4 has lost 600.
#
# Board and recount agree, to the chip. And should the handler ever prove wrong: mend it, empty the table, and begin at the start. A
# projection is a cache, like a snapshot.

# %%
again = eventstore.Subscription(day.store, "leaders", count_in, ["game.hand_completed"])
day.q("TRUNCATE leaders")
again.reset()
again.catch_up()
leaders.equals(day.q("SELECT player, hands, net FROM leaders ORDER BY net DESC, player"))

# %% [markdown]
# With 9.2 and 9.3 done, let your own follow: empty the table again, then `Subscription(day.store, "my leaders", count_in,
# ["game.hand_completed"]).catch_up()`.

# %% [markdown]
# ## Meet the package
#
# The checks of 9.2 and 9.3 ran the promises of `workbook/contract/subscribing.py`, which the package keeps as well. Here is its batch.

# %%
show("eventstore.checkpoint.TAKE")
show("eventstore.subscription.Subscription._advance")

# %% [markdown]
# Take, mark, read, hand over, move: your steps. What it adds:
#
# - Pauses between attempts, noted in `retry_at`. The events before the one that failed get a batch of their own, and only that one is tried again.
# - A consumer can hang without being dead, and keep its row. After `handler_timeout` seconds of silence the server ends its transaction, and
#   another takes over.
# - Far behind, it has the next page read while this one is handled: `ahead`.
# - `run` waits while the server is away, and asks less often while nothing happens. `SIGTERM`, by which systems end programs, stops it in good order.
# - `pause()`, `resume()`, `reset()`, `status()`, and `python -m eventstore subscriptions`.
# - `Projection` keeps tables and checkpoint together, and `rebuild` makes new ones while the old ones serve. `python -m poker follow`
#   keeps three that way.
#
# Why it is the floor and no other way: `docs/decisions/order.md` plays twelve schedules to this way and to seven others.

# %% [markdown]
# ## What this bought, what it costs
#
# | choice | bought | costs |
# |---|---|---|
# | the mark | nothing is ever skipped, and the position stays a plain number | one lock for each transaction that appends; one that stays open holds up all readers |
# | checkpoint and effect in one transaction | exactly once, in effect | the effect must live in the same database |
# | lock on the checkpoint's row | one works, the others stand by | one worker for each name, however many you start |
# | dead letters | one event does not stop the rest | somebody must look at them; the order has a hole |
# | a hint besides asking | news without delay | slower commits, so only where it matters |
# | a projection | questions answered from a small table | it is a little behind the log |

# %% [markdown]
# ## Key points
#
# - A number is drawn at the insert and seen at the commit. Whoever asks for "above the last one" loses events.
# - First the mark, then, in a later statement, the events up to it.
# - Effect and checkpoint in one transaction: exactly once, in effect. Outside the database: at least once.
# - Take the position together with its lock.
# - A notification is a hint.
#
# **New words:** floor, advisory lock, high-water mark, checkpoint, subscription, consumer, exactly once in effect, at least once, dead letter, projection.

# %% [markdown] tags=["instructor"]
# ### What they see failing
#
# A screen that follows the log by the highest number it has seen. Number 7 is committed after number 8, and never
# shown: no error, nothing in any file. Waiting at the gap does not help, since a number that was rolled back never
# comes. Then a reader that asks for the mark, but one statement too late, and loses an event in the same way.
#
# ### Questions for discussion
#
# **In which systems you know does something poll for "rows newer than the last one I saw"? What would it lose, and who would notice?**
#
# Exports by id or by `updated_at`, synchronisation jobs, change feeds of one's own making. They lose what was committed
# late, a few rows on busy days. Usually somebody notices by a sum at the end of the month.
#
# **Nobody who writes ever waits for a reader here. Who does wait, for whom, and what do you watch in production?**
#
# All readers wait for the oldest transaction that appends. One forgotten `BEGIN` in a console stops the news for
# everybody. Watch the lag of each subscription and the age of the oldest open transaction, and set
# `idle_in_transaction_session_timeout`.
#
# **"Exactly once" stands on many boxes. What is true about it here, and where does it end?**
#
# The handler may run twice; its effect in this database is there once, because it is committed together with the
# checkpoint. It ends at the border of the database. A mail, a payment, a file: at least once, with an id.
#
# **When is it right to put an event aside, and when must everything stop instead?**
#
# Aside, where later events make sense without it: one mail of many. Stop, where they do not: a balance with a payment
# missing is wrong from there on, and each further event makes it worse. Nobody should put aside what nobody looks at.
#
# **Why not let `NOTIFY` carry the event, and save the question?**
#
# Who was not connected gets nothing. A payload over 8,000 bytes fails and takes the append with it. And when the
# notification comes, the mark may still be lower. It says "look", no more.
#
# ### When time is short
#
# - *A hint, not the news* can be told in three minutes. No exercise needs it.
# - 9.3 with *One event stops everything* can be cut to the demonstration.
# - *A board that fills itself* runs by itself. Show it from the front at the end of the day: it is the reward.
# - 9.2 is the longest exercise of the day. Do 9.1 alone and 9.2 in pairs, or hand out `one_batch` without its
#   transaction and let them find what is wrong.
# - Keep *The screen in the hall*, *Wait at the gap?*, *Ask those who write* and *Where was I?*. The last exercise of
#   Day 10 follows a log, with the package's subscription: it needs the idea, not their code.
