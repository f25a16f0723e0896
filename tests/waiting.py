"""How the tests wait for something that another thread, process or server does."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import TypeVar

# Seconds. Nothing that is waited for takes long; the limit turns a test that would never end into one that fails.
PATIENCE = 60.0

Seen = TypeVar("Seen")


def wait_until(look: Callable[[], Seen], what: str) -> Seen:
    """Look again and again until there is something to see.

    Args:
        look: anything that counts as true ends the waiting, and is returned.
        what: the name of what we wait for.

    Raises:
        AssertionError: it never came.
    """
    deadline = time.monotonic() + PATIENCE
    while not (seen := look()):
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.002)
    return seen


def begin(call: Callable[[], Seen]) -> Future[Seen]:
    """Call something in a thread that nobody waits for at the end: a call that never comes back fails one test only.

    The threads of an executor are joined when it is left, and again at the end of the program.
    """
    future: Future[Seen] = Future()

    def work() -> None:
        try:
            future.set_result(call())
        except BaseException as error:
            future.set_exception(error)

    Thread(target=work, daemon=True).start()
    return future
