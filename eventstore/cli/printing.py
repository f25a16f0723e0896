"""How an event looks outside of the store: a row of a table for people, a line of JSON for programs."""

from __future__ import annotations

import codecs
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any
from uuid import UUID

from rich.cells import cell_len, set_cell_size
from rich.console import Console

from eventstore.errors import EventStoreError, InvalidEventError
from eventstore.events import DomainEvent, EventMetadata

# How many events are held at a time. Each may have a megabyte.
PAGE = 100

COLUMNS = ("number", "when (UTC)", "aggregate", "version", "type")  # and the data
NUMBERS = ("number", "version")
MAY_BE_CUT = ("aggregate", "type")
GAP = "  "

REQUIRED = ("event_type", "aggregate_id", "version", "event_data")
METADATA = ("causation_id", "correlation_id", "user_id")
FILLED_BY_THE_STORE = ("sequence_number", "recorded_at")
FIELDS = (*REQUIRED, *METADATA, "id", "schema_version", "event_timestamp", *FILLED_BY_THE_STORE)
TEXT, WHOLE_NUMBER = (str, "text"), (int, "a whole number")
# What a line of JSON has to hold. The store would refuse the rest as well, but in words for those who write Python.
KINDS: dict[str, tuple[type, str]] = {
    "event_type": TEXT,
    "aggregate_id": TEXT,
    "version": WHOLE_NUMBER,
    "event_data": (dict, 'an object like {"pot": 40}'),
    "user_id": TEXT,
    "schema_version": WHOLE_NUMBER,
    "id": (str, "a UUID"),
    "causation_id": (str, "a UUID"),
    "correlation_id": (str, "a UUID"),
    "event_timestamp": (str, "a time like 2030-01-31T20:15:00Z"),
}


def print_json(events: Iterable[DomainEvent]) -> None:
    """Print each event as one line of JSON, which `events_from` reads back.

    Beyond ASCII everything is escaped, so that no pipe, console or editor can spoil it or be steered by it.
    """
    for event in events:
        why = event.metadata
        fields = {
            "sequence_number": event.sequence_number,
            "id": str(event.id),
            "event_type": event.event_type,
            "aggregate_id": event.aggregate_id,
            "version": event.version,
            "event_data": event.event_data,
            "schema_version": event.schema_version,
            "event_timestamp": event.event_timestamp.isoformat(),
            "recorded_at": event.recorded_at and event.recorded_at.isoformat(),
            "causation_id": why.causation_id and str(why.causation_id),
            "correlation_id": why.correlation_id and str(why.correlation_id),
            "user_id": why.user_id,
        }
        print(json.dumps(fields))


def lines_of(content: bytes) -> list[bytes]:
    """The lines of a file, in UTF-8. Windows PowerShell writes UTF-16 behind `>`, and a mark that says so before it.

    Raises:
        EventStoreError: behind such a mark there is something else.
    """
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        try:
            content = content.decode("utf-16").encode()
        except UnicodeError as error:
            raise EventStoreError(f"it begins like UTF-16, but cannot be read ({error}): write it in UTF-8") from None
    return content.split(b"\n")


def events_from(lines: Iterable[bytes]) -> Iterator[DomainEvent]:
    """Read events from lines of JSON.

    Args:
        lines: UTF-8, one event on each; empty lines are passed over. `sequence_number` and `recorded_at` are dropped,
            because a store gives them anew. A field that is null counts as left out.

    Raises:
        EventStoreError: a line is no event; the error names its number, the field and the fix.
    """
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                yield _event_from(parse_object("it", line))
            except InvalidEventError as error:
                raise EventStoreError(f"line {number}: {error}; nothing was written") from None


def _event_from(given: dict[str, Any]) -> DomainEvent:
    for name in given:
        if name not in FIELDS:
            raise InvalidEventError(repr(name), "is no field of an event", f"use {', '.join(FIELDS)}")
    fields = {name: value for name, value in given.items() if value is not None and name not in FILLED_BY_THE_STORE}
    for name in REQUIRED:
        if name not in fields:
            raise InvalidEventError(name, "is missing", "every line needs one")
    for name, value in fields.items():
        kind, words = KINDS[name]
        if type(value) is not kind:  # an isinstance() would take true for a whole number
            raise InvalidEventError(name, f"is {json.dumps(value):.60}", f"write {words}")
        if name in WRITTEN_AS_TEXT:
            fields[name] = WRITTEN_AS_TEXT[name](name, value)
    metadata = EventMetadata(**{name: fields.pop(name, None) for name in METADATA})
    return DomainEvent(**fields, metadata=metadata)


def parse_object(field: str, text: str | bytes) -> dict[str, Any]:
    """Read a JSON object that somebody has written. Whether a store can hold it, the event says.

    Args:
        field: the name to use in errors.
        text: text, or UTF-8.

    Raises:
        InvalidEventError: it says where the text stops being JSON.
    """
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        problem = f"is no JSON ({error.msg} at character {error.pos + 1})"
    except (ValueError, RecursionError) as error:  # no UTF-8, a number of too many digits, too many brackets
        problem = f"cannot be read ({error})"
    else:
        if isinstance(value, dict):
            return value
        problem = "is no JSON object"
    fix = 'write JSON in UTF-8, like {"pot": 40}'
    if isinstance(text, str) and ":" in text and '"' not in text:
        # As Windows PowerShell 5.1 does, and PowerShell before 7.3.
        fix += '; if the shell has taken the quotes away, write \\" for each of them, or use --file'
    raise InvalidEventError(field, problem, fix)


def parse_moment(field: str, text: str) -> datetime:
    """Read a time with its zone.

    Args:
        field: the name to use in errors.
        text: a time as ISO 8601 writes it.

    Raises:
        InvalidEventError: it is no time, or has no zone.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidEventError(field, f"is {text!r:.60}", "write a time like 2030-01-31T20:15:00Z") from None
    if moment.tzinfo is None:
        raise InvalidEventError(field, "has no time zone", "put Z for UTC, or +02:00, behind it")
    return moment


def _parse_uuid(field: str, text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise InvalidEventError(field, f"is {text!r:.60}", "write a UUID") from None


# What JSON has no type for.
WRITTEN_AS_TEXT: dict[str, Callable[[str, Any], object]] = {
    "id": _parse_uuid,
    "causation_id": _parse_uuid,
    "correlation_id": _parse_uuid,
    "event_timestamp": parse_moment,
}


def print_error(error: Exception) -> None:
    """Print one line on stderr, whatever the error holds."""
    print(f"error: {escaped(' '.join(str(error).split()))}", file=sys.stderr)


class EventTable:
    """Events as rows of one line each, cut to the width of the terminal, or whole where there is none.

    A page of rows is printed at a time, so that a stream of any length can be shown. What later pages hold is not
    known then, so the columns may grow from page to page.
    """

    def __init__(self) -> None:
        self._width = _width_of_output()
        self._widths = dict.fromkeys(COLUMNS, 0)

    def print(self, events: Iterable[DomainEvent]) -> None:
        """Print more rows. The names of the columns stand above the first ones only."""
        rest = iter(events)
        while rows := [self._row(event) for event in islice(rest, PAGE)]:
            if not any(self._widths.values()):
                rows.insert(0, (*COLUMNS, "data"))
            for row in rows:
                for name, cell in zip(COLUMNS, row, strict=False):  # the data, which come last, take what is left
                    self._widths[name] = max(self._widths[name], cell_len(cell))
            widths = self._shared()
            for row in rows:
                cells = [_fit(cell, name, width) for cell, (name, width) in zip(row, widths.items(), strict=False)]
                print(_cut(GAP.join((*cells, row[-1])), self._width).rstrip())

    def _row(self, event: DomainEvent) -> tuple[str, ...]:
        return (
            str(event.sequence_number),
            to_the_second(event.event_timestamp),
            escaped(event.aggregate_id),
            str(event.version),
            escaped(event.event_type),
            escaped(event.payload_json[: self._width]),
        )

    def _shared(self) -> dict[str, int]:
        """The widths to use: the two names get a third of the room each if they need it, so that data can be seen."""
        whole = sum(width for name, width in self._widths.items() if name not in MAY_BE_CUT)
        third = max(8, (self._width - whole - len(GAP) * len(COLUMNS)) // 3)
        return {name: min(width, third) if name in MAY_BE_CUT else width for name, width in self._widths.items()}


def print_table(rows: Sequence[tuple[str, ...]]) -> None:
    """Print a table that fits the terminal, or whole where there is none.

    Args:
        rows: the names of the columns, and then the rows. The first cell is a name; it may take half of the room. The
            others are numbers; the last of them are left out where there is no room for the whole column.
    """
    room = _width_of_output()
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    widths[0] = min(widths[0], room // 2)
    while len(widths) > 1 and sum(widths) + len(GAP) * (len(widths) - 1) > room:
        widths.pop()
    for name, *numbers in rows:
        cells = [cell.rjust(width) for cell, width in zip(numbers, widths[1:], strict=False)]
        print(GAP.join((set_cell_size(_cut(name, widths[0]), widths[0]), *cells)))


def _width_of_output() -> int:
    terminal = Console()
    return terminal.width if terminal.is_terminal else sys.maxsize


def _fit(cell: str, column: str, width: int) -> str:
    return cell.rjust(width) if column in NUMBERS else set_cell_size(_cut(cell, width), width)


def _cut(text: str, width: int) -> str:
    """At most so many columns of the terminal; a Chinese character takes two."""
    return text if len(text) * 2 <= width or cell_len(text) <= width else set_cell_size(text, width - 1) + "…"


def to_the_second(moment: datetime | None) -> str:
    """`2030-01-31 20:15:00`, or nothing."""
    return "" if moment is None else moment.isoformat(" ")[:19]


def escaped(text: str) -> str:
    """The text with everything escaped that could move the cursor, colour the terminal, or turn the writing around."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in text
    )
