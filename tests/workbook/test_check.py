"""A check says how an answer stands, in the same words every time, whatever the answer does."""

import sys
import threading
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from unittest.mock import ANY

import pytest

from eventstore.database import open_connection, server_url
from workbook import check
from workbook.check import examine
from workbook.exercise import Case, Exercise, WrongAnswer, case, find
from workbook.expect import NotKept, describe, expect, expect_error
from workbook.workspace import Workspace, schema_name, scratch


def exercise(*cases: Callable[..., None]) -> Exercise:
    return Exercise(
        number="99.9",
        minutes=1,
        hints=("Begin.", "Go on.", "End."),
        cases=tuple(Case(f"case {place}", place, run) for place, run in enumerate(cases, start=1)),
        wrong=(),
    )


def case_one(answer: Any) -> None:
    expect(answer(1), 1, "answer(1)")


def case_two(answer: Any) -> None:
    expect(answer(2), 4, "answer(2)")


SQUARE = exercise(case_one, case_two)
ENDLESS = "def answer(x):\n    while True:\n        pass"


def written(source: str) -> Any:
    """A function from the text of a cell, as the kernel makes one: its source is known, but in no file."""
    import linecache

    name = f"<cell {uuid.uuid4()}>"
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    namespace: dict[str, Any] = {}
    exec(compile(source, name, "exec"), namespace)
    return namespace["answer"]


def test_a_right_answer_is_done() -> None:
    assert examine(SQUARE, lambda x: x * x) == "99.9 done (2 checks)"


def test_a_stub_is_to_do() -> None:
    assert examine(SQUARE, written('def answer(x):\n    raise NotImplementedError("exercise 99.9")')) == "99.9 to do"


def test_the_stub_of_an_earlier_exercise_is_named() -> None:
    stub = written('def answer(x):\n    raise NotImplementedError("exercise 99.8")')
    assert examine(SQUARE, stub) == "99.9 to do (first: 99.8 to do)"


def test_a_half_done_answer_is_not_yet() -> None:
    half = written('def answer(x):\n    if x == 1:\n        return 1\n    raise NotImplementedError("exercise 99.9")')
    assert examine(SQUARE, half) == (
        "99.9 not yet: case 2: a part of it is still to do"
        ' in line 4 of the cell: raise NotImplementedError("exercise 99.9"). Hint: Go on.'
    )


def test_a_wrong_value_is_shown_with_what_was_expected_and_the_hint_of_the_case() -> None:
    assert examine(SQUARE, lambda x: x) == "99.9 not yet: case 2: got 2 from answer(2), expected 4. Hint: Go on."
    assert examine(SQUARE, lambda x: None) == "99.9 not yet: case 1: got None from answer(1), expected 1. Hint: Begin."


def test_an_error_is_shown_with_the_line_of_the_cell() -> None:
    answer = written("import json\n\ndef answer(x):\n    return json.loads('[')[x]\n")
    assert examine(SQUARE, answer) == (
        "99.9 not yet: case 1: JSONDecodeError: Expecting value: line 1 column 2 (char 1)"
        " in line 4 of the cell: return json.loads('[')[x]. Hint: Begin."
    )


@pytest.mark.parametrize("error", ["SystemExit(3)", "KeyboardInterrupt()", "GeneratorExit()", "BaseException('x')"])
def test_not_even_an_exit_gets_out(error: str) -> None:
    answer = written(f"def answer(x):\n    raise {error}")
    assert examine(SQUARE, answer).startswith(f"99.9 not yet: case 1: {error.split('(')[0]}: ")


def test_a_check_that_did_not_come_to_its_end_is_not_done(monkeypatch: pytest.MonkeyPatch) -> None:
    said = "99.9 not yet: case 1: the check did not come to its end. Hint: Begin."
    assert examine(SQUARE, written("from workbook.limits import TimeIsUp\ndef answer(x):\n    raise TimeIsUp")) == said
    monkeypatch.setattr(threading.Thread, "run", lambda thread: None)
    assert examine(SQUARE, lambda x: x) == said


@pytest.mark.parametrize("answer", [ANY, [1, ANY], {"a": (ANY,)}])
def test_what_equals_everything_equals_nothing(answer: Any) -> None:
    with pytest.raises(NotKept, match=r"got .*<ANY>"):
        expect(answer, {int: 1, list: [1, 2], dict: {"a": (1,)}}.get(type(answer), 1))


@pytest.mark.parametrize("answer", [None, 7, "text", ()])
def test_something_that_is_no_function_is_not_yet(answer: Any) -> None:
    assert f"{answer!r} is not callable: hand over the name alone, without brackets." in examine(SQUARE, answer)


def test_too_few_or_too_many_answers_are_not_yet() -> None:
    assert "TypeError" in examine(SQUARE)
    assert "TypeError" in examine(SQUARE, abs, abs)


def test_endless_recursion_is_not_yet() -> None:
    assert "RecursionError" in examine(SQUARE, written("def answer(x):\n    return answer(x)"))


@pytest.mark.parametrize(
    "body",
    [
        "while True: pass",
        "while True:\n        try:\n            x += sum(range(9_999))\n        except Exception:\n            pass",
        "while x in [x]: [x for x in range(10)]",
    ],
)
def test_an_endless_loop_is_ended(body: str) -> None:
    answer = written(f"def answer(x):\n    {body}")
    assert examine(SQUARE, answer, seconds=0.3) == "99.9 not yet: case 1: still running after 0.3 s. Hint: Begin."
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("check")]


def test_what_is_ended_may_clear_up_before_it_goes() -> None:
    cleared = []

    def case_that_clears_up(answer: Any) -> None:
        try:
            answer(1)
        finally:
            until = time.monotonic() + 0.4
            while time.monotonic() < until:
                pass
            cleared.append("all")

    assert "still running" in examine(exercise(case_that_clears_up), written(ENDLESS), seconds=0.3)
    assert cleared == ["all"]


def test_an_answer_that_cannot_be_ended_is_left_behind() -> None:
    locked = threading.Lock()
    locked.acquire()
    assert "still running after 0.3 s" in examine(SQUARE, lambda x: locked.acquire(), seconds=0.3)
    locked.release()


def test_waiting_for_a_lock_in_the_database_is_said() -> None:
    def waits(answer: Any) -> None:
        db = Workspace(schema_name("impatient"), lock_timeout="50ms")
        try:
            answer(db)
        finally:
            db.remove()

    def answer(db: Any) -> None:
        one, other = db.connection(), db.connection()
        with one.transaction():
            one.execute("LOCK domain_events")
            other.execute("SELECT count(*) FROM domain_events")

    def answer_with_the_store(db: Any) -> None:
        other = db.connection()
        with other.transaction():
            other.execute("LOCK domain_events")
            db.store.exists("hand-1")

    said = "99.9 not yet: case 1: still waiting for a lock. Hint: Begin."
    assert examine(exercise(waits), answer) == said
    assert examine(exercise(waits), answer_with_the_store) == said


def test_a_slow_statement_is_said() -> None:
    def slow(answer: Any) -> None:
        with scratch() as db:
            db.q("SET statement_timeout = '50ms'")
            db.q(answer())

    said = examine(exercise(slow), lambda: "SELECT pg_sleep(60)")
    assert said == "99.9 not yet: case 1: a statement was still running at the time limit. Hint: Begin."


def test_a_check_has_five_seconds_for_a_statement_and_for_a_lock() -> None:
    with scratch() as db:
        limits = db.q(
            "SELECT current_setting('lock_timeout') AS lock, current_setting('statement_timeout') AS statement"
        )
        assert limits.to_dict("records") == [{"lock": "5s", "statement": "6s"}]
        with db.store.connection() as connection:
            assert connection.execute("SHOW statement_timeout").fetchone() == ("6s",)


def test_the_schema_of_a_check_is_gone_afterwards() -> None:
    with scratch() as db:
        assert _exists(db.schema)
    assert not _exists(db.schema)


def _exists(schema: str) -> bool:
    with open_connection(server_url(), "public") as connection:
        return connection.execute("SELECT FROM pg_namespace WHERE nspname = %s", [schema]).rowcount == 1


def test_what_moves_is_not_shown() -> None:
    assert describe(object()) == "<object object>"
    assert describe([uuid.uuid4()]) == "[<uuid>]"
    assert describe({"at": datetime.now(UTC)}) == "{'at': <time>}"
    assert describe(open) == "<built-in function open>"
    assert describe(f"in {sys.executable}") == "'in <path>'"
    assert describe("x" * 1_000) == "'" + "x" * 156 + "..."
    assert describe(datetime(2025, 3, 1)) == "<time without a zone>"


def test_true_is_not_one() -> None:
    with pytest.raises(NotKept, match="got True, expected 1"):
        expect(True, 1)


def test_an_expected_error_must_come_and_must_tell_the_truth() -> None:
    def fails() -> None:
        raise KeyError("x")

    expect_error(KeyError, fails, args=("x",))
    with pytest.raises(NotKept, match=r"got \('x',\) from KeyError.args, expected \('y',\)"):
        expect_error(KeyError, fails, args=("y",))
    with pytest.raises(NotKept, match=r"got 7 from f\(\), expected KeyError"):
        expect_error(KeyError, lambda: 7, "f()")
    with pytest.raises(KeyError):
        expect_error(ValueError, fails)


def test_check_prints_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    check.check("99.1", sum)
    check.check("99.1", len)
    check.check("99.77", len)
    check.check("nonsense", len)
    assert capsys.readouterr().out == (
        "99.1 done (2 checks)\n"
        "99.1 not yet: two bets: got 2 from pot([10, 20]), expected 30. Hint: Second hint.\n"
        "Not checked: there is no exercise '99.77'; day 99 has: 99.1, 99.2, 99.3\n"
        "Not checked: there is no exercise 'nonsense'; day nonsense has: none\n"
    )


def test_each_call_of_hint_goes_one_further(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check, "_hints_given", type(check._hints_given)())
    for _ in range(4):
        check.hint("99.1")
    last = "Hint 3 of 3 for 99.1: Third hint. That was the last hint; the solved notebook has the answer."
    assert capsys.readouterr().out.splitlines() == [
        "Hint 1 of 3 for 99.1: First hint.",
        "Hint 2 of 3 for 99.1: Second hint.",
        last,
        last,
    ]


def test_a_promise_is_tried_with_the_names_of_the_learner() -> None:
    from eventstore import InMemoryEventStore, VersionConflictError

    class Mine(Exception):
        pass

    Mine.__name__ = "VersionConflictError"

    class Store(InMemoryEventStore):
        def append(self, event: Any) -> Any:
            try:
                return super().append(event)
            except VersionConflictError as error:
                mine = Mine()
                vars(mine).update(vars(error))
                raise mine from None

    from workbook.contract.appending import a_version_that_leaves_a_hole_is_refused
    from workbook.exercise import keeps

    kept = keeps(a_version_that_leaves_a_hole_is_refused, hint=1)
    kept.run(Store, Mine)
    with pytest.raises(Mine):
        kept.run(Store)


def test_a_case_is_named_after_its_function() -> None:
    @case(hint=2)
    def an_empty_table(answer: Any) -> None: ...

    assert (an_empty_table.name, an_empty_table.hint) == ("an empty table", 2)


def test_a_wrong_answer_that_is_out_of_date_is_an_error() -> None:
    assert WrongAnswer(mistake="m", hint=1, change=("a", "b")).cell("return a") == "return b"
    with pytest.raises(ValueError, match="does not hold 'x'"):
        WrongAnswer(mistake="m", hint=1, change=("x", "b")).cell("return a")


def test_an_exercise_is_found_by_its_number() -> None:
    assert find("99.2").number == "99.2"
