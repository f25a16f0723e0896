"""The names of a class, and the file that says who gets which address. No server is asked here."""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
import re
import unicodedata
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict

from eventstore.embedded.host import write_private

NAME, ROLE, URL = "name", "role", "EVENTSTORE_URL"

# What German, Scandinavian and Polish letters become where only a to z are left. Other marks are taken off.
SPELLED = {"ä": "ae", "ö": "oe", "ü": "ue", "æ": "ae", "ø": "oe", "å": "aa", "ł": "l", "đ": "d", "þ": "th", "ð": "d"}
# PostgreSQL cuts off at 63 bytes, and the name is to be read in lists.
LONGEST = 40
APOSTROPHES = "'\u2019"


class RosterError(Exception):
    """A list of names that cannot be used. The text names the file, the lines and the fix."""


@dataclass(frozen=True)
class Learner:
    """One line of the list.

    Args:
        name: as written, blanks tidied.
        role: the name of the login role, and of the database.
        row: all columns of the line.
    """

    name: str
    role: str
    row: Mapping[str, str]


def role_name(name: str) -> str:
    """The role of a learner: `learner_` and the name in small letters, digits and `_`; the same for the same name.

    Where letters had to be left out, e.g. all of a Chinese name, eight digits made from the name keep it unique.
    """
    folded = unicodedata.normalize("NFC", name).casefold()
    spelled = unicodedata.normalize("NFKD", "".join(SPELLED.get(letter, letter) for letter in folded))
    lost = any(letter.isalnum() and not letter.isascii() for letter in spelled)
    # An accent goes without a trace, and so does an apostrophe: O'Brien is obrien.
    letters = "".join(letter for letter in spelled if not unicodedata.combining(letter) and letter not in APOSTROPHES)
    plain = re.sub(r"[^a-z0-9]+", "_", letters).strip("_")
    if lost or len(plain) > LONGEST:
        digest = hashlib.sha256(folded.encode()).hexdigest()[:8]
        plain = f"{plain[:LONGEST].strip('_')}_{digest}".strip("_")
    return f"learner_{plain}"


def read_names(path: Path) -> list[Learner]:
    """Read the list of a class: a CSV file with a column `name`. Other columns are kept and not looked at.

    Commas, semicolons and tabs are understood, and the marks that spreadsheets put at the beginning of a file.

    Raises:
        RosterError: every line that is wrong, in one text.
    """
    learners: list[Learner] = []
    problems: list[str] = []
    seen: dict[str, tuple[int, str]] = {}
    for line, row in _rows(path):
        name = " ".join(unicodedata.normalize("NFC", row[NAME]).split())
        problem = _problem_with(name, row[NAME])
        role = role_name(name)
        if not problem and role in seen:
            first, other = seen[role]
            clash = "twice" if other == name else f"too much like {other!r}"
            problem = f"{name!r} is there {clash}, see line {first}: add an initial or a number"
        if problem:
            problems.append(f"line {line}: {problem}")
            continue
        seen[role] = line, name
        learners.append(Learner(name, role, row | {NAME: name}))
    if problems:
        raise RosterError("\n".join([f"{path} was not used:", *problems]))
    if not learners:
        raise RosterError(f"{path} holds no names: write one a line below the word {NAME}")
    return learners


def _problem_with(name: str, written: str) -> str:
    if len(written.strip().splitlines()) > 1:
        return f"the name {name!r} goes over several lines: is a quotation mark without its partner?"
    if not name:
        return "the name is empty: fill it in, or delete the line"
    if not name.isprintable():
        return f"the name {name!r} holds a character that cannot be printed: type it anew"
    if not any(letter.isalnum() for letter in name):
        return f"the name {name!r} has no letter in it"
    return ""


def _rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    """The lines of a CSV file that hold anything, with their numbers. Each has the column `name`."""
    text = _text(path)
    header = text.lstrip().partition("\n")[0]
    separator = max(",;\t", key=header.count)
    # What may be wrong in the file is said here, with the line; the reader itself is patient.
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True)
    columns: list[str] = []
    rows: list[tuple[int, dict[str, str]]] = []
    end = begin = 0
    try:
        for fields in reader:
            begin, end = end + 1, reader.line_num
            if not any(field.strip() for field in fields):
                continue
            if not columns:
                columns = [NAME if field.strip().casefold() == NAME else field.strip() for field in fields]
                if columns.count(NAME) != 1:
                    raise RosterError(
                        f"{path}: the first line must have one column {NAME}; it has {', '.join(columns)}"
                    )
                continue
            if any(field.strip() for field in fields[len(columns) :]):
                raise RosterError(
                    f"{path}, line {reader.line_num}: more fields than columns: put a name with {separator!r} in quotes"
                )
            fields += [""] * (len(columns) - len(fields))
            rows.append((reader.line_num, dict(zip(columns, fields, strict=False))))
    except csv.Error as error:
        raise RosterError(f"{path}, line {reader.line_num}: {error}") from None
    # To the reader, an open quotation mark is closed by the end of the file: all lines below it would be one field.
    if text.count('"') % 2 and end > begin:
        raise RosterError(f"{path}, line {begin}: a quotation mark has no partner: close it, or take it away")
    return rows


def _text(path: Path) -> str:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise RosterError(f"{path} cannot be read: {error.strerror}") from None
    utf16 = raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return raw.decode("utf-16" if utf16 else "utf-8-sig")
    except UnicodeDecodeError:
        raise RosterError(f"{path} is not UTF-8: save it again as 'CSV UTF-8'") from None


def read_passwords(path: Path) -> dict[str, str]:
    """The password of each role in a file that `write_addresses` wrote; empty if there is no such file.

    Raises:
        RosterError: the file is not one of ours.
    """
    return {row[ROLE]: _password(row, path) for row in _known(path)}


def _password(row: Mapping[str, str], path: Path) -> str:
    password = None
    # The driver's error shows the address, and with it the password. So ours is raised outside.
    with suppress(psycopg.ProgrammingError):
        password = conninfo_to_dict(row[URL]).get("password")
    if not password:
        raise RosterError(
            f"{path}: the address of {row[ROLE]} has no password that can be read: put it right, or delete the line and"
            " make a new one with --new-passwords and a list with this one name"
        )
    return str(password)


def write_addresses(path: Path, learners: Iterable[Learner], urls: Mapping[str, str]) -> None:
    """Write who gets which address. Lines of others that the file held before stay.

    Only the user who runs this can read the file; on Windows it has the rights of its folder.

    Args:
        path: the file.
        learners: the class.
        urls: the address for each role.

    Raises:
        RosterError: the file is there and is not one of ours, or it cannot be written.
    """
    rows = {row[ROLE]: row for row in _known(path)}
    for learner in learners:
        rows[learner.role] = {**learner.row, ROLE: learner.role, URL: urls[learner.role]}
    columns = list(dict.fromkeys(column for row in rows.values() for column in row if column not in (ROLE, URL)))
    text = io.StringIO()
    writer = csv.DictWriter(text, [*columns, ROLE, URL], restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows.values())
    scratch = path.with_name(f"{path.name}.new")
    try:
        # The mark at the beginning tells spreadsheets that it is UTF-8.
        write_private(scratch, f"\ufeff{text.getvalue()}")
        scratch.replace(path)
    except OSError as error:
        raise RosterError(f"{path} cannot be written ({error.strerror}): is it open in another program?") from None


def _known(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        return []
    rows = [row for _, row in _rows(path)]
    if any(not row.get(ROLE) or not row.get(URL, "").startswith("postgresql://") for row in rows):
        raise RosterError(f"{path} is there and was not written by this command: give another name with --out")
    return rows
