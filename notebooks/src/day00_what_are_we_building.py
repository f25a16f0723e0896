# ---
# jupyter:
#   workbook:
#     title: What are we building?
#     promise: After this day your machine runs the course, and you have replayed a famous hand of poker from nothing but its facts.
#     needs: ["a little Python: functions, lists, dicts", "a little SQL: `SELECT`, `INSERT`, `UPDATE`, `GROUP BY`", "no poker at all"]
#     able: ["say what a stored state forgets", "write a short history down as events", "replay it to any point in time"]
# ---

# %% [markdown]
# Run each cell with Shift + Enter, from the top. Before you run a cell that follows a question, answer the question for
# yourself. A wrong guess teaches more than a right one.
#
# The first cell opens the day. It finds or starts a PostgreSQL server on your machine and makes an empty schema in it
# that belongs to this notebook alone. You cannot break anything: run the cell again, and the day starts afresh.
#
# A cell that makes a table or stores events works once. If you have run it twice and it complains, choose
# *Run → Run All Above Selected Cell*, and go on from there.

# %%
from workbook.day import check, hint, open_day, show_sql

day = open_day(0)

# %% [markdown]
# If you see the line above, your machine works: Python, the packages, the notebook and the database. If not, open a
# terminal in the folder of the course and type `python3 -m workbook doctor` (in PowerShell, `py` for `python3`). It looks at
# one thing after the other, and each line that fails says what to type next.

# %% [markdown]
# ## Does this course fit you?
#
# Five questions. Take a piece of paper, write your five answers down, then open the answers below.
#
# 1. In Python: `a = [1]`, then `b = a`, then `b.append(2)`. What is `a`?
# 2. In Python: `sum(x for x in [50, 100, 210] if x > 60)` gives what?
# 3. In Python: what is the difference between a class and an object?
# 4. In SQL: a table `bets` has the columns `player` and `chips`. What does
#    `SELECT player, sum(chips) FROM bets GROUP BY player ORDER BY player` give you?
# 5. In SQL: one transaction does two `INSERT`s. The first works, the second fails. How many new rows are there at the end?

# %% [markdown] tags=["answer"]
# 1. `[1, 2]`. Both names point to the same list. Day 1 shows what that does to a history.
# 2. `310`.
# 3. A class is the plan, an object is one thing built by the plan.
# 4. One row for each player, with the sum of that player's chips, in the order of their names.
# 5. None. A transaction happens as a whole or not at all.
#
# Four or five right: you are in the right place. Two or three: come along, and expect to look things up. Fewer: do
# chapters 3 to 5, 8 and 9 of the [Python tutorial](https://docs.python.org/3/tutorial/) and chapters 2 and 3 of the
# [PostgreSQL tutorial](https://www.postgresql.org/docs/current/tutorial.html) first. It will be time well spent.

# %% [markdown]
# ## Poker in ten lines
#
# 1. Two to nine players sit around a table. Each one has a **stack** of chips and puts chips into the middle. What is
#    won in the end is the **pot**.
# 2. Before the cards are dealt, two players put in the small and the big **blind**. In some games everybody also puts
#    in an **ante**.
# 3. In the game that we use, no-limit hold'em, everybody gets two cards that only they see.
# 4. There are four rounds of betting, called **streets**: preflop, flop, turn and river.
# 5. Before the flop three cards are laid open in the middle, before the turn one more, before the river the last one.
# 6. When it is your turn, you **fold** (give up the hand), **check** (wait), **call** (pay as much as the others),
#    **bet** (put chips in) or **raise** (put in more than the others).
# 7. A street ends when everybody who still can has acted, and has put in as much as the highest bet.
# 8. Nobody else left: the last player takes the pot without showing the cards.
# 9. Two or more left after the river: they show their cards, and the best five of seven win. That is the **showdown**.
#    Equal hands share the pot.
# 10. The part of a bet that nobody else paid goes back. That part is the **uncalled bet**.
#
# That is all the poker you need. For us, a hand is a short story in which every step is certain, and every chip can be
# counted. There is hardly a better thing to learn on.

# %% [markdown]
# ## A table that forgets
#
# The first program that anybody writes for a poker room keeps one row for each hand and adds to its pot. Let us do that.
# The pot starts with the blinds, 150 chips. Then come four decisions.

# %%
day.q("CREATE TABLE hand (id text PRIMARY KEY, pot bigint NOT NULL)")
day.q("INSERT INTO hand VALUES ('hand 1', 150)")
for chips in [300, 300, 900, 600]:
    day.q("UPDATE hand SET pot = pot + %s WHERE id = 'hand 1'", [chips])

day.q("SELECT id, pot FROM hand ORDER BY id")

# %% [markdown]
# So far the program is right: 150 + 300 + 300 + 900 + 600 is 2,250. A week later a colleague writes a second place that
# changes the pot, for a player who adds 500 chips. It leaves out `pot +`.

# %%
day.q("UPDATE hand SET pot = %s WHERE id = 'hand 1'", [500])

# %% [markdown]
# In the morning a player complains about the hand.
#
# **Predict:** what will the table say? And which of these questions can it answer: *How large was the pot before? Who put in
# the 900? Which step went wrong?*

# %%
day.q("SELECT id, pot FROM hand ORDER BY id")

# %% [markdown]
# It says 500, and it says so with full confidence. 2,250 chips are gone, and no query will bring them back or tell who
# did it. `UPDATE` has written over the only copy of the truth.
#
# The missing `pot +` is not the real mistake. Every program has mistakes. The real mistake is to keep only the **state**,
# the end of the story, and to throw the story away.

# %% [markdown]
# ## Keep the story instead
#
# The other way is old: bankers, ship's captains and chess players use it. Write down what happened, one line for each
# fact, and never change a line. The state is then something you can *work out*, as often as you like.
#
# Such a line is called an **event**. Events that belong together, here those of one hand, form a **stream**, and the thing
# that they are about is the **aggregate**. Each event has a **version**: its number in its stream.

# %%
from eventstore import DomainEvent

facts = [
    ("game.created", {"blinds": [50, 100, 0, 0, 0]}),
    ("game.action_processed", {"seat": 3, "street": "preflop", "action": "raise", "amount": 300}),
    ("game.action_processed", {"seat": 4, "street": "preflop", "action": "call", "amount": 300}),
    ("game.action_processed", {"seat": 5, "street": "preflop", "action": "raise", "amount": 900}),
    ("game.action_processed", {"seat": 3, "street": "preflop", "action": "call", "amount": 600}),
]
for version, (event_type, event_data) in enumerate(facts, start=1):
    event = DomainEvent(event_type=event_type, aggregate_id="hand 1", version=version, event_data=event_data)
    day.store.append(event)

day.q("SELECT version, event_type, event_data FROM domain_events WHERE aggregate_id = 'hand 1' ORDER BY version")

# %% [markdown]
# Who put in the 900? Seat 5, in event 4. How large was the pot before? Add up events 1 to 3: 750. Nothing was lost, because
# nothing was written over.
#
# **Predict:** our colleague comes back and tries to "repair" an event. What happens? (The next cell ends in an error. It is
# meant to.)

# %% tags=["raises-exception"]
day.q("UPDATE domain_events SET event_data = '{\"amount\": 500}' WHERE aggregate_id = 'hand 1'")

# %% [markdown]
# The database itself says no. It says so to every program and to every person with a console, because the rule stands
# in the database, not in our Python. Only the owner of the table could first take the rule away, and that is no slip any
# more. This is the whole of it:

# %%
show_sql("110_guards")

# %% [markdown]
# One question remains: what do you do when a fact was *really* wrong? You append a new one that puts it right. That is
# also what a banker does: nothing in a ledger is erased, a second entry corrects the first.

# %% [markdown]
# ## A hand that people still talk about
#
# Enough of 500 chips. In 2009, in a cash game made for television, three of the best-known players of their time sat at
# one table: Phil Ivey, Patrik Antonius and Tom Dwan. One dollar was one chip. The hand they played is remembered as the
# first pot on television that passed a million dollars.
#
# Here are its facts. First how it began: who sat where, with which stack, and what everybody had to put in.

# %%
HAND = "dwan-ivey-2009"

created = {
    "variant": "NT",
    "currency": "USD",
    "chip_unit": 1,
    "seats": [
        {"seat": 1, "name": "Phil Ivey", "stack": 1_125_600},
        {"seat": 2, "name": "Patrik Antonius", "stack": 2_000_000},
        {"seat": 3, "name": "Tom Dwan", "stack": 553_500},
    ],
    "antes": [500, 500, 500],
    "blinds": [1_000, 2_000, 0],
    "big_blind": 2_000,
}

# %% [markdown]
# Then the decisions, in the order in which they were made. `amount` is what the player put in with this decision, beyond
# what already lay there.
#
# Ivey holds an ace and a two, Dwan a seven and a six. Before the flop Dwan raises, Ivey raises again, Antonius gets out of
# the way. The flop brings jack, three, five. The turn brings a four: now both of them have five cards in a row. Ivey has
# ace to five. Dwan has three to seven, and that is more. Ivey cannot know it, and puts all his chips in. Dwan calls with all
# of his. The river, a jack, changes nothing.

# %%
decisions = [
    # seat, street, action, amount
    (3, "preflop", "raise", 7_000),
    (1, "preflop", "raise", 22_000),
    (2, "preflop", "fold", 0),
    (3, "preflop", "call", 16_000),
    (1, "flop", "bet", 35_000),
    (3, "flop", "call", 35_000),
    (1, "turn", "bet", 90_000),
    (3, "turn", "raise", 232_600),
    (1, "turn", "raise", 977_100),
    (3, "turn", "call", 262_400),
]
completed = {"pot": 1_109_500, "uncalled": 572_100, "showdown": True, "winners": [3]}

# %% [markdown]
# Now we turn the facts into events and append them, all in one call. `append_many` writes all of them or none. The clock
# and the ids come from the day, so that your notebook prints the same as everybody else's.


# %%
def as_event(version, event_type, event_data):
    return DomainEvent(
        event_type=event_type,
        aggregate_id=HAND,
        version=version,
        event_data=event_data,
        event_timestamp=day.now(),
        id=day.new_id(),
    )


facts = [("game.created", created)]
for seat, street, action, amount in decisions:
    decision = {"seat": seat, "street": street, "action": action, "amount": amount}
    facts.append(("game.action_processed", decision))
facts.append(("game.hand_completed", completed))

events = [as_event(version, event_type, data) for version, (event_type, data) in enumerate(facts, start=1)]
stored = day.store.append_many(events)
print(len(stored), "events stored, the last one has version", stored[-1].version)

# %% [markdown]
# ## Replay it
#
# From here on we forget the Python lists and read the hand back from the database. To get a state out of events, start
# with nothing, go through the events in order, and let each one change the state a little. This is called a **fold**, and
# doing it is a **replay**.
#
# **Predict:** which chips lie in the middle before anybody has decided anything?


# %%
import pandas as pd


def put_in(chips, event):
    """What each seat has put in, after one more event."""
    data = event.event_data
    if event.event_type == "game.created":
        return [ante + blind for ante, blind in zip(data["antes"], data["blinds"], strict=True)]
    if event.event_type == "game.action_processed":
        chips = list(chips)
        chips[data["seat"] - 1] += data["amount"]
    return chips


events = day.store.get_by_aggregate(HAND)
names = [seat["name"] for seat in events[0].event_data["seats"]]

chips, rows = [], []
for event in events[:-1]:
    chips = put_in(chips, event)
    data = event.event_data
    step = f"{names[data['seat'] - 1]} {data['action']}" if "seat" in data else "antes and blinds"
    rows.append([event.version, data.get("street", "preflop"), step, *chips, sum(chips)])

replay = pd.DataFrame(rows, columns=["version", "street", "step", *names, "in the middle"])
replay

# %% [markdown]
# Eleven rows of a table, and you can stop the film wherever you like. After version 5, for instance, the flop is about to
# come and 49,500 chips lie in the middle.
#
# Here is the same film as one picture. You need not read the code that draws it.

# %% tags=["figure"]
import matplotlib.pyplot as plt

BLUE, ORANGE, GREEN = "#0072B2", "#E69F00", "#009E73"  # told apart by colour-blind readers, too

figure, axes = plt.subplots(figsize=(9, 4.5))
below = 0
for name, color in zip(names, [BLUE, GREEN, ORANGE], strict=True):
    axes.bar(replay["version"], replay[name] / 1000, bottom=below, label=name, color=color)
    below = below + replay[name] / 1000
axes.axhline(completed["pot"] / 1000, color="black", linestyle="--", linewidth=1)
axes.text(0.5, completed["pot"] / 1000 + 20, "what Dwan won: the pot of 1,109,500 dollars")
axes.set_title("Chips in the middle, event by event")
axes.set_xlabel("version of the event")
axes.set_ylabel("thousand dollars")
first_of_street = ~replay["street"].duplicated()
axes.set_xticks(replay["version"], replay["version"].astype(str) + ("\n" + replay["street"]).where(first_of_street, ""))
axes.legend(loc="center left", frameon=False)
print(replay.groupby("street", sort=False)["in the middle"].last().to_string())
plt.show()

# %% [markdown]
# Up to event 9 the bars stay below half a million dollars. Then Ivey's last raise lifts the chips in the middle to
# 1,419,200, and Dwan's call to 1,681,600. The dashed line shows what Dwan won, 1,109,500, far below that top.
#
# Why is the top of the picture higher than the pot? Ivey had more chips than Dwan. His last raise added 977,100, but Dwan
# could pay only a part of it. The rest, 572,100, is the uncalled bet: it went back to Ivey, and it never was part of the pot.
# People who plot pots and forget this draw many of them too large. You will not: exercise 0.2.

# %% [markdown]
# ## Your turn
#
# Each exercise is a function with a missing body. Delete the line that raises the error, write your own lines, and run
# the cell. Then run the check below it. It says *to do*, *not yet* with the first thing that is wrong, or *done*.
# Hints are folded below each check; open one at a time, or let `hint("0.1")` print the next one.
#
# Nothing later in the notebook needs your answers. If you are stuck, read on, and come back.
#
# ### Exercise 0.1: the pot at any moment
#
# Write `in_the_middle(events, version)`. It gives the number of chips in the middle right after the event of this
# version. Antes and blinds count.
#
# - `in_the_middle(events, 1)` of the hand above is `4500`.
# - `in_the_middle(events, 5)` is `49500`.


# %%
# Exercise 0.1
def in_the_middle(events, version):
    ### BEGIN SOLUTION
    chips = 0
    for event in events:
        if event.version > version:
            break
        if event.event_type == "game.created":
            chips += sum(event.event_data["antes"]) + sum(event.event_data["blinds"])
        elif event.event_type == "game.action_processed":
            chips += event.event_data["amount"]
    return chips
    ### END SOLUTION


# %%
check("0.1", in_the_middle)

# %% [markdown] tags=["solution"]
# **Why this works.** The loop reads the story from the start and stops after the version that was asked for. The story has
# not changed, so every moment of it can be worked out at any time, even years later. This is called *time travel*, and a
# table that keeps only the pot cannot do it.

# %% [markdown]
# ### Exercise 0.2: the uncalled bet
#
# Write `uncalled(events)`. Look at the street of the last decision. Add up what each seat put in on that street. The uncalled
# bet is the highest of these sums minus the second highest. Preflop, the blinds count too; antes never do.
#
# - For the hand above it is `572100`.
# - If somebody else put in as much as the highest, it is `0`.


# %%
# Exercise 0.2
def uncalled(events):
    ### BEGIN SOLUTION
    created = events[0].event_data
    decisions = [event.event_data for event in events if event.event_type == "game.action_processed"]
    street = decisions[-1]["street"]
    bets = list(created["blinds"]) if street == "preflop" else [0] * len(created["blinds"])
    for decision in decisions:
        if decision["street"] == street:
            bets[decision["seat"] - 1] += decision["amount"]
    second, highest = sorted(bets)[-2:]
    return highest - second
    ### END SOLUTION


# %%
check("0.2", uncalled)

# %% [markdown] tags=["solution"]
# **Why this works.** Nobody paid the part of the highest bet that stands above the second highest. It does not matter
# whether the second highest bet came from a player who folded afterwards: it was paid, so the pot keeps it.

# %% [markdown]
# ### Exercise 0.3 (stretch): ask the database
#
# The payload of an event is JSON, and PostgreSQL can look into it: `event_data ->> 'street'` is the street as text, and
# `(event_data ->> 'amount')::bigint` the amount as a number.
#
# Write `chips_per_street()`. It returns one `SELECT` statement, as text, for the table `domain_events`: for each street, the sum
# of the amounts of all `game.action_processed` events, in two columns named `street` and `chips`, in the order in which
# the streets are played.
#
# - In this notebook it gives preflop 47100, flop 70000 and turn 1562100. Preflop, the small hand from above counts, too.
#
# To try it, write `day.q(chips_per_street())` into a cell of your own.


# %%
# Exercise 0.3
def chips_per_street():
    ### BEGIN SOLUTION
    return """
        SELECT event_data ->> 'street' AS street,
               sum((event_data ->> 'amount')::bigint) AS chips
        FROM domain_events
        WHERE event_type = 'game.action_processed'
        GROUP BY street
        ORDER BY min(version)
    """
    ### END SOLUTION


# %%
check("0.3", chips_per_street)

# %% [markdown] tags=["solution"]
# **Why this works.** `GROUP BY street` makes one row of each street. A street has no number of its own, but its first event
# has: `min(version)` puts the streets into the order in which they were played.

# %% [markdown]
# ## A short cut for analysts
#
# If you came for the figures and not for the building, this is your way in: from recorded hands to a plot of pots. If you came for the
# building, see what it is good for.
#
# The course ships a season of 2,000 simulated hands, played by the rules, with two to nine players at three tables. `import_hands` turns each
# hand into events, as you did by hand above, and appends them. `pots` asks the store for the pots, as a DataFrame with one row for
# each hand. `scratch()` is an empty event store that is thrown away at the end of the block, so the season does not mix with your hands. The cell may take
# half a minute.

# %%
import poker
from workbook.workspace import scratch

with scratch() as room:
    summary = poker.import_hands(room.store, poker.season())
    pots = poker.pots(room.store)

print(f"{summary.added:,} hands, {summary.events_added:,} events")
first = pots.sort_values(["played_at", "source"], ignore_index=True)
first[["played_at", "players", "street", "showdown", "pot", "uncalled", "pot_bb"]].head(4)

# %% [markdown]
# `street` is the last street that was dealt. `pot` is what was won: all chips put in, without the uncalled bet. `pot_bb` is the same in big
# blinds, so that hands of small and large games can be compared.
#
# **Predict:** the mean pot of the season is 43 big blinds. Half of the pots are smaller than how many?

# %% tags=["figure"]
from poker.plots import pot_distribution

print(pots["pot_bb"].describe(percentiles=[0.5, 0.9, 0.99]).round(1).to_string())
pot_distribution(pots)

# %% [markdown]
# The curve says how many of the hands had at most this pot. Half of them had 5 big blinds or less, and one in a hundred
# nearly 600 or more. A few huge pots pull the mean up to 43, where hardly any hand is. Whoever says "the average pot" should say which average.
#
# With hands of your own it is one command in a terminal, with a folder of PHH files: `python3 -m workbook run poker import FOLDER`, and then
# `python3 -m workbook run poker pots --plot pots.png`. `python3 -m workbook run poker fetch` tells where real hands are to be had.

# %% [markdown]
# ## The house you will build
#
# In this course you build an **event store**: a place that takes events in, never loses one, and gives them back in order. Beside
# the notebooks stands a small finished one, the package `eventstore`. You have used two of its names today: `DomainEvent` and,
# behind `day.store`, its store on PostgreSQL. After each day you read the part of it that you have just built yourself.
#
# | room | what is in it |
# |---|---|
# | `notebooks/` | the days; you work in copies of them in `my/` |
# | `sql/` | the tables, the guards: everything that the database itself does |
# | `eventstore/` | the package: small modules, each readable in one sitting |
# | `poker/` | hands of poker: real ones read from files or simulated ones, their events, their pots |
# | `workbook/` | this classroom: it opens days and checks answers |

# %% [markdown]
# ## What this bought, what it costs
#
# | | a row with the state | the events |
# |---|---|---|
# | "what is the pot?" | one look | add up the events |
# | "how did it come about?" | nobody knows | read the events |
# | "what was it on the flop?" | nobody knows | stop earlier |
# | a wrong step | is written over, for good | stays visible; a new event puts it right |
# | space | one row | one row for each fact |
# | a change of mind about what to count | too late | replay the same events with another function |
#
# Events cost space, and they cost work when you ask. Whether that is a good bargain depends on how much the story is
# worth to you. For money, the answer is nearly always yes.

# %% [markdown]
# ## Key points
#
# - A state is the end of a story. `UPDATE` throws the story away.
# - An event is a fact in the past. It is appended, never changed.
# - Fold the events, and you get the state at any moment.
# - The chips in the middle can be more than the pot: the uncalled bet goes back.
#
# **New words:** event, stream, aggregate, version, state, append, fold, replay, street, blind, showdown, uncalled bet.

# %% [markdown] tags=["instructor"]
# ### What they see failing
#
# A table with one row for each hand. A slip in a second program leaves 500 of 2,250 chips, and no query tells how large
# the pot was, who put in the 900, or which step went wrong. Let them look for a query that does, for a minute, before
# you go on.
#
# ### Questions for discussion
#
# **Which data at your own work are written over every day, and what has somebody asked about them that nobody could answer?**
#
# Addresses, prices, stock, the status of an order. The questions are about the past: what did it say on the day of the
# invoice, who changed it, was it ever something else?
#
# **The colleague who forgot `pot +` can also append a wrong event. What has been gained?**
#
# The right ones are still there. The wrong one has a place, a time and an author. It is put right by one more event,
# and the state is worked out again.
#
# **Every database keeps a log of its own, and there are backups. Why is that not enough?**
#
# A backup knows how things stood at night. The database's log knows which bytes have changed, not that a player raised;
# and it is thrown away after a while.
#
# **When is one row with the current state the better choice?**
#
# When nobody will ask how it came about, or losing it does no harm: a cache, a session, the position of a cursor. A
# history costs rows, a fold, and thinking about names.
#
# ### When time is short
#
# - *Does this course fit you?* can be done at home the week before, and tells you who will need help.
# - *A short cut for analysts* is for those who came for figures. Days 7 and 10 begin anew.
# - 0.3 needs JSON in SQL, which Day 4 explains.
# - Keep 0.2. The uncalled bet comes back on Days 5, 7 and 10, and most who get it wrong there have skipped it here. Ten
#   minutes together at the board will do.
# - Keep the first cell, on every machine. What does not run today does not run tomorrow.
