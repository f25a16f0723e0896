# ---
# jupyter:
#   workbook:
#     title: How do we ask?
#     promise: After this day your store answers questions about the whole log, quickly, page by page, and without ever running a stranger's SQL.
#     needs: ["Day 2: tables, indexes, plans", "Day 3: the pieces `COLUMNS` and `event_from`", "Python's dicts and loops; generators are explained on the way"]
#     able: ["tell one hand from its events", "say which index a question needs, and prove it by the plan", "read a long list page by page while others write", "build a query that nobody can inject"]
# ---

# %%
import re
from itertools import islice

import eventstore
import poker
from workbook.day import check, hint, open_day, show, show_sql
from workbook.show import sql_file
from workbook.workspace import Workspace

day = open_day(4)

# %% [markdown]
# ## Do you remember?
#
# 1. The newest event has the sequence number 500. Are there 500 events in the log?
# 2. An index on `(event_type, sequence_number)` is a list that is sorted by both. Which question does it answer without
#    sorting?

# %% [markdown] tags=["answer"]
# 1. At most. Refused and rolled back events have drawn numbers, too, and those are never given back.
# 2. All events of one type, in the order of the log.

# %% [markdown]
# ## One hand, told
#
# The package `poker` brings simulated hands. We take the first thousand of them (`islice`) and append their events in the order
# in which things happened. Three tables played at the same time, so the hands are mixed, as in real life.

# %%
hands = [poker.hand_events(record) for record in islice(poker.read_hands(poker.season()), 1000)]
events = sorted((event for hand in hands for event in hand), key=lambda event: event.event_timestamp)

day.store.append_many(events)
day.q("ANALYZE domain_events")
day.q("SELECT count(DISTINCT aggregate_id) AS hands, count(*) AS events FROM domain_events")

# %% [markdown]
# The first question is the one that Day 2 and Day 3 have answered: what happened in *this* hand? A player complains about one:
# "maniac 4" has lost 955 chips, and swears that he put in 300 at most. Here is the hand, as a computer sees it.

# %%
HAND = hands[97][0].aggregate_id

day.q(
    "SELECT version, event_type, event_data, user_id FROM domain_events WHERE aggregate_id = %s ORDER BY version LIMIT 5",
    [HAND],
)

# %% [markdown]
# Correct, and no fun to read. But events are facts with names, so each of them can be a sentence. `match` compares the type
# with one `case` after the other.


# %%
def tell(event, names):
    """One event as a sentence."""
    data = event.event_data
    who = names.get(data.get("seat"))
    match event.event_type:
        case "game.created":
            seats = ", ".join(f"{seat['name']} with {seat['stack']}" for seat in data["seats"])
            return f"A hand begins: {seats}. Blinds: {data['blinds'][:2]}."
        case "game.hole_cards_dealt":
            return "Everybody gets two cards."
        case "game.board_dealt":
            return f"The {data['street']}: {' '.join(data['cards'])}."
        case "game.action_processed":
            puts = f", puts in {data['amount']}" if data["amount"] else ""
            return f"  {who}: {data['action']}{puts}."
        case "game.hand_shown":
            return f"{who} shows {' '.join(data['cards'])}."
        case "game.hand_mucked":
            return f"{who} shows nothing."
        case "game.hand_completed":
            return f"{' and '.join(names[seat] for seat in data['winners'])} won the pot of {data['pot']}."


def story(hand):
    stream = day.store.get_by_aggregate(hand)
    names = {seat["seat"]: seat["name"] for seat in stream[0].event_data["seats"]}
    for event in stream:
        print(f"{event.version:2}  {event.event_timestamp:%H:%M:%S}  {tell(event, names)}")


story(HAND)

# %% [markdown]
# Four times he put chips in: 70, 110, 340 and 430. With the small blind of 5, which is his as seat 1, that makes 955. This is
# an **audit trail**: who did what, when, in which order. Nobody had to plan for it. A log of facts is one; all it needs is
# somebody who reads it aloud.

# %% [markdown]
# ### One after the other
#
# `get_by_aggregate` puts the whole stream into a list. For 18 events that is right. A stream of a million events should not
# have to fit into memory, only to be walked through once.
#
# Python has functions that give one value after the other. One that says `yield` in place of `return` is a **generator**.
# Calling it runs nothing. `next(...)` runs it up to the next `yield`, and there it waits. A `for` loop and `list` call `next`
# until the end.
#
# **Predict:** in which order do the lines appear?


# %%
def count_up(last):
    for number in range(1, last + 1):
        print("  working out", number)
        yield number


numbers = count_up(3)
print("called")
print("first:", next(numbers))
print("the rest:", list(numbers))

# %% [markdown]
# `yield from a_list` gives all its values, one by one. And since a generator runs only when it is asked, it can read the next
# hundred events when the first hundred are used up.
#
# ### Exercise 4.1: a stream in pieces
#
# Write two methods.
#
# - `get_stream(aggregate_id, from_version=1, to_version=None)` is a generator of the same events as `get_by_aggregate` with the
#   same arguments, read 100 at a time. No read may give more. `self.get_by_aggregate(...)` is yours to call.
# - `get_event_count(aggregate_id=None)`: how many events this stream has, or the whole log if none is named.
#
# Examples:
#
# - With 250 events in the stream, `next(store.get_stream("hand 1"))` is version 1, and at most 100 events were read.
# - `list(store.get_stream("no such hand"))` is `[]`, and `store.get_event_count("no such hand")` is `0`.
#
# To try it: `store = day.with_mine(StreamReading)`, then `store.get_event_count()`.


# %% tags=["keep"]
# Exercise 4.1, kept
class StreamReading:
    """Reads streams piece by piece, and counts. Whoever inherits brings `connection()` and `get_by_aggregate()`."""

    def get_stream(self, aggregate_id, from_version=1, to_version=None):
        ### BEGIN SOLUTION
        first = max(from_version, 1)
        while True:
            last = first + 99
            if to_version is not None:
                last = min(last, to_version)
            page = self.get_by_aggregate(aggregate_id, first, last)
            yield from page
            if len(page) < 100:
                return
            first = last + 1
        ### END SOLUTION

    def get_event_count(self, aggregate_id=None):
        ### BEGIN SOLUTION
        with self.connection() as connection:
            if aggregate_id is None:
                rows = connection.execute("SELECT count(*) FROM domain_events")
            else:
                statement = "SELECT count(*) FROM domain_events WHERE aggregate_id = %s"
                rows = connection.execute(statement, [aggregate_id])
            return rows.fetchone()[0]
        ### END SOLUTION


# %%
check("4.1", StreamReading)

# %% [markdown] tags=["solution"]
# **Why this works.** Versions have no holes: Day 3 saw to that. So 100 versions are 100 events, and a page with fewer is the
# last one. Each page starts behind the one before, by its version. Between two pages no connection is held, however slowly the
# caller walks. `max(from_version, 1)` matters: from 0 on, a page of 100 versions would hold 99 events, and look like the last
# one.

# %% [markdown]
# ## A clock is a witness, not a judge
#
# Now to questions across many hands. They need one order for the whole log, and we have two candidates: `event_timestamp`, by
# the writer's clock, and `sequence_number`, by the server.
#
# At a new table the dealer has a tablet, and seat 6 a phone. The phone's clock is 40 seconds slow. Four facts, in the order in
# which they happened and were written:

# %%
from datetime import timedelta

now = day.now()
for version, (seconds, event_type, data) in enumerate(
    [
        (0, "game.created", {}),
        (10, "game.action_processed", {"seat": 5, "action": "raise"}),
        (20 - 40, "game.action_processed", {"seat": 6, "action": "fold"}),
        (21, "game.hand_completed", {"winners": [5]}),
    ],
    start=1,
):
    fact = eventstore.DomainEvent(
        event_type=event_type,
        aggregate_id="slow phone",
        version=version,
        event_data=data,
        event_timestamp=now + timedelta(seconds=seconds),
        id=day.new_id(),
    )
    day.store.append(fact)

# %% [markdown]
# **Predict:** what is the first thing that happened in this hand, by the time that the writers noted?

# %%
day.q("""
    SELECT to_char(event_timestamp, 'HH24:MI:SS') AS time, event_type, event_data ->> 'action' AS action
    FROM domain_events WHERE aggregate_id = 'slow phone' ORDER BY event_timestamp, sequence_number
""")

# %% [markdown]
# Seat 6 folds before the hand exists. By the numbers:

# %%
day.q("""
    SELECT to_char(event_timestamp, 'HH24:MI:SS') AS time, event_type, event_data ->> 'action' AS action
    FROM domain_events WHERE aggregate_id = 'slow phone' ORDER BY sequence_number
""")

# %% [markdown]
# The server has one counter, and who writes after having seen your event draws a later number. So what answers what is always
# in order. `event_timestamp` is what a witness says: good for "between nine and ten o'clock", no good for "before". And it is
# no tie-breaker: many events share one moment. Whoever sorts by it adds the number behind it, or gets ties in any order.

# %% [markdown]
# ## Four questions, four lists
#
# Day 2 made four of the eight indexes earn their place. Here are the file and the other four.

# %%
show_sql("020_indexes")

# %% [markdown]
# We ask each question without its index, make the index as the file has it, and ask again. `work` is the helper of Day 2: it
# prints the plan, how many rows were looked at, and how many were found. You need not read the code.

# %%
# The name of each index, and the rest of its definition
INDEXES = dict(re.findall(r"CREATE INDEX (\w+) (.*?);", sql_file("020_indexes").text, re.DOTALL))


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


def without_and_with(name, question):
    index = f"domain_events_{name}_idx"
    day.q(f"DROP INDEX IF EXISTS {index}")
    work(question)
    day.q(f"CREATE INDEX {index} {INDEXES[index]}")
    work(question)


# %% [markdown]
# **What happened between nine o'clock and half a minute later?** The clocks are good enough for that.
#
# **Predict:** how many rows are looked at, without and with the index?

# %%
without_and_with(
    "time",
    """
    SELECT * FROM domain_events
    WHERE event_timestamp BETWEEN '2026-01-02 21:00:00+00' AND '2026-01-02 21:00:30+00'
    ORDER BY event_timestamp, sequence_number
    """,
)

# %% [markdown]
# **What has shover 5 done this season?** And **what happened at this table on this evening?** The `correlation_id` holds all of
# its hands together.

# %%
without_and_with("user", "SELECT * FROM domain_events WHERE user_id = 'shover 5' ORDER BY sequence_number")

# %%
evening = hands[97][0].metadata.correlation_id
at_the_table = "SELECT * FROM domain_events WHERE correlation_id = '{}' ORDER BY sequence_number"
without_and_with("correlation", at_the_table.format(evening))

# %% [markdown]
# Three times the same: without an index everything is looked at, with it just what is found. And nothing is sorted, since the
# lists are in the order that was asked for. The last two are *partial*: their definitions end in `IS NOT NULL`, so an event
# without a user, such as a deal, costs the user's list nothing.

# %% [markdown]
# ### Inside the payload
#
# The last kind of question looks into the JSON. `a @> b` means: `a` **contains** `b`. Every key of `b` is in `a`, with a value
# that contains that of `b`.
#
# **Predict:** which of these five are true?

# %%
for data, part in [
    ('{"seat": 3, "amount": 40}', '{"seat": 3}'),
    ('{"seat": 3}', '{"seat": 3, "amount": 40}'),
    ('{"amount": 40}', '{"amount": "40"}'),
    ('{"bet": {"seat": 3}}', '{"seat": 3}'),
    ('{"seats": [1, 2, 3]}', '{"seats": [3]}'),
]:
    answer = day.q("SELECT %s::jsonb @> %s::jsonb AS contains", [data, part])
    print(f"{data:28} @> {part:28} {answer['contains'][0]}")

# %% [markdown]
# The first and the last. A number is no text, and `@>` does not search deeper levels by itself: you say the way to the value.
# In a list, order and number do not count.
#
# **Who has raised from seat 9?** A sorted list cannot help here, since a payload has many values. A **GIN** index is a list
# like the one at the end of a book: each value, with its way, and the rows in which it occurs.

# %%
without_and_with(
    "data",
    """
    SELECT * FROM domain_events
    WHERE event_data @> '{"seat": 9, "action": "raise"}' ORDER BY sequence_number
    """,
)

# %% [markdown]
# The server looked both values up and kept the rows that are on both lists (a *bitmap* of places). They come in the order of
# the table, so these few are sorted.
#
# **Predict:** will it also help to find all amounts above 1,000?

# %%
work("SELECT count(*) FROM domain_events WHERE (event_data ->> 'amount')::int > 1000")

# %% [markdown]
# No. `Seq Scan` means that everything is read, to make one count. The index knows which values occur, but not that one is
# larger than another. An index answers the questions that it was made for.

# %% [markdown]
# ## A question made of text
#
# A store should let its callers combine such conditions. A colleague has begun. His function puts the caller's wishes into the
# text of the query: `format` writes them into the places `{}`. We try it in a schema of its own, which `Workspace` makes, since
# there is going to be a loss.

# %%
victim = Workspace(f"{day.schema}_copy")
victim.store.append_many([event for hand in hands[:50] for event in hand])

QUESTION = "SELECT version, event_type, event_data FROM domain_events WHERE user_id = '{}' ORDER BY {}"


def ask_with_a_bug(user, order="sequence_number"):
    return victim.q(QUESTION.format(user, order))


print(len(ask_with_a_bug("rock 4")), "events of rock 4")

# %% [markdown]
# It works. Then a new player comes whose name is O'Brien. (This cell ends in an error.)

# %% tags=["raises-exception"]
ask_with_a_bug("O'Brien")

# %% [markdown]
# An honest name with a quote in it ends the text too early, and the rest is read as SQL. Somebody notices that, and tries
# another name.
#
# **Predict:** what does this player get to see?

# %%
found = ask_with_a_bug("x' OR 'a' = 'a")
print(len(found), "events, among them:")
print(found[found["event_type"] == "game.hole_cards_dealt"]["event_data"].iloc[0]["hands"][0])

# %% [markdown]
# Everything, the cards of all players included. The condition has become `user_id = 'x' OR 'a' = 'a'`, and that is always true.
# This is an **injection**: a value that was meant to be looked for is run as code.
#
# It gets worse. Our log refuses `DELETE` and `TRUNCATE`.
#
# **Predict:** is it safe from the one who picks the order?

# %%
ask_with_a_bug("rock 4", order="version; DROP TABLE domain_events CASCADE")
print("the log:", victim.q("SELECT to_regclass('domain_events') AS log")["log"][0])
victim.remove()

# %% [markdown]
# The log is gone. The semicolon ended the question, and a second statement followed. The guards keep the rows of a table; its
# owner may still drop the table. (One more reason why a program should not own its tables.)

# %% [markdown]
# ### Values are parameters
#
# The cure for values is the one that we have used since Day 0: the text has a place for the value, and the value travels beside
# the text. PostgreSQL has read the statement before it looks at the value, so no value can change the statement.

# %%
for user in ("shover 5", "O'Brien", "x' OR 'a' = 'a"):
    found = day.q("SELECT version FROM domain_events WHERE user_id = %s ORDER BY sequence_number", [user])
    print(f"{user:16} {len(found)} events")

# %% [markdown]
# Can the order be a parameter as well? We ask for versions 2 to 4 of the slow phone's hand, the last one first.
#
# **Predict:** which versions come, in which order?

# %%
day.q(
    "SELECT version FROM domain_events WHERE aggregate_id = 'slow phone' AND version > 1 ORDER BY %s DESC, sequence_number",
    ["version"],
)

# %% [markdown]
# From 2 to 4. PostgreSQL has sorted by the *text* "version", the same in each row, so it decided nothing. No error,
# only a wrong answer. The name of a column is part of the statement and cannot travel as a value.
#
# So we do not take it from the caller at all. The caller picks one of a few words, and *we* have the SQL for each: a **closed
# set**. What is not in the set is refused.
#
# ### The question as an object
#
# A question is a value like an event: frozen, with fields that are named (`kw_only`) and can be left out. What stands behind
# the colon, such as `str | None`, is for the reader; Python does not check it. A question that makes no sense gets an error of
# its own, a kind of `InvalidEventError`.


# %% tags=["keep"]
# Kept: the question
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from eventstore import InvalidEventError


@dataclass(frozen=True, kw_only=True)
class EventQueryFilter:
    """A question to the log. An event has to fit all fields that are given; None means that it does not matter."""

    aggregate_id: str | None = None
    event_type: str | list[str] | None = None  # one type, or any of a list
    user_id: str | None = None
    correlation_id: UUID | None = None
    causation_id: UUID | None = None
    from_timestamp: datetime | None = None  # this moment or later
    to_timestamp: datetime | None = None  # this moment or earlier
    data_contains: dict | None = None  # as @> sees it
    after_sequence: int | None = None  # only higher numbers
    order_by: str = "sequence_number"  # or "event_timestamp", or "version"
    order_direction: str = "ASC"  # or "DESC"
    limit: int | None = None  # at most so many


class InvalidQuestionError(InvalidEventError):
    """A question that no store can answer."""

    def __init__(self, field, problem):
        # Not super(): the InvalidEventError of the package wants other arguments than the one of Day 1.
        Exception.__init__(self, field, problem)
        self.field = field
        self.problem = problem

    def __str__(self):
        return f"{self.field}: {self.problem}"


# %% [markdown]
# ### Exercise 4.2: the conditions
#
# Write `conditions(question)`. It returns two things: the text that stands behind `WHERE`, and a dict of its values, for
# psycopg.
#
# - For `EventQueryFilter(user_id="rock 4", after_sequence=7)` the text can be
#   `"user_id = %(user_id)s AND sequence_number > %(after_sequence)s"`, and the dict `{"user_id": "rock 4", "after_sequence": 7}`.
# - For `EventQueryFilter()` the text is `"true"`, which holds for each row, and the dict is empty.
# - Nothing of the values stands in the text.
#
# All fields down to `after_sequence` count; order and limit come later. `event_type` may be a text or a list, and an empty list
# fits no event. `column = ANY(%(name)s)` holds if the list called `name` has the column's value in it. `Jsonb(...)` sends a
# dict, as on Day 3.


# %% tags=["keep"]
# Exercise 4.2, kept
from psycopg.types.json import Jsonb


def conditions(question):
    ### BEGIN SOLUTION
    texts = {
        "aggregate_id": "aggregate_id = %(aggregate_id)s",
        "event_type": "event_type = ANY(%(event_type)s)",
        "user_id": "user_id = %(user_id)s",
        "correlation_id": "correlation_id = %(correlation_id)s",
        "causation_id": "causation_id = %(causation_id)s",
        "from_timestamp": "event_timestamp >= %(from_timestamp)s",
        "to_timestamp": "event_timestamp <= %(to_timestamp)s",
        "data_contains": "event_data @> %(data_contains)s",
        "after_sequence": "sequence_number > %(after_sequence)s",
    }
    values = {}
    for name in texts:
        value = getattr(question, name)
        if value is not None:
            values[name] = value
    if isinstance(question.event_type, str):
        values["event_type"] = [question.event_type]
    if question.data_contains is not None:
        values["data_contains"] = Jsonb(question.data_contains)
    return " AND ".join(texts[name] for name in values) or "true", values
    ### END SOLUTION


# %%
check("4.2", conditions, EventQueryFilter)

# %% [markdown] tags=["solution"]
# **Why this works.** Each piece of the text is a constant of ours. What the caller says decides only *which* pieces are joined,
# and travels as a value. `is not None` tells "does not matter" from an empty list, which asks for something: any of no types.
# One type is a list of one, so there is one condition for both.

# %% [markdown]
# ### Exercise 4.3: the order
#
# Write `order(question)`. It returns the text that stands behind `ORDER BY`.
#
# - For `order_by="version"` and `order_direction="DESC"` it is `"version DESC, sequence_number DESC"`: what is equal follows by
#   sequence number, in the same direction.
# - `order_by` is `"sequence_number"`, `"event_timestamp"` or `"version"`, `order_direction` is `"ASC"` or `"DESC"`, letter by
#   letter. For anything else it raises `InvalidQuestionError(field, problem)`. `field` is the field's name, `problem` says in
#   your words what to write.


# %% tags=["keep"]
# Exercise 4.3, kept
def order(question):
    ### BEGIN SOLUTION
    if question.order_by not in ("sequence_number", "event_timestamp", "version"):
        raise InvalidQuestionError("order_by", "use sequence_number, event_timestamp or version")
    if question.order_direction not in ("ASC", "DESC"):
        raise InvalidQuestionError("order_direction", "use ASC or DESC")
    return f"{question.order_by} {question.order_direction}, sequence_number {question.order_direction}"
    ### END SOLUTION


# %%
check("4.3", order, EventQueryFilter)

# %% [markdown] tags=["solution"]
# **Why this works.** After the two checks, the words of the caller equal words that we wrote ourselves. A column that exists
# but is not in the set, such as `event_data`, is refused as well: sorting by it would have no index, and the order would tell
# about payloads that the caller may not see. The number behind it makes the order total: no two events are equal in it.

# %% [markdown]
# The rest is putting the pieces together. With `LIMIT NULL` there is no limit. `COLUMNS` and `event_from` are yours, from Day
# 3; this notebook needs them here, too.


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
# Kept: questions
class Reading(StreamReading):
    """Reads streams and answers questions."""

    def query(self, question):
        where, values = conditions(question)
        statement = f"""
            SELECT {COLUMNS} FROM domain_events
            WHERE {where} ORDER BY {order(question)} LIMIT %(limit)s
        """
        with self.connection() as connection:
            rows = connection.execute(statement, values | {"limit": question.limit}).fetchall()
        return [event_from(row) for row in rows]

    def get_by_type(self, event_type, limit=None):
        return self.query(EventQueryFilter(event_type=event_type, limit=limit))


# %% [markdown]
# To try it: `store = day.with_mine(Reading)`, then `store.query(EventQueryFilter(user_id="shover 5", limit=3))`. (`day.store`
# is the package's, and wants the package's question: `eventstore.EventQueryFilter`.)

# %% [markdown]
# ## Page by page
#
# A screen in the hall shows what is new, newest first, five at a time. `OFFSET 5` means: leave out the first five. That is the
# page number in SQL, and nearly everybody begins with it.


# %%
def page_by_offset(number):
    statement = "SELECT sequence_number FROM domain_events ORDER BY sequence_number DESC LIMIT 5 OFFSET %s"
    return day.q(statement, [5 * (number - 1)])["sequence_number"].tolist()


first_page = page_by_offset(1)
print("page 1:", first_page)

# %% [markdown]
# Somebody reads page 1. Meanwhile a new hand begins, with three events.
#
# **Predict:** which numbers are on page 2?

# %%
meanwhile = [
    eventstore.DomainEvent(event_type=t, aggregate_id="new hand", version=v, event_data={}, id=day.new_id())
    for v, t in enumerate(["game.created", "game.hole_cards_dealt", "game.hand_completed"], start=1)
]
day.store.append_many(meanwhile)
print("page 2:", page_by_offset(2))

# %% [markdown]
# Three of them were on page 1 already. The new events have pushed everything down, and a page number counts from the top as it
# is *now*. The pages **drift**. Where rows can vanish, they drift the other way, and rows are skipped.
#
# The cure is to remember not how many we have seen, but *where* we were. This is **keyset paging**.


# %%
def page_before(number):
    statement = (
        "SELECT sequence_number FROM domain_events WHERE sequence_number < %s ORDER BY sequence_number DESC LIMIT 5"
    )
    return day.q(statement, [number])["sequence_number"].tolist()


print("page 1:", first_page)
print("page 2:", page_before(first_page[-1]))

# %% [markdown]
# **Predict:** what does page 2,000 cost, with either?

# %% tags=["figure"]
import matplotlib.pyplot as plt
import pandas as pd

BY_OFFSET = "SELECT * FROM domain_events ORDER BY sequence_number DESC LIMIT 5 OFFSET {}"
KEYSET = "SELECT * FROM domain_events WHERE sequence_number <= {} ORDER BY sequence_number DESC LIMIT 5"

[newest] = day.q("SELECT max(sequence_number) AS newest FROM domain_events")["newest"]
counted = []
for page in (1, 500, 1000, 1500, 2000):
    skipped = 5 * (page - 1)
    by_offset, _ = looked_at(BY_OFFSET.format(skipped))
    by_key, _ = looked_at(KEYSET.format(newest - skipped))
    counted.append([page, by_offset, by_key])

growth = pd.DataFrame(counted, columns=["page", "OFFSET", "keyset"])
print(growth.to_string(index=False))
figure, axes = plt.subplots(figsize=(7, 3.5))
axes.plot(growth["page"], growth["OFFSET"], marker="o", color="#D55E00", label="OFFSET")
axes.plot(growth["page"], growth["keyset"], marker="s", color="#0072B2", label="keyset")
axes.set_title("What one page of five events costs")
axes.set_xlabel("number of the page")
axes.set_ylabel("rows looked at")
axes.legend(frameon=False)
plt.show()

# %% [markdown]
# With `OFFSET` the rows looked at grow with the number of the page, up to 10,000 for five events: the server walks over what it
# leaves out. With a key it is five rows on every page, since the index leads right to the place.
#
# What keyset paging costs: you can go on, but not jump to "page 17". And one gap is left. A number is drawn before its event
# can be seen, so a late event may still appear *behind* you. Day 9 closes that gap.
#
# ### Exercise 4.4 (stretch): walk through the log
#
# `query(EventQueryFilter())` puts the whole log into a list. Write a generator `pages(store, question, size)`. It gives all
# events that fit the question, one by one, and never asks the store for more than `size` at a time.
#
# - The conditions of the question hold on every page. Its own `after_sequence` is where the walk begins, and its `limit` is the
#   number of events in all.
# - Only the order of the log can be walked like this. For any other `order_by` or `order_direction` it raises `ValueError`.
# - `list(pages(day.store, eventstore.EventQueryFilter(user_id="shover 5"), 10))` gives what `query` gives at once.
#
# A question cannot be changed. `replace(question, limit=10)` makes another one, equal in all other fields.


# %%
# Exercise 4.4
from dataclasses import replace


def pages(store, question, size):
    ### BEGIN SOLUTION
    if (question.order_by, question.order_direction) != ("sequence_number", "ASC"):
        raise ValueError("only the order of the log can be walked page by page")
    left = question.limit
    while left is None or left > 0:
        wanted = size if left is None else min(size, left)
        page = store.query(replace(question, limit=wanted))
        yield from page
        if len(page) < wanted:
            return
        question = replace(question, after_sequence=page[-1].sequence_number)
        if left is not None:
            left -= wanted
    ### END SOLUTION


# %%
check("4.4", pages)

# %% [markdown] tags=["solution"]
# **Why this works.** The number of the last event of a page is all that the walk has to remember. What is appended meanwhile
# gets higher numbers, so it comes at the end and moves nothing. In the order of the clock the same trick would lose events: one
# with a later time can have a lower number, and `after_sequence` would cut it off. Note that the `ValueError` comes at the
# first `next`, not at the call: a generator runs nothing before.

# %% [markdown]
# ## Meet the package
#
# Your pieces were tried on the promises of `workbook/contract/querying.py`, `ordering.py` and `streaming.py`. This is how the
# package puts a question together.

# %%
show("eventstore.reading.query_events")

# %% [markdown]
# `CONDITIONS` is a dict like yours, and `DIRECTIONS` a closed set. Its pieces are `sql.SQL`, which psycopg accepts from
# constants only, as far as a type checker can tell; your f-string works as long as everybody remembers the rule.
# `prepare=False` asks for a new plan each time: a rare type wants another plan than a common one.
#
# What else does it add?
#
# - `EventQueryFilter` checks every field when it is made. It keeps a copy of the payload and of the list, as `DomainEvent`
#   does.
# - `get_stream` reads pages that begin small and grow, up to 1,000 events or some 4 MB.
#
# A question to the package looks like one to yours. The last three times that bluffer 3 raised on the flop, and then an
# attack like the one above:

# %%
question = eventstore.EventQueryFilter(
    user_id="bluffer 3", data_contains={"street": "flop", "action": "raise"}, order_direction="DESC", limit=3
)
for event in day.store.query(question):
    print(f"event {event.sequence_number}: puts in {event.event_data['amount']}")

try:
    day.store.query(eventstore.EventQueryFilter(order_by="version; DROP TABLE domain_events"))
except eventstore.InvalidEventError as error:
    print(error)

# %% [markdown]
# And for those who ask in SQL, the schema has a function. This is the end of our hand, from version 15 on.

# %%
show_sql("120_event_stream")
day.q("SELECT version, event_type, user_id FROM get_event_stream(%s, 15) ORDER BY version", [HAND])

# %% [markdown]
# ## What this bought, what it costs
#
# | choice | bought | costs |
# |---|---|---|
# | order by `sequence_number` | what answers what is in order, whatever the clocks say | it is the order of writing; an event written late stands late |
# | an index for each kind of question | the rows looked at are those found | room, and work at each append |
# | GIN for payloads | any value in the payload can be looked up | no "larger than", and the hits have to be sorted |
# | keyset paging | no drift, the same cost for each page | going on, but no jumping |
# | parameters, and a closed set | no caller writes SQL | a new kind of order needs new code |

# %% [markdown]
# ## Key points
#
# - A log of facts is an audit trail. Read it aloud.
# - Clocks answer "around when", numbers answer "in which order".
# - An index serves the question for which it was made. The plan shows whether it does.
# - Remember where you were, not how many you saw.
# - Values travel as parameters. What cannot be a value comes from a closed set of your own.
#
# **New words:** audit trail, generator, containment, GIN, injection, closed set, keyset paging.

# %% [markdown] tags=["instructor"]
# ### What they see failing
#
# A list sorted by the clock, in which seat 6 folds before the hand exists. A query put together from text, which shows
# a player everybody's cards, and the next time drops the log. Page 2 of a list that repeats a line and skips another,
# because somebody wrote in between.
#
# ### Questions for discussion
#
# **When do you sort by time all the same?**
#
# For people, who ask "around when". For a decision about what came first, use the number that one party handed out. Two
# machines never agree on the time to the millisecond.
#
# **A website needs to jump to page 500. What do you offer?**
#
# Ask who needs it. Mostly they look for something: offer a date or a search, and go on from there by key. `OFFSET`
# reads and throws away all pages before, and drifts.
#
# **`order_by` cannot be a parameter. Why is comparing with a list of your own safe, and taking out quotes and semicolons not?**
#
# A closed set says what is allowed, and all else is refused. Cleaning says what is forbidden, and the next attack is
# the character that nobody thought of.
#
# **Which question about a log would none of these indexes answer?**
#
# "All raises above 1,000", for instance: containment knows no larger-than. It needs an index on that expression, or a
# table that is worked out once, as on Days 7 and 9.
#
# ### When time is short
#
# - 4.3 is short and can be done together, as an exercise in reading `in`.
# - 4.4 is for those who are fast. Day 9 reads page by page again, with a mark.
# - *Inside the payload* can be cut to the five questions and the plan.
# - Keep *A question made of text*, whatever happens. It is the part that saves somebody's job.
# - Keep *Page by page* without its exercise: Days 8 and 9 remember a position in the same way.
