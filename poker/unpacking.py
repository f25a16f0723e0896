"""Downloaded archives of hands: what is in them is put beside them, and never anywhere else."""

from __future__ import annotations

import lzma
import os
import shutil
import tarfile
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, NamedTuple

from poker.fetching import FetchError, check_space, is_safe_name

ARCHIVE_SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")


# What the modules of the standard library raise at an archive that is cut, garbled, encrypted or from another time.
_BROKEN = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    NotImplementedError,
    RuntimeError,
    OverflowError,
)


class _Member(NamedTuple):
    name: str
    size: int
    modified: int
    open: Callable[[], IO[bytes] | None]


def unpacked_folder(path: Path) -> Path | None:
    """Where an archive is unpacked: a folder beside it with its name, without the suffix. None: it is no archive.

    Args:
        path: any file.
    """
    suffix = next((suffix for suffix in ARCHIVE_SUFFIXES if path.name.lower().endswith(suffix)), "")
    stem = path.name[: -len(suffix)] if suffix else ""
    return path.with_name(stem) if is_safe_name(stem) else None


def unpacked_size(archive: Path, only: str = "") -> int | None:
    """How many bytes an archive takes when it is unpacked; None where the whole archive would have to be read to know.

    Args:
        archive: a zip or tar archive.
        only: count the files with this text in their path.

    Raises:
        FetchError: it is no such archive.
    """
    if not _is_zip(archive):
        return None
    with _readable(archive):
        return sum(member.size for member in _zip_members(archive) if only in member.name)


def unpack(archive: Path, folder: Path, only: str = "", advance: Callable[[int], None] = lambda done: None) -> int:
    """Unpack an archive. What lies there already, with the same size and time, is left as it is.

    Size and time tell a file that was unpacked from one that was only begun, as they do for rsync: the time is set
    last. Links, devices and permissions are not taken over: a hand is a plain file.

    Args:
        archive: a zip or tar archive.
        folder: where its files go.
        only: take the files with this text in their path.
        advance: called with the number of bytes that are unpacked, again and again.

    Returns:
        How many files were taken, at least one.

    Raises:
        FetchError: it is no such archive, it is broken or does not fit on the disk, a path in it leads out of the
            folder, or no path has that text in it.
    """
    taken = done = 0
    with _readable(archive):
        if _is_zip(archive):
            # What a zip holds can be looked through before anything is written.
            wanted = (member.size for member, target in _chosen(archive, folder, only) if not _is_there(target, member))
            check_space(sum(wanted), folder)
        for member, target in _chosen(archive, folder, only):
            if not _is_there(target, member):
                _write(member, target)
            taken += 1
            done += member.size
            advance(done)
    if not taken:
        raise FetchError(f"{archive} has no file with {only!r} in its path: name another text with --only")
    return taken


def _chosen(archive: Path, folder: Path, only: str) -> Iterator[tuple[_Member, Path]]:
    for member in _zip_members(archive) if _is_zip(archive) else _tar_members(archive):
        if only in member.name:
            parts = member.name.removeprefix("./").split("/")
            if not all(map(is_safe_name, parts)):
                raise FetchError(
                    f"{archive} holds a file called {member.name!r}, which may lie elsewhere: do not use it"
                )
            yield member, folder.joinpath(*parts)


def _is_there(target: Path, member: _Member) -> bool:
    if not target.is_file():
        return False
    found = target.stat()
    return (found.st_size, int(found.st_mtime)) == (member.size, member.modified)


def _write(member: _Member, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    content = member.open()
    assert content is not None  # only links and folders have none
    with content, target.open("wb") as stream:
        shutil.copyfileobj(content, stream)
    os.utime(target, (member.modified, member.modified))


def _is_zip(archive: Path) -> bool:
    return archive.name.lower().endswith(".zip")


def _zip_members(path: Path) -> Iterator[_Member]:
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if not info.is_dir():
                modified = int(time.mktime((*info.date_time, 0, 0, -1)))
                yield _Member(info.filename, info.file_size, modified, partial(archive.open, info))


def _tar_members(path: Path) -> Iterator[_Member]:
    with tarfile.open(path) as archive:
        for info in archive:
            if info.isfile():
                yield _Member(info.name, info.size, int(info.mtime), partial(archive.extractfile, info))


@contextmanager
def _readable(archive: Path) -> Iterator[None]:
    try:
        yield
    except _BROKEN as error:
        raise FetchError(f"{archive} cannot be unpacked: {error}") from error
