"""JSON payloads: what PostgreSQL's jsonb gives back equal is accepted, everything else is refused with the reason.

jsonb keeps numbers as decimals and text as UTF-8. So it has no NaN, no U+0000 and no lone surrogates, and it prints
a float like 1e300 as 301 digits, which Python reads back as an integer that is not equal to the float.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

import msgspec

from eventstore.errors import InvalidEventError

MAX_PAYLOAD_BYTES = 1_000_000
MAX_PAYLOAD_DEPTH = 64
MAX_INTEGER_DIGITS = 4_000
MAX_EXACT_FLOAT = 2.0**53

FIXES = {
    "tuple": "write a list",
    "set": "write a sorted list",
    "Decimal": "count in the smallest unit and write an integer, or write text",
    "datetime": "write text: value.isoformat()",
    "date": "write text: value.isoformat()",
    "UUID": "write text: str(value)",
    "bytes": "write text: value.hex()",
}

# Reads JSON as `json.loads` does, in a fifth of the time.
decode = msgspec.json.Decoder().decode
# What was written around the store may hold a number of more digits, or a deeper nesting, than Python reads.
UNREADABLE = (msgspec.DecodeError, RecursionError)

# An escaped U+0000, but not the legal text of a backslash followed by "u0000".
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
_TOO_MANY_DIGITS = re.compile(r"\d{4001}")


def encode_object(field: str, value: Any) -> str:
    """Check a payload, which has to be a JSON object, and return it as JSON text. See `encode`."""
    if not isinstance(value, dict):
        raise InvalidEventError(field, f"is {type(value).__name__}, not a JSON object", "pass a dict with text keys")
    return encode(field, value)


def encode(field: str, value: Any) -> str:
    """Check a value and return it as JSON text.

    Args:
        field: the name to use in errors, e.g. `"event_data"`.
        value: text, an integer, a float, a boolean, None, or a list or a dict with text keys of such values.

    Returns:
        The JSON text. `decode` of it equals `value`, and so does what PostgreSQL gives back for it as jsonb.

    Raises:
        InvalidEventError: the value is too large (over 1,000,000 bytes as JSON) or too deep (over 64 levels), or holds
            something that would not read back equal.
    """
    try:
        written = _write(value)
        unchanged = _read_back(written) == value
    except (TypeError, ValueError, *UNREADABLE):
        written, unchanged = b"", False
    text = written.decode()
    # The checks above run at C speed. The walk, which can name the place, runs only where something looks wrong.
    perhaps_too_deep = text.count("{") + text.count("[") > MAX_PAYLOAD_DEPTH
    perhaps_too_long = len(text) > MAX_INTEGER_DIGITS and _TOO_MANY_DIGITS.search(text)
    if not unchanged or perhaps_too_deep or perhaps_too_long:
        _walk(field, value, depth=1)
        if not unchanged:
            raise InvalidEventError(field, "does not read back equal from JSON", "use plain dicts, lists and text")
    if len(written) > MAX_PAYLOAD_BYTES:
        problem = f"has {len(written):,} bytes as JSON"
        raise InvalidEventError(field, problem, f"keep it to {MAX_PAYLOAD_BYTES:,} bytes")
    if "\\u0000" in text and _NUL.search(text):
        raise InvalidEventError(field, "holds the character U+0000", "remove it: PostgreSQL cannot store it in text")
    return text


def _exact(text: str) -> float:
    number = float(text)
    if abs(number) >= MAX_EXACT_FLOAT:
        raise ValueError
    return number


_read_back = msgspec.json.Decoder(float_hook=_exact).decode
_write_plain = msgspec.json.Encoder().encode


def _write(value: Any) -> bytes:
    """JSON, in which something else may stand for what JSON does not have: it will not read back equal."""
    try:
        return _write_plain(value)
    except TypeError:  # text or a number of a class of its own, such as numpy.float64
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def same(one: Any, other: Any) -> bool:
    """Whether two payloads are equal as jsonb compares them: 1 equals 1.0, but not true."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


def contains(whole: Any, part: Any) -> bool:
    """Whether one JSON object, or a value within it, contains another as jsonb's operator `@>` sees it.

    An object contains those that have some of its keys with values that are contained in its own; a list contains
    those whose every item is contained in one of its own items, in any order.

    Source: PostgreSQL's manual, section 8.14.3.
    """
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(key in whole and contains(whole[key], part[key]) for key in part)
    if isinstance(part, list):
        return isinstance(whole, list) and all(any(contains(own, item) for own in whole) for item in part)
    return same(whole, part)


def _walk(where: str, value: Any, depth: int) -> None:
    """Visit every value and refuse the first one that would not survive, naming its place: `event_data.seats[2]`."""
    if isinstance(value, str):
        if any("\ud800" <= character <= "\udfff" for character in value):
            raise InvalidEventError(where, "holds half of a surrogate pair", "decode the text properly first")
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise InvalidEventError(where, f"is {value}", "write null, or leave the key out")
        if abs(value) >= MAX_EXACT_FLOAT:
            raise InvalidEventError(where, f"is the float {value!r}, of 2**53 or more", "write an integer")
    elif isinstance(value, int):
        if abs(value) >= 10**MAX_INTEGER_DIGITS:
            raise InvalidEventError(where, f"has more than {MAX_INTEGER_DIGITS:,} digits", "write it as text")
    elif isinstance(value, dict | list):
        if depth > MAX_PAYLOAD_DEPTH:
            raise InvalidEventError(where, f"lies deeper than {MAX_PAYLOAD_DEPTH} levels", "flatten the payload")
        if isinstance(value, list):
            for index, item in enumerate(value):
                _walk(f"{where}[{index}]", item, depth + 1)
            return
        for key, item in value.items():
            if not isinstance(key, str):
                kind = type(key).__name__
                raise InvalidEventError(where, f"has a key that is {kind}, not text", "write the keys as text")
            _walk(where, key, depth)
            _walk(f"{where}.{key}", item, depth + 1)
    elif value is not None:
        kind = type(value).__name__
        raise InvalidEventError(where, f"is {kind}, which JSON does not have", FIXES.get(kind, "use plain JSON types"))
