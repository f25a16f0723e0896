"""Events on their way out of the store: as Arrow, column by column, and as files.

pandas, pyarrow and ADBC are an extra of the package, and loaded when they are needed.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from importlib import import_module
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from uuid import UUID, uuid4

from psycopg import sql
from psycopg.conninfo import make_conninfo

from eventstore.database import SESSION
from eventstore.embedded import host
from eventstore.errors import EventStoreError, InvalidEventError, StoreUnavailableError, from_driver
from eventstore.events import EventQueryFilter
from eventstore.postgres import PostgresEventStore
from eventstore.reading import CONDITIONS, DIRECTIONS
from eventstore.store import check_filter

if TYPE_CHECKING:
    import pyarrow as pa

SELECT = sql.SQL("""
SELECT {columns}
FROM domain_events
WHERE {conditions}
ORDER BY {order}
LIMIT %(limit)s
""")

# The fields of an event. What Arrow has types of its own for, that few programs know, is read as text.
COLUMNS: dict[str, sql.Composable] = {
    "sequence_number": sql.SQL("sequence_number"),
    "id": sql.SQL("id::text"),
    "event_type": sql.SQL("event_type"),
    "aggregate_id": sql.SQL("aggregate_id"),
    "version": sql.SQL("version::bigint"),
    "event_data": sql.SQL("event_data::text"),
    "schema_version": sql.SQL("schema_version::bigint"),
    "event_timestamp": sql.SQL("event_timestamp"),
    "recorded_at": sql.SQL("recorded_at"),
    "causation_id": sql.SQL("causation_id::text"),
    "correlation_id": sql.SQL("correlation_id::text"),
    "user_id": sql.SQL("user_id"),
}

# The same on one line, as `python -m eventstore append --file` reads it.
LINE = (sql.SQL("event_timestamp"), sql.SQL("row_to_json(domain_events)::text AS line"))

# Where a statement finds its values, see `arrow_from`. The limit is NULL where it is not set, and that is none.
SETTINGS = {
    "aggregate_id": "current_setting('eventstore.aggregate_id')",
    "event_type": "current_setting('eventstore.event_type')",
    "event_types": "current_setting('eventstore.event_types')",
    "user_id": "current_setting('eventstore.user_id')",
    "correlation_id": "current_setting('eventstore.correlation_id')::uuid",
    "causation_id": "current_setting('eventstore.causation_id')::uuid",
    "from_timestamp": "current_setting('eventstore.from_timestamp')::timestamptz",
    "to_timestamp": "current_setting('eventstore.to_timestamp')::timestamptz",
    "data_contains": "current_setting('eventstore.data_contains')",
    "after_sequence": "current_setting('eventstore.after_sequence')::bigint",
    "limit": "current_setting('eventstore.limit', true)::bigint",
}
SET = "SELECT set_config($1, $2::text, false)"

LOOKS = 0.2  # seconds between two looks at a call in another thread

FORMATS = ("parquet", "csv", "jsonl")


def export(
    store: PostgresEventStore,
    folder: str | Path,
    format: str = "parquet",
    *,
    filter: EventQueryFilter | None = None,
    advance: Callable[[int], object] = lambda events: None,
) -> int:
    """Write events to files, one for each day, all read as of one moment. However many they are, the memory is enough.

    A day is that of `event_timestamp` in UTC. Its file is named like `day=2026-01-31/events.parquet`, as Arrow, DuckDB
    and Spark expect it of a data set in parts. In a file the events are in the order of their `event_timestamp`, and
    then of their `sequence_number`.

    Until all is written, the folder bears another name. So it is there whole or not at all.

    Args:
        store: the store to read.
        folder: the folder to make; the one that it lies in has to be there.
        format: `"parquet"` and `"csv"` have the columns of `eventstore.statistics.frame`; each line of `"jsonl"` is a
            JSON object that `python -m eventstore append --file` reads.
        filter: which events; None for all. Its order counts for nothing; with a limit it takes the earliest.
        advance: told how many events more are written, again and again.

    Returns:
        How many events there are in the files.

    Raises:
        InvalidEventError: the folder is there already, or no such format.
        EventStoreError: what is needed is not installed.
        StoreUnavailableError: the server is away.
        OSError: the disk is full, or may not be written to.
    """
    folder = Path(folder)
    if format not in FORMATS:
        raise InvalidEventError("format", f"is {format!r:.40}", f"use one of {', '.join(FORMATS)}")
    if folder.exists() or folder.is_symlink():
        raise InvalidEventError("folder", f"{folder} is there already", "name one that is not, or remove it first")
    if not folder.absolute().parent.is_dir():
        raise InvalidEventError("folder", f"{folder} would lie in a folder that is not there", "make that one first")
    wanted = EventQueryFilter() if filter is None else filter
    check_filter(wanted)
    # In the order of time, one file after the other is written, and never two at a time.
    wanted = replace(wanted, order_by="event_timestamp", order_direction="ASC")
    statement, values = select(LINE if format == "jsonl" else COLUMNS.values(), wanted)
    unfinished = folder.with_name(f"{folder.name}.{uuid4().hex}.unfinished")
    unfinished.mkdir()
    try:
        with arrow_from(store, statement, values) as (schema, batches):
            written = 0
            for day, parts in groupby(_days(batches), key=itemgetter(0)):
                path = unfinished / f"day={day.isoformat()}" / f"events.{format}"
                path.parent.mkdir()
                with _open(path, schema) as file:
                    for _, part in parts:
                        file.write_batch(part)
                        written += part.num_rows
                        advance(part.num_rows)
        host.rename(unfinished, folder)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    return written


def select(columns: Iterable[sql.Composable], filter: EventQueryFilter) -> tuple[str, dict[str, Any]]:
    """A question to the log, for `arrow_from`.

    Args:
        columns: what to select; more placeholders than those of `SETTINGS` must not be in it.
        filter: which events, in which order, and how many.

    Returns:
        The statement, and the values that it needs.

    Raises:
        InvalidEventError: this is no `EventQueryFilter`.
    """
    check_filter(filter)
    given: dict[str, Any] = {name: getattr(filter, name) for name in CONDITIONS if hasattr(filter, name)}
    if isinstance(filter.event_type, tuple):
        given |= {"event_type": None, "event_types": list(filter.event_type)}
    given["data_contains"] = filter.data_contains_json
    given = {name: value for name, value in given.items() if value is not None}
    conditions = [CONDITIONS[name] for name in given]
    order = dict.fromkeys((filter.order_by, "sequence_number"))
    direction = DIRECTIONS[filter.order_direction]
    statement = SELECT.format(
        columns=sql.SQL(", ").join(columns),
        conditions=sql.SQL(" AND ").join(conditions or [sql.SQL("true")]),
        order=sql.SQL(", ").join(sql.SQL(" ").join((sql.Identifier(column), direction)) for column in order),
    )
    return statement.as_string() % SETTINGS, {**given, "limit": filter.limit}


@contextmanager
def arrow_from(
    store: PostgresEventStore, statement: str, values: Mapping[str, Any]
) -> Iterator[tuple[pa.Schema, Iterator[pa.RecordBatch]]]:
    """Ask a question through ADBC: the rows come by COPY, and become Arrow without a Python object for each value.

    COPY takes no parameters. So the values become settings of the session by a statement that does, and the question
    looks them up there: what a caller passes never becomes part of a statement. The planner looks them up as well.

    Args:
        store: the store to ask. The question is asked on a connection of its own, which finds the tables as the store
            does.
        statement: the question. It finds a value as `current_setting('eventstore.name')`.
        values: the values by their names. Those that are None are not set.

    Returns:
        The schema, and the batches, which come while the server still reads. All are as of one moment.

    Raises:
        EventStoreError: what is needed is not installed, or what the server says of the question.
        StoreUnavailableError: the server is away.
    """
    if not isinstance(store, PostgresEventStore):
        raise InvalidEventError("store", f"is {type(store).__name__}", "pass what eventstore.connect() gives")
    import_extra("pyarrow")
    dbapi = import_extra("adbc_driver_postgresql.dbapi")
    with store.connection() as connection:  # what is wrong with the address is told here, without the password
        address = connection.info.get_parameters() | {"password": connection.info.password}
    settings = SESSION | {"search_path": sql.Identifier(store.schema).as_string()}
    given = {f"eventstore.{name}": value for name, value in values.items() if value is not None}
    try:
        with (
            ThreadPoolExecutor(1) as thread,
            dbapi.connect(make_conninfo(**address)) as session,
            session.cursor() as cursor,
        ):
            # In a thread of its own, because ADBC keeps Ctrl-C from a main thread that is within it.
            def wait_for(call: Callable[..., Any], *arguments: object) -> Any:
                return _result(thread.submit(call, *arguments), cursor.adbc_cancel)

            for name, value in (settings | given).items():
                wait_for(cursor.execute, SET, (name, str(value) if isinstance(value, UUID) else value))
            wait_for(cursor.execute, statement)
            reader = cursor.fetch_record_batch()
            yield reader.schema, _batches(lambda: wait_for(reader.read_next_batch))
    except dbapi.Error as error:
        lost = isinstance(error, dbapi.OperationalError)
        raise from_driver(error.sqlstate or None, str(error), lost) from None


def _result(work: Future[Any], cancel: Callable[[], object]) -> Any:
    """What comes of a call in another thread; it is cancelled where somebody interrupts us."""
    try:
        while wait([work], LOOKS).not_done:
            pass  # on Windows, whoever waits without a limit hears no Ctrl-C
    except BaseException:
        cancel()
        wait([work])
        raise
    return work.result()


def _batches(read_next: Callable[[], pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    while True:
        try:
            batch = read_next()
        except StopIteration:
            return
        except OSError as error:  # this is how a reader of Arrow tells that the server has ended the call
            raise StoreUnavailableError(f"the server ended the call: {error}") from None
        yield batch


def import_extra(module: str) -> Any:
    """A module that is not installed with the package alone.

    Raises:
        EventStoreError: it is not installed; the error names the extra that brings it.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise EventStoreError(
            f"data frames and exports need {module.partition('.')[0]} ({error}):"
            " python -m pip install 'eventstore-workbook[statistics]'"
        ) from None


def _days(batches: Iterable[pa.RecordBatch]) -> Iterator[tuple[date, pa.RecordBatch]]:
    """Cut batches, which are in the order of time, where a day ends."""
    import pyarrow as pa
    import pyarrow.compute as pc

    for batch in batches:
        days = pc.run_end_encode(batch["event_timestamp"].cast(pa.date32()))
        start = 0
        for day, end in zip(days.values.to_pylist(), days.run_ends.to_pylist(), strict=True):
            yield day, batch.slice(start, end - start)
            start = end


def _open(path: Path, schema: pa.Schema) -> Any:
    """A file that takes batches."""
    if path.suffix == ".parquet":
        from pyarrow.parquet import ParquetWriter

        return ParquetWriter(path, schema, compression="zstd")
    if path.suffix == ".csv":
        from pyarrow.csv import CSVWriter

        return CSVWriter(path, schema)
    return _Lines(path)


class _Lines:
    """A file of lines that takes batches like those of Arrow."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("x", encoding="utf-8", newline="\n")

    def write_batch(self, batch: pa.RecordBatch) -> None:
        self._file.writelines(f"{line}\n" for line in batch["line"].to_pylist())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._file.close()
