"""Reading PHH files: one hand in a `.phh` file, one TOML table per hand in a `.phhs` file.

Source: J. Kim, "Recording and Describing Poker Hands", IEEE Conference on Games 2024,
doi:10.1109/CoG60054.2024.10645611.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pokerkit.utilities import parse_value

SUFFIXES = (".phh", ".phhs")
BYTE_ORDER_MARK = b"\xef\xbb\xbf"

# A table header such as [12] or ["table 3"]. PHH has no arrays of tables, and no list that starts a line with [.
_HEADER = re.compile(rb"[ \t]*\[[^\[\],]+\][ \t]*(#.*)?\r?\n?")


@dataclass(frozen=True)
class HandRecord:
    """One hand as it stands in a file, parsed but not yet judged.

    Args:
        file: the path of its file, relative to the folder that was read, with forward slashes.
        section: its table's name in a `.phhs` file, None in a `.phh` file.
        raw: the fields of the hand; numbers are `int` or `Decimal`, never `float`.
        size: how many bytes of the file it takes.
    """

    file: str
    section: str | None
    raw: dict[str, Any]
    size: int


@dataclass(frozen=True)
class Refusal:
    """A hand that was not taken, and why.

    Args:
        file: the path of its file, relative to the folder that was read, with forward slashes.
        section: its table's name in a `.phhs` file, None in a `.phh` file.
        reason: what is wrong with it.
        size: how many bytes of the file it takes.
    """

    file: str
    section: str | None
    reason: str
    size: int = 0

    def __str__(self) -> str:
        return f"{self.file}{f' [{self.section}]' if self.section is not None else ''}: {self.reason}"


class HandRefused(ValueError):
    """A hand that breaks the rules, or does not say enough. The text is the reason."""


def find_files(path: Path) -> list[Path]:
    """The PHH files in a folder and its sub-folders, or the one file that is named.

    Args:
        path: a folder, or a `.phh` or `.phhs` file.

    Returns:
        The files, sorted by path.

    Raises:
        FileNotFoundError: there is no such path, or no PHH file in it; the text says what to do.
    """
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist: name a folder with .phh or .phhs files, or one such file")
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    files = [file for file in files if file.suffix.lower() in SUFFIXES]
    if not files:
        raise FileNotFoundError(f"{path} holds no hands: name a folder with .phh or .phhs files, or one such file")
    return files


def read_hands(path: Path) -> Iterator[HandRecord | Refusal]:
    """Read every hand in a folder or file, one at a time: memory does not grow with the size of the files.

    Args:
        path: a folder, or a `.phh` or `.phhs` file.

    Yields:
        A `HandRecord` for each hand, or a `Refusal` where the text is not a TOML table. A broken hand does not take the
        other hands of its file down.

    Raises:
        FileNotFoundError: there is no such path, or no PHH file in it.
    """
    root = path if path.is_dir() else path.parent
    for file in find_files(path):
        name = file.relative_to(root).as_posix()
        if file.suffix.lower() == ".phh":
            yield _parse(name, None, file.read_bytes())
        else:
            yield from _read_sections(name, file)


def _read_sections(name: str, file: Path) -> Iterator[HandRecord | Refusal]:
    for header, body in _split(file):
        size = len(header) + len(body)
        if not header:
            # Comments may stand above the first hand, but keys there belong to no hand.
            preamble = _parse(name, None, body)
            if isinstance(preamble, Refusal) or preamble.raw:
                yield Refusal(name, None, "has text above the first [section] that is not a comment", size)
            continue
        # Without its header line a section is what a .phh file is: the fields of one hand. Names may repeat: files that
        # were joined hold different hands under the same name, and remembering all names would take memory.
        yield _parse(name, _section_name(header), body, size=size)


def _split(file: Path) -> Iterator[tuple[bytes, bytes]]:
    """Cut a file at its table headers: pairs of header line and the lines under it; the first header may be empty."""
    header, lines = b"", list[bytes]()
    with file.open("rb") as stream:
        for line in stream:
            if _HEADER.fullmatch(line.removeprefix(BYTE_ORDER_MARK)):
                if header or lines:
                    yield header, b"".join(lines)
                header, lines = line, []
            else:
                lines.append(line)
    if header or lines:
        yield header, b"".join(lines)


def _section_name(header: bytes) -> str:
    text = header.removeprefix(BYTE_ORDER_MARK).decode(errors="replace").strip()
    try:
        table: Any = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return text.partition("]")[0].lstrip("[").strip()
    keys = []
    while table:
        ((key, table),) = table.items()
        keys.append(key)
    return ".".join(keys)


def _parse(name: str, section: str | None, content: bytes, *, size: int | None = None) -> HandRecord | Refusal:
    size = len(content) if size is None else size
    try:
        raw = tomllib.loads(content.removeprefix(BYTE_ORDER_MARK).decode(), parse_float=parse_value)
    except UnicodeDecodeError as error:
        return Refusal(name, section, f"is not UTF-8 text: {error.reason} at byte {error.start}", size)
    except (tomllib.TOMLDecodeError, ArithmeticError, ValueError, RecursionError) as error:
        return Refusal(name, section, f"is not TOML: {error}", size)
    return HandRecord(name, section, raw, size)
