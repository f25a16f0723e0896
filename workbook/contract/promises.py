"""The list of promises, and what they have in common."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable
from typing import Any
from uuid import UUID, uuid5

from workbook.expect import expect

Promise = Callable[[Any, Callable[[], Any]], None]

SPACE = UUID("6f1d3c0a-5a8e-5d2b-9b7e-0c4f2a91d7e3")

WRITERS = 8
# A writer that hangs must not hang the checker with it.
PATIENCE = 60.0

_days: dict[Promise, int | None] = {}
_not_in_memory: set[Promise] = set()


def promise(*, day: int | None, in_memory: bool = True) -> Callable[[Promise], Promise]:
    """Put a function on the list of promises.

    Args:
        day: from which day on the learner's store keeps it; None for what only the reference promises.
        in_memory: whether a store in memory keeps it, too.
    """

    def enlist(function: Promise) -> Promise:
        _days[function] = day
        if not in_memory:
            _not_in_memory.add(function)
        return function

    return enlist


def promises(up_to_day: int | None = None) -> list[Promise]:
    """The promises in the order in which they are written.

    Args:
        up_to_day: only those that a learner's store keeps after this day; None for all.
    """
    return [function for function, day in _days.items() if up_to_day is None or (day is not None and day <= up_to_day)]


def day_of(function: Promise) -> int | None:
    """The day from which on a learner's store keeps a promise; None for what only the reference promises."""
    return _days[function]


def is_kept_in_memory(function: Promise) -> bool:
    """Whether a store in memory keeps a promise, too."""
    return function not in _not_in_memory


def event(names: Any, version: int = 1, aggregate_id: str = "hand-1", **fields: Any) -> Any:
    """An event to try things with. Its id follows from its place, so that a failure reads the same in every run."""
    defaults = {
        "event_type": "game.action_processed",
        "event_data": {"amount": 10 * version},
        "id": uuid5(SPACE, f"{aggregate_id} {version}"),
    }
    return names.DomainEvent(aggregate_id=aggregate_id, version=version, **(defaults | fields))


def expect_stream(store: Any, versions: Iterable[int], aggregate_id: str = "hand-1") -> None:
    """Expect exactly these versions in a stream."""
    got = [stored.version for stored in store.get_by_aggregate(aggregate_id)]
    expect(got, list(versions), f"the versions of {aggregate_id}")


def essence(stored: Any) -> tuple[Any, ...]:
    """What must come back from a store as it went in."""
    return (stored.id, stored.event_type, stored.aggregate_id, stored.version, stored.event_data)


def at_once(work: Callable[[int], str]) -> list[str]:
    """What each of eight threads has to say that set out together: its result, or the error that ended it."""
    outcomes = ["still running"] * WRITERS
    start = threading.Barrier(WRITERS)

    def run(writer: int) -> None:
        start.wait()
        try:
            outcomes[writer] = work(writer)
        except BaseException as error:
            outcomes[writer] = f"{type(error).__name__}: {error}"

    threads = [threading.Thread(target=run, args=(writer,), daemon=True) for writer in range(WRITERS)]
    # Python changes between threads so rarely that a store without any lock would mostly come through.
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
    finally:
        sys.setswitchinterval(interval)
    return outcomes
