"""Every exercise in a real kernel: the stub is to do, each wrong answer meets its hint, the solution is done."""

from pathlib import Path
from typing import Any

import pytest
from nbformat import v4
from sample_course import SAMPLE

from workbook import notebooks
from workbook.compose import compose
from workbook.exercise import find, of_day
from workbook.paths import NOTEBOOKS
from workbook.source import Day, read_days, solved, unsolved

DAYS = read_days(SAMPLE) + read_days(NOTEBOOKS / "src")
each_day = pytest.mark.parametrize("day", DAYS, ids=lambda day: day.name)


@each_day
def test_stub_wrong_answers_and_solution_get_their_verdicts(day: Day, tmp_path: Path) -> None:
    notebook = compose(day, "solutions", DAYS)
    trial = _trial(day, notebook)
    notebooks.execute(trial, tmp_path / "exercises")
    wrong = []
    for cell in trial.cells:
        expected = cell.metadata.get("expected")
        if expected is not None:
            said = "".join(notebooks.texts(cell)).strip()
            if not (said.startswith(expected[0]) and said.endswith(expected[1])):
                wrong.append(f"{cell.metadata['answer']}\n-> {said}\nexpected: {expected[0]} ... {expected[1]}")
    assert not wrong, "\n\n".join(wrong)


@each_day
def test_an_exercise_has_what_it_needs(day: Day) -> None:
    exercises = of_day(day.number)
    assert [exercise.number for exercise in exercises] == [cell.exercise for cell in day.cells if "check" in cell.tags]
    for exercise in exercises:
        assert len(exercise.hints) == 3, exercise.number
        assert {wrong.hint for wrong in exercise.wrong} <= {case.hint for case in exercise.cases}, exercise.number
        if day.number < 90:
            assert 2 <= len(exercise.wrong) <= 4, f"{exercise.number} needs two to four typical wrong answers"


def _trial(day: Day, notebook: Any) -> Any:
    """The solved notebook, in which each check is asked about every answer that we know of."""
    written = {cell.id: cell for cell in day.cells}
    answers: dict[str, list[tuple[str, list[str]]]] = {}
    cells = []
    for cell in notebook.cells:
        tags = cell.metadata.get("tags", [])
        if cell.cell_type != "code":
            continue
        if "exercise" in tags:
            source = written[cell.id].source
            number = str(written[cell.id].exercise)
            answers[number] = _answers(number, source)
        elif "check" in tags:
            for answer, expected in answers[str(written[cell.id].exercise)]:
                cells.append(v4.new_code_cell(answer))
                cells.append(v4.new_code_cell(cell.source, metadata={"expected": expected, "answer": answer}))
        else:
            cells.append(cell)
    notebook.cells = cells
    return notebook


def _answers(number: str, source: str) -> list[tuple[str, list[str]]]:
    """Each known answer with how its verdict begins and ends. The solution comes last: later cells may build on it."""
    exercise = find(number)
    return [
        (unsolved(source, number), [f"{number} to do", ""]),
        *(
            (wrong.cell(solved(source)), [f"{number} not yet: ", f"Hint: {exercise.hints[wrong.hint - 1]}"])
            for wrong in exercise.wrong
        ),
        (solved(source), [f"{number} done (", ")"]),
    ]
