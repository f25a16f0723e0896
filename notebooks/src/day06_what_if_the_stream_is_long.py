# ---
# jupyter:
#   workbook:
#     title: What if the stream is long?
#     promise: After this day a stream of any length loads as fast as its tail, and you can prove that no state has changed by it.
#     needs: ["Day 3: the table of events and `connection.execute`", "Day 5: a fold with `apply`"]
#     able: ["count what a load costs, and say when it is too much", "save a snapshot and go on from it", "throw away what an older program has saved", "test the two laws of snapshots, and find a bug with them", "say when a snapshot is not worth it"]
# ---

# %%
import json

import pandas as pd
import psycopg
from psycopg.types.json import Jsonb

import eventstore
import poker
from workbook.day import check, hint, open_day, show, show_sql

day = open_day(6)

# %% [markdown]
# ## Do you remember?
#
# 1. A fold takes three things. Which, and what must one of them never do?
# 2. Which index finds the events of one stream from version 1,901 on, and how many rows does the server look at?

# %% [markdown] tags=["answer"]
# 1. The events, `apply`, and the state before the first event. `apply` must not change the state that it was given.
# 2. The one on `(aggregate_id, version)`. It looks at the rows that it gives back, and at no others.

# %% [markdown]
# ## A stream that does not end
#
# A hand ends after a few events. Other things do not end. The cashier of the poker room keeps a **ledger**: after each hand,
# who won and who lost how many chips. One stream for the whole season.
#
# The package `poker` brings a season of 2,000 simulated hands. Each becomes one event of the ledger.

# %%
LEDGER = "ledger of season 1"


def settled(ledger, version, pot, uncalled, won):
    return eventstore.DomainEvent(
        event_type="ledger.hand_settled",
        aggregate_id=ledger,
        version=version,
        event_data={"pot": pot, "uncalled": uncalled, "won": won},
        event_timestamp=day.now(),
        id=day.new_id(),
    )


hands = [poker.hand_events(record) for record in poker.read_hands(poker.season())]
events = []
for version, hand in enumerate(hands, start=1):
    names = [seat["name"] for seat in hand[0].event_data["seats"]]
    end = hand[-1].event_data
    won = dict(zip(names, end["payoffs"], strict=True))
    events.append(settled(LEDGER, version, end["pot"], end["uncalled"], won))

day.store.append_many(events)
print(day.store.get_latest_version(LEDGER), "events, the first one:")
print(events[0].event_data)

# %% [markdown]
# The state of the ledger: how many hands, the largest pot so far, and what each player has won or lost.
#
# The program of the cashier loads the state before it appends the next hand. `go_on` continues a fold behind version `start`,
# and counts the events that it had to read.


# %%
EMPTY = {"hands": 0, "largest pot": 0, "chips": {}}


def tally(state, event):
    data = event.event_data
    chips = dict(state["chips"])
    for name, won in data["won"].items():
        chips[name] = chips.get(name, 0) + won
    largest = max(state["largest pot"], data["pot"] + data["uncalled"])
    return {"hands": state["hands"] + 1, "largest pot": largest, "chips": chips}


def go_on(start, state, to=None, apply=tally):
    """The state at version `to`, from the state at version `start`, and how many events that took."""
    tail = list(day.store.get_stream(LEDGER, start + 1, to))
    return eventstore.replay(tail, apply, state), len(tail)


full, read = go_on(0, EMPTY)
print("hands:", full["hands"], " largest pot:", full["largest pot"], " players:", len(full["chips"]))
print("all wins and losses together:", sum(full["chips"].values()))

# %% [markdown]
# What one wins the others lose, so the sum is 0: a good sign.
#
# **Predict:** how many events does a load read after 500, 1,000, 1,500 and 2,000 hands? And how many have all loads of the season
# read together, one before each append?

# %%
for version in (500, 1000, 1500, 2000):
    print(f"after {version:,} hands, one load reads {go_on(0, EMPTY, version)[1]:,} events")
for length in (1000, 2000):
    print(f"all loads of {length:,} hands: {sum(range(length)):,} events read, to write {length:,}")

# %% [markdown]
# One load costs as much as the stream is long. All together grow with the *square*: a season twice as long reads four times
# as much. Nothing is broken, and every evening it is slower than the evening before.

# %% [markdown]
# ## Remember how far you were
#
# A fold goes forward, one event at a time. If somebody had written down the state after version 1,900, we could begin there.
# Such a note is called a **snapshot**. This is the table for them:

# %%
show_sql("030_event_snapshots")

# %% [markdown]
# Who, at which version, in which state. The columns `schema_version` and `saved_at` get their turn below. We save one by hand.

# %%
connection = day.connection()
SAVE = "INSERT INTO event_snapshots (aggregate_id, version, state) VALUES (%s, %s, %s)"

state, _ = go_on(0, EMPTY, 1900)
connection.execute(SAVE, [LEDGER, 1900, Jsonb(state)])
day.q("""
    SELECT aggregate_id, version, schema_version, length(state::text) AS characters
    FROM event_snapshots ORDER BY aggregate_id, version
""")

# %% [markdown]
# **Predict:** we begin with this snapshot. How many events are read? And is the state exactly the same?

# %%
NEWEST = "SELECT version, state FROM event_snapshots WHERE aggregate_id = %s ORDER BY version DESC LIMIT 1"

start, state = connection.execute(NEWEST, [LEDGER]).fetchone()
state, read = go_on(start, state)
print("events read:", read)
print("the same state:", state == full)

# %% [markdown]
# 100 instead of 2,000. The events behind a snapshot are its **tail**, and only they are read. `ORDER BY version DESC LIMIT 1` puts the highest version first and takes one row; the primary key is
# an index for just that.
#
# Events refuse to be deleted. **Predict:** and snapshots?

# %%
connection.execute("DELETE FROM event_snapshots")
print("newest snapshot:", connection.execute(NEWEST, [LEDGER]).fetchone())
state, read = go_on(0, EMPTY)
print("events read:", read)
print("the same state:", state == full)

# %% [markdown]
# They go without a word, and nothing is lost but time. A snapshot is a **cache**: a copy of what can be worked out again. Two laws
# say all there is to say about it.
#
# 1. **Delete all snapshots, and no state changes.**
# 2. **A snapshot and the events behind it give what all events give.**
#
# Whatever breaks one of them is a bug. The rest of the day tries to break them.
#
# Now the season as a film: one snapshot after every 400 hands, a load after every 100, and one just before each snapshot.

# %% tags=["figure"]
import matplotlib.pyplot as plt

rows = []
snapshot = (0, EMPTY)
for version in sorted([*range(100, 2001, 100), *range(399, 2000, 400)]):
    if version % 400 == 0:
        snapshot = (version, go_on(*snapshot, version)[0])
    rows.append([version, go_on(0, EMPTY, version)[1], go_on(*snapshot, version)[1]])
costs = pd.DataFrame(rows, columns=["events in the stream", "without snapshots", "one after every 400"])
print(costs.to_string(index=False))

figure, axes = plt.subplots(figsize=(8, 4))
axes.plot(costs.iloc[:, 0], costs.iloc[:, 1], marker="o", markersize=4, color="#D55E00", label="without snapshots")
axes.plot(
    costs.iloc[:, 0], costs.iloc[:, 2], marker="s", markersize=4, color="#0072B2", label="one after every 400 events"
)
axes.set_title("What one load costs while the stream grows")
axes.set_xlabel("events in the stream")
axes.set_ylabel("events read by one load")
axes.set_xlim(left=0)
axes.legend(frameon=False)
plt.show()

# %% [markdown]
# Without snapshots the line climbs with the stream, up to 2,000 events for one load. With a snapshot after every 400 events it is a
# saw: it climbs to 399, falls back to 0 at each snapshot, and stays below 400 however long the stream gets.

# %% [markdown]
# ## How often?
#
# Why not after each event? Then every load reads nothing. Let us weigh.

# %%
answer = day.q("SELECT avg(length(event_data::text)) AS event FROM domain_events WHERE aggregate_id = %s", [LEDGER])
print("characters of an event, on average:", round(answer["event"][0]))
print("characters of the state:           ", len(json.dumps(full)))

# %% [markdown]
# A snapshot is as large as the whole state, here as large as five events. After each event, the cache would grow to about
# five times the size of the history. So you pay on one side or on the other: events read, or snapshots saved.
#
# ### Exercise 6.1: what a policy costs
#
# A rule when to save is called a **policy**. Ours: save after every version that can be divided by `every`.
#
# A program appends `length` events to an empty stream. Before each append it loads the state, beginning with the newest
# snapshot. After the append it saves a snapshot if the policy says so; `None` saves none. Write `cost(length, every)`. It
# returns how many events all loads read together, and how many snapshots were saved.
#
# - `cost(4, None)` is `(6, 0)`: the four loads read 0, 1, 2 and 3 events.
# - `cost(4, 2)` is `(2, 2)`: they read 0, 1, 0 and 1; saved at versions 2 and 4.


# %%
# Exercise 6.1
def cost(length, every):
    ### BEGIN SOLUTION
    read = saved = snapshot = 0
    for version in range(1, length + 1):
        read += version - 1 - snapshot
        if every is not None and version % every == 0:
            saved += 1
            snapshot = version
    return read, saved
    ### END SOLUTION


# %%
check("6.1", cost)

# %% [markdown] tags=["solution"]
# **Why this works.** A load before version 5 stands at version 4, and reads what lies between there and the newest snapshot. For
# the season, `cost(2000, 100)` is `(99000, 20)`: twenty snapshots have saved 95 % of the reading. `cost(2000, 10)` is `(9000, 200)`, and
# the next 180 snapshots saved only 90,000 events more. The first few do most of the work.

# %% [markdown]
# ## Which one is the newest?
#
# Saving takes time, and happens beside the work. Worker A has loaded version 500 and got stuck. Worker B has meanwhile saved
# version 1,900. Then A wakes up and saves what it has.
#
# **Predict:** a store that takes the snapshot that was *saved* last: is its state wrong?

# %%
for version in (1900, 500):
    connection.execute(SAVE, [LEDGER, version, Jsonb(go_on(0, EMPTY, version)[0])])

for order in ("saved_at", "version"):
    newest = NEWEST.replace("ORDER BY version", f"ORDER BY {order}")
    start, state = connection.execute(newest, [LEDGER]).fetchone()
    state, read = go_on(start, state)
    print(f"newest by {order:8}  begins at {start:5,}, reads {read:5,} events, the same state: {state == full}")

# %% [markdown]
# Not wrong: the second law holds for old snapshots, too. But slow, and the new snapshot was saved for nothing. So **newest means the
# highest version**, whatever the clock says. And both stay. Whoever asks for the state after hand 700 can begin at 500: the newest
# one *at or below* that version.
#
# Now a mistake that does more harm. A cashier's program wants to be quick: it works out the next state, saves the snapshot, and
# *then* appends the event. Another program is faster by a moment. We take a small ledger of two hands, and a copy of the table of
# snapshots. `LIKE` copies columns and their defaults, but no triggers.

# %%
day.q("CREATE TABLE careless (LIKE event_snapshots INCLUDING DEFAULTS)")
FRIDAY = "ledger of friday"
day.store.append_many(
    [
        settled(FRIDAY, 1, 60, 0, {"Ada": 30, "Bo": -30}),
        settled(FRIDAY, 2, 40, 0, {"Ada": -20, "Bo": 20}),
    ]
)
ours = settled(FRIDAY, 3, 1000, 0, {"Ada": 500, "Bo": -500})
theirs = settled(FRIDAY, 3, 1000, 0, {"Ada": -500, "Bo": 500})

state = eventstore.replay([*day.store.get_by_aggregate(FRIDAY), ours], tally, EMPTY)
day.q("INSERT INTO careless (aggregate_id, version, state) VALUES (%s, 3, %s)", [FRIDAY, Jsonb(state)])
day.store.append(theirs)
try:
    day.store.append(ours)
except eventstore.VersionConflictError as conflict:
    print(conflict)

# %% [markdown]
# **Predict:** what has Ada won, with this snapshot and by full replay?

# %%
start, state = connection.execute("SELECT version, state FROM careless ORDER BY version DESC LIMIT 1").fetchone()
tail = day.store.get_by_aggregate(FRIDAY, start + 1)
print("snapshot and", len(tail), "events:", eventstore.replay(tail, tally, state)["chips"])
print("full replay:          ", eventstore.replay(day.store.get_by_aggregate(FRIDAY), tally, EMPTY)["chips"])

# %% [markdown]
# Ada has won 510, by a hand that was never stored. The sum is still 0. Bo's win is skipped today and for ever, since every load
# begins behind it.
#
# The real table would have refused: when the snapshot was to be saved, version 3 had not been written. In the next file, first
# comes a trigger, then two functions in plain SQL.

# %%
show_sql("130_snapshots")

# %% [markdown]
# The trigger looks for the event of that version, before each row. (`EXECUTE format` makes sure that it looks in the schema of
# this table.) Its error bears the code of a broken foreign key, which psycopg calls `ForeignKeyViolation`.
#
# `create_snapshot` saves. `ON CONFLICT … DO UPDATE` means: if this key is taken, do not fail, but change the row that is
# there; `excluded` is the row that could not be inserted. An event may never be replaced. A snapshot may: it is only a cache.
#
# We ask the real table to save a version that is not there yet.

# %%
CREATE = "SELECT create_snapshot(%s, %s, %s, %s)"
try:
    connection.execute(CREATE, [FRIDAY, 4, Jsonb(state), 1])
except psycopg.errors.ForeignKeyViolation as error:
    print(error.diag.message_primary)
    print(error.diag.message_hint)

# %% [markdown]
# It is a net with one hole. Had the program saved a moment *after* the other's append, there would have been an event 3, and
# the trigger looks at the number, not at the state. So the rule for programs is: **save a state that you have loaded,
# never one that you are about to make.**

# %% [markdown]
# ## What JSON does to a state
#
# A snapshot is JSON. A fold that counts by seat may use numbers as keys: `{1: 50, 2: -50}`.
#
# **Predict:** we send this state through JSON and let seat 1 win 10 more. What does the state say?

# %%
seats = json.loads(json.dumps({1: 50, 2: -50}))
seats[1] = seats.get(1, 0) + 10
seats

# %% [markdown]
# Seat 1 has split into two. JSON knows only text as keys, so `1` came back as `"1"`, and the fold began a new count for `1`.
# Without snapshots it never happens, so all tests without snapshots pass.
#
# Day 1 had the same trouble with payloads, and the same cure: what would not come back equal is refused when it is made. This is
# our snapshot.


# %% tags=["keep"]
# Kept: a snapshot
import json
from dataclasses import dataclass
from typing import Any

from eventstore import InvalidEventError


class InvalidSnapshotError(InvalidEventError):
    """A snapshot that no store may keep."""

    def __init__(self, field, problem):
        Exception.__init__(self, field, problem)
        self.field = field
        self.problem = problem

    def __str__(self):
        return f"{self.field}: {self.problem}"


@dataclass(frozen=True, kw_only=True)
class EventSnapshot:
    """What an aggregate had become at one version: a cache, which may be thrown away at any time."""

    aggregate_id: str
    version: int
    state: Any
    schema_version: int = 1

    def __post_init__(self):
        try:
            copy = json.loads(json.dumps(self.state, allow_nan=False))
        except (TypeError, ValueError) as error:
            raise InvalidSnapshotError("state", f"cannot be written as JSON: {error}") from None
        if copy != self.state:
            raise InvalidSnapshotError("state", "would not come back equal from JSON")
        object.__setattr__(self, "state", copy)


# %% [markdown]
# ### Exercise 6.2: save and find
#
# Write the three methods. `self.connection()` comes from your `Database`.
#
# - `save_snapshot(snapshot)` saves it, or replaces the one of the same version. If that version has not been written, it is an
#   `InvalidSnapshotError` for the field `"version"`. All other errors of the database pass through as they are. Nothing is returned.
# - `get_snapshot_at_version(aggregate_id, version)` gives the newest `EventSnapshot` at or below a version, or `None`.
# - `get_latest_snapshot(aggregate_id)` gives the newest of all, or `None`.
#
# `Jsonb(...)` sends a state as JSON; a `jsonb` column comes back as a Python value. To try it: `store = day.with_mine(Snapshots)`. For
# the ledger of the season:
#
# - `store.get_latest_snapshot(LEDGER).version` is `1900`,
# - `store.get_snapshot_at_version(LEDGER, 700).version` is `500`.


# %% tags=["keep"]
# Exercise 6.2, kept
from psycopg.errors import ForeignKeyViolation
from psycopg.types.json import Jsonb


class Snapshots:
    """Saves snapshots and finds them. Whoever inherits brings `connection()`."""

    def save_snapshot(self, snapshot):
        ### BEGIN SOLUTION
        values = [snapshot.aggregate_id, snapshot.version, Jsonb(snapshot.state), snapshot.schema_version]
        with self.connection() as connection:
            try:
                connection.execute("SELECT create_snapshot(%s, %s, %s, %s)", values)
            except ForeignKeyViolation:
                raise InvalidSnapshotError("version", f"{snapshot.version} has not been written") from None
        ### END SOLUTION

    def get_snapshot_at_version(self, aggregate_id, version):
        ### BEGIN SOLUTION
        statement = """
            SELECT version, state, schema_version FROM event_snapshots
            WHERE aggregate_id = %s AND version <= %s
            ORDER BY version DESC LIMIT 1
        """
        with self.connection() as connection:
            row = connection.execute(statement, [aggregate_id, version]).fetchone()
        if row is None:
            return None
        return EventSnapshot(aggregate_id=aggregate_id, version=row[0], state=row[1], schema_version=row[2])
        ### END SOLUTION

    def get_latest_snapshot(self, aggregate_id):
        ### BEGIN SOLUTION
        return self.get_snapshot_at_version(aggregate_id, 2**31 - 1)
        ### END SOLUTION


# %%
check("6.2", Snapshots, EventSnapshot)

# %% [markdown] tags=["solution"]
# **Why this works.** The latest is the newest at or below the highest version that the column can hold, so there is one statement
# for both. The database refuses what lies above the head, and the method only says it in the words of the store. It catches this one
# error and no other: a lost connection must not look like a wrong version.

# %% [markdown]
# ## A state that looks right
#
# Now the most dangerous one. Look at `tally` again: for the largest pot it adds `pot` and `uncalled`. Day 0 told that
# the uncalled bet is no part of the pot. The mistake was ours, from the start. We mend it.


# %%
def mended(state, event):
    largest = max(state["largest pot"], event.event_data["pot"])
    return {**tally(state, event), "largest pot": largest}


# %% [markdown]
# Day 5 promised: mend the fold, and every state is right again. **Predict:** is it, with the snapshot of version 1,900?

# %%
snapshot = day.store.get_latest_snapshot(LEDGER)
state, read = go_on(snapshot.version, snapshot.state, apply=mended)
print("with the snapshot: ", state["hands"], "hands, largest pot", state["largest pot"])
state, read = go_on(0, EMPTY, apply=mended)
print("full replay:       ", state["hands"], "hands, largest pot", state["largest pot"])

# %% [markdown]
# No. The old fold lives on in its snapshot. No error, the shape is the same, the number is plausible, and it is wrong by 132
# chips. Had we changed the *shape*, say a new key, the program would most likely have crashed. That would have been the lucky case.
#
# Who could notice? Nobody who looks at the state. The program has to say it: `schema_version` is the number of the fold that made
# the state. **Raise it whenever the fold or the shape of the state changes.** A snapshot with another number is ignored, as if it
# were not there. A **repository** does that. It loads states by a store, an `apply`, an initial state and the number, which is 1
# unless you say another. We give it a store that passes all calls on to the real one, and counts.
#
# **Predict:** how many events does the repository read with the number 2, and what is the largest pot?


# %%
class Counting:
    def __init__(self, store):
        self.store, self.questions, self.events = store, 0, 0

    def get_latest_snapshot(self, aggregate_id):
        self.questions += 1
        return self.store.get_latest_snapshot(aggregate_id)

    def get_stream(self, *place):
        self.questions += 1
        for event in self.store.get_stream(*place):
            self.events += 1
            yield event


for version in (1, 2):
    counting = Counting(day.store)
    state = eventstore.Repository(counting, mended, EMPTY, schema_version=version).load(LEDGER)
    print(f"schema version {version}: {counting.events:5,} events read, largest pot", state["largest pot"])

# %% [markdown]
# With the number 2 it passed the snapshot by and replayed everything: slow, and right. Ignored, and not refused: a
# program that cannot start because of an old cache would turn a cache into a part of the truth, and break the first
# law.
#
# ### Exercise 6.3: the repository
#
# Write the three methods.
#
# - `forward(snapshot, aggregate_id, to_version)` goes from a snapshot to a version; `None` means to the end. With no snapshot
#   (`None`), or one of another schema version, it begins with `self.initial`. It reads only the events that it needs:
#   `self.store.get_stream(aggregate_id, from_version, to_version)`.
# - `load(aggregate_id)`: the state of now. `load_at(aggregate_id, version)`: the state after that version; 0 is the state before the first
#   event, and a version beyond the last event gives the state of now.
#
# Examples:
#
# - `Repository(day.store, tally, EMPTY).load(LEDGER)["hands"]` is `2000`.
# - `Repository(day.store, tally, EMPTY).load_at(LEDGER, 700)["hands"]` is `700`, with 200 events read.


# %% tags=["keep"]
# Exercise 6.3, kept
from eventstore import replay


class Repository:
    """Loads states, from the newest snapshot that fits and the events behind it."""

    def __init__(self, store, apply, initial, schema_version=1):
        self.store = store
        self.apply = apply
        self.initial = initial
        self.schema_version = schema_version

    def forward(self, snapshot, aggregate_id, to_version):
        ### BEGIN SOLUTION
        start, state = 0, self.initial
        if snapshot is not None and snapshot.schema_version == self.schema_version:
            start, state = snapshot.version, snapshot.state
        return replay(self.store.get_stream(aggregate_id, start + 1, to_version), self.apply, state)
        ### END SOLUTION

    def load(self, aggregate_id):
        ### BEGIN SOLUTION
        return self.forward(self.store.get_latest_snapshot(aggregate_id), aggregate_id, None)
        ### END SOLUTION

    def load_at(self, aggregate_id, version):
        ### BEGIN SOLUTION
        return self.forward(self.store.get_snapshot_at_version(aggregate_id, version), aggregate_id, version)
        ### END SOLUTION


# %%
check("6.3", Repository)

# %% [markdown] tags=["solution"]
# **Why this works.** The first event to read is the one *behind* the snapshot: the snapshot's own event is already in it. For the past,
# a snapshot above the version is of no use, since a fold cannot go back. And "no snapshot" is asked with `is not None`: a state can be
# `0`, which Python counts as false, and it is a state all the same.

# %% [markdown]
# ## When it is not worth it
#
# So should every stream have snapshots? Most of our streams are hands. We store one of 14 events, with a snapshot at version 10.


# %%
def acted(state, event):
    return state + 1 if event.event_type == "game.action_processed" else state


hand = next(hand for hand in hands if len(hand) == 14)
HAND = hand[0].aggregate_id
day.store.append_many(hand)
decisions = eventstore.replay(hand[:10], acted, 0)
day.store.save_snapshot(eventstore.EventSnapshot(aggregate_id=HAND, version=10, state=decisions))

lengths = sorted(map(len, hands))
print(
    f"{len(hands):,} hands, the shortest has {lengths[0]} events, half have at most {lengths[999]}, the longest {lengths[-1]}"
)

# %% [markdown]
# **Predict:** what does the snapshot at version 10 save for a hand of 14 events?

# %%
rows = []
for name, stream, apply, initial in (("a hand", HAND, acted, 0), ("the ledger", LEDGER, tally, EMPTY)):
    plain = Counting(day.store)
    eventstore.replay(plain.get_stream(stream), apply, initial)
    short = Counting(day.store)
    eventstore.Repository(short, apply, initial).load(stream)
    rows.append([name, "no", plain.questions, plain.events])
    rows.append([name, "yes", short.questions, short.events])
pd.DataFrame(rows, columns=["stream", "snapshots", "questions to the store", "events read"])

# %% [markdown]
# Ten events less, for one more question. By the clock nothing is gained: a stream of ten events loads as fast with as
# without, as measured in `docs/decisions/snapshots.md`, and half of the hands have no more than 11. On top of that come a row to save and
# a number that somebody can forget to raise. Ten seasons change nothing about it: there will be more hands, not longer ones.
#
# For the ledger it is 100 instead of 2,000, and the longer it gets, the more is saved. Think of snapshots when a stream
# has some hundred events, and has been *counted* to hurt. Often there is a better answer: end the stream. A cashier who closes the books
# each evening and begins a new ledger with what is left needs no snapshots.

# %% [markdown]
# ## A law as a test
#
# A colleague has written a repository, too. It keeps every promise of today's contract. And the players complain: sometimes
# somebody who has lost all chips sits there with a full stack again. Can you see why?


# %%
class Colleague:
    def __init__(self, store, apply, initial, schema_version=1):
        self.store, self.apply, self.initial, self.schema_version = store, apply, initial, schema_version

    def load(self, aggregate_id):
        return self.go(self.store.get_latest_snapshot(aggregate_id), aggregate_id, None)

    def load_at(self, aggregate_id, version):
        return self.go(self.store.get_snapshot_at_version(aggregate_id, version), aggregate_id, version)

    def go(self, snapshot, aggregate_id, to_version):
        state, start = self.initial, 0
        if snapshot and snapshot.schema_version == self.schema_version:
            state, start = snapshot.state or self.initial, snapshot.version
        return eventstore.replay(self.store.get_stream(aggregate_id, start + 1, to_version), self.apply, state)


def stack(state, event):
    return state + event.event_data["won"]["Bo"]


evening = [settled("Bo", version, 0, 0, {"Bo": won}) for version, won in enumerate([-400, -600, 500, 80], start=1)]

# %% [markdown]
# ### Exercise 6.4 (stretch): find the bug
#
# Reading does not always find it. A law does. Write `broken_at(repository_class, apply, initial, events)`. `events` is one stream,
# from version 1 on.
#
# Try every version of the stream: in a new `eventstore.InMemoryEventStore()` with all these events, save the right
# state of that version as the only snapshot. Then `load` and each `load_at`, from version 0 to the last, must give what a full replay gives. Return
# the lowest version whose snapshot breaks that, or `None`.
#
# - `broken_at(Colleague, stack, 1000, evening)` is `2`: there Bo had lost everything.
# - `broken_at(eventstore.Repository, stack, 1000, evening)` is `None`.
# - Try your own: `broken_at(Repository, stack, 1000, evening)`.


# %%
# Exercise 6.4
def broken_at(repository_class, apply, initial, events):
    ### BEGIN SOLUTION
    stream = events[0].aggregate_id
    truth = [eventstore.replay(events[:version], apply, initial) for version in range(len(events) + 1)]
    for version in range(1, len(events) + 1):
        store = eventstore.InMemoryEventStore()
        store.append_many(events)
        store.save_snapshot(eventstore.EventSnapshot(aggregate_id=stream, version=version, state=truth[version]))
        repository = repository_class(store, apply, initial)
        past = [repository.load_at(stream, point) for point in range(len(events) + 1)]
        if past != truth or repository.load(stream) != truth[-1]:
            return version
    return None
    ### END SOLUTION


# %%
check("6.4", broken_at)

# %% [markdown] tags=["solution"]
# **Why this works.** It knows nothing of how a repository is written, only what must be true. `snapshot.state or self.initial` gives
# the initial state where the saved one is `0`: a busted player got 1,000 chips. The contract did not find it, as all its states were
# dicts with something in them; only the check of 6.3 has a case for it. A law tries what nobody thought of, if it is tried on enough streams; the package's own tests let
# a program invent them.

# %% [markdown]
# ## Meet the package
#
# The checks of 6.2 and 6.3 asked the promises of the package's own contract. Here is how the package finds a snapshot, and how it
# loads.

# %%
show("eventstore.reading.GET_SNAPSHOT")
show("eventstore.replay.Repository.load")
show("eventstore.replay.Repository._start")

# %% [markdown]
# You know most of it. What does it add?
#
# - `dump` and `restore`: a state that is an object, such as `poker.GameState`, becomes JSON and comes back.
# - `deepcopy`: an `apply` that changes its state cannot spoil `initial` for the next load.
# - `snapshot_after`: another policy. It saves when a load *had to replay* so many events. That counts the cost where it is
#   felt: an aggregate that nobody loads is never saved. And it saves what was loaded, never what is about to be.
#
# **Predict:** with `snapshot_after=100` and no snapshot of schema version 2 yet, how many events do three loads read?

# %%
for load in ("first", "second", "third"):
    counting = Counting(day.store)
    counting.save_snapshot = day.store.save_snapshot
    repository = eventstore.Repository(counting, mended, EMPTY, schema_version=2, snapshot_after=100)
    state = repository.load(LEDGER)
    print(f"{load} load: {counting.events:,} events read, largest pot {state['largest pot']:,}")

# %% [markdown]
# The first pays for all. Nobody had to rebuild the cache after the fold was mended: it rebuilds itself, by use.

# %% [markdown]
# ## What this bought, what it costs
#
# | choice | bought | costs |
# |---|---|---|
# | a snapshot | a load reads the tail, not the stream | a row as large as the state, one more question at each load |
# | newest by version, history kept | late workers do no harm; the past loads fast, too | old rows stay until somebody deletes them |
# | a trigger that looks for the event | no state of a version that was never written | one look into an index at each save |
# | `schema_version`, ignored if another | a mended fold is right at once | a number to raise; whoever forgets gets wrong states that look right |
# | saved beside the append | no append is slower, or fails, for a cache | the newest events are not in it |

# %% [markdown]
# ## Key points
#
# - A load costs as much as its stream is long. Count it before you cure it.
# - A snapshot is a cache. Delete all of them, and no state changes.
# - A snapshot and its tail give what a full replay gives. That is a test, not a hope.
# - Newest is the highest version. Save what you have loaded.
# - Change the fold, raise the schema version.
# - Short streams need no snapshots.
#
# Type `python3 -m workbook assemble` once more: `my/mystore` now holds a whole store on PostgreSQL, with snapshots, and you wrote it.
#
# **New words:** ledger, snapshot, tail, cache, policy, repository, schema version.
#
# **To read on:** `docs/decisions/snapshots.md`, with what was measured.

# %% [markdown] tags=["instructor"]
# ### What they see failing
#
# A load that reads 2,000 events to learn one number, and all loads of a season together two million. A snapshot with
# text for numbers after its journey through JSON. A mended fold that still gives old results, because a snapshot
# remembers the mistake.
#
# ### Questions for discussion
#
# **What is the difference between a snapshot and the table of Day 0?**
#
# The snapshot can be deleted, and nothing is lost. It says of which version it is. And nobody decides anything that the
# events do not say. If deleting it frightens you, it is not a snapshot.
#
# **How would you notice that somebody changed the fold and forgot to raise the schema version?**
#
# Not by looking, since the states look right. A test that compares snapshot and tail with full replay, on recorded
# streams, finds it; so does deleting all snapshots with each release.
#
# **When is a snapshot the wrong cure for a long stream?**
#
# When the stream is long because it holds two things, or never ends by design: an account for all time instead of one
# for each year. Then make the stream end, with an event that carries the balance over.
#
# **Why does the append not save the snapshot itself, in the same transaction?**
#
# Each append would be slower, and could fail, for the sake of a cache. A snapshot that is missing costs a few more
# events; an append that fails costs a fact.
#
# ### When time is short
#
# - 6.1 can be done on paper together: a table with version, read, saved.
# - *What JSON does to a state* can be told, if Day 2 was done in full.
# - 6.4 is the best exercise of the day for those who know testing. Nobody needs it later.
# - 6.2 is much SQL for little. Hand out its solution, and spend the time on 6.3.
# - Keep *A state that looks right*. It is the trap that snapshots lead into at work.
