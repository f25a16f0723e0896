"""`python -m eventstore append | stream | query | tail | stats | check-schema`, run as a person or a script does."""

from __future__ import annotations

import io
import json
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg import sql
from psycopg.conninfo import make_conninfo
from rich.cells import cell_len

import eventstore
from eventstore import DomainEvent, EventMetadata, EventStoreError
from eventstore.cli.printing import events_from, print_json
from eventstore.embedded import Cluster

Run = Callable[..., subprocess.CompletedProcess[str]]
ID, OTHER_ID = UUID(int=7), UUID(int=8)


def event(aggregate_id: str = "hand", version: int = 1, **fields: Any) -> DomainEvent:
    usual = {"event_type": "bet", "event_data": {"version": version}}
    return DomainEvent(aggregate_id=aggregate_id, version=version, **usual | fields)


def start(schema: str, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    """The command under the name of the schema, by which its sessions can be found."""
    url = make_conninfo(os.environ["EVENTSTORE_URL"], application_name=f"command {schema}")
    # Set to nothing, because without a buffer nobody could see whether the command empties it.
    usual = os.environ | {"EVENTSTORE_URL": url, "PYTHONUNBUFFERED": ""}
    return subprocess.Popen(
        [sys.executable, "-m", "eventstore", *arguments, "--schema", schema],
        env=usual | environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )


def finish(process: subprocess.Popen[str], stdin: str = "") -> subprocess.CompletedProcess[str]:
    out, err = process.communicate(stdin, timeout=120)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


@pytest.fixture
def run(schema: str) -> Run:
    def run(*arguments: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        return finish(start(schema, *arguments, **environment), stdin)

    return run


@pytest.fixture
def watch() -> Iterator[psycopg.Connection]:
    with psycopg.connect(os.environ["EVENTSTORE_URL"], autocommit=True) as connection:
        yield connection


@contextmanager
def killed_at_the_end(process: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def until(true: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + 120
    while not (answer := true()):
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.01)
    return answer


def blocked_session(watch: psycopg.Connection, schema: str, but: int = 0) -> int:
    """The process id of the command's session, once it waits for somebody else's transaction."""
    statement = """
        SELECT pid FROM pg_stat_activity
        WHERE application_name = %s AND wait_event_type = 'Lock' AND pid <> %s
    """
    found = until(lambda: watch.execute(statement, (f"command {schema}", but)).fetchone(), "a blocked append")
    return int(found[0])


def test_what_append_writes_can_be_read_in_every_way(
    store: eventstore.PostgresEventStore, schema: str, run: Run
) -> None:
    done = run(
        *("append", "hand", "bet", '{"chips": 50, "by": "Zoë"}', "--user", "zoë", "--schema-version", "3"),
        *("--correlation", str(ID), "--causation", str(OTHER_ID), "--timestamp", "2030-01-31T22:15:00.5+02:00"),
    )
    [stored] = store.get_by_aggregate("hand")
    assert (stored.version, stored.sequence_number) == (1, 1)
    assert done.stdout == f"hand version 1, number {stored.sequence_number}, id {stored.id}\n", done.stderr
    assert (stored.event_type, stored.event_data, stored.schema_version) == ("bet", {"chips": 50, "by": "Zoë"}, 3)
    assert stored.metadata == EventMetadata(causation_id=OTHER_ID, correlation_id=ID, user_id="zoë")
    assert stored.event_timestamp == datetime(2030, 1, 31, 20, 15, 0, 500_000, tzinfo=UTC)

    numbers = {
        ("stream", "hand", "--json", "--from", "2", "--to", "2"): [2],
        ("query", "--json", "--type", "bet", "--after", "1", "--desc", "--limit", "1"): [3],
        ("query", "--json", "--to", "2029-12-31T00:00:00Z", "--order-by", "version", "--desc"): [3, 2, 4],
        ("tail", "-n", "2", "--json"): [3, 4],
        ("tail", "-n", "1", "--type", "bet", "--json"): [3],
    }
    for version in (2, 3):
        store.append(event(version=version))
    store.append(event("other", event_type="fold"))
    started = [start(schema, *arguments) for arguments in numbers]
    for process, expected in zip(started, numbers.values(), strict=True):
        done = finish(process)
        assert [json.loads(line)["sequence_number"] for line in done.stdout.splitlines()] == expected, done


def test_each_filter_of_query_leaves_one_event_out(store: eventstore.PostgresEventStore, run: Run) -> None:
    moment = datetime(2030, 1, 1, tzinfo=UTC)
    metadata = EventMetadata(causation_id=ID, correlation_id=ID, user_id="zoë")
    right = event(metadata=metadata, event_timestamp=moment, event_data={"seats": [1, 3], "pot": 40})
    decoys: list[dict[str, Any]] = [
        {"event_type": "fold"},
        {"metadata": replace(metadata, user_id="zoe")},
        {"metadata": replace(metadata, correlation_id=OTHER_ID)},
        {"metadata": replace(metadata, causation_id=OTHER_ID)},
        {"event_timestamp": moment - timedelta(seconds=1)},
        {"event_timestamp": moment + timedelta(seconds=2)},
        {"event_data": {"seats": [1, 2]}},
    ]
    store.append(right)
    store.append(replace(right, id=uuid4(), aggregate_id="other"))
    for version, decoy in enumerate([*decoys, {}, {"event_type": "raise"}, {}], start=2):
        store.append(replace(right, id=uuid4(), version=version, **decoy))
    done = run(
        *("query", "--json", "--type", "bet", "--type", "raise", "--aggregate", "hand", "--user", "zoë"),
        *("--correlation", str(ID), "--causation", str(ID), "--contains", '{"seats": [3]}', "--after", "1"),
        *("--from", "2030-01-01T00:00:00Z", "--to", "2030-01-01T01:00:01+01:00", "--limit", "2"),
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(line["event_type"], line["version"]) for line in lines] == [("bet", 9), ("raise", 10)], done


@given(
    data=st.dictionaries(
        st.text(st.characters(codec="utf-8", exclude_characters="\0")),
        st.recursive(
            st.none()
            | st.booleans()
            | st.integers()
            | st.floats(-(2**50), 2**50)
            | st.text(st.characters(codec="utf-8", exclude_characters="\0")),
            lambda inner: st.lists(inner, max_size=3),
            max_leaves=5,
        ),
        max_size=4,
    ),
    name=st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=60),
    ids=st.tuples(st.uuids(), st.none() | st.uuids(), st.none() | st.uuids()),
    moment=st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29), timezones=st.just(timezone(timedelta(hours=5)))),
    user=st.none() | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=60),
)
def test_a_line_of_json_holds_the_whole_event(
    data: dict[str, Any], name: str, ids: tuple[UUID, UUID | None, UUID | None], moment: datetime, user: str | None
) -> None:
    metadata = EventMetadata(causation_id=ids[1], correlation_id=ids[2], user_id=user)
    sent = event(
        name, id=ids[0], event_type=name, event_data=data, metadata=metadata, event_timestamp=moment, schema_version=2
    )
    with redirect_stdout(io.StringIO()) as out:
        print_json([sent.as_stored(5, moment)])
    line = out.getvalue().encode("ascii")
    assert line.count(b"\n") == 1
    assert list(events_from([b"\n", line])) == [sent]


def test_a_stream_can_be_piped_into_another_store(
    store: eventstore.PostgresEventStore, schema: str, run: Run, tmp_path: Path
) -> None:
    sent = [
        event(version=version, event_data={"text": "é\x1b\u2028\U0001f0a1", "n": 10**30}) for version in range(1, 150)
    ]
    store.append_many(sent)
    lines = run("stream", "hand", "--json").stdout
    copy = f"{schema} copy"
    try:
        first = finish(start(copy, "append", "--file", "-", "--json"), lines)
        file = tmp_path / "events.jsonl"
        file.write_text("\ufeff" + lines, encoding="utf-8")  # as some editors begin a file
        assert finish(start(copy, "append", "--json", "--file", str(file))).stdout == first.stdout, (
            "a second try adds nothing"
        )
        hole = LINE + "\n" + LINE.replace("1", "3")
        refused = finish(start(copy, "append", "--file", "-"), hole.replace("hand", "other"))
        assert refused.stderr == "error: other is at version 1: the next event must have version 2, not 3\n"
        with eventstore.connect(os.environ["EVENTSTORE_URL"], schema=copy) as other:
            stored = other.get_by_aggregate("hand")
            assert other.get_event_count() == len(sent), "all lines or none"
    finally:
        with psycopg.connect(os.environ["EVENTSTORE_URL"], autocommit=True) as connection:
            connection.execute(f'DROP SCHEMA IF EXISTS "{copy}" CASCADE')
    assert [replace(each, sequence_number=None, recorded_at=None) for each in stored] == sent
    assert [json.loads(line)["sequence_number"] for line in first.stdout.splitlines()] == [
        each.sequence_number for each in stored
    ]


def test_append_without_a_version_comes_after_whoever_is_faster(
    store: eventstore.PostgresEventStore, schema: str, watch: psycopg.Connection
) -> None:
    with store.connection() as connection:
        with connection.transaction():
            store.append(event(), connection=connection)
            process = start(schema, "append", "hand", "raise")  # which takes 1 for the next version
            blocked_session(watch, schema)
        assert " version 2, " in finish(process).stdout
        with connection.transaction():
            store.append(event(version=3), connection=connection)
            process = start(schema, "append", "hand", "raise", "--version", "3")
            blocked_session(watch, schema)
        done = finish(process)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: hand is at version 3: the next event must have version 4, not 3\n"


def test_after_a_lost_answer_append_says_how_to_store_the_event_once(
    store: eventstore.PostgresEventStore, schema: str, watch: psycopg.Connection, run: Run
) -> None:
    with store.connection() as connection, connection.transaction(force_rollback=True):
        store.append(event(), connection=connection)
        process = start(schema, "append", "hand", "raise", '{"by": 2}')
        first = blocked_session(watch, schema)
        watch.execute("SELECT pg_terminate_backend(%s)", (first,))  # it tries once more by itself
        watch.execute("SELECT pg_terminate_backend(%s)", (blocked_session(watch, schema, but=first),))
        done = finish(process)
    assert done.returncode == 1
    assert store.get_event_count() == 0
    again = re.search(r"run the same command again with (--id \S+ --version 1)$", done.stderr)
    assert again is not None, done.stderr
    command = ("append", "hand", "raise", '{"by": 2}', *again[1].split())
    assert "version 1" in run(*command).stdout
    assert run(*command).returncode == 0
    assert store.get_event_count() == 1


LINE = '{"event_type": "bet", "aggregate_id": "hand", "version": 1, "event_data": {}}'
MISTAKES: list[tuple[tuple[str, ...], int, str]] = [
    (("append", "hand", "bet", '{"chips'), 1, "error: event_data is no JSON (Unterminated string"),
    (("append", "hand", "bet", "--version", "0"), 1, "error: version is out of range: "),
    (("append", "\x1b[31mhand", "bet", "--version", "7"), 1, r"error: \x1b[31mhand is at version 0: "),
    (
        ("append", "--file", "-"),
        1,
        'error: line 3: version is "2": write a whole number; nothing',
    ),
    (("append", "hand", "bet", ""), 1, "error: event_data is no JSON (Expecting value"),
    (("append", "hand", "bet", "[1]"), 1, "error: event_data is no JSON object: "),
    (("query", "--order-by", "1; DROP TABLE domain_events"), 2, "'event_timestamp'"),
    (("append", "hand"), 2, "EVENT_TYPE"),
    (("append", "hand", "bet", "--timestamp", "2030-01-31"), 2, "no time zone"),
    (("append", "--file", "-", "--user", "zoë"), 2, "--file brings whole events"),
    (("append", "--file", "-", "--schema-version", "1"), 2, "--file brings whole events"),
]


def test_mistakes_are_told_shortly_and_nothing_is_written(store: eventstore.PostgresEventStore, schema: str) -> None:
    started = [start(schema, *arguments, COLUMNS="200") for arguments, *_ in MISTAKES]
    for process, (arguments, code, text) in zip(started, MISTAKES, strict=True):
        done = finish(process, LINE + "\n\n" + LINE.replace("1", '"2"'))
        assert (done.returncode, done.stdout) == (code, ""), (arguments, done)
        assert text in done.stderr, (arguments, done.stderr)
        assert "Traceback" not in done.stderr, arguments
        assert code == 2 or len(done.stderr.splitlines()) == 1
    assert store.get_event_count() == 0


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("bet", "it is no JSON (Expecting value at character 1): "),
        ("[" * 100_000, "it cannot be read (maximum recursion"),
        ("7", "it is no JSON object: "),
        (LINE[:-1] + ', "table": 1}', "'table' is no field of an event: use event_type, aggregate_id, version"),
        (LINE.replace("{}", "null"), "event_data is missing: "),
        (LINE.replace("{}", '{"x": NaN}'), "event_data.x is nan: "),
        (LINE[:-1] + ', "id": 5}', "id is 5: write a UUID"),
        (LINE[:-1] + ', "correlation_id": "5"}', "correlation_id is '5': write a UUID"),
        (LINE[:-1] + ', "user_id": 5}', "user_id is 5: write text"),
        (LINE.replace("1", "true"), "version is true: write a whole number"),
        (LINE.replace("{}", "[1]"), "event_data is [1]: write an object"),
        (LINE.replace('"hand"', "5"), "aggregate_id is 5: write text"),
        (LINE[:-1] + ', "event_timestamp": "noon"}', "event_timestamp is 'noon': write a time like 20"),
        (LINE[:-1] + ', "event_timestamp": "2030-01-31"}', "event_timestamp has no time zone: "),
    ],
)
def test_a_line_that_is_no_event_is_named(line: str, problem: str) -> None:
    with pytest.raises(EventStoreError, match="^" + re.escape(f"line 2: {problem}")):
        list(events_from([LINE.encode(), line.encode()]))
    with pytest.raises(EventStoreError, match=r"^line 1: it cannot be read .*UTF-8"):
        list(events_from(["é".encode("latin-1")]))


def test_a_server_that_is_away_is_one_line_without_the_password(run: Run) -> None:
    done = run("tail", "--follow", EVENTSTORE_URL="postgresql://user:secret@127.0.0.1:1/postgres")
    assert done.returncode == 1
    assert re.fullmatch("error: no connection to PostgreSQL: .*\n", done.stderr)
    assert "secret" not in done.stderr


@pytest.mark.parametrize(("count", "form"), [(1, []), (3_000, ["--json"])], ids=["at the end", "on the way"])
def test_a_reader_who_has_seen_enough_causes_no_noise(
    store: eventstore.PostgresEventStore, schema: str, count: int, form: list[str]
) -> None:
    store.append_many([event(version=version) for version in range(1, count + 1)])
    process = start(schema, "stream", "hand", *form)
    assert process.stdout is not None
    assert process.stderr is not None
    if count > 1:
        assert process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == ""
    assert process.wait(120) == 1


def test_the_table_keeps_one_row_for_each_event(store: eventstore.PostgresEventStore, run: Run) -> None:
    store.append_many([event(version=version, event_data={"by": "Zoë 漢"}) for version in range(1, 251)])
    store.append(event(version=251, event_type="[red]all\n\x1b[2J\u202ein", event_data={"long": "x" * 2_000}))
    lines = run("stream", "hand").stdout.splitlines()
    assert len(lines) == 252
    assert lines[0].split() == ["number", "when", "(UTC)", "aggregate", "version", "type", "data"]
    moment = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"
    assert re.fullmatch(rf" *1  {moment}  hand +1  bet +\{{\"by\": \"Zoë 漢\"\}}", lines[1])
    assert re.fullmatch(rf" *251  {moment}  hand +251  \[red\]all\\n\\x1b\[2J\\u202ein  .*x{{2000}}\"\}}", lines[-1])
    old = run("stream", "hand", "--to", "1", PYTHONIOENCODING="ascii")
    assert (old.returncode, old.stderr) == (0, "")
    assert r"Zo\xeb \u6f22" in old.stdout


needs_a_terminal = pytest.mark.skipif(sys.platform == "win32", reason="there is no pty on Windows")


def on_a_terminal(schema: str, width: int, *arguments: str) -> str:
    """What the command shows on a terminal of this width."""
    import pty

    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "eventstore", *arguments, "--schema", schema],
        env=os.environ | {"COLUMNS": str(width), "TERM": "xterm-256color"},
        stdout=theirs,
        stderr=theirs,
    )
    assert process.wait(120) == 0
    os.close(theirs)
    shown = ""
    with os.fdopen(ours, encoding="utf-8") as screen, suppress(OSError):  # so says Linux at the end of the file
        while line := screen.readline():
            shown += line
    return shown


@needs_a_terminal
def test_rows_are_cut_to_the_terminal(store: eventstore.PostgresEventStore, schema: str) -> None:
    width = 80
    store.append(event("a long name " * 8, event_type="漢" * 40, event_data={"long": "x" * 2_000, "by": "[red]\x1b"}))
    lines = on_a_terminal(schema, width, "tail").splitlines()
    assert len(lines) == 2
    for line in lines:
        assert cell_len(line) <= width
        assert line.isprintable()
    assert lines[1].endswith("…")


def test_stats_count_every_type_and_all_together(store: eventstore.PostgresEventStore, run: Run) -> None:
    assert json.loads(run("stats", "--json").stdout)["event_count"] == 0
    early, late = datetime(2030, 1, 1, tzinfo=UTC), datetime(2030, 1, 3, tzinfo=UTC)
    for number in range(4):
        store.append(event(f"hand {number}", event_timestamp=late if number else early))
    store.append(event("hand 0", 2, event_type="fold\x1b[1m", event_timestamp=late))
    names = ("event_type", "event_count", "aggregate_count", "first_event_at", "last_event_at", "events_per_day")
    first, last = early.isoformat(), late.isoformat()
    lines = [json.loads(line) for line in run("stats", "--json").stdout.splitlines()]
    assert lines == [
        dict(zip(names, ("bet", 4, 4, first, last, 2.0), strict=True)),
        dict(zip(names, ("fold\x1b[1m", 1, 1, last, last, 1.0), strict=True)),
        dict(zip(names, (None, 5, 4, first, last, None), strict=True)),
    ]
    table = [line.split() for line in run("stats").stdout.splitlines()]
    assert table == [
        ["type", "events", "aggregates", "a", "day", "first", "(UTC)", "last", "(UTC)"],
        ["bet", "4", "4", "2.0", "2030-01-01", "00:00", "2030-01-03", "00:00"],
        [r"fold\x1b[1m", "1", "1", "1.0", "2030-01-03", "00:00", "2030-01-03", "00:00"],
        ["all", "5", "4", "-", "2030-01-01", "00:00", "2030-01-03", "00:00"],
    ]
    store.append(event("hand 0", 3, event_type="long " * 40))
    lines = run("stats").stdout.splitlines()
    assert len(lines) == 5, "in a pipe no row is folded"
    assert lines[3].startswith("long " * 40 + "  ")


@needs_a_terminal
@pytest.mark.parametrize(("width", "last"), [(60, "day"), (80, "last (UTC)"), (120, "last (UTC)")])
def test_stats_fit_the_terminal(store: eventstore.PostgresEventStore, schema: str, width: int, last: str) -> None:
    store.append(event(event_type="action.processed", event_timestamp=datetime(2030, 1, 31, 20, 15, tzinfo=UTC)))
    lines = on_a_terminal(schema, width, "stats").splitlines()
    assert len(lines) == 3
    assert all(cell_len(line) <= width for line in lines)
    assert lines[0].endswith(last)
    row = "action.processed       1           1    1.0  2030-01-31 20:15  2030-01-31 20:15"
    assert lines[1] == row[: cell_len(lines[0])]
    store.append(event(version=2, event_type="漢" * 40))
    lines = on_a_terminal(schema, width, "stats").splitlines()
    assert len(lines) == 4
    assert all(cell_len(line) <= width for line in lines)
    assert re.match("漢{5,} ?… +1 ", lines[2])


def test_roll_up_says_how_many_events_it_has_moved(store: eventstore.PostgresEventStore, run: Run) -> None:
    store.append_many([event(version=version) for version in range(1, 4)])
    before = run("stats", "--json").stdout
    assert [run("roll-up").stdout for _ in range(2)] == ["3 events rolled up\n", "0 events rolled up\n"]
    assert run("stats", "--json").stdout == before
    with store.connection() as connection:
        assert connection.execute("SELECT event_count FROM event_totals").fetchall() == [(3,)]


@needs_a_terminal
def test_a_person_is_told_that_there_is_nothing(store: eventstore.PostgresEventStore, schema: str, run: Run) -> None:
    for command in (["stream", "nope"], ["query"], ["tail"]):
        assert on_a_terminal(schema, 80, *command) == "no events\n"
    piped = run("stream", "nope")
    assert (piped.returncode, piped.stdout, piped.stderr) == (0, "", "")


def test_only_append_makes_a_store(schema: str, run: Run, watch: psycopg.Connection) -> None:
    reading = (["stream", "hand"], ["query"], ["tail"], ["tail", "--follow"], ["stats"])
    for process in [start(schema, *command) for command in reading]:
        done = finish(process)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith(f"error: the event store is not installed in schema '{schema}': ")
        assert done.stderr.count("\n") == 1
    assert watch.execute("SELECT FROM pg_namespace WHERE nspname = %s", (schema,)).fetchall() == []
    assert json.loads(run("append", "hand", "bet", "--json").stdout)["version"] == 1
    assert [json.loads(line)["event_type"] for line in run("stream", "hand", "--json").stdout.splitlines()] == ["bet"]


def test_check_schema_tells_what_differs(store: eventstore.PostgresEventStore, run: Run) -> None:
    done = run("check-schema")
    assert (done.returncode, done.stderr) == (0, "")
    with store.connection() as connection:
        connection.execute("DROP INDEX domain_events_type_idx")
    done = run("check-schema")
    assert (done.returncode, done.stderr) == (1, "")
    assert [line for line in done.stdout.splitlines() if "domain_events_type_idx" in line] == done.stdout.splitlines()
    missing = finish(start(f"{uuid4()}", "check-schema"))
    assert missing.returncode == 1
    assert "not installed" in missing.stdout
    unknown = run("check-schema", EVENTSTORE_URL="postgresql://user:secret@127.0.0.1:1/postgres")
    assert (unknown.returncode, unknown.stdout) == (2, ""), "that it could not look is another answer"
    assert re.fullmatch("error: no connection to PostgreSQL: .*\n", unknown.stderr)


def test_follow_shows_each_event_once_in_the_order_of_the_log(
    store: eventstore.PostgresEventStore, schema: str, watch: psycopg.Connection
) -> None:
    for number in range(3):
        store.append(event(f"early {number}"))
    process = start(schema, "tail", "--follow", "-n", "2", "--json", "--type", "bet")
    assert process.stdout is not None
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    thread = threading.Thread(target=lambda out: deque(map(lines.put, out)), args=(process.stdout,), daemon=True)
    thread.start()

    def next_ones(count: int) -> list[int]:
        return [json.loads(lines.get(timeout=120))["sequence_number"] for _ in range(count)]

    def polled_twice() -> None:
        """The second poll that begins after now has seen everything that is there now."""
        for _ in range(2):
            [(now,)] = watch.execute("SELECT clock_timestamp()").fetchall()
            statement = """
                SELECT 1 FROM pg_stat_activity
                WHERE application_name = %s AND query_start > %s AND query LIKE '%%high_water_mark%%'
            """
            until(lambda: watch.execute(statement, (f"command {schema}", now)).fetchone(), "a poll")  # noqa: B023

    try:
        assert next_ones(2) == [2, 3]
        with store.connection() as one, store.connection() as two:
            one.execute("BEGIN")
            store.append(event("slow"), connection=one)
            store.append(event("fast"))
            two.execute("BEGIN")
            store.append(event("slower"), connection=two)
            store.append(event("fast", 2))
            store.append(event("other", event_type="fold"))
            polled_twice()
            assert lines.empty(), "5 can be seen already, but 4 may still appear before it"
            one.execute("COMMIT")
            assert next_ones(2) == [4, 5]
            polled_twice()
            assert lines.empty(), "7 can be seen already, but 6 may still appear before it"
            two.execute("COMMIT")
            assert next_ones(2) == [6, 7]
        # A floor that was read early and published late takes the mark back for a moment.
        with store.connection() as connection, connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock_shared('domain_events'::regclass::oid::int, 0)")
            assert store.high_water_mark() == 0
            polled_twice()
        events = [event(f"late {number}") for number in range(250)]
        store.append_many(events)
        assert next_ones(250) == list(range(9, 259))
        store.append(event("last"))
        assert next_ones(1) == [259]
        if sys.platform != "win32":
            process.send_signal(signal.SIGINT)
            assert process.wait(120) == 130
            assert process.stderr is not None
            assert process.stderr.read() == ""
            thread.join(120)
            assert lines.empty()
    finally:
        process.kill()
        process.wait()


def test_follow_reads_no_more_than_it_shows_while_a_long_transaction_is_open(
    store: eventstore.PostgresEventStore, schema: str, watch: psycopg.Connection
) -> None:
    store.append_many([event(version=version) for version in range(1, 6)])
    with store.connection() as connection, connection.transaction():
        store.append(event("slow"), connection=connection)
        store.append_many([event("fast", version) for version in range(1, 20_001)])
        watch.execute(sql.SQL("ANALYZE {}.domain_events").format(sql.Identifier(schema)))
        before = read_rows(watch, schema)
        process = start(schema, "tail", "--follow", "-n", "2", "--json", "--type", "bet")
        try:
            assert process.stdout is not None
            assert [json.loads(process.stdout.readline())["sequence_number"] for _ in range(2)] == [4, 5]
        finally:
            process.kill()
            process.wait()
        gone = "SELECT FROM pg_stat_activity WHERE application_name = %s"
        until(lambda: not watch.execute(gone, (f"command {schema}",)).fetchall(), "the end of its sessions")
        assert read_rows(watch, schema) - before < 1_000


def read_rows(watch: psycopg.Connection, schema: str) -> int:
    """How many rows of the log all sessions together have read by now; those that are at work tell it later."""
    watch.execute("SELECT pg_stat_clear_snapshot()")
    statement = """
        SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_user_tables
        WHERE schemaname = %s AND relname = 'domain_events'
    """
    [(count,)] = watch.execute(statement, (schema,)).fetchall()
    return int(count)


def test_follow_leaves_a_server_alone_that_was_stopped_or_is_a_standby(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    cluster = Cluster(tmp_path / "home", durable=False)
    private = {"EVENTSTORE_URL": "", "EVENTSTORE_HOME": str(tmp_path / "home")}
    with ExitStack() as stack:
        stack.callback(cluster.remove)
        assert finish(start("public", "append", "hand", "bet", **private)).returncode == 0
        process = stack.enter_context(killed_at_the_end(start("public", "tail", "--follow", "--json", **private)))
        assert process.stdout is not None
        assert process.stdout.readline()
        assert cluster.stop()
        done = finish(process)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("error: ")
        assert done.stderr.count("\n") == 1
        assert not cluster.status().running

        # A server that finds this file never leaves recovery: it waits for more from a primary.
        data = cluster.status().data
        (data / "standby.signal").touch()
        if hasattr(os, "chown"):  # for root, the server runs as somebody else
            os.chown(data / "standby.signal", data.stat().st_uid, data.stat().st_gid)
        assert finish(start("public", "tail", "--json", **private)).stdout.count("\n") == 1
        process = stack.enter_context(killed_at_the_end(start("public", "tail", "--follow", **private)))
        done = finish(process)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("error: this server is a standby or a subscriber")


HEADER = ["name", "position", "lag", "state", "put", "aside", "attempts", "moved", "(UTC)"]


def test_subscriptions_are_listed_with_their_lag_and_state(store: eventstore.PostgresEventStore, run: Run) -> None:
    def fail(event: DomainEvent, connection: psycopg.Connection) -> None:
        raise ValueError("no more chips")

    assert run("subscriptions").stdout.split() == HEADER
    assert run("subscriptions", "--json").stdout == ""
    store.append_many([event(version=version) for version in range(1, 4)])
    failing = eventstore.Subscription(store, "mail\x1b[1m", fail, attempts=1)
    failing.catch_up()
    eventstore.Subscription(store, "leaders", lambda event, connection: None).pause()

    lines = [json.loads(line) for line in run("subscriptions", "--json").stdout.splitlines()]
    moved = [datetime.fromisoformat(line.pop("moved_at")) for line in lines]
    assert all(moment.tzinfo is not None for moment in moved)
    names = ("name", "position", "lag", "state", "attempts", "error", "dead_letters")
    assert lines == [
        dict(zip(names, ("leaders", 0, 3, "paused", 0, None, 0), strict=True)),
        dict(zip(names, ("mail\x1b[1m", 3, 0, "stopped", 0, None, 3), strict=True)),
    ]
    table = [line.split() for line in run("subscriptions").stdout.splitlines()]
    assert [row[:6] for row in table[1:]] == [
        ["leaders", "0", "3", "paused", "0", "0"],
        [r"mail\x1b[1m", "3", "0", "stopped", "3", "0"],
    ]
