"""A learner's part of a store tried together with the package: the learner's methods first, the package's for the rest.

    keeps(appending.append_counts_on_from_one, hint=1, on=mixin("append", "get_latest_version"))

is a case of an exercise. The first thing handed to `check` is the learner's class, a plain mixin: it inherits from
nothing and calls on `self` what it does not have. The names in `mixin(...)` are the methods that must be the learner's
own. All others may come from the package, `connection()` too.

In a case of your own, `store_of(Appending, own=("append",))` gives a class; each call of it makes one more empty store
in a scratch schema, which is dropped when the case has been tried.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import ExecStatus, TransactionStatus

from workbook.expect import NotKept, describe
from workbook.workspace import Workspace, with_the_case

PACKAGE = "eventstore"


def mixin(*own: str) -> Callable[[Any], Callable[..., Any]]:
    """For `keeps(promise, hint=1, on=mixin("append"))`: try the promise on a learner's part of a store.

    Args:
        own: the methods that must be the learner's, not the package's.
    """
    return lambda part: store_of(part, own=own)


def store_of(*parts: Any, own: tuple[str, ...] = ()) -> Callable[..., Any]:
    """A class whose instances are empty stores in scratch schemas, made of these parts and the package.

    Args:
        parts: the learner's classes, the first one first. If one has an `__init__`, it gets `(url, schema)`.
        own: see `mixin`.

    Returns:
        The class. Its stores live until the case ends, or the process where there is no case. What is given as `bus` is
        put there as their attribute `bus`.

    Raises:
        NotKept: a part is no class, builds on the package, or a method that should be the learner's is missing.
    """
    mixed = mixed_with_the_package(*parts, own=own)
    made_within = with_the_case()

    def new_store(bus: Any = None) -> Any:
        workspace = made_within.workspace()
        kept = KeptConnections(workspace)
        made_within.callback(kept.close)
        store = mixed(workspace.store, kept.connection, workspace.url, workspace.schema)
        # A part that publishes finds its bus here, as in the package that `assemble` makes.
        if bus is not None:
            store.bus = bus
        return store

    return new_store


def mixed_with_the_package(*parts: Any, own: tuple[str, ...] = ()) -> Callable[..., Any]:
    """A class of these parts that asks the package for whatever they do not have.

    Args:
        parts, own: see `store_of`.

    Returns:
        What makes a store out of the package's store (or None), a function that opens a connection, the URL and the
        name of the schema.

    Raises:
        NotKept: see `store_of`.
    """
    for part in parts:
        if not isinstance(part, type):
            raise NotKept(f"got {describe(part)}, expected a class")
        for base in part.__mro__:
            if base.__module__.split(".")[0] == PACKAGE:
                raise NotKept(f"got {part.__name__}, which builds on {base.__name__} of the package, expected your own")
    for name in own:
        if not any(name in vars(base) for part in parts for base in part.__mro__[:-1]):
            given = " and ".join(part.__name__ for part in parts)
            raise NotKept(f"got {given} without {name}, expected a method {name}")

    class Package:
        """Comes last, so it is asked only for what no part has. It uses names that no part will."""

        def connection(self) -> psycopg.Connection:
            opened: psycopg.Connection = vars(self)["the package's connection"]()
            return opened

        # A part may build on these two: `super()` finds what stands in a class, and never asks `__getattr__`.
        def append(self, *given: Any) -> Any:
            return self.__getattr__("append")(*given)

        def append_many(self, *given: Any) -> Any:
            return self.__getattr__("append_many")(*given)

        def __getattr__(self, name: str) -> Any:
            rest = vars(self).get("the package's store")
            if rest is None or name.startswith("_") or not hasattr(rest, name):
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
            return getattr(rest, name)

    def made(store: Any, connect: Callable[[], psycopg.Connection], url: str, schema: str) -> Any:
        one = mixed.__new__(mixed)
        vars(one).update({"the package's store": store, "the package's connection": connect})
        if mixed.__init__ is not object.__init__:
            mixed.__init__(one, url, schema)
        return one

    mixed: Any = type(parts[0].__name__, (*parts, Package), {"__doc__": parts[0].__doc__})
    return made


class KeptConnections:
    """Connections for a part that opens one at each call, as a learner's does.

    To the one who asks, each connection is a new one, and it is closed at the end of `with`. What runs underneath is
    kept, because a check with eight writers would spend most of its time on logging in.

    Args:
        workspace: where the connections lead.
    """

    def __init__(self, workspace: Workspace) -> None:
        session = f'-c search_path="{workspace.schema}" -c timezone=UTC'
        options = " ".join([str(conninfo_to_dict(workspace.url).get("options", "")), session])
        self._url = make_conninfo(workspace.url, options=options)
        self._free: deque[psycopg.pq.abc.PGconn] = deque()
        self._closed = False

    def connection(self) -> psycopg.Connection:
        """A connection in autocommit mode that finds the tables of the workspace."""
        try:
            connection = _KeptConnection(self._free.pop())
            connection.autocommit = True
        except IndexError:
            connection = _KeptConnection.connect(self._url, autocommit=True)
        connection.give_back = self._give_back
        return connection

    def _give_back(self, line: psycopg.pq.abc.PGconn) -> None:
        if (
            self._closed
            or line.transaction_status != TransactionStatus.IDLE
            or line.exec_(b"DISCARD ALL").status != ExecStatus.COMMAND_OK
        ):
            line.finish()
        else:
            self._free.append(line)

    def close(self) -> None:
        self._closed = True
        while self._free:
            self._free.pop().finish()


class _KeptConnection(psycopg.Connection[Any]):
    """To its user it is closed like any other; the line to the server goes back to where it came from."""

    give_back: Callable[[psycopg.pq.abc.PGconn], None]

    def close(self) -> None:
        if self.closed:
            return
        no_line: Any = _NoLine()
        line, self.pgconn = self.pgconn, no_line
        self._closed = True
        self.give_back(line)


class _NoLine:
    """What a closed connection has in place of a line to the server."""

    status = psycopg.pq.ConnStatus.BAD
    transaction_status = TransactionStatus.UNKNOWN

    def __getattr__(self, name: str) -> Any:
        raise psycopg.OperationalError("the connection is closed")
