"""Simulated hands: by the rules, the same everywhere, and played by people with habits."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections import defaultdict
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import pytest
from pokerkit import StandardHighHand
from typer.testing import CliRunner

import poker
from eventstore import InMemoryEventStore, PostgresEventStore
from poker.cli import app
from poker.dealing import BIG_BLIND
from poker.dice import Dice
from poker.habits import HABITS, Habit, Situation, decide
from poker.simulation import RUNS_LOW, as_phh
from poker.strength import DECK, Guess, score


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "poker", "simulate", *arguments]
    return subprocess.run(command, capture_output=True, check=False, env=os.environ | environment)


def as_text(hands: list[dict[str, Any]]) -> str:
    return "".join(as_phh(hand["hand"], hand) for hand in hands)


@pytest.fixture(scope="module")
def hands(request: pytest.FixtureRequest) -> list[dict[str, Any]]:
    # The first evening has some 250 hands. The long run plays into the second one.
    return list(islice(poker.simulate(7), 1_000 if request.config.getoption("--long") else 150))


def test_the_same_seed_gives_the_same_hands_whatever_other_dice_are_thrown(hands: list[dict[str, Any]]) -> None:
    for seed in (1, 2):
        random.seed(seed)
        assert as_text(list(islice(poker.simulate(7), 20))) == as_text(hands[:20])
    assert as_text(list(islice(poker.simulate(8), 20))) != as_text(hands[:20])


def test_the_command_prints_the_same_bytes_whatever_the_order_of_hashes(hands: list[dict[str, Any]]) -> None:
    first = run("--hands", "12", "--seed", "7", PYTHONHASHSEED="1")
    second = run("--hands", "8", "--seed", "7", "--players", "2-9", PYTHONHASHSEED="2")
    assert (first.returncode, first.stderr) == (0, b"")
    assert first.stdout.endswith(as_text(hands[:12]).encode())
    assert first.stdout.startswith(second.stdout)
    assert second.stdout.startswith(b"# ")
    assert b"\r" not in first.stdout


def test_no_hand_is_refused_and_chips_only_move(hands: list[dict[str, Any]], tmp_path: Path) -> None:
    (tmp_path / "simulated.phhs").write_text(as_text(hands), encoding="utf-8")
    store = InMemoryEventStore()
    summary = poker.import_hands(store, tmp_path)
    assert (summary.seen, summary.added, summary.refused) == (len(hands), len(hands), [])
    for hand in hands:
        played = poker.replay(hand)
        assert played.winners
        assert played.payoffs is not None
        assert sum(played.payoffs) == 0


def test_stacks_go_on_and_the_button_moves(hands: list[dict[str, Any]]) -> None:
    tables = defaultdict(list)
    for hand in hands:
        tables[hand["event"], hand["table"]].append(hand)
    bought_in = 0
    for played in tables.values():
        for before, after in pairwise(played):
            assert after["players"] == before["players"][1:] + before["players"][:1]
            assert min(after["starting_stacks"]) >= RUNS_LOW
            payoffs = poker.replay(before).payoffs or ()
            left = [stack + payoff for stack, payoff in zip(before["starting_stacks"], payoffs, strict=True)]
            for kept, stack in zip(left[1:] + left[:1], after["starting_stacks"], strict=True):
                assert stack == kept or kept < RUNS_LOW <= stack
                bought_in += stack != kept
            seconds = _seconds(after) - _seconds(before)
            events = len(poker.hand_events(poker.HandRecord("a.phhs", "1", before, 0)))
            assert events < seconds < 200
    assert bought_in > 0


def _seconds(hand: dict[str, Any]) -> int:
    return hand["time"].hour * 3600 + hand["time"].minute * 60 + hand["time"].second


def test_hands_stand_in_the_order_in_which_they_began(hands: list[dict[str, Any]]) -> None:
    began = [(hand["year"], hand["month"], hand["day"], hand["time"]) for hand in hands]
    assert began == sorted(began)
    assert [hand["hand"] for hand in hands] == list(range(1, len(hands) + 1))


@pytest.mark.parametrize(("fewest", "most"), [(2, 2), (6, 6), (3, 4), (9, 9)])
def test_tables_have_as_many_players_as_asked_for(fewest: int, most: int) -> None:
    sizes = {len(hand["players"]) for hand in islice(poker.simulate(3, fewest, most), 12)}
    assert sizes == set(range(fewest, most + 1))


@pytest.mark.parametrize(("fewest", "most"), [(1, 6), (7, 6), (2, 10)])
def test_a_table_that_cannot_be_is_refused(fewest: int, most: int) -> None:
    with pytest.raises(ValueError, match="use 2 to 9"):
        poker.simulate(1, fewest, most)


def test_simulated_hands_go_into_the_store_once(store: PostgresEventStore, schema: str) -> None:
    arguments = ("--hands", "15", "--players", "4", "--seed", "5", "--store", "--schema", schema)
    first = run(*arguments)
    assert first.returncode == 0, first.stderr
    assert b"15 hands simulated: 15 added" in first.stdout
    assert b"15 hands simulated: 0 added (0 events), 15 already there" in run(*arguments).stdout
    expected = [poker.replay(hand) for hand in islice(poker.simulate(5, 4, 4), 15)]
    frame = poker.pots(store)
    assert frame["pot"].tolist() == [played.pot for played in expected]
    assert frame["players"].tolist() == [4] * 15
    assert set(frame["time_source"]) == {"recorded"}


def test_simulated_hands_go_into_a_file(tmp_path: Path) -> None:
    file = tmp_path / "hands.phhs"
    assert run("--hands", "5", "--players", "3", "--phhs", str(file)).returncode == 0
    assert file.read_bytes() == run("--hands", "5", "--players", "3").stdout


@pytest.mark.parametrize(
    ("arguments", "fix"),
    [
        (["--players", "1-3"], "such as 6"),
        (["--players", "9-2"], "such as 6"),
        (["--players", "many"], "such as 6"),
        (["--hands", "0"], "--hands"),
        (["--store", "--phhs", "x.phhs"], "do not go together"),
        (["--phhs", "missing/x.phhs"], "missing/x.phhs"),
    ],
)
def test_errors_name_the_fix(arguments: list[str], fix: str) -> None:
    done = CliRunner().invoke(app, ["simulate", *arguments])
    assert (done.exit_code, done.stdout) == (2, "")
    assert fix in done.stderr


def test_players_tell_the_better_hand_as_the_rules_do(request: pytest.FixtureRequest) -> None:
    choice = random.Random(4)
    for _ in range(3_000 if request.config.getoption("--long") else 300):
        # A short deck makes for more straights, flushes and full houses.
        deck = choice.sample(choice.choice([DECK, [card for card in DECK if card[0] in "2345A"]]), 9)
        board, first, second = deck[: choice.choice([3, 4, 5])], deck[5:7], deck[7:]
        mine, theirs = (StandardHighHand.from_game("".join(hole), "".join(board)) for hole in (first, second))
        ours = score([*first, *board]), score([*second, *board])
        assert (ours[0] > ours[1], ours[0] == ours[1]) == (mine > theirs, mine == theirs), (first, second, board)


def test_strength_is_the_share_of_worse_hands() -> None:
    guess = Guess(["Ah", "Kh", "Qh"], Dice("a"))
    assert guess.strength(["Jh", "Th"]) > 95  # somebody may have imagined this very hand
    assert guess.strength(["2c", "3d"]) < 10
    assert Guess([], Dice("a")).strength(["As", "Ac"]) > 90


def situation(**facts: Any) -> Situation:
    usual: dict[str, Any] = {
        "strength": 50,
        "board": True,
        "to_call": 50,
        "pot": 150,
        "highest_bet": 50,
        "raises": 1,
        "limits": (100, 1_000),
        "step": 5,
    }
    return Situation(**(usual | facts))


@pytest.mark.parametrize("habit", HABITS, ids=lambda habit: habit.name)
def test_every_habit_bets_the_best_hand_and_never_folds_for_nothing(habit: Habit) -> None:
    dice = Dice(habit.name)
    assert decide(habit, situation(strength=100), dice).startswith("cbr ")
    assert decide(habit, situation(strength=100, limits=None), dice) == "cc"
    assert decide(habit, situation(strength=0, to_call=0, raises=2), dice) == "cc"
    assert decide(habit, situation(strength=0, raises=2), dice) == "f"


def test_bets_stay_within_the_limits() -> None:
    maniac = next(habit for habit in HABITS if habit.name == "maniac")
    dice = Dice("x")
    for limits, amount in {(100, 1_000): 230, (300, 1_000): 300, (100, 340): 340}.items():
        # Nine tenths of the pot after the call, 200, on top of the 50 that are to be called.
        assert decide(maniac, situation(strength=100, limits=limits), dice) == f"cbr {amount}"


def test_blinds_are_the_same_at_every_table(hands: list[dict[str, Any]]) -> None:
    assert {poker.replay(hand).big_blind for hand in hands} == {BIG_BLIND}
