# ---
# jupyter:
#   workbook:
#     title: A sample
#     promise: Every part of the machinery once.
#     needs: [nothing]
#     able: [add up bets]
# ---

# %%
from IPython.display import Image, display
from sample_exercises import PICTURE

from eventstore import DomainEvent, InMemoryEventStore
from workbook.day import check, hint, open_day, show, show_sql

# %%
day = open_day(99)

# %% [markdown]
# What does `append` give back?

# %% [markdown] tags=["answer"]
# The stored event.

# %% tags=["keep"]
store = day.store
event = DomainEvent(
    event_type="game.created",
    aggregate_id="hand-1",
    version=1,
    event_data={"seats": 2},
    id=day.new_id(),
    event_timestamp=day.now(),
)
store.append(event)
day.q("SELECT version, event_type, event_timestamp, id FROM domain_events ORDER BY sequence_number")

# %% tags=["raises-exception"]
store.append(event.__class__(event_type="game.created", aggregate_id="hand-1", version=5, event_data={}))

# %% [markdown]
# ## Exercise
# Add up.


# %% tags=["keep"]
# Exercise 99.1
def pot(bets: list[int]) -> int:
    """All bets together."""
    ### BEGIN SOLUTION
    return sum(bets)
    ### END SOLUTION


# %%
check("99.1", pot)

# %% [markdown] tags=["solution"]
# `sum` starts from 0.


# %%
# Exercise 99.2
def event_types() -> str:
    """SQL for the event types, in order of their names."""
    ### BEGIN SOLUTION
    return "SELECT DISTINCT event_type FROM domain_events ORDER BY event_type"
    ### END SOLUTION


# %%
check("99.2", event_types)


# %%
# Exercise 99.3
class MemoryStore(InMemoryEventStore):
    """A store."""

    def exists(self, aggregate_id: str) -> bool:
        """Whether there is an event."""
        ### BEGIN SOLUTION
        return self.get_latest_version(aggregate_id) > 0
        ### END SOLUTION


# %%
check("99.3", MemoryStore)

# %%
hint("99.1")
show(InMemoryEventStore.exists)
show_sql(10)

# %% tags=["figure"]
print("sizes", [1, 2, 4])
display(Image(PICTURE))

# %% [markdown]
# The pot **doubles** with every bet.
#
# And so on.
