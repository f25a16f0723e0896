"""Ways from the log to a data frame, for docs/decisions/data-frames.md: python -m benchmarks.frames [EVENTS]

On a PostgreSQL of its own, 1,000,000 events unless another number is given. The ways bring the same columns, and take
turns. The median of five rounds is printed: how long it took, and for how long this process worked. The rest is the
server, which a way may or may not keep at work meanwhile.
"""

from __future__ import annotations

import os
import platform
import sys
import tempfile
import time
from datetime import UTC, datetime
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from statistics import median

import pandas as pd
import pyarrow as pa
import pyarrow.csv

import eventstore
from benchmarks.decisions import Ways, fresh_server
from eventstore import EventQueryFilter, PostgresEventStore
from eventstore.exporting import COLUMNS, FORMATS, arrow_from, import_extra, select
from eventstore.statistics import EVENT, export, frame

ROUNDS = 5
PACKAGES = ("psycopg", "adbc-driver-postgresql", "pyarrow", "pandas")

# Hands of ten events, one every two seconds.
MANY_EVENTS = """
INSERT INTO domain_events (id, event_type, aggregate_id, version, event_data, event_timestamp, user_id)
SELECT gen_random_uuid(),
       CASE number %% 10 WHEN 0 THEN 'created' WHEN 1 THEN 'dealt' WHEN 9 THEN 'completed' ELSE 'action' END,
       'hand ' || number / 10, number %% 10 + 1,
       jsonb_build_object('seat', number %% 6, 'kind', 'raise', 'amount', number * 25 %% 4000, 'to', 300,
                          'street', 'turn', 'pot_before', 840),
       timestamptz '2030-01-01T00:00:00Z' + number * interval '2 seconds',
       CASE WHEN number %% 3 = 0 THEN 'player ' || number %% 7 END
FROM generate_series(0, %s::int - 1) AS number
"""

ALL = """
SELECT sequence_number, id::text, event_type, aggregate_id, version, event_data::text, schema_version,
       event_timestamp, recorded_at, causation_id::text, correlation_id::text, user_id
FROM domain_events
ORDER BY sequence_number
"""

FIELDS = """
SELECT sequence_number, id::text, event_type, aggregate_id, version,
       (event_data ->> 'seat')::bigint, (event_data ->> 'amount')::bigint, event_data ->> 'kind', schema_version,
       event_timestamp, recorded_at, causation_id::text, correlation_id::text, user_id
FROM domain_events
ORDER BY sequence_number
"""

# What `frame` does not do: a parameter, with which there is no COPY.
BOUND = """
SELECT sequence_number, id::text, event_type, aggregate_id, version::bigint, event_data::text, schema_version::bigint,
       event_timestamp, recorded_at, causation_id::text, correlation_id::text, user_id
FROM domain_events
WHERE event_timestamp >= $1
ORDER BY sequence_number
"""

PAYLOAD = {"seat": "int64", "amount": "int64", "kind": "category"}
WITH_PAYLOAD = dict([*list(EVENT.items())[:5], *PAYLOAD.items(), *list(EVENT.items())[6:]])

READ_CSV = pa.csv.ConvertOptions(
    column_types={
        name: {"int64": pa.int64(), "datetime64[us, UTC]": pa.timestamp("us", "UTC")}.get(dtype, pa.string())
        for name, dtype in EVENT.items()
    },
    strings_can_be_null=True,
    quoted_strings_can_be_null=False,
)


def as_they_come(store: PostgresEventStore) -> pd.DataFrame:
    """What one would write first: a dict for each payload, and a UUID for each id."""
    with store.connection() as connection:
        cursor = connection.execute("SELECT * FROM domain_events ORDER BY sequence_number")
        return pd.DataFrame(cursor.fetchall(), columns=list(EVENT))


def from_rows(store: PostgresEventStore, statement: str, dtypes: dict[str, str]) -> pd.DataFrame:
    """psycopg makes a Python object of each value, pandas an array of the objects; the quickest way to that."""
    with store.connection() as connection:
        rows = connection.execute(statement, binary=True).fetchall()
    return pd.DataFrame(rows, columns=list(dtypes)).astype(dtypes)


def from_arrow(table: pa.Table) -> pd.DataFrame:
    table = table.rename_columns(list(EVENT))
    place = table.column_names.index("event_type")
    table = table.set_column(place, "event_type", table["event_type"].dictionary_encode())
    return table.to_pandas(types_mapper={pa.string(): pd.StringDtype("pyarrow")}.get)


def from_csv(store: PostgresEventStore) -> pd.DataFrame:
    """COPY in its text form, read by Arrow's parser of CSV."""
    text = BytesIO()
    with store.connection() as connection, connection.cursor() as cursor:
        # Arrow reads times as ISO 8601 has them.
        connection.execute("SET datestyle TO 'ISO'; SET timezone TO 'UTC'")
        with cursor.copy(f"COPY ({ALL}) TO STDOUT (FORMAT csv, HEADER)") as chunks:
            for chunk in chunks:
                text.write(chunk)
    options = pa.csv.ParseOptions(newlines_in_values=True)
    parser = {"parse_options": options, "convert_options": READ_CSV}
    return from_arrow(pa.csv.read_csv(pa.BufferReader(text.getvalue()), **parser))


def from_bound_parameter(store: PostgresEventStore) -> pd.DataFrame:
    """ADBC without COPY, as it reads wherever a statement has parameters."""
    dbapi = import_extra("adbc_driver_postgresql.dbapi")
    with store.connection() as connection:
        address = connection.info.dsn + f" password={connection.info.password}"
    with dbapi.connect(address) as session, session.cursor() as cursor:
        cursor.execute("SELECT set_config('search_path', $1, false)", (store.schema,))
        cursor.execute(BOUND, (datetime(1999, 1, 1, tzinfo=UTC),))
        return from_arrow(cursor.fetch_arrow_table())


def arrow_only(store: PostgresEventStore) -> pa.Table:
    """The part of `frame` before pandas."""
    with arrow_from(store, *select(COLUMNS.values(), EventQueryFilter())) as (schema, batches):
        return pa.Table.from_batches(batches, schema)


def show(title: str, ways: Ways, events: int) -> None:
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, call in ways.items():
            start, worked = time.perf_counter(), time.process_time()
            call()
            times[name].append((time.perf_counter() - start, time.process_time() - worked))
    medians = {name: tuple(map(median, zip(*each, strict=True))) for name, each in times.items()}
    first, first_work = next(iter(medians.values()))
    print(f"\n{title}, {events:,} events (median of {ROUNDS} rounds)")
    print(f"  {'':<44} {'seconds':>9} {'times as fast':>14} {'of this process':>16} {'times less':>11}")
    for name, (took, worked) in medians.items():
        print(
            f"  {name:<44} {took:>9.2f} {first / took:>14.2f} {worked:>16.2f} {first_work / worked:>11.2f}", flush=True
        )


def compare(store: PostgresEventStore, events: int) -> None:
    whole: Ways = {
        "psycopg rows into DataFrame, as they come": lambda: as_they_come(store),
        "psycopg rows into DataFrame, same dtypes": lambda: from_rows(store, ALL, EVENT),
        "COPY as CSV, read by pyarrow": lambda: from_csv(store),
        "ADBC with a bound parameter, without COPY": lambda: from_bound_parameter(store),
        "frame(store)": lambda: frame(store),
        "  of that, until there is an Arrow table": lambda: arrow_only(store),
    }
    fields: Ways = {
        "psycopg rows into DataFrame, same dtypes": lambda: from_rows(store, FIELDS, WITH_PAYLOAD),
        "frame(store, payload=...)": lambda: frame(store, payload=PAYLOAD),
    }
    for ways in (whole, fields):
        answers = [way() for name, way in ways.items() if "same dtypes" in name or "frame(" in name]
        pd.testing.assert_frame_equal(*answers)
        del answers
    show("whole events", whole, events)
    show("three fields of the payload", fields, events)


def exports(store: PostgresEventStore, events: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        print(f"\nexport, {events:,} events")
        for format in FORMATS:
            out = Path(folder, format)
            start = time.perf_counter()
            export(store, out, format)
            took = time.perf_counter() - start
            size = sum(path.stat().st_size for path in out.glob("*/*"))
            print(f"  {format:<8} {took:>6.1f} s {events / took:>12,.0f} events/s {size / 1e6:>8,.0f} MB")


def main() -> None:
    events = int(sys.argv[1].replace("_", "")) if sys.argv[1:] else 1_000_000
    with fresh_server() as url, eventstore.connect(url) as store:
        with store.connection() as connection:
            server = connection.info.parameter_status("server_version")
            connection.execute(MANY_EVENTS, (events,))
            connection.execute("VACUUM ANALYZE domain_events")
        versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
        print(f"PostgreSQL {server}, Python {platform.python_version()}, {versions}, {os.cpu_count()} cores")
        compare(store, events)
        exports(store, events)


if __name__ == "__main__":
    main()
