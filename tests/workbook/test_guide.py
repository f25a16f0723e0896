"""The instructor's pages say what the days say, and what is written for them by hand is complete."""

import re
from pathlib import Path

import pytest
from sample_course import Course

from workbook import exercise
from workbook.build import build_pages, stale
from workbook.classroom import CONNECTIONS, RESERVE
from workbook.compose import compose, minutes, word_count
from workbook.guide import page
from workbook.paths import GUIDES, NOTEBOOKS
from workbook.source import Day, SourceError, read_day, read_days

DAYS = read_days(NOTEBOOKS / "src")
each_day = pytest.mark.parametrize("day", DAYS, ids=lambda day: day.name)

ADD_UP = "# ## Exercise\n# Add up.\n"
HEADINGS = """\
# ## How much?
#
# ### Exercise 99.1: add up
#
# ### Exercise 99.2: types
#
# ### Exercise 99.3 (stretch): a store
"""
NOTES = """
# %% [markdown] tags=["instructor"]
# ### What they see failing
#
# A secret of the teacher.
#
# ### Questions for discussion
#
# **One?**
#
# Yes.
#
# **Two?**
#
# No.
#
# **Three?**
#
# Perhaps.
#
# ### When time is short
#
# - 99.1 is easy. Keep *How much?*.
"""


@pytest.fixture
def noted(course: Course) -> Course:
    """The sample day with headings, and with a cell for the instructor."""
    text = course.day.read_text(encoding="utf-8")
    assert text.count(ADD_UP) == 1
    course.day.write_text(text.replace(ADD_UP, HEADINGS) + NOTES, encoding="utf-8")
    return course


def the_page(course: Course) -> str:
    day = read_day(course.day)
    text = page(day, [day])
    assert text is not None
    return text


@each_day
def test_every_day_has_a_page_with_all_that_its_exercises_know(day: Day) -> None:
    text = page(day, DAYS)
    assert text is not None
    exercises = exercise.of_day(day.number)
    for one in exercises:
        assert f"### {one.number}: " in text
        for wanted in [*one.hints, *(wrong.mistake for wrong in one.wrong), *(case.name for case in one.cases)]:
            assert wanted in text
    assert all(goal in text for goal in day.able)
    # The clock at the end is the sum of the rows above it.
    rows = re.findall(r"^\| (\d):(\d\d) \| (\d+) \|", text, re.MULTILINE)
    [(hours, rest)] = re.findall(r"^\| (\d):(\d\d) \| \| the end", text, re.MULTILINE)
    assert sum(int(took) for _, _, took in rows) == int(hours) * 60 + int(rest)


@each_day
def test_a_mistake_is_told_once(day: Day) -> None:
    for one in exercise.of_day(day.number):
        told = [wrong.mistake for wrong in one.wrong]
        assert len(set(told)) == len(told)
        assert all(mistake.endswith(".") for mistake in told)


def test_the_overview_has_the_days_and_their_minutes() -> None:
    rows = re.findall(
        r"^\| \[(\d+)\]\((\w+\.md)\) \| (.+) \| (\d+) \| (\d+) \|$",
        (GUIDES / "README.md").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    assert rows == [(str(day.number), f"day{day.number:02d}.md", day.title, *map(str, minutes(day))) for day in DAYS]


def test_the_server_of_the_guide_allows_enough_for_thirty() -> None:
    text = (GUIDES / "README.md").read_text(encoding="utf-8")
    [allowed] = re.findall(r"^EVENTSTORE_MAX_CONNECTIONS=(\d+)$", text, re.MULTILINE)
    kept_for_superusers = 3
    assert int(allowed) >= 30 * CONNECTIONS + RESERVE + kept_for_superusers


def test_what_is_for_the_instructor_is_in_no_notebook(noted: Course, course: Course) -> None:
    day = read_day(noted.day)
    for variant in ("learner", "solutions"):
        cells = compose(day, variant, [day]).cells  # type: ignore[arg-type]
        assert not any("secret" in cell.source for cell in cells)
    without = [cell for cell in day.cells if "instructor" not in cell.tags]
    assert len(without) == len(day.cells) - 1
    assert word_count(day) == sum(word_count(_only(day, cell)) for cell in without)
    assert "A secret of the teacher." in the_page(noted)


def _only(day: Day, cell: object) -> Day:
    from dataclasses import replace

    return replace(day, cells=[cell])  # type: ignore[list-item]


def test_mistakes_stand_below_the_hint_that_answers_them(noted: Course) -> None:
    text = the_page(noted)
    assert (
        "1. First hint.\n   - Only the first bet.\n2. Second hint.\n   - The bets are counted, not added.\n3. Third"
        in text
    )


def test_a_day_without_such_a_cell_has_no_page(course: Course, tmp_path: Path) -> None:
    day = read_day(course.day)
    assert page(day, [day]) is None
    build_pages(course.source, tmp_path / "pages")
    assert not (tmp_path / "pages").exists()


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("### Questions for discussion", "### Questions", "needs three parts"),
        ("# A secret of the teacher.\n", "", "needs three parts"),
        ("**Three?**", "Three?", "at least 3 questions"),
        ("*How much?*", "*How many?*", "does not have: How many?"),
        ("# ### Exercise 99.2: types", "#", "no heading like '### Exercise N.M: what' for 99.2"),
        ("99.1 is easy", "99.7 is easy", "does not have: 99.7"),
        ('\n# %% [markdown] tags=["instructor"]', '\n# %% [markdown] tags=["instructor"]\n# A.\n' * 2, "2 cells"),
    ],
)
def test_what_is_missing_or_wrong_is_said(noted: Course, old: str, new: str, complaint: str) -> None:
    text = noted.day.read_text(encoding="utf-8")
    assert old in text
    noted.day.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(SourceError, match=re.escape(complaint)):
        the_page(noted)


def test_pages_are_stale_when_source_or_file_change(noted: Course, tmp_path: Path) -> None:
    pages, said = tmp_path / "pages", list[str]()

    def problems() -> list[str]:
        return [line for line in stale(noted.source, noted.target, guides=pages) if line.startswith("pages/")]

    fix = "pages/day99.md: is not what its source gives: type python3 -m workbook build --pages 99"
    assert problems() == [fix]
    for _ in range(2):
        build_pages(noted.source, pages, say=said.append)
    assert said == ["pages/day99.md: written", "pages/day99.md: unchanged"]
    assert problems() == []
    noted.day.write_text(noted.day.read_text(encoding="utf-8").replace("secret", "word"), encoding="utf-8")
    assert problems() == [fix]
    build_pages(noted.source, pages, only=99, say=said.append)
    (pages / "day99.md").write_text("by hand", encoding="utf-8")
    assert problems() == [fix]
