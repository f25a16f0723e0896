"""Hands into a real store: whole or not at all, and never twice, whoever else imports and whatever is killed."""

from __future__ import annotations

import os
import pickle
import re
import signal
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st
from importers import command, hands_in, script, wait_for_hands, wait_until_gone, write_hands
from psycopg.conninfo import make_conninfo
from waiting import PATIENCE, wait_until
from written_hands import phh

from eventstore import (
    EventQueryFilter,
    EventStore,
    InMemoryEventStore,
    PostgresEventStore,
    SchemaError,
    VersionConflictError,
    connect,
)
from poker import HandRecord, hand_events, import_hands, install, pot_summary, pots, read_hands
from poker.chunks import NOT_FORESEEN, TAKE_TURN
from poker.mapping import MAPPING_VERSION

WAITING = "SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"

# Those of the 64 locks of batches that the sessions of a store, but for some of them, wait for.
WAITING_FOR_BUCKETS = """
SELECT objid::int
FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE locktype = 'advisory' AND classid = 2026 AND NOT granted AND application_name = %s AND pid <> ALL (%s)
"""
LOWER_HALF = "SELECT pg_advisory_xact_lock(2026, bucket) FROM generate_series(0, 31) AS bucket"
UPPER_HALF = "SELECT pg_advisory_xact_lock(2026, bucket) FROM generate_series(32, 63) AS bucket"

# The events of a hand from `write_hands`.
EACH = 5

# What may stand in a broken hand.
ODD_VALUES = tuple(
    """
    -1  0  0.001  1e-5  1e999  nan  inf  -inf  99999999999999999999  true  ''  'NT'  'FB'  'p1 cc'  'd dh p1 AsAs'
    []  [[]]  {}  [1,2,3]  1979-05-27  07:32:00  1979-05-27T07:32:00Z
    """.strip()
    .replace("\n", "  ")
    .split("  ")
)


def count_events(store: PostgresEventStore) -> int:
    return sum(hands_in(store).values())


def test_importing_again_adds_nothing(store: PostgresEventStore, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    write_hands(tmp_path / "in" / "s.phhs", 250)
    sizes: list[int] = []
    first = import_hands(store, tmp_path, sizes.append)
    assert (first.seen, first.added, first.already_there, first.refused, first.events_added) == (
        250,
        250,
        0,
        [],
        250 * EACH,
    )
    assert (len(sizes), sum(sizes)) == (250, (tmp_path / "in" / "s.phhs").stat().st_size)
    # The folder within, and the file alone, hold the same hands.
    for path in (tmp_path, tmp_path / "in", tmp_path / "in" / "s.phhs"):
        again = import_hands(store, path)
        assert (again.added, again.already_there, again.events_added) == (0, 250, 0)
    assert count_events(store) == 250 * EACH


def test_a_store_in_memory_takes_hands_as_well(tmp_path: Path) -> None:
    write_hands(tmp_path / "s.phhs", 3)
    store = InMemoryEventStore()
    assert import_hands(store, tmp_path).added == 3
    assert import_hands(store, str(tmp_path)).already_there == 3


def test_refused_hands_are_named_and_do_not_keep_the_others_out(store: PostgresEventStore, tmp_path: Path) -> None:
    (tmp_path / "s.phhs").write_text(
        f"[1]\n{phh([9, 9], 'p2 f')}\n[2]\n{phh([9, 9], 'p1 f')}\n[3]\nbroken\n[4]\n{phh([9, 9], 'p2 f', hand=4)}",
        encoding="utf-8",
    )
    (tmp_path / "t.phh").write_text(phh([9, 9], "p2 f", variant="'XX'"), encoding="utf-8")
    summary = import_hands(store, tmp_path)
    assert (summary.seen, summary.added) == (5, 2)
    assert [(refusal.file, refusal.section) for refusal in summary.refused] == [
        ("s.phhs", "2"),
        ("s.phhs", "3"),
        ("t.phh", None),
    ]
    assert "variant 'XX'" in str(summary.refused[2])
    assert sorted(hands_in(store).values()) == [EACH - 1] * 2


def test_the_same_hand_in_two_folders_counts_once(store: PostgresEventStore, tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        write_hands(tmp_path / folder / "s.phhs", 2)
    summary = import_hands(store, tmp_path)
    assert (summary.seen, summary.added, summary.already_there) == (4, 2, 2)


def test_two_imports_at_once_both_end_well(store: PostgresEventStore, schema: str, tmp_path: Path) -> None:
    for folder, start in (("a", 0), ("b", 300)):
        (tmp_path / folder).mkdir()
        # Half of the hands are in both files, in other chunks, so that the two get in each other's way.
        write_hands(tmp_path / folder / "s.phhs", 600, start)
    processes = [command(schema, tmp_path / folder) for folder in ("a", "b", "a")]
    answers = [process.communicate()[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], answers
    assert set(hands_in(store).values()) == {EACH}
    found = [re.search(r"600 hands seen: (\d+) added .*, (\d+) already there, 0 refused", answer) for answer in answers]
    added, there = zip(*[map(int, counts.groups()) for counts in found if counts], strict=True)
    assert (sum(added), sum(there)) == (900, 900)
    assert len(hands_in(store)) == 900


def test_who_comes_second_counts_nothing_as_added(store: PostgresEventStore, tmp_path: Path) -> None:
    """Both have looked and found nothing, and only then does one of them write."""
    write_hands(tmp_path / "a.phhs", 30)
    (tmp_path / "b").mkdir()
    write_hands(tmp_path / "b" / "a.phhs", 30, start=10)
    install(store)
    with ThreadPoolExecutor(2) as threads, store.connection() as connection:
        with connection.transaction():
            connection.execute(TAKE_TURN)
            imports = [threads.submit(import_hands, store, path) for path in (tmp_path / "a.phhs", tmp_path / "b")]
            wait_until(lambda: connection.execute(WAITING).rowcount == 2, "two imports that wait for their turn")
        first, second = sorted((each.result() for each in imports), key=lambda summary: summary.added)
    assert (second.added, second.already_there, second.events_added) == (30, 0, 30 * EACH)
    assert (first.added, first.already_there, first.events_added) == (10, 20, 10 * EACH)
    assert len(hands_in(store)) == 40


def test_imports_into_two_schemas_do_not_wait_for_each_other(store: PostgresEventStore, tmp_path: Path) -> None:
    write_hands(tmp_path / "a.phhs", 3)
    install(store)
    with store.connection() as connection:
        with connection.transaction(), connect(schema=f"{store.schema}_other") as other:
            connection.execute(TAKE_TURN)
            assert import_hands(other, tmp_path).added == 3
        connection.execute(f"DROP SCHEMA {store.schema}_other CASCADE")


def everything(store: EventStore) -> dict[object, tuple[object, ...]]:
    events = store.query(EventQueryFilter())
    return {event.id: (event.aggregate_id, event.version, event.event_data, event.event_timestamp) for event in events}


def test_workers_write_what_one_process_writes(store: PostgresEventStore, tmp_path: Path) -> None:
    for name, start in (("a", 0), ("b", 400)):
        write_hands(tmp_path / f"{name}.phhs", 400, start)
        with (tmp_path / f"{name}.phhs").open("a", encoding="utf-8") as file:
            file.write(f"\n[broken {name}]\nx\n")
    memory, sizes = InMemoryEventStore(), list[int]()
    shared, alone = import_hands(store, tmp_path, sizes.append, workers=2), import_hands(memory, tmp_path)
    assert shared == alone
    assert (shared.seen, shared.added, shared.refused_count) == (802, 800, 2)
    assert [refusal.section for refusal in shared.refused] == ["broken a", "broken b"]
    assert (len(sizes), sum(sizes)) == (802, sum(file.stat().st_size for file in tmp_path.iterdir()))
    assert everything(store) == everything(memory)
    again = import_hands(store, tmp_path, workers=2)
    assert (again.added, again.already_there, again.refused_count) == (0, 800, 2)


def test_hands_of_another_mapping_are_left_alone_and_counted(store: PostgresEventStore, tmp_path: Path) -> None:
    write_hands(tmp_path / "s.phhs", 5)
    old = next(hand_events(item) for item in read_hands(tmp_path) if isinstance(item, HandRecord))
    old[0] = replace(old[0], event_data=old[0].event_data | {"mapping_version": MAPPING_VERSION + 1})
    for target in (store, InMemoryEventStore()):
        target.append_many(old)
        for added, already_there in ((4, 0), (0, 4)):
            summary = import_hands(target, tmp_path)
            counts = (summary.seen, summary.added, summary.already_there, summary.other_mapping)
            assert counts == (5, added, already_there, 1)
        kept = target.get_by_aggregate(old[0].aggregate_id)
        assert [event.event_data for event in kept] == [event.event_data for event in old]
    done = command(store.schema, tmp_path)
    assert "1 hands were left alone" in done.communicate()[0]
    assert done.returncode == 0


def test_a_summary_keeps_the_first_thousand_refusals(tmp_path: Path) -> None:
    (tmp_path / "s.phhs").write_text("".join(f"[{number}]\nx\n" for number in range(1234)), encoding="utf-8")
    summary = import_hands(InMemoryEventStore(), tmp_path)
    assert (summary.seen, summary.refused_count, len(summary.refused)) == (1234, 1234, 1000)
    assert [refusal.section for refusal in summary.refused[::999]] == ["0", "999"]


@st.composite
def broken_hands(draw: st.DrawFn) -> str:
    """A hand of which up to three lines are missing, or say something odd as a whole or in part."""
    lines = phh([100, 80], "p2 cbr 6, p1 f", year=2009, time="10:00:00", table="'t'").splitlines()
    for place in draw(st.sets(st.integers(0, len(lines) - 1), min_size=1, max_size=3)):
        key, _, value = lines[place].partition(" = ")
        part = draw(st.sampled_from([value, *re.findall(r"\w+", value)]))
        lines[place] = draw(st.sampled_from(["", *(f"{key} = {value.replace(part, odd, 1)}" for odd in ODD_VALUES)]))
    return "\n".join(lines)


@given(text=broken_hands())
def test_no_text_stops_an_import(text: str) -> None:
    """Whatever is broken, the other hands are taken, each hand is counted once, and there is a reason."""
    with tempfile.TemporaryDirectory() as folder:
        write_hands(Path(folder) / "a.phhs", 1)
        (Path(folder) / "b.phh").write_text(text, encoding="utf-8")
        summary = import_hands(InMemoryEventStore(), folder)
    assert (summary.seen, summary.added + summary.refused_count) == (2, 2)
    assert not [refusal for refusal in summary.refused if refusal.file == "a.phhs" or NOT_FORESEEN in refusal.reason]


def check_what_was_left(store: PostgresEventStore, path: Path, total: int) -> None:
    """Only whole hands, some of them but not all; and the next import goes on from there."""
    kept = hands_in(store)
    assert set(kept.values()) == {EACH}
    assert 0 < len(kept) < total
    summary = import_hands(store, path)
    assert (summary.already_there, summary.added) == (len(kept), total - len(kept))
    assert set(hands_in(store).values()) == {EACH}


def test_a_killed_import_takes_its_workers_along(
    store: PostgresEventStore, schema: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    total = 20_000 if request.config.getoption("--long") else 2_000
    write_hands(tmp_path / "s.phhs", total)
    process = script(schema, tmp_path / "s.phhs", tmp_path)
    wait_for_hands(store, process)
    workers = psutil.Process(process.pid).children(recursive=True)
    assert len(workers) == 2
    process.kill()
    _, complaints = process.communicate()
    wait_until_gone(workers)
    assert complaints == ""
    check_what_was_left(store, tmp_path / "s.phhs", total)


def test_a_killed_worker_is_an_error_that_says_so(store: PostgresEventStore, schema: str, tmp_path: Path) -> None:
    write_hands(tmp_path / "s.phhs", 2_000)
    process = script(schema, tmp_path / "s.phhs", tmp_path)
    wait_for_hands(store, process)
    workers = psutil.Process(process.pid).children(recursive=True)
    workers[0].kill()
    _, complaints = process.communicate()
    assert process.returncode == 1
    assert "ChildProcessError: a process of the import died (exit code" in complaints
    wait_until_gone(workers)
    check_what_was_left(store, tmp_path / "s.phhs", 2_000)


def test_what_goes_wrong_in_a_worker_is_raised_here(store: PostgresEventStore, tmp_path: Path) -> None:
    write_hands(tmp_path / "s.phhs", 600)
    install(store)
    with store.connection() as connection:
        connection.execute("ALTER TABLE poker_quarantine RENAME TO away")
    before = psutil.Process().children()
    with pytest.raises(SchemaError, match="poker_quarantine"):
        import_hands(store, tmp_path, workers=2)
    assert psutil.Process().children() == before


def test_an_error_of_the_caller_ends_the_workers_too(store: PostgresEventStore, tmp_path: Path) -> None:
    write_hands(tmp_path / "s.phhs", 2_000)

    def enough(_: int) -> None:
        raise RuntimeError("enough")

    before = psutil.Process().children()
    with pytest.raises(RuntimeError, match="enough"):
        import_hands(store, tmp_path, enough, workers=2)
    assert psutil.Process().children() == before
    check_what_was_left(store, tmp_path, 2_000)


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C cannot be sent to another console process there")
def test_ctrl_c_leaves_a_clean_state(store: PostgresEventStore, schema: str, tmp_path: Path) -> None:
    write_hands(tmp_path / "s.phhs", 2_000)
    process = command(schema, tmp_path, process_group=0)
    wait_for_hands(store, process)
    workers = psutil.Process(process.pid).children(recursive=True)
    assert process.pid not in [os.getpgid(worker.pid) for worker in workers]
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    answer, complaints = process.communicate()
    assert (process.returncode, answer) == (130, "")
    assert complaints == "stopped: what was written stays, and the same command goes on from there\n"
    wait_until_gone(workers)
    check_what_was_left(store, tmp_path, 2_000)


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C cannot be sent to another console process there")
def test_ctrl_c_does_not_wait_for_the_server(store: PostgresEventStore, schema: str, tmp_path: Path) -> None:
    write_hands(tmp_path / "s.phhs", 600)
    install(store)
    with store.connection() as connection, connection.transaction():
        connection.execute(TAKE_TURN)
        process = command(schema, tmp_path)
        wait_until(lambda: connection.execute(WAITING).rowcount, "an import that waits for its turn")
        workers = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGINT)
        try:
            process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
        assert process.returncode == 130
        wait_until_gone(workers)
    assert import_hands(store, tmp_path).added == 600


def test_a_store_that_was_pickled_is_the_same_store(store: PostgresEventStore, tmp_path: Path) -> None:
    write_hands(tmp_path / "s.phhs", 1)
    import_hands(store, tmp_path)
    with pickle.loads(pickle.dumps(store)) as copy:
        assert copy.schema == store.schema
        assert everything(copy) == everything(store) != {}


def peak_memory(process: subprocess.Popen[str]) -> list[int]:
    """The most memory in bytes that each process of an import was seen to have: first the parent's."""
    peaks: dict[int, int] = {}
    parent = psutil.Process(process.pid)
    while process.poll() is None:
        for each in [parent, *_children(parent)]:
            try:
                peaks[each.pid] = max(peaks.get(each.pid, 0), each.memory_info().rss)
            except psutil.NoSuchProcess:
                continue
        try:
            process.wait(0.05)
        except subprocess.TimeoutExpired:
            continue
    return list(peaks.values())


def _children(parent: psutil.Process) -> list[psutil.Process]:
    try:
        return parent.children()
    except psutil.NoSuchProcess:
        return []


def test_memory_does_not_grow_with_the_file(
    store: PostgresEventStore, schema: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    long = request.config.getoption("--long")
    peaks = []
    for count in (10_000, 60_000) if long else (1_000, 6_000):
        file = tmp_path / f"{count}.phhs"
        write_hands(file, count)
        with file.open("a", encoding="utf-8") as stream:
            for number in range(count):
                # Some of them are large, so that a few chunks too many in memory would show.
                stream.write(f"[broken {number}]\nx = '{'x' * 5_000 if number < 6_000 else ''}'\n")
        process = script(schema, file, tmp_path)
        peaks.append(peak_memory(process))
        assert (process.communicate(), process.returncode) == ((f"{count}\n", ""), 0)
    for small, large in zip(*peaks, strict=True):
        assert large < small + 10_000_000


def test_a_chunk_that_deadlocks_have_undone_is_written_again(
    store: PostgresEventStore, schema: str, tmp_path: Path
) -> None:
    """Others take the upper half of the locks of batches first, and then, out of order, the lower half: ten of them."""
    write_hands(tmp_path / "s.phhs", 60)
    install(store)
    url = make_conninfo(os.environ["EVENTSTORE_URL"], application_name=schema, options="-c deadlock_timeout=10ms")
    with (
        ThreadPoolExecutor() as threads,  # its end comes last, when the locks are gone with their sessions
        connect(url, schema=schema) as hasty,  # so that the import is the one that has to give way
        store.connection() as watcher,
        store.connection() as one,
        store.connection() as other,
    ):

        def import_waits(where: range) -> bool:
            found = watcher.execute(WAITING_FOR_BUCKETS, (schema, [rival.info.backend_pid for rival in (one, other)]))
            return any(bucket in where for (bucket,) in found.fetchall())

        one.execute("BEGIN")
        one.execute(UPPER_HALF)
        importing = threads.submit(import_hands, hasty, tmp_path)
        for _ in range(10):
            wait_until(lambda: import_waits(range(32, 64)), "the import to wait for the upper half")
            one.execute(LOWER_HALF)
            wait_until(lambda: import_waits(range(32)), "the import to begin anew")
            other.execute("BEGIN")
            next_one = threads.submit(other.execute, UPPER_HALF)
            blockers = ("SELECT cardinality(pg_blocking_pids(%s))", (other.info.backend_pid,))
            wait_until(lambda: watcher.execute(*blockers).fetchone() != (0,), "the next one to stand in line")  # noqa: B023
            one.execute("COMMIT")
            next_one.result(PATIENCE)
            one, other = other, one
        one.execute("COMMIT")
        assert importing.result(PATIENCE).added == 60
    assert count_events(store) == 60 * EACH


def test_a_conflict_that_is_no_other_import_is_not_hidden(tmp_path: Path) -> None:
    """A store that claims to be empty, and refuses every append all the same."""

    class Broken(InMemoryEventStore):
        def append_many(self, events):  # type: ignore[no-untyped-def]
            raise VersionConflictError("a", 1, 1)

    write_hands(tmp_path / "s.phhs", 1)
    with pytest.raises(VersionConflictError):
        import_hands(Broken(), tmp_path)


def test_the_frame_of_pots(store: PostgresEventStore, tmp_path: Path) -> None:
    (tmp_path / "cash").mkdir()
    dollars = phh([9, 9.5], "p2 f", currency="'USD'", year=2009, month=7, day=6, time="10:00:00")
    hidden = "p2 sm ????, p1 sm ????"
    all_in = f"p2 cbr 9, p1 cc, {hidden}, d db AcKd7h, {hidden}, d db 4s, {hidden}, d db 2c, {hidden}"
    (tmp_path / "cash" / "s.phhs").write_text(
        f"[1]\n{dollars}\n[2]\n" + phh([9, 9], all_in, currency="'USD'"), encoding="utf-8"
    )
    (tmp_path / "one.phh").write_text(
        phh([90] * 3, "p3 cc, p1 cc, p2 cc, d db AcKd7h, p1 cbr 9, p2 f, p3 f"), encoding="utf-8"
    )
    import_hands(store, tmp_path)
    frame = pots(store)
    assert list(frame["source"]) == ["cash/s.phhs#1", "cash/s.phhs#2", "one.phh"]
    assert list(frame["street"]) == ["preflop", "river", "flop"]
    assert list(frame["showdown"]) == [False, True, False]
    assert list(frame["pot"]) == [200, 18, 6]
    assert list(frame["uncalled"]) == [100, 0, 9]
    assert list(frame["chip_unit"]) == [100, 1, 1]
    assert list(frame["pot_chips"]) == [2, 18, 6]
    assert list(frame["pot_bb"]) == [1, 9, 3]
    assert list(frame["players"]) == [2, 2, 3]
    assert list(frame["winners"]) == [[1], None, [1]]
    assert list(frame["time_source"]) == ["recorded", "synthetic", "synthetic"]
    assert str(frame["played_at"][0]) == "2009-07-06 10:00:00+00:00"
    assert list(frame["currency"].isna()) == [False, False, True]
    assert frame["street"].max() == "river"

    summary = pot_summary(frame)
    assert [tuple(row) for row in summary[["collection", "currency", "chip_unit", "hands", "sum"]].values] == [
        ("", "", 1, 1, 6),
        ("cash", "USD", 1, 1, 18),
        ("cash", "USD", 100, 1, 2),
    ]


def test_the_frame_of_an_empty_store_has_its_columns(store: PostgresEventStore) -> None:
    frame = pots(store)
    assert frame.empty
    assert str(frame["played_at"].dtype).endswith("UTC]")
    assert {"pot_bb", "pot_chips", "winners"} < set(frame.columns)
