"""The list of a class as spreadsheets save it, and the file with everybody's address."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest

from workbook.roster import RosterError, read_names, read_passwords, role_name, write_addresses


def saved(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "names of the class.csv"
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("Anna Berg", "learner_anna_berg"),
        ("Jürgen Groß", "learner_juergen_gross"),
        ("Ju\u0308rgen Groß", "learner_juergen_gross"),
        ("José Núñez", "learner_jose_nunez"),
        ("Søren Łoś", "learner_soeren_los"),
        ("O'Brien, Pat", "learner_obrien_pat"),
        ("D\u2019Arc", "learner_darc"),
        ("postgres", "learner_postgres"),
        ("Robert'); DROP TABLE students;--", "learner_robert_drop_table_students"),
    ],
)
def test_a_role_can_be_read(name: str, role: str) -> None:
    assert role_name(name) == role


def test_names_that_need_other_letters_or_are_long_stay_apart() -> None:
    names = ["李娜", "李明", "Ли Na", "Ван Na", "A" * 60, "A" * 61]
    roles = [role_name(name) for name in names]
    assert len(set(roles)) == len(names)
    assert all(len(role) <= 63 and role.isascii() for role in roles)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_lists_are_read_as_spreadsheets_save_them(tmp_path: Path, encoding: str, separator: str, ending: str) -> None:
    lines = ["Group,Name ", "a, Jörg  Maß", "b,Zoë", ",", "a,李娜"]
    text = "".join(line.replace(",", separator) + ending for line in lines)
    learners = read_names(saved(tmp_path, text, encoding))
    assert [(learner.name, learner.row["Group"]) for learner in learners] == [
        ("Jörg Maß", "a"),
        ("Zoë", "b"),
        ("李娜", "a"),
    ]


def test_one_column_is_enough_and_the_class_may_be_large(tmp_path: Path) -> None:
    names = [f"Learner {place}" for place in range(1, 42)]
    assert [learner.name for learner in read_names(saved(tmp_path, "\n".join(["name", *names])))] == names


def test_everything_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    text = "name,group\nAnna,a\n,a\nAnna,b\nanna,b\n...,b\nBe\x07n,b\n"
    with pytest.raises(RosterError) as caught:
        read_names(saved(tmp_path, text))
    problems = str(caught.value).splitlines()[1:]
    assert [problem.split(":")[0] for problem in problems] == ["line 3", "line 4", "line 5", "line 6", "line 7"]
    for problem, words in zip(
        problems, ["empty", "twice, see line 2", "too much like 'Anna'", "no letter", "cannot be printed"], strict=True
    ):
        assert words in problem


@pytest.mark.parametrize(
    ("text", "encoding", "words"),
    [
        ("", "utf-8", "holds no names"),
        ("name\n", "utf-8", "holds no names"),
        ("first,last\nAnna,Berg\n", "utf-8", "one column name; it has first, last"),
        ("name,Name\nAnna,Berg\n", "utf-8", "one column name"),
        ("name,group\nBerg, Anna, a\n", "utf-8", "line 2: more fields than columns"),
        ("name\nJürgen\n", "latin-1", "CSV UTF-8"),
    ],
)
def test_a_file_that_is_no_list_is_refused(tmp_path: Path, text: str, encoding: str, words: str) -> None:
    with pytest.raises(RosterError, match=words):
        read_names(saved(tmp_path, text, encoding))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('name\nAnna\n"Ben Ode\nCaro\n', "line 3: a quotation mark has no partner"),
        ('name,group\nAnna,"a\nBen,b\nCaro,c\n', "line 2: a quotation mark has no partner"),
        ('name\r\nAnna\r\n"Ben Ode\r\n"Caro\r\n', "the name 'Ben Ode Caro' goes over several lines"),
    ],
)
def test_an_open_quotation_mark_does_not_swallow_the_class(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(RosterError, match=words):
        read_names(saved(tmp_path, text))


def test_quotation_marks_in_their_place_are_read(tmp_path: Path) -> None:
    text = 'name,note\n"Berg, Anna","two\nlines"\n"Bob" Smith,5" screen\nRobert "Rob" Ode,\n'
    learners = read_names(saved(tmp_path, text))
    assert [learner.name for learner in learners] == ["Berg, Anna", "Bob Smith", 'Robert "Rob" Ode']
    assert learners[0].row["note"] == "two\nlines"


def test_a_missing_file_is_a_short_error(tmp_path: Path) -> None:
    with pytest.raises(RosterError, match=r"nowhere\.csv cannot be read"):
        read_names(tmp_path / "nowhere.csv")


def test_the_addresses_keep_all_columns_and_those_who_came_earlier(tmp_path: Path) -> None:
    out = tmp_path / "classroom.csv"
    monday = read_names(saved(tmp_path, 'group;name\na;"Bergström; Åsa"\na;Ben\n'))
    write_addresses(out, monday, {one.role: f"postgresql://{one.role}:monday@host:5432/{one.role}" for one in monday})
    late = read_names(saved(tmp_path, "name,mail\nBen,b@example.org\nCaro,c@example.org\n"))
    write_addresses(out, late, {one.role: f"postgresql://{one.role}:late@host:5432/{one.role}" for one in late})
    with out.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["name"], row["group"], row["mail"]) for row in rows] == [
        ("Bergström; Åsa", "a", ""),
        ("Ben", "", "b@example.org"),
        ("Caro", "", "c@example.org"),
    ]
    assert read_passwords(out) == {
        "learner_bergstroem_aasa": "monday",
        "learner_ben": "late",
        "learner_caro": "late",
    }


@pytest.mark.skipif(os.name == "nt", reason="Windows gives a file the rights of its folder")
def test_nobody_else_can_read_the_addresses(tmp_path: Path) -> None:
    out = tmp_path / "classroom.csv"
    out.touch(mode=0o644)
    learners = read_names(saved(tmp_path, "name\nAnna\n"))
    write_addresses(out, learners, {"learner_anna": "postgresql://learner_anna:p@host:5432/learner_anna"})
    assert out.stat().st_mode & 0o777 == 0o600


def test_a_place_where_nothing_can_be_written_is_a_short_error(tmp_path: Path) -> None:
    learners = read_names(saved(tmp_path, "name\nAnna\n"))
    with pytest.raises(RosterError, match=r"classroom\.csv cannot be written"):
        write_addresses(tmp_path / "nowhere" / "classroom.csv", learners, {"learner_anna": "postgresql://x"})


def test_a_file_of_somebody_else_is_not_written_over(tmp_path: Path) -> None:
    names = saved(tmp_path, "name\nAnna\n")
    with pytest.raises(RosterError, match="--out"):
        write_addresses(names, read_names(names), {"learner_anna": "postgresql://x"})
    assert names.read_text(encoding="utf-8") == "name\nAnna\n"
