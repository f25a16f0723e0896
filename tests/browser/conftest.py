"""A real browser. Where there is none, these tests are skipped, and say so."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")


# Not for the whole session: while playwright runs, nothing else in this process can have an event loop.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed: pip install -r .ci/requirements.txt"
    )
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        pytest.skip(f"no browser on the PATH, looked for {', '.join(PROGRAMS)}")
    with playwright.sync_playwright() as driver:
        # A container has neither the rights for the browser's sandbox nor much shared memory.
        browser = driver.chromium.launch(
            executable_path=program,
            args=["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--disable-background-networking"],
        )
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A window as on a desk. It waits up to two minutes: other tests are at work on the same machine."""
    with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        context.set_default_timeout(120_000)
        yield context.new_page()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Of a test that failed, show what the reader would have seen."""
    report = yield
    browser: Browser | None = getattr(item, "funcargs", {}).get("browser")
    if report.when == "call" and report.failed and browser is not None:
        folder = Path(tempfile.mkdtemp(prefix="eventstore-pictures-"))
        for context in browser.contexts:
            for page in context.pages:
                picture = folder / f"{item.name}-{len(list(folder.iterdir()))}.png"
                page.screenshot(path=picture)
                report.sections.append(("The page at that moment", str(picture)))
    return report
