"""Each rule of a day finds what it is there for, and says where."""

import pytest
from nbformat import v4
from sample_course import Course

from workbook.lint import lint_day, lint_outputs
from workbook.source import read_day


def problems(course: Course, *cells: str) -> list[str]:
    header = course.day.read_text(encoding="utf-8").split("# %%")[0]
    course.day.write_text(header + "\n\n".join(cells), encoding="utf-8")
    return lint_day(read_day(course.day))


def test_the_sample_keeps_the_rules(course: Course) -> None:
    assert lint_day(read_day(course.day)) == []


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("plt.plot(x);", "';'"),
        ("# %load store.py", "%load"),
        ("# %%writefile store.py\nx = 1", "%%writefile"),
        ("from IPython.display import clear_output", "clear_output"),
        ("name = input('Who?')", "input("),
        ("# %timeit f()", "times differ"),
        ('day.q("SELECT id FROM hand")', "ORDER BY"),
        ('day.q("""\n  WITH x AS (SELECT 1 AS a) SELECT a\n  FROM x""")', "ORDER BY"),
        ('day.q("SELECT seat, count(*) FROM hand GROUP BY seat")', "ORDER BY"),
        ('day.q("SELECT count(*) FROM hand GROUP BY seat")', "ORDER BY"),
        ("### BEGIN SOLUTION\n1\n### END SOLUTION", "no exercise"),
        ("# Exercise 99.1\n### BEGIN SOLUTION\n1\n### END SOLUTION", "never checked"),
        ('check("1.1", f)', "another day"),
    ],
)
def test_a_code_cell_that_breaks_a_rule_is_named(course: Course, code: str, found: str) -> None:
    [problem] = problems(course, f"# %%\n{code}\n")
    assert found in problem
    assert "day99_a_sample, cell " in problem


@pytest.mark.parametrize(
    "code",
    [
        'day.q("SELECT count(*) FROM hand")',
        'day.q("SELECT id FROM hand ORDER BY id")',
        'connection.execute("SELECT chips FROM seats WHERE seat = 1 FOR UPDATE")',
        'day.q("SELECT 1")',
        'print("pick one from the list")',
    ],
)
def test_a_code_cell_that_keeps_the_rules_passes(course: Course, code: str) -> None:
    assert problems(course, f"# %%\n{code}\n") == []


def test_a_figure_without_a_text_is_named(course: Course) -> None:
    [problem] = problems(course, '# %% tags=["figure"]\nplt.show()\n\n# %%\nx = 1\n')
    assert "says what it shows" in problem


def test_a_day_that_is_too_long_is_named(course: Course) -> None:
    [many] = problems(course, *["# %%\nx = 1\n"] * 41)
    assert "41 code cells" in many
    [long] = problems(course, "# %% [markdown]\n# " + "word " * 2_501)
    assert "2,501 words" in long


def output_problems(*outputs: object, count: int = 1, **metadata: object) -> list[str]:
    cell = v4.new_code_cell("x", execution_count=count, outputs=list(outputs), metadata=metadata)
    return lint_outputs("a notebook", v4.new_notebook(cells=[cell]))


def picture() -> object:
    return v4.new_output("display_data", data={"image/png": "", "text/plain": "<Figure>"})


ALT = {"image": {"alt": "words"}}
PRINTED = v4.new_output("stream", name="stdout", text="1, 2, 3")


@pytest.mark.parametrize(
    "text",
    [
        "/home/somebody/course/x.py",
        "in 'C:\\Users\\x'",
        'File "/usr/lib/python3/x.py"',
        "at\n/tmp/ipykernel_1/2.py",
    ],
)
def test_a_path_in_an_output_is_named(text: str) -> None:
    [problem] = output_problems(v4.new_output("stream", name="stdout", text=text))
    assert "path" in problem


@pytest.mark.parametrize("text", ["https://example.org/a/b", "either/or/both", "<td>1</td></tr>", "5 / 3 / 2"])
def test_what_only_looks_like_a_path_passes(text: str) -> None:
    assert output_problems(v4.new_output("stream", name="stdout", text=text)) == []


def test_other_outputs_that_break_a_rule_are_named() -> None:
    assert "count" in output_problems(count=7)[0]
    assert "stderr" in output_problems(v4.new_output("stream", name="stderr", text="careful"))[0]
    assert "alternative text" in output_problems(PRINTED, picture())[0]
    assert "without its data" in output_problems(picture(), mystnb=ALT)[0]
    assert "draws nothing" in output_problems(PRINTED, mystnb=ALT, tags=["figure"])[0]
    assert output_problems(PRINTED, picture(), mystnb=ALT, tags=["figure"]) == []
