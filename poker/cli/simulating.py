"""Simulated hands, all at once: `python -m poker simulate`."""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import track

import poker
from eventstore import connect
from poker.cli.common import Schema, Url, err, out, plain_errors
from poker.simulation import FEWEST_PLAYERS, MOST_PLAYERS, as_phh

PLAYERS = re.compile(r"(\d)(?:-(\d))?", re.ASCII)


def simulate_command(
    hands: Annotated[int, typer.Option(min=1, help="How many.")] = 100,
    players: Annotated[
        str, typer.Option(metavar="N[-M]", help="Players at a table: a number, or the fewest and the most.")
    ] = "2-9",
    seed: Annotated[int, typer.Option(help="The same seed gives the same hands.")] = 1,
    store: Annotated[bool, typer.Option("--store", help="Write their events into the store.")] = False,
    phhs: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write them into this .phhs file.", show_default=False)
    ] = None,
    url: Url = None,
    schema: Schema = "public",
) -> None:
    """Play hands of no-limit hold'em by the rules, and print them as PHH text, or keep them.

    Fewer hands are the beginning of more: with the same seed and players,
    100 hands are the first 100 of 1,000.
    """
    if store and phhs is not None:
        raise typer.BadParameter("--store and --phhs do not go together: write the file, and import it")
    fewest, most = _players(players)
    text = _as_text(poker.simulate(seed, fewest, most), hands, seed, players)
    if store:
        _write_to_store(text, url, schema)
    elif phhs is not None:
        with plain_errors("stopped: the file holds the hands up to here"):
            _write_to_file(text, phhs)
    else:
        for part in text:
            # As bytes, because text would get other line ends on Windows.
            sys.stdout.buffer.write(part.encode())


def _players(text: str) -> tuple[int, int]:
    match = PLAYERS.fullmatch(text)
    fewest, most = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
    if not FEWEST_PLAYERS <= fewest <= most <= MOST_PLAYERS:
        raise typer.BadParameter(
            f"--players {text} is no number of players: write one such as 6, or a range such as 2-9"
        )
    return fewest, most


def _as_text(played: Iterator[dict[str, Any]], hands: int, seed: int, players: str) -> Iterator[str]:
    yield f"# Simulated hands of no-limit hold'em: python -m poker simulate --players {players} --seed {seed}\n\n"
    for hand in track(
        islice(played, hands), "simulate", hands, console=err, transient=True, disable=not err.is_terminal
    ):
        yield as_phh(hand["hand"], hand)


def _write_to_file(text: Iterable[str], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(text)


def _write_to_store(text: Iterable[str], url: str | None, schema: str) -> None:
    with (
        plain_errors("stopped: what was written stays, and the same command goes on from there"),
        tempfile.TemporaryDirectory() as folder,
        connect(url, schema=schema) as store,
    ):
        # The name is part of each hand's id. With the same name the same hands are known the next time.
        path = Path(folder) / "simulated.phhs"
        _write_to_file(text, path)
        summary = poker.import_hands(store, path)
    out.print(
        f"{summary.seen:,} hands simulated: {summary.added:,} added ({summary.events_added:,} events),"
        f" {summary.already_there:,} already there"
    )
