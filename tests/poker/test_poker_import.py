"""Hands into a real store: whole or not at all, and never twice, whoever else imports and whatever is killed."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from written_hands import phh

from eventstore import InMemoryEventStore, PostgresEventStore
from poker import import_hands, pot_summary, pots


def write_hands(file: Path, count: int, start: int = 0) -> None:
    sections = (
        f"[{number}]\n{phh([100, 80], 'p2 cbr 6, p1 f', hand=number)}" for number in range(start, start + count)
    )
    file.write_text("\n".join(sections), encoding="utf-8")


def count_events(store: PostgresEventStore) -> int:
    with store.connection() as connection:
        (count,) = connection.execute("SELECT count(*) FROM domain_events").fetchone()
    return count


def test_importing_again_adds_nothing(store: PostgresEventStore, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    write_hands(tmp_path / "in" / "s.phhs", 250)
    sizes: list[int] = []
    first = import_hands(store, tmp_path, sizes.append)
    assert (first.seen, first.added, first.already_there, first.refused, first.events_added) == (250, 250, 0, [], 1000)
    assert (len(sizes), sum(sizes)) == (250, (tmp_path / "in" / "s.phhs").stat().st_size)
    # The folder within, and the file alone, hold the same hands.
    for path in (tmp_path, tmp_path / "in", tmp_path / "in" / "s.phhs"):
        again = import_hands(store, path)
        assert (again.added, again.already_there, again.events_added) == (0, 250, 0)
    assert count_events(store) == 1000


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
    (tmp_path / "t.phh").write_text(phh([9, 9], "p2 f", variant="'FT'"), encoding="utf-8")
    summary = import_hands(store, tmp_path)
    assert (summary.seen, summary.added) == (5, 2)
    assert [(refusal.file, refusal.section) for refusal in summary.refused] == [
        ("s.phhs", "2"),
        ("s.phhs", "3"),
        ("t.phh", None),
    ]
    assert "variant FT" in str(summary.refused[2])
    assert count_events(store) == 6


def test_the_same_hand_in_two_folders_counts_once(store: PostgresEventStore, tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        write_hands(tmp_path / folder / "s.phhs", 2)
    summary = import_hands(store, tmp_path)
    assert (summary.seen, summary.added, summary.already_there) == (4, 2, 2)


def importer(schema: str, path: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "poker", "import", str(path), "--schema", schema]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8")


def test_two_imports_at_once_both_end_well(store: PostgresEventStore, schema: str, tmp_path: Path) -> None:
    for folder, start in (("a", 0), ("b", 150)):
        (tmp_path / folder).mkdir()
        # Half of the hands are in both files, in other chunks, so that the two get in each other's way.
        write_hands(tmp_path / folder / "s.phhs", 450, start)
    processes = [importer(schema, tmp_path / folder) for folder in ("a", "b", "a")]
    answers = [process.communicate()[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], answers
    assert count_events(store) == 600 * 4


def test_an_import_that_is_killed_leaves_only_whole_hands_and_can_be_run_again(
    store: PostgresEventStore, schema: str, tmp_path: Path
) -> None:
    write_hands(tmp_path / "s.phhs", 2000)
    process = importer(schema, tmp_path)
    while count_events(store) == 0:
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    process.kill()
    process.communicate()
    kept = count_events(store)
    assert 0 < kept < 8000
    with store.connection() as connection:
        broken = connection.execute(
            "SELECT aggregate_id FROM domain_events GROUP BY aggregate_id HAVING count(*) <> 4"
        ).fetchall()
    assert broken == []
    summary = import_hands(store, tmp_path)
    assert (summary.already_there, summary.added) == (kept // 4, 2000 - kept // 4)
    assert count_events(store) == 8000


def test_a_conflict_that_is_no_other_import_is_not_hidden(tmp_path: Path) -> None:
    """A store that claims to be empty, and refuses every append all the same."""
    from eventstore import VersionConflictError

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
