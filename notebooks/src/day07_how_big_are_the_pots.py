# ---
# jupyter:
#   workbook:
#     title: How big are the pots?
#     promise: After this day you can ask a log of events for figures that are right to the chip, and that cost no more next year than they do today.
#     needs: ["Day 0: poker in ten lines, and what an event is", "pandas: a `DataFrame`, `groupby`", "a little SQL: `SELECT`, `WHERE`, `GROUP BY`"]
#     able: ["tell the pot from the chips in the middle", "say which average a figure is, and of which chips", "get from the log to data frames and figures", "count what a statistic costs, and keep it from growing", "use all of Part I on another domain"]
# ---

# %%
import matplotlib.pyplot as plt
import pandas as pd

import eventstore
import poker
from eventstore import EventQueryFilter
from eventstore.statistics import event_statistics, frame, recent_events, roll_up
from workbook.day import check, hint, open_day, show, show_sql
from workbook.workspace import scratch

day = open_day(7)

# %% [markdown]
# You can begin here if you came for the figures: what you need of Days 1 to 6 is said on the way.
#
# ## Do you remember?
#
# 1. Day 0: more chips lay in the middle than the winner won. Where did the rest go?
# 2. Day 6: what is a cache, and how do you test that it does no harm?

# %% [markdown] tags=["answer"]
# 1. Back to the player whose bet nobody could pay in full: the uncalled bet.
# 2. A copy of what can be worked out again. Delete it, and no answer may change.

# %% [markdown]
# ## A season in the store
#
# An event is a fact, and a row of the table `domain_events` that nobody can change. `aggregate_id` says what it is about,
# here one hand; `version` is its number in that hand, `sequence_number` its number in the whole log; `event_data` tells the
# rest as JSON.
#
# The course ships a season of 2,000 simulated hands. The first half will do. Three tables played at the same time, so we
# store the events as they happened, mixed.

# %%
records = list(poker.read_hands(poker.season()))[:1_000]
hands = [poker.hand_events(record) for record in records]
as_played = sorted((event for hand in hands for event in hand), key=lambda event: event.event_timestamp)
day.store.append_many(as_played)
print(f"{len(hands):,} hands, {len(as_played):,} events")

# %% [markdown]
# Here is a short hand. `event_data ->> 'pot'` takes the field `pot` out of the JSON, as text. An event without such a field
# has none (`NaN`).

# %%
HAND = hands[3][0].aggregate_id
day.q(
    """
    SELECT
        version, event_type, event_data ->> 'seat' AS seat, event_data ->> 'action' AS action,
        event_data ->> 'amount' AS amount, event_data ->> 'pot' AS pot, event_data ->> 'uncalled' AS uncalled
    FROM domain_events WHERE aggregate_id = %s ORDER BY version
    """,
    [HAND],
)

# %% [markdown]
# ## A pot that is too large
#
# Each decision notes how many chips lie in the middle after it. A colleague says: the last of these numbers is the pot.
#
# `frame` reads the events that fit a filter into a data frame, and makes columns of fields of the payload.
#
# **Predict:** is the colleague right? If not, in how many of the 1,000 hands?

# %%
decisions = frame(day.store, EventQueryFilter(event_type="game.action_processed"), payload={"pot": "int64"})
ends = frame(
    day.store, EventQueryFilter(event_type="game.hand_completed"), payload={"pot": "int64", "uncalled": "int64"}
)

both = pd.DataFrame(
    {
        "in the middle": decisions.groupby("aggregate_id")["pot"].last(),
        "pot": ends.set_index("aggregate_id")["pot"],
    }
)
print("hands in which they differ:", (both["in the middle"] != both["pot"]).sum())
both.agg(["sum", "mean", "median", "max"]).round(1)

# %% [markdown]
# They differ in nearly four hands of five, and all pots together come out 166,792 chips too large: 41 %. No error, and a
# plausible number.
#
# Look at the short hand again. The big blind is 10, seat 3 raises to 25, and both others fold. 40 chips lie in the middle,
# but nobody matched the last 15: they go back. The pot is 25, and `uncalled` is 15.
# What the house may keep of it, the rake, is still in it.
#
# The end of a hand notes both numbers. But who says that *they* are right? You, now: work them out from the bets alone.
#
# This question puts all bets below each other. `jsonb_array_elements_text` makes one row of each element of a list, and
# `WITH ORDINALITY` numbers them: so the blinds become bets of seat 1, 2, … `UNION ALL` puts the rows of a second question below
# those of the first. `::bigint` makes a number of a text.

# %%
BETS = """
SELECT aggregate_id AS hand_id, 'preflop' AS street, seat, chips::bigint AS chips, sequence_number
FROM domain_events, jsonb_array_elements_text(event_data -> 'blinds') WITH ORDINALITY AS blinds (chips, seat)
WHERE event_type = 'game.created'
UNION ALL
SELECT
    aggregate_id, event_data ->> 'street', (event_data ->> 'seat')::bigint, (event_data ->> 'amount')::bigint,
    sequence_number
FROM domain_events
WHERE event_type = 'game.action_processed'
ORDER BY sequence_number, seat
"""
bets = day.q(BETS).drop(columns="sequence_number")
bets[bets["hand_id"] == HAND].drop(columns="hand_id")

# %% [markdown]
# ### Exercise 7.1: the uncalled bet of every hand
#
# Write `uncalled(bets)`. It gives a Series: for each `hand_id`, the uncalled bet.
#
# Add up what each seat put in during the whole hand. The uncalled bet is the highest of these sums minus the second highest,
# which may be equal. The hands are mixed.
#
# - `uncalled(bets)[HAND]` is `15`.
# - `uncalled(bets).sum()` is `166792`.


# %%
# Exercise 7.1
def uncalled(bets):
    ### BEGIN SOLUTION
    sums = bets.groupby(["hand_id", "seat"])["chips"].sum()
    highest = sums.groupby("hand_id").max()
    second = sums.drop(sums.groupby("hand_id").idxmax()).groupby("hand_id").max()
    return highest - second
    ### END SOLUTION


# %%
check("7.1", uncalled)

# %% [markdown] tags=["solution"]
# **Why this works.** Day 0 looked at the last street only. The streets before change nothing: whoever was still in had put in
# the same on each of them, so the sums of the two highest differ by the last street alone. Now two ways lead to the same
# number, the note in the last event and yours, in all 1,000 hands. That is worth more than either alone.

# %% [markdown]
# ## The average pot
#
# From here on, SQL. What belongs to a hand stands in two events: the first names the stakes, the last the pot. `JOIN` puts
# rows side by side that have the same `aggregate_id`. A **view** is a question with a name; you ask it like a table.

# %%
day.q("""
    CREATE VIEW pots AS
    SELECT
        aggregate_id                                  AS hand_id,
        created.event_data ->> 'currency'             AS currency,
        (created.event_data ->> 'chip_unit')::int     AS chip_unit,
        (created.event_data ->> 'big_blind')::bigint  AS big_blind,
        completed.event_data ->> 'street'             AS street,
        (completed.event_data ->> 'pot')::bigint      AS pot
    FROM domain_events AS created
    JOIN domain_events AS completed USING (aggregate_id)
    WHERE created.event_type = 'game.created' AND completed.event_type = 'game.hand_completed'
""")

# %% [markdown]
# **Predict:** the mean pot is 407 chips. How many of the 1,000 hands have a pot that large? (`FILTER` counts only the rows
# that meet a condition.)

# %%
day.q("""
    SELECT
        count(*) FILTER (WHERE pot >= 407) AS that_large,
        count(*) FILTER (WHERE pot <= 50)  AS fifty_or_less,
        percentile_cont(0.5) WITHIN GROUP (ORDER BY pot) AS median,
        percentile_cont(0.9) WITHIN GROUP (ORDER BY pot) AS p90
    FROM pots
""")

# %% [markdown]
# Fewer than one in five. Some large pots pull the mean up; the median stays where the hands are.
# `percentile_cont(0.5) WITHIN GROUP (ORDER BY pot)` sorts the pots and goes to the middle, between the two middle ones if need
# be. With 0.9, nine in ten lie below. A mean tells how much money there is, a median what is typical. Say which one you mean.
#
# ### Whose chips?
#
# Now two hands of other places arrive: the famous one of Day 0, in dollars, and one of a small game that counts in cents.
# `chip_unit` says how many units make one chip: 1 there, 100 here. The season names no currency; nobody knows what its chips
# are worth.

# %%


def short_hand(name, currency, chip_unit, big_blind, pot, uncalled):
    """The first and the last event of a hand; the rest does not matter here."""
    created = {
        "source": {"file": f"{name}.phh", "section": None, "hand": None},
        "variant": "NT",
        "seats": [{"seat": 1, "name": None, "stack": pot}, {"seat": 2, "name": None, "stack": pot}],
        "antes": [0, 0],
        "blinds": [big_blind // 2, big_blind],
        "big_blind": big_blind,
        "chip_unit": chip_unit,
        "currency": currency,
        "table": name,
        "time_source": "synthetic",
    }
    end = {"pot": pot, "uncalled": uncalled, "street": "river", "showdown": True, "winners": [1], "payoffs": None}
    for version, (event_type, data) in enumerate([("game.created", created), ("game.hand_completed", end)], start=1):
        yield eventstore.DomainEvent(
            event_type=event_type,
            aggregate_id=name,
            version=version,
            event_data=data,
            event_timestamp=as_played[-1].event_timestamp,
            id=day.new_id(),
        )


for hand in (
    short_hand("dwan-ivey-2009", "USD", 1, 2_000, 1_109_500, 572_100),
    short_hand("kitchen table", "USD", 100, 50, 1_875, 0),
):
    day.store.append_many(hand)

# %% [markdown]
# **Predict:** what do two hands do to the mean of 1,000? And the pot of 1,875 cents, divided by 100: which number does the
# database give?

# %%
day.q("""
    SELECT
        count(*) AS hands,
        round(avg(pot)) AS mean_of_all,
        max(pot / chip_unit) FILTER (WHERE hand_id = 'kitchen table') AS divided,
        max(pot::numeric / chip_unit) FILTER (WHERE hand_id = 'kitchen table') AS divided_as_numeric,
        count(*) FILTER (WHERE currency = 'USD') AS dollars,
        count(*) FILTER (WHERE currency <> 'USD') AS no_dollars
    FROM pots
""")

# %% [markdown]
# Three traps in one row. A mean of 1,515, of chips, dollars and cents: a number of nothing. Two integers divide to an
# integer, 18, and 75 cents are gone; `numeric` keeps them. And 1,000 hands are neither equal to `'USD'` nor different from
# it: their currency is `NULL`, unknown, and no comparison with the unknown is true. `GROUP BY` makes it a group of its own.
#
# **Never add chips of different currencies or units.** Group by both. To compare hands of all stakes, divide each pot by its
# own big blind.
#
# ### Exercise 7.2: pots, one row for each kind of chip
#
# Write `pot_sizes()`. It returns one `SELECT` over `pots`, as text: for each `currency` and `chip_unit`, in this order, the
# columns `currency`, `chip_unit`, `hands`, `mean`, `median`, `p90` and `largest`. The last four are in chips, not in units.
#
# `day.q(pot_sizes())` shows what it gives.
#
# - The row of the season ends in 1000, 406.775, 55, 1220.5 and 8455.
# - The row of the kitchen table ends in 1, 18.75, 18.75, 18.75 and 18.75.


# %%
# Exercise 7.2
def pot_sizes():
    ### BEGIN SOLUTION
    return """
        SELECT
            currency,
            chip_unit,
            count(*) AS hands,
            avg(pot::numeric / chip_unit) AS mean,
            percentile_cont(0.5) WITHIN GROUP (ORDER BY pot::numeric / chip_unit) AS median,
            percentile_cont(0.9) WITHIN GROUP (ORDER BY pot::numeric / chip_unit) AS p90,
            max(pot::numeric / chip_unit) AS largest
        FROM pots
        GROUP BY currency, chip_unit
        ORDER BY currency, chip_unit
    """
    ### END SOLUTION


# %%
check("7.2", pot_sizes)

# %% [markdown] tags=["solution"]
# **Why this works.** Within a group all pots have the same unit, so they may be added and compared. The division is done
# before the average: it makes no difference to a mean, but whoever divides integers at the end cuts the result. With one hand
# in a group all four figures are the same, and the column `hands` warns not to make much of them.

# %% [markdown]
# ## Figures that say something
#
# `poker.install` puts views such as yours into the store: `completed_hands`, `pot_statistics` and `player_statistics`. The
# functions of `poker.frames` give them as data frames, those of `poker.plots` draw them. Each plot comes with its data and a
# sentence.
#
# **Predict:** by which street are the pots large?

# %% tags=["figure"]
from poker import frames, plots

poker.install(day.store)
plot = plots.pot_by_street(frames.pots(day.store))
print(plot.data.round(1).to_string(index=False))
plot

# %% [markdown]
# One box for each street on which hands end, pots in big blinds on a logarithmic axis. The median pot is 2.5 big blinds
# preflop, 6.5 on the flop, 6 on the turn and 53.5 on the river.
#
# A third of the hands end on the river, and their pots are 87 % of the money. The same question, answered by the database, in
# chips:

# %%
by_street = frames.pot_statistics(day.store, by="street")
by_street[["currency", "chip_unit", "street", "hands", "pot_mean", "pot_median", "pot_largest"]].round(1)

# %% [markdown]
# Dollars, cents and chips stay apart.
#
# **Predict:** of the eight players with the most hands, maniac 4 has won most, 513 big blinds. A good player?

# %% tags=["figure"]
plot = plots.results_over_hands(frames.results(day.store))
print(plot.data.drop(columns="collection").round(1).to_string(index=False))
plot

# %% [markdown]
# Eight lines, one for each of the players with the most hands: what they have won or lost so far, in big blinds. maniac 4
# ends at +513, maniac 3 at -410. The grey area is where luck alone ends in 95 of 100 cases, and all eight lines end in it.
#
# The table says it in big blinds per 100 hands, from `low` to `high`. For maniac 4 that is from -414 to 782. Nobody can tell
# yet. A figure that says so is worth more than a leader board.
#
# ## A number that gets more expensive
#
# The manager wants a screen: how many events of each type, of how many hands. `count(DISTINCT x)` counts different values.

# %%
COUNT = """
SELECT event_type, count(*) AS event_count, count(DISTINCT aggregate_id) AS aggregate_count
FROM domain_events GROUP BY event_type ORDER BY event_type
"""
day.q(COUNT)

# %% [markdown]
# `EXPLAIN ANALYZE` runs a question and tells, step by step, what the server did. `rows_read` adds up the rows that it took
# from tables and indexes. You need not read its code.
#
# **Predict:** how many rows for this answer of seven lines?


# %%
def rows_read(question, q=day.q):
    """How many rows the server reads to answer a question. Each look into an index counts as one at least."""

    def rows(step):
        each = max(1, round(step["Actual Rows"] + step.get("Rows Removed by Filter", 0)))
        own = each * step["Actual Loops"] if "Relation Name" in step else 0
        return own + sum(map(rows, step.get("Plans", [])))

    return int(rows(q("EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) " + question).iloc[0, 0][0]["Plan"]))


print(f"{rows_read(COUNT):,} rows")

# %% [markdown]
# All of them, each time anybody looks. Events do not change, so why count the old ones again? Count them once, keep the
# **totals** up to some number, the **mark**, and count only the **tail** behind it. We put the mark at 8,000.

# %%
UP_TO = 8_000
PART = """
SELECT count(*) AS events, count(DISTINCT aggregate_id) AS hands, count(DISTINCT user_id) AS players
FROM domain_events WHERE sequence_number BETWEEN %s AND %s
"""
parts = pd.concat([day.q(PART, [1, UP_TO]), day.q(PART, [UP_TO + 1, 30_000])])
parts.index = ["up to the mark", "behind it"]
parts

# %% [markdown]
# **Predict:** which of the three columns may be added up?

# %%
pd.DataFrame({"added up": parts.sum(), "counted": day.q(PART, [1, 30_000]).loc[0]})

# %% [markdown]
# Only the events. The same people play on both sides of the mark, so nearly everybody counts twice. And the mark has cut
# through two hands. Nobody would notice two in 1,000. But each time the mark moves on it cuts some more, and the error only
# grows.
#
# **Numbers of different things do not add up over a border.** To be right, one has to know *which* were counted, not only how
# many. So we keep that, too.

# %%
day.q("CREATE TABLE mark AS SELECT 8000 AS up_to")
day.q(f"CREATE TABLE totals AS {COUNT.replace('GROUP', 'WHERE sequence_number <= 8000 GROUP')}")
day.q("""
    CREATE TABLE counted AS
    SELECT DISTINCT event_type, aggregate_id FROM domain_events WHERE sequence_number <= 8000
""")

NAIVE = """
SELECT event_type, sum(event_count) AS event_count, sum(aggregate_count) AS aggregate_count
FROM (
    SELECT event_type, event_count, aggregate_count FROM totals
    UNION ALL
    SELECT event_type, count(*), count(DISTINCT aggregate_id)
    FROM domain_events
    WHERE sequence_number > (SELECT up_to FROM mark)
    GROUP BY event_type
) AS parts
GROUP BY event_type ORDER BY event_type
"""
naive, right = day.q(NAIVE), day.q(COUNT)
right.assign(naive=naive["aggregate_count"].astype(int))

# %% [markdown]
# ### Exercise 7.3: totals and tail
#
# Write `statistics()`. It returns one `SELECT`, as text, with the columns and the order of `NAIVE`, and the right numbers. Of
# the log it counts only what lies behind the mark. A hand of the tail counts for a type if `counted` does not know it *for
# this type*.
#
# `NOT EXISTS (SELECT FROM counted WHERE …)` is true if no such row is there. Inside, `counted.event_type` is the column of
# the one table, and with `FROM domain_events AS tail`, `tail.event_type` that of the other.
#
# - `day.q(statistics())` gives the same as `day.q(COUNT)`.
# - After more events it still does.


# %%
# Exercise 7.3
def statistics():
    ### BEGIN SOLUTION
    return """
        SELECT event_type, sum(event_count) AS event_count, sum(aggregate_count) AS aggregate_count
        FROM (
            SELECT event_type, event_count, aggregate_count FROM totals
            UNION ALL
            SELECT
                event_type,
                count(*),
                count(DISTINCT aggregate_id) FILTER (WHERE NOT EXISTS (
                    SELECT FROM counted
                    WHERE counted.event_type = tail.event_type AND counted.aggregate_id = tail.aggregate_id
                ))
            FROM domain_events AS tail
            WHERE sequence_number > (SELECT up_to FROM mark)
            GROUP BY event_type
        ) AS parts
        GROUP BY event_type
        ORDER BY event_type
    """
    ### END SOLUTION


# %%
check("7.3", statistics)

# %% [markdown] tags=["solution"]
# **Why this works.** A stream counts in the totals or in the tail, never in both: in the tail only if the totals do not know
# it. It has to be known for the type: a hand whose deal was counted may see its first showdown later. `UNION ALL` keeps types
# that stand on one side only.

# %% [markdown]
# ## The same, for good
#
# The store has this built in: two tables, then a view and functions. Read the view; it is yours, with times. The rest moves
# the mark, one program at a time, and sees to it that nobody deletes half.

# %%
show_sql("050_event_totals")
show_sql("150_event_statistics")

# %% [markdown]
# Now the season as a film: 1,250 events at a time, in an empty store. After every 2,500 we **roll up**, that is, move the
# tail to the totals. Before and after, both ways answer.
#
# **Predict:** which shape has each of the two lines?

# %% tags=["figure"]
VIEW = "SELECT event_type, event_count, aggregate_count FROM event_statistics ORDER BY event_type"
rows, same = [], []
with scratch() as room:

    def look(length):
        room.q(
            "ANALYZE domain_events, event_totals, event_total_aggregates"
        )  # the server plans by what it knows of its tables
        same.append(room.q(COUNT).equals(room.q(VIEW)))
        rows.append([length, rows_read(COUNT, room.q), rows_read(VIEW, room.q)])

    for start in range(0, 12_500, 1_250):
        room.store.append_many(as_played[start : start + 1_250])
        look(start + 1_250)
        if (start + 1_250) % 2_500 == 0:
            roll_up(room.store)
            look(start + 1_250)

film = pd.DataFrame(rows, columns=["events in the log", "GROUP BY", "event_statistics"])
print(film.to_string(index=False))
print("the same answer each time:", all(same))

figure, axes = plt.subplots(figsize=(8, 4))
axes.plot(film.iloc[:, 0], film.iloc[:, 1], marker="o", markersize=4, color="#D55E00", label="GROUP BY")
axes.plot(film.iloc[:, 0], film.iloc[:, 2], marker="s", markersize=4, color="#0072B2", label="event_statistics")
axes.set_title("What one answer costs while the log grows")
axes.set_xlabel("events in the log")
axes.set_ylabel("rows read for one answer")
axes.set_xlim(left=0)
axes.set_ylim(bottom=0)
axes.legend(frameon=False)
plt.show()

# %% [markdown]
# Rows read for one answer, while the log grows to 12,500 events. The line of `GROUP BY` climbs straight to 12,500. That of
# `event_statistics` is a saw: it climbs to about 3,500, and falls to 15 at each roll-up.
#
# The same answer each time, in the middle of a hand too. An event of the tail costs more than with `GROUP BY`, here 1.4
# times as much, as each pair of type and stream is looked up. But the tail is as long as *you* let it get. At ten million events with a tail of
# 10,000 that is hundreds of times faster: `docs/decisions/statistics.md`.
#
# How far may a roll-up go? Not to the highest number: somebody may still be writing a lower one, which nobody would ever
# count. Day 9 shows how the store knows where nothing can appear any more.

# %% [markdown]
# The totals are a cache. **Predict:** what happens to the answer if somebody deletes one row of them?

# %%
print("moved to the totals:", roll_up(day.store))
before = event_statistics(day.store)
day.q("DELETE FROM event_totals WHERE event_type = 'game.created'")
print("rows left in event_totals:", day.q("SELECT count(*) FROM event_totals").iloc[0, 0])
print("the same answer:", event_statistics(day.store).equals(before))
before.round({"events_per_day": 1})

# %% [markdown]
# Half of a cache would be worse than none, so a trigger deletes the rest, and the view counts the whole log until somebody
# rolls up again.
#
# ## What happened last?
#
# `recent_events` is the last hundred events. **Predict:** how many rows are read?

# %%
show_sql("140_recent_events")
LAST = "SELECT * FROM recent_events ORDER BY sequence_number DESC"
for line in day.q("EXPLAIN (COSTS OFF) " + LAST)["QUERY PLAN"]:
    print(line)
print("rows read:", rows_read(LAST))
recent_events(day.store)[["sequence_number", "event_type", "aggregate_id", "version"]].head(3)

# %% [markdown]
# A hundred, backward from the end of the index on `sequence_number`, however long the log is.

# %% [markdown]
# ## Meet the package
#
# The view does the work. What is left for Python is to say when.

# %%
show(roll_up)

# %% [markdown]
# It counts half a million events in a transaction. `roll_up_subscription` rolls up whenever enough has come in. And `frame`
# fetches whole columns, through Arrow, for when there are a million events. In a terminal: `python3 -m workbook run
# eventstore roll-up`, `… eventstore export --help` for files that other tools read, `… poker report pots.html` for all
# figures on one page.

# %% [markdown]
# ## What this bought, what it costs
#
# | choice | bought | costs |
# |---|---|---|
# | the pot without the uncalled bet | what was really won | one more number in the last event |
# | median beside mean | what is typical, beside what adds up | two figures to explain |
# | groups by currency and unit | no sum of unlike things | more rows, small groups |
# | totals and tail | answers that cost as much as the tail is long | somebody has to roll up; a row for each pair of type and stream |

# %% [markdown]
# ## The end of Part I
#
# ### An open question
#
# Ada has 1,000 chips at the cashier's. She can sit down at any table, and takes chips along. Two tables let her sit down at
# the same moment, each with 1,000. Which streams do you make? Which event goes where? What stops the second table, and what
# does your design cost on a full evening? Take paper and ten minutes. The solved notebook has our answer.

# %% [markdown] tags=["solution"]
# **A model answer.** The rule is about one player's chips, so these belong into one stream: the *wallet* of Ada. To sit down:
# load the wallet, decide (does she have 1,000?), append `wallet.chips_taken` with the next version. Both programs want to
# write the same version, so one gets a conflict, loads again, finds 0 and refuses. The table is another stream, and
# `table.player_seated` belongs there. Both events go into one `append_many`, which stores all or none, so no chips are on the
# way.
#
# What it costs: two sittings of one player wait for each other, which is what we want, and those of different players do not.
# A single stream for the whole room would be right, too, but every chair would wait for every other. One stream for each
# table would be fast and wrong: no version guards the chips of Ada, since no two programs write to the same stream. A row
# `balance` with an `UPDATE` stops the second table as well, and in a year nobody knows where the chips went.
#
# A rule of thumb: what must be decided together belongs into one stream, and nothing else does.

# %% [markdown]
# ### Another domain: a library
#
# A library lends books at two desks. Each copy of a book is a stream. Its events are `loan.begun`, with the `member`,
# `loan.ended` and `loan.reminded`. A copy that is out cannot be lent again.
#
# All writing follows one pattern: **load, decide, append.** The version makes the three one piece: `append` takes the event
# only if its version is the next one, so nothing can have happened since you loaded. Otherwise it raises
# `eventstore.VersionConflictError`.
#
# ### Exercise 7.4 (stretch): lend a book
#
# Write `lend(store, copy, member)`. It loads the stream, folds it, and appends `loan.begun` with the payload
# `{"member": member}`. It returns what `append` returned. If the copy is out, it raises `AlreadyLentError` and writes
# nothing. After a conflict it decides anew.
#
# - A copy that was never lent: `lend(store, "copy 7", "Ada")` stores version 1.
# - Then `lend(store, "copy 7", "Bo")` raises `AlreadyLentError`, also after a reminder.


# %%
# Exercise 7.4
class AlreadyLentError(Exception):
    """Somebody has this copy."""


def lend(store, copy, member):
    ### BEGIN SOLUTION
    while True:
        events = store.get_by_aggregate(copy)
        holder = None
        for event in events:
            if event.event_type == "loan.begun":
                holder = event.event_data["member"]
            elif event.event_type == "loan.ended":
                holder = None
        if holder is not None:
            raise AlreadyLentError(f"{holder} has {copy}")
        loan = eventstore.DomainEvent(
            event_type="loan.begun",
            aggregate_id=copy,
            version=len(events) + 1,
            event_data={"member": member},
        )
        try:
            return store.append(loan)
        except eventstore.VersionConflictError:
            continue
    ### END SOLUTION


# %%
check("7.4", lend, AlreadyLentError)

# %% [markdown] tags=["solution"]
# **Why this works.** What was decided holds only for the stream that was loaded. If that has moved on, the decision is thrown
# away together with its event, and made anew. The loop ends, since each conflict means that somebody else has got on. Who
# only raises the version and tries again has decided nothing, and lends one copy twice.

# %% [markdown]
# Now on your own store. Type `python3 -m workbook assemble`, then, in a cell here:
#
# ```python
# import mystore
# library = mystore.connect(day.url, schema=day.schema + "_library")
# ```
#
# Take `DomainEvent` and `VersionConflictError` in `lend` from `mystore`, lend some books, and ask in SQL: how long is the
# median loan? There is an uncalled bet in it, too: some loans have not ended yet. What does the median say if you leave them
# out?

# %% [markdown] tags=["solution"]
# **What the median says.** The loans that last longest are those that have not ended yet. Without them the median is too short, as
# pots are too large with the uncalled bet: in both, a number was taken that is easy to get. Better let a loan that is out count as
# long as it has lasted so far:
#
# ```sql
# SELECT percentile_cont(0.5) WITHIN GROUP (
#     ORDER BY coalesce(
#         (
#             SELECT min(event_timestamp) FROM domain_events AS ended
#             WHERE ended.aggregate_id = begun.aggregate_id
#                 AND ended.version > begun.version
#                 AND ended.event_type = 'loan.ended'
#         ),
#         now()
#     ) - event_timestamp
# ) AS median
# FROM domain_events AS begun
# WHERE event_type = 'loan.begun'
# ```
#
# `coalesce` takes the first value that is not `NULL`. The age of a loan that is out says only "at least so long". That is enough for the median, as
# long as those loans are older than it; for a mean it never is.

# %% [markdown]
# ### One page of reference
#
# | I want to | call | day |
# |---|---|---|
# | write facts, all or none | `append(event)`, `append_many(events)` | 3 |
# | read a stream | `get_by_aggregate(id, from_version, to_version)`, `get_stream` | 3, 4 |
# | ask the log | `query(EventQueryFilter(event_type=…, after_sequence=…, limit=…))` | 4 |
# | have a state, of now or then | `replay(events, apply, initial)`, `Repository(…).load(id)`, `.load_at(id, version)` | 5, 6 |
# | shorten a long stream | `save_snapshot`, `get_latest_snapshot` | 6 |
# | get data frames | `statistics.frame`, `event_statistics`, `recent_events`; `poker.frames` | 7 |
#
# | in SQL | write |
# |---|---|
# | a field of the payload, as a number | `(event_data ->> 'pot')::bigint` |
# | payloads that contain something | `event_data @> '{"seat": 3}'` |
# | one row for each element of a list | `jsonb_array_elements_text(…) WITH ORDINALITY` |
# | the next page | `WHERE sequence_number > … ORDER BY sequence_number LIMIT 100` |
# | count on a condition | `count(*) FILTER (WHERE …)` |
# | the median | `percentile_cont(0.5) WITHIN GROUP (ORDER BY …)` |
# | what a question costs | `EXPLAIN (ANALYZE) …` |
#
# | word | means |
# |---|---|
# | event | a fact that happened; never changed |
# | aggregate, stream | what events are about; its events by version |
# | version | an event's number in its stream; who comes second gets a conflict |
# | fold, replay | from events to a state |
# | snapshot, totals | caches: delete them, and no answer changes |
# | mark, tail | how far one has counted; the events behind it |

# %% [markdown]
# ## Key points
#
# - The chips in the middle are not the pot. The uncalled bet goes back.
# - Check a figure by a second way to it.
# - Say which average, and of which chips. Unlike chips are never added.
# - Events do not change, so count them once: totals up to a mark, and the tail.
# - Numbers of different things do not add up over a border.
# - Load, decide, append: the version makes them one piece.
#
# **New words:** view, join, percentile, total, mark, roll up.

# %% [markdown] tags=["instructor"]
# ### What they see failing
#
# The last count of chips in the middle, taken for the pot: wrong in 784 of 1,000 hands, and 41 % too much in all. A
# mean pot of 407 chips that not one hand in five reaches. Cents added to dollars. A count of seven lines for which the
# whole log is read, each day more.
#
# ### Questions for discussion
#
# **The mean pot is 407 chips, the median 55. Which one goes into the report?**
#
# Depends on the question. The mean times the hands is the money on the table, so it is right for a rake. The median is
# what a player will see. Give both, and the number of hands.
#
# **You find that a figure published last month was wrong. What does the log let you do that a table would not?**
#
# Work it out again as of then, with the old rule and with the new one, and say how much of the difference comes from
# the rule and how much from new data.
#
# **Which of your own figures can be added up over the border of two months, and which cannot?**
#
# Counts and sums can. Distinct customers, medians and percentages cannot: a customer in both months is one. Those need
# the things themselves, or a note of who was seen already.
#
# **The notebook's open question: Ada sits down at two tables with the same 1,000 chips. Which streams, and at what cost?**
#
# The version check holds within one stream, so what must not happen twice belongs in one: a stream for Ada's chips at
# the cashier's. Tables then wait for its answer. One stream for the whole room would also be safe, and would make all
# tables wait for each other. The solved notebook has ours.
#
# ### When time is short
#
# - With analysts in the class, do 7.1 and 7.2, and skip *A number that gets more expensive* to *What happened last?*.
#   With engineers, the other way round: 7.2 is the one to leave.
# - 7.4 ends Part I on another domain. It is the best homework of the course: who can do it has understood Days 3 and 5.
#   Day 10 goes on in the same library, and does not need it.
# - *Figures that say something* can be looked at together: ask what each picture does not show.
# - Keep *A pot that is too large*. Without it, the pots of Day 10 are taken on trust.
