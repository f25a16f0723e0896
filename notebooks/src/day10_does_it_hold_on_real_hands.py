# ---
# jupyter:
#   workbook:
#     title: Does it hold on real hands?
#     promise: After this day ten thousand hands that others have written down are in your store, none of them mended, and you can say what their pots tell and what they do not.
#     needs: ["pandas: data frames and `groupby`", "Day 9 for the last exercise; what else you need is told again"]
#     able: ["show what a helpful importer does to a broken hand", "keep a quarantine, and import twice without harm", "test a whole import by laws", "give a mean, a median and a player's result together with their uncertainty", "say what the data cannot say"]
# ---

# %%
import os
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from pokerkit import HandHistory

import eventstore
import poker
import poker.frames
import poker.plots
from workbook.day import check, hint, open_day, show

day = open_day(10)

# %% [markdown]
# ## Do you remember?
#
# 1. Day 5: which law holds for the chips of a hand after every event?
# 2. Day 3: an event comes a second time, with the same id. What is stored?
#
# If you come for the data and skipped the days before: an **event** is a fact, written down once and never changed, such as "seat 3
# raises by 300". A **store** keeps the events of each hand in order, here in PostgreSQL, and all else is worked out from them. `day.store`
# is such a store. That is enough.

# %% [markdown] tags=["answer"]
# 1. Chips only move: stacks and pot together are always the same number.
# 2. One event, the first.

# %% [markdown]
# ## Which hands?
#
# This day runs on the hands that you have. Without any it takes the season of 2,000 simulated hands that comes with the project.
# To get real ones, type in a terminal, in the folder of the course, with its environment active:
#
# ```
# python -m poker fetch --url https://zenodo.org/api/records/13997158 --only pluribus
# ```
#
# It downloads 1.9 GB, shows the licence and whom to cite, and unpacks 10,000 hands of it into the folder `hands`: the program Pluribus
# against five professionals, 2019. Then set the environment variable `POKER_HANDS` to the full path of that folder before you start, or write the path into the next cell.
#
# Cells that begin with `# Your hands` show other numbers for other hands. Stored are those of the season, and no test compares
# them. All other outputs are the same for everybody, from some hundred hands on.

# %%
HANDS = Path(os.environ.get("POKER_HANDS") or poker.season())

# %% [markdown]
# ## An importer that helps
#
# Hands are exchanged as text. In the PHH format, a hand is some fields and a list of actions: with `p3 cbr 300` player 3
# bets or raises to 300, `cc` is check or call, `f` fold, `d db` deals the board, `sm` shows cards. `????` are unknown cards.
#
# Here is one, and four copies. In `lost`, a converter stumbled over player 4 and left out all that she did. `cut` ends where a disk was
# full. `letters` has `3OO`, with two letters O. Nothing is wrong with `hidden`: the site did not tell which cards were shown.

# %%
WHOLE = """
variant = "NT"
antes = [0, 0, 0, 0]
blinds_or_straddles = [50, 100, 0, 0]
min_bet = 100
starting_stacks = [5000, 5000, 5000, 5000]
players = ["Ada", "Bo", "Cy", "Di"]
actions = [
    "d dh p1 ????", "d dh p2 ????", "d dh p3 ????", "d dh p4 ????",
    "p3 cbr 300", "p4 cc", "p1 cc", "p2 f",
    "d db Ah7c2d", "p1 cc", "p3 cbr 800", "p4 f", "p1 cc",
    "d db 9s", "p1 cc", "p3 cc", "d db 3c", "p1 cc", "p3 cc",
    "p1 sm KhKd", "p3 sm AdTd",
]
"""
broken = {
    "whole": WHOLE,
    "lost": WHOLE.replace('"p4 cc", ', "").replace('"p4 f", ', ""),
    "cut": WHOLE[: WHOLE.index('"d db 9s"')] + "]\n",
    "letters": WHOLE.replace("300", "3OO"),
    "hidden": WHOLE.replace("KhKd", "????").replace("AdTd", "????"),
}

# %% [markdown]
# The library pokerkit knows the rules of poker. With it, a colleague's importer has two lines: play the hand to its end, and take what
# each player has won or lost.
#
# **Predict:** which of the five give an error, and which a wrong answer?


# %%
def colleague(text):
    *_, end = HandHistory.loads(text)
    return end.payoffs


for name, text in broken.items():
    try:
        payoffs = colleague(text)
        print(f"{name:8} {payoffs!s:28} together {sum(payoffs)}")
    except Exception as error:
        print(f"{name:8} {type(error).__name__}")

# %% [markdown]
# One error, and three wrong answers with a straight face.
#
# - `lost`: where an action does not fit, it lets others check or fold until it does. So Di folded at once. In truth she had called
#   300. The result looks perfect, and adds up to 0.
# - `cut`: it just stops. 2,600 chips are nowhere.
# - `hidden`: nobody knows who won. The library splits the pot evenly, and from now on that is a fact.
#
# Chips in, chips out would find `cut`. It cannot find `lost`: a repair makes everything fit. And a wrong hand that looks right is
# worse than none, since nobody will look for it.

# %% [markdown]
# ## Refuse, and keep
#
# So an importer should **refuse** a hand at the first thing that the rules do not allow, and mend nothing. To refuse is not to drop: the
# hand goes into **quarantine**, with place and reason, and the others are not held up. The package's `import_hands` does that for all files
# of a folder.
#
# **Predict:** how many of the five are taken?

# %%
box = tempfile.TemporaryDirectory()
evening = Path(box.name) / "evening.phhs"


def write(hands):
    evening.write_text("".join(f"[{name}]\n{text}" for name, text in hands.items()), encoding="utf-8")


write(broken)
summary = poker.import_hands(day.store, box.name)
print(f"{summary.seen} seen, {summary.added} added, {summary.refused_count} refused")
quarantine = pd.DataFrame(poker.quarantined_hands(day.store))
print(quarantine[["file", "section", "reason"]].to_string(index=False))

# %% [markdown]
# The reason for `lost` names the action that does not fit, not those that are missing: a program cannot know these. That is why it
# should not guess.
#
# `whole` and `hidden` are in. The last event of a hand tells its result; `get_by_type` gives all events of a type.

# %%
for event in day.store.get_by_type("game.hand_completed"):
    print(event.event_data)

# %% [markdown]
# The pot of `hidden` is known, its winner is not: `None`.
#
# ### Once more
#
# Somebody has mended the 300. You do not remember whether you have imported this folder, so you do it again.
#
# **Predict:** five hands are seen. How many are added?

# %%
write(broken | {"letters": WHOLE})
summary = poker.import_hands(day.store, box.name)
print(
    f"{summary.seen} seen, {summary.added} added, {summary.already_there} there already, {summary.refused_count} refused"
)
print("hands in the store:", len(day.store.get_by_type("game.created")))

# %% [markdown]
# One. A hand's id is a **hash** of what it says, its section and the name of its file: equal text, equal id, on every machine. The
# ids of its events follow from it. So who imports twice sends the same events twice, and nothing happens.
#
# The price: a mended hand is another text, so it is another hand. Had the wrong one been taken, both would be there now.
#
# ### Exercise 10.1: a quarantine
#
# Write `sort_out(hands, read)`. `hands` gives pairs of place and text. `read(text)` gives what the text says, or raises
# whatever error. Return two lists: what could be read, in order, and for the rest pairs of place and reason.
#
# - The reason is the text of the error, or the name of its class if it has no text.
# - Each hand ends up in exactly one of the lists. `KeyboardInterrupt` (Ctrl-C) must pass.
#
# Examples, with `read = int`:
#
# - `sort_out([("[1]", "7"), ("[2]", "8")], int)` gives `([7, 8], [])`,
# - `sort_out([("[1]", "x"), ("[2]", "8")], int)` gives `([8], [("[1]", "invalid literal for int() with base 10: 'x'")])`.


# %%
# Exercise 10.1
def sort_out(hands, read):
    """What can be read, and the rest with the reason."""
    ### BEGIN SOLUTION
    taken, quarantine = [], []
    for place, text in hands:
        try:
            taken.append(read(text))
        except Exception as error:
            quarantine.append((place, str(error) or type(error).__name__))
    return taken, quarantine
    ### END SOLUTION


# %%
check("10.1", sort_out)

# %% [markdown] tags=["solution"]
# **Why this works.** The `try` holds one hand, so one hand is all that a failure costs. It asks for no particular error: a broken hand can break a reader anywhere,
# and whatever breaks, the hand was not read. `append` comes after `read`, so nothing half-read gets into the first list.

# %% [markdown]
# ## All of them
#
# Now your hands. Opening the day again empties the store. Ten thousand hands take about ten seconds, on all your cores.

# %% tags=["nbval-ignore-output"]
# Your hands: how many, and which were refused
day = open_day(10)
summary = poker.import_hands(day.store, HANDS)
print(f"{summary.seen:,} seen, {summary.added:,} added, {summary.refused_count} refused")
for refused in poker.quarantined_hands(day.store, limit=10):
    print(refused.file, refused.section, refused.reason)

# %% [markdown]
# The season was played by the rules, so none is refused. Of the 10,388 real hands on which this day was tried, two were: the stacks
# were not recorded, and nobody can tell who was all-in.
#
# **Predict:** and if we import it all again? Each hand is added, or was there already, or is refused.

# %%
again = poker.import_hands(day.store, HANDS)
print("added:", again.added, "hands,", again.events_added, "events")
print("refused as before:", again.refused_count == summary.refused_count)
for each in (summary, again):
    outcomes = [each.added, each.already_there, each.other_mapping, each.refused_count]
    print("every hand counted once:", sum(outcomes) == each.seen)

# %% [markdown]
# ### Three laws for ten thousand hands
#
# Nobody looks through ten thousand hands. So ask for what must be true of all. `poker.frames` gives data frames: `pots` has a row for
# each hand, `decisions` for each decision, `results` for each player in each hand, where `net` is what was won or lost.
#
# `sum(min_count=1)` is missing (`<NA>`) where all numbers are missing; a plain `sum` would say 0.

# %%
hands = poker.frames.pots(day.store)
decisions = poker.frames.decisions(day.store)
results = poker.frames.results(day.store)

put_in = decisions.groupby("hand_id")["pot"].last()
end = hands.set_index("hand_id").loc[put_in.index]
print("pot and uncalled bet are what was put in:", (end["pot"] + end["uncalled"] == put_in).all())

nets = results.groupby("hand_id")["net"].sum(min_count=1).dropna()
rake = hands.set_index("hand_id")["rake"].fillna(0).loc[nets.index]
print("what some lose the others win, or the house keeps:", (nets + rake == 0).all())

known = hands.loc[hands["winners"].notna(), "hand_id"]
print("a result is known just where the winner is:", set(nets.index) == set(known))

# %% [markdown]
# The uncalled bet goes back, so it is not part of the pot (Day 7).
#
# The house may keep a share of a pot, the **rake**. Where a record tells it, it is taken off in `net`. Where not, `rake` is missing, and
# nothing is taken off. `pot` is always before rake.

# %% [markdown]
# ## How big are the pots?
#
# Stakes differ, so we count in **big blinds**: `pot_bb` is the pot divided by the big blind.

# %% tags=["nbval-ignore-output"]
# Your hands: the three largest pots
columns = ["source", "variant", "players", "street", "showdown", "pot", "uncalled", "currency", "pot_bb"]
hands.nlargest(3, "pot_bb")[columns]

# %% [markdown]
# **Predict:** is the mean pot larger than the median, or smaller? By how much?

# %% tags=["figure", "nbval-ignore-output"]
# Your hands: how big the pots are
plot = poker.plots.pot_distribution(hands)
print(plot.data.to_string(index=False))
plot

# %% [markdown]
# The curve of the season climbs steeply on the left: half of the pots have at most 5 big blinds. On the right it gets flat, and ends at
# 1,179. The axis is logarithmic; on a plain one the small pots could not be seen.

# %%
pot_bb = np.sort(hands["pot_bb"])
print("the mean is above the median:", pot_bb.mean() > np.median(pot_bb))
print("more than two thirds of the pots are below the mean:", (pot_bb < pot_bb.mean()).mean() > 2 / 3)

# %% tags=["nbval-ignore-output"]
# Your hands: mean and median
largest = pot_bb[-len(pot_bb) // 100 :]
print(f"mean {pot_bb.mean():.1f}, median {np.median(pot_bb):.1f} big blinds")
print(f"below the mean: {(pot_bb < pot_bb.mean()).mean():.0%} of the hands")
print(f"the largest hundredth of the pots holds {largest.sum() / pot_bb.sum():.0%} of all chips")

# %% [markdown]
# The season has a mean of 43 big blinds and a median of 5; the real hands, 13.4 and 5. The mean is for a room that takes a share of
# each pot, the median is what a player will meet.
#
# ### How sure?
#
# With other luck, other hands would have been played. By how much would the mean differ? Draw as many hands as there are, at random, from
# those that we have; the same one may come more than once. Do that a thousand times, and take the middle 95 % of what comes out. This is
# the **bootstrap**.
#
# **Predict:** which of the two is surer, mean or median?


# %%
def bootstrap(values, statistic, times=1000):
    """The range in which a statistic lies in 95 % of such draws."""
    dice = np.random.default_rng(10)
    draws = [statistic(dice.choice(values, len(values))) for _ in range(times)]
    return np.percentile(draws, [2.5, 97.5])


ranges = {"mean": bootstrap(pot_bb, np.mean), "median": bootstrap(pot_bb, np.median)}
print("the range of the median is narrower:", np.ptp(ranges["median"]) < np.ptp(ranges["mean"]))

# %% tags=["nbval-ignore-output"]
# Your hands: the two ranges
for name, (low, high) in ranges.items():
    print(f"{name:6} between {low:.1f} and {high:.1f} big blinds")

# %% [markdown]
# A mean hangs on the few largest pots, and those are luck. So give it with its range. Whether these hands are like those that you
# want to know about, no formula tells.
#
# ### Which pots are big?

# %% tags=["figure", "nbval-ignore-output"]
# Your hands: pots by the street that they reached
plot = poker.plots.pot_by_street(hands)
print(plot.data.to_string(index=False))
plot

# %% [markdown]
# A box for each street of the season. Half of the pots that end before the flop have at most 2.5 big blinds; of those that reach the
# river, 55. The boxes overlap.

# %%
holdem = hands[hands["variant"] == "NT"]
by_street = holdem.groupby("street", observed=True)["pot_bb"].median()
print("the median grows from street to street:", by_street.is_monotonic_increasing)
by_showdown = hands.groupby("showdown")["pot_bb"].median()  # False comes before True
print("and it is larger with a showdown:", by_showdown.is_monotonic_increasing)

# %% [markdown]
# Does a showdown make a pot big? That does not follow. Who has put in much does not fold easily, so what stays till the end is a
# **selection**.

# %% [markdown]
# ## Who plays well?
#
# A colleague adds up what each player has won. Here are seven results to try it on. `chip_unit` is how many units make a chip:
# with 100, `net` is in cents. The currency of the live games was never written down.
#
# **Find the bugs:** there are three, in two lines.

# %%
rows = [
    ("Ada", "live", None, 1, 600),
    ("Ada", "live", None, 1, -200),
    ("Ada", "online", "USD", 100, 1500),
    ("Ada", "ship", "USD", 1, 40),
    ("Bo", "online", "USD", 100, -1500),
    ("Bo", "online", "USD", 100, None),
    ("Cy", "online", "USD", 100, None),
]
columns = ["player", "collection", "currency", "chip_unit", "net"]
seven = pd.DataFrame(rows, columns=columns).astype({"net": "Int64"})


def colleagues_totals(results):
    known = results.assign(net=results["net"].fillna(0))
    return known.groupby(["player", "currency"], as_index=False).agg(hands=("net", "size"), net=("net", "sum"))


print(seven.to_string(index=False), "\n")
print(colleagues_totals(seven).to_string(index=False))

# %% [markdown] tags=["answer"]
# 1. Ada's live games are gone: pandas leaves out rows whose group is missing.
# 2. 1,500 cents and 40 dollars make 1,540 of nothing.
# 3. Unknown became 0: Cy is said to have broken even.

# %% [markdown]
# ### Exercise 10.2: totals without the bugs
#
# Write `totals(results)`. It gives a data frame with one row for each player and kind of chip, and these columns:
#
# - `player`, `collection`, `currency`, `chip_unit`; the currency may be missing;
# - `hands`: how many rows; `settled`: how many of them with a known `net`; `net`: their sum, missing if not one is known.
#
# `results` stays as it is. Examples, with `seven`:
#
# - Ada has three rows. The one of "live" has 2 hands, 2 settled, and 400.
# - Bo has 2 hands, 1 settled, and -1500. Cy has 1 hand, 0 settled, and `<NA>`.


# %%
# Exercise 10.2
def totals(results):
    """One row for each player and kind of chip."""
    ### BEGIN SOLUTION
    kinds = ["player", "collection", "currency", "chip_unit"]
    groups = results.groupby(kinds, dropna=False, observed=True, as_index=False)
    return groups.agg(hands=("net", "size"), settled=("net", "count"), net=("net", lambda nets: nets.sum(min_count=1)))
    ### END SOLUTION


# %%
check("10.2", totals)

# %% [markdown] tags=["solution"]
# **Why this works.** All that tells kinds of chips apart is part of the group, so nothing is added that must not be, and `dropna=False` keeps the groups
# with a missing part. `size` and `count` differ by the unknown results, and both are shown: whoever reads the table sees how much of it is known.

# %% [markdown]
# ### Luck
#
# Results jump from hand to hand. How far they typically lie from their mean is the **standard deviation**, here the *spread*. The mean of
# `n` hands jumps by `spread / sqrt(n)`, the **standard error**. Twice that, to both sides, is where pure luck stays 95 times out of 100.
#
# **Predict:** of the players with at least 100 hands, how many can be told from somebody who neither wins nor loses?

# %%
known = results.dropna(subset=["net_bb", "player"])
luck = known.groupby(["player", "collection"], observed=True)["net_bb"].agg(hands="size", mean="mean", spread="std")
luck = luck[luck["hands"] >= 100].reset_index()
luck["per_100"] = 100 * luck["mean"]
luck["give_or_take"] = 100 * 2 * luck["spread"] / np.sqrt(luck["hands"])
told_apart = luck["per_100"].abs() > luck["give_or_take"]
print("more than one in ten:", told_apart.mean() > 0.1)

# %% tags=["figure", "nbval-ignore-output"]
# Your hands: what the players won, per 100 hands
if luck.empty:
    print("nobody has played 100 hands, so there is nobody to tell apart")
else:
    print(f"{told_apart.sum()} of {len(luck)} players are told apart")
for player in luck[told_apart].itertuples():
    print(f"  {player.player}: {player.per_100:+.0f}, give or take {player.give_or_take:.0f}")
plot = poker.plots.results_over_hands(results)
print(plot.data.round(1).to_string(index=False))
plot

# %% [markdown]
# A line for each of the eight players of the season with the most hands, and in grey where luck alone ends 95 times out of 100. maniac 4
# ends 1,442 big blinds up and shover 4 634 down, and no line ends clearly outside.
#
# In the season one of 30 is told apart: "regular 1", who won 462 big blinds per 100 hands. But of 30 players who live by luck alone, one or two
# would be, too. And here the truth is known: "regular 2" to "regular 5" play by the same rules, and stand between -49 and +50. He was lucky.
#
# And Pluribus, after 10,000 hands? -7 per 100 hands, give or take 18. These results cannot say whether it won. Its makers used a method
# that takes much of the luck out of each hand.
#
# ### Exercise 10.3: how many hands?
#
# Write `hands_needed(spread, edge)`: after how many hands is somebody told apart who wins `edge` big blinds in **100** hands? It is the
# smallest number of hands for which twice the standard error is not more than what is won in one hand. `spread` is that of one hand.
#
# - `hands_needed(10, 100)` is `400`.
# - `hands_needed(10, 5)` is `160000`. (5 is a very good player, 10 about the spread of the real hands.)


# %%
# Exercise 10.3
def hands_needed(spread, edge):
    """So many hands, until a result means something."""
    ### BEGIN SOLUTION
    import math

    return math.ceil((2 * spread * 100 / edge) ** 2)
    ### END SOLUTION


# %%
check("10.3", hands_needed)

# %% [markdown] tags=["solution"]
# **Why this works.** `2 * spread / sqrt(n) <= edge / 100`, solved for `n`. The square is the bad news: half the edge takes four times as many hands. Ten thousand hands, which
# is months of play for a person, show an edge of 20 big blinds in 100 hands, which hardly anybody has.

# %% [markdown]
# ## What the data cannot say

# %% tags=["nbval-ignore-output"]
# Your hands: what is known about them
print("times:", hands["time_source"].value_counts().to_dict())
print("currencies:", hands["currency"].astype("string").fillna("unknown").value_counts().to_dict())
print("units in a chip:", hands["chip_unit"].value_counts().to_dict())
print("rake unknown:", hands["rake"].isna().sum(), "hands")
hidden = hands.loc[hands["winners"].isna(), "pot_bb"]
print("winner unknown:", len(hidden), "hands")
print("their median pot:", f"{hidden.median():.1f} big blinds" if len(hidden) else "there are none")

# %% [markdown]
# | unknown | why | so |
# |---|---|---|
# | when | the Pluribus hands have no date, so their times are made up: `synthetic` | nothing over time |
# | what a chip is worth | most records name no currency | big blinds, or each collection alone |
# | the rake | few records tell what the players were left with | `net` may be too good |
# | hidden cards | the site did not tell | nothing about whether a fold was right |
# | who won with them | the same | what is missing is not random: showdowns, so large pots |
# | all other hands | somebody chose: famous ones, televised ones, one site | a sample of those, not of poker |
#
# You can see all this because the import left it as it was. Had it made up a currency or a winner, nobody could tell any more.

# %% [markdown]
# ## Meet the package
#
# The package uses pokerkit too, but applies each action by itself, through this:

# %%
show("poker.strict._strictly")

# %% [markdown]
# Whatever goes wrong, the hand is refused, and the reason says where. At the end it asks whether the hand is over, which finds `cut`. And
# it compares the hands at a showdown by itself, so that no pot is shared out between unknown cards. A hand's id:

# %%
show("poker.mapping.hand_id")

# %% [markdown]
# What else? A hundred hands are one transaction, so an import that is stopped leaves whole hands. `python -m poker quarantine` lists what
# was refused. And your totals have a counterpart: `poker.frames.players(day.store)`.

# %% [markdown]
# ## The end of Part II
#
# **Design question.** A second hall, abroad, wants the leader board on a PostgreSQL server of its own, a few seconds late at most. The
# line is cut now and then, for hours. Each hand counts once. Real names stay here. What do you build from the pieces of Days 8 to 10,
# what runs where, and what if it dies at the worst moment? Take paper and ten minutes. The solved notebook has an answer of ours; yours
# may be better.

# %% [markdown] tags=["solution"]
# **A model answer.** A consumer *there* reads our log over the line, up to the high-water mark, and writes the board there. Its checkpoint
# stands there, too, in the transaction of the board. If it dies before the commit, nothing has happened; after it, all is done. With the
# checkpoint here, there would be two commits, of which one could get lost, and a hand would count twice or never.
#
# Not the bus, which forgets what it told while the line was cut. Asking each second is enough, and after a cut the board catches up by
# itself. For the names, a view here gives an id in their place, and the consumer's role may read this view and nothing else.
#
# What it costs: the package's `Subscription` wants log and checkpoint in one database, so this consumer is your `next_events` of Day 9, with
# another home for `MOVE`. Each event crosses the line, though the board needs two types: ask for those alone. And somebody must watch how
# far behind it is.

# %% [markdown]
# ### Exercise 10.4 (stretch): another domain
#
# Not all is poker. In a library, each copy of a book is a stream. Its events are `loan.begun`, with the `member`, `loan.ended` and
# `loan.reminded`. A screen at the door shows which copies are out, from these tables:

# %%
day.q("CREATE TABLE copies_out (copy text PRIMARY KEY, member text NOT NULL)")
day.q("CREATE TABLE members (member text PRIMARY KEY, loans int NOT NULL)")

# %% [markdown]
# Write `keep_up(event, connection)`, the handler of a subscription as on Day 9. What it writes through `connection` is committed
# together with the checkpoint. The copy is `event.aggregate_id`.
#
# - `copies_out` has a row for each copy that is out, with the member who has it.
# - `members` counts all loans of each member, past ones too.
# - Other events change nothing.
#
# Examples: copy 7 is lent to Ada, copy 8 to Bo: both are out, each member has 1 loan. Copy 7 comes back: only copy 8 is out, Ada still
# has 1 loan.
#
# To try it, append such events and run `eventstore.Subscription(day.store, "door", keep_up).catch_up()`. Then do the same with your own
# `my/mystore`, which has a `Subscription` since Day 9.


# %%
# Exercise 10.4
def keep_up(event, connection):
    """Keeps both tables up to date."""
    ### BEGIN SOLUTION
    copy = event.aggregate_id
    if event.event_type == "loan.begun":
        member = event.event_data["member"]
        connection.execute("INSERT INTO copies_out VALUES (%s, %s)", [copy, member])
        connection.execute(
            "INSERT INTO members VALUES (%s, 1) ON CONFLICT (member) DO UPDATE SET loans = members.loans + 1",
            [member],
        )
    elif event.event_type == "loan.ended":
        connection.execute("DELETE FROM copies_out WHERE copy = %s", [copy])
    ### END SOLUTION


# %%
check("10.4", keep_up)

# %% [markdown] tags=["solution"]
# **Why this works.** Nothing in it knows of restarts, repeats or other consumers. The subscription sees to each event being handled once, in order, and
# the transaction to both tables changing together. `loans + 1` would be wrong for ever after one repeat; here there is none. And since both tables follow from
# the log, they can be emptied and built anew, for instance after you have thought of a third one.

# %% [markdown]
# ## What this bought, what it costs
#
# | choice | bought | costs |
# |---|---|---|
# | refuse instead of repair | what is in keeps the rules | hands that could have been mended stay outside |
# | a quarantine with reasons | nothing is lost, nothing held up | somebody has to look |
# | ids from the content | import again, anywhere, at any time | a mended hand is another hand |
# | unknown stays unknown | no result is made up | each sum must say how much of it is known |
# | a range with each number | luck is not taken for skill | fewer stories to tell |

# %% [markdown]
# ## Key points
#
# - A repair makes everything fit, so no check will find it. Refuse, with the reason.
# - Test an import by laws that hold for every hand.
# - Missing is not zero.
# - The mean pot is not the usual pot. Give the range, too.
# - Most results need more hands than you have.
#
# **New words:** quarantine, hash, bootstrap, standard deviation, standard error, selection.
#
# **To read on:** J. Kim, "Recording and Describing Poker Hands", IEEE Conference on Games 2024, doi:10.1109/CoG60054.2024.10645611. On Pluribus: N. Brown, T. Sandholm, "Superhuman AI
# for multiplayer poker", Science 365 (2019), doi:10.1126/science.aay2400.

# %% [markdown] tags=["instructor"]
# ### What they see failing
#
# Four broken hands and an importer of two lines that mends what it meets: one error, and three wrong answers with a
# straight face. Then a player who has won 462 big blinds per 100 hands, by luck.
#
# ### Questions for discussion
#
# **Your importer could mend 99 of 100 broken records rightly. Would you let it?**
#
# Not in silence. Refuse, keep the original with the reason, and let a second, visible step write what somebody has
# decided, so that it can be told from what was recorded. Otherwise the hundredth cannot be found.
#
# **A sum over 10,000 hands comes out right. Is the import right?**
#
# Not yet. Two mistakes may cancel out, and a sum of zero holds for swapped players too. Laws for each hand are stronger
# than a sum over all: chips in and out, no stack below zero, the same cards once.
#
# **Regular 1 stands out of 30 players. What would convince you that it is skill?**
#
# More hands, chosen before looking; the same result on hands that were not used to find the player. Among 30 who live
# by luck, one or two stand out as well.
#
# **What in your data is missing, and is shown as zero?**
#
# Results of hands without a showdown, customers who never answered, sensors that were off. A zero is a claim. Show how
# many are known beside each sum.
#
# **Who decides which hands are in the data at all?**
#
# Television shows the big pots, a site publishes what it likes, people write down what they remember. No number of
# hands cures a choice that depends on the result.
#
# ### When time is short
#
# - Without analysts: *How sure?*, *Luck* and 10.3 can be read at home.
# - 10.2 is pandas. Its four traps can be shown from the solution.
# - 10.1 takes ten minutes, and is the idea of the day. Keep it.
# - 10.4 ends Part II on another domain. Homework, or the last hour of the course with everybody: it needs Day 9, and
#   tells you who has understood it.
# - Keep *An importer that helps* and *What the data cannot say*.
