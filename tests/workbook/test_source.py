"""What is written by hand is read as meant, and a mistake in it is named."""

from typing import Any

import pytest
from sample_course import Course

from workbook.compose import compose
from workbook.source import SourceError, read_day, read_days, solved, unsolved

HEADER = (
    "# ---\n# jupyter:\n#   workbook:\n#     title: T\n#     promise: P\n#     needs: []\n#     able: []\n# ---\n\n"
)


def ids(course: Course) -> dict[str, str]:
    return {cell.source: cell.id for cell in read_day(course.day).cells}


def test_a_cell_keeps_its_id_while_others_change(course: Course) -> None:
    before = ids(course)
    text = course.day.read_text(encoding="utf-8")
    course.day.write_text(
        text.replace("# What does `append` give back?", "# New.\n\n# %% [markdown]\n# Another question?"),
        encoding="utf-8",
    )
    after = ids(course)
    assert set(after) - set(before) == {"New.", "Another question?"}
    assert all(before[source] == after[source] for source in set(before) & set(after))


def test_equal_cells_have_different_ids(course: Course) -> None:
    course.day.write_text(HEADER + "# %%\nx = 1\n\n# %%\nx = 1\n", encoding="utf-8")
    one, other = read_day(course.day).cells
    assert one.id != other.id


def test_a_stub_keeps_what_is_around_the_solution() -> None:
    cell = """\
# Exercise 3.1
class Store:
    def a(self):
        ### BEGIN SOLUTION
        return 1
        ### END SOLUTION

    def b(self):
        ### BEGIN SOLUTION
        return 2
        ### END SOLUTION"""
    assert (
        unsolved(cell, "3.1")
        == """\
# Exercise 3.1
class Store:
    def a(self):
        # YOUR CODE HERE
        raise NotImplementedError("exercise 3.1")

    def b(self):
        # YOUR CODE HERE
        raise NotImplementedError("exercise 3.1")"""
    )
    assert (
        solved(cell)
        == """\
# Exercise 3.1
class Store:
    def a(self):
        return 1

    def b(self):
        return 2"""
    )


@pytest.mark.parametrize(
    "source",
    [
        "# Exercise 3.1\nx = 1",
        "# Exercise 3.1\n### BEGIN SOLUTION\nx = 1",
        "# Exercise 3.1\n### END SOLUTION\n### BEGIN SOLUTION",
        "# Exercise 3.1\n### BEGIN SOLUTION\n### BEGIN SOLUTION\n### END SOLUTION",
    ],
)
def test_a_solution_without_both_markers_is_refused(source: str) -> None:
    with pytest.raises(SourceError, match=r"exercise 3\.1.*### BEGIN SOLUTION"):
        unsolved(source, "3.1")


@pytest.mark.parametrize("key", ["title", "promise", "needs", "able"])
def test_a_header_without_a_field_is_refused_by_name(course: Course, key: str) -> None:
    lines = course.day.read_text(encoding="utf-8").splitlines(keepends=True)
    course.day.write_text("".join(line for line in lines if f"#     {key}:" not in line), encoding="utf-8")
    with pytest.raises(SourceError, match=f"day99_a_sample.py.*{key}"):
        read_day(course.day)


def test_a_file_name_without_a_number_is_refused(course: Course) -> None:
    with pytest.raises(SourceError, match="dayNN_slug"):
        read_day(course.day.rename(course.source / "day_one.py"))


def test_the_frame_of_a_day_is_generated(course: Course) -> None:
    (course.source / "day98_before.py").write_text(HEADER.replace("title: T", "title: Before"), encoding="utf-8")
    days = read_days(course.source)
    learner, answers = (compose(days[1], variant, days) for variant in ("learner", "solutions"))
    assert learner.cells[0].source == (
        "# Day 99: A sample\n\nEvery part of the machinery once.\n\n"
        "[← Day 98: Before](day98_before.ipynb) · [Solutions of this day](solutions/day99_a_sample.ipynb)"
    )
    assert "(../day99_a_sample.ipynb)" in answers.cells[0].source
    glance = learner.cells[1].source
    assert "15 to practise" in glance
    assert "`DomainEvent`, `InMemoryEventStore`, `sql/010_domain_events.sql`" in glance
    assert compose(days[0], "learner", days).cells[-1].source == "**Next:** [Day 99: A sample](day99_a_sample.ipynb)"


def test_only_the_solved_notebook_has_the_answers(course: Course) -> None:
    day = read_day(course.day)
    learner, answers = (sources(compose(day, variant, [day])) for variant in ("learner", "solutions"))
    assert "return sum(bets)" in answers
    assert "return sum(bets)" not in learner
    assert "`sum` starts from 0." in answers
    assert "`sum` starts from 0." not in learner
    assert "SOLUTION" not in learner + answers


def test_hints_follow_each_check_and_answers_are_folded(course: Course) -> None:
    day = read_day(course.day)
    cells = compose(day, "learner", [day]).cells
    place = next(place for place, cell in enumerate(cells) if cell.source == 'check("99.2", event_types)')
    assert cells[place + 1].source.count("<details><summary>Hint") == 3
    assert "Second hint." in cells[place + 1].source
    assert any(cell.source.startswith("<details><summary>Answer") for cell in cells)


def sources(notebook: Any) -> str:
    return "\n".join(cell.source for cell in notebook.cells)
