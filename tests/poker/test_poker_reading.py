"""PHH files are read hand by hand, and what cannot be read is named."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest
from written_hands import phh

from poker import HandRecord, Refusal, read_hands

HAND = phh([100, 100], "p2 f", hand=7)


def kinds(path: Path) -> list[tuple[str, str | None, type]]:
    return [(item.file, item.section, type(item)) for item in read_hands(path)]


def test_a_folder_is_read_with_its_sub_folders_and_paths_start_there(tmp_path: Path) -> None:
    (tmp_path / "b" / "deep").mkdir(parents=True)
    (tmp_path / "b" / "deep" / "one.phh").write_text(HAND, encoding="utf-8")
    (tmp_path / "a.PHHS").write_text(f"[3]\n{HAND}\n[x]\n{HAND}", encoding="utf-8")
    (tmp_path / "notes.txt").write_text("no hand", encoding="utf-8")
    assert kinds(tmp_path) == [
        ("a.PHHS", "3", HandRecord),
        ("a.PHHS", "x", HandRecord),
        ("b/deep/one.phh", None, HandRecord),
    ]
    assert kinds(tmp_path / "b" / "deep" / "one.phh") == [("one.phh", None, HandRecord)]


def test_numbers_are_exact(tmp_path: Path) -> None:
    (tmp_path / "one.phh").write_text(phh([100.1, "inf"], "p2 f"), encoding="utf-8")
    (item,) = read_hands(tmp_path)
    assert isinstance(item, HandRecord)
    assert [str(stack) for stack in item.raw["starting_stacks"]] == ["100.1", "Infinity"]


def test_a_broken_section_leaves_the_others_alone(tmp_path: Path) -> None:
    text = (
        f"# a session\n[1]\n{HAND}\n[2]\nactions = ['p1 f',\nhand = \n\n[3] # last\r\n{HAND}[4]\nplayers = ['\xe9']\n"
    )
    (tmp_path / "s.phhs").write_bytes(b"\xef\xbb\xbf" + text.encode("latin-1"))
    items = list(read_hands(tmp_path))
    assert [(item.section, type(item)) for item in items] == [
        ("1", HandRecord),
        ("2", Refusal),
        ("3", HandRecord),
        ("4", Refusal),
    ]
    assert "TOML" in str(items[1])
    assert str(items[1]).startswith("s.phhs [2]: ")
    assert "UTF-8" in str(items[3])


def test_a_byte_order_mark_does_not_hide_the_first_hand(tmp_path: Path) -> None:
    (tmp_path / "s.phhs").write_bytes(b"\xef\xbb\xbf[1]\n" + HAND.encode())
    (tmp_path / "t.phh").write_bytes(b"\xef\xbb\xbf" + HAND.encode())
    assert kinds(tmp_path) == [("s.phhs", "1", HandRecord), ("t.phh", None, HandRecord)]


def test_names_of_sections_are_read_as_toml_reads_them(tmp_path: Path) -> None:
    (tmp_path / "s.phhs").write_text(f"[ 'table 1' ]\n{HAND}\n[a.b]\n{HAND}", encoding="utf-8")
    assert [section for _, section, _ in kinds(tmp_path)] == ["table 1", "a.b"]


def test_files_that_were_joined_keep_all_their_hands(tmp_path: Path) -> None:
    (tmp_path / "s.phhs").write_text(f"[1]\n{HAND}\n[1]\n{HAND}", encoding="utf-8")
    assert kinds(tmp_path) == [("s.phhs", "1", HandRecord), ("s.phhs", "1", HandRecord)]


def test_fields_above_the_first_section_belong_to_no_hand(tmp_path: Path) -> None:
    (tmp_path / "s.phhs").write_text(f"{HAND}\n[1]\n{HAND}", encoding="utf-8")
    assert kinds(tmp_path) == [("s.phhs", None, Refusal), ("s.phhs", "1", HandRecord)]


def test_the_sizes_of_all_hands_make_up_the_file(tmp_path: Path) -> None:
    file = tmp_path / "s.phhs"
    file.write_text(f"# above\nx = 1\n[1]\n{HAND}\n[2]\nbroken\n[3]\n{HAND}", encoding="utf-8")
    assert sum(item.size for item in read_hands(file)) == file.stat().st_size


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    file = tmp_path / "long.phhs"
    file.write_text("".join(f"[{number}]\n{HAND}\n" for number in range(6000)), encoding="utf-8")
    tracemalloc.start()
    try:
        assert sum(1 for _ in read_hands(file)) == 6000
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert file.stat().st_size > 1_000_000
    assert peak < 200_000


@pytest.mark.parametrize("name", ["missing", "empty", "empty/notes.txt"])
def test_nothing_to_read_is_an_error_that_says_what_to_do(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "notes.txt").write_text("no hand", encoding="utf-8")
    with pytest.raises(FileNotFoundError, match=r"name a folder with \.phh"):
        list(read_hands(tmp_path / name))
