"""For analysts: the counts of the log and the events themselves as data frames, and the roll-up behind the counts.

pandas, pyarrow and ADBC are an extra of the package, and loaded when they are needed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from eventstore.database import in_our_words
from eventstore.errors import InvalidEventError
from eventstore.events import DomainEvent, EventQueryFilter, check_count, check_name
from eventstore.exporting import COLUMNS, arrow_from, export, import_extra, select
from eventstore.postgres import PostgresEventStore
from eventstore.subscription import Subscription

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

__all__ = ["event_statistics", "export", "frame", "recent_events", "roll_up", "roll_up_subscription"]

EVENT_STATISTICS = """
SELECT event_type, event_count, aggregate_count, first_event_at, last_event_at, events_per_day
FROM event_statistics
ORDER BY event_type
"""

RECENT_EVENTS = sql.SQL("SELECT {} FROM recent_events ORDER BY sequence_number DESC")

TIME = "datetime64[us, UTC]"

STATISTICS = {
    "event_type": "category",
    "event_count": "int64",
    "aggregate_count": "int64",
    "first_event_at": TIME,
    "last_event_at": TIME,
    "events_per_day": "float64",
}

EVENT = {
    "sequence_number": "int64",
    "id": "string",
    "event_type": "category",
    "aggregate_id": "string",
    "version": "int64",
    "event_data": "string",
    "schema_version": "int64",
    "event_timestamp": TIME,
    "recorded_at": TIME,
    "causation_id": "string",
    "correlation_id": "string",
    "user_id": "string",
}

# What a field of the payload may become: the type of Arrow, and how the JSON of such a value looks. A whole number of
# 19 digits may still be too large.
WHOLE, NUMBER, TRUTH = r"^-?\d{1,19}(\.0+)?$", r"^-?\d{1,308}(\.\d+)?$", "^(true|false)$"
KINDS = {
    "int64": ("int64", WHOLE),
    "Int64": ("int64", WHOLE),
    "float64": ("float64", NUMBER),
    "bool": ("bool", TRUTH),
    "boolean": ("bool", TRUTH),
}
TEXT = ("string", "category")
NEVER_MISSING = {"int64": "Int64", "bool": "boolean"}  # and what to use where a field may be missing

ROLL_UP = "SELECT roll_up_event_statistics(%s)"
ROLLED_UP_TO = "SELECT coalesce(max(up_to), 0) FROM event_totals"
CHUNK = 500_000  # events that a roll-up counts in one transaction


def event_statistics(store: PostgresEventStore) -> pd.DataFrame:
    """How many events there are of each type: exact, whoever is writing meanwhile.

    Args:
        store: the store to ask.

    Returns:
        A data frame with one row for each type, in their order: `event_type` (category), `event_count`,
        `aggregate_count` (int64: of how many aggregates), `first_event_at`, `last_event_at` (UTC, by the writers'
        clocks), `events_per_day` (float64: over the days between the two, at least one day).

    Raises:
        EventStoreError: what data frames need is not installed.
        StoreUnavailableError: the server is away.
    """
    return _frame(_read(store, EVENT_STATISTICS), STATISTICS)


def recent_events(store: PostgresEventStore) -> pd.DataFrame:
    """The last hundred events, newest first, with the columns of `frame`. Raises as `event_statistics` does."""
    columns = sql.SQL(", ").join(COLUMNS.values())
    return _frame(_read(store, RECENT_EVENTS.format(columns).as_string()), EVENT)


def frame(
    store: PostgresEventStore, filter: EventQueryFilter | None = None, *, payload: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """Events as a data frame, all read as of one moment.

    Args:
        store: the store to ask.
        filter: which events, in which order, and how many; None for the whole log.
        payload: fields of `event_data`, each with the dtype that it shall have. They become columns, in the place of
            `event_data`:

            - `"int64"`, `"bool"`: whole numbers, truths; every event must have the field
            - `"Int64"`, `"boolean"`, `"float64"`: the same and numbers; the field may be missing
            - `"string"`, `"category"`: text, or the JSON of any other value; the field may be missing

            A field that is null is missing.

    Returns:
        A data frame with one row for each event: `sequence_number` (int64), `id` (string), `event_type` (category),
        `aggregate_id` (string), `version` (int64), `event_data` (string: JSON), `schema_version` (int64),
        `event_timestamp`, `recorded_at` (datetime64[us, UTC]), `causation_id`, `correlation_id`, `user_id` (string,
        may be missing).

    Raises:
        InvalidEventError: no such filter or dtype; or a field of an event does not fit its dtype, and then the error
            names the first such event.
        EventStoreError: what data frames need is not installed.
        StoreUnavailableError: the server is away.
    """
    fields = {} if payload is None else _check_payload(payload)
    dtypes = {name: dtype for name, dtype in EVENT.items() if payload is None or name != "event_data"}
    columns = [COLUMNS[name] for name in dtypes]
    columns += [_extract(place, dtype) for place, dtype in enumerate(fields.values())]
    statement, values = select(columns, EventQueryFilter() if filter is None else filter)
    table = _read(store, statement, values | {f"field_{place}": name for place, name in enumerate(fields)})
    found = _frame(table, dtypes)
    for place, (name, dtype) in enumerate(fields.items()):
        values_of_field = _take_field(table, len(dtypes) + place, name, dtype)
        found.insert(list(EVENT).index("event_data") + place, name, _series(values_of_field, dtype))
    return found


def roll_up(store: PostgresEventStore, advance: Callable[[int], object] = lambda events: None) -> int:
    """Move the events that are in the log now to the totals of `event_statistics`, so that it answers faster.

    Others may write meanwhile, roll up, or ask. The answers stay the same.

    Args:
        store: the store to work on.
        advance: told how many events more were counted, after each transaction.

    Returns:
        How many events were counted; 0 where none were left.

    Raises:
        StoreUnavailableError: the server is away. What was counted stays counted.
    """
    total: int = 0
    with store.connection() as connection, in_our_words(connection):
        while True:
            [(counted,)] = connection.execute(ROLL_UP, (CHUNK,)).fetchall()
            total += counted
            advance(counted)
            if counted < CHUNK:  # not "until nothing is left": while others write, there always is
                return total


def roll_up_subscription(store: PostgresEventStore, every: int = 10_000) -> Subscription:
    """A follower of the log that rolls up again and again: run it, and `event_statistics` stays fast.

    Stopped or killed, it goes on when it is run again. Any number of processes may run it: one of them is at work.

    Args:
        store: the store to follow.
        every: after how many sequence numbers, 1 or more.

    Returns:
        The subscription, named "event_statistics".

    Raises:
        InvalidEventError: an argument that cannot be right.
        StoreUnavailableError: the server is away.
    """
    check_count("every", every)
    if every == 0:
        raise InvalidEventError("every", "is 0", "use 1 or more")
    with store.connection() as connection, in_our_words(connection):
        due = _rolled_up_to(connection) + every

    def roll_up_when_due(event: DomainEvent, connection: psycopg.Connection) -> None:
        nonlocal due
        assert event.sequence_number is not None  # every stored event has one
        if event.sequence_number >= due:
            connection.execute(ROLL_UP, (CHUNK,))
            due = _rolled_up_to(connection) + every

    return Subscription(store, "event_statistics", roll_up_when_due)


def _rolled_up_to(connection: psycopg.Connection) -> int:
    [(number,)] = connection.execute(ROLLED_UP_TO).fetchall()
    return int(number)


def _read(store: PostgresEventStore, statement: str, values: Mapping[str, Any] | None = None) -> pa.Table:
    import_extra("pandas")  # now, and not when a million events were read
    with arrow_from(store, statement, values or {}) as (schema, batches):
        return import_extra("pyarrow").Table.from_batches(batches, schema)


def _frame(table: pa.Table, dtypes: Mapping[str, str]) -> pd.DataFrame:
    """A data frame of the first columns of the table, which get the names and the dtypes."""
    import pandas as pd

    columns = zip(dtypes.items(), table.columns, strict=False)
    return pd.DataFrame({name: _series(column, dtype) for (name, dtype), column in columns}, copy=False)


def _series(column: pa.ChunkedArray, dtype: str) -> pd.Series:
    import pandas as pd

    if dtype == "category":
        found = column.dictionary_encode().to_pandas()
        # In order, as pandas would make them itself, and not in that of their first appearance.
        return found.cat.reorder_categories(found.cat.categories.sort_values())
    wanted = pd.api.types.pandas_dtype(dtype)
    extension = wanted if isinstance(wanted, pd.api.extensions.ExtensionDtype) else None
    return column.to_pandas(types_mapper=lambda _: extension)


def _check_payload(payload: object) -> dict[str, str]:
    if not isinstance(payload, Mapping):
        raise InvalidEventError("payload", f"is {type(payload).__name__}", 'pass a dict like {"pot": "int64"}')
    for name, dtype in payload.items():
        field = f"payload[{name!r:.60}]"
        if check_name("payload", name) in EVENT:
            raise InvalidEventError(field, "has the name of a column", "take this field from event_data yourself")
        if dtype not in (*KINDS, *TEXT):
            raise InvalidEventError(field, f"is {dtype!r:.40}", f"use one of {', '.join((*KINDS, *TEXT))}")
    return dict(payload)


def _extract(place: int, dtype: str) -> sql.Composable:
    """A field of the payload as text: a text as it is, where text is wanted, and else JSON, which tells them apart."""
    name = sql.Literal(f"eventstore.field_{place}")
    if dtype in TEXT:
        return sql.SQL("event_data ->> (SELECT current_setting({}))").format(name)
    return sql.SQL("(event_data -> (SELECT current_setting({})))::text").format(name)


def _take_field(table: pa.Table, place: int, name: str, dtype: str) -> pa.ChunkedArray:
    """The values of a field of the payload, each of the kind that the dtype asks for.

    Args:
        table: what was read; the first column holds the numbers of the events.
        place: the column with the field as JSON.
        name: the name of the field.
        dtype: what it shall become.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = table[place]
    if dtype in TEXT:
        return texts
    texts = pc.if_else(pc.equal(texts, "null"), None, texts)

    def refuse_any(wrong: pa.ChunkedArray, problem: str, fix: str) -> None:
        row = pc.index(wrong, True).as_py()
        if row >= 0:
            problem = problem.format(str(texts[row].as_py())[:40])
            raise InvalidEventError(f"payload[{name!r}]", f"{problem} in event {table[0][row]}", fix)

    others = "or leave such events out with a filter"
    if dtype in NEVER_MISSING:
        refuse_any(pc.is_null(texts), "is missing", f'use "{NEVER_MISSING[dtype]}", {others}')
    kind, pattern = KINDS[dtype]
    if kind == "int64":
        with suppress(pa.ArrowInvalid):  # nearly always all is well, and then nobody has to look at each text
            return texts.cast(kind)
    misfit, fix = f"is {{}}, which is no {dtype},", f'use "string", {others}'
    refuse_any(pc.invert(pc.match_substring_regex(texts, pattern)), misfit, fix)
    if kind == "int64":
        texts = pc.replace_substring_regex(texts, r"\.0+$", "")  # 40.0 is a whole number
    try:
        return texts.cast(kind)
    except pa.ArrowInvalid:
        too_large = [text is not None and not -(2**63) <= int(text) < 2**63 for text in texts.to_pylist()]
        refuse_any(pa.chunked_array([too_large]), misfit, fix)
        raise
