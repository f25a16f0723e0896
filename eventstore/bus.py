"""Tell others in this process what was stored.

A store that was given a bus publishes each event after it was committed, in the thread that appended. Nothing is
remembered: whoever must not miss an event, or sits in another process, follows the log instead.
"""

from __future__ import annotations

import logging
import os
import threading
from abc import abstractmethod
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from inspect import iscoroutinefunction
from types import BuiltinMethodType, MethodType
from typing import Any, Protocol, TypeAlias, overload, runtime_checkable

from eventstore.errors import InvalidEventError
from eventstore.events import DomainEvent, check_name

ALL = "*"

_log = logging.getLogger("eventstore")


@runtime_checkable
class EventHandler(Protocol):
    """An object that says itself which events it wants. A handler may inherit from this class, or just look like it.

    Attributes:
        event_types: the types that it wants, one as text or several in a list; `"*"` is every type. They are read
            when the handler is subscribed.
    """

    event_types: Iterable[str]

    @abstractmethod
    def handle(self, event: DomainEvent) -> None:
        """Do whatever has to be done about one event, which was stored already.

        Args:
            event: a copy of its own for each handler.
        """
        ...


Handler: TypeAlias = Callable[[DomainEvent], object] | EventHandler
"""A function, a method, an object that can be called, or an `EventHandler`. What it returns is not looked at."""


@dataclass(frozen=True)
class HandlerFailure:
    """One handler that failed on one event.

    Args:
        event: the event; it is stored all the same.
        handler: the handler, as it was subscribed.
        error: what it raised, with its traceback.
    """

    event: DomainEvent
    handler: Handler
    error: Exception


class EventBus:
    """Hands events to those who have subscribed, one after the other, in the thread that publishes.

    For each event the handlers are called in the order in which they were subscribed, each once, even one that is
    subscribed to its type and to `"*"`. A handler that fails is logged (logger `eventstore`) and reported; the others
    are called all the same. Whoever appends waits for the handlers, so they should be quick.

    A handler may append. Its events are published when the events before them are done, so that each thread sees its
    own events in the order of the log; the append in the handler does not wait for that. A handler that appends in
    answer to what it appends never ends. A handler may also subscribe and unsubscribe, which counts from the next event
    on. Events of several threads are published side by side, in no order between them: a handler that keeps
    something needs a lock of its own, and whoever needs one order for all follows the log.

    With a store, an event is published at least once, or never if the process dies between commit and publish. More
    than once happens where an append is sent again after its answer was lost: nobody knows whether the first one got
    as far as publishing.

    Safe to use from several threads. After a fork, the child has the handlers that the parent had.
    """

    def __init__(self) -> None:
        # In the order of subscription: type and identity of a handler, and then the handler, and what to call. Replaced
        # as a whole at each change, so that publishing needs no lock.
        self._subscriptions: dict[tuple[str, object], tuple[Handler, Callable[[DomainEvent], object]]] = {}
        self._changing = threading.Lock()
        # What each thread has still to publish. With its process, because the child of a fork inherits the threads'
        # numbers, but not their work.
        self._pending: dict[tuple[int, int], deque[DomainEvent]] = {}

    @overload
    def subscribe(self, event_type: str, handler: Handler) -> None: ...

    @overload
    def subscribe(self, event_type: EventHandler) -> None: ...

    def subscribe(self, event_type: str | EventHandler, handler: Handler | None = None) -> None:
        """Call a handler for each event of a type, from the next event on.

        To subscribe the same handler to the same type again changes nothing.

        Args:
            event_type: the type, or `"*"` for every type. An `EventHandler` may stand here alone: it names its types.
            handler: what to call with each event.

        Raises:
            InvalidEventError: no type, or nothing that can be called; the error names the argument and the fix.
        """
        types, handler, call = _subscriber(event_type, handler)
        with self._changing:
            self._subscriptions = self._subscriptions | {(name, _identity(handler)): (handler, call) for name in types}

    @overload
    def unsubscribe(self, event_type: str, handler: Handler) -> None: ...

    @overload
    def unsubscribe(self, event_type: EventHandler) -> None: ...

    def unsubscribe(self, event_type: str | EventHandler, handler: Handler | None = None) -> None:
        """Call a handler no longer for events of a type. If it was not subscribed, nothing happens.

        An event that is being published in this moment may still reach it.

        Args:
            event_type: as in `subscribe`. A handler that was subscribed to a type and to `"*"` stays subscribed to the
                other one. An `EventHandler` that stands here alone leaves the types that it names now.
            handler: the one that was subscribed; `table.seat` is the same one whenever it is written.

        Raises:
            InvalidEventError: as in `subscribe`.
        """
        types, handler, _ = _subscriber(event_type, handler)
        gone = {(name, _identity(handler)) for name in types}
        with self._changing:
            self._subscriptions = {place: one for place, one in self._subscriptions.items() if place not in gone}

    def publish(self, *events: DomainEvent) -> list[HandlerFailure]:
        """Call the handlers for one event, or for several in this order.

        A store does this by itself after each append, except where the append has joined a transaction of yours
        (`connection=`). Publish then what `append_many` gave you, once you have committed: `bus.publish(*stored)`.

        Args:
            events: what to publish, together, so that what a handler appends comes after them.

        Returns:
            The failures, in the order in which they happened, those on events that a handler has appended too. Within
            a handler the list is empty: the event is published later, and the failures go to the caller out there.

        Raises:
            InvalidEventError: these are no events. Then none is published.
            KeyboardInterrupt, SystemExit: and whatever else is no `Exception`, where a handler raises it. What was
                still to be published in this thread is not.
        """
        for event in events:
            if not isinstance(event, DomainEvent):
                raise InvalidEventError("event", f"is {type(event).__name__}", "pass DomainEvent(...)")
        here = (os.getpid(), threading.get_ident())
        if here in self._pending:
            self._pending[here].extend(events)
            return []
        pending = self._pending[here] = deque(events)
        failures: list[HandlerFailure] = []
        try:
            while pending:
                failures += self._deliver(pending.popleft())
        finally:
            del self._pending[here]
        return failures

    def _deliver(self, event: DomainEvent) -> list[HandlerFailure]:
        failures = []
        called = set()
        for (event_type, identity), (handler, call) in self._subscriptions.items():
            if event_type not in (ALL, event.event_type) or identity in called:
                continue
            called.add(identity)
            try:
                # A copy for each, because a payload can be changed, and the next one shall see what was stored.
                call(event.as_stored(event.sequence_number, event.recorded_at))
            except Exception as error:
                failures.append(HandlerFailure(event, handler, error))
                place = f"{event.event_type}, version {event.version} of {event.aggregate_id}"
                _log.error("%s failed on event %s (%s)", _name(handler), event.id, place, exc_info=error)
        return failures


def check_bus(bus: object) -> EventBus | None:
    """Refuse what is no bus, and give back the rest.

    Raises:
        InvalidEventError: it says what to pass.
    """
    if bus is None or isinstance(bus, EventBus):
        return bus
    what = f"the class {bus.__name__}" if isinstance(bus, type) else type(bus).__name__
    raise InvalidEventError("bus", f"is {what}", "pass an EventBus()")


def _subscriber(event_type: Any, handler: Any) -> tuple[list[str], Handler, Callable[[DomainEvent], object]]:
    """The types of a subscription, its handler, and what to call."""
    alone = handler is None and not isinstance(event_type, str)
    if alone:
        handler = event_type
    if isinstance(handler, type) and hasattr(handler, "handle"):
        raise InvalidEventError("handler", f"is the class {handler.__name__}", f"pass an object: {handler.__name__}()")
    if alone and not isinstance(handler, EventHandler):
        fix = 'write subscribe("bet", handler), or subscribe("*", handler) for every type'
        raise InvalidEventError("event_type", "is missing", fix)
    names = _types_of(handler) if alone else [event_type]
    types = [check_name("event_type", name) for name in names]
    call = handler if callable(handler) and not alone else getattr(handler, "handle", None)
    if not callable(call):
        fix = "pass a function that takes an event, or an EventHandler"
        raise InvalidEventError("handler", f"is {type(handler).__name__}, which cannot be called", fix)
    if iscoroutinefunction(call) or iscoroutinefunction(type(call).__call__):
        raise InvalidEventError("handler", "is asynchronous, and nobody would await it", "pass a plain function")
    return types, handler, call


def _types_of(handler: EventHandler) -> list[Any]:
    """The types that an `EventHandler` names."""
    named = handler.event_types
    types = [named] if isinstance(named, str) else list(named) if isinstance(named, Iterable) else []
    if not types:
        fix = 'name the types that it wants, or "*"'
        raise InvalidEventError("event_types", f"of {type(handler).__name__} names none", fix)
    return types


def _identity(handler: object) -> object:
    """Equal for two handlers that are the same one."""
    # A method is a new object each time somebody writes `table.seat`; two of them are equal if they belong to the same
    # table. Other handlers are themselves only: two that happen to have equal fields are still two.
    return handler if isinstance(handler, MethodType | BuiltinMethodType) else id(handler)


def _name(handler: object) -> str:
    """What to call a handler in the log. Not its `repr`, which may tell all it holds, a password too."""
    name = getattr(handler, "__qualname__", None)
    return name if isinstance(name, str) else type(handler).__qualname__
