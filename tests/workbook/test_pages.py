"""The pages of the site, before Sphinx reads them: their links, their words, their pictures."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from workbook.pages import SOLUTIONS, contents, glossary_words, links_on, new_words, pages_of, stage, with_links
from workbook.paths import ROOT
from workbook.source import read_days

ADDRESS = "https://github.com/some-school/event-store"
DAY, SOLVED = "day00_what_are_we_building", "notebooks/solutions/day00_what_are_we_building.ipynb"


@pytest.fixture(scope="module")
def staged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages of this checkout, for Sphinx, while the repository has no address."""
    folder = tmp_path_factory.mktemp("pages")
    stage(ROOT, folder)
    return folder


def link(source: str, target: str, repository: str = "") -> str:
    return links_on(source, ROOT, pages_of(ROOT), repository)(target)


@pytest.mark.parametrize(
    ("source", "target", "on_the_site"),
    [
        ("README.md", f"notebooks/{DAY}.ipynb", f"notebooks/{DAY}.ipynb"),
        ("README.md", "docs/schema.md", "schema.md"),
        ("README.md", "docs/decisions/README.md", "decisions/index.md"),
        ("README.md", "docs/decisions", "decisions/index.md"),
        ("README.md", "docs/day00.png", "day00.png"),
        ("README.md", "#the-package", "#the-package"),
        ("README.md", "https://phh.readthedocs.io", "https://phh.readthedocs.io"),
        ("CONTRIBUTING.md", "README.md#the-package", "readme.md#the-package"),
        ("docs/index.md", "../README.md", "readme.md"),
        ("docs/decisions/README.md", "order.md", "order.md"),
        ("docs/decisions/order.md", f"../../notebooks/{DAY}.ipynb", f"../notebooks/{DAY}.ipynb"),
        ("docs/decisions/order.md", "../schema.md#tables", "../schema.md#tables"),
        (SOLVED, f"../{DAY}.ipynb", f"../notebooks/{DAY}.ipynb"),
        (SOLVED, "day01_what_is_an_event.ipynb", "day01_what_is_an_event.ipynb"),
        # Out of a day and out of the README, a solution is two clicks away.
        (f"notebooks/{DAY}.ipynb", f"solutions/{DAY}.ipynb", "../solutions/index.md"),
        ("README.md", "notebooks/solutions", "solutions/index.md"),
    ],
)
def test_a_link_to_a_file_leads_to_its_page(source: str, target: str, on_the_site: str) -> None:
    assert link(source, target) == on_the_site


def test_a_link_to_a_file_that_is_no_page_needs_the_address_of_the_repository() -> None:
    text = "See [`store.py`](../../eventstore/store.py), and [the contract](../../workbook/contract)."
    here = "docs/decisions/order.md", ROOT, pages_of(ROOT)
    assert with_links(text, links_on(*here, "")) == "See `store.py`, and the contract."
    assert with_links(text, links_on(*here, ADDRESS)) == (
        f"See [`store.py`]({ADDRESS}/blob/main/eventstore/store.py), "
        f"and [the contract]({ADDRESS}/tree/main/workbook/contract)."
    )


def test_the_list_of_pages_ends_with_the_repository_where_it_has_an_address() -> None:
    texts = {"index.md": "", "readme.md": "", SOLUTIONS: "", "notebooks/day00.ipynb": "", "api/poker.md": ""}
    assert f"<{ADDRESS}>" in contents(texts, ADDRESS)["index.md"]
    assert "repository" not in contents(texts, "")["index.md"]


def test_a_folder_is_listed_by_its_first_page_in_the_order_of_that_page() -> None:
    texts = dict.fromkeys(("index.md", "readme.md", "notebooks/day00.ipynb", "api/poker.md", SOLUTIONS), "")
    texts |= {"instructor/index.md": "[b](b.md) [a](a.md)", "instructor/a.md": "", "instructor/b.md": ""}
    trees = contents(texts, "")
    assert re.findall(r"^instructor/.*", trees["index.md"], re.MULTILINE) == ["instructor/index"]
    assert re.findall(r"^[ab]$", trees["instructor/index.md"], re.MULTILINE) == ["b", "a"]


@pytest.mark.parametrize(
    "code",
    ["`[a](b.py)`", "``a ` [a](b.py)``", "```python\nhandlers[name](event)\n```", "~~~\n[a](b)\n~~~", "x `y` z"],
)
def test_code_stays_as_it_is(code: str) -> None:
    assert with_links(f"{code} and [a `b`](c.md)", lambda target: f"new-{target}") == f"{code} and [a `b`](new-c.md)"


def test_no_link_names_a_file_that_is_not_there() -> None:
    missing: list[str] = []
    for source in pages_of(ROOT):
        text = (ROOT / source).read_text(encoding="utf-8")
        cells = json.loads(text)["cells"] if source.endswith(".ipynb") else []
        written = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"] or [text]

        def note(target: str, source: str = source) -> str:
            parts = urlsplit(target)
            if not parts.scheme and parts.path and not (ROOT / source).parent.joinpath(parts.path).exists():
                missing.append(f"{source}: {target}")
            return target

        for part in written:
            with_links(part, note)
    assert missing == []


def test_every_new_word_of_a_day_is_explained_and_leads_to_its_days(staged: Path) -> None:
    words = glossary_words((ROOT / "docs" / "glossary.md").read_text(encoding="utf-8"))
    new = new_words(read_days(ROOT / "notebooks" / "src"))
    assert set(new) - set(words) == set(), "explain these words in docs/glossary.md"
    assert len(new) > 70
    assert len(set(words)) == len(words)
    text = (staged / "glossary.md").read_text(encoding="utf-8")
    checkpoint = re.search(r"^checkpoint\n  .+$", text, re.MULTILINE)
    assert checkpoint
    assert checkpoint[0].endswith(" [Day 9](notebooks/day09_how_does_a_reader_miss_nothing.ipynb)")
    assert glossary_words(text) == []


def test_staging_changes_nothing_in_a_notebook_but_its_links(staged: Path) -> None:
    pairs = [(ROOT / source, staged / page) for source, page in pages_of(ROOT).items() if source.endswith(".ipynb")]
    assert len(pairs) == 2 * len(list((ROOT / "notebooks" / "src").glob("day*.py")))
    for source, page in pairs:
        before, after = (json.loads(path.read_text(encoding="utf-8"))["cells"] for path in (source, page))
        changed = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
        assert {old["cell_type"] for old, _ in changed} <= {"markdown"}
        assert len(changed) <= 2


def test_every_picture_says_what_it_shows() -> None:
    for source in pages_of(ROOT):
        text = (ROOT / source).read_text(encoding="utf-8")
        if source.endswith(".md"):
            assert not re.search(r"!\[\s*\]", text), source
            continue
        for cell in json.loads(text)["cells"]:
            if any(kind.startswith("image/") for out in cell.get("outputs", []) for kind in out.get("data", {})):
                assert len(cell["metadata"]["mystnb"]["image"]["alt"]) > 40, (source, cell["id"])


def test_the_site_changes_no_version_that_the_project_has_pinned() -> None:
    def pins(name: str) -> set[tuple[str, str]]:
        return set(re.findall(r"^([\w.-]+)==(\S+)", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE))

    own, site = pins("requirements.txt"), pins("docs/requirements.txt")
    names = {name for name, _ in own}
    assert {(name, version) for name, version in site if name in names} - own == set()
    assert {"furo", "myst-nb", "sphinx"} <= {name for name, _ in site} - names
