"""The commands, as a person types them."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from written_hands import phh


def run(*arguments: str, schema: str | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "poker", *arguments, *(["--schema", schema] if schema else [])]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)


def test_hands_in_and_pots_out(schema: str, tmp_path: Path) -> None:
    (tmp_path / "s [b].phhs").write_text(
        f"[1]\n{phh([100, 80], 'p2 cbr 6, p1 cbr 20, p2 f')}\n[2]\n{phh([100, 80], 'p1 f')}", encoding="utf-8"
    )
    first = run("import", str(tmp_path), schema=schema)
    assert (first.returncode, first.stderr) == (0, "")
    assert "refused: s [b].phhs [2]: action 3 (p1 f)" in first.stdout
    assert "2 hands seen: 1 added (6 events), 0 already there, 1 refused" in first.stdout
    assert run("import", str(tmp_path), "--strict", schema=schema).returncode == 1

    figure = tmp_path / "pots.png"
    answer = run("pots", "--plot", str(figure), schema=schema)
    assert answer.returncode == 0, answer.stderr
    lines = [line.split() for line in answer.stdout.splitlines()]
    assert ["hands", "1"] in lines
    assert ["sum", "12"] in lines
    assert ["median", "6.0", "big", "blinds"] in lines
    assert figure.read_bytes().startswith(b"\x89PNG")


def test_a_long_list_of_refusals_is_cut_and_the_quarantine_has_it_all(schema: str, tmp_path: Path) -> None:
    broken = "".join(f"[{number}]\nx = '\\u001b'\n" for number in range(23))
    (tmp_path / "s.phhs").write_text(broken + f"[23]\n{phh([9, 9], 'p2 f')}", encoding="utf-8")
    listed = run("import", str(tmp_path), schema=schema).stdout.splitlines()
    assert [line.split(":")[0] for line in listed[:20]] == ["refused"] * 20
    assert listed[20:] == [
        "and 3 more: python -m poker quarantine",
        "24 hands seen: 1 added (4 events), 0 already there, 23 refused",
    ]

    plain = run("quarantine", schema=schema).stdout.splitlines()
    assert plain == [line.removeprefix("refused: ") for line in listed[:20]] + plain[20:]
    assert (len(plain), plain[22].startswith("s.phhs [22]: ")) == (23, True)
    as_json = run("quarantine", "--json", "--limit", "2", schema=schema)
    assert as_json.returncode == 0
    first, second = map(json.loads, as_json.stdout.splitlines())
    assert (first["file"], first["section"], second["section"]) == ("s.phhs", "0", "1")
    assert "variant is missing" in first["reason"]
    assert datetime.fromisoformat(first["first_seen_at"]) <= datetime.now(UTC)


def test_an_empty_quarantine_says_so(schema: str) -> None:
    answer = run("quarantine", schema=schema)
    assert (answer.returncode, answer.stdout) == (0, "No hand is in quarantine.\n")
    assert run("quarantine", "--json", schema=schema).stdout == ""


def test_an_empty_store_says_what_to_type(schema: str) -> None:
    answer = run("pots", schema=schema)
    assert answer.returncode == 0
    assert "python -m poker import FOLDER" in answer.stdout


def test_errors_are_one_line_that_names_the_fix(schema: str, tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing"):
        answer = run("import", str(path), schema=schema)
        assert (answer.returncode, answer.stdout) == (2, "")
        assert "name a folder with .phh or .phhs files" in answer.stderr
        assert len(answer.stderr.splitlines()) == 1


def test_a_server_that_is_away_is_said_without_the_password() -> None:
    answer = run("pots", "--url", "postgresql://somebody:secret-word@127.0.0.1:1/x")
    assert answer.returncode == 2
    assert "error: " in answer.stderr
    assert "Traceback" not in answer.stderr
    assert "secret-word" not in answer.stderr + answer.stdout


def test_a_figure_that_cannot_be_written_is_an_error(schema: str, tmp_path: Path) -> None:
    (tmp_path / "one.phh").write_text(phh([100, 80], "p2 f"), encoding="utf-8")
    run("import", str(tmp_path), schema=schema)
    for name in ("missing/pots.png", "pots.xyz"):
        answer = run("pots", "--plot", str(tmp_path / name), schema=schema)
        assert answer.returncode == 2
        assert "Traceback" not in answer.stderr
