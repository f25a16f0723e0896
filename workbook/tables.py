"""What the commands of the classroom show on a terminal. Colour only says again what the words say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from workbook.answers import Asked, AskedDay

STYLES = {
    "done": "green",
    "not yet": "yellow",
    "written": "cyan",
    "to do": "dim",
    "-": "dim",
}


def print_difference(said: str, lines: Sequence[str]) -> None:
    """Show how one exercise differs from its solution.

    Args:
        said: the line above.
        lines: of a unified difference; may be empty.
    """
    console = Console(highlight=False, soft_wrap=True)
    console.print(Text(said, style="bold"))
    styles = {"-": "red", "+": "green", "@": "cyan"}
    for line in lines:
        console.print(Text(f"    {line}", style=styles.get(line[:1], "")))


SAVED = (
    "This is what the saved notebooks say: 'done' and 'not yet' where a check was run after the cell, 'written' where"
    " none was. What you have typed since then is not seen. To run the checks now: python3 -m workbook progress --check"
)


def print_progress(days: Sequence[tuple[AskedDay, list[tuple[Asked, str]] | str]], remark: str = SAVED) -> None:
    """Show a table of days by exercises.

    Args:
        days: what `workbook.copies.progress` gives.
        remark: what to say about the words in it.
    """
    most = max((len(day.exercises) for day, _ in days), default=0)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("day", justify="right")
    table.add_column("title")
    for place in range(1, most + 1):
        table.add_column(f"N.{place}")
    problems: list[str] = []
    count: Counter[str] = Counter()
    for day, states in days:
        if isinstance(states, str):
            problems += [states] if states else []
            states = [(asked, "unreadable" if states else "-") for asked in day.exercises]
        table.add_row(str(day.number), day.title, *(_coloured(state) for _, state in states))
        count.update(state for _, state in states)
    console = Console(highlight=False)
    console.print(table)
    for problem in problems:
        console.print(problem, style="red")
    console.print(f"{count['done']} of {count.total()} exercises done. A day with - is not begun.")
    console.print(remark, style="dim")


def _coloured(state: str) -> Text:
    return Text(state, style=STYLES.get(state, "red"))
