"""Try the promises of the contract on a learner's package, in a process that cannot import the reference.

Started by `workbook.assemble`. It reads one JSON object from its input, and writes one JSON object a line:

    {"about": "Day 3", "promise": "append counts on from one"}      before each promise
    {"problem": ""}                                                  after it; empty where it is kept
    {"over": true, "untried": 0}                                     at the end

Learners' code may hang or end the process, so whoever reads this must do with what has come.
"""

from __future__ import annotations

import faulthandler
import importlib.util
import json
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cached_property, partial
from pathlib import Path
from types import ModuleType
from typing import IO, Any

import psycopg
from psycopg import sql

from workbook.contract import Promise, day_of, promises
from workbook.expect import NotKept, steady
from workbook.limits import TimeIsUp, end

REFERENCE = ("eventstore", "poker")
# From this day on there is a store on PostgreSQL that can append.
POSTGRES_FROM = 3
# So many promises may run into the time limit. What hangs once in each of them would take all night.
MOST_UNFINISHED = 3


class _NoReference:
    """Finds no `eventstore`: a store that is the learner's own does without."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> None:
        if name.split(".")[0] in REFERENCE:
            raise ModuleNotFoundError(f"a store of your own does without the package {name.split('.')[0]}", name=name)


class _Trial:
    def __init__(self, order: dict[str, Any], out: IO[str]) -> None:
        self._folder = Path(order["folder"])
        self._up_to: int = order["up_to"]
        self._parts: list[str] = order["parts"]
        self._url: str = order["url"]
        self._schema: str = order["schema"]
        self._mark: str = order["mark"]
        self._seconds: float = order["seconds"]
        self._out = out
        self._stores = 0
        self._unfinished = 0
        self.untried = 0

    def run(self) -> None:
        package: Any = None

        def load() -> None:
            nonlocal package
            package = _load(self._folder)

        if not self._try("The package", "it can be imported", load):
            return
        if self._parts:
            self._try("Day 2", "connect makes the tables, and finds them the second time", lambda: self._twice(package))
        for promise in promises(1):
            self._promise("Day 1, in memory", promise, package, package.InMemoryEventStore)
        if self._up_to < POSTGRES_FROM:
            return
        for promise in sorted(promises(self._up_to), key=lambda promise: day_of(promise) or 0):
            about = "Day 1, on PostgreSQL" if day_of(promise) == 1 else f"Day {day_of(promise)}"
            self._promise(about, promise, package, partial(self._new_store, package))

    def _promise(self, about: str, promise: Promise, package: Any, new_store: Callable[..., Any]) -> None:
        if self._unfinished == MOST_UNFINISHED:
            self.untried += 1
            return
        first = self._stores
        self._try(about, promise.__name__.replace("_", " "), lambda: promise(package, new_store))
        for place in range(first, self._stores):
            self._drop(place + 1)

    def _try(self, about: str, name: str, work: Callable[[], None]) -> bool:
        """Do a piece of work within the time limit and say how it went."""
        self._say(about=about, promise=name)
        # Where even the error that ends a thread does not help, the process ends.
        faulthandler.dump_traceback_later(self._seconds * 2, exit=True)
        problem = too_long = f"still running after {self._seconds:g} s"

        def run() -> None:
            nonlocal problem
            try:
                work()
                problem = ""
            except TimeIsUp as error:
                problem = f"{too_long}{self._place(error)}"
            except NotKept as failure:
                problem = str(failure)
            # Whatever the learner's code raises, `exit()` too.
            except BaseException as error:
                problem = f"{type(error).__name__}: {steady(str(error))}{self._place(error)}"

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        thread.join(self._seconds)
        if thread.is_alive():
            end(thread)
        faulthandler.cancel_dump_traceback_later()
        self._unfinished += problem.startswith(too_long)
        self._say(problem=problem)
        return not problem

    def _place(self, error: BaseException) -> str:
        """The last line of the package that an error went through."""
        if isinstance(error, SyntaxError):
            return ""
        for frame in reversed(traceback.extract_tb(error.__traceback__)):
            if Path(frame.filename).parent == self._folder:
                return f" at {Path(frame.filename).name}:{frame.lineno}: {frame.line}"
        return ""

    def _say(self, **what: str) -> None:
        print(json.dumps(what), file=self._out, flush=True)

    def _name(self, place: int) -> str:
        return f"{self._schema}_{place}"

    def _new_store(self, package: Any, **given: Any) -> Any:
        """An empty store in a schema of its own; `given` is a bus, once a store can have one."""
        self._stores += 1
        name = sql.Identifier(self._name(self._stores))
        self._connection.execute(sql.SQL("CREATE SCHEMA {}").format(name))
        # So that the workbook may drop it, whatever happens here.
        self._connection.execute(sql.SQL("COMMENT ON SCHEMA {} IS {}").format(name, self._mark))
        return package.connect(self._url, schema=self._name(self._stores), **given)

    def _twice(self, package: Any) -> None:
        self._new_store(package)
        store = package.connect(self._url, schema=self._name(self._stores))
        with store.connection() as connection:
            if connection.execute("SELECT count(*) FROM domain_events").fetchone() != (0,):
                raise NotKept("got events in domain_events, expected an empty table")

    def _drop(self, place: int) -> None:
        # Threads of a promise that was broken may still be at work there. Then the one who started us clears up.
        with suppress(psycopg.Error):
            self._connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(self._name(place))))

    @cached_property
    def _connection(self) -> psycopg.Connection:
        connection = psycopg.connect(self._url, autocommit=True)
        connection.execute("SET lock_timeout = '2s'")
        return connection


def _load(folder: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        folder.name, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec is not None
    assert spec.loader is not None
    package = importlib.util.module_from_spec(spec)
    sys.modules[folder.name] = package
    spec.loader.exec_module(package)
    return package


def main() -> None:
    """Do what the input asks for."""
    order = json.load(sys.stdin)
    # What the learner's code prints must not come between our lines.
    out, sys.stdout = sys.stdout, sys.stderr
    sys.meta_path.insert(0, _NoReference())
    trial = _Trial(order, out)
    trial.run()
    print(json.dumps({"over": True, "untried": trial.untried}), file=out, flush=True)


if __name__ == "__main__":
    main()
