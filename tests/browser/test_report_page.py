"""The report in a real browser, as wide as a desk and as narrow as a telephone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

import poker
from eventstore import connect
from poker.report import report
from poker.simulation import as_phh

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

WICKED = "<img src=x onerror=\"document.title='gone'\"><script>document.title='gone'</script>"
LONG = "anendlessnamewithoutasingleplacetobreakit" * 4

WIDTHS = {"desk": 1280, "telephone": 375}
# The widths of the two pictures, in their own pixels.
PICTURES = {"desk": 1200, "telephone": 1050}


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A report on simulated hands, with foreign names, a refused hand and a title that is long."""
    folder = tmp_path_factory.mktemp("a report")
    hands = folder / "hands"
    hands.mkdir()
    played = list(islice(poker.simulate(3, 3, 6), 40))
    for hand in played:
        hand["players"][:2] = [WICKED, LONG]
    text = "".join(as_phh(number, hand) for number, hand in enumerate(played))
    (hands / "home.phhs").write_text(text + "[bad]\nvariant = '<b>NT</b>'\n", encoding="utf-8")
    schema = f"browser_{uuid4().hex}"
    with connect(schema=schema) as store:
        poker.import_hands(store, hands)
        file = folder / "report.html"
        file.write_text(report(store, f"A title & {LONG}"), encoding="utf-8")
    yield file
    with psycopg.connect(os.environ["EVENTSTORE_URL"], autocommit=True) as connection:
        connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(schema)))


@pytest.mark.parametrize("screen", WIDTHS)
def test_the_page_is_whole_and_fits(browser: Browser, page_file: Path, screen: str) -> None:
    context = browser.new_context(viewport={"width": WIDTHS[screen], "height": 800}, offline=True)
    page = context.new_page()
    complaints: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(page_file.as_uri())

    assert page.title().startswith("A title & anendless")
    assert page.locator("script").count() == 0
    assert page.locator("img").count() == 6
    for picture in page.locator("img").all():
        assert picture.evaluate("image => image.complete && image.naturalWidth") == PICTURES[screen]
        assert len(picture.get_attribute("alt") or "") > 40
        assert picture.bounding_box()["width"] >= min(860, WIDTHS[screen] - 40)
    assert not sticks_out(page)

    for fold in page.locator("summary").all():
        fold.click()
    assert page.locator("table:visible").count() == page.locator("table").count() == 10
    assert page.get_by_role("cell", name=WICKED, exact=True).count() >= 1
    assert page.get_by_text("1 hand refused by the import").is_visible()
    assert not sticks_out(page)
    # What is too wide for a telephone scrolls in its own place.
    widths = "table => [table.parentElement.clientWidth, table.parentElement.scrollWidth]"
    has, needs = page.locator("table", has_text="Players, those with the most hands").evaluate(widths)
    assert needs > has or screen == "desk"

    assert complaints == []
    assert [address for address in asked if not address.startswith("data:")] == [page_file.as_uri()]
    context.close()


def sticks_out(page: Page) -> list[str]:
    """What is wider than the window, but for what lies in a place that scrolls."""
    found: list[str] = page.evaluate(
        """() => {
            const wide = document.documentElement.clientWidth
            const out = [...document.body.querySelectorAll("*")].filter(
                element => !element.parentElement.closest(".scroll") && element.getBoundingClientRect().right > wide + 1
            )
            return out.map(element => element.outerHTML.slice(0, 80))
                .concat(document.documentElement.scrollWidth > wide ? ["the page"] : [])
        }"""
    )
    return found
