"""How the tests send a batch of events, and start processes that do."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Sequence
from multiprocessing.process import BaseProcess

import eventstore


def send(
    store: eventstore.PostgresEventStore, batch: Sequence[eventstore.DomainEvent], own_transaction: bool = False
) -> list[eventstore.DomainEvent]:
    """Append a batch: one event with `append`, several with `append_many`.

    Args:
        store: where to.
        batch: at least one event.
        own_transaction: join a transaction of the caller, and commit it.
    """
    if own_transaction:
        with store.connection() as connection, connection.transaction():
            if len(batch) == 1:
                return [store.append(batch[0], connection=connection)]
            return store.append_many(batch, connection=connection)
    return [store.append(batch[0])] if len(batch) == 1 else store.append_many(batch)


def start_process(target: Callable[..., None], *arguments: object) -> BaseProcess:
    """Run a function of a module in a process of its own.

    Where the system can, it is a copy of a process that has done the imports: eight busy writers leave little time
    for them to a ninth.
    """
    methods = multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
    context.set_forkserver_preload(["eventstore"])
    process: BaseProcess = context.Process(target=target, args=arguments)  # type: ignore[attr-defined]
    process.start()
    return process
