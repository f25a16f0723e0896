"""When a hand was played, as far as its record tells."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import cache
from pathlib import PurePosixPath
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from poker.phh import HandRecord, HandRefused

# Poker sites write these; the time zone database does not know them.
US_ZONES = {
    "ET": "America/New_York",
    "CT": "America/Chicago",
    "MT": "America/Denver",
    "PT": "America/Los_Angeles",
}
PLACE_FIELDS = ("address", "city", "region", "postal_code", "country")

# Where a record has no date, its events still need a time, the same at every import. This day is plainly made up.
MADE_UP_DAY = date(2000, 1, 1)
# Hand numbers of poker sites have ten digits and more; as minutes they would lead out of the calendar.
MADE_UP_MINUTES = 1_000_000

_BROADCAST_OFFSET = re.compile(r"(\d\d)-([0-5]\d)-([0-5]\d)")


def played_at(record: HandRecord) -> tuple[datetime, str]:
    """The start of a hand, and how far to trust it.

    Args:
        record: the hand; the PHH fields `year`, `month`, `day`, `time`, `time_zone` and the place are looked at.

    Returns:
        The time in UTC, and where it comes from: `"recorded"` (date and time are known), `"date_only"` (the day is
        known; the time of day is midnight UTC, or the offset in the broadcast where the file is named after it) or
        `"synthetic"` (made up from the number of the hand).

    Raises:
        HandRefused: a date or time that does not exist.
    """
    raw = record.raw
    for name in ("year", "month", "day"):
        if name in raw and (not isinstance(raw[name], int) or isinstance(raw[name], bool)):
            raise HandRefused(f"{name} is not a whole number: write it without quotes")
    if "time" in raw and not isinstance(raw["time"], time):
        raise HandRefused("time is not a TOML time: write it as 13:05:00 without quotes")

    if not all(name in raw for name in ("year", "month", "day")):
        year = raw.get("year", MADE_UP_DAY.year)
        day = _day(year, MADE_UP_DAY.month, MADE_UP_DAY.day)
        return _midnight(day) + timedelta(minutes=_number(record) % MADE_UP_MINUTES), "synthetic"
    day = _day(raw["year"], raw["month"], raw["day"])
    zone = _zone(raw)
    if "time" in raw and zone is not None:
        try:
            return datetime.combine(day, raw["time"], zone).astimezone(UTC), "recorded"
        except OverflowError:
            raise HandRefused(f"year {day.year} is out of range") from None
    return _midnight(day) + _broadcast_offset(record.file), "date_only"


def _day(year: int, month: int, day: int) -> date:
    try:
        return date(year, month, day)
    except (ValueError, OverflowError) as error:
        raise HandRefused(f"year, month and day are no date ({year}-{month}-{day}): {error}") from None


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _zone(raw: dict[str, Any]) -> tzinfo | None:
    """The zone of the recorded time, None where it cannot be known. PHH: without zone and place, times are in UTC."""
    name = raw.get("time_zone", raw.get("time_zone_abbreviation"))
    if name is None:
        return None if any(field in raw for field in PLACE_FIELDS) else UTC
    name = US_ZONES.get(str(name), str(name))
    return ZoneInfo(name) if name in _known_zones() else None


@cache
def _known_zones() -> frozenset[str]:
    """The names that mean the same on every machine: some file systems find "europe/paris", some have "localtime"."""
    return frozenset(available_timezones()) - {"localtime"}


def _broadcast_offset(file: str) -> timedelta:
    match = _BROADCAST_OFFSET.fullmatch(PurePosixPath(file).stem)
    if match is None:
        return timedelta()
    hours, minutes, seconds = map(int, match.groups())
    return timedelta(hours=hours, minutes=minutes, seconds=seconds)


def _number(record: HandRecord) -> int:
    """The number of a hand within its session: its `hand` field, else its section, else 0."""
    for text in (str(record.raw.get("hand")), str(record.section)):
        if text.isascii() and text.isdigit():
            return int(text)
    return 0
