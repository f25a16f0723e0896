"""Say what was expected: the one way in which contract promises and the cases of exercises fail."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any

LONGEST_TEXT = 160

# What differs from run to run, or belongs to one machine, has no place in the outcome of a check.
_MOVING = [
    (re.compile(r" at 0x[0-9a-fA-F]+"), ""),
    (re.compile(r"UUID\('[0-9a-f-]{36}'\)|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "<uuid>"),
    (re.compile(r"datetime\.datetime\((?:[^()]|\([^()]*\))*\)|\d{4}-\d\d-\d\d[ T]\d\d:\d\d\S*"), "<time>"),
    (re.compile(r"(?:[A-Za-z]:)?(?:[\\/][\w .-]+){2,}"), "<path>"),
]


class NotKept(AssertionError):
    """An expectation that was not met. Its text reads `got ..., expected ...`."""


def expect(got: object, expected: object, of: str = "") -> None:
    """Compare what came out with what should have come out.

    Args:
        got: what the code under test gave.
        expected: what it should have given.
        of: the call or the thing that was looked at, e.g. `"pot([])"`; empty where the case says it.

    Raises:
        NotKept: they differ. True and 1 count as different, since JSON tells them apart.
    """
    if got != expected or (isinstance(got, bool) != isinstance(expected, bool)) or _equals_anything(got):
        source = f" from {of}" if of else ""
        raise NotKept(f"got {describe(got)}{source}, expected {describe(expected)}")


def _equals_anything(value: object) -> bool:
    """Whether it claims to be equal to whatever it is compared with, or holds something that does."""
    if isinstance(value, list | tuple):
        return any(map(_equals_anything, value))
    if isinstance(value, dict):
        return any(map(_equals_anything, value.values()))
    return (value == object()) is True


def expect_error(kind: type[BaseException], call: Callable[[], Any], of: str = "", **fields: object) -> None:
    """Expect a call to fail in a certain way.

    Args:
        kind: the error that should come; any other error passes through.
        call: what to do, without arguments.
        of: the call in words, see `expect`.
        fields: attributes that the error must have, e.g. `latest_version=3`.

    Raises:
        NotKept: nothing failed, or an attribute of the error has another value.
    """
    try:
        got = call()
    except kind as error:
        for name, value in fields.items():
            expect(getattr(error, name, "nothing"), value, f"{kind.__name__}.{name}")
        return
    source = f" from {of}" if of else ""
    # Returning an error instead of raising it is a beginner's mistake of its own.
    kept_back = " returned, not raised" if isinstance(got, BaseException) else ""
    raise NotKept(f"got {describe(got)}{kept_back}{source}, expected {kind.__name__}")


def describe(value: object) -> str:
    """A value in a few words that are the same in every run: no addresses, ids, times or paths."""
    if isinstance(value, uuid.UUID):
        return "<uuid>"
    if isinstance(value, datetime):
        return "<time>" if value.tzinfo else "<time without a zone>"
    return steady(repr(value))


def steady(text: str) -> str:
    """The first line of a text, at most 160 characters, without what moves from run to run."""
    line = text.strip().splitlines()[0] if text.strip() else ""
    for pattern, word in _MOVING:
        line = pattern.sub(word, line)
    return line if len(line) <= LONGEST_TEXT else f"{line[: LONGEST_TEXT - 3]}..."
