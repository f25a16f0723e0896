"""Recorded hands from the net: `python -m poker fetch`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.filesize import decimal
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from poker.cli.common import err, out, plain_errors
from poker.phh import find_files

if TYPE_CHECKING:
    from poker.fetching import Record

# The data set of the PHH format, all its versions: the API leads on to the latest one.
RECORD = "https://zenodo.org/api/records/10796885"
CITATION = (
    'J. Kim, "Recording and Describing Poker Hands", IEEE Conference on Games 2024, doi:10.1109/CoG60054.2024.10645611'
)
# More than this many bytes are not downloaded without asking.
MUCH = 100_000_000


def fetch_command(
    url: Annotated[str, typer.Option(help="The data set: its record in Zenodo's API.")] = RECORD,
    to: Annotated[Path, typer.Option(metavar="FOLDER", help="Where the hands go.")] = Path("hands"),
    only: Annotated[
        str, typer.Option(metavar="TEXT", help="Unpack the files with this text in their path.", show_default=False)
    ] = "",
    show: Annotated[bool, typer.Option("--list", help="Show what there is, and download nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before a large download.")] = False,
) -> None:
    """Download recorded hands, check them and unpack them. What is there already is not downloaded again."""
    # The client for the net takes a while to load, which the other commands should not wait for.
    from poker import fetching, unpacking

    with plain_errors("stopped: run the same command again, it goes on from there"):
        with fetching.open_client() as client:
            record = fetching.read_record(client, url)
            _print_record(record)
            if show:
                return
            missing = [file for file in record.files if not fetching.is_complete(file, to)]
            size = sum(fetching.missing_bytes(file, to) for file in missing)
            out.print(f"to       {to.absolute()}, where {decimal(fetching.free_space(to))} are free")
            fetching.check_space(size, to)
            if size > MUCH and not yes and not _wanted(size):
                out.print("nothing was downloaded")
                return
            for file in record.files:
                if file in missing:
                    with _progress(file.name, file.size) as advance:
                        fetching.download(client, file, to, advance)
                out.print(
                    f"{file.name}: {'downloaded' if file in missing else 'is there already'}, its checksum is right"
                )
        for archive in (to / file.name for file in record.files):
            if folder := unpacking.unpacked_folder(archive):
                with _progress(f"unpacking {archive.name}", unpacking.unpacked_size(archive, only)) as advance:
                    count = unpacking.unpack(archive, folder, only, advance)
                out.print(f"{archive.name}: {count:,} files unpacked into {folder}")
        _print_next(to)


def _print_record(record: Record) -> None:
    out.print(", ".join(text for text in (record.title or "a data set without a title", record.version) if text))
    out.print(f"by       {'; '.join(record.creators) or 'somebody whom the record does not name'}")
    out.print(f"licence  {record.licence or 'the record names none: ask its makers before you pass the hands on'}")
    out.print(f"cite     {CITATION}")
    if record.doi:
        out.print(f"         and the data: doi:{record.doi}")
    for file in record.files:
        out.print(f"file     {file.name}  {decimal(file.size)}  md5:{file.md5}")


def _wanted(size: int) -> bool:
    if not sys.stdin.isatty():
        err.print(f"error: {decimal(size)} are to be downloaded: add --yes if that is what you want")
        raise typer.Exit(2)
    try:
        return typer.confirm(f"Download {decimal(size)}?")
    except typer.Abort:
        raise KeyboardInterrupt from None


@contextmanager
def _progress(what: str, size: int | None) -> Iterator[Callable[[int], None]]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task(what, total=size)

        def advance(done: int) -> None:
            bar.update(task, completed=done)

        yield advance


def _print_next(folder: Path) -> None:
    name = f'"{folder}"' if " " in str(folder) else str(folder)
    out.print(f"{len(find_files(folder)):,} files with hands. The next command: python -m poker import {name}")
    out.print(f"The tests over recorded hands take them too when POKER_HANDS names that folder: {folder.absolute()}")
