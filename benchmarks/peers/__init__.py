"""The contenders, by name. Each is loaded when it is asked for, so that one that is missing leaves the others alone."""

from __future__ import annotations

from importlib import import_module

from benchmarks.work import Contender

OURS = "eventstore"
OURS_MADE = "eventstore, events made before"
BARE = "bare driver, same objects"
BARE_READY = "bare driver, ready values"
BARE_FASTER_JSON = "bare driver, JSON by msgspec"
BARE_COPY = "bare COPY, same objects"
BARE_BINARY_COPY = "bare binary COPY, same objects"
LIBRARY = "eventsourcing"
LIBRARY_MADE = "eventsourcing, events made before"
LIBRARY_READY = "eventsourcing, ready bytes"
FUNCTION = "eventsourcing, its function"
FUNCTION_MADE = "eventsourcing, its function, events made before"
FUNCTION_READY = "eventsourcing, its function, ready bytes"
MESSAGE_DB = "message-db"
EVENTSOURCE_PY = "eventsource-py"

_PLACES = {
    OURS: ("ours", "Ours"),
    OURS_MADE: ("ours", "OursMade"),
    BARE: ("driver", "SameObjects"),
    BARE_READY: ("driver", "ReadyValues"),
    BARE_FASTER_JSON: ("driver", "FasterJson"),
    BARE_COPY: ("driver", "Copy"),
    BARE_BINARY_COPY: ("driver", "BinaryCopy"),
    LIBRARY: ("eventsourcing_library", "Default"),
    LIBRARY_MADE: ("eventsourcing_library", "Made"),
    LIBRARY_READY: ("eventsourcing_library", "DefaultReady"),
    FUNCTION: ("eventsourcing_library", "Function"),
    FUNCTION_MADE: ("eventsourcing_library", "FunctionMade"),
    FUNCTION_READY: ("eventsourcing_library", "FunctionReady"),
    MESSAGE_DB: ("message_db", "MessageDb"),
    EVENTSOURCE_PY: ("eventsource_library", "EventsourcePy"),
}


class Missing(Exception):
    """What a contender needs is not there. The text says what to do."""


def load(name: str) -> type[Contender]:
    """The class of a contender.

    Raises:
        Missing: its package is not installed.
    """
    module, kind = _PLACES[name]
    try:
        found: type[Contender] = getattr(import_module(f"benchmarks.peers.{module}"), kind)
    except ImportError as error:
        raise Missing(f"{error.name or name} is not installed: pip install -r benchmarks/requirements.txt") from None
    return found
