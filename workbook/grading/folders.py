"""The folders of copies: what is brought along into them, how large they are, and how they are removed."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import stat
from pathlib import Path

# More files and folders than any day makes.
MOST_FILES = 10_000
# macOS takes paths of at most 1,024 bytes, with 255 for each name.
DEEPEST = 2


def size(folder: Path) -> tuple[int, int]:
    """The bytes in a folder, and the number of files and folders in it; counting ends where there are too many."""
    total = count = 0
    waiting = [folder]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    count += 1
                    if count > MOST_FILES:
                        return total, count
                    with contextlib.suppress(FileNotFoundError):
                        status = entry.stat(follow_symlinks=False)
                        if _is_folder(status):
                            waiting.append(Path(entry.path))
                        else:
                            total += status.st_size
        except OSError as error:
            # What is nested deeper than a path can say could hide anything.
            if error.errno == errno.ENAMETOOLONG:
                return total, MOST_FILES + 1
    return total, count


def _is_folder(status: os.stat_result) -> bool:
    """Whether it is a folder, and neither a link nor what Windows has besides links: those may lead anywhere."""
    leads_away = getattr(status, "st_file_attributes", 0) & stat.FILE_ATTRIBUTE_REPARSE_POINT
    return stat.S_ISDIR(status.st_mode) and not leads_away


def bring_along(source: Path, folder: Path, most: int) -> list[str]:
    """Copy what lies beside a notebook and its cells may import or read, e.g. `mystore/`.

    Notebooks, links, and what begins with a dot stay behind, e.g. `.git`.

    Args:
        source: where the notebook lies.
        folder: where the copy runs.
        most: so many bytes. Where there are more, nothing is brought along.

    Returns:
        What there is to say about it.
    """
    found: list[Path] = []
    total = 0
    try:
        waiting = [source]
        while waiting:
            for path in waiting.pop().iterdir():
                if path.name.startswith(".") or path.name.endswith(".ipynb") or path.is_symlink():
                    continue
                if path.is_dir():
                    waiting.append(path)
                elif path.is_file():
                    total += path.stat().st_size
                else:  # a pipe never ends
                    continue
                found.append(path)
                if total > most or len(found) > MOST_FILES // 2:
                    return [
                        f"what lies beside the notebook has more than {most // 1_000_000} MB, or more than"
                        f" {MOST_FILES // 2:,} files and folders, and was not brought along"
                    ]
        for path in found:
            target = folder / path.relative_to(source)
            if path.is_dir():
                target.mkdir()
            else:
                shutil.copy(path, target)
    except OSError as error:
        return [f"not all that lies beside the notebook could be brought along: {type(error).__name__}"]
    return []


def remove(folder: Path) -> None:
    """Remove a folder and all that is in it, also where somebody has taken the rights away or nested it very deep."""
    waiting = [(folder, 0)]
    while waiting:
        place, depth = waiting.pop()
        with contextlib.suppress(OSError):
            place.chmod(stat.S_IRWXU)
            with os.scandir(place) as entries:
                inner = [Path(entry.path) for entry in entries if _is_folder(entry.stat(follow_symlinks=False))]
            for path in inner:
                if depth < DEEPEST:
                    waiting.append((path, depth + 1))
                else:
                    # Moved up, it has a short path again, and no function must call itself to get down to it.
                    path.chmod(stat.S_IRWXU)
                    waiting.append((path.rename(folder / secrets.token_hex(8)), 1))
    shutil.rmtree(folder, ignore_errors=True)
