"""The contract of an event store: plain functions, one promise each.

A promise takes the names under test (`names.DomainEvent`, `names.VersionConflictError` and so on: the package
`eventstore`, or what a learner has written) and `new_store`, which makes an empty store at each call, with a bus where
one is given: `new_store(bus=...)`. It raises `NotKept` where the promise is broken.

The same functions run on the reference in `tests/contract/`, on the learner's store in `check`, and on the package
that the learner's notebooks add up to. So these three cannot disagree.
"""

from workbook.contract import (
    appending,
    events,
    folding,
    following,
    ordering,
    payloads,
    publishing,
    querying,
    questions,
    reading,
    retrying,
    snapshots,
    streaming,
    subscribing,
)
from workbook.contract.promises import Promise, day_of, is_kept_in_memory, promise, promises

__all__ = [
    "Promise",
    "appending",
    "day_of",
    "events",
    "folding",
    "following",
    "is_kept_in_memory",
    "ordering",
    "payloads",
    "promise",
    "promises",
    "publishing",
    "querying",
    "questions",
    "reading",
    "retrying",
    "snapshots",
    "streaming",
    "subscribing",
]
