"""The report: one page that needs nothing else, says what is not known, and shows foreign text as text."""

from __future__ import annotations

import re
from datetime import time
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner
from written_hands import example, phh

import poker
from eventstore import PostgresEventStore
from poker import HandRecord, hand_events, report
from poker.cli import app
from poker.plots import NothingToPlot

WICKED = "<script>alert('1')</script>"
DATED = {"year": 2023, "month": 6, "day": 22}


class Page(HTMLParser):
    """Everything a page says, and everything it asks for."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.asked: list[str] = []
        self.alternatives: list[str] = []
        self.words = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.asked += [value or "" for name, value in attrs if name in ("src", "srcset", "href", "data", "action")]
        self.alternatives += [value or "" for name, value in attrs if name == "alt"]

    def handle_data(self, data: str) -> None:
        self.words += f" {data.strip()}"


def fill(store: PostgresEventStore, folder: Path) -> None:
    """Two hands: one without a time, one with a date and winners whom nobody knows. And two that are no hands yet."""
    (folder / "home & away").mkdir()
    wicked = phh([100, 80], "p2 cbr 6, p1 cc, d db AcKd7h, p1 f", players=[WICKED, "$x$ & 陳"], table="'<b>1</b>'")
    untold = "p2 cbr 6, p1 cc, d db AcKd7h, p1 cc, p2 cc, d db 4s, p1 cc, p2 cc, d db 2c, p1 cc, p2 cc, p1 sm, p2 sm"
    unknown = phh([100, 80], untold.replace("sm", "sm ????"), **DATED)
    (folder / "home & away" / "one.phh").write_text(wicked, encoding="utf-8")
    (folder / "home & away" / "two.phh").write_text(unknown, encoding="utf-8")
    (folder / "home & away" / "bad.phh").write_text("variant = '<i>NT</i>'", encoding="utf-8")
    poker.import_hands(store, folder)
    store.append_many(hand_events(HandRecord("s.phhs", "1", example("NT"), 0))[:-1])


def write(page: Path, schema: str, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["report", str(page), "--schema", schema, *arguments])


def test_it_stands_alone_and_says_what_is_not_known(store: PostgresEventStore, schema: str, tmp_path: Path) -> None:
    fill(store, tmp_path)
    file = tmp_path / "out" / "pots.html"
    file.parent.mkdir()
    file.write_text("the one before", encoding="utf-8")
    written = write(file, schema, "--title", "Friday <night> & more")
    assert (written.exit_code, written.stderr) == (0, "")
    assert written.stdout.startswith(f"{file}: ")
    assert list(file.parent.iterdir()) == [file]

    html = file.read_text(encoding="utf-8")
    page = Page(html)
    assert page.asked
    assert all(address.startswith("data:image/png;base64,") for address in page.asked)
    assert not {"script", "link", "iframe", "b", "i"} & set(page.tags)
    assert len(re.findall("https?:", html)) == 0
    assert page.tags.count("h1") == 1
    assert page.tags.count("img") == len(page.alternatives) == 6
    assert all(len(alternative) > 20 for alternative in page.alternatives)
    for text in (
        "Friday <night> & more",
        "1 hand without a recorded time",
        "1 hand of which only the date is recorded",
        "1 hand of which the record does not tell who won",
        "1 hand refused by the import",
        "1 hand begun and not completed",
        "home & away",
        WICKED,
        "$x$ & 陳",
        "variant '<i>NT</i>' is unknown",
    ):
        assert text in page.words, text


def test_the_same_hands_give_the_same_page_and_a_figure_without_data_says_so(store: PostgresEventStore) -> None:
    raw = example("FR", players=None, time=time(20), time_zone="UTC", **DATED)
    store.append_many(hand_events(HandRecord("s.phhs", "1", raw, 0)))
    html = report.report(store)
    assert html == report.report(store)
    page = Page(html)
    assert page.tags.count("img") == 4
    assert "No figure: no hand tells a player's name and result" in page.words
    assert "No figure: no decision was made in a position" in page.words
    assert "played (UTC) 2023-06-22 " in page.words
    # All that is to be warned of is the rake, of which few records tell.
    assert page.tags.count("aside") == 1
    assert "1 hand of which the record does not tell the rake" in page.words
    assert html.count("<li>") == 1


def test_without_hands_the_page_before_stays(store: PostgresEventStore, schema: str, tmp_path: Path) -> None:
    with pytest.raises(NothingToPlot, match="python -m poker import FOLDER"):
        report.report(store)
    page = tmp_path / "pots.html"
    page.write_text("the one before", encoding="utf-8")
    refused = write(page, schema)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert refused.stderr.startswith("error: there is no completed hand in this store")
    assert page.read_text(encoding="utf-8") == "the one before"


def test_a_page_that_cannot_be_written_is_said_and_leaves_nothing(schema: str, tmp_path: Path) -> None:
    answer = write(tmp_path / "pots.pdf", schema)
    assert answer.exit_code == 2
    assert "write a name that ends in .html" in " ".join(re.sub("[│╭╮╰╯─]", "", answer.stderr).split())
    for folder in ("missing", "a file"):
        (tmp_path / "a file").touch()
        answer = write(tmp_path / folder / "pots.html", schema)
        assert answer.exit_code == 2
        assert answer.stderr.startswith("error: ")
        assert len(answer.stderr.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["a file"]
