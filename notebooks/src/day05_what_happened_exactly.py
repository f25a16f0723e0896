# ---
# jupyter:
#   workbook:
#     title: What happened, exactly?
#     promise: After this day you can work out any moment of the past to the chip, say how exact "any moment" is, and go on after a crash as if nothing had happened.
#     needs: ["Day 1: events, streams, versions", "functions that take functions; `itertools` and processes are explained on the way"]
#     able: ["write a fold, one function for each type of event", "find the event at which a state goes wrong", "travel to any version, and know what a timestamp cannot do", "recover what a dead program left behind"]
# ---

# %%
import json
import os
import random
import subprocess
import sys
import time
from dataclasses import replace
from datetime import timedelta
from itertools import accumulate

import pandas as pd

import eventstore
import poker
from workbook.day import check, hint, open_day, show

day = open_day(5)

# %% [markdown]
# ## Do you remember?
#
# 1. Two names for one dict: what does that do to a history?
# 2. In which order do you get the events of one hand, and which of their fields may not be trusted to sort them?

# %% [markdown] tags=["answer"]
# 1. Whoever changes the dict under one name changes it under the other, too: the past moves.
# 2. By version. `event_timestamp` may not be trusted: it comes from the clocks of the writers.

# %% [markdown]
# ## Chips that nobody can explain
#
# A season of 2,000 simulated hands comes with the project. We take three of them, and mix them as they were played: while
# one hand goes on at table 2, another begins at table 3.

# %%
records = {record.section: record for record in poker.read_hands(poker.season())}
table_1, table_2, table_3 = (poker.hand_events(records[section]) for section in ("1047", "1048", "1049"))

evening = sorted(table_1 + table_2 + table_3, key=lambda event: event.event_timestamp)
day.store.append_many(evening)

HAND = table_1[0].aggregate_id
hand = day.store.get_by_aggregate(HAND)
for seat in hand[0].event_data["seats"]:
    print(seat)

# %% [markdown]
# `hand` is the one at table 1, read back from the store. On the flop, one after the other puts in everything. So this
# hand has a side pot and an uncalled bet.
#
# For the screens, a program also keeps the stacks in a table, with one `UPDATE` for each event.
# The program was restarted once, between storing version 10 and its `UPDATE`.

# %%
day.q("CREATE TABLE stacks (seat int PRIMARY KEY, name text, chips bigint)")


def update_stacks(event):
    data = event.event_data
    if event.event_type == "game.created":
        for seat, blind in zip(data["seats"], data["blinds"], strict=True):
            day.q("INSERT INTO stacks VALUES (%s, %s, %s)", [seat["seat"], seat["name"], seat["stack"] - blind])
    if event.event_type == "game.action_processed":
        day.q("UPDATE stacks SET chips = chips - %s WHERE seat = %s", [data["amount"], data["seat"]])
    if event.event_type == "game.hand_completed":
        for winner in data["winners"]:
            share = data["pot"] // len(data["winners"])
            day.q("UPDATE stacks SET chips = chips + %s WHERE seat = %s", [share, winner])


for event in hand:
    if event.version != 10:  # the program was restarted just here
        update_stacks(event)

# %% [markdown]
# Three players sat down with 5400 chips together. The hand is over.
#
# **Predict:** what do the three stacks add up to now?

# %%
stacks = day.q("SELECT seat, name, chips FROM stacks ORDER BY seat")
print("together:", stacks["chips"].sum())
stacks

# %% [markdown]
# There are 560 chips missing. So we look for a 560 among the 20 events of the hand.

# %%
amounts = [event.event_data["amount"] for event in hand if "amount" in event.event_data]
print(amounts, "560 is there:", 560 in amounts)

# %% [markdown]
# There is none. Two mistakes hide behind each other, and from the difference alone nobody can tell them apart. The table
# does not say which step went wrong, nor how many. Even if you mend the program, these rows stay wrong, and so do those of
# every hand before.
#
# A state that is kept can only be believed. A state that is worked out can be worked out again.

# %% [markdown]
# ## One step at a time
#
# Day 0 did it: begin with nothing, let each event change the state a little. All you need is a function that takes a state
# and an event, and returns the next state. By custom it is called `apply`. Here is one that counts what each seat has put
# in by its decisions.


# %%
def paid(state, event):
    if event.event_type == "game.action_processed":
        seat, amount = event.event_data["seat"], event.event_data["amount"]
        state[seat] = state.get(seat, 0) + amount
    return state


initial = {}
state = initial
for event in hand:
    state = paid(state, event)
print(state)

# %% [markdown]
# Right: seat 3 put in 2585, all that it had. **Predict:** what does the same loop print the second time?

# %%
state = initial
for event in hand:
    state = paid(state, event)
print(state)

# %% [markdown]
# Twice as much. `paid` has written into the dict that it was given, and that dict was `initial`. The second replay did not
# start with nothing.
#
# An `apply` must leave the old state alone and return a new one. `{**state, seat: amount}` is a new dict: everything that
# was in `state`, with one entry set.
#
# Nor may it ask anybody but the event: no clock, no dice, no table. Otherwise the same history gives another state
# tomorrow. And it sends nothing: a replay must not pay twice.


# %%
def paid(state, event):
    if event.event_type == "game.action_processed":
        seat, amount = event.event_data["seat"], event.event_data["amount"]
        return {**state, seat: state.get(seat, 0) + amount}
    return state


for _ in range(2):
    print(eventstore.replay(hand, paid, {}))

# %% [markdown]
# The loop is called `replay`. This one came from the package; now write yours.
#
# ### Exercise 5.1: replay
#
# Write `replay(events, apply, initial)`. It gives the state after the last event. `events` is anything that a `for` can go
# through, also a generator, which can be read only once and has no length. Their order counts as it is. What `apply` raises
# must reach the caller.
#
# - `replay(hand, paid, {})` gives `{3: 2585, 1: 990, 2: 1810}`.
# - `replay([], paid, {})` gives `{}`.


# %% tags=["keep"]
# Exercise 5.1, kept
def replay(events, apply, initial):
    """The state after the last of these events."""
    ### BEGIN SOLUTION
    state = initial
    for event in events:
        state = apply(state, event)
    return state
    ### END SOLUTION


# %%
check("5.1", replay)

# %% [markdown] tags=["solution"]
# **Why this works.** It knows nothing of poker and nothing of PostgreSQL. All that differs from one question to the next
# stands in `apply`. `functools.reduce(apply, events, initial)` of the standard library is the same fold, and a good answer,
# too.

# %% [markdown]
# ## One function for each type
#
# A hand has eight types of events. An `apply` with an `if` for each of them grows long. In Python a function is a value
# like any other, so it can stand in a dict: for each type, the function that knows what this type changes.


# %%
def last_to_act(state, data):
    return {**state, "last": data["seat"]}


def more_cards(state, data):
    return {**state, "board": state["board"] + data["cards"]}


LOOKS = {"game.action_processed": last_to_act, "game.board_dealt": more_cards}


def look(state, event):
    change = LOOKS.get(event.event_type)
    return state if change is None else change(state, event.event_data)


eventstore.replay(hand, look, {"board": [], "last": None})

# %% [markdown]
# Each function is small and can be tried alone. A type that is not in the dict changes nothing. That has a price.
#
# **Predict:** somebody has a slip of the finger in a name. What happens?

# %%
LOOKS = {"game.action_processed": last_to_act, "game.bord_dealt": more_cards}
eventstore.replay(hand, look, {"board": [], "last": None})

# %% [markdown]
# No error, and no board. A fold that means to know every type should refuse all others. The package does.
#
# ### Exercise 5.2: where are the chips?
#
# Write the three functions that move chips. The state is a dict: `start` and `stacks` are lists with one number for each
# seat, `pot` is what lies in the middle.
#
# - `created(state, data)`: the first event. `data` has `seats`, each with its `stack`, and the lists `antes` and `blinds`. They leave
#   the stacks and go into the pot. `start` keeps the stacks as they were before.
# - `action_processed(state, data)`: the chips of one decision go from the stack of `data["seat"]` into the pot.
# - `hand_completed(state, data)`: the pot is paid out. `data["payoffs"]` says for each seat what it has won or lost in the whole
#   hand, the side pots and the uncalled bet reckoned in.
#
# None of them may change the state that it gets. Examples, on the hand of today:
#
# - after version 1 the state is `{"start": [995, 1820, 2585], "stacks": [990, 1810, 2585], "pot": 15}`,
# - after version 20 it is `{"start": [995, 1820, 2585], "stacks": [0, 0, 5400], "pot": 0}`.


# %%
# Exercise 5.2
def created(state, data):
    ### BEGIN SOLUTION
    start = [seat["stack"] for seat in data["seats"]]
    forced = [ante + blind for ante, blind in zip(data["antes"], data["blinds"], strict=True)]
    stacks = [stack - chips for stack, chips in zip(start, forced, strict=True)]
    return {"start": start, "stacks": stacks, "pot": sum(forced)}
    ### END SOLUTION


def action_processed(state, data):
    ### BEGIN SOLUTION
    stacks = list(state["stacks"])
    stacks[data["seat"] - 1] -= data["amount"]
    return {**state, "stacks": stacks, "pot": state["pot"] + data["amount"]}
    ### END SOLUTION


def hand_completed(state, data):
    ### BEGIN SOLUTION
    stacks = [stack + won for stack, won in zip(state["start"], data["payoffs"], strict=True)]
    return {**state, "stacks": stacks, "pot": 0}
    ### END SOLUTION


CHANGES = {
    "game.created": created,
    "game.action_processed": action_processed,
    "game.hand_completed": hand_completed,
}


def chips(state, event):
    change = CHANGES.get(event.event_type)
    return state if change is None else change(state, event.event_data)


# %%
check("5.2", chips)

# %% [markdown] tags=["solution"]
# **Why this works.** Each function builds new lists, so no state that somebody else holds can move. And at the end it does
# not work out again who wins which pot: the event says what each seat has won. A fold that decides anything anew could
# decide otherwise than it was decided that night.

# %% [markdown]
# ## Chips in, chips out
#
# A colleague has written the same as one function. It is the program of the table from above, now as a fold.


# %%
def colleague(state, event):
    data = event.event_data
    if event.event_type == "game.created":
        start = [seat["stack"] for seat in data["seats"]]
        stacks = [stack - blind for stack, blind in zip(start, data["blinds"], strict=True)]
        return {"start": start, "stacks": stacks, "pot": sum(data["blinds"])}
    stacks, pot = list(state["stacks"]), state["pot"]
    if event.event_type == "game.action_processed":
        stacks[data["seat"] - 1] -= data["amount"]
        pot += data["amount"]
    if event.event_type == "game.hand_completed":
        for winner in data["winners"]:
            stacks[winner - 1] += data["pot"] // len(data["winners"])
        pot = 0
    return {**state, "stacks": stacks, "pot": pot}


print(eventstore.replay(hand, colleague, {}))

# %% [markdown]
# The first of the two mistakes is gone, and nobody has mended it: there is no second write that could get lost.
#
# The other mistake is still there: 4635 is not 5400. To find it, use a **law**, something that is true of every right
# state. Chips only move. So stacks and pot together are the same number after every event.
#
# `accumulate` of `itertools` is a fold that gives all states, not only the last. It begins with the initial one, which we
# leave out with `[1:]`.
#
# **Predict:** at which of the 20 versions does the law break first?


# %%
def states(events, apply):
    return list(accumulate(events, apply, initial={}))[1:]


for event, state in zip(hand, states(hand, colleague), strict=True):
    total = sum(state["stacks"]) + state["pot"]
    if total != 5400:
        print(f"version {event.version}, {event.event_type}: {total} chips")
        print(event.event_data)

# %% [markdown]
# Only at the last one, and the event itself says what is missing: `uncalled`, 765 chips that nobody could pay, and that the
# colleague never gave back. So the table is explained, too: 765 too few here, 205 too many from version 10, and 765 minus 205
# is 560.
#
# The cure is to change the function. No row has to be mended, since no row was wrong.


# %%
def mended(state, event):
    if event.event_type != "game.hand_completed":
        return colleague(state, event)
    stacks = [stack + won for stack, won in zip(state["start"], event.event_data["payoffs"], strict=True)]
    return {**state, "stacks": stacks, "pot": 0}


def adds_up(state):
    return sum(state["stacks"]) + state["pot"] == sum(state["start"])


print(eventstore.replay(hand, mended, {}))

season = [poker.hand_events(records[str(number)]) for number in range(1, 201)]
for apply in (colleague, mended):
    wrong = [events for events in season if not all(adds_up(state) for state in states(events, apply))]
    print(apply.__name__, "breaks the law in", len(wrong), "of", len(season), "hands")

# %% [markdown]
# But a law that holds proves less than it seems: the chips could still lie in front of the wrong player. So look for a
# second witness. The next hand at our table began with these stacks:

# %%
next_hand = poker.hand_events(records["1050"])
print([(seat["name"], seat["stack"]) for seat in next_hand[0].event_data["seats"]])

# %% [markdown]
# "regular 3" sat down with 5400. The other two had to buy new chips.
#
# **Find the bugs:** `colleague` has three more, which this hand cannot show. Which hands would?

# %% [markdown] tags=["answer"]
# Hands with antes, which it forgets. Pots that two share and that have an odd chip: `//` lets it vanish. Side pots with
# different winners: it shares all equally. The law finds the first two, not the third.

# %% [markdown]
# ### Exercise 5.3: find the step that went wrong
#
# Write `first_break(events, apply, initial, law)`. `law` is a function that takes a state and says whether it is in order.
# Give back the version of the first event after which it is not, and `None` if there is no such event. (`lambda state: ...`
# is a function without a name.)
#
# Apply each event once, and none after the break: what comes later may be its consequence, and a broken state can make
# `apply` fail. `events` may be a generator.
#
# - `first_break(hand, colleague, {}, lambda state: sum(state["stacks"]) + state["pot"] == 5400)` is `20`.
# - With `mended` in place of `colleague` it is `None`.


# %%
# Exercise 5.3
def first_break(events, apply, initial, law):
    ### BEGIN SOLUTION
    state = initial
    for event in events:
        state = apply(state, event)
        if not law(state):
            return event.version
    return None
    ### END SOLUTION


# %%
check("5.3", first_break)

# %% [markdown] tags=["solution"]
# **Why this works.** It is `replay` with a question after each step. The check comes after `apply`, so the version is that
# of the event which broke the law, not of the one before. It takes any law, for instance that no stack is below 0.

# %% [markdown]
# ## The film of a hand
#
# All states, drawn. You need not read the code that draws it.

# %% tags=["figure"]
import matplotlib.pyplot as plt

names = [seat["name"] for seat in hand[0].event_data["seats"]]
film = pd.DataFrame(
    [[event.version, *state["stacks"], state["pot"]] for event, state in zip(hand, states(hand, mended), strict=True)],
    columns=["version", *names, "pot"],
)
figure, axes = plt.subplots(figsize=(9, 4.5))
below = 0
for column, color in zip([*names, "pot"], ["#0072B2", "#009E73", "#E69F00", "#BBBBBB"], strict=True):
    hatch = "///" if column == "pot" else None
    axes.bar(film["version"], film[column], bottom=below, label=column, color=color, hatch=hatch, edgecolor="white")
    below = below + film[column]
axes.set_title("Where the chips are, event by event")
axes.set_xlabel("version of the event")
axes.set_ylabel("chips")
axes.axhline(5400, color="black", linestyle="--", linewidth=1)
axes.text(0.4, 5480, "5,400 chips at every version")
axes.set_ylim(0, 6000)
happened = {1: "blinds", 6: "flop", 13: "three all-ins", 18: "turn", 20: "end"}
axes.set_xticks(film["version"], [f"{version}\n{happened.get(version, '')}" for version in film["version"]])
axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False, reverse=True)
figure.tight_layout()
print(film.to_string(index=False))
plt.show()

# %% [markdown]
# The bars show the stacks of three players and, hatched, the pot. From version 11 to 14 all three stacks run into the pot,
# until it holds 5,400 chips; after version 20 they all belong to regular 3. The top of the bars is a straight line at
# 5,400: no chip comes, no chip goes.

# %% [markdown]
# ## Back in time
#
# With version 12, regular 3 put in everything. What did he see when he decided? The state
# after version 11. Only these events have to be read:

# %%
before = day.store.get_by_aggregate(HAND, to_version=11)
print(len(before), "events:", eventstore.replay(before, mended, {}))

# %% [markdown]
# A version is a point in *one* stream. What if you ask about two? When maniac 3 raised at table 3, how far was the hand at
# table 2? Their versions say nothing about each other. But all events of the store stand in one log, and the **sequence
# number** is the place in it.

# %%
[raised] = [event for event in day.store.get_by_aggregate(table_3[0].aggregate_id) if event.version == 3]
for name, events in [("table 1", table_1), ("table 2", table_2), ("table 3", table_3)]:
    stream = day.store.get_by_aggregate(events[0].aggregate_id)
    known = [event.version for event in stream if event.sequence_number <= raised.sequence_number]
    print(name, "stood at version", max(known))

# %% [markdown]
# And "at 23 past nine"? That question is the hardest. An event has two times. Here, seat 5 raises, seat 6
# calls, seat 3 folds. Seat 6 plays on a machine whose clock is a minute slow.

# %%
eight = day.now()
decisions = [(5, "raise", 900, 1), (6, "call", 900, -58), (3, "fold", 0, 3)]
for version, (seat, action, amount, seconds) in enumerate(decisions, start=1):
    fact = {"seat": seat, "action": action, "amount": amount}
    event = eventstore.DomainEvent(
        event_type="game.action_processed",
        aggregate_id="hand 2",
        version=version,
        event_data=fact,
        event_timestamp=eight + timedelta(seconds=seconds),
        id=day.new_id(),
    )
    day.store.append(event)

# %% [markdown]
# **Predict:** which decisions had been made at eight o'clock sharp, by `event_timestamp`? Seat 5 raised one second later.

# %%
by_the_clock = """
    SELECT version, event_data FROM domain_events
    WHERE aggregate_id = 'hand 2' AND event_timestamp <= %s
    ORDER BY version
"""
day.q(by_the_clock, [eight])

# %% [markdown]
# A call of a raise that has not been made: a moment that never was. The times of the writers are good for showing, not for
# cutting. If it must be this time, stop at the first event that lies beyond it: that gives a beginning of the stream, maybe
# a short one, never one with holes.
#
# The other time, `recorded_at`, comes from one clock, that of the server. `clock_timestamp()` reads it. Below, one program is
# slow: it appends within a transaction, which is committed at the end of the `with` block.
#
# **Predict:** we ask twice what was known at one moment. Can the second answer differ from the first?

# %%
seat_4 = eventstore.DomainEvent(
    event_type="game.action_processed", aggregate_id="hand 2", version=4, event_data={"seat": 4}, id=day.new_id()
)


def known_at(moment):
    return [event.version for event in day.store.get_by_aggregate("hand 2") if event.recorded_at <= moment]


writer = day.connection()
with writer.transaction():
    stored = day.store.append(seat_4, connection=writer)
    [moment] = writer.execute("SELECT clock_timestamp()").fetchone()
    print("asked at that moment:      ", known_at(moment))
    settled = day.store.high_water_mark()
print("asked later, same moment:  ", known_at(moment))
print("the number was settled then:", stored.sequence_number <= settled)

# %% [markdown]
# It can. `recorded_at` is read from the clock when the row is written, and others see the row only at `COMMIT`. So the past
# gained an event. Only a moment as fresh as the oldest open transaction can do that.
#
# Sequence numbers are drawn before the `COMMIT` as well. But there the store knows how far the log is settled:
# `high_water_mark()`. Up to this number nothing can appear any more, so an answer up to it is final. Day 9 shows how.
#
# | the point | exact? |
# |---|---|
# | version | yes, for one stream |
# | sequence number | yes, for all streams, up to the high-water mark |
# | `recorded_at` | nearly: it is taken before the commit |
# | `event_timestamp` | no: it is as good as the worst clock |

# %% [markdown]
# ## A program dies
#
# Now a real program will be killed in the middle of a hand.
#
# `DEALER` is its text. It keeps the state of one hand in memory. On each line that it is sent stands a fact. It applies the
# fact, which refuses what cannot be, appends the event, and answers. `poker.apply` is an `apply` like yours, for whole
# hands. `**fact` passes the entries of a dict as named arguments.

# %%
DEALER = """
import json, os, sys
import eventstore, poker

store = eventstore.connect(os.environ["DAY_URL"], schema=os.environ["DAY_SCHEMA"])
hand = os.environ["HAND"]
state = eventstore.replay(store.get_by_aggregate(hand), poker.apply, poker.GameState())
print(state.version, flush=True)
for line in sys.stdin:
    fact = json.loads(line)
    event = eventstore.DomainEvent(aggregate_id=hand, version=state.version + 1, **fact)
    state = poker.apply(state, event)
    store.append(event)
    print(state.version, flush=True)
"""

# %% [markdown]
# `subprocess.Popen` starts it as a process of its own. A *pipe* leads to its input, another one comes from its output.
# `flush` means: send it now. `env` is what the process finds in its `os.environ`. We deal nine events of the next hand at
# table 1.

# %%
NEXT = next_hand[0].aggregate_id


def start_dealer():
    surroundings = {**os.environ, "DAY_URL": day.url, "DAY_SCHEMA": day.schema, "HAND": NEXT}
    command = [sys.executable, "-c", DEALER]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=surroundings)


def tell(dealer, event):
    fact = {"event_type": event.event_type, "event_data": event.event_data}
    dealer.stdin.write(json.dumps(fact) + "\n")
    dealer.stdin.flush()


def answer(dealer):
    return int(dealer.stdout.readline())


dealer = start_dealer()
print("started at version", answer(dealer))
for event in next_hand[:9]:
    tell(dealer, event)
    version = answer(dealer)
print("it has answered: version", version)

# %% [markdown]
# `kill()` gives a process no time to save anything. The state in its memory is gone.

# %%
dealer.kill()
_ = dealer.communicate()  # wait until it is gone, and close the pipes

# %% [markdown]
# Which hands have to be taken up again? Those begun and not completed. The package asks the log.

# %%
for left in poker.unfinished_hands(day.store):
    print("the next hand at table 1:", left.hand_id == NEXT, "- at version", left.version)

# %% [markdown]
# **Predict:** we start a new dealer. At which version does it begin, and how much code did we have to write for the
# recovery?

# %%
dealer = start_dealer()
print("started at version", answer(dealer))

# %% [markdown]
# At version 9, with no code at all. `DEALER` always begins with a replay. To start and to recover are the same thing, and
# code that runs on every start works on the bad day, too.
#
# One doubt is left. What if it dies after a decision was sent, and before the answer came? It may be stored or not.
# Nobody has to guess: the new dealer says at which version it is.
#
# So, three times, we send all that is left of the hand, wait at most 10 milliseconds, and kill the dealer in the middle of its
# work. How far it comes differs from run to run.
#
# **Predict:** what can be said about the end?

# %%
version = 9
for _ in range(3):
    for event in next_hand[version:]:
        tell(dealer, event)
    time.sleep(random.uniform(0, 0.01))
    dealer.kill()
    _ = dealer.communicate()
    dealer = start_dealer()
    version = answer(dealer)

for event in next_hand[version:]:
    tell(dealer, event)
_ = dealer.communicate()  # no more input: it ends by itself

stored = day.store.get_by_aggregate(NEXT)
print("versions:", [event.version for event in stored])
print("as they were played:", [event.event_data for event in stored] == [event.event_data for event in next_hand])
print("unfinished hands:", len(poker.unfinished_hands(day.store)))

# %% [markdown]
# Each event once, in order, no chip lost, wherever the kills fell. And if two new dealers take up the same hand at once?
# Both append the same version, and one of them gets the version conflict of Day 3.
#
# ### Exercise 5.4 (stretch): find the unfinished hands
#
# Two pieces of SQL are new. `HAVING` filters groups, as `WHERE` filters rows: `GROUP BY aggregate_id HAVING count(*) > 5`
# leaves the aggregates with more than five events. And `bool_or(condition)` is true for a group in which the condition is
# true for at least one row.
#
# Write `unfinished()`. It returns one `SELECT`, as text, with the columns `hand_id` and `version`: all hands with a
# `game.created` and without a `game.hand_completed`, with the version of their last event, in the order in which they were
# created. Other aggregates, such as players, are left out.
#
# - In this notebook it gives no row at the end, as all hands are completed; "hand 2" has no `game.created`.
# - Had you run it right after the first kill, it would have given one row, with version 9.


# %%
# Exercise 5.4
def unfinished():
    ### BEGIN SOLUTION
    return """
        SELECT aggregate_id AS hand_id, max(version) AS version
        FROM domain_events
        GROUP BY aggregate_id
        HAVING bool_or(event_type = 'game.created') AND NOT bool_or(event_type = 'game.hand_completed')
        ORDER BY min(sequence_number)
    """
    ### END SOLUTION


# %%
check("5.4", unfinished)

# %% [markdown] tags=["solution"]
# **Why this works.** A hand is one group, and the two questions about it are asked of the whole group. The first event of a
# hand has the lowest sequence number of the hand, so `min` puts the hands in the order in which they began. It reads the
# whole log, though. The package's statement asks the index for the first and the last events only, and looks closer at
# nothing but the unfinished hands.

# %% [markdown]
# ## Meet the package
#
# Hardly to be told apart from yours. (`python3 -m workbook assemble` adds yours to your own store.)

# %%
show(eventstore.replay)

# %% [markdown]
# The package's `apply` for poker keeps cards, streets, bets and the result as well. This is where it meets an event:

# %%
show(poker.apply)

# %% [markdown]
# What does it add? It refuses a type that it does not know. And it refuses an event that cannot follow, so a stream with a
# hole is found the first time it is replayed. The law is built in:

# %%
try:
    state = eventstore.replay(hand[:-1], poker.apply, poker.GameState())
    poker.apply(state, replace(hand[-1], event_data={**hand[-1].event_data, "uncalled": 0}))
except ValueError as error:
    print(error)

# %% [markdown]
# What a state knows, not everybody may see. For those who look on, `spectator_view` hides the cards that lie face down:

# %%
print(state.seats[2].down, poker.spectator_view(state).seats[2].down)

# %% [markdown]
# And time travel has one call, `load_at` of a `Repository`. It takes the point in any of the four ways; the clocks of this season
# are right:

# %%
repository = eventstore.Repository(day.store, poker.apply, poker.GameState())
eleventh = hand[10]
for way in ("version", "sequence_number", "recorded_at", "event_timestamp"):
    state = repository.load_at(HAND, **{way: getattr(eleventh, way)})
    print(way, "-> version", state.version, state.street, state.stacks, "pot", state.pot)

# %% [markdown]
# ## What this bought, what it costs
#
# | choice | bought | costs |
# |---|---|---|
# | a state is worked out, not kept | a wrong fold is mended, and every past state is right again | all events of the stream are read each time: Day 6 |
# | `apply` changes nothing it is given | the same replay twice gives the same | new lists and dicts at each step |
# | one function for each type | each is small, and can be tried alone | a type in nobody's dict passes in silence, unless refused |
# | a law, checked after each event | the first wrong step has a name | it finds chips that vanish, not chips in front of the wrong player |
# | time by version or sequence number | the same answer for ever | people ask by the clock, so somebody has to translate |
# | each start is a replay | a crash needs no code of its own | a start takes as long as a replay |

# %% [markdown]
# ## Key points
#
# - A state that nobody can explain was kept. Work it out instead.
# - An `apply` returns a new state and leaves the old one alone.
# - Chips only move: a law, asked after each event, names the first wrong step.
# - Cut time at a version or a sequence number. Clocks are for showing.
# - A program that starts with a replay has already recovered.
#
# **New words:** law, time travel, high-water mark, process, pipe, recovery.
#
# **To read on:** Martin Fowler, [Event Sourcing](https://martinfowler.com/eaaDev/EventSourcing.html).

# %% [markdown] tags=["instructor"]
# ### What they see failing
#
# Three stacks that were kept up by hand and do not add up, and nobody can say since when. A replay that gives another
# result the second time, because the fold changed what it was given. A question about one moment of the past that gets
# two answers, because a row is seen only at its `COMMIT`.
#
# ### Questions for discussion
#
# **The law "chips in, chips out" holds after each event. Which mistakes does it still not find?**
#
# Chips in front of the wrong player; an event that is missing as a whole; a wrong amount that was taken and put down
# consistently. A law finds what it talks about. Look for a second one: no stack below zero, no action by somebody who
# has folded.
#
# **A fold has had a bug for a year. What do you have to repair, and what not?**
#
# The fold. No event is touched, and every state is right at the next replay. What was decided, printed or paid by the
# wrong states is a matter for new events. And snapshots have to go: Day 6.
#
# **"How did things stand at eight o'clock?" What do you ask back?**
#
# By whose clock, and as known then, or as known now? An event written late belongs to before eight by its own time, and
# was not known at eight. Ask up to a number of the log that is settled, and the answer never changes.
#
# **The dealer's program needed no code for its recovery. What would it have needed if it kept its state in a table?**
#
# State and log would have to change together, and after a crash somebody would have to find out which of the two is
# right. Here there is one truth, and each start is a recovery.
#
# ### When time is short
#
# - 5.1 takes five minutes and everything stands on it. Keep it.
# - *The film of a hand* is a picture; look at it together and go on.
# - 5.4 repeats grouping in SQL. No later day needs it.
# - *Back in time* is worth its time to those who have to answer auditors. Day 6 asks for the past once more, by
#   version.
# - Keep 5.2, which is long, and offer the solution for its last part after a quarter of an hour: Day 6 saves this kind
#   of state.
