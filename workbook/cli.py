"""The commands: `python3 -m workbook`, and what may follow. What a command needs is imported when it runs."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from workbook.classroom_cli import app as classroom
from workbook.grading.cli import grade

# More workers than this do not help: each one runs a kernel, and they share one server.
MOST_WORKERS = 8

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True}
app.add_typer(classroom, name="classroom")
app.command()(grade)


@app.callback(invoke_without_command=True)
def start(context: typer.Context) -> None:
    """Build an event store on PostgreSQL, day by day. Without a command: open JupyterLab on your copy of Day 0."""
    if context.invoked_subcommand is None:
        lab(context)


@app.command(context_settings=PASS_ON)
def lab(context: typer.Context) -> None:
    """Add new days to my/, start PostgreSQL and open JupyterLab. What follows goes to JupyterLab: --no-browser."""
    from eventstore.errors import EventStoreError
    from workbook.learner import open_lab, update_copy

    added, damaged = update_copy()
    for path in added:
        print(f"New in your copy: {path.parent.name}/{path.name}")
    for path in damaged:
        mend = f"python3 -m workbook build {int(path.name[3:5])}"
        print(f"Not in your copy, because it is damaged: {path.parent.name}/{path.name}. {mend} writes it anew.")
    try:
        raise typer.Exit(open_lab(context.args))
    except EventStoreError as error:
        _stop(f"{error}\nType python3 -m workbook doctor to see what is wrong.")


@app.command("test", context_settings=PASS_ON)
def run_tests(
    context: typer.Context,
    long: Annotated[bool, typer.Option(help="The same tests with larger counts.")] = False,
) -> None:
    """Run every test, and every notebook under strict nbval. What follows goes to pytest: test -k append."""
    from workbook.learner import run_to_the_end

    workers = min(os.cpu_count() or 1, MOST_WORKERS)
    command = [sys.executable, "-m", "pytest", f"--numprocesses={workers}", "--dist=loadfile"]
    raise typer.Exit(run_to_the_end([*command, *(["--long"] if long else []), *context.args]))


@app.command()
def build(
    day: Annotated[int | None, typer.Argument(help="The number of one day; all days without it.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Only compare, without running anything.")] = False,
    pages: Annotated[bool, typer.Option("--pages", help="Only the pages for the instructor; nothing is run.")] = False,
) -> None:
    """Build the notebooks from notebooks/src, run them and keep their outputs. With them go the instructor's pages."""
    from workbook.build import build as build_days
    from workbook.build import build_pages, stale
    from workbook.notebooks import BrokenCellError
    from workbook.paths import GUIDES, NOTEBOOKS
    from workbook.source import SourceError

    try:
        if check:
            problems = stale(NOTEBOOKS / "src", NOTEBOOKS, guides=GUIDES, only=day)
            if problems:
                _stop("\n".join(problems))
            print("The notebooks and the instructor's pages are what their sources give.")
        elif pages:
            build_pages(NOTEBOOKS / "src", GUIDES, only=day)
        else:
            build_days(NOTEBOOKS / "src", NOTEBOOKS, guides=GUIDES, only=day)
    except (SourceError, BrokenCellError) as error:
        _stop(str(error))


@app.command()
def assemble(
    day: Annotated[int | None, typer.Argument(help="The last day to take; without it, the last one begun.")] = None,
) -> None:
    """Put what you have kept in my/ together as my/mystore, an event store of your own, and try its promises."""
    from eventstore.errors import EventStoreError
    from workbook.assemble import AssembleError
    from workbook.assemble import assemble as put_together

    try:
        if not put_together(day):
            raise typer.Exit(1)
    except (AssembleError, EventStoreError) as error:
        _stop(str(error))


@app.command("start")
def start_a_day(day: Annotated[int, typer.Argument(help="The number of the day.")]) -> None:
    """Put a fresh copy of one day into my/, without outputs. What is there is never overwritten."""
    from workbook.copies import CopyError, start_day

    try:
        path = start_day(day)
    except CopyError as error:
        _stop(str(error))
    print(f"New in your copy: {path.parent.name}/{path.name}")


@app.command()
def reset(day: Annotated[int, typer.Argument(help="The number of the day.")]) -> None:
    """Begin a day again: a fresh copy, without outputs. Your old one is put aside, and the command says where."""
    from workbook.copies import CopyError, reset_day

    try:
        path, aside = reset_day(day)
    except CopyError as error:
        _stop(str(error))
    if aside:
        print(f"Your copy so far is now {path.parent.name}/{aside.parent.name}/{aside.name}")
    print(f"Fresh in your copy: {path.parent.name}/{path.name}")


@app.command()
def diff(day: Annotated[int, typer.Argument(help="The number of the day.")]) -> None:
    """Compare your exercises of one day with their solutions. An exercise that is still to do is not shown."""
    from workbook.copies import CopyError, difference
    from workbook.tables import print_difference

    try:
        for said, lines in difference(day):
            print_difference(said, lines)
    except CopyError as error:
        _stop(str(error))


@app.command()
def progress(
    folder: Annotated[Path | None, typer.Argument(help="The folder of your notebooks; my/ without it.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Run the notebooks and the checks now.")] = False,
) -> None:
    """Show how far you have come, exercise by exercise, as your saved notebooks say. Nothing is run without --check."""
    from workbook.copies import CopyError
    from workbook.copies import progress as look
    from workbook.paths import MY
    from workbook.tables import print_progress

    copy = (folder or MY).resolve()
    if not copy.is_dir():
        _stop(f"{folder or 'my/'} is no folder: name the one that holds your notebooks, or type python3 -m workbook")
    try:
        days = list(look(copy=copy))
    except CopyError as error:
        _stop(str(error))
    if check and any(states for _, states in days):
        from workbook.grading.cli import check_own

        check_own(copy, days)
    else:
        print_progress(days)


@app.command()
def site(
    open_it: Annotated[bool, typer.Option("--open", help="Open the first page in the browser.")] = False,
) -> None:
    """Build the course as a site in build/site/html, from the notebooks as they are. The first time, install Sphinx."""
    import webbrowser

    from workbook.__main__ import SetUpError
    from workbook.website import build_site, install_sphinx, is_installed

    try:
        if not is_installed():
            print("Installing Sphinx, as docs/requirements.txt names it.", flush=True)
            install_sphinx()
        first = build_site()
    except (SetUpError, ValueError) as error:
        _stop(str(error))
    if first is None:
        _stop("Sphinx has found a fault: see above.")
    print(f"The site begins at {first}")
    if open_it:
        webbrowser.open(first.as_uri())


@app.command()
def doctor() -> None:
    """Look at this machine and say what to do about each fault."""
    from workbook.doctor import examine_machine, report

    raise typer.Exit(report(examine_machine()))


@app.command(context_settings=PASS_ON | {"allow_interspersed_args": False}, add_help_option=False)
def run(context: typer.Context, module: Annotated[str, typer.Argument(help="A module, e.g. poker.")]) -> None:
    """Run a module inside the set-up: run poker import FOLDER."""
    from workbook.learner import run_to_the_end

    raise typer.Exit(run_to_the_end([sys.executable, "-m", module, *context.args]))


def _stop(message: str) -> NoReturn:
    print(message, file=sys.stderr)
    raise typer.Exit(1)


def main() -> None:
    """Run the command that was typed."""
    from eventstore.embedded import host

    host.print_what_the_console_cannot_show()
    app(prog_name="python3 -m workbook")


if __name__ == "__main__":
    main()
