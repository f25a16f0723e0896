"""The pages of the site: which file of the checkout becomes which page, and what a page says that its file does not.

Notebooks and texts are written for GitHub and JupyterLab, where a link names a file. On the site it must name a page:

    README.md                              readme; CHANGES.md and CONTRIBUTING.md likewise
    notebooks/dayNN_slug.ipynb             notebooks/dayNN_slug, with the outputs that are stored in it
    notebooks/solutions/dayNN_slug.ipynb   solutions/dayNN_slug
    docs/**/*.md                           the same without docs/; a README.md is the first page of its folder

A link to any other file of the checkout leads to the public repository. While that has no address, only the words of
the link are left.
"""

from __future__ import annotations

import posixpath
import re
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from urllib.parse import urlsplit

from workbook import notebooks
from workbook.source import Day, read_days

# The packages that have a page, each with the modules whose public names it lists.
PACKAGES = {"eventstore": ["eventstore", "eventstore.statistics"], "poker": ["poker"]}
SOLUTIONS = "solutions/index.md"

# Code comes first: what looks like a link there is none.
_CODE_OR_LINK = re.compile(
    r"(?P<code>^(?P<fence>```+|~~~+).*?^(?P=fence)|(?P<ticks>`+)(?!`).*?(?<!`)(?P=ticks)(?!`))"
    r"|(?P<picture>!?)\[(?P<text>(?:`[^`]*`|[^\]`])*)\]\((?P<target>[^)\s]+)\)",
    re.DOTALL | re.MULTILINE,
)
_NEW_WORDS = re.compile(r"^\*\*New words:\*\* (.+?)\.$", re.MULTILINE | re.DOTALL)
_ENTRY = re.compile(r"^- \*\*(.+?)\*\*: (.*(?:\n  .*)*)\n?", re.MULTILINE)
_ENTRIES = re.compile(rf"(?:{_ENTRY.pattern})+", re.MULTILINE)


def stage(root: Path, target: Path, repository: str = "") -> None:
    """Write the pages as Sphinx shall read them.

    Args:
        root: the checkout.
        target: the folder of the pages, empty or not there yet.
        repository: the public address of the repository; empty if it has none.

    Raises:
        SourceError: a day cannot be read.
    """
    pages = pages_of(root)
    days = read_days(root / "notebooks" / "src")
    texts = {page: _staged(root, source, pages, repository) for source, page in pages.items()}
    texts |= {f"api/{name}.md": api_page(name, modules) for name, modules in PACKAGES.items()}
    texts[SOLUTIONS] = solutions_page(days)
    texts["index.md"] += _list_of_days(days)
    texts["glossary.md"] = with_entries(texts["glossary.md"], days)
    for page, trees in contents(texts, repository).items():
        texts[page] += trees
    for page, text in texts.items():
        (target / page).parent.mkdir(parents=True, exist_ok=True)
        (target / page).write_text(text, encoding="utf-8", newline="\n")
    for picture in (root / "docs").rglob("*.png"):
        shutil.copy(picture, target / picture.relative_to(root / "docs"))


def pages_of(root: Path) -> dict[str, str]:
    """The page of each file that becomes one: both as paths with slashes, in the checkout and on the site."""
    found = {name: name.lower() for name in ("README.md", "CHANGES.md", "CONTRIBUTING.md") if (root / name).exists()}
    for path in sorted((root / "docs").rglob("*.md")):
        page = path.relative_to(root / "docs")
        found[f"docs/{page.as_posix()}"] = (page.with_name("index.md") if page.name == "README.md" else page).as_posix()
    for path in sorted((root / "notebooks").glob("day*.ipynb")):
        found[f"notebooks/{path.name}"] = f"notebooks/{path.name}"
    for path in sorted((root / "notebooks" / "solutions").glob("day*.ipynb")):
        found[f"notebooks/solutions/{path.name}"] = f"solutions/{path.name}"
    return found


def _staged(root: Path, source: str, pages: dict[str, str], repository: str) -> str:
    link = links_on(source, root, pages, repository)
    if not source.endswith(".ipynb"):
        return with_links((root / source).read_text(encoding="utf-8"), link)
    notebook = notebooks.read(root / source)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = with_links(cell.source, link)
    return notebooks.text_of(notebook)


def links_on(source: str, root: Path, pages: dict[str, str], repository: str) -> Callable[[str], str]:
    """How the links of one file read on the site.

    Args:
        source: the path of the file in the checkout.
        root, repository: see `stage`.
        pages: what `pages_of` gives.

    Returns:
        A function from a link's target to the new one, which is empty where there is nothing to link to.
    """
    folder, here = posixpath.dirname(source), posixpath.dirname(pages[source])

    def link(target: str) -> str:
        parts = urlsplit(target)
        if parts.scheme or not parts.path:
            return target
        path = posixpath.normpath(posixpath.join(folder, parts.path))
        page = pages.get(path) or pages.get(f"{path}/README.md")
        if path.startswith("docs/") and path.endswith(".png"):
            page = path.removeprefix("docs/")
        elif path == "notebooks/solutions" or (folder == "notebooks" and path.startswith("notebooks/solutions/")):
            # Nobody shall meet an answer by a click that went astray: first comes a page that says what follows.
            page = SOLUTIONS
        if page:
            return posixpath.relpath(page, here or ".") + (f"#{parts.fragment}" if parts.fragment else "")
        kind = "tree" if (root / path).is_dir() else "blob"
        return f"{repository}/{kind}/main/{path}" if repository else ""

    return link


def with_links(text: str, link: Callable[[str], str]) -> str:
    """A Markdown text with every link's target replaced; without a target, the words stay. Code stays as it is."""

    def replaced(found: re.Match[str]) -> str:
        if found["code"]:
            return found[0]
        target = link(found["target"])
        return f"{found['picture']}[{found['text']}]({target})" if target else found["text"]

    return _CODE_OR_LINK.sub(replaced, text)


def new_words(days: Iterable[Day]) -> dict[str, list[Day]]:
    """The words that the days name as new at their end, each with its days in order."""
    words: dict[str, list[Day]] = {}
    for day in days:
        for cell in day.cells:
            found = _NEW_WORDS.search(cell.source) if cell.kind == "markdown" else None
            for word in found[1].split(",") if found else []:
                words.setdefault(" ".join(word.split()), []).append(day)
    return words


def glossary_words(text: str) -> list[str]:
    """The words that `docs/glossary.md` explains, in its order."""
    return [found[1] for found in _ENTRY.finditer(text)]


def with_entries(text: str, days: Iterable[Day]) -> str:
    """The glossary as Sphinx knows one, so that its search finds the words; each with the days on which it is new."""
    new = new_words(days)

    def entry(found: re.Match[str]) -> str:
        word, meaning = found[1], " ".join(found[2].split())
        links = ", ".join(f"[Day {day.number}](notebooks/{day.name}.ipynb)" for day in new.get(word, []))
        return f"{word}\n  {meaning} {links}".rstrip() + "\n\n"

    def entries(found: re.Match[str]) -> str:
        return "```{glossary}\n\n" + _ENTRY.sub(entry, found[0]).rstrip() + "\n```\n"

    return _ENTRIES.sub(entries, text)


def api_page(package: str, modules: list[str]) -> str:
    """The reference of one package: the names in `__all__` of each module, from their docstrings."""
    parts = "\n".join(f"## `{module}`\n\n```{{eval-rst}}\n.. automodule:: {module}\n```\n" for module in modules)
    return f"# The package `{package}`\n\n{parts}"


def solutions_page(days: Iterable[Day]) -> str:
    """The page in front of the solved notebooks."""
    rows = "\n".join(f"- [Day {day.number}: {day.title}]({day.name}.ipynb)" for day in days)
    return (
        "# Solutions\n\n"
        "Every day once more, with its exercises solved, and why the solutions work. An answer that you have read is "
        "one that you can no longer find, so try first: below each check stand hints, folded.\n\n"
        f"{rows}\n"
    )


def _list_of_days(days: Iterable[Day]) -> str:
    rows = "\n".join(f"| [Day {day.number}](notebooks/{day.name}.ipynb) | {day.title} |" for day in days)
    return f"\n## The days\n\n| day | question |\n|---|---|\n{rows}\n"


def contents(texts: dict[str, str], repository: str) -> dict[str, str]:
    """The order of all pages, which previous and next follow, as lists that stand at the end of some pages.

    Args:
        texts: the text of every page; the first page of a folder lists the others, in the order in which it names them.
        repository: see `stage`.

    Returns:
        What comes at the end of a page, for each that gets something.
    """
    folders: dict[str, list[str]] = {}
    for page in sorted(texts):
        folders.setdefault(posixpath.dirname(page), []).append(page)
    trees, tops = {}, {}
    for folder, pages in folders.items():
        first = f"{folder}/index.md"
        if folder and first in pages:
            others = [posixpath.basename(page) for page in pages if page != first]
            trees[first] = _tree("Pages", sorted(others, key=lambda name: _place(texts[first], name)))
            pages = [first]
        tops[folder] = pages
    project = [page for page in ("changes.md", "contributing.md") if page in texts]
    look_up = [page for page in tops.pop("") if page not in ("index.md", "readme.md", *project)]
    days, api = tops.pop("notebooks"), tops.pop("api")
    solutions, teaching = tops.pop("solutions"), tops.pop("instructor", [])
    trees["index.md"] = (
        _tree("The days", ["Start and commands <readme>", *days])
        + _tree("Look things up", [*look_up, *api, *(page for pages in tops.values() for page in pages)])
        + _tree("Teaching", teaching)
        + _tree("The project", [*project, *([f"The repository <{repository}>"] if repository else [])])
        + _tree("Apart", solutions)
    )
    return trees


def _place(text: str, name: str) -> tuple[int, str]:
    """Where a page names another one, for sorting; at the end where it does not."""
    place = text.find(f"({name})")
    return (place if place >= 0 else len(text), name)


def _tree(caption: str, entries: list[str]) -> str:
    if not entries:
        return ""
    names = "\n".join(re.sub(r"\.(md|ipynb)$", "", entry) for entry in entries)
    return f"\n```{{toctree}}\n:hidden:\n:caption: {caption}\n\n{names}\n```\n"
