"""The site as a reader meets it: whole, without the network, on a desk and a telephone, by light and in the dark."""

from __future__ import annotations

import importlib
import re
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import pytest

from workbook.pages import PACKAGES
from workbook.paths import ROOT
from workbook.website import build_site, is_installed

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

WIDTHS = {"desk": 1280, "telephone": 375}
DAYS = sorted(path.stem for path in (ROOT / "notebooks" / "src").glob("day*.py"))
WITH_PLOTS = "notebooks/day07_how_big_are_the_pots.html"
LOOKED_AT = [
    "index.html",
    WITH_PLOTS,
    "solutions/day01_what_is_an_event.html",
    "api/poker.html",
    "decisions/order.html",
    "glossary.html",
    "search.html?q=checkpoint",
]
# Both widths and both lights on every page, all four together on the one that has something of each kind.
LOOKS = [("desk", "light"), ("telephone", "dark")]
MORE_LOOKS = [("desk", "dark"), ("telephone", "light")]
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The finished pages, built as `python3 -m workbook site` does, where whoever asks the network fails."""
    if not is_installed():
        pytest.skip("the site is not built: Sphinx is not installed, python3 -m workbook site does that")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
            patch.setenv(name, "http://127.0.0.1:9")
        first = build_site(tmp_path_factory.mktemp("site"))
    assert first is not None, "Sphinx has found a fault: it stands above"
    return first.parent


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def soup(page: Path) -> Any:
    from bs4 import BeautifulSoup

    return BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")


def test_every_link_leads_somewhere_every_file_is_our_own_and_every_picture_has_words(site: Path) -> None:
    pages = {page: soup(page) for page in site.rglob("*.html")}
    names = {page: {tag["id"] for tag in tree.find_all(id=True)} for page, tree in pages.items()}
    broken, foreign = [], []
    for page, tree in pages.items():
        fetched = {tag.get("src") or tag.get("href") for tag in tree.find_all(["script", "link", "img", "iframe"])}
        foreign += [f"{page.name}: {where}" for where in fetched - {None} if urlsplit(where).netloc]
        for where in {tag["href"] for tag in tree.find_all("a", href=True)} | fetched - {None}:
            parts = urlsplit(where)
            if parts.scheme or parts.netloc:
                continue
            target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            if not target.is_file() or (parts.fragment and unquote(parts.fragment) not in names.get(target, set())):
                broken.append(f"{page.relative_to(site)}: {where}")
        for picture in tree.find_all("img"):
            assert len(picture.get("alt", "")) > 20, (page, picture)
    assert broken == []
    assert foreign == []
    assert len(pages) > 2 * len(DAYS)


def test_every_day_is_there_with_its_outputs_and_leads_to_the_next_but_not_to_a_solution(site: Path) -> None:
    for place, day in enumerate(DAYS):
        tree = soup(site / "notebooks" / f"{day}.html")
        assert tree.select(".cell_output")
        assert tree.select("details")
        assert not tree.select("details[open]")
        following = tree.select_one("a.next-page")["href"]
        if place + 1 < len(DAYS):
            assert following == f"{DAYS[place + 1]}.html"
        straight = {tag["href"] for tag in tree.select("article a[href], .related-pages a")}
        assert not [where for where in straight if re.search("solutions/day", where)]
        assert "../solutions/index.html" in {where.removesuffix("#") for where in straight}
        assert (site / "solutions" / f"{day}.html").exists()


def test_every_public_name_is_in_the_reference(site: Path) -> None:
    for package, modules in PACKAGES.items():
        ids = {tag["id"] for tag in soup(site / "api" / f"{package}.html").find_all(id=True)}
        for module in modules:
            assert {f"{module}.{name}" for name in importlib.import_module(module).__all__} - ids == set()
        text = soup(site / "api" / f"{package}.html").get_text()
        assert not re.search(r"<factory>|<function|~\w+\.", text)


@pytest.mark.parametrize("where", LOOKED_AT)
def test_nothing_keeps_anybody_out(browser: Browser, address: str, where: str) -> None:
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe is not installed: pip install -r .ci/requirements.txt"
    ).Axe()
    asked: list[str] = []
    for width, scheme in [*LOOKS, *(MORE_LOOKS if where == WITH_PLOTS else [])]:
        context = browser.new_context(viewport={"width": WIDTHS[width], "height": 900}, color_scheme=scheme)
        page = context.new_page()
        page.set_default_timeout(120_000)  # other tests are at work on the same machine
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{address}/{where}")
        if "search" in where:
            page.locator("ul.search li").first.wait_for()
        options = {"runOnly": WCAG, "preload": False, "resultTypes": ["violations"]}
        found = axe.run(page, options=options)
        assert found.violations_count == 0, f"{width}, {scheme}: {found.generate_report()}"
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        context.close()
    assert [url for url in asked if not url.startswith((address, "data:"))] == []


def test_on_a_telephone_what_is_wide_scrolls_in_its_own_box(page: Page, address: str) -> None:
    page.set_viewport_size({"width": WIDTHS["telephone"], "height": 900})
    page.goto(f"{address}/{WITH_PLOTS}")
    for kind in ("pre", ".output.text_html"):
        wide = page.locator(kind).evaluate_all("all => all.filter(box => box.scrollWidth > box.clientWidth)")
        assert wide, kind
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_the_search_finds_words_names_and_days(page: Page, address: str) -> None:
    for words, wanted in [
        ("checkpoint", "glossary.html#term-checkpoint"),
        ("append_many", "api/eventstore.html#eventstore.PostgresEventStore.append_many"),
        ("uncalled bet", "notebooks/day00_what_are_we_building.html"),
    ]:
        page.goto(f"{address}/index.html")
        page.get_by_placeholder("Search").fill(words)
        page.keyboard.press("Enter")
        page.locator("ul.search li").first.wait_for()
        page.get_by_text("Search finished").wait_for()
        found = page.locator("ul.search li > a").evaluate_all("all => all.map(link => link.getAttribute('href'))")
        assert any(where.startswith(wanted) for where in found), (words, found)
