"""Time limits for code that is not ours: an endless loop is ended from another thread."""

from __future__ import annotations

import ctypes
import threading

# How often the waiting thread looks up. On Windows, Ctrl-C is noticed only between two looks.
LOOK = 0.05

# How long code that was ended may take to clear up, e.g. to drop its schema, before it is pushed again.
CLEAR_UP = 1.0


class TimeIsUp(BaseException):
    """Raised inside code that takes too long, to end it. No `except Exception` may stop it."""


def end(thread: threading.Thread) -> None:
    """Raise an error inside another thread. A thread that is deep in C code gets it as soon as it is back in Python.

    Source: `PyThreadState_SetAsyncExc` in the reference manual of Python's C interface.
    """
    for patience in (CLEAR_UP, *(LOOK,) * 20):
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident or 0), ctypes.py_object(TimeIsUp))
        thread.join(patience)
        if not thread.is_alive():
            return
