"""How long an import takes, beside what pokerkit alone needs for the same hands: python -m benchmarks.importing FOLDER

The two take turns, so that whatever disturbs the machine disturbs both. pokerkit reads the files and replays every hand
strictly on one core, and keeps nothing. The import goes from files to committed events, on a PostgreSQL of its own with
fsync on.
"""

from __future__ import annotations

import os
import platform
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

from pokerkit import HandHistory
from pokerkit.notation import parse_action

import eventstore
from benchmarks.decisions import fresh_server
from poker import hand_events, import_hands, read_hands, replay
from poker.importing import HANDS_PER_CHUNK
from poker.phh import HandRecord, HandRefused, find_files

ROUNDS = 3


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def histories(folder: Path) -> Iterator[HandHistory]:
    for file in find_files(folder):
        with file.open("rb") as stream:
            if file.suffix == ".phhs":
                yield from HandHistory.load_all(stream)
            else:
                yield HandHistory.load(stream)


def pokerkit_alone(folder: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for history in histories(folder):
            state = history.create_state()
            for action in history.actions:
                while state.card_burning_status:
                    state.burn_card("??")
                try:
                    parse_action(state, action)
                except ValueError:
                    break  # the import refuses this hand as well, or knows better


def whole_import(folder: Path, workers: int | None = None) -> float:
    with fresh_server() as url, eventstore.connect(url) as store:
        return seconds(lambda: import_hands(store, folder, workers=workers))


def parts(folder: Path) -> None:
    """What each step of the import takes by itself, on one core."""
    records: list[HandRecord] = []
    events: list[list[eventstore.DomainEvent]] = []

    def read() -> None:
        records.extend(item for item in read_hands(folder) if isinstance(item, HandRecord))

    def replay_all() -> None:
        for record in records:
            try:
                replay(record.raw)
            except HandRefused:
                continue

    def make_events() -> None:
        for record in records:
            try:
                events.append(hand_events(record))
            except HandRefused:
                continue

    with fresh_server() as url, eventstore.connect(url) as store:

        def append() -> None:
            for start in range(0, len(events), HANDS_PER_CHUNK):
                store.append_many([event for hand in events[start : start + HANDS_PER_CHUNK] for event in hand])

        reading, replaying, making, storing = map(seconds, (read, replay_all, make_events, append))
    print(f"\nthe parts of the import, one after the other on one core; {sum(map(len, events)):,} events")
    for name, took in (
        ("read", reading),
        ("replay", replaying),
        ("events", making - replaying),
        ("store", storing),
    ):
        print(f"  {name:<36} {took:>8.2f} s")


def main() -> None:
    if len(sys.argv) != 2:
        raise SystemExit("name the folder with the hands: python -m benchmarks.importing FOLDER")
    folder = Path(sys.argv[1])
    print(f"fsync on, Python {platform.python_version()}, {os.cpu_count()} cores, {ROUNDS} rounds")
    alone, imported, in_one = [], [], []
    for _ in range(ROUNDS):
        alone.append(seconds(lambda: pokerkit_alone(folder)))
        imported.append(whole_import(folder))
        in_one.append(whole_import(folder, workers=1))
    base = statistics.median(alone)
    for name, times in (
        ("pokerkit alone", alone),
        ("the import", imported),
        ("the import in one process", in_one),
    ):
        took = statistics.median(times)
        print(f"  {name:<36} {took:>8.2f} s {took / base:>6.2f} x   ({', '.join(f'{each:.2f}' for each in times)})")
    parts(folder)


if __name__ == "__main__":
    main()
