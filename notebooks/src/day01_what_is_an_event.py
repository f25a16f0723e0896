# ---
# jupyter:
#   workbook:
#     title: What is an event?
#     promise: After this day you can tell a fact from a state and from a wish, and you have written a store that keeps facts.
#     needs: ["Day 0, or some idea of what an event is", "Python classes; dataclasses are explained on the way"]
#     able: ["name an event", "write one down so that nobody can change it", "say which payloads survive JSON", "refuse the version that comes too late"]
# ---

# %%
import json

import eventstore
from workbook.day import check, hint, open_day, show

day = open_day(1)

# %% [markdown]
# ## Do you remember?
#
# 1. What is lost by `UPDATE hand SET pot = 500`?
# 2. How do you get a state out of events?

# %% [markdown] tags=["answer"]
# 1. Everything that led to the old value: who, when, in which order. Even that there was an old value.
# 2. By a fold: start with nothing, go through the events in order, and let each one change the state a little.

# %% [markdown]
# ## A history that lies
#
# Day 0 said: keep the story. The quickest way to keep one seems to be a list to which we add the state after each step.
# Four decisions are made, and we note the state of the hand after each.
#
# **Predict:** what are the four pots that the last line prints?

# %%
hand = {"pot": 150, "last": "the blinds"}
history = []
for seat, amount in [("seat 3", 300), ("seat 4", 300), ("seat 5", 900), ("seat 3", 600)]:
    hand["pot"] += amount
    hand["last"] = seat
    history.append(hand)

print([state["pot"] for state in history])

# %% [markdown]
# Four times 2250. The list does not hold four states. It holds one dict, four times, and that dict has moved on. Python
# handed us a history in which the past changes whenever the present does.
#
# A copy helps: `history.append(dict(hand))`. Then the pots are right. But look at what such a history can still not say.

# %%
before = {"pot": 450, "last": "seat 3"}
after = {"pot": 750, "last": "seat 4"}

# %% [markdown]
# Seat 4 put in 300. Was it a call, or a bet on a new street? Was it seat 4's first decision? Two states show *that* something
# changed. They do not say *what happened*.
#
# So we do not keep states at all. We keep what happened.

# %% [markdown]
# ## A fact has a name
#
# An event is named by a verb in the past tense, because it is over. Nobody can refuse it any more.
#
# | text | what it is | why |
# |---|---|---|
# | `raise to 900` | a **command**: a wish | may still be refused: not your turn, not enough chips |
# | `pot is 2250` | a **state** | the end of a story, without the story |
# | `game.action_processed` | an **event** | it happened, and was accepted |
# | `hand_updated` | an event with a bad name | updated how? This is `UPDATE` in another coat |
#
# We write the aggregate, a dot, and the verb: `game.created`, `game.action_processed`, `game.hand_completed`. A good
# name is a word that a player would use. If you cannot tell a player what happened without the word "data", the name is
# not good yet. Ours are a compromise: `game` is one hand, and `action_processed` stands for fold, check, call, bet and raise
# together. The payload says which.
#
# **Predict:** command, state or event? `player.left_table`, `deal_flop`, `stack_of_seat_3`, `game.flop_dealt`.

# %% [markdown] tags=["answer"]
# Event, command, state, event.

# %% [markdown]
# ## Money is counted, not measured
#
# The payload of an event is the place for its details, above all: how many chips. Three players bet ten cents each.
#
# **Predict:** does this print 0.3?

# %%
print(0.1 + 0.1 + 0.1)
print(0.1 + 0.1 + 0.1 == 0.3)

# %% [markdown]
# A float is the nearest fraction that fits into 64 bits, and a tenth has no exact one. The error is tiny. But a pot is
# compared with the sum of its bets, and "nearly equal" is no answer to a player.
#
# Money is therefore an integer in the smallest unit: 30 cents, not 0.3 dollars. With each hand we write down how many
# units make one chip (100 where there are cents, 1 where all chips are whole), and divide only when we show a figure.
#
# ### Exercise 1.1: exact chips
#
# Amounts come from files as text: digits, or digits, a point and one or two digits. There is no sign. Write `units(text)`.
# It gives the amount in hundredths of a chip, as an integer, exactly. Any other text is a `ValueError`; half a cent is
# never rounded away.
#
# - `units("213.50")` is `21350`, and so is `units("213.5")`.
# - `units("0.29")` is `29`.
# - `units("1.005")` raises `ValueError`.


# %%
# Exercise 1.1
def units(text):
    ### BEGIN SOLUTION
    chips, point, hundredths = text.partition(".")
    if not chips.isdigit() or (point and not (hundredths.isdigit() and len(hundredths) <= 2)):
        raise ValueError(f"{text!r} is no amount in hundredths of a chip")
    return int(chips) * 100 + int(hundredths.ljust(2, "0"))
    ### END SOLUTION


# %%
check("1.1", units)

# %% [markdown] tags=["solution"]
# **Why this works.** It never makes a float. The text is split at the point, and both halves are whole numbers already.
# `Decimal(text) * 100` works as well, if you turn its `InvalidOperation` into a `ValueError`, refuse signs, `inf` and `nan`,
# and check that nothing is left behind the point.

# %% [markdown]
# ## A fact that nobody can change
#
# Now an event as a Python object. A **dataclass** is a class whose fields are written down as a list; Python writes
# `__init__` and the rest. Here is a first attempt, with three fields only.

# %%
from dataclasses import dataclass


@dataclass
class FirstTry:
    event_type: str
    version: int
    event_data: dict


bet = FirstTry("game.action_processed", 4, {"seat": 5, "amount": 900})
bet.version = 2
print(bet)

# %% [markdown]
# Somebody changed the version, and the object let them. `frozen=True` forbids it. The next cell is meant to fail.


# %% tags=["raises-exception"]
@dataclass(frozen=True)
class SecondTry:
    event_type: str
    version: int
    event_data: dict


data = {"seat": 5, "amount": 900}
bet = SecondTry("game.action_processed", 4, data)
bet.version = 2

# %% [markdown]
# Better. **Predict:** is the event safe now? We still have `data`, the dict from which it was made.

# %%
data["amount"] = 9
print(bet)

# %% [markdown]
# The event has changed, and nobody touched the event. `frozen` protects the *names* of the fields, not the things behind
# the names. It is the list of four equal pots again: two names for one dict.
#
# The cure is a copy, made by the event itself, at the moment when it comes into being. Python calls the method
# `__post_init__` right after the fields are filled, and that is also the place to refuse what is wrong. You will write it in a
# minute. First one more question: what may stand in that dict?

# %% [markdown]
# ## What survives the journey
#
# The payload travels: into the database, into another program, into next year. It travels as **JSON**, because everything
# can read JSON, PostgreSQL included. But JSON knows less than Python.
#
# **Predict:** which of these four come back as they went out?

# %%
payloads = [
    {"seats": (1, 2)},
    {1: "dealer"},
    {"pot": 10**20},
    {"winner": None},
]
for payload in payloads:
    back = json.loads(json.dumps(payload))
    print(f"{payload!s:32} {back!s:32} {'same' if back == payload else 'changed'}")

# %% [markdown]
# The tuple became a list, the number 1 became the text "1", and nobody was told. Large integers and `None` are fine.
#
# Python also writes three things that are no JSON at all. One of them is `NaN`, "not a number", which a division of
# zero by zero leaves behind in many libraries.

# %%
text = json.dumps({"pot": float("nan")})
print(text)

# %% [markdown]
# **Predict:** will PostgreSQL take it?

# %%
import psycopg

try:
    day.q("SELECT %s::jsonb AS payload", [text])
except psycopg.Error as error:
    print(error.diag.message_primary)
    print(error.diag.message_detail)

# %% [markdown]
# So a careful event asks one thing of its payload: *would it come back equal?* What would not is refused at once, with an
# error that names the field, while the programmer who made the mistake is still there. An error a year later, in another
# program, helps nobody.
#
# Here are the errors of our store. They have one parent, so that a caller can catch them all. From here on, some cells begin
# with `# Kept`, and so do those of the exercises: together they are the beginning of a store of your own.


# %% tags=["keep"]
# Kept: errors
class EventStoreError(Exception):
    """The parent of every error of the store."""


class InvalidEventError(EventStoreError, ValueError):
    """An event that no store may keep."""

    def __init__(self, field, problem):
        super().__init__(f"{field}: {problem}")
        self.field = field


class VersionConflictError(EventStoreError):
    """The version is not the next one of its stream."""

    def __init__(self, aggregate_id, attempted_version, latest_version):
        super().__init__(f"{aggregate_id} is at version {latest_version}, so {attempted_version} is not the next one")
        self.aggregate_id = aggregate_id
        self.attempted_version = attempted_version
        self.latest_version = latest_version


# %% [markdown]
# Two more things belong to a fact. **Metadata** says why it came about and through whom: the event that caused it
# (**causation**), an id shared by all that belongs together, for instance one evening at a table (**correlation**), and the
# player. And each fact has an **id** of its own, a number so long that no other fact in the world has it. If an answer
# gets lost on the wire and you send the fact again, the id says: this is not a second bet, it is the same one.


# %% tags=["keep"]
# Kept: metadata
from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, kw_only=True)
class EventMetadata:
    """Why an event came about, and through whom."""

    causation_id: UUID | None = None
    correlation_id: UUID | None = None
    user_id: str | None = None


# %% [markdown]
# ### Exercise 1.2: the event
#
# The fields are given. Write `__post_init__`:
#
# - an `event_type` or `aggregate_id` that is no text, or is empty, is an `InvalidEventError` for that field; this part is
#   written already,
# - so is a `version` that is no whole number of 1 or more (`True` is no version, though Python counts it as 1),
# - so is an `event_timestamp` that is no `datetime` or has no time zone: nobody could say later which eight o'clock it was,
# - so is an `event_data` that is no dict, or would not come back equal from JSON,
# - and the event keeps a copy of `event_data`, down to the innermost list.
#
# To set a field of a frozen object, even from the inside, write `object.__setattr__(self, "event_data", copy)`.
#
# - `DomainEvent(event_type="game.created", aggregate_id="hand 1", version=0, event_data={})` raises
#   `InvalidEventError` with the `field` `"version"`.
# - `DomainEvent(event_type="game.created", aggregate_id="hand 1", version=1, event_data={"seats": (1, 2)})` raises
#   `InvalidEventError` with the `field` `"event_data"`.


# %% tags=["keep"]
# Exercise 1.2, kept
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID, uuid4


@dataclass(frozen=True, kw_only=True)
class DomainEvent:
    """One fact: something that happened to one aggregate."""

    event_type: str
    aggregate_id: str
    version: int
    event_data: dict
    metadata: EventMetadata = EventMetadata()
    event_timestamp: datetime = field(default_factory=lambda: datetime.now(UTC))
    schema_version: int = 1
    id: UUID = field(default_factory=uuid4)
    sequence_number: int | None = None  # filled by the store
    recorded_at: datetime | None = None  # filled by the store

    def __post_init__(self):
        for name in ("event_type", "aggregate_id"):
            if not isinstance(getattr(self, name), str) or not getattr(self, name):
                raise InvalidEventError(name, "must be a text that is not empty")
        ### BEGIN SOLUTION
        if not isinstance(self.version, int) or isinstance(self.version, bool) or self.version < 1:
            raise InvalidEventError("version", "must be a whole number of 1 or more")
        if not isinstance(self.event_timestamp, datetime) or self.event_timestamp.tzinfo is None:
            raise InvalidEventError("event_timestamp", "must be a datetime with a time zone")
        if not isinstance(self.event_data, dict):
            raise InvalidEventError("event_data", "must be a dict")
        try:
            copy = json.loads(json.dumps(self.event_data, allow_nan=False))
        except (TypeError, ValueError) as error:
            raise InvalidEventError("event_data", f"cannot be written as JSON: {error}") from None
        if copy != self.event_data:
            raise InvalidEventError("event_data", "would not come back equal from JSON")
        object.__setattr__(self, "event_data", copy)
        ### END SOLUTION


# %%
check("1.2", DomainEvent, InvalidEventError)

# %% [markdown] tags=["solution"]
# **Why this works.** The journey through JSON is the test and the copy in one. What comes back is new down to the innermost
# list, so no name outside points into it. `allow_nan=False` makes Python as strict as PostgreSQL. And since the check runs
# when the event is made, an invalid event cannot exist: no later code has to ask again.

# %% [markdown]
# ## A place to keep them
#
# A store takes events in at the end and gives them back in order. Each event says which version it wants to be. Why does the
# *caller* say that? Would it not be simpler if the store gave the next free number?
#
# On the flop, four players have checked. Seat 5 is to act. Seat 6 has ticked "check" in advance, so its program sends at the
# same moment. Both have seen the hand at version 4. Here is a store that simply numbers what comes.

# %%
table = []


def append_and_number(event_type, data):
    table.append((len(table) + 1, event_type, data))


for seat in (1, 2, 3, 4):
    append_and_number("game.action_processed", {"seat": seat, "action": "check"})

print("Both have seen version", len(table))
append_and_number("game.action_processed", {"seat": 5, "action": "bet", "amount": 900})
append_and_number("game.action_processed", {"seat": 6, "action": "check"})
print(table[-2:])

# %% [markdown]
# Seat 6 has checked after a bet of 900, which no rule of poker allows. Its program had looked at version 4, where
# a check was fine, and the store took an event that was decided on old facts. Nobody was told.
#
# If the event says "I am version 5", the store can see that this place is taken. It refuses with a **version conflict**. Seat 6's
# program then loads the hand again, sees the bet, and decides again. This is *optimistic concurrency*: nobody holds a
# lock while a player thinks, and whoever was late finds out.
#
# The rule is short: **the next version is exactly the latest version + 1.** A lower number lost a race. A higher number
# would leave a hole, a fact that is missing, and a replay would never notice.
#
# ### Exercise 1.3: a store in memory
#
# Write the four methods. `self._log` is a list of all stored events, in the order in which they came.
#
# - `get_by_aggregate(aggregate_id, from_version=1, to_version=None)`: the events of one stream, in order of version. Both ends
#   count. `None` means to the end, and `from_version=0` is the same as 1.
# - `get_latest_version(aggregate_id)`: the version of the last event, `0` for a stream that does not exist.
# - `exists(aggregate_id)`: whether there is at least one event.
# - `append(event)`: refuse any version but the next one with a `VersionConflictError`. Otherwise keep the event and return it as it was
#   stored: `replace(event, sequence_number=…, recorded_at=…)`, where the sequence numbers of the whole log are 1, 2, 3.
#
# What the store gives back must be a copy, too: `replace(event)` makes an equal event with a payload of its own.


# %% tags=["keep"]
# Exercise 1.3, kept
from dataclasses import replace
from datetime import UTC, datetime


class MemoryLog:
    """Streams of events in a list."""

    def __init__(self):
        self._log = []

    def get_by_aggregate(self, aggregate_id, from_version=1, to_version=None):
        ### BEGIN SOLUTION
        return [
            replace(event)
            for event in self._log
            if event.aggregate_id == aggregate_id
            and event.version >= from_version
            and (to_version is None or event.version <= to_version)
        ]
        ### END SOLUTION

    def get_latest_version(self, aggregate_id):
        ### BEGIN SOLUTION
        return max((event.version for event in self._log if event.aggregate_id == aggregate_id), default=0)
        ### END SOLUTION

    def exists(self, aggregate_id):
        ### BEGIN SOLUTION
        return self.get_latest_version(aggregate_id) > 0
        ### END SOLUTION

    def append(self, event):
        ### BEGIN SOLUTION
        latest = self.get_latest_version(event.aggregate_id)
        if event.version != latest + 1:
            raise VersionConflictError(event.aggregate_id, event.version, latest)
        stored = replace(event, sequence_number=len(self._log) + 1, recorded_at=datetime.now(UTC))
        self._log.append(stored)
        return replace(stored)
        ### END SOLUTION


# %%
check("1.3", MemoryLog, VersionConflictError)

# %% [markdown] tags=["solution"]
# **Why this works.** Appending is the only way in, and each append goes through one comparison with one number. There is no
# method that changes or removes, so nothing has to be forbidden. Reading walks over the whole log, which is slow when the log is
# long. It is right, though, and that is the order of things: first right, then fast.

# %% [markdown]
# ### Exercise 1.4 (stretch): all or nothing
#
# When seat 3 folds and only one player is left, two facts are born together: the fold, and the end of the hand. A store with the first and
# not the second holds half a truth.
#
# Write `append_many(events)`. It stores all of them, in order, and returns them as stored. If one of them cannot be
# stored, none is, and the error says why. They may belong to several streams. An empty list gives an empty list.
#
# - On an empty store, versions 1, 2 and 4 of one stream raise `VersionConflictError`, with `attempted_version` 4 and
#   `latest_version` 2. Afterwards the store is still empty.


# %% tags=["keep"]
# Exercise 1.4, kept
class InMemoryEventStore(MemoryLog):
    """Streams of events in a list, written all or nothing."""

    def append_many(self, events):
        ### BEGIN SOLUTION
        length = len(self._log)
        try:
            return [self.append(event) for event in events]
        except BaseException:
            del self._log[length:]
            raise
        ### END SOLUTION


# %%
check("1.4", InMemoryEventStore, VersionConflictError)

# %% [markdown] tags=["solution"]
# **Why this works.** It remembers how long the log was, tries, and on an error cuts the log back: a rollback.
# `except BaseException` catches everything, Ctrl-C too: whatever went wrong, half a batch must not stay. A database does the
# same for you with a transaction. Note what this cannot do: while it tries, another thread could see events that will be
# gone a moment later. The package's store holds a lock, and PostgreSQL shows nobody what is not committed.

# %% [markdown]
# ## Meet the package
#
# The checks of 1.2 to 1.4 did not ask how you wrote it. They ran parts of the package's own **contract**: small functions in
# `workbook/contract/`, each a promise that a store must keep. The same functions test the package's store in memory and its store
# on PostgreSQL. If yours passes, then it *is* an event store, as far as Day 1 goes.
#
# Here is the event of the package. Yours and this one differ in length, not in kind.

# %%
show(eventstore.DomainEvent)

# %% [markdown]
# What does it add? It refuses more: text that PostgreSQL cannot store, floats that would come back unequal, ids that are no
# UUID, payloads over a megabyte. It makes ids that grow with time, which an index likes. And it keeps the JSON text, so that the
# payload is written only once.
#
# And the store in memory, the part that writes:

# %%
show(eventstore.InMemoryEventStore.append_many)

# %% [markdown]
# Three things are new. A lock, so that two threads cannot both pass the check. `take_batch` and `first_versions` look at the
# whole batch before anything is written, so there is nothing to cut back. And `known_batch` finds out whether these very events are stored
# already, because their sender never got the answer. Then sending them again gives back what is there.
#
# The same calls work on PostgreSQL. That is what a contract is good for.

# %%
for store in (eventstore.InMemoryEventStore(), day.store):
    first = eventstore.DomainEvent(event_type="game.created", aggregate_id="hand 1", version=1, event_data={})
    store.append(first)
    late = eventstore.DomainEvent(event_type="game.created", aggregate_id="hand 1", version=1, event_data={})
    try:
        store.append(late)
    except eventstore.VersionConflictError as conflict:
        print(f"{type(store).__name__}: {conflict}")

# %% [markdown]
# ## A store of your own
#
# Your kept cells can become a package that you can import. Save the notebook (Ctrl + S), open a terminal in the folder of the course,
# and type `python3 -m workbook assemble`. It takes the kept cells out of your copies in `my/`, writes them to `my/mystore`, and tries
# the contract on that, in a process that cannot import `eventstore`. With all of today solved, it says:
#
# ```text
# my/mystore holds Day 1: 3 of 3 exercises are your own.
# Day 1, in memory: 31 of 31 promises kept
# A notebook in my/ can use it: import mystore
# ```
#
# What is still to do comes from the solution and is named, so you can go on in any case. A kept cell must not use what only the
# notebook has, such as `day`: your package will not have it. Do it again after each day, and the store grows.

# %% [markdown]
# ## What this bought, what it costs
#
# | choice | bought | costs |
# |---|---|---|
# | facts in the past tense | a history that can be read aloud | finding good names takes talking to people |
# | frozen, with a copy inside | nobody changes the past by accident | a copy for each event |
# | JSON that comes back equal | everything can read it, for years | no tuples, no dates, no floats for money |
# | integers in the smallest unit | sums that agree to the chip | dividing when you show a figure |
# | the caller names the version | no decision on old facts goes unnoticed | the late one must load and decide again |

# %% [markdown]
# ## Key points
#
# - A command may be refused. An event is over. A state is what you work out.
# - Two names for one dict are two ways to change the past: copy on the way in and on the way out.
# - A payload must come back equal from JSON, or it is refused when the event is made.
# - The next version is the latest one + 1. Lower lost a race, higher leaves a hole.
#
# **New words:** command, payload, metadata, causation, correlation, version conflict, optimistic concurrency, contract.

# %% [markdown] tags=["instructor"]
# ### What they see failing
#
# A list of states that is one dict four times, so that the past changes whenever the present does. Then a frozen object
# whose payload changes, because `frozen` protects names and not what is behind them. Then a store that numbers what
# comes, and takes a check after a raise.
#
# ### Questions for discussion
#
# **Find events in your own field, and say each of them to somebody who works in it. Which ones make them frown?**
#
# Those with "updated", "changed", "data" or "record" in them. They name what the program did, not what happened. "The
# address was updated" may be a move, or a typing error put right, and somebody will care which.
#
# **Why is the caller made to name the version? The store could count by itself.**
#
# Only the caller knows which facts the decision was made on. A store that counts takes everything, and the decision on
# old facts goes unnoticed.
#
# **A colleague wants to keep the amount as a float, and to round to cents for display. What do you tell them?**
#
# Sums are compared, not only shown. Three times 0.1 is not 0.3, so a pot and the sum of its bets differ, and each later
# check needs a tolerance that somebody has to choose. An integer needs none.
#
# **Which of the checks in `__post_init__` could wait until the event is stored?**
#
# All could, and then the error comes up far from the line that caused it, perhaps in another program. Refuse while the
# one who made the mistake is still there.
#
# ### When time is short
#
# - 1.1 is about money and not about events. It can be homework; Day 7 relies on the idea, not on the function.
# - 1.4 comes back on Day 3, on PostgreSQL. Who skips it here meets "all or nothing" there.
# - *A store of your own* takes two minutes and is worth them: it is the moment at which the notebooks become a package.
# - Keep *A place to keep them* with 1.3. Versions are what Days 3 to 7 stand on.
