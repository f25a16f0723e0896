"""`python -m eventstore export`: the log as files, whole or not at all, from which the same events and figures come."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

import pandas as pd
import psutil
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from psycopg.conninfo import make_conninfo
from waiting import PATIENCE, wait_until

import eventstore
from eventstore import DomainEvent, EventMetadata, EventQueryFilter, InvalidEventError, PostgresEventStore
from eventstore.cli.printing import events_from
from eventstore.events import EARLIEST, LATEST
from eventstore.statistics import event_statistics, export, frame

FORMATS = ("parquet", "csv", "jsonl")
MIDNIGHT = datetime(2030, 1, 31, tzinfo=UTC)
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="needs the signals and limits of POSIX")


def event(aggregate_id: str = "hand", version: int = 1, **fields: Any) -> DomainEvent:
    usual = {"event_type": "bet", "event_data": {"version": version}, "event_timestamp": MIDNIGHT}
    return DomainEvent(aggregate_id=aggregate_id, version=version, **usual | fields)


def start(schema: str, *arguments: str, **options: Any) -> subprocess.Popen[str]:
    url = make_conninfo(os.environ["EVENTSTORE_URL"], application_name=f"command {schema}")
    return subprocess.Popen(
        [sys.executable, "-m", "eventstore", "export", *arguments, "--schema", schema],
        env=os.environ | {"EVENTSTORE_URL": url},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        **options,
    )


def run(schema: str, *arguments: str, **options: Any) -> tuple[int, str, str]:
    process = start(schema, *arguments, **options)
    out, err = process.communicate(timeout=PATIENCE)
    return process.returncode, out, err


@pytest.fixture
def many_days(store: PostgresEventStore) -> PostgresEventStore:
    """Events of several days, in no order, with everything that an event may have."""
    why = EventMetadata(causation_id=UUID(int=7), correlation_id=UUID(int=8), user_id="alice")
    odd = {"text": 'a "b", \\ \n ♠ \u2028', "large": 2**70, "small": 0.1, "list": [1, None, {"x": True}], "none": None}
    store.append_many(
        [
            event(metadata=why, schema_version=3),
            event(version=2, event_timestamp=MIDNIGHT - timedelta(microseconds=1), event_data=odd),
            event(version=3, event_timestamp=MIDNIGHT + timedelta(hours=24)),
            event("hand, 'with' \"quotes\"\nand lines", event_type="won\t♠", metadata=EventMetadata(user_id="")),
            event("NULL", event_type="NA", event_timestamp=LATEST, metadata=EventMetadata(user_id="NULL")),
            event("first", event_timestamp=EARLIEST, event_data={}),
            *(event("long", n + 1, event_timestamp=MIDNIGHT + timedelta(hours=7 * n % 96)) for n in range(50)),
        ]
    )
    return store


def days_of(events: list[DomainEvent]) -> list[str]:
    return sorted({f"day={each.event_timestamp.date().isoformat()}" for each in events})


def in_time(events: list[DomainEvent]) -> list[DomainEvent]:
    return sorted(events, key=lambda each: (each.event_timestamp, each.sequence_number))


READ_CSV = {
    "parse_options": pa.csv.ParseOptions(newlines_in_values=True),
    "convert_options": pa.csv.ConvertOptions(
        column_types={
            "event_timestamp": pa.timestamp("us", "UTC"),
            "recorded_at": pa.timestamp("us", "UTC"),
            **dict.fromkeys(["id", "causation_id", "correlation_id", "user_id", "event_data"], pa.string()),
        },
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
    ),
}


def read_parquet(path: Path) -> list[dict[str, Any]]:
    return pa.parquet.ParquetFile(path).read().to_pylist()


def read_csv(path: Path) -> list[dict[str, Any]]:
    return pa.csv.read_csv(path, **READ_CSV).to_pylist()


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8", newline="\n") as lines:
        rows = [json.loads(line) for line in lines]
    for row in rows:
        row["event_data"] = json.dumps(row["event_data"])
        for name in ("event_timestamp", "recorded_at"):
            row[name] = datetime.fromisoformat(row[name])
    return rows


READERS: dict[str, Callable[[Path], list[dict[str, Any]]]] = {
    "parquet": read_parquet,
    "csv": read_csv,
    "jsonl": read_jsonl,
}


def events_under(folder: Path, format: str) -> list[DomainEvent]:
    """The events of an export: file by file, each in the order in which they stand."""
    return [event_of(row) for path in sorted(folder.iterdir()) for row in READERS[format](path / f"events.{format}")]


def event_of(row: dict[str, Any]) -> DomainEvent:
    row = dict(row)
    ids = {name: row.pop(name) for name in ("causation_id", "correlation_id")}
    metadata = EventMetadata(user_id=row.pop("user_id"), **{name: text and UUID(text) for name, text in ids.items()})
    data = json.loads(row.pop("event_data"))
    return DomainEvent(**row | {"id": UUID(row["id"])}, event_data=data, metadata=metadata)


@pytest.mark.parametrize("format", FORMATS)
def test_every_event_comes_back_and_with_it_every_figure(
    many_days: PostgresEventStore, tmp_path: Path, format: str
) -> None:
    out = tmp_path / "out"
    expected = in_time(many_days.query(EventQueryFilter()))
    days = days_of(expected)
    assert export(many_days, out, format) == len(expected)
    assert sorted(path.name for path in out.iterdir()) == days
    assert events_under(out, format) == expected
    assert list(tmp_path.iterdir()) == [out]

    rows = [row for day in out.iterdir() for row in READERS[format](day / f"events.{format}")]
    types = pd.DataFrame(rows).groupby("event_type")
    first, last = types["event_timestamp"].min(), types["event_timestamp"].max()
    counted = pd.DataFrame(
        {
            "event_count": types.size(),
            "aggregate_count": types["aggregate_id"].nunique(),
            "first_event_at": first,
            "last_event_at": last,
            "events_per_day": types.size() / ((last - first) / pd.Timedelta(days=1)).clip(lower=1),
        }
    )
    statistics = event_statistics(many_days).astype({"event_type": "str"}).set_index("event_type").sort_index()
    pd.testing.assert_frame_equal(counted.sort_index(), statistics, check_index_type=False)


def test_data_tools_read_an_export_as_one_table(many_days: PostgresEventStore, tmp_path: Path) -> None:
    for format in ("parquet", "csv"):
        export(many_days, tmp_path / format, format)
    numbers = sorted(each.sequence_number for each in many_days.query(EventQueryFilter()))
    whole = pd.read_parquet(tmp_path / "parquet")
    assert sorted(whole["sequence_number"]) == numbers
    assert (whole["event_timestamp"].dt.date.astype("str") == whole["day"].astype("str")).all()
    files = sorted((tmp_path / "csv").glob("*/events.csv"))
    assert sorted(pd.concat(map(pd.read_csv, files))["sequence_number"]) == numbers
    # The standard library's view of the same quotes and line breaks.
    with files[1].open(encoding="utf-8", newline="") as rows:
        [row, *_] = csv.DictReader(rows)
    assert json.loads(row["event_data"]) == many_days.get_by_aggregate("hand")[1].event_data


def test_lines_of_json_go_into_another_store(many_days: PostgresEventStore, tmp_path: Path) -> None:
    export(many_days, tmp_path / "out", "jsonl", filter=EventQueryFilter(aggregate_id="long"))
    lines = [line for path in sorted((tmp_path / "out").glob("*/*")) for line in path.read_bytes().splitlines()]
    assert list(json.loads(lines[0])) == list(frame(many_days).columns)
    copy = eventstore.InMemoryEventStore()
    copy.append_many(sorted(events_from(lines), key=lambda each: each.version))
    given = [replace(each, sequence_number=None, recorded_at=None) for each in many_days.get_by_aggregate("long")]
    assert [replace(each, sequence_number=None, recorded_at=None) for each in copy.get_by_aggregate("long")] == given


def test_filters_leave_events_out(many_days: PostgresEventStore, schema: str, tmp_path: Path) -> None:
    first, last = "2030-01-31T07:00:00Z", "2030-02-01T02:00:00+02:00"
    wanted = EventQueryFilter(
        event_type=["bet", "NA"],
        from_timestamp=datetime.fromisoformat(first),
        to_timestamp=datetime.fromisoformat(last),
    )
    expected = in_time(many_days.query(wanted))
    assert 0 < len(expected) < 50
    arguments = ("--format", "jsonl", "--type", "bet", "--type", "NA", "--from", first, "--to", last)
    code, told, _ = run(schema, str(tmp_path / "out"), *arguments)
    assert (code, told) == (0, f"{len(expected)} events of 2 days are in {tmp_path / 'out'}\n")
    assert events_under(tmp_path / "out", "jsonl") == expected
    seen: list[int] = []
    latest = EventQueryFilter(order_by="version", order_direction="DESC", limit=9)
    assert export(many_days, tmp_path / "some", filter=latest, advance=seen.append) == sum(seen) == 9
    assert events_under(tmp_path / "some", "parquet") == in_time(many_days.query(EventQueryFilter()))[:9]


def test_nothing_to_export_makes_an_empty_folder(store: PostgresEventStore, tmp_path: Path) -> None:
    for format in FORMATS:
        assert export(store, tmp_path / format, format) == 0
        assert list((tmp_path / format).iterdir()) == []


def test_bad_arguments_are_named(store: PostgresEventStore, tmp_path: Path) -> None:
    there, lost = tmp_path / "there", tmp_path / "no" / "out"
    there.write_text("mine", encoding="utf-8")
    for folder, problem in (
        (there, "is there already: name one that is not, or remove it first"),
        (lost, "would lie in a folder that is not there: make that one first"),
    ):
        with pytest.raises(InvalidEventError, match=re.escape(f"folder {folder} {problem}")):
            export(store, folder)
    for format in ("xlsx", None):
        with pytest.raises(InvalidEventError, match="use one of parquet, csv, jsonl"):
            export(store, tmp_path / "out", format)  # type: ignore[arg-type]
    with pytest.raises(InvalidEventError, match="filter is dict"):
        export(store, tmp_path / "out", filter={})  # type: ignore[arg-type]
    assert [path.name for path in tmp_path.iterdir()] == ["there"]
    assert there.read_text(encoding="utf-8") == "mine"


WAITING = """
SELECT FROM pg_stat_activity WHERE application_name = %s AND wait_event_type = 'Lock'
"""


@POSIX
def test_ctrl_c_leaves_nothing_behind(store: PostgresEventStore, schema: str, tmp_path: Path) -> None:
    store.append(event())
    with store.connection() as watch, store.connection() as connection, connection.transaction():
        connection.execute("LOCK TABLE domain_events IN ACCESS EXCLUSIVE MODE")
        process = start(schema, str(tmp_path / "out"), "--type", "bet")
        try:
            wait_until(lambda: watch.execute(WAITING, (f"command {schema}",)).rowcount, "an export that waits")
            assert [path.suffix for path in tmp_path.iterdir()] == [".unfinished"]
            process.send_signal(signal.SIGINT)
            out, _ = process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
        assert (process.returncode, out) == (130, "")
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_goes_away_leaves_nothing_behind(store: PostgresEventStore, schema: str, tmp_path: Path) -> None:
    """The connection is cut when the first events were written, and most are still to come."""
    with store.connection() as connection:
        grow(connection, events=1_000, kilobytes=50)

        def cut(_events: int) -> None:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = %s AND query LIKE 'COPY%%'",
                (schema,),
            )

        with pytest.raises(eventstore.StoreUnavailableError, match="the server ended the call"):
            export(store, tmp_path / "out", advance=cut)
    assert list(tmp_path.iterdir()) == []


@contextmanager
def limit(what: str, most: int) -> Iterator[None]:
    """Let this process have no more of something than it may need, as a small machine would."""
    import resource

    kind = getattr(resource, what)
    before, hard = resource.getrlimit(kind)
    resource.setrlimit(kind, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(kind, (before, hard))


@POSIX
@pytest.mark.parametrize("format", FORMATS)
def test_a_disk_that_is_full_leaves_nothing_behind(store: PostgresEventStore, tmp_path: Path, format: str) -> None:
    with store.connection() as connection:
        grow(connection, events=200, kilobytes=50)
    with limit("RLIMIT_FSIZE", 1_000), pytest.raises(OSError, match="File too large"):
        export(store, tmp_path / "out", format)
    assert list(tmp_path.iterdir()) == []


@POSIX
def test_one_file_is_open_at_a_time(store: PostgresEventStore, tmp_path: Path) -> None:
    """Every event belongs to another day than the one before it in the log."""
    days = 200
    store.append_many(
        [event("hand", n + 1, event_timestamp=MIDNIGHT + timedelta(days=7 * n % days)) for n in range(days)]
    )
    export(store, tmp_path / "first")  # whatever is loaded once is open now
    with limit("RLIMIT_NOFILE", psutil.Process().num_fds() + 50):
        export(store, tmp_path / "out")
    assert len(list((tmp_path / "out").iterdir())) == days


def test_an_export_is_as_of_one_moment(store: PostgresEventStore, tmp_path: Path) -> None:
    """Somebody writes pairs of events, far apart in time and so in the export: both are there, or neither is."""
    with store.connection() as connection:
        grow(connection, events=500, kilobytes=50)
    stopped = False

    def write() -> None:
        for number in count():
            if stopped:
                return
            early, late = (MIDNIGHT + timedelta(days=sign * number) for sign in (-1, 1))
            pair = [event(f"pair {number}", 1, event_timestamp=late), event(f"pair {number}", 2, event_timestamp=early)]
            store.append_many(pair)

    with ThreadPoolExecutor() as pool:
        writing = pool.submit(write)
        wait_until(lambda: store.exists("pair 10"), "the writer")
        export(store, tmp_path / "out")
        stopped = True
        writing.result()
    versions: dict[str, list[int]] = {}
    for each in events_under(tmp_path / "out", "parquet"):
        versions.setdefault(each.aggregate_id, []).append(each.version)
    pairs = [found for name, found in versions.items() if name.startswith("pair")]
    assert len(pairs) > 10
    assert all(sorted(found) == [1, 2] for found in pairs)


GROW = """
INSERT INTO domain_events (id, event_type, aggregate_id, version, event_data, event_timestamp)
SELECT gen_random_uuid(), 'bet', 'large', number, jsonb_build_object('text', repeat('x', %s)),
       timestamptz '2030-01-31T00:00:00Z' + number * interval '1 second'
FROM generate_series(1, %s) AS number
"""


def grow(connection: Any, events: int, kilobytes: int) -> None:
    """Events that are large when they are read, and small where they lie, because PostgreSQL compresses them."""
    connection.execute(GROW, (kilobytes * 1000, events))


MEASURE = """
import resource, sys
import eventstore
from eventstore import EventQueryFilter
from eventstore.statistics import export

with eventstore.connect(schema=sys.argv[1]) as store:
    for name, limit in (("few", int(sys.argv[3])), ("all", None)):
        for format in sys.argv[4:]:
            export(store, f"{sys.argv[2]}/{name} {format}", format, filter=EventQueryFilter(limit=limit))
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024))
"""


@POSIX
def test_a_long_log_needs_no_more_memory_than_a_short_one(
    store: PostgresEventStore, schema: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    long = request.config.getoption("--long")
    few, events, kilobytes = (50_000, 200_000, 4) if long else (1_000, 5_000, 50)
    with store.connection() as connection:
        grow(connection, events, kilobytes)
    command = [sys.executable, "-c", MEASURE, schema, str(tmp_path), str(few), *(FORMATS if long else ["parquet"])]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=True)
    peak, peak_of_all = map(int, done.stdout.split())
    assert peak_of_all - peak < 100_000_000 <= (events - few) * kilobytes * 1000 / 2
