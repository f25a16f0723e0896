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
_COMMENT = re.compile(rb"\s*(#.*)?")

# A hand with a thousand actions has about 10,000 bytes. Without a limit, a file that is no PHH would fill the memory.
MAX_HAND_BYTES = 1_000_000


@dataclass(frozen=True)
class HandText:
    """One hand as it stands in a file, not yet read.

    Args:
        file: the path of its file, relative to the folder that was read, with forward slashes.
        section: its table's name in a `.phhs` file, None in a `.phh` file.
        text: the bytes of the hand without its header line, at most `MAX_HAND_BYTES`.
        size: how many bytes of the file it takes.
        problem: what keeps it from being a hand, where the cut alone has shown that.
    """

    file: str
    section: str | None
    text: bytes
    size: int
    problem: str | None = None


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
    return map(parse_hand, cut_hands(path))


def cut_hands(path: Path) -> Iterator[HandText]:
    """Cut files into hands without reading what these say: many times faster than `read_hands`.

    Args:
        path: a folder, or a `.phh` or `.phhs` file.

    Yields:
        The text of each hand, for `parse_hand`.

    Raises:
        FileNotFoundError: there is no such path, or no PHH file in it.
    """
    root = path if path.is_dir() else path.parent
    for file in find_files(path):
        name = file.relative_to(root).as_posix()
        if file.suffix.lower() == ".phh":
            with file.open("rb") as stream:
                text = stream.read(MAX_HAND_BYTES)
            size = file.stat().st_size
            yield HandText(name, None, text, size, _problem(name, size))
        else:
            yield from _cut_sections(name, file)


def _cut_sections(name: str, file: Path) -> Iterator[HandText]:
    for header, text, size in _split(file):
        if header:
            # Without its header line a section is what a .phh file is: the fields of one hand. Names may repeat: files
            # that were joined hold different hands under the same name, and remembering all names would take memory.
            yield HandText(name, _section_name(header), text, size, _problem(name, size))
        elif not all(_COMMENT.fullmatch(line) for line in text.removeprefix(BYTE_ORDER_MARK).splitlines()):
            # Comments may stand above the first hand, but keys there belong to no hand.
            yield HandText(name, None, text, size, "has text above the first [section] that is not a comment")


def _problem(name: str, size: int) -> str | None:
    if size > MAX_HAND_BYTES:
        return f"has {size:,} bytes: a hand may have {MAX_HAND_BYTES:,}"
    # Linux keeps any bytes as a name. Those that are no text would have no place in an event.
    return None if _is_utf8(name) else "lies in a file whose name is not UTF-8: rename the file"


def _is_utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _split(file: Path) -> Iterator[tuple[bytes, bytes, int]]:
    """Cut a file at its table headers.

    Yields:
        A header line, which may be empty for the first; the lines under it, as far as `MAX_HAND_BYTES` allow; and the
        number of bytes of both.
    """
    header, text, size = b"", bytearray(), 0
    starts_a_line = True
    with file.open("rb") as stream:
        # A line may have any length, but no more than this is ever held of it.
        while line := stream.readline(MAX_HAND_BYTES):
            if starts_a_line and _HEADER.fullmatch(line.removeprefix(BYTE_ORDER_MARK)):
                if size:
                    yield header, bytes(text), size
                header, text, size = line, bytearray(), 0
            else:
                text += line[: MAX_HAND_BYTES - len(text)]
            size += len(line)
            starts_a_line = line.endswith(b"\n")
    if size:
        yield header, bytes(text), size


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


def parse_hand(hand: HandText) -> HandRecord | Refusal:
    """Read the text of one hand.

    Args:
        hand: what `cut_hands` has found.

    Returns:
        The fields of the hand, or a `Refusal` where its text is not a TOML table.
    """

    def refusal(reason: str) -> Refusal:
        return Refusal(hand.file, hand.section, reason, hand.size)

    if hand.problem is not None:
        return refusal(hand.problem)
    try:
        raw = tomllib.loads(hand.text.removeprefix(BYTE_ORDER_MARK).decode(), parse_float=parse_value)
    except UnicodeDecodeError as error:
        return refusal(f"is not UTF-8 text: {error.reason} at byte {error.start}")
    except (tomllib.TOMLDecodeError, ArithmeticError, ValueError, RecursionError) as error:
        return refusal(f"is not TOML: {error}")
    return HandRecord(hand.file, hand.section, raw, hand.size)
