# ---
# jupyter:
#   workbook:
#     title: Who else wants to know?
#     promise: After this day a store tells others what it has stored, nobody who fails can harm it, and you know exactly what such a message is worth.
#     needs: ["Day 1: events and the store in memory", "Day 3: transactions, and sending again after a lost answer", "Python's classes; `super()` is explained on the way"]
#     able: ["say when a handler may be called, and why not before", "build a bus whose handlers cannot harm each other", "give a store a bus", "make a crash between two steps happen, and name what it costs", "write a handler that loses nothing although the bus does"]
# ---

# %%
import logging
import os
import subprocess
import sys

import pandas as pd

import eventstore
from eventstore import DomainEvent
from workbook.day import check, hint, open_day, show

day = open_day(8)

# %% [markdown]
# ## Do you remember?
#
# 1. A transaction has written an event. From when on does another connection see it?
# 2. The answer to an append got lost, and the program sends the same event again, with the same id. What is stored, and what does
#    the program get?

# %% [markdown] tags=["answer"]
# 1. From the commit on. After a rollback it was never there.
# 2. The event is stored once. The program gets the event that was stored the first time.

# %% [markdown]
# ## More and more who want to know
#
# Seat 5 raises, and the program appends the event. The screen above the table wants to show it. Next week the printer
# shall print a slip for each raise. Then somebody wants to count the chips. If the program calls each of them by name, it has to be
# changed for every newcomer.
#
# So it keeps a list of functions instead, and calls each of them with the event. Such a function is called a **handler**.


# %%
def acts(hand, version, seat=5, action="raise", amount=900):
    return DomainEvent(
        event_type="game.action_processed",
        aggregate_id=hand,
        version=version,
        event_data={"seat": seat, "action": action, "amount": amount},
        event_timestamp=day.now(),
        id=day.new_id(),
    )


def screen(event):
    data = event.event_data
    print(f"  the screen: {event.aggregate_id}, version {event.version}: seat {data['seat']}, {data['action']}")


def printer(event):
    raise OSError("out of paper")


# %% [markdown]
# When are they called? It seems safe to do all of it in one transaction: all or nothing. `append(..., connection=...)` joins a
# transaction of ours. The printer happens to be out of paper.
#
# **Predict:** what does the screen show? What is in the log? What does the program get?

# %%
connection = day.connection()
handlers = [screen, printer]


def append_and_tell(event):
    with connection.transaction():
        stored = day.store.append(event, connection=connection)
        for handler in handlers:
            handler(stored)
    return stored


try:
    append_and_tell(acts("hand 1", 1))
except OSError as error:
    print("the program gets:", error)
print("events in the log:", day.store.get_event_count("hand 1"))

# %% [markdown]
# A printer without paper has taken the raise down: the error ended the transaction with a rollback. And the screen has shown a raise
# that never happened, which no rollback takes off the screen again.
#
# Both have one cause: the handlers were told of something that was not true yet. So the first rule is: **commit, then tell.**

# %% [markdown]
# ## After the commit
#
# Now we append first, which commits, and call the handlers afterwards. A third one adds up the chips. The program does what programs do
# after an error: it tries again.
#
# **Predict:** how many raises are in the log, and what has been counted?

# %%
counted = []


def count(event):
    counted.append(event.event_data["amount"])


handlers = [screen, printer, count]


def append_then_tell(event):
    stored = day.store.append(event)
    for handler in handlers:
        handler(stored)
    return stored


for attempt in ("first", "second"):
    try:
        append_then_tell(acts("hand 1", day.store.get_latest_version("hand 1") + 1))
    except OSError:
        print(f"the program, {attempt} attempt: it did not work")
print("events in the log:", day.store.get_event_count("hand 1"), " counted:", counted)

# %% [markdown]
# Two raises where the player made one. The program was told that nothing had worked, although the first raise was stored. And the
# count is empty, because `count` stands behind the printer in the list.
#
# So the second rule: **a handler that fails reaches neither the one who appends nor the other handlers.** But a failure must not vanish
# either. It is written to the program's log, and handed to whoever publishes.

# %% [markdown]
# ## A bus
#
# An object that keeps the list is called an **event bus**. Whoever wants to know *subscribes*, with a type of event or with
# `"*"` for all. Whoever has news *publishes*. Neither knows the other.
#
# A handler may be a function, or a method of an object. To leave the bus, it has to be found again in the list.
#
# **Predict:** what do the two comparisons say?


# %%
class Table:
    def look(self, event):
        print("  the table looks at version", event.version)


table = Table()
print("table.look is table.look:", table.look is table.look)
print("table.look == table.look:", table.look == table.look)

# %% [markdown]
# Python makes a new method object each time somebody writes `table.look`. They are not the same, but equal. So a bus compares with
# `==`, as `in`, `not in` and `list.remove` do.
#
# Here is the bus of a colleague. One of its handlers wants to hear of a single event, and unsubscribes when it was called.
#
# **Predict:** which handlers hear of version 1? **Find the bug.**


# %%
class ColleaguesBus:
    def __init__(self):
        self.handlers = []

    def subscribe(self, handler):
        self.handlers.append(handler)

    def unsubscribe(self, handler):
        self.handlers.remove(handler)

    def publish(self, event):
        for handler in self.handlers:
            handler(event)


def only_once(event):
    print("  once: version", event.version)
    colleagues.unsubscribe(only_once)


colleagues = ColleaguesBus()
for handler in (only_once, table.look, screen):
    colleagues.subscribe(handler)
for version in (1, 2):
    print(f"version {version} is published")
    colleagues.publish(acts("hand 1", version))

# %% [markdown] tags=["answer"]
# The table never heard of version 1. `publish` walks along the list while `unsubscribe` takes something out of it. Everything behind moves
# forward by one place, and the walk steps over the table. The cure: walk along a list that nobody changes.

# %% [markdown]
# ### What a bus needs
#
# Some handlers are objects that know themselves which events they want. Their class derives from `EventHandler`: it lists its
# `event_types` and has a method `handle`. With `ABC` and `@abstractmethod`, Python makes no object of a class that forgets `handle`.
#
# With `pairs_of`, both kinds of handler become the same thing: pairs of a type and something that can be called.


# %% tags=["keep"]
# Kept: handlers, and what is said of one that fails
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

from eventstore import DomainEvent


class EventHandler(ABC):
    """A handler that names the types of events it wants; "*" is every type."""

    event_types = ()

    @abstractmethod
    def handle(self, event):
        """Do whatever has to be done about one event."""


def pairs_of(event_type, handler=None):
    """Pairs of a type and what to call. An EventHandler comes alone, in the place of the type."""
    if handler is None:
        return [(name, event_type.handle) for name in event_type.event_types]
    return [(event_type, handler)]


@dataclass(frozen=True)
class HandlerFailure:
    """A handler that failed on an event. The event is stored all the same."""

    event: DomainEvent
    handler: Any
    error: Exception


# %%
class HighRoller(EventHandler):
    event_types = ("game.action_processed", "game.hand_completed")

    def handle(self, event):
        print("  high roller:", event.event_type)


print([name for name, _ in pairs_of(HighRoller())])
print([name for name, _ in pairs_of("*", screen)])

# %% [markdown]
# ### Exercise 8.1: who wants to know
#
# Write the three methods of `Subscriptions`. `self.pairs` holds what `pairs_of` gives, in the order in which it came.
#
# - `subscribe(event_type, handler)` or `subscribe(event_handler)` adds pairs.
# - `unsubscribe(...)`, called in the same two ways, takes exactly these pairs out. If they are not there, nothing happens.
# - `handlers_of(event)` gives a list of what to call for an event, in the order of subscription. Later changes must not reach this list.
#
# Examples, on `s = Subscriptions()`:
#
# - after `s.subscribe("bet", f)`, `s.subscribe("*", g)` and `s.subscribe("fold", h)`, `handlers_of` a bet is `[f, g]`;
# - after `s.unsubscribe("bet", f)` it is `[g]`.


# %% tags=["keep"]
# Exercise 8.1, kept
class Subscriptions:
    """Who wants to know of which type of event."""

    def __init__(self):
        self.pairs = []

    def subscribe(self, event_type, handler=None):
        ### BEGIN SOLUTION
        self.pairs += pairs_of(event_type, handler)
        ### END SOLUTION

    def unsubscribe(self, event_type, handler=None):
        ### BEGIN SOLUTION
        gone = pairs_of(event_type, handler)
        self.pairs = [pair for pair in self.pairs if pair not in gone]
        ### END SOLUTION

    def handlers_of(self, event):
        ### BEGIN SOLUTION
        return [handler for event_type, handler in self.pairs if event_type in ("*", event.event_type)]
        ### END SOLUTION


# %%
check("8.1", Subscriptions)

# %% [markdown] tags=["solution"]
# **Why this works.** `pair not in gone` compares with `==`, so a method is found again, and a handler that has left one type keeps the
# others. One list of pairs keeps one order; a dict with a list for each type would call those of `"*"` before or after
# all others. And `handlers_of` makes a new list at each call, which no handler can change while it is walked along.

# %% [markdown]
# ### A handler that fails
#
# Where does a failure go? Every Python program has a log for its own troubles, made by the module `logging`. A part of a program asks for a
# *logger* by name and writes to it. Where that ends up, on the screen or in a file, is decided elsewhere. Here we decide that it is
# printed, on one line.
#
# `exc_info=error` adds the error with its traceback, so that somebody can find the line.


# %%
class OneLine(logging.Handler):
    def emit(self, record):
        error = record.exc_info[1] if record.exc_info else "no exc_info"
        print(f"  {record.levelname}: {record.getMessage()}: {error!r}")


log = logging.getLogger("eventstore")
log.handlers = [OneLine()]
log.propagate = False  # nobody else shall print it as well

try:
    printer(None)
except OSError as error:
    log.error("%s failed", "the printer", exc_info=error)

# %% [markdown]
# ### Exercise 8.2: publish
#
# Write `publish(event)`: it calls the handlers of the event one after the other, and returns a list with a `HandlerFailure` for each one
# that failed; `[]` if all is well.
#
# - A handler that raises an `Exception` is logged as an error, with `exc_info`, to the logger `eventstore`. The next one is called.
# - A handler can be anything that can be called. Not everything of that kind has a `__name__` for the line in the log.
# - `KeyboardInterrupt` (somebody pressed Ctrl-C) and `SystemExit` pass: they are no `Exception`, and whoever ends the program means it.
#
# Examples: with `screen`, `printer` and `count` subscribed to `"*"`, `publish(event)` calls all three and returns one failure, whose `error`
# is the `OSError`, whose `handler` is `printer`, and whose `event` is `event`. With `screen` alone it returns `[]`.


# %% tags=["keep"]
# Exercise 8.2, kept
import logging

LOG = logging.getLogger("eventstore")


class EventBus(Subscriptions):
    """Tells those who have subscribed."""

    def publish(self, event):
        ### BEGIN SOLUTION
        failures = []
        for handler in self.handlers_of(event):
            try:
                handler(event)
            except Exception as error:
                name = getattr(handler, "__qualname__", type(handler).__name__)
                LOG.error("%s failed on event %s", name, event.id, exc_info=error)
                failures.append(HandlerFailure(event, handler, error))
        return failures
        ### END SOLUTION


# %%
check("8.2", EventBus, HandlerFailure)

# %% [markdown] tags=["solution"]
# **Why this works.** `try` stands inside the loop, so the next handler has its turn whatever the last one did. `except Exception` takes
# all that goes wrong, but not the two that want the program to end. The log gets a name, that of the class where the
# handler has none. It does not get `repr(handler)`: an object may tell everything it holds, and some hold a password.

# %% [markdown]
# ## A store that publishes
#
# A store with a bus appends as before, and publishes what came back. The parts of your store are classes that are put side by side:
# `class PostgresEventStore(Snapshots, Reading, Appending, Database)`. Python looks for a method from left to right. A class further
# left gets the call first, and reaches the next one with `super()`:


# %%
class Quiet:
    def append_many(self, events):
        return f"stored {events}"


class Polite:
    def append_many(self, events):
        return super().append_many(events) + ", thank you"


class Store(Polite, Quiet):
    pass


Store().append_many([1, 2])

# %% [markdown]
# `Polite` knows nothing of `Quiet`. It calls whoever comes next.
#
# ### Exercise 8.3: Publishing
#
# Write `append_many` of `Publishing`. It lets the next class append, then publishes what was *stored*, event by event, in this order,
# and returns it. Without a bus it only appends.
#
# `append` is given: a batch of one. So all goes one way, and nothing is published twice.
#
# To try it: `store = day.with_mine(Publishing)`, `store.bus = EventBus()`, `store.bus.subscribe("*", screen)`, then
# `store.append(acts("hand 9", 1))`.


# %% tags=["keep"]
# Exercise 8.3, kept
class Publishing:
    """Publishes what was stored. Stands before a class that appends."""

    bus = None

    def append(self, event):
        return self.append_many([event])[0]

    def append_many(self, events):
        ### BEGIN SOLUTION
        stored = super().append_many(events)
        if self.bus is not None:
            for event in stored:
                self.bus.publish(event)
        return stored
        ### END SOLUTION


# %%
check("8.3", Publishing)

# %% [markdown] tags=["solution"]
# **Why this works.** When `super().append_many` comes back, the transaction is committed; when it raises, the next line is never
# reached. What came back has sequence numbers, and `events` may have been a generator that is used up by now. The same
# lines work before any class whose `append_many` does not call `self.append`. That of Day 1 did, and the two would call each
# other for ever.

# %% [markdown]
# From here on we use the store and the bus of the package, which keep the same promises.
#
# **Predict:** the printer still has no paper. What is printed, and what is counted?

# %%
bus = eventstore.EventBus()
store = eventstore.connect(day.url, schema=day.schema, bus=bus)
counted.clear()
for handler in (screen, printer, count):
    bus.subscribe("game.action_processed", handler)

store.append(acts("hand 2", 1))
print("events in the log:", store.get_event_count("hand 2"), " counted:", counted)

# %% [markdown]
# ## The moment in between
#
# Commit, then tell. Those are two steps, and between them there is a moment. What if the process dies in just that moment?
#
# We let it happen. The text below is a program of its own. `subprocess.run` starts it as a second process with its own Python,
# waits for its end, and collects what it prints; what it prints stands for what a handler does. `os._exit(9)` ends a
# process on the spot, as a power failure would: no `except`, no `finally`.

# %%
PROGRAM = """
import os, sys
import eventstore

schema, hand, first, survives = sys.argv[1:]
store = eventstore.connect(schema=schema)

def commit():
    store.append(eventstore.DomainEvent(
        event_type="game.action_processed", aggregate_id=hand, version=1, event_data={"amount": 900}
    ))

def tell():
    print("a raise of 900", flush=True)

steps = [commit, tell] if first == "commit" else [tell, commit]
for step in steps[:int(survives)]:
    step()
os._exit(9)
"""


def run_until_it_dies(hand, first, survives):
    """Whether the event was stored, and whether somebody was told, where the process dies after so many steps."""
    command = [sys.executable, "-c", PROGRAM, day.schema, hand, first, str(survives)]
    surroundings = {**os.environ, "EVENTSTORE_URL": day.url}
    ended = subprocess.run(command, env=surroundings, capture_output=True, encoding="utf-8")
    assert ended.returncode == 9, ended.stderr
    return day.store.exists(hand), "900" in ended.stdout


stored, told = run_until_it_dies("hand 3", "commit", 1)
print("stored:", stored, " told:", told)

# %% [markdown]
# The raise is stored, and nobody was told. When the program starts again, it does not know that something is missing. The message is
# lost for good.
#
# **Predict:** could we tell first, and commit afterwards? We try both orders, and let the process die before both steps, between them,
# and after both.

# %% tags=["figure"]
import matplotlib.pyplot as plt

MOMENTS = ("before both", "between them", "after both")
rows = []
for first, order in (("commit", "commit, then tell"), ("tell", "tell, then commit")):
    for survives, moment in enumerate(MOMENTS):
        rows.append([order, moment, *run_until_it_dies(f"{order} {moment}", first, survives)])
outcomes = pd.DataFrame(rows, columns=["order", "the process dies", "stored", "told"])
print(outcomes.to_string(index=False))

figure, axes = plt.subplots(figsize=(8, 3.2))
for place, (_, _, stored, told) in enumerate(rows):
    x, y = place % 3, -(place // 3)
    both = stored == told
    axes.add_patch(plt.Rectangle((x, y), 0.94, 0.9, color="#0072B2" if both else "#D55E00"))
    words = f"{'stored' if stored else 'not stored'}\n{'told' if told else 'not told'}"
    axes.text(x + 0.47, y + 0.45, words, ha="center", va="center", color="white", weight="bold", fontsize=12)
axes.set_xlim(-0.05, 3)
axes.set_ylim(-1.05, 0.95)
axes.set_xticks([0.47, 1.47, 2.47], MOMENTS)
axes.set_yticks([0.45, -0.55], ["commit,\nthen tell", "tell,\nthen commit"])
axes.set_title("Two steps, one crash: do the log and the handlers agree?")
axes.set_xlabel("the process dies")
axes.set_ylabel("order of the steps")
axes.tick_params(length=0)
for side in axes.spines.values():
    side.set_visible(False)
plt.show()

# %% [markdown]
# A table of two rows and three columns: log and handlers agree where the process dies before or after both steps. Where it dies between
# them they disagree in either order: stored and not told, or told and not stored.
#
# There is no third order. Two systems are written one after the other, and a crash fits in between. This is the problem of the
# **dual write**, and no `try` cures it: a dead process catches nothing. Of the two ways to be wrong, we choose the one that keeps the
# log right. What the log has, somebody can still find.

# %% [markdown]
# ## At least once, or never
#
# The opposite happens, too. An answer gets lost after the store has published, and the program sends the same event again, as Day 3
# taught.
#
# **Predict:** what is counted?

# %%
bus.unsubscribe("game.action_processed", printer)
counted.clear()
raised = acts("hand 4", 1)
for _ in ("first", "second"):
    store.append(raised)
print("events in the log:", store.get_event_count("hand 4"), " counted:", counted)

# %% [markdown]
# One event, told twice. The store could keep silent at the second append, since it recognises the id. But perhaps the first process died
# in the moment in between, and then this is the only chance to tell. Nobody can know, so it tells again.
#
# So a handler hears of an event **at least once, or never**. It must bear both. Repeats can be told by the id, which
# belongs to this one fact:

# %%
chips = {}


def count_once(event):
    chips[event.id] = event.event_data["amount"]


bus.subscribe("*", count_once)
raised = acts("hand 4", 2)
for _ in ("first", "second"):
    store.append(raised)
print("chips:", sum(chips.values()))

# %% [markdown]
# ## One process, and no memory
#
# Another dealer sits at another machine. Its program appends to the same log.
#
# **Predict:** what does our handler hear of it?

# %%
heard = []
bus.subscribe("*", heard.append)
run_until_it_dies("hand 5", "commit", 2)
print("heard of:", [event.aggregate_id for event in heard])
print("in the log:", store.get_event_count("hand 5"), "event of hand 5")

# %% [markdown]
# Nothing. A bus is a list of functions in the memory of *one* process. It does not hear what others append, nor what was appended
# before somebody subscribed, and it forgets everything at the end.
#
# But the log is still there, in order, with a number on each event. A handler that remembers the number up to which it has read needs the
# bus for one thing only: to know *that* there is news. *What* is new, it reads from the log.
#
# ### Exercise 8.4 (stretch): loses nothing
#
# Write `handle` of `Follower`. The event that it gets is only a hint. It reads from the log, in order, all events behind
# `self.position`, and calls `self.work` with each. After each one, `self.position` is the number of that event.
#
# - If `work` raises, the error passes, and the position stays before that event: at the next hint it comes again.
# - A hint about something old finds nothing new.
#
# `store.query(eventstore.EventQueryFilter(after_sequence=7))` gives the events behind number 7, in the order of the log.
#
# Example: five events were lost, then the sixth is published. `work` is called with all six, in order.


# %%
# Exercise 8.4
class Follower(EventHandler):
    event_types = ("*",)

    def __init__(self, store, work, position=0):
        self.store = store
        self.work = work
        self.position = position

    def handle(self, event):
        ### BEGIN SOLUTION
        for news in self.store.query(eventstore.EventQueryFilter(after_sequence=self.position)):
            self.work(news)
            self.position = news.sequence_number
        ### END SOLUTION


# %%
check("8.4", Follower)

# %% [markdown] tags=["solution"]
# **Why this works.** What is lost on the bus is found at the next hint, since the position does not move without the work. A repeat finds
# the position behind it. If `work` fails, the bus logs it, and the event comes again: at least once, and never *never*, as long as there
# is a next hint and somebody keeps the position.

# %% [markdown]
# Three questions stay open. Who keeps the position when the process dies? Who gives the hint when nobody here appends? And is it certain that
# no event can appear *behind* a position, later, where two transactions are open at once? They are for the next day.

# %% [markdown]
# ## Meet the package
#
# The checks of 8.1 to 8.3 asked the promises of `workbook/contract/publishing.py`. Here is how the package publishes.

# %%
show("eventstore.bus.EventBus._deliver")

# %% [markdown]
# You know most of it. A handler is called once, even if it is subscribed to a type and to `"*"`. And each gets a copy of its own, so
# that one that changes the payload does not change it for the next.
#
# One thing is missing in yours. A handler may append. Here one folds for seat 6 as soon as seat 5 raises. We use the simple list
# from above, with `handlers` called at once.
#
# **Predict:** in which order does the screen show the two events?


# %%
def answer(event):
    if event.version == 1:
        append_then_tell(acts(event.aggregate_id, 2, 6, "fold", 0))


handlers = [answer, screen]
_ = append_then_tell(acts("hand 6", 1))

# %% [markdown]
# The answer before the question: the inner append was published while the outer one still had to call the screen. The package lets
# what a handler appends wait until the events before it are done.


# %%
def answer_by_the_package(event):
    if event.version == 1:
        store.append(acts(event.aggregate_id, 2, 6, "fold", 0))


for handler in (count, count_once, heard.append, screen):
    bus.unsubscribe("*", handler)
    bus.unsubscribe("game.action_processed", handler)
for handler in (answer_by_the_package, screen):
    bus.subscribe("*", handler)
store.append(acts("hand 7", 1))
show("eventstore.bus.EventBus.publish")

# %% [markdown]
# `self._pending` holds, for each thread, what is still to be published. Whoever finds a queue there is inside a handler, adds to it
# and goes; whoever began works it off. So each thread sees its own events in the order of the log. Threads among each other have no order: that,
# too, only the log has.
#
# What else does it add? `connect(bus=...)` gives a store its bus. An append that joins your transaction publishes nothing, since only you know when
# it is committed. Subscribing is safe from several threads. What cannot be a handler is refused, with the fix. Why all this, and what
# was left out: `docs/decisions/event-bus.md`.

# %% [markdown]
# ## What this bought, what it costs
#
# | choice | bought | costs |
# |---|---|---|
# | a bus between those who append and those who want to know | newcomers change nobody's program | who hears of what is no longer written in one place |
# | commit, then tell | no handler hears of what never happened | a crash in between, and nobody hears |
# | failures logged and returned | a handler harms nobody | somebody has to read the log |
# | the handlers in the thread that appends | order, and no queue to look after | an append lasts as long as its handlers |
# | repeats are told again | the only chance after a crash is used | each handler has to bear repeats |

# %% [markdown]
# ## Key points
#
# - Commit, then tell. Before the commit nothing is true.
# - A handler that fails is the handler's problem: logged, returned, and nobody else's.
# - Two steps, one crash in between: no order of the steps cures a dual write.
# - On a bus: at least once, or never.
# - A message is a hint. The truth is in the log.
#
# **New words:** handler, event bus, subscribe, publish, logger, dual write, at least once.

# %% [markdown] tags=["instructor"]
# ### What they see failing
#
# A handler in the middle of an append that fails, and takes the append along. A count of raises that never happened,
# because it was told before a rollback. A process that dies between commit and telling: the raise is stored, and nobody
# ever hears of it.
#
# ### Questions for discussion
#
# **Commit first or tell first: is there an order that loses nothing and repeats nothing?**
#
# No. Two places change one after the other, and a crash fits in between. One order loses a message, the other tells
# what never happened. What helps is to have one of the two follow from the other: Day 9.
#
# **Somebody proposes a message broker between the store and the handlers. What does it solve, and what stays?**
#
# Messages outlive the process, and reach other machines. The moment between commit and sending stays as it is. It moves
# from "handler not called" to "message not sent".
#
# **A confirmation mail is sent from a handler. What can happen, and which mistake do you prefer?**
#
# It may not be sent, or be sent twice. Most prefer twice, with an id by which the receiver can tell. For a payment the
# receiver must refuse the repeat by that id.
#
# **What belongs on a bus, although it may lose a message?**
#
# What is only a hint, or does not matter a minute later: refresh a screen, drop a cache entry, wake up somebody who
# will look at the log.
#
# ### When time is short
#
# - 8.1 is about lists in Python. Hand out its solution if the class came for databases; 8.2 and 8.3 stand on it.
# - 8.3 is ten minutes, and shows in three lines where "after the commit" is. Keep it.
# - 8.4 prepares Day 9. Who skips it should at least read *One process, and no memory*.
# - Keep *The moment in between*: a process is killed at each step, and that is what the day is about.
