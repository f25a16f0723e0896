"""What every notebook of the course imports: open the day, check an answer, ask for a hint, show the real code."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from eventstore.database import open_connection
from workbook.cells import short_errors
from workbook.check import check, hint
from workbook.mine import mixed_with_the_package
from workbook.show import show, show_sql
from workbook.workspace import Workspace, schema_name

__all__ = ["Day", "check", "hint", "open_day", "show", "show_sql"]

FIRST_EVENING = datetime(2025, 3, 1, 20, 0, tzinfo=UTC)
IDS = uuid.uuid5(uuid.NAMESPACE_DNS, "days.eventstore-workbook")

_open: dict[int, Day] = {}


class Day(Workspace):
    """One day's place on the server: a schema of its own, a clock and ids that are the same in every run.

    `day.store` is an event store in that schema, `day.q(sql)` runs SQL and gives a DataFrame, `day.connection()`
    opens one more connection.
    """

    def __init__(self, number: int, *, install: bool = True) -> None:
        super().__init__(schema_name(f"day{number:02d}"), install=install)
        self.number = number
        self._ticks = 0
        self._ids = 0

    def now(self) -> datetime:
        """The time by the day's own clock: 20:00 UTC at the first call, one second later at each further call."""
        self._ticks += 1
        return FIRST_EVENING + timedelta(days=self.number, seconds=self._ticks - 1)

    def new_id(self) -> uuid.UUID:
        """The next of the day's own ids. They look random, and are the same in every run."""
        self._ids += 1
        return uuid.uuid5(IDS, f"day {self.number}, id {self._ids}")

    def with_mine(self, *parts: type) -> Any:
        """A store in the schema of this day, made of parts of your own; what they lack comes from the package.

        Args:
            parts: your classes, e.g. `Appending`. If one has an `__init__`, it gets `(url, schema)`.
        """
        made = mixed_with_the_package(*parts)
        return made(vars(self).get("store"), lambda: open_connection(self.url, self.schema), self.url, self.schema)


def open_day(number: int, *, install: bool = True) -> Day:
    """Start a day afresh. Running the cell again empties everything and sets clock and ids back.

    Args:
        number: the day, e.g. `3`.
        install: whether the tables of the event store are made; without them the schema is empty.

    Returns:
        The day, with its schema, connections, clock and ids.

    Raises:
        StoreUnavailableError: no server can be reached or started.
    """
    if number in _open:
        _open.pop(number).close()
    short_errors()
    day = _open[number] = Day(number, install=install)
    print(f"Day {number} is open: {'an empty event store' if install else 'an empty schema'}, all your own.")
    return day
