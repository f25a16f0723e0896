"""The figures P1 to P9: what is measured, on which server, and against whom.

Each figure has a fresh server of its own with fsync on, on which all its contenders take turns. What is timed begins
with a payload, a dict, and ends with what the contender gives back; a contender that is called ready, or whose
events were made before, is handed that before the clock starts.
"""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.figures.appends import append_batch, append_from_eight, append_one, import_events
from benchmarks.figures.counts import count_events
from benchmarks.figures.course import run_course
from benchmarks.figures.reads import catch_up, load_aggregate, read_stream
from benchmarks.figures.running import QUICK, Run, Sizes

__all__ = ["FIGURES", "QUICK", "Run", "Sizes"]

FIGURES: dict[str, tuple[str, Callable[[Run], None]]] = {
    "P1": ("append, one event a call, one connection", append_one),
    "P2": ("append, eight writers", append_from_eight),
    "P3": ("append_many, 1,000 events a call", append_batch),
    "P4": ("import", import_events),
    "P5": ("read one stream of 1,000 events", read_stream),
    "P6": ("load an aggregate of 10,000 events", load_aggregate),
    "P7": ("count the events", count_events),
    "P8": ("catch up with the log", catch_up),
    "P9": ("the whole course", run_course),
}
